//! One area of a store as analyses read it.

use std::ops::Range;

use ndarray::{Array3, ArrayView2, ArrayViewMut2, s};
use redyn_core::{Block, Description, Diagnose, TrajectorySource};
use zarrs::array::Array;

use crate::files::Files;
use crate::import::all_finite;
use crate::layout::{self, Spec};
use crate::pairing::{Pairing, Recorded};
use crate::store::read_chunk;
use crate::{Error, Outputs, Spatial, Store, Tap};

/// One area's trajectories, read from disk when asked for.
///
/// A block of the store is decoded whole whenever an image of it is asked for, so ask for
/// whole blocks where you can: [`TrajectorySource::images_in`] answers in whole blocks.
#[derive(Debug)]
pub struct StoreTrajectories<'a> {
    store: &'a Store,
    pairing: Pairing,
    area: (Spec, Array<Files>),
    outputs: (Spec, Array<Files>),
}

impl<'a> StoreTrajectories<'a> {
    pub(crate) fn new(store: &'a Store, tap: &Tap, spatial: Spatial) -> Result<Self, Error> {
        let header = &store.header;
        let recorded = Recorded {
            about: &header.about,
            n_images: store.n_images(),
            output_steps: &header.output_steps,
            readout: store.readout().map(|(readout, place)| (readout, place.tap.as_str(), place.delay)),
            digest: store.digest_of(std::slice::from_ref(tap))?,
        };
        let pairing = Pairing::new(recorded, tap, spatial)?;
        let opened = |spec: Spec| layout::open(&spec, &store.files).map(|array| (spec, array));
        let (area, outputs) = (opened(header.tap(tap))?, opened(header.outputs())?);
        Ok(Self { store, pairing, area, outputs })
    }

    /// The steps, as the network counts them, at which the area is read.
    pub fn steps(&self) -> Vec<usize> {
        self.pairing.steps()
    }

    /// Read some consecutive images.
    ///
    /// # Errors
    /// Images that are not there, a missing or damaged chunk, a value that is not finite.
    pub fn read_images(&self, images: Range<usize>) -> Result<Block, Error> {
        let n_images = self.pairing.description.n_images;
        if images.start > images.end || images.end > n_images {
            return Err(Error::Range { images, n_images });
        }
        Ok(Block {
            labels: self.store.labels[images.clone()].to_vec(),
            representations: self.representations(images.clone())?,
            logits: self.outputs(images.clone())?,
            images,
        })
    }

    /// `[image, step, unit]` of images that are there.
    pub(crate) fn representations(&self, images: Range<usize>) -> Result<Array3<f32>, Error> {
        let n_units = self.pairing.description.n_units;
        let all = self.gather(&self.area, &images, n_units, |values, into| {
            self.pairing.units_into(values, into);
        })?;
        self.check_finite(&images, &self.area.0, &all)?;
        Ok(all)
    }

    /// `[image, step, class]` of images that are there.
    pub(crate) fn outputs(&self, images: Range<usize>) -> Result<Array3<f32>, Error> {
        let n_classes = self.pairing.description.classes.len();
        let all = self.gather(&self.outputs, &images, n_classes, |values, into| {
            self.pairing.outputs_into(values, into);
        })?;
        self.check_finite(&images, &self.outputs.0, &all)?;
        Ok(all)
    }

    /// What `pick` takes of every image's `[step, value]`: `[image, step, value]`.
    fn gather(
        &self,
        array: &(Spec, Array<Files>),
        images: &Range<usize>,
        n_values: usize,
        pick: impl Fn(&ArrayView2<f32>, ArrayViewMut2<f32>),
    ) -> Result<Array3<f32>, Error> {
        let shape = (images.len(), self.pairing.n_steps(), n_values);
        if self.is_a_block_as_it_lies(&array.0, images, n_values) {
            let mut values = read_chunk(&array.1, &array.0, images.start / self.block(), &self.store.files)?;
            // A last, shorter block is padded.
            values.truncate(shape.0 * shape.1 * shape.2);
            return Ok(Array3::from_shape_vec(shape, values).expect("as long as its shape"));
        }
        let mut all = Array3::zeros(shape);
        self.each_block(array, images, |image, values| pick(values, all.slice_mut(s![image, .., ..])))?;
        Ok(all)
    }

    /// Whether these are the images of one block, and nothing that is stored of them is left out.
    fn is_a_block_as_it_lies(&self, spec: &Spec, images: &Range<usize>, n_values: usize) -> bool {
        let stored: u64 = spec.shape[1..].iter().product();
        !images.is_empty()
            && *images == self.store.header.images_of(images.start / self.block())
            && self.pairing.keeps_every_step()
            && stored == (self.pairing.n_steps() * n_values) as u64
    }

    /// In which form the outputs are stored.
    pub fn outputs_are(&self) -> Outputs {
        self.store.header.outputs
    }

    /// Images per block.
    pub(crate) fn block(&self) -> usize {
        self.store.header.block
    }

    /// Bytes held while a block is read: its chunk, as it is decoded, and what is kept.
    pub(crate) fn bytes_to_read_a_block(&self) -> u64 {
        (self.bytes_to_decode() + self.block() * self.bytes_per_image()) as u64
    }

    fn bytes_to_decode(&self) -> usize {
        3 * self.area.0.chunk_bytes().max(self.outputs.0.chunk_bytes()) as usize
    }

    fn bytes_per_image(&self) -> usize {
        4 * self.pairing.n_steps()
            * (self.pairing.description.n_units + self.pairing.description.classes.len())
    }

    /// Hand `[step, value]` of every image to `take`, with its place in `images`.
    fn each_block(
        &self,
        (spec, array): &(Spec, Array<Files>),
        images: &Range<usize>,
        mut take: impl FnMut(usize, &ArrayView2<f32>),
    ) -> Result<(), Error> {
        if images.is_empty() {
            return Ok(());
        }
        let block = self.block();
        let (n_steps, n_values) = (spec.shape[1] as usize, spec.shape[2..].iter().product::<u64>() as usize);
        for index in images.start / block..images.end.div_ceil(block) {
            let values: Vec<f32> = read_chunk(array, spec, index, &self.store.files)?;
            let there = self.store.header.images_of(index);
            for image in there.start.max(images.start)..there.end.min(images.end) {
                let start = (image - there.start) * n_steps * n_values;
                let one = &values[start..start + n_steps * n_values];
                let view = ArrayView2::from_shape((n_steps, n_values), one).expect("as long as its shape");
                take(image - images.start, &view);
            }
        }
        Ok(())
    }

    fn check_finite(&self, images: &Range<usize>, spec: &Spec, values: &Array3<f32>) -> Result<(), Error> {
        if values.as_slice().is_some_and(all_finite) {
            return Ok(());
        }
        let mut all = values.indexed_iter();
        all.find(|(_, value)| !value.is_finite()).map_or(Ok(()), |((image, step, _), &value)| {
            let (array, image, step) = (spec.name.clone(), images.start + image, self.steps()[step]);
            Err(Error::NotFinite { array, image, step, value })
        })
    }
}

impl TrajectorySource for StoreTrajectories<'_> {
    fn description(&self) -> &Description {
        &self.pairing.description
    }

    fn labels(&self) -> &[usize] {
        self.store.labels()
    }

    fn read(&self, images: Range<usize>) -> Result<Block, Box<dyn Diagnose + Send + Sync>> {
        self.read_images(images).map_err(|error| Box::new(error) as _)
    }

    /// Whole blocks, at least one; what decoding a chunk takes for a moment is left free.
    fn images_in(&self, bytes: usize) -> usize {
        let spare = bytes.saturating_sub(self.bytes_to_decode());
        (spare / self.bytes_per_image().max(1) / self.block()).max(1) * self.block()
    }

    fn bytes_of(&self, n_images: usize) -> usize {
        self.bytes_to_decode() + n_images * self.bytes_per_image()
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::TimeAxis;

    use super::*;
    use crate::StorePlan;
    use crate::tests::{toy_plan, toy_value, write_toy};

    fn with_store<T>(plan: &StorePlan, look: impl FnOnce(&Store) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        write_toy(folder.path(), plan);
        look(&Store::open(folder.path()).unwrap())
    }

    #[test]
    fn every_range_of_images_reads_as_it_was_written() {
        with_store(&toy_plan(7, 3), |store| {
            let it = store.trajectories("it", Spatial::Flatten).unwrap();
            for start in 0..=7 {
                for end in start..=7 {
                    let block = it.read_images(start..end).unwrap();
                    let expected = |array, n| {
                        Array3::from_shape_fn((end - start, 3, n), |(image, step, unit)| {
                            toy_value(array, start + image, step, unit)
                        })
                    };
                    assert_eq!(block.representations, expected(0, 4));
                    assert_eq!(block.logits, expected(2, 3));
                    assert_eq!(block.labels, &store.labels()[start..end]);
                }
            }
        });
    }

    #[test]
    fn steps_without_a_value_are_left_out_on_both_sides() {
        let mut plan = toy_plan(4, 2);
        plan.about.time = Some(TimeAxis { unit: "ms".into(), times: vec![0.5, 10.5, 20.5] });
        with_store(&plan, |store| {
            let v2 = store.trajectories("v2", Spatial::Flatten).unwrap();
            assert_eq!(v2.steps(), [1, 2]);
            assert_eq!(v2.description().time.as_ref().unwrap().times, [10.5, 20.5]);
            let block = v2.read_images(2..4).unwrap();
            assert_eq!(block.representations[[1, 0, 11]], toy_value(1, 3, 1, 11));
            assert_eq!(block.logits[[1, 1, 2]], toy_value(2, 3, 2, 2));
            assert!(v2.description().readout.is_none());
        });
    }

    #[test]
    fn a_delayed_readout_is_paired_with_the_step_it_reads() {
        let mut plan = toy_plan(4, 2);
        plan.readout.as_mut().unwrap().delay = 1;
        with_store(&plan, |store| {
            let it = store.trajectories("it", Spatial::Flatten).unwrap();
            assert_eq!(it.steps(), [0, 1]);
            let block = it.read_images(0..4).unwrap();
            assert_eq!(block.representations[[3, 1, 0]], toy_value(0, 3, 1, 0));
            assert_eq!(block.logits[[3, 1, 0]], toy_value(2, 3, 2, 0));
            assert!(it.description().readout.is_some());
        });
        plan.output_steps = vec![0];
        with_store(&plan, |store| {
            let error = store.trajectories("it", Spatial::Flatten).unwrap_err();
            assert!(matches!(error, Error::NoStep { .. }), "{error}");
        });
    }

    #[test]
    fn averaging_equals_a_plain_loop() {
        with_store(&toy_plan(4, 2), |store| {
            let v2 = store.trajectories("v2", Spatial::Average).unwrap();
            assert_eq!(v2.description().n_units, 3);
            let block = v2.read_images(0..4).unwrap();
            for ((image, place, channel), &mean) in block.representations.indexed_iter() {
                let sum: f64 =
                    (0..4).map(|p| f64::from(toy_value(1, image, place + 1, channel * 4 + p))).sum();
                assert_eq!(mean, (sum / 4.0) as f32);
            }
        });
    }

    #[test]
    fn a_budget_is_answered_in_whole_blocks() {
        with_store(&toy_plan(7, 3), |store| {
            let it = store.trajectories("it", Spatial::Flatten).unwrap();
            let per_block = 3 * 4 * 3 * (4 + 3);
            let decoding = 3 * (3 * 4 * 3 * 4 + 4);
            assert_eq!(it.images_in(0), 3);
            assert_eq!(it.images_in(decoding + 2 * per_block - 1), 3);
            assert_eq!(it.images_in(decoding + 2 * per_block), 6);
        });
    }

    #[test]
    fn a_nan_that_got_into_a_chunk_is_found() {
        let folder = tempfile::tempdir().unwrap();
        write_toy(folder.path(), &toy_plan(4, 2));
        let store = Store::open(folder.path()).unwrap();
        let spec = store.header.tap(&store.taps()[0]);
        let mut values = vec![0.0_f32; 24];
        values[12 + 4] = f32::INFINITY;
        std::fs::create_dir(folder.path().join(crate::files::WORKSHOP)).unwrap();
        spec.on(store.files.clone()).unwrap().store_chunk(&[1, 0, 0], values).unwrap();
        let error = store.trajectories("it", Spatial::Flatten).unwrap().read_images(0..4).unwrap_err();
        assert_eq!(error.to_string(), "`taps/it` holds inf for image 3 at step 1");
    }
}
