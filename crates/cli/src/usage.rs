//! A command line that cannot be understood, told as every other mistake is.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use crate::{Cli, Failure};

impl Cli {
    /// Read the words of a command line, the first being the program's name. Help and version are
    /// printed here, and end the process.
    ///
    /// # Errors
    /// What cannot be understood, in one sentence, with the most similar name there is.
    pub fn from_words(words: &[OsString]) -> Result<Self, Failure> {
        Self::try_parse_from(words).map_err(|error| {
            use ErrorKind::{
                DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand as NothingSaid, DisplayVersion,
            };
            if matches!(error.kind(), DisplayHelp | DisplayVersion | NothingSaid) {
                error.exit();
            }
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            mistake(&error, words.iter().map(AsRef::as_ref))
        })
    }
}

fn mistake<'a>(error: &clap::Error, words: impl Iterator<Item = &'a str>) -> Failure {
    let suggested =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let nearest = suggested.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(name) => Some(name),
        ContextValue::Strings(names) => names.first(),
        _ => None,
    });
    let help = format!("`{} --help` tells what can be said", command(words));
    let hint = nearest.map_or_else(|| help.clone(), |name| format!("did you mean `{name}`? {help}"));
    Failure::user(sentence(&error.render().to_string()), hint)
}

/// The first paragraph of what clap says, in one line.
fn sentence(said: &str) -> String {
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let mut lines = said.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let first = lines.next().unwrap_or_default();
    let rest = lines.collect::<Vec<_>>().join(", ");
    if rest.is_empty() { first.to_owned() } else { format!("{first} {rest}") }
}

/// The command that was meant, as far as it is known: `redyn data show`.
fn command<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut place = Cli::command();
    let mut path = "redyn".to_owned();
    for word in words.skip(1) {
        if let Some(inner) = place.find_subcommand(word).cloned() {
            path = format!("{path} {word}");
            place = inner;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_one_sentence_that_names_it() {
        let said = |words: &[&str]| sentence(&Cli::try_parse_from(words).unwrap_err().render().to_string());
        assert_eq!(said(&["redyn", "trian"]), "unrecognized subcommand 'trian'");
        assert_eq!(
            said(&["redyn", "train"]),
            "the following required arguments were not provided: --data <DATA>, --out <OUT>, <MODEL>"
        );
        assert_eq!(
            said(&["redyn", "export", "a.zarr", "--npz", "b.npz", "--spatial", "flat"]),
            "invalid value 'flat' for '--spatial <SPATIAL>' [possible values: average, flatten]"
        );
    }

    #[test]
    fn help_is_offered_for_the_command_that_was_meant() {
        assert_eq!(command(["redyn", "--threads", "2", "data", "shwo", "x"].into_iter()), "redyn data");
        assert_eq!(command(["redyn", "data", "show"].into_iter()), "redyn data show");
    }
}
