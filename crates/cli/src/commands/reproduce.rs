//! `redyn reproduce`.

use crate::Failure;
use crate::args::ReproduceArgs;
use crate::console::{Console, stdout};
use crate::reproductions::{REPRODUCTIONS, find};

pub(super) fn run(args: &ReproduceArgs, console: &Console) -> Result<(), Failure> {
    match &args.name {
        Some(name) => (find(name)?.run)(args, console),
        None => stdout(|out| {
            REPRODUCTIONS.iter().try_for_each(|entry| {
                writeln!(out, "{:<12} {}\n{:<12} {}", entry.name, entry.summary, "", entry.citation)
            })
        }),
    }
}
