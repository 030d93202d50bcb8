//! Thorat, Doerig & Kietzmann (2023): how representations change over time in recurrent networks.
//!
//! Four recurrent networks, lateral or top-down, additive or multiplicative; beside them two
//! feedforward networks, and one with a bias in its readout. All are trained alike and recorded
//! before and after, far beyond the steps of training, and with their recurrence cut off.

use std::path::PathBuf;

use redyn_analysis::{Options, Selection};
use redyn_core::Kind;
use redyn_network::{Effect, Intervention};
use redyn_store::Spatial;
use redyn_train::{Augment, Recipe};
use redyn_zoo::{Network, build_for};

use super::Reproduction;
use crate::args::ReproduceArgs;
use crate::commands::{How, analyze, open_data, report};
use crate::console::Console;
use crate::study::{Estimate, Load, Recording, Study};
use crate::{Failure, Trained};

pub(super) const REPRODUCTION: Reproduction = Reproduction {
    name: "thorat2023",
    summary: "representation dynamics of four BLT networks, with their controls",
    citation: "Thorat, Doerig & Kietzmann (2023), Characterising representation dynamics in recurrent neural \
               networks for object recognition, arXiv:2308.12435",
    run,
};

/// A network of the study.
struct Member {
    /// Name of its runs.
    name: &'static str,
    /// Family of the zoo, but for BLT networks, which have one for each size of images.
    family: Option<&'static str>,
    settings: &'static str,
    part: Part,
}

/// The part a network plays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// One of the four.
    Recurrent,
    /// Feedforward, to compare with.
    Control,
    /// With a bias in its readout.
    Bias,
}

const MEMBERS: [Member; 6] = [
    blt("LA", "lateral=1,top_down=0,interaction=additive", Part::Recurrent),
    blt("TA", "lateral=0,top_down=1,interaction=additive", Part::Recurrent),
    blt("LM", "lateral=1,top_down=0,interaction=multiplicative", Part::Recurrent),
    blt("TM", "lateral=0,top_down=1,interaction=multiplicative", Part::Recurrent),
    blt("BNet", "lateral=0,top_down=0", Part::Control),
    blt("LA-bias", "lateral=1,top_down=0,interaction=additive,classifier_bias=1", Part::Bias),
];

const fn blt(name: &'static str, settings: &'static str, part: Part) -> Member {
    Member { name, family: None, settings, part }
}

/// Steps of the long recordings, as in figure 7.
const LONG: usize = 80;
/// Steps from which recurrence is cut.
const CUT_FROM: [usize; 3] = [1, 2, 4];

/// Everything that can be chosen about the study.
struct Scale {
    width: f64,
    image_size: Option<usize>,
    recipe: Recipe,
    /// Steps that are recorded.
    recorded: usize,
    /// Images of the long recordings.
    long_images: usize,
    seeds: u64,
}

impl Scale {
    /// As published.
    fn published() -> Self {
        let recipe = Recipe::default();
        let recorded = recipe.steps;
        Self { width: 1.0, image_size: None, recipe, recorded, long_images: 1000, seeds: 2 }
    }

    /// Minutes on two cores.
    fn quick() -> Self {
        Self {
            width: 0.125,
            image_size: Some(32),
            recipe: crate::commands::demo::recipe(),
            recorded: crate::commands::demo::RECORDED,
            long_images: 200,
            seeds: 2,
        }
    }

    fn of(args: &ReproduceArgs) -> Self {
        let mut scale = if args.quick { Self::quick() } else { Self::published() };
        let recipe = &mut scale.recipe;
        let numbers = [
            (&mut recipe.epochs, args.epochs),
            (&mut recipe.batch, args.batch),
            (&mut recipe.part, args.part),
        ];
        for (number, chosen) in numbers {
            *number = chosen.unwrap_or(*number);
        }
        if let Some(steps) = args.steps {
            (recipe.steps, scale.recorded) = (steps, steps);
        }
        recipe.part = recipe.part.min(recipe.batch);
        recipe.learning_rate = args.learning_rate.unwrap_or(recipe.learning_rate);
        recipe.final_rate = args.final_rate.unwrap_or(recipe.final_rate);
        if args.no_augmentation {
            recipe.augmentation = Augment::None;
        }
        scale.width = args.width.unwrap_or(scale.width);
        scale.image_size = args.image_size.or(scale.image_size);
        scale.seeds = args.seeds.unwrap_or(scale.seeds);
        scale
    }
}

/// A run, and what is recorded of it.
struct Job {
    name: String,
    part: Part,
    network: Network,
    recipe: Recipe,
    recordings: Vec<(Weights, Recording)>,
}

/// Which weights of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weights {
    Trained,
    Untrained,
    /// Trained with a bias in the readout, which is then taken away.
    WithoutBias,
}

fn run(args: &ReproduceArgs, console: &Console) -> Result<(), Failure> {
    let scale = Scale::of(args);
    let study = open(args, &scale, console)?;
    let splits = Splits::of(&study)?;
    let mut jobs = Vec::new();
    for seed in 1..=scale.seeds {
        for member in &MEMBERS {
            jobs.push(job(member, seed, &scale, &splits, &study)?);
        }
    }
    let estimate = estimate(&jobs, &splits, &study, scale.seeds)?;
    console.say(format!(
        "{} networks on {}, seeds 1 to {}: {estimate} (estimated)",
        MEMBERS.len(),
        study.data.name,
        scale.seeds
    ));
    if args.dry_run {
        return Ok(());
    }
    for job in &jobs {
        study.train(&job.name, &job.network, &job.recipe, console)?;
        for (weights, recording) in &job.recordings {
            let trained = opened(*weights, &study.run(&job.name))?;
            study.record(&trained, recording, console)?;
        }
    }
    let page = told(&jobs, &study, console)?;
    console.say(format!("done; open {}", page.display()));
    Ok(())
}

fn open(args: &ReproduceArgs, scale: &Scale, console: &Console) -> Result<Study, Failure> {
    let named = match (&args.data, args.quick) {
        (Some(data), _) => data.clone(),
        (None, true) => crate::commands::demo::stimuli(1),
        (None, false) => {
            return Err(Failure::user(
                "nothing says which images to reproduce the study on",
                "name them with --data, or try --quick on built-in stimuli first",
            ));
        }
    };
    let mut data = open_data(&named, scale.image_size, &args.reading, console)?;
    data.keep_in_memory(args.memory);
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("redyn-thorat2023"));
    Ok(Study { out, data, named, memory: args.memory })
}

/// The splits that are recorded, as published: the larger test set, and for the long recordings
/// the smaller one.
struct Splits {
    recorded: String,
    long: String,
}

impl Splits {
    fn of(study: &Study) -> Result<Self, Failure> {
        let first = |names: [&str; 3]| {
            let there = |name: &&str| study.data.split_names().any(|split| split == *name);
            names.into_iter().find(there).map(str::to_owned)
        };
        let found =
            first(["testplus", "test", "val"]).zip(first(["test", "testplus", "val"])).ok_or_else(|| {
                Failure::user(
                    format!("{} has no split to test on", study.data.name),
                    "name a split of the images `test`",
                )
            })?;
        Ok(Self { recorded: found.0, long: found.1 })
    }
}

fn job(member: &Member, seed: u64, scale: &Scale, splits: &Splits, study: &Study) -> Result<Job, Failure> {
    let size = study.data.image_size;
    let family = member.family.unwrap_or(if size == 128 { "blt128" } else { "blt64" });
    let settings = format!("{},width={},image_size={size}", member.settings, scale.width);
    let network = build_for(&format!("{family}:{settings}"), study.data.classes.len())?;
    let recurrent = member.part != Part::Control;
    let steps = |wanted: usize| if recurrent { wanted } else { 1 };
    let recipe = Recipe { seed, steps: steps(scale.recipe.steps), ..scale.recipe.clone() };
    let name = format!("{}-{seed}", member.name);
    let legend = if seed == 1 { member.name.to_owned() } else { name.clone() };
    let recording = |of: &str, words: &str| Recording {
        store: format!("{name}{of}"),
        legend: format!("{legend}{words}"),
        split: splits.recorded.clone(),
        limit: None,
        steps: steps(scale.recorded),
        interventions: Vec::new(),
    };
    let mut recordings = vec![
        (Weights::Trained, recording("", "")),
        (Weights::Untrained, recording("-untrained", " untrained")),
    ];
    if member.part == Part::Bias {
        recordings.push((Weights::WithoutBias, recording("-removed", ", bias removed")));
    }
    if member.part == Part::Recurrent {
        for (weights, of, words) in
            [(Weights::Trained, "-long", " long"), (Weights::Untrained, "-untrained-long", " untrained long")]
        {
            let long = Recording {
                split: splits.long.clone(),
                limit: Some(scale.long_images),
                steps: LONG,
                ..recording(of, words)
            };
            recordings.push((weights, long));
        }
        for from in CUT_FROM.into_iter().filter(|&from| from + 1 < scale.recorded) {
            let cut = recording(&format!("-cut{from}"), &format!(" cut from t={from}"));
            let interventions = recurrence(&network, from);
            recordings.push((Weights::Trained, Recording { interventions, ..cut }));
        }
    }
    Ok(Job { name, part: member.part, network, recipe, recordings })
}

/// Every lateral and top-down connection, cut from a step on.
fn recurrence(network: &Network, from: usize) -> Vec<Intervention> {
    let edges = network.graph.drawing().edges;
    let cut = |edge: String| Intervention { edge, effect: Effect::Cut, steps: from..usize::MAX };
    let recurrent = edges.into_iter().filter(|edge| edge.kind != Kind::BottomUp);
    recurrent.map(|edge| cut(edge.name)).collect()
}

/// All seeds of a network take what its first takes.
fn estimate(jobs: &[Job], splits: &Splits, study: &Study, seeds: u64) -> Result<Estimate, Failure> {
    let train = study.data.split("train")?.len();
    let images = [study.data.split(&splits.recorded)?.len(), study.data.split(&splits.long)?.len()];
    let mut all = Estimate::default();
    for job in &jobs[..MEMBERS.len()] {
        let recordings = job.recordings.iter().map(|(_, recording)| {
            let n = images[usize::from(recording.split != splits.recorded)];
            (recording.limit.map_or(n, |limit| limit.min(n)), recording.steps)
        });
        let load = Load {
            network: &job.network,
            training: Some((&job.recipe, train)),
            recordings: recordings.collect(),
        };
        let one = Estimate::of(&load, study.memory)?;
        all = (0..seeds).fold(all, |all, _| all.and(one));
    }
    Ok(all)
}

/// Weights of a run, as they are recorded.
fn opened(weights: Weights, run: &std::path::Path) -> Result<Trained, Failure> {
    let epoch = (weights == Weights::Untrained).then_some(-1);
    let mut trained = Trained::open(run, epoch, None)?;
    if weights == Weights::WithoutBias {
        trained.remove_readout_bias()?;
    }
    Ok(trained)
}

/// Analyze the four networks of the first seed, and write the page.
fn told(jobs: &[Job], study: &Study, console: &Console) -> Result<PathBuf, Failure> {
    let four = jobs[..MEMBERS.len()].iter().filter(|job| job.part == Part::Recurrent);
    let stores: Vec<PathBuf> = four
        .flat_map(|job| [job.name.clone(), format!("{}-untrained", job.name)])
        .map(|name| study.store(&name))
        .collect();
    let how =
        How { area: None, spatial: Spatial::Average, options: Options::default(), selection: Selection::All };
    let results = study.out.join("results");
    let analyzed = analyze(&stores, &how, &results, console)?;
    let title = format!("Thorat, Doerig & Kietzmann (2023), reproduced on {}", study.data.name);
    Ok(report(&analyzed, &title, None, &study.out.join("report"), console)?.page)
}
