//! Arrays that are already in memory, or wherever else somebody keeps them.

use std::ops::Range;

use ndarray::{ArrayD, Axis, Slice};
use sha2::{Digest, Sha256};

use super::arrays::{Arrays, position_of_infinite};
use crate::header::{hex, images_digest, readout_digest};
use crate::{Error, StorePlan};

/// Bytes of an array that are looked at at a time.
const AT_ONCE: usize = 32 << 20;

/// An array with images first and steps second, of which some images are read at a time.
pub trait Values: Send + Sync {
    /// `[image, step, unit...]`.
    fn shape(&self) -> &[usize];

    /// Some consecutive images, in standard layout.
    ///
    /// # Errors
    /// Whatever keeps them from being read.
    fn read(&self, images: Range<usize>) -> Result<ArrayD<f32>, Error>;
}

impl Values for ArrayD<f32> {
    fn shape(&self) -> &[usize] {
        self.shape()
    }

    fn read(&self, images: Range<usize>) -> Result<ArrayD<f32>, Error> {
        Ok(self.slice_axis(Axis(0), Slice::from(images)).as_standard_layout().into_owned())
    }
}

impl Arrays {
    /// Arrays of a running program, bound to what they are of: as a store of this plan would be
    /// read. They are read through once, to find what is not finite and to give them a digest,
    /// and again whenever an analysis asks; they must not change meanwhile.
    ///
    /// Without `outputs` the plan's readout computes them; without that, too, nothing tells what was
    /// said ([`Arrays::is_judged`]).
    ///
    /// # Errors
    /// A plan that cannot be carried out, arrays of other shapes than it says, a value that is
    /// not finite, a readout that cannot compute the outputs that are not given.
    pub fn in_memory(
        plan: StorePlan,
        taps: Vec<Box<dyn Values>>,
        outputs: Option<Box<dyn Values>>,
    ) -> Result<Self, Error> {
        plan.check()?;
        if taps.len() != plan.taps.len() {
            return Err(Error::plan(format!("{} arrays for {} areas", taps.len(), plan.taps.len())));
        }
        let mut digest = Sha256::new();
        digest.update(serde_json::to_string(&plan.about.classes).unwrap_or_default());
        digest.update(images_digest(&plan.labels, &plan.image_ids));
        digest.update(plan.readout.as_ref().map_or_else(String::new, |of| readout_digest(&of.readout)));
        for (tap, values) in plan.taps.iter().zip(&taps) {
            let units = tap.shape.iter().map(|axis| axis.size);
            let shape: Vec<usize> = [plan.n_images(), tap.steps.len()].into_iter().chain(units).collect();
            digest.update(&tap.area);
            digest.update(looked_through(&tap.area, values.as_ref(), &shape, &tap.steps)?);
        }
        if let Some(values) = &outputs {
            let shape = [plan.n_images(), plan.output_steps.len(), plan.n_classes()];
            let name = plan.outputs.array();
            digest.update(looked_through(name, values.as_ref(), &shape, &plan.output_steps)?);
        }
        let path = plan.about.name.clone().into();
        let arrays = Self { path, digest: hex(&digest.finalize()), plan, taps, outputs };
        if arrays.outputs.is_none() && arrays.plan.readout.is_some() {
            arrays.check_computed_outputs()?;
        }
        Ok(arrays)
    }
}

/// The digest of an array, when all of it is finite and of the shape it should have.
fn looked_through(
    name: &str,
    values: &dyn Values,
    expected: &[usize],
    steps: &[usize],
) -> Result<Vec<u8>, Error> {
    let wrong = |reason: String| Error::InMemory { array: name.to_owned(), reason };
    if values.shape() != expected {
        return Err(wrong(format!("has shape {:?}, expected {expected:?}", values.shape())));
    }
    let n_images = expected[0];
    let per_image = 4 * expected[1..].iter().product::<usize>();
    let some = (AT_ONCE / per_image.max(1)).max(1);
    let mut digest = Sha256::new();
    for first in (0..n_images).step_by(some) {
        let part = values.read(first..(first + some).min(n_images))?;
        if let Some((image, step, value)) = position_of_infinite(&part) {
            return Err(wrong(format!("holds {value} for image {} at step {}", first + image, steps[step])));
        }
        part.iter().for_each(|value| digest.update(value.to_le_bytes()));
    }
    Ok(digest.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{toy_block, toy_plan, write_toy};
    use crate::{Outputs, Spatial, Store, Work};

    type Boxed = Box<dyn Values>;

    /// The arrays of the toy store, in memory.
    fn toy(plan: &StorePlan) -> (Vec<Boxed>, Option<Boxed>) {
        let block = toy_block(plan, 0..plan.n_images());
        let boxed = |values: ArrayD<f32>| Box::new(values) as Boxed;
        let outputs = block.data().outputs.to_owned().into_dyn();
        (block.taps.into_iter().map(boxed).collect(), Some(boxed(outputs)))
    }

    #[test]
    fn arrays_in_memory_read_as_the_store_of_their_plan() {
        let folder = tempfile::tempdir().unwrap();
        let plan = toy_plan(7, 3);
        write_toy(folder.path(), &plan);
        let store = Store::open(folder.path()).unwrap();
        let (taps, outputs) = toy(&plan);
        let arrays = Arrays::in_memory(plan, taps, outputs).unwrap();
        for (area, spatial) in [("it", Spatial::Flatten), ("v2", Spatial::Average), ("v2", Spatial::Flatten)]
        {
            let held = arrays.trajectories(area, spatial).unwrap();
            let stored = store.trajectories(area, spatial).unwrap();
            for images in [0..7, 2..5, 6..7] {
                assert_eq!(held.read_images(images.clone()).unwrap(), stored.read_images(images).unwrap());
            }
        }
        let saved = arrays.save(&folder.path().join("saved.zarr"), &Work::within(1 << 20)).unwrap();
        assert_eq!(saved.about(), store.about());
        let (saved, stored) = (
            saved.trajectories("it", Spatial::Flatten).unwrap(),
            store.trajectories("it", Spatial::Flatten).unwrap(),
        );
        assert_eq!(saved.read_images(0..7).unwrap(), stored.read_images(0..7).unwrap());
    }

    #[test]
    fn what_does_not_fit_is_named_with_both_shapes() {
        let refusal = |change: &dyn Fn(&mut StorePlan, &mut Vec<Boxed>)| {
            let mut plan = toy_plan(4, 2);
            let (mut taps, outputs) = toy(&plan);
            change(&mut plan, &mut taps);
            Arrays::in_memory(plan, taps, outputs).map(|_| ()).unwrap_err().to_string()
        };
        let fill = |value: f32| -> Boxed {
            let mut values = ArrayD::zeros(vec![4, 3, 4]);
            values[[2, 1, 3]] = value;
            Box::new(values)
        };
        assert_eq!(
            refusal(&|_, taps| taps[0] = Box::new(ArrayD::zeros(vec![4, 3, 5]))),
            "`it` has shape [4, 3, 5], expected [4, 3, 4]"
        );
        assert_eq!(refusal(&|_, taps| taps[0] = fill(f32::NAN)), "`it` holds NaN for image 2 at step 1");
        assert!(refusal(&|_, taps| taps.truncate(1)).contains("1 arrays for 2 areas"));
        assert!(refusal(&|plan, _| plan.labels[1] = 77).contains("has label 77"));
    }

    #[test]
    fn the_digest_is_of_the_numbers() {
        let digest = |change: &dyn Fn(&mut StorePlan)| {
            let mut plan = toy_plan(5, 2);
            change(&mut plan);
            let (taps, outputs) = toy(&plan);
            let arrays = Arrays::in_memory(plan, taps, outputs).unwrap();
            arrays.trajectories("it", Spatial::Flatten).map(|_| arrays.digest.clone()).unwrap()
        };
        let whole = digest(&|_| ());
        assert_eq!(whole, digest(&|plan| plan.about.name = "other".into()));
        assert_ne!(whole, digest(&|plan| plan.labels.swap(0, 1)));
        assert_ne!(whole, digest(&|plan| plan.readout = None));
    }

    #[test]
    fn outputs_that_nobody_gave_are_computed_by_the_readout() {
        let mut plan = toy_plan(5, 2);
        plan.outputs = Outputs::Logits;
        let (taps, _) = toy(&plan);
        let arrays = Arrays::in_memory(plan.clone(), taps, None).unwrap();
        let block = arrays.trajectories("it", Spatial::Flatten).unwrap().read_images(3..4).unwrap();
        let readout = &plan.readout.as_ref().unwrap().readout;
        for (step, state) in block.representations.index_axis(Axis(0), 0).outer_iter().enumerate() {
            for (class, score) in readout.scores(&state).into_iter().enumerate() {
                assert_eq!(block.logits[[0, step, class]], score as f32);
            }
        }
        let (taps, _) = toy(&plan);
        plan.readout = None;
        assert!(!Arrays::in_memory(plan, taps, None).unwrap().is_judged());
    }
}
