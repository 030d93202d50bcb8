//! The command line.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match redyn::run(redyn::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
