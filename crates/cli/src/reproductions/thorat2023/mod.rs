//! Thorat, Doerig & Kietzmann (2023): how representations change over time in recurrent networks.
//!
//! Four recurrent networks, lateral or top-down, additive or multiplicative; beside them
//! feedforward networks, and one with a bias in its readout. All are trained alike and recorded
//! before and after, far beyond the steps of training, and with their recurrence cut off. With
//! the authors' own weights nothing is trained, and the published numbers are held against ours.

mod files;
mod networks;
mod scale;

use std::path::{Path, PathBuf};

use redyn_analysis::{
    Accuracy, Against, Analysis, Boundary, Change, Decomposition, FutureClass, Judged, NowCorrect, Options,
    StableStep, WithinZone,
};

use self::files::Found;
use self::networks::{Job, MEMBERS, Part, Weights};
use self::scale::Scale;
use super::harder::{self, Harder};
use super::{Reproduction, compared};
use crate::args::ReproduceArgs;
use crate::commands::{Challenged, Claims, How, analyze, open_data, report};
use crate::console::Console;
use crate::study::{Estimate, Extent, Load, Recording, Study};
use crate::{Failure, Trained};

pub(super) const REPRODUCTION: Reproduction = Reproduction {
    name: "thorat2023",
    summary: "representation dynamics of four BLT networks, with their controls",
    citation: "Thorat, Doerig & Kietzmann (2023), Characterising representation dynamics in recurrent neural \
               networks for object recognition, arXiv:2308.12435",
    run,
};

/// What is asked of networks on harder images.
const CHALLENGED: [&str; 8] = [
    Accuracy::NAME,
    StableStep::NAME,
    Change::NAME,
    NowCorrect::NAME,
    FutureClass::NAME,
    Boundary::NAME,
    Decomposition::NAME,
    WithinZone::NAME,
];

fn run(args: &ReproduceArgs, console: &Console) -> Result<(), Failure> {
    let scale = Scale::of(args)?;
    let study = open(args, &scale, console)?;
    let splits = Splits::of(&study)?;
    match &args.weights {
        Some(folder) => with_their_weights(folder, &study, &splits, args.dry_run, console),
        None => from_the_beginning(&scale, &study, &splits, args, console),
    }
}

fn from_the_beginning(
    scale: &Scale,
    study: &Study,
    splits: &Splits,
    args: &ReproduceArgs,
    console: &Console,
) -> Result<(), Failure> {
    let mut jobs = Vec::new();
    for seed in 1..=scale.seeds {
        // One network with a bias is what the paper has, and enough to see that it does not matter.
        for member in MEMBERS.iter().filter(|member| seed == 1 || member.part != Part::Bias) {
            jobs.push(networks::job(member, seed, scale, splits, study)?);
        }
    }
    let harder = Harder::than(&study.named)?;
    let estimate = estimate(&jobs, &harder, splits, study)?;
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
    let first = jobs[..MEMBERS.len()].iter().filter(|job| job.part != Part::Bias);
    let shown: Vec<&(Weights, Recording)> = first.flat_map(|job| &job.recordings).collect();
    let all: Vec<&(Weights, Recording)> = jobs.iter().flat_map(|job| &job.recordings).collect();
    let recurrent = challenged(&jobs).map(|job| {
        let trained = opened(Weights::Trained, &study.run(&job.name))?;
        Ok((trained, job.recordings[0].1.clone()))
    });
    let recurrent = recurrent.collect::<Result<Vec<_>, Failure>>()?;
    let challenged = harder::record(&harder, &recurrent, study, args, console)?;
    let recorded = Recorded { shown: &shown, all: &all, challenged: &challenged };
    told(recorded, Against::Other, study, console).map(drop)
}

/// The networks that see harder images, too: the first seed of the recurrent ones.
fn challenged(jobs: &[Job]) -> impl Iterator<Item = &Job> {
    jobs[..MEMBERS.len()].iter().filter(|job| job.part == Part::Recurrent)
}

/// Every stage but training, on weights that are there.
fn with_their_weights(
    folder: &Path,
    study: &Study,
    splits: &Splits,
    dry_run: bool,
    console: &Console,
) -> Result<(), Failure> {
    let found = files::find(folder, splits, console)?;
    let mut estimate = Estimate::default();
    for one in &found {
        estimate = estimate.and(one.estimate(study, splits)?);
    }
    let n = found.len();
    console.say(format!("{n} networks on {}: {estimate} (estimated)", study.data.name));
    if dry_run {
        return Ok(());
    }
    found.iter().try_for_each(|one| one.record(study, console))?;
    let of = |wanted: &dyn Fn(&Found) -> bool| -> Vec<&(Weights, Recording)> {
        found.iter().filter(|one| wanted(one)).flat_map(|one| &one.recordings).collect()
    };
    let shown = of(&|one| !one.is(Part::Bias));
    let against = if is_miniecoset(study) { Against::Published } else { Against::Other };
    let recorded = Recorded { shown: &shown, all: &of(&|_| true), challenged: &[] };
    let judged = told(recorded, against, study, console)?;
    judged.filter(|judged| judged.against == Against::Published).as_ref().map_or(Ok(()), compared)
}

/// Whether the images are the published ones, as far as name and splits can tell.
fn is_miniecoset(study: &Study) -> bool {
    let file = Path::new(&study.named).file_name().map(|name| name.to_string_lossy().to_lowercase());
    let testplus = study.data.split_names().any(|split| split == "testplus");
    file.is_some_and(|name| name.starts_with("miniecoset")) && testplus
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

    /// How much recordings take.
    fn sizes(&self, study: &Study, recordings: &[(Weights, Recording)]) -> Result<Vec<Extent>, Failure> {
        let images = [study.data.split(&self.recorded)?.len(), study.data.split(&self.long)?.len()];
        let size = |recording: &Recording| {
            let n = images[usize::from(recording.split != self.recorded)];
            let limited = |limit: Option<usize>| limit.map_or(n, |limit| limit.min(n));
            let jacobians = recording.jacobians.map_or(0, |images| images.min(n));
            Extent { images: limited(recording.limit), steps: recording.steps, jacobians }
        };
        Ok(recordings.iter().map(|(_, recording)| size(recording)).collect())
    }
}

/// Every seed of a network takes what its first takes.
fn estimate(jobs: &[Job], harder: &[Harder], splits: &Splits, study: &Study) -> Result<Estimate, Failure> {
    let train = study.data.split("train")?.len();
    let mut all = Estimate::default();
    for job in &jobs[..MEMBERS.len()] {
        let load = Load {
            network: &job.network,
            training: Some((&job.recipe, train)),
            recordings: splits.sizes(study, &job.recordings)?,
        };
        let (one, seeds) = (Estimate::of(&load, study.memory)?, job.seeds(jobs));
        all = (0..seeds).fold(all, |all, _| all.and(one));
    }
    let test = study.data.split(&splits.recorded)?.len();
    for job in challenged(jobs) {
        let extent = Harder::extent(test, job.recordings[0].1.steps);
        let recordings = harder.iter().map(|_| extent).collect();
        all =
            all.and(Estimate::of(&Load { network: &job.network, training: None, recordings }, study.memory)?);
    }
    Ok(all)
}

/// Weights of a run, as they are recorded.
fn opened(weights: Weights, run: &Path) -> Result<Trained, Failure> {
    let epoch = (weights == Weights::Untrained).then_some(-1);
    let mut trained = Trained::open(run, epoch, None)?;
    if weights == Weights::WithoutBias {
        trained.remove_readout_bias()?;
    }
    Ok(trained)
}

/// What there is to tell of.
struct Recorded<'a> {
    /// Analyzed in full.
    shown: &'a [&'a (Weights, Recording)],
    /// On which the claims are decided.
    all: &'a [&'a (Weights, Recording)],
    /// Stores of harder images.
    challenged: &'a [PathBuf],
}

/// Analyze what is shown in full, decide the claims on everything, and write the page.
fn told(
    Recorded { shown, all, challenged }: Recorded,
    against: Against,
    study: &Study,
    console: &Console,
) -> Result<Option<Judged>, Failure> {
    let stores = |wanted: &dyn Fn(&Recording) -> bool| -> Vec<PathBuf> {
        let wanted = shown.iter().filter(|(_, recording)| wanted(recording));
        wanted.map(|(_, recording)| study.store(&recording.store)).collect()
    };
    // Lesions are no networks of their own: no claim is about them.
    let whole = |recording: &Recording| recording.interventions.is_empty();
    let all: Vec<PathBuf> = all
        .iter()
        .filter(|(_, recording)| whole(recording))
        .map(|(_, recording)| study.store(&recording.store))
        .collect();
    let looked_at = shown.iter().filter(|(_, recording)| recording.jacobians.is_some());
    let jacobians: Vec<PathBuf> = looked_at.map(|(_, recording)| study.jacobians(&recording.store)).collect();
    // Of the images that all short recordings are of.
    let recorded = shown.iter().find(|(_, recording)| recording.limit.is_none());
    let properties = recorded.map(|(_, recording)| study.properties(&recording.split)).transpose()?;
    let options = Options::default();
    let how = How {
        properties: properties.as_ref(),
        long: &stores(&|recording| recording.limit.is_some()),
        jacobians: &jacobians,
        challenged: Challenged { stores: challenged, analyses: &CHALLENGED },
        claims: Claims { stores: Some(&all), against },
        ..How::of(&options)
    };
    let shown = stores(&|recording| recording.limit.is_none());
    let analyzed = analyze(&shown, &how, &study.out.join("results"), console)?;
    let builtin = redyn_stimuli::is_builtin(&study.named);
    let images = if builtin { "built-in stimuli" } else { &study.data.name };
    let title = format!("Thorat, Doerig & Kietzmann (2023), reproduced on {images}");
    let page = report(&analyzed, &title, None, &study.out.join("report"), console)?.page;
    console.say(format!("done; open {}", page.display()));
    Ok(analyzed.judged)
}
