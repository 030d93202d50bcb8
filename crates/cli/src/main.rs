//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    match redyn::Cli::from_command_line().and_then(redyn::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
