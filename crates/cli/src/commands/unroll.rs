//! `redyn unroll`.

use std::path::Path;

use redyn_burn::{Job, run_on};
use redyn_engine::Engine;
use redyn_network::{Effect, Intervention};
use redyn_stimuli::DataSet;

use super::{command_line, open_data_for, print_path};
use crate::args::UnrollArgs;
use crate::console::Console;
use crate::{Failure, Trained, UnrollOptions, Unrolled, unroll};

pub(super) fn run(args: &UnrollArgs, console: &Console) -> Result<(), Failure> {
    let (device, precision) = args.computing.read()?;
    let trained = Trained::open(&args.weights, args.epoch, args.model.as_deref())?;
    let data = args.data.clone().or_else(|| trained.data.clone());
    let data_name =
        data.ok_or_else(|| Failure::user("nothing says which images to unroll on", "name them with --data"))?;
    let data = open_data_for(&trained.network.card, &data_name, &args.reading, console)?;
    let interventions = interventions(&args.cut, &args.scale)?;
    let options = UnrollOptions {
        name: args.name.clone(),
        split: args.split.clone(),
        limit: args.limit,
        steps: args.steps.unwrap_or(trained.network.card.steps),
        areas: args.areas.clone(),
        interventions,
        memory: args.memory,
        data: data_name,
        command: command_line(),
    };
    let unrolling = Unrolling { trained: &trained, data: &data, out: &args.out, options: &options, console };
    run_on(device, precision, unrolling)??;
    print_path(&args.out)
}

/// Cut and scaled edges together, each said as it should be.
pub(super) fn interventions(
    cut: &[Intervention],
    scale: &[Intervention],
) -> Result<Vec<Intervention>, Failure> {
    let mut interventions = cut.to_vec();
    if let Some(cut) = interventions.iter().find(|cut| cut.effect != Effect::Cut) {
        return Err(Failure::user(format!("--cut {} has a factor", cut.edge), "scale an edge with --scale"));
    }
    if let Some(scaled) = scale.iter().find(|scaled| scaled.effect == Effect::Cut) {
        return Err(Failure::user(
            format!("--scale {} has no factor", scaled.edge),
            "write EDGE=FACTOR, for example v4.lateral=0.5@3..",
        ));
    }
    interventions.extend(scale.iter().cloned());
    Ok(interventions)
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
        let mut begun = false;
        let mut watch = |done: usize, of: usize| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
            if !begun {
                bar.reset_eta();
                begun = true;
            }
        };
        let ended = unroll(engine, trained, data, out, options, &console.stop, &mut watch);
        bar.finish_and_clear();
        match ended? {
            Unrolled::Complete => Ok(()),
            Unrolled::Stopped => Err(Failure::stopped("the store is kept: the same command continues it")),
        }
    }
}
