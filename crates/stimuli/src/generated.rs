//! Built-in stimuli: pictures of solid objects that are drawn on demand.
//!
//! Sixteen kinds of object in three levels (superordinate, basic, and the class
//! itself), each put together from balls, boxes and tapered columns with variable
//! proportions, colours and textures, seen from a random side under a random light,
//! casting a soft shadow, on a textured background among unrelated pieces and partly
//! behind others. Image `i` of a split is a function of `(seed, split, i)` alone, with
//! the same bytes on every machine: arithmetic that IEEE 754 fixes, integer noise, and
//! `libm`'s own sines. The same scene is drawn at any size.

mod background;
mod classes;
mod models;
mod render;
mod scene;
mod solid;
mod specification;
mod texture;
mod vector;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use classes::hierarchy;
pub use specification::{OPTIONS, Specification};

use crate::{DataSet, Image, OpenOptions, Stimuli, StimuliError, resize};
use classes::CLASSES;

/// Version of the drawings: any change of a pixel raises it, and with it every digest.
pub const GENERATOR_VERSION: u32 = 1;

/// Size at which built-in stimuli are drawn unless another one is asked for.
pub const DEFAULT_SIZE: usize = 32;

/// The truth about a generated image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Properties {
    /// Longer side of the object's outline, as a fraction of the image's.
    pub size: f64,
    /// Part of the object's outline that something in front of it hides, 0 to 1.
    pub occlusion: f64,
    /// How crowded the surroundings are: 0 bare to 1.
    pub clutter: f64,
    /// Contrast of the picture: 1 is full.
    pub contrast: f64,
    /// Noise added to pixels: 0 to 1, where 1 is a standard deviation of 51 grey levels.
    pub noise: f64,
    /// Direction the object faces: turn about the vertical in degrees, 0 seen from its
    /// right side (animals, vehicles) or its front (the others).
    pub yaw: f64,
}

/// One split of generated stimuli. Labels go round: image `i` is of class `i mod 16`.
struct Split {
    name: &'static str,
    number: u64,
    len: usize,
    size: usize,
    specification: Specification,
}

impl Split {
    fn scene(&self, index: usize) -> scene::Scene {
        scene::Scene::draw(&self.specification, self.number, index as u64, self.label(index))
    }
}

impl Stimuli for Split {
    fn len(&self) -> usize {
        self.len
    }

    fn label(&self, index: usize) -> usize {
        index % CLASSES.len()
    }

    fn id(&self, index: usize) -> String {
        format!("{}/{index}", self.name)
    }

    fn image(&self, index: usize) -> Result<Image, StimuliError> {
        Ok(render::render(&self.scene(index), self.size).image)
    }

    fn properties(&self, index: usize) -> Option<Properties> {
        let scene = self.scene(index);
        let rendered = render::render(&scene, self.size);
        Some(Properties { size: rendered.object_size, occlusion: rendered.occlusion, ..scene.properties })
    }

    fn content(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
        let drawn = Specification { n_train: 0, n_val: 0, n_test: 0, ..self.specification.clone() };
        take(format!("built-in stimuli {GENERATOR_VERSION} {drawn} {} {}", self.name, self.len).as_bytes());
        Ok(())
    }
}

/// The data set that a specification describes.
///
/// # Errors
/// An image size that makes no sense.
pub fn generate(specification: &Specification, image_size: usize) -> Result<DataSet, StimuliError> {
    resize::check_size(image_size)?;
    let splits =
        [("train", specification.n_train), ("val", specification.n_val), ("test", specification.n_test)];
    let splits: BTreeMap<String, Arc<dyn Stimuli>> = splits
        .into_iter()
        .zip(0..)
        .filter(|((_, len), _)| *len > 0)
        .map(|((name, len), number)| {
            let split = Split { name, number, len, size: image_size, specification: specification.clone() };
            (name.to_owned(), Arc::new(split) as _)
        })
        .collect();
    let classes = CLASSES.iter().map(|class| class.name.to_owned()).collect();
    let mut set = DataSet::new(specification.to_string(), classes, image_size, splits, None);
    set.hierarchy = Some(hierarchy());
    Ok(set)
}

pub(crate) fn open(specification: &str, options: &OpenOptions) -> Result<DataSet, StimuliError> {
    generate(&specification.parse()?, options.image_size.unwrap_or(DEFAULT_SIZE))
}
