//! Trajectories that are already in memory.

use std::ops::Range;

use ndarray::{Array3, s};

use crate::{Block, Description, Diagnose, Fault, ReadoutError, TrajectorySource};

/// Trajectories held in arrays: what tests, Python and small imports hand to an analysis.
///
/// ```
/// use ndarray::Array3;
/// use redyn_core::{Description, Trajectories, TrajectorySource};
///
/// let about = Description {
///     name: "toy".into(),
///     network: "none".into(),
///     area: "it".into(),
///     epoch: None,
///     seed: None,
///     n_images: 2,
///     n_steps: 3,
///     n_units: 4,
///     classes: vec!["pug".into(), "mug".into()],
///     hierarchy: None,
///     readout: None,
///     time: None,
///     digest: String::new(),
/// };
/// let toy = Trajectories::new(about, vec![0, 1], Array3::zeros((2, 3, 4)), Array3::zeros((2, 3, 2)))?;
/// assert_eq!(toy.read(1..2).unwrap().labels, [1]);
/// # Ok::<(), redyn_core::TrajectoriesError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectories {
    description: Description,
    labels: Vec<usize>,
    representations: Array3<f32>,
    logits: Array3<f32>,
}

impl Trajectories {
    /// Bind arrays to what they are of.
    ///
    /// # Shapes
    /// - `labels`: `[image]`
    /// - `representations`: `[image, step, unit]`
    /// - `logits`: `[image, step, class]`
    ///
    /// # Errors
    /// An array of another shape than the description says, a label that is no class,
    /// a value that is not finite, a readout or time axis that does not fit.
    pub fn new(
        description: Description,
        labels: Vec<usize>,
        representations: Array3<f32>,
        logits: Array3<f32>,
    ) -> Result<Self, TrajectoriesError> {
        let about = &description;
        let n_classes = about.classes.len();
        for (array, found, expected) in [
            ("labels", vec![labels.len()], vec![about.n_images]),
            (
                "representations",
                representations.shape().to_vec(),
                vec![about.n_images, about.n_steps, about.n_units],
            ),
            ("logits", logits.shape().to_vec(), vec![about.n_images, about.n_steps, n_classes]),
        ] {
            if found != expected {
                return Err(TrajectoriesError::Shape { array, found, expected });
            }
        }
        if let Some(time) = &about.time
            && time.times.len() != about.n_steps
        {
            let (found, expected) = (vec![time.times.len()], vec![about.n_steps]);
            return Err(TrajectoriesError::Shape { array: "times", found, expected });
        }
        if let Some(image) = labels.iter().position(|&label| label >= n_classes) {
            return Err(TrajectoriesError::Label { image, label: labels[image], n_classes });
        }
        for (array, values) in [("representations", &representations), ("logits", &logits)] {
            if let Some(((image, step, _), &value)) =
                values.indexed_iter().find(|(_, value)| !value.is_finite())
            {
                return Err(TrajectoriesError::NotFinite { array, image, step, value });
            }
        }
        if let Some(readout) = &about.readout {
            readout.check(n_classes, about.n_units)?;
        }
        Ok(Self { description, labels, representations, logits })
    }
}

impl TrajectorySource for Trajectories {
    fn description(&self) -> &Description {
        &self.description
    }

    fn labels(&self) -> &[usize] {
        &self.labels
    }

    fn read(&self, images: Range<usize>) -> Result<Block, Box<dyn Diagnose + Send + Sync>> {
        if images.start > images.end || images.end > self.labels.len() {
            return Err(Box::new(TrajectoriesError::Range { images, n_images: self.labels.len() }));
        }
        Ok(Block {
            labels: self.labels[images.clone()].to_vec(),
            representations: self.representations.slice(s![images.clone(), .., ..]).to_owned(),
            logits: self.logits.slice(s![images.clone(), .., ..]).to_owned(),
            images,
        })
    }
}

/// Why arrays are not the trajectories they are said to be.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum TrajectoriesError {
    /// An array of another shape than the description says.
    #[error("`{array}` has shape {found:?}, its description says {expected:?}")]
    Shape {
        /// The array.
        array: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits.
        expected: Vec<usize>,
    },
    /// A label that is no class.
    #[error("image {image} has label {label}, but there are {n_classes} classes")]
    Label {
        /// The image.
        image: usize,
        /// Its label.
        label: usize,
        /// How many classes there are.
        n_classes: usize,
    },
    /// NaN or infinity.
    #[error("`{array}` holds {value} for image {image} at step {step}")]
    NotFinite {
        /// The array.
        array: &'static str,
        /// The image.
        image: usize,
        /// The step.
        step: usize,
        /// The first such value.
        value: f32,
    },
    /// A readout that does not fit.
    #[error(transparent)]
    Readout(#[from] ReadoutError),
    /// Images beyond the last one.
    #[error("images {}..{} asked for, there are {n_images}", .images.start, .images.end)]
    Range {
        /// What was asked for.
        images: Range<usize>,
        /// How many there are.
        n_images: usize,
    },
}

impl Diagnose for TrajectoriesError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Label { .. } => Some("labels count from 0, in the order of the class names".into()),
            Self::NotFinite { .. } => Some("leave out images or steps that have no value".into()),
            _ => None,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Range { .. } => Fault::Failure,
            _ => Fault::User,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> Description {
        Description {
            name: "toy".into(),
            network: "none".into(),
            area: "it".into(),
            epoch: None,
            seed: None,
            n_images: 3,
            n_steps: 2,
            n_units: 4,
            classes: vec!["pug".into(), "mug".into()],
            hierarchy: None,
            readout: None,
            time: None,
            digest: String::new(),
        }
    }

    fn arrays() -> (Vec<usize>, Array3<f32>, Array3<f32>) {
        let fill = |(i, t, u): (usize, usize, usize)| (100 * i + 10 * t + u) as f32;
        (vec![0, 1, 1], Array3::from_shape_fn((3, 2, 4), fill), Array3::from_shape_fn((3, 2, 2), fill))
    }

    #[test]
    fn a_block_holds_the_images_asked_for() {
        let (labels, representations, logits) = arrays();
        let block = Trajectories::new(about(), labels, representations, logits).unwrap().read(1..3).unwrap();
        assert_eq!((block.images, block.labels), (1..3, vec![1, 1]));
        assert_eq!(block.representations[[0, 1, 3]], 113.0);
        assert_eq!(block.logits[[1, 0, 1]], 201.0);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        type Change<'a> = &'a dyn Fn(&mut Vec<usize>, &mut Array3<f32>, &mut Array3<f32>);
        let check = |change: Change| {
            let (mut labels, mut representations, mut logits) = arrays();
            change(&mut labels, &mut representations, &mut logits);
            Trajectories::new(about(), labels, representations, logits).unwrap_err().to_string()
        };
        assert_eq!(check(&|labels, _, _| labels[2] = 2), "image 2 has label 2, but there are 2 classes");
        assert_eq!(
            check(&|_, representations, _| representations[[1, 0, 2]] = f32::NAN),
            "`representations` holds NaN for image 1 at step 0"
        );
        assert_eq!(
            check(&|_, _, logits| *logits = Array3::zeros((3, 2, 5))),
            "`logits` has shape [3, 2, 5], its description says [3, 2, 2]"
        );
    }

    #[test]
    fn images_beyond_the_last_are_an_error() {
        let (labels, representations, logits) = arrays();
        let toy = Trajectories::new(about(), labels, representations, logits).unwrap();
        assert_eq!(toy.read(2..4).unwrap_err().to_string(), "images 2..4 asked for, there are 3");
    }
}
