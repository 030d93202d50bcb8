//! `redyn unroll`.

use redyn_engine::Cpu;
use redyn_network::{Effect, Intervention};

use super::{command_line, open_data_for, print_path};
use crate::args::UnrollArgs;
use crate::console::Console;
use crate::{Failure, Trained, UnrollOptions, Unrolled, unroll};

pub(super) fn run(args: &UnrollArgs, console: &Console) -> Result<(), Failure> {
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
    follow(&trained, &data, &args.out, &options, console)?;
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

/// Unroll under a bar; an interrupted store says how to go on.
pub(crate) fn follow(
    trained: &Trained,
    data: &redyn_stimuli::DataSet,
    out: &std::path::Path,
    options: &UnrollOptions,
    console: &Console,
) -> Result<(), Failure> {
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
    let ended = unroll(&Cpu::default(), trained, data, out, options, &console.stop, &mut watch);
    bar.finish_and_clear();
    match ended? {
        Unrolled::Complete => Ok(()),
        Unrolled::Stopped => Err(Failure::stopped("the store is kept: the same command continues it")),
    }
}
