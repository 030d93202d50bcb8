//! `redyn stability`.

use std::path::Path;

use redyn_analysis::krylov::Precision;
use redyn_engine::Cpu;
use redyn_stimuli::DataSet;

use super::print_path;
use super::subject::Subject;
use crate::args::StabilityArgs;
use crate::console::Console;
use crate::{Failure, StabilityOptions, Trained, stability};

pub(super) fn run(args: &StabilityArgs, console: &Console) -> Result<(), Failure> {
    if args.vectors == 0 || args.tolerance.is_nan() || args.tolerance <= 0.0 {
        return Err(Failure::user(
            format!("{} vectors, tolerance {}", args.vectors, args.tolerance),
            "both must be above 0, for example --vectors 40 --tolerance 0.001",
        ));
    }
    let Subject { trained, data, interventions, .. } = Subject::open(&args.subject, "look at", console)?;
    let options = StabilityOptions {
        split: args.subject.split.clone(),
        limit: Some(args.limit),
        steps: args.steps.unwrap_or(trained.network.card.steps),
        interventions,
        precision: Precision { vectors: args.vectors, tolerance: args.tolerance, seed: args.seed },
        memory: args.memory,
        command: console.command.clone(),
    };
    along_trajectories(&trained, &data, &args.out, &options, console)?;
    print_path(&args.out)
}

/// Compute Jacobians behind a progress bar.
pub(crate) fn along_trajectories(
    trained: &Trained,
    data: &DataSet,
    out: &Path,
    options: &StabilityOptions,
    console: &Console,
) -> Result<(), Failure> {
    let bar = console.bar(&format!("stability {}", trained.network.card.short), 0);
    let mut watch = super::progress(&bar);
    let ended = stability(&Cpu::default(), trained, data, out, options, &console.stop, &mut watch);
    bar.finish_and_clear();
    if ended? { Ok(()) } else { Err(Failure::stopped("what is done is kept: the same command continues it")) }
}
