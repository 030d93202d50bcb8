//! What is going to be written: the words a run and a store agree on.

use redyn_core::{Hierarchy, Readout, TimeAxis};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Everything a store says about the trajectories beside the numbers.
///
/// Written once, into the attributes of the Zarr group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Short name for legends and file names: `LA`, `TM untrained`.
    pub name: String,
    /// The network, as its card names it (`blt64`, with its flags), or the recording.
    pub network: String,
    /// The model's card; `null` for a recording.
    #[serde(default)]
    pub model: serde_json::Value,
    /// Digest of the weights.
    #[serde(default)]
    pub weights_digest: Option<String>,
    /// Digest of the images and labels.
    #[serde(default)]
    pub dataset_digest: Option<String>,
    /// The data set, as it was named; its digest says which it was.
    #[serde(default)]
    pub dataset: Option<String>,
    /// The update schedule: `engineering`, `biological`, ...
    #[serde(default)]
    pub schedule: Option<String>,
    /// Seed of the network's initial weights.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Training epoch of the weights; −1 is the untrained network.
    #[serde(default)]
    pub epoch: Option<i64>,
    /// Which kernels computed the numbers. A store is never continued on other kernels.
    #[serde(default)]
    pub kernel_path: String,
    /// The command that began the store.
    #[serde(default)]
    pub command: String,
    /// The version of redyn that began the store.
    #[serde(default)]
    pub tool_version: String,
    /// Class names, in the order of labels and outputs.
    pub classes: Vec<String>,
    /// How the classes are related, where known.
    #[serde(default)]
    pub hierarchy: Option<Hierarchy>,
    /// What a step means in time, for recordings.
    #[serde(default)]
    pub time: Option<TimeAxis>,
}

/// One axis of an area's units: `channel`, `height`, `width`, or plain `unit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitAxis {
    /// What it counts. `height` and `width` are space: [`crate::Spatial::Average`] runs over them.
    pub name: String,
    /// How many.
    pub size: usize,
}

/// An area that is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tap {
    /// Name of the area: letters, digits, `_`, `-` and `.`.
    pub area: String,
    /// The axes of its units, slowest first.
    pub shape: Vec<UnitAxis>,
    /// The steps it has a value at, increasing; a step without a value is not in the list.
    pub steps: Vec<usize>,
    /// The first step at which its value depends on the image.
    pub depends_on_image_from: usize,
}

impl Tap {
    /// A tap of plain units.
    pub fn units(area: impl Into<String>, n_units: usize, steps: Vec<usize>) -> Self {
        let shape = vec![UnitAxis { name: "unit".into(), size: n_units }];
        Self { area: area.into(), shape, depends_on_image_from: steps.first().copied().unwrap_or(0), steps }
    }

    /// A tap of feature maps, `[channel, height, width]`.
    pub fn maps(area: impl Into<String>, [channel, height, width]: [usize; 3], steps: Vec<usize>) -> Self {
        let axis = |name: &str, size| UnitAxis { name: name.into(), size };
        let shape = vec![axis("channel", channel), axis("height", height), axis("width", width)];
        Self { area: area.into(), shape, depends_on_image_from: steps.first().copied().unwrap_or(0), steps }
    }

    /// Number of units, all axes together.
    pub fn n_units(&self) -> usize {
        self.shape.iter().map(|axis| axis.size).product()
    }
}

/// A linear readout and where it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedReadout {
    /// Weight and bias.
    pub readout: Readout,
    /// The area it reads.
    pub tap: String,
    /// The outputs at step `t` read the area at step `t − delay`.
    pub delay: usize,
}

/// What the network said, in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outputs {
    /// Scores before softmax; the array is called `logits`.
    #[default]
    Logits,
    /// Logarithms of probabilities, clamped or not; the array is called `log_probs`.
    LogProbs,
}

impl Outputs {
    /// Name of the array in the store.
    pub fn array(self) -> &'static str {
        match self {
            Self::Logits => "logits",
            Self::LogProbs => "log_probs",
        }
    }
}

/// Everything about a store but the activations themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct StorePlan {
    /// Names, provenance, classes.
    pub about: About,
    /// True class of every image.
    pub labels: Vec<usize>,
    /// A name for every image that stays the same from run to run.
    pub image_ids: Vec<String>,
    /// Number of steps the network was unrolled for.
    pub n_steps: usize,
    /// In which form the outputs are stored.
    pub outputs: Outputs,
    /// The steps at which the network said something, increasing.
    pub output_steps: Vec<usize>,
    /// The areas recorded.
    pub taps: Vec<Tap>,
    /// The readout, where it is one linear map of one area.
    pub readout: Option<PlannedReadout>,
    /// Images per chunk.
    pub block: usize,
}

impl StorePlan {
    /// Number of images.
    pub fn n_images(&self) -> usize {
        self.labels.len()
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.about.classes.len()
    }

    /// Bytes of activations and outputs of one image.
    pub fn bytes_per_image(&self) -> u64 {
        let taps: usize = self.taps.iter().map(|tap| tap.steps.len() * tap.n_units()).sum();
        4 * (taps + self.output_steps.len() * self.n_classes()) as u64
    }

    /// Bytes of a block: large enough for a disk, small enough to read a few at once.
    pub const BLOCK: u64 = 4 << 20;

    /// The same plan in blocks of as many images as [`StorePlan::BLOCK`] and `bytes` hold, at
    /// least one and at most 1024.
    ///
    /// While a block is written its largest array is held once more, encoded: counted in.
    ///
    /// # Errors
    /// Not even one image fits in `bytes`.
    pub fn with_block_in(mut self, bytes: u64) -> Result<Self, Error> {
        let largest = self.taps.iter().map(|tap| 4 * (tap.steps.len() * tap.n_units()) as u64).max();
        let per_image = self.bytes_per_image() + largest.unwrap_or(0);
        if per_image > bytes {
            return Err(Error::Memory { budget: bytes, needed: per_image });
        }
        let fit = bytes.min(Self::BLOCK) / per_image.max(1);
        self.block = fit.min(1024).min(self.n_images() as u64).max(1) as usize;
        Ok(self)
    }

    /// Check that the plan can be carried out.
    ///
    /// # Errors
    /// [`Error::Plan`] says what does not fit.
    pub fn check(&self) -> Result<(), Error> {
        let (n_images, n_classes) = (self.n_images(), self.n_classes());
        if n_images == 0 || n_classes == 0 || self.n_steps == 0 || self.block == 0 {
            return Err(Error::plan(format!(
                "{n_images} images, {n_classes} classes, {} steps, {} images per block: none may be 0",
                self.n_steps, self.block
            )));
        }
        if self.image_ids.len() != n_images {
            return Err(Error::plan(format!("{} image names for {n_images} labels", self.image_ids.len())));
        }
        if let Some(image) = self.labels.iter().position(|&label| label >= n_classes) {
            return Err(Error::plan(format!(
                "image {image} (`{}`) has label {}, but there are {n_classes} classes",
                self.image_ids[image], self.labels[image]
            )));
        }
        if let Some(hierarchy) = &self.about.hierarchy
            && hierarchy.groups.len() != n_classes
        {
            let found = hierarchy.groups.len();
            return Err(Error::plan(format!("a hierarchy of {found} classes for {n_classes} classes")));
        }
        if let Some(time) = &self.about.time
            && time.times.len() != self.n_steps
        {
            return Err(Error::plan(format!("{} times for {} steps", time.times.len(), self.n_steps)));
        }
        self.check_steps(self.outputs.array(), &self.output_steps)?;
        for (index, tap) in self.taps.iter().enumerate() {
            self.check_tap(tap)?;
            let same = |other: &&Tap| other.area.eq_ignore_ascii_case(&tap.area);
            if let Some(other) = self.taps[..index].iter().find(same) {
                return Err(Error::plan(format!(
                    "areas `{}` and `{}` would share a folder",
                    other.area, tap.area
                )));
            }
        }
        self.readout.as_ref().map_or(Ok(()), |planned| self.check_readout(planned))
    }

    fn check_tap(&self, tap: &Tap) -> Result<(), Error> {
        let area = &tap.area;
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if area.is_empty() || area.starts_with(['.', '_']) || area.ends_with('.') || !area.chars().all(plain)
        {
            return Err(Error::plan(format!(
                "area `{area}` cannot name a folder (letters, digits, `_`, `-`, `.`)"
            )));
        }
        if tap.shape.is_empty() || tap.n_units() == 0 {
            return Err(Error::plan(format!("area `{area}` has no units")));
        }
        for (index, axis) in tap.shape.iter().enumerate() {
            let twice = tap.shape[..index].iter().any(|other| other.name == axis.name);
            if twice || axis.name.is_empty() || ["image", "step"].contains(&axis.name.as_str()) {
                return Err(Error::plan(format!("area `{area}`: `{}` cannot name an axis here", axis.name)));
            }
        }
        self.check_steps(area, &tap.steps)
    }

    fn check_steps(&self, array: &str, steps: &[usize]) -> Result<(), Error> {
        let increasing = steps.windows(2).all(|pair| pair[0] < pair[1]);
        if steps.is_empty() || !increasing || steps.iter().any(|&step| step >= self.n_steps) {
            return Err(Error::plan(format!(
                "`{array}`: steps {steps:?} are not some increasing steps below {}",
                self.n_steps
            )));
        }
        Ok(())
    }

    fn check_readout(&self, planned: &PlannedReadout) -> Result<(), Error> {
        let refused = |error| Error::plan(format!("readout of `{}`: {error}", planned.tap));
        let n_units = planned.readout.weight.ncols();
        planned.readout.check(self.n_classes(), n_units).map_err(refused)?;
        if let Some(tap) = self.taps.iter().find(|tap| tap.area == planned.tap)
            && ![tap.n_units(), crate::Spatial::Average.n_units(tap)].contains(&n_units)
        {
            return Err(Error::plan(format!(
                "the readout reads {n_units} units, area `{}` has {}",
                tap.area,
                tap.n_units()
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::toy_plan;

    fn refusal(change: impl Fn(&mut StorePlan)) -> String {
        let mut plan = toy_plan(5, 2);
        change(&mut plan);
        plan.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_written_is_refused_beforehand() {
        toy_plan(5, 2).check().unwrap();
        assert!(refusal(|plan| plan.labels[3] = 9).contains("image 3 (`photo/ü3.jpg`) has label 9"));
        assert!(refusal(|plan| plan.taps[0].area = "a/b".into()).contains("cannot name a folder"));
        assert!(refusal(|plan| plan.taps[1].area = "IT".into()).contains("would share a folder"));
        assert!(refusal(|plan| plan.taps[0].steps = vec![1, 1]).contains("increasing steps below 3"));
        assert!(refusal(|plan| plan.output_steps = vec![3]).contains("increasing steps below 3"));
        assert!(refusal(|plan| plan.image_ids.truncate(1)).contains("1 image names for 5 labels"));
        assert!(refusal(|plan| plan.block = 0).contains("none may be 0"));
    }

    #[test]
    fn a_block_fits_in_the_bytes_it_is_chosen_for() {
        let plan = toy_plan(100, 2);
        let per_image = plan.bytes_per_image() + 4 * 2 * 12;
        assert_eq!(plan.clone().with_block_in(7 * per_image).unwrap().block, 7);
        assert_eq!(plan.clone().with_block_in(u64::MAX).unwrap().block, 100);
        assert!(matches!(plan.with_block_in(per_image - 1), Err(Error::Memory { .. })));
    }
}
