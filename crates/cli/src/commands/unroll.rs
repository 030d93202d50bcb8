//! `redyn unroll`.

use std::path::Path;

use redyn_burn::{Job, run_on};
use redyn_core::Shard;
use redyn_engine::Engine;
use redyn_stimuli::DataSet;

use super::print_path;
use super::subject::Subject;
use crate::args::UnrollArgs;
use crate::console::{Console, stdout};
use crate::undivided::undivided;
use crate::{Failure, Forecast, Trained, UnrollError, UnrollOptions, Unrolled, forecast, unroll};

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
        shard: args.shard.unwrap_or(Shard::WHOLE),
        memory: args.memory,
        data: named,
        command: undivided(&console.command),
    };
    if args.dry_run {
        let forecasting = Forecasting { trained: &trained, data: &data, options: &options };
        let forecast = run_on(device, precision, forecasting)??;
        return stdout(|out| writeln!(out, "{forecast}"));
    }
    let unrolling = Unrolling { trained: &trained, data: &data, out: &args.out, options: &options, console };
    run_on(device, precision, unrolling)??;
    if !options.shard.is_whole() {
        console.say(format!("once all parts are there: redyn merge {}", args.out.display()));
    }
    print_path(&args.out)
}

/// What a recording will take, on whichever engine.
struct Forecasting<'a> {
    trained: &'a Trained,
    data: &'a DataSet,
    options: &'a UnrollOptions,
}

impl Job for Forecasting<'_> {
    type Output = Result<Forecast, UnrollError>;

    fn run<E: Engine>(self, engine: &E) -> Result<Forecast, UnrollError> {
        forecast(engine, self.trained, self.data, self.options)
    }
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
