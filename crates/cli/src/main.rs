//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(redyn::main_with(std::env::args_os()))
}
