//! `redyn train`.

use redyn_burn::{Job, Kind, run_on};
use redyn_engine::Engine;
use redyn_network::Keeping;
use redyn_stimuli::DataSet;
use redyn_train::{Augment, Ending, Progress, Recipe, Setting, Trainer};
use redyn_zoo::{Network, build, build_for};

use super::{open_data_for, print_path};
use crate::Failure;
use crate::args::TrainArgs;
use crate::console::Console;

/// Images of a part on the native engine: more are not faster.
const PART: usize = 32;

pub(super) fn run(args: &TrainArgs, console: &Console) -> Result<(), Failure> {
    let (device, precision) = args.computing.read()?;
    let network = build(&args.model)?;
    let mut data = open_data_for(&network.card, &args.data, &args.reading, console)?;
    data.keep_in_memory(args.memory);
    let network = build_for(&args.model, data.classes.len())?;
    let recipe = Recipe {
        epochs: args.epochs,
        batch: args.batch,
        part: args.part.unwrap_or(if device.kind == Kind::Cpu { PART } else { args.batch }),
        learning_rate: args.learning_rate,
        final_rate: args.final_rate,
        steps: args.steps.unwrap_or(network.card.steps),
        loss: args.loss.clone(),
        augmentation: if args.no_augmentation { Augment::None } else { Augment::TrivialAugmentWide },
        seed: args.seed,
        keep_every: args.keep_every,
    };
    let setting = Setting {
        folder: &args.out,
        data: args.data.clone(),
        command: console.command.clone(),
        memory: args.memory,
        keeping: if args.recompute { Keeping::Drives } else { Keeping::All },
    };
    let training = Training { network: &network, data: &data, recipe, setting, resume: args.resume, console };
    run_on(device, precision, training)??;
    print_path(&args.out.join("weights.safetensors"))
}

/// A run to begin or to resume, on whichever engine.
struct Training<'a> {
    network: &'a Network,
    data: &'a DataSet,
    recipe: Recipe,
    setting: Setting<'a>,
    resume: bool,
    console: &'a Console,
}

impl Job for Training<'_> {
    type Output = Result<(), Failure>;

    fn run<E: Engine>(self, engine: &E) -> Result<(), Failure> {
        let Self { network, data, recipe, setting, console, .. } = self;
        let trainer = if self.resume {
            Trainer::resume(engine, network, data, recipe, &setting)?
        } else {
            Trainer::begin(engine, network, data, recipe, &setting)?
        };
        console.say(format!(
            "training {} on {} ({} classes, {} images)",
            network.spec,
            data.name,
            data.classes.len(),
            data.split("train")?.len()
        ));
        let resume = "the run is saved: the same command with --resume continues it";
        follow(trainer, network, console, resume)
    }
}

/// Train to the end under a bar; `resume` tells how to go on with a run that was stopped.
pub(crate) fn follow<E: Engine>(
    mut trainer: Trainer<E>,
    network: &Network,
    console: &Console,
    resume: &str,
) -> Result<(), Failure> {
    let mut bar = None;
    let ending = trainer.run(&console.stop, &mut |progress| {
        let bar = bar.get_or_insert_with(|| {
            let bar = console.bar(&network.card.short, progress.epochs * progress.batches);
            bar.set_position((progress.epoch * progress.batches + progress.batch) as u64);
            bar.reset_eta();
            bar
        });
        bar.set_position((progress.epoch * progress.batches + progress.batch) as u64);
        bar.set_message(message(progress));
        if let Some(rows) = &progress.finished {
            let validated: Vec<String> = rows
                .iter()
                .filter(|row| row.split != "train")
                .map(|row| format!("{:.0}", 100.0 * row.accuracy))
                .collect();
            if !validated.is_empty() && progress.epoch + 1 == progress.epochs {
                bar.suspend(|| {
                    console.say(format!(
                        "{}: validation accuracy at t=0...{}: {} %",
                        network.card.short,
                        validated.len() - 1,
                        validated.join(" ")
                    ));
                });
            }
        }
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let skipped = trainer.skipped_updates();
    if skipped > 0 {
        console.say(format!("note: {skipped} batches updated nothing, as gradients overflowed f16"));
    }
    match ending {
        Ending::Finished => Ok(()),
        Ending::Stopped => Err(Failure::stopped(resume)),
    }
}

fn message(progress: &Progress) -> String {
    let percent = |accuracy: Option<&f64>| accuracy.map_or(0.0, |accuracy| 100.0 * accuracy);
    format!(
        "epoch {}/{} loss {:.3} accuracy t=0 {:.0} % last {:.0} %",
        progress.epoch + 1,
        progress.epochs,
        progress.loss / progress.accuracy.len().max(1) as f64,
        percent(progress.accuracy.first()),
        percent(progress.accuracy.last())
    )
}
