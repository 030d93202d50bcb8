//! `redyn demo`: the whole way, on stimuli that need no download.

use std::path::{Path, PathBuf};

use redyn_analysis::Options;
use redyn_train::{Augment, Recipe};
use redyn_zoo::build_for;

use super::{How, analyze, open_data, report, write_file};
use crate::args::{DemoArgs, ReadingArgs};
use crate::console::Console;
use crate::study::{Recording, Study};
use crate::{Failure, Trained};

/// Epochs after which the four networks are well above chance and late steps help.
pub(crate) const EPOCHS: usize = 7;
/// Steps of training.
const STEPS: usize = 6;
/// Steps that are recorded: two beyond training.
pub(crate) const RECORDED: usize = STEPS + 2;
/// Bytes for activations, and for images.
const MEMORY: u64 = 1 << 30;

/// A network of the demo.
struct Member {
    name: &'static str,
    settings: &'static str,
    /// Its weights after a demo's training: `pretrained/README.md` tells how they were made.
    pretrained: &'static [u8],
}

/// The paper's four: lateral or top-down, added or multiplied.
const NETWORKS: [Member; 4] = [
    Member {
        name: "LA",
        settings: "lateral=1,top_down=0,interaction=additive",
        pretrained: include_bytes!("../../pretrained/LA.safetensors"),
    },
    Member {
        name: "TA",
        settings: "lateral=0,top_down=1,interaction=additive",
        pretrained: include_bytes!("../../pretrained/TA.safetensors"),
    },
    Member {
        name: "LM",
        settings: "lateral=1,top_down=0,interaction=multiplicative",
        pretrained: include_bytes!("../../pretrained/LM.safetensors"),
    },
    Member {
        name: "TM",
        settings: "lateral=0,top_down=1,interaction=multiplicative",
        pretrained: include_bytes!("../../pretrained/TM.safetensors"),
    },
];
const SMALL: &str = "width=0.125,image_size=32";

/// The stimuli of a demo.
pub(crate) fn stimuli(seed: u64) -> String {
    format!("builtin:seed={seed},train=6400,val=640,test=1600,clutter=0.3,occlusion=0.15,noise=0.1")
}

/// How small networks become good enough in half a minute each.
pub(crate) fn recipe() -> Recipe {
    Recipe {
        epochs: EPOCHS,
        batch: 16,
        part: 8,
        learning_rate: 1.5e-3,
        final_rate: 0.02,
        steps: STEPS,
        augmentation: Augment::None,
        ..Recipe::default()
    }
}

pub(super) fn run(args: &DemoArgs, console: &Console) -> Result<(), Failure> {
    let named = stimuli(args.seed);
    let mut data = open_data(&named, Some(32), &ReadingArgs::default(), console)?;
    data.keep_in_memory(MEMORY);
    let count = |split: &str| data.split(split).map(|split| split.len());
    console.say(format!(
        "built-in stimuli: {} classes, {} images to train on, {} to test",
        data.classes.len(),
        count("train")?,
        count("test")?
    ));
    let study = Study { out: args.out.clone(), data, named, memory: MEMORY };
    let recipe = Recipe { epochs: args.epochs, seed: args.seed, ..recipe() };
    let mut stores = Vec::new();
    for member in &NETWORKS {
        let name = member.name;
        let pair = if args.pretrained {
            pretrained(member, &study.out)?
        } else {
            let spec = format!("blt64:{},{SMALL}", member.settings);
            study.train(name, &build_for(&spec, study.data.classes.len())?, &recipe, console)?;
            [Trained::open(&study.run(name), None, None)?, Trained::open(&study.run(name), Some(-1), None)?]
        };
        for (trained, store, legend) in [
            (&pair[0], name.to_owned(), name.to_owned()),
            (&pair[1], format!("{name}-untrained"), format!("{name} untrained")),
        ] {
            let recording = Recording {
                store,
                legend,
                split: "test".into(),
                limit: None,
                steps: RECORDED,
                interventions: Vec::new(),
                jacobians: None,
            };
            stores.push(study.record(trained, &recording, console)?);
        }
    }
    let page = analyzed(&stores, &args.out, console)?;
    console.say(format!("done; open {}", page.display()));
    Ok(())
}

/// A network with its weights after training, and as it was before.
fn pretrained(member: &Member, out: &Path) -> Result<[Trained; 2], Failure> {
    let file = out.join("weights").join(format!("{}.safetensors", member.name));
    write_file(&file, member.pretrained)?;
    let trained = Trained::open(&file, None, None)?;
    let untrained = trained.untrained();
    Ok([trained, untrained])
}

fn analyzed(stores: &[PathBuf], out: &Path, console: &Console) -> Result<PathBuf, Failure> {
    let results = out.join("results");
    let analyzed = analyze(stores, &How::of(&Options::default()), &results, console)?;
    let title = "Representation dynamics of four small recurrent networks";
    Ok(report(&analyzed, title, None, &results.join("report"), console)?.page)
}
