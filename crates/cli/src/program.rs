//! The program, whoever starts it: a shell, or another language's launcher.

use std::ffi::OsString;

use crate::{Cli, run};

/// Do what the words of a command line say, the first being the program's name, and give the exit
/// status. Results, help and mistakes are printed here; asked for help, this ends the process.
pub fn main_with(words: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<OsString> = words.into_iter().collect();
    let said = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match Cli::from_words(&words).and_then(|cli| run(cli, said)) {
        Ok(()) => 0,
        Err(failure) => failure.report(),
    }
}
