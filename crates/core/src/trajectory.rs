//! What an analysis reads: one area's representation of every image at every step,
//! what the network said at each of them, and the readout that said it.

use std::ops::Range;

use ndarray::{Array1, Array2, Array3, ArrayView1};
use serde::{Deserialize, Serialize};

use crate::{Diagnose, Hierarchy};

/// Scores summed side by side, so that none waits for another; each in the order of the units.
const SIDE_BY_SIDE: usize = 8;

/// A linear readout, `argmax_k (W r + b)_k`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Readout {
    /// `[class, unit]`.
    pub weight: Array2<f32>,
    /// `[class]`, where the readout has one.
    pub bias: Option<Array1<f32>>,
}

impl Readout {
    /// `(W r + b)_k` for every class, accumulated in f64.
    ///
    /// # Shapes
    /// - `representation`: `[unit]`
    /// - returns: `[class]`
    pub fn scores(&self, representation: &ArrayView1<f32>) -> Array1<f64> {
        let (n_classes, n_units) = self.weight.dim();
        let (weight, representation) =
            (self.weight.as_standard_layout(), representation.as_standard_layout());
        let weight = weight.as_slice().expect("in standard layout");
        let representation = representation.as_slice().expect("in standard layout");
        let mut scores = Vec::with_capacity(n_classes.next_multiple_of(SIDE_BY_SIDE));
        for first in (0..n_classes).step_by(SIDE_BY_SIDE) {
            let row = |at: usize| &weight[(first + at).min(n_classes - 1) * n_units..][..n_units];
            let rows: [&[f32]; SIDE_BY_SIDE] = std::array::from_fn(row);
            let mut sums = [0.0; SIDE_BY_SIDE];
            for (unit, &value) in representation.iter().enumerate() {
                for (sum, row) in sums.iter_mut().zip(rows) {
                    *sum += f64::from(row[unit]) * f64::from(value);
                }
            }
            scores.extend(sums);
        }
        scores.truncate(n_classes);
        for (score, &bias) in scores.iter_mut().zip(self.bias.iter().flatten()) {
            *score += f64::from(bias);
        }
        Array1::from_vec(scores)
    }

    /// Check the readout against the data it is to read.
    ///
    /// # Errors
    /// Another number of units or classes than the data, or a value that is not finite.
    pub fn check(&self, n_classes: usize, n_units: usize) -> Result<(), ReadoutError> {
        if self.weight.dim() != (n_classes, n_units) {
            return Err(ReadoutError::Shape {
                found: self.weight.shape().to_vec(),
                expected: vec![n_classes, n_units],
            });
        }
        if let Some(bias) = &self.bias
            && bias.len() != n_classes
        {
            return Err(ReadoutError::Shape { found: vec![bias.len()], expected: vec![n_classes] });
        }
        let finite = self.weight.iter().chain(self.bias.iter().flatten()).all(|value| value.is_finite());
        if finite { Ok(()) } else { Err(ReadoutError::NotFinite) }
    }
}

/// Why a readout cannot be used with some data.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReadoutError {
    /// Weight or bias of another shape than classes and units ask for.
    #[error("readout has shape {found:?}, the data need {expected:?}")]
    Shape {
        /// Shape of the weight or bias.
        found: Vec<usize>,
        /// Shape that fits the data.
        expected: Vec<usize>,
    },
    /// NaN or infinity.
    #[error("readout holds values that are not finite")]
    NotFinite,
}

impl Diagnose for ReadoutError {}

/// What a step means in time, for recordings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeAxis {
    /// Unit, `ms` as a rule.
    pub unit: String,
    /// One time per step.
    pub times: Vec<f64>,
}

/// What a set of trajectories is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Short name for legends and file names: `LA`, `TM untrained`.
    pub name: String,
    /// The network, as its card names it (`blt64`, with its flags), or the recording.
    pub network: String,
    /// The area that was recorded.
    pub area: String,
    /// Training epoch of the weights; −1 is the untrained network.
    pub epoch: Option<i64>,
    /// Seed of the network's initial weights.
    pub seed: Option<u64>,
    /// Number of images.
    pub n_images: usize,
    /// Number of steps.
    pub n_steps: usize,
    /// Number of units of the representation.
    pub n_units: usize,
    /// Class names, in the order of labels and logits.
    pub classes: Vec<String>,
    /// How the classes are related, where known.
    pub hierarchy: Option<Hierarchy>,
    /// The linear readout that turns this area into logits at the same step; absent
    /// where the readout is not one linear map of this area.
    pub readout: Option<Readout>,
    /// Times of the steps, for recordings.
    pub time: Option<TimeAxis>,
    /// Digest of the data this description stands for, in hexadecimal.
    pub digest: String,
}

/// Consecutive images with everything known about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Which images of the whole these are.
    pub images: Range<usize>,
    /// True class of each image.
    pub labels: Vec<usize>,
    /// `[image, step, unit]`.
    pub representations: Array3<f32>,
    /// `[image, step, class]`: logits or log-probabilities, of which only the order
    /// within an image and step is used unless an analysis says otherwise.
    pub logits: Array3<f32>,
}

/// Readouts that each judged other images than they were fitted to.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldReadouts {
    /// One per fold, all of the same shape.
    pub readouts: Vec<Readout>,
    /// Which of them made the logits of each image: `[image]`.
    pub fold: Vec<usize>,
}

/// Where trajectories come from: a store on disk, arrays in memory.
pub trait TrajectorySource: Sync {
    /// What they are.
    fn description(&self) -> &Description;

    /// The true class of every image.
    fn labels(&self) -> &[usize];

    /// The readout behind each image's logits, where it is not the one of the description: of
    /// cross-validated readouts that of the description is fitted to all images.
    fn folds(&self) -> Option<&FoldReadouts> {
        None
    }

    /// Read some consecutive images.
    ///
    /// # Errors
    /// Whatever keeps the source from reading them.
    fn read(&self, images: Range<usize>) -> Result<Block, Box<dyn Diagnose + Send + Sync>>;

    /// How many images fit in `bytes`, at least one.
    fn images_in(&self, bytes: usize) -> usize {
        (bytes / self.bytes_of(1).max(1)).max(1)
    }

    /// Bytes held while so many images are read, at the most.
    fn bytes_of(&self, n_images: usize) -> usize {
        let about = self.description();
        4 * n_images * about.n_steps * (about.n_units + about.classes.len())
    }
}
