//! redyn against what a user would pick instead, on one machine in one run.
//!
//! ```text
//! cargo run --release -p redyn-benches -- network
//! ```
//!
//! Ours and the peer's are timed in turn, round after round, so that whatever else the machine
//! does meets both; before anything is timed, both must give the same numbers. The peer is
//! PyTorch or NumPy in a Python process (`benches/peer`), with the interpreter named by
//! `REDYN_BENCH_PYTHON` (default `python3`). What was measured, on what, is printed and written
//! as JSON under `benches/runs`.

mod analyses;
mod args;
mod child;
mod data;
mod failure;
mod machine;
mod measure;
mod network;
mod ours;
mod peer;
mod rdm;
mod record;
mod synthetic;

use std::process::ExitCode;

use clap::Parser;
use redyn_core::Diagnose;

use crate::args::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Inside the pool of threads, as the command line works.
    match rayon::scope(|_| run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(hint) = failure.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Network(options) => network::run(&options),
        Command::Catalogue(options) => network::run_catalogue(&options),
        Command::Analyses(options) => analyses::run(&options),
        Command::Data(options) => data::run(&options),
        Command::Rdm(options) => rdm::run(&options),
        Command::Child { task } => child::carry_out(&task),
    }
}
