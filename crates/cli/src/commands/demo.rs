//! `redyn demo`: the whole way, on stimuli that need no download.

use std::path::{Path, PathBuf};

use redyn_analysis::{Options, Selection};
use redyn_engine::Cpu;
use redyn_stimuli::DataSet;
use redyn_store::Spatial;
use redyn_train::{Augment, Recipe, Setting, Trainer};
use redyn_zoo::{Network, build_for};

use super::analyze::{How, analyze};
use super::report::report;
use super::{command_line, open_data, train, unroll};
use crate::args::{DemoArgs, ReadingArgs};
use crate::console::Console;
use crate::{Failure, Trained, UnrollOptions};

/// Epochs after which the four networks are well above chance and late steps help.
pub(crate) const EPOCHS: usize = 7;

/// The paper's four: lateral or top-down, added or multiplied.
const NETWORKS: [(&str, &str); 4] = [
    ("LA", "lateral=1,top_down=0,interaction=additive"),
    ("TA", "lateral=0,top_down=1,interaction=additive"),
    ("LM", "lateral=1,top_down=0,interaction=multiplicative"),
    ("TM", "lateral=0,top_down=1,interaction=multiplicative"),
];
const SMALL: &str = "width=0.125,image_size=32";
/// Steps of training; trajectories go two steps beyond.
const STEPS: usize = 6;
/// Bytes for activations, and for images.
const MEMORY: u64 = 1 << 30;

pub(super) fn run(args: &DemoArgs, console: &Console) -> Result<(), Failure> {
    let stimuli = format!(
        "builtin:seed={},train=6400,val=640,test=1600,clutter=0.3,occlusion=0.15,noise=0.1",
        args.seed
    );
    let mut data = open_data(&stimuli, Some(32), &ReadingArgs::default(), console)?;
    data.keep_in_memory(MEMORY);
    let count = |split: &str| data.split(split).map(|split| split.len());
    console.say(format!(
        "built-in stimuli: {} classes, {} images to train on, {} to test",
        data.classes.len(),
        count("train")?,
        count("test")?
    ));
    let mut stores = Vec::new();
    for (name, settings) in NETWORKS {
        let network = build_for(&format!("blt64:{settings},{SMALL}"), data.classes.len())?;
        let run = args.out.join("runs").join(name);
        trained(&network, &data, &stimuli, &run, args, console)?;
        for epoch in [None, Some(-1)] {
            let trained = Trained::open(&run, epoch, None)?;
            let suffix = if epoch.is_none() { "" } else { "-untrained" };
            let store = args.out.join("stores").join(format!("{name}{suffix}.zarr"));
            let options = UnrollOptions {
                name: None,
                split: "test".into(),
                limit: None,
                steps: STEPS + 2,
                areas: Vec::new(),
                interventions: Vec::new(),
                memory: MEMORY,
                data: stimuli.clone(),
                command: command_line(),
            };
            unroll::follow(&trained, &data, &store, &options, console)?;
            stores.push(store);
        }
    }
    let page = analyzed(&stores, &args.out, console)?;
    console.say(format!("done; open {}", page.display()));
    Ok(())
}

fn trained(
    network: &Network,
    data: &DataSet,
    stimuli: &str,
    run: &Path,
    args: &DemoArgs,
    console: &Console,
) -> Result<(), Failure> {
    let recipe = Recipe {
        epochs: args.epochs,
        batch: 16,
        part: 8,
        learning_rate: 1.5e-3,
        final_rate: 0.02,
        steps: STEPS,
        augmentation: Augment::None,
        seed: args.seed,
        ..Recipe::default()
    };
    let engine = Cpu::default();
    let setting = Setting { folder: run, data: stimuli.to_owned(), command: command_line(), memory: MEMORY };
    let trainer = if run.join("checkpoint.safetensors").exists() {
        Trainer::resume(&engine, network, data, recipe, &setting)?
    } else {
        Trainer::begin(&engine, network, data, recipe, &setting)?
    };
    train::follow(trainer, network, console, "what is done is kept: the same command continues it")
}

fn analyzed(stores: &[PathBuf], out: &Path, console: &Console) -> Result<PathBuf, Failure> {
    let how =
        How { area: None, spatial: Spatial::Average, options: Options::default(), selection: Selection::All };
    let results = out.join("results");
    let analyzed = analyze(stores, &how, &results, console)?;
    let title = "Representation dynamics of four small recurrent networks";
    Ok(report(&analyzed, title, None, &results.join("report"), console)?.page)
}
