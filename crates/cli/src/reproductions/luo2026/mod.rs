//! Luo, Alvarez & Konkle (2026): how categories move in networks of many kinds.
//!
//! Small members of each family are trained on the same images under several seeds and recorded
//! beside their random weights; their categories are looked at as the paper looks at them, and what
//! its poster leaves open is asked of them too: how clutter, occlusion, contrast and noise tell them
//! apart. With the published weights nothing is trained, every network sees the images as its
//! authors prepare them, and the published numbers are held against ours.

mod files;
mod members;
mod recorded;
mod scale;

use std::path::{Path, PathBuf};

use redyn_analysis::{Accuracy, Against, Analysis, Judged, StableStep};
use redyn_network::Weights;

use self::members::{MEMBERS, Member, Training};
use self::recorded::{Recorded, judge, options};
use self::scale::Scale;
use super::harder::{self, Harder};
use super::{Reproduction, compared};
use crate::args::ReproduceArgs;
use crate::commands::{Challenged, Claims, Feedforward, How, analyze, open_data, open_data_for, report};
use crate::console::Console;
use crate::study::{Estimate, Extent, Load, Recording, Study};
use crate::{Failure, Trained};

pub(super) const REPRODUCTION: Reproduction = Reproduction {
    name: "luo2026",
    summary: "geometry of categories over steps in networks of many families",
    citation: "Luo, Alvarez & Konkle (2026), Geometric Dynamics Across Recurrent Vision Models, CCN; code \
               cindyLuo99/recurrent-geo-dynamics",
    run,
};

/// Seeds of random weights beside published ones, as published.
const RANDOM: std::ops::Range<u64> = 0..5;
/// What is asked of networks on harder images.
const CHALLENGED: [&str; 2] = [Accuracy::NAME, StableStep::NAME];

fn run(args: &ReproduceArgs, console: &Console) -> Result<(), Failure> {
    match (&args.weights, args.quick) {
        (Some(folder), _) => with_published_weights(folder, args, console),
        (None, true) => in_small(args, console),
        (None, false) => Err(Failure::user(
            "the study is one of published weights, and nothing says where they are",
            "name their folder with --weights and the images with --data TABLE.csv:FOLDER, or try --quick on small \
             networks of each family first",
        )),
    }
}

/// The built-in images: fifty of each class to test on, as in the paper.
fn stimuli() -> String {
    "builtin:seed=1,train=3200,val=320,test=800,clutter=0.3,occlusion=0.15,noise=0.1".into()
}

/// A small network under a seed.
struct Job {
    member: &'static Member,
    seed: u64,
    training: Training,
}

impl Job {
    /// Name of its run and of its store.
    fn name(&self) -> String {
        format!("{}-{}", self.member.name.replace(' ', "-"), self.seed)
    }

    /// Short name for legends: the first seed's is the network's.
    fn legend(&self) -> String {
        if self.seed == 1 {
            self.member.name.to_owned()
        } else {
            format!("{} ({})", self.member.name, self.seed)
        }
    }

    fn recording(&self, of: &str, words: &str) -> Recording {
        Recording {
            store: format!("{}{of}", self.name()),
            legend: format!("{}{words}", self.legend()),
            split: "test".into(),
            limit: None,
            steps: self.training.recorded,
            interventions: Vec::new(),
            jacobians: None,
        }
    }
}

/// Train small members of every family, and look at them.
fn in_small(args: &ReproduceArgs, console: &Console) -> Result<(), Failure> {
    let scale = Scale::of(args)?;
    let named = args.data.clone().unwrap_or_else(stimuli);
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("redyn-luo2026"));
    let mut data = open_data(&named, Some(scale.image_size), &args.reading, console)?;
    data.keep_in_memory(args.memory);
    let study = Study { out, data, named, memory: args.memory };
    let size = (study.data.image_size, study.data.classes.len());
    let mut jobs = Vec::new();
    for seed in 1..=scale.seeds {
        for member in MEMBERS {
            let small = member.small(seed, &scale, size)?;
            jobs.extend(small.map(|training| Job { member, seed, training }));
        }
    }
    let harder = Harder::than(&study.named)?;
    let n_members = jobs.iter().filter(|job| job.seed == 1).count();
    let estimate = estimate(&jobs, &harder, &study)?;
    console.say(format!(
        "{n_members} networks on {}, seeds 1 to {}: {estimate} (estimated)",
        study.data.name, scale.seeds
    ));
    if args.dry_run {
        return Ok(());
    }
    let mut all = Vec::new();
    for job in &jobs {
        study.train(&job.name(), &job.training.network, &job.training.recipe, console)?;
        let record = |epoch: Option<i64>, of: &str, words: &str| {
            let trained = Trained::open(&study.run(&job.name()), epoch, None)?;
            study.record(&trained, &job.recording(of, words), console)
        };
        all.push(Recorded {
            member: job.member,
            trained: record(None, "", "")?,
            untrained: record(Some(-1), "-untrained", " untrained")?,
            random: Vec::new(),
            states: job.training.states,
        });
    }
    // The first seed of every network is shown, and challenged.
    let first = jobs[..n_members].iter().map(|job| {
        let trained = Trained::open(&study.run(&job.name()), None, None)?;
        Ok((trained, job.recording("", "")))
    });
    let first = first.collect::<Result<Vec<_>, Failure>>()?;
    let challenged = harder::record(&harder, &first, &study, args, console)?;
    told((&all[..], &all[..n_members]), &challenged, Against::Other, &study, console).map(drop)
}

fn estimate(jobs: &[Job], harder: &[Harder], study: &Study) -> Result<Estimate, Failure> {
    let (train, test) = (study.data.split("train")?.len(), study.data.split("test")?.len());
    let mut all = Estimate::default();
    for job in jobs {
        let extent = |images: usize| Extent { images, steps: job.training.recorded, jacobians: 0 };
        let mut recordings = vec![extent(test); 2];
        if job.seed == 1 {
            recordings.extend(harder.iter().map(|_| Harder::extent(test, job.training.recorded)));
        }
        let load = Load {
            network: &job.training.network,
            training: Some((&job.training.recipe, train)),
            recordings,
        };
        all = all.and(Estimate::of(&load, study.memory)?);
    }
    Ok(all)
}

/// Record and look at the published networks, each on images as its authors prepare them.
fn with_published_weights(folder: &Path, args: &ReproduceArgs, console: &Console) -> Result<(), Failure> {
    let Some(named) = args.data.clone() else {
        return Err(Failure::user(
            "nothing says which images to reproduce the study on",
            "name them with --data TABLE.csv:FOLDER: the paper's table of 100 x 50 pictures, and the folder of \
             ImageNet's validation images",
        ));
    };
    let found = files::find(folder, console)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("redyn-luo2026"));
    let (mut all, mut published) = (Vec::new(), true);
    let mut estimate = Estimate::default();
    let mut last = None;
    for (member, file) in &found {
        let member: &'static Member = member;
        let trained = Trained::open(file, None, None)?;
        let data = open_data_for(&trained.network.card, &named, &args.reading, console)?;
        let study = Study { out: out.clone(), data, named: named.clone(), memory: args.memory };
        let split = split(&study)?;
        let test = study.data.split(&split)?;
        published &= is_published(&named, &*test);
        if args.dry_run {
            let recordings =
                vec![Extent { images: test.len(), steps: member.steps, jacobians: 0 }; 1 + RANDOM.count()];
            let load = Load { network: &trained.network, training: None, recordings };
            estimate = estimate.and(Estimate::of(&load, study.memory)?);
            last = Some(study);
            continue;
        }
        let name = member.name.replace(' ', "-");
        let recording = |of: &str, words: &str| Recording {
            store: format!("{name}{of}"),
            legend: format!("{}{words}", member.name),
            split: split.clone(),
            limit: None,
            steps: member.steps,
            interventions: Vec::new(),
            jacobians: None,
        };
        let store = study.record(&trained, &recording("", ""), console)?;
        let mut random = Vec::new();
        for seed in RANDOM {
            let drawn = Trained {
                weights: Weights::initial(&trained.network.graph, seed),
                seed: Some(seed),
                ..trained.untrained()
            };
            let words = format!(" random weights {seed}");
            random.push(study.record(&drawn, &recording(&format!("-random{seed}"), &words), console)?);
        }
        let untrained = random.remove(0);
        all.push(Recorded { member, trained: store, untrained, random, states: member.states });
        last = Some(study);
    }
    let Some(study) = last else { return Ok(()) };
    if args.dry_run {
        console.say(format!("{} networks on {}: {estimate} (estimated)", found.len(), study.data.name));
        return Ok(());
    }
    let against = if published { Against::Published } else { Against::Other };
    let judged = told((&all[..], &all[..]), &[], against, &study, console)?;
    compared(&judged)
}

/// The split of the images to look at.
fn split(study: &Study) -> Result<String, Failure> {
    let there = |name: &&str| study.data.split_names().any(|split| split == *name);
    ["test", "val", "testplus"].into_iter().find(there).map(str::to_owned).ok_or_else(|| {
        Failure::user(
            format!("{} has no split to test on", study.data.name),
            "name a split of the images `test`",
        )
    })
}

/// Whether the images are the published ones, as far as their number and table can tell.
fn is_published(named: &str, test: &dyn redyn_stimuli::Stimuli) -> bool {
    let mut classes: Vec<usize> = (0..test.len()).map(|image| test.label(image)).collect();
    classes.sort_unstable();
    let each = classes.chunk_by(|a, b| a == b).map(<[usize]>::len).collect::<Vec<_>>();
    named.contains(".csv") && each.len() == 100 && each.iter().all(|&n| n == 50)
}

/// Decide the claims on everything, analyze what is shown, and write the page.
fn told(
    (all, shown): (&[Recorded], &[Recorded]),
    challenged: &[PathBuf],
    against: Against,
    study: &Study,
    console: &Console,
) -> Result<Judged, Failure> {
    let options = options(all)?;
    let judged = judge(all, against, &options, console)?;
    let stores: Vec<PathBuf> =
        shown.iter().flat_map(|one| [one.trained.clone(), one.untrained.clone()]).collect();
    let how = How {
        feedforward: Feedforward::Networks,
        challenged: Challenged { stores: challenged, analyses: &CHALLENGED },
        claims: Claims { stores: None, against },
        judged: Some(&judged),
        ..How::of(&options)
    };
    let analyzed = analyze(&stores, &how, &study.out.join("results"), console)?;
    let builtin = redyn_stimuli::is_builtin(&study.named);
    let images = if builtin { "built-in stimuli" } else { &study.data.name };
    let title = format!("Luo, Alvarez & Konkle (2026), reproduced on {images}");
    let page = report(&analyzed, &title, None, &study.out.join("report"), console)?.page;
    console.say(format!("done; open {}", page.display()));
    Ok(judged)
}
