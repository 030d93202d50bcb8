//! Networks on harder images: the built-in stimuli with more clutter, occlusion or noise, or less contrast.

use std::path::PathBuf;

use redyn_stimuli::generated::Specification;

use crate::args::ReproduceArgs;
use crate::commands::open_data;
use crate::console::Console;
use crate::study::{Extent, Recording, Study};
use crate::{Failure, Trained};

/// Images of each set, at most.
const IMAGES: usize = 400;
/// Two levels of each control, harder than those of the studies.
const LEVELS: [(&str, [f64; 2]); 4] =
    [("clutter", [0.65, 1.0]), ("occlusion", [0.4, 0.7]), ("contrast", [0.5, 0.2]), ("noise", [0.4, 0.8])];

/// A set of images that is harder in one control.
pub(super) struct Harder {
    /// Control and level: `clutter0.65`.
    name: String,
    /// The images, as they are named.
    data: String,
}

impl Harder {
    /// All sets that are harder than some images; none where those are not the built-in ones.
    pub(super) fn than(named: &str) -> Result<Vec<Self>, Failure> {
        if !redyn_stimuli::is_builtin(named) {
            return Ok(Vec::new());
        }
        let plain: Specification = named.parse()?;
        let with = |control: &str, level: f64| {
            let mut harder =
                Specification { n_train: 0, n_val: 0, n_test: plain.n_test.min(IMAGES), ..plain.clone() };
            match control {
                "clutter" => harder.clutter = level,
                "occlusion" => harder.occlusion = level,
                "contrast" => harder.contrast = level,
                _ => harder.noise = level,
            }
            Self { name: format!("{control}{level}"), data: harder.to_string() }
        };
        Ok(LEVELS
            .into_iter()
            .flat_map(|(control, levels)| levels.map(|level| with(control, level)))
            .collect())
    }

    /// How much is recorded of a network on a set, beside so many images to test on.
    pub(super) fn extent(images: usize, steps: usize) -> Extent {
        Extent { images: images.min(IMAGES), steps, jacobians: 0 }
    }
}

/// Record networks on each set, as they were recorded on the images of the study; gives the stores.
pub(super) fn record(
    sets: &[Harder],
    networks: &[(Trained, Recording)],
    study: &Study,
    args: &ReproduceArgs,
    console: &Console,
) -> Result<Vec<PathBuf>, Failure> {
    let mut stores = Vec::new();
    for Harder { name, data: named } in sets {
        let mut data = open_data(named, Some(study.data.image_size), &args.reading, console)?;
        data.keep_in_memory(args.memory);
        let study = Study { out: study.out.clone(), data, named: named.clone(), memory: study.memory };
        for (trained, recording) in networks {
            let recording = Recording {
                store: format!("{}-{name}", recording.store),
                legend: format!("{} {name}", recording.legend),
                jacobians: None,
                ..recording.clone()
            };
            stores.push(study.record(trained, &recording, console)?);
        }
    }
    Ok(stores)
}
