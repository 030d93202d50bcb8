//! `redyn unroll`.

use std::path::Path;

use redyn_burn::{Job, run_on};
use redyn_engine::Engine;
use redyn_stimuli::DataSet;

use super::print_path;
use super::subject::Subject;
use crate::args::UnrollArgs;
use crate::console::Console;
use crate::{Failure, Trained, UnrollOptions, Unrolled, unroll};

pub(super) fn run(args: &UnrollArgs, console: &Console) -> Result<(), Failure> {
    let (device, precision) = args.computing.read()?;
    let Subject { trained, named, data, interventions } = Subject::open(&args.subject, "unroll on", console)?;
    let options = UnrollOptions {
        name: args.name.clone(),
        split: args.subject.split.clone(),
        limit: args.limit,
        steps: args.steps.unwrap_or(trained.network.card.steps),
        areas: args.areas.clone(),
        interventions,
        memory: args.memory,
        data: named,
        command: console.command.clone(),
    };
    let unrolling = Unrolling { trained: &trained, data: &data, out: &args.out, options: &options, console };
    run_on(device, precision, unrolling)??;
    print_path(&args.out)
}

/// A store to write or to continue, on whichever engine, under a bar; one that is interrupted says how
/// to go on.
pub(crate) struct Unrolling<'a> {
    pub(crate) trained: &'a Trained,
    pub(crate) data: &'a DataSet,
    pub(crate) out: &'a Path,
    pub(crate) options: &'a UnrollOptions,
    pub(crate) console: &'a Console,
}

impl Job for Unrolling<'_> {
    type Output = Result<(), Failure>;

    fn run<E: Engine>(self, engine: &E) -> Result<(), Failure> {
        let Self { trained, data, out, options, console } = self;
        let bar = console.bar(&format!("unroll {}", trained.network.card.short), 0);
        let mut watch = super::progress(&bar);
        let ended = unroll(engine, trained, data, out, options, &console.stop, &mut watch);
        bar.finish_and_clear();
        match ended? {
            Unrolled::Complete => Ok(()),
            Unrolled::Stopped => Err(Failure::stopped("the store is kept: the same command continues it")),
        }
    }
}
