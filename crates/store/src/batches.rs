//! A store fed in batches of any size, as a loop over images hands them out.

use std::path::Path;

use ndarray::{ArrayD, ArrayViewD, Axis, Ix3, Slice};

use crate::{BlockData, Error, StorePlan, StoreWriter};

/// Gathers batches into the blocks of a store.
///
/// A batch holds the images that follow those of the last. Images that an earlier, interrupted
/// run has written are counted and not written again. At most one block is held.
#[derive(Debug)]
pub struct BatchWriter {
    writer: StoreWriter,
    names: Vec<String>,
    /// The taps of the plan and at last the outputs, `[image, step, unit...]` of one block.
    block: Vec<ArrayD<f32>>,
    seen: usize,
    n_images: usize,
}

impl BatchWriter {
    /// Begin a store at `path`, or go on with the one that was begun there.
    ///
    /// # Errors
    /// As [`StoreWriter::create_or_resume`].
    pub fn create_or_resume(path: impl AsRef<Path>, plan: &StorePlan) -> Result<Self, Error> {
        let writer = StoreWriter::create_or_resume(path, plan)?;
        let taps = plan.taps.iter().map(|tap| {
            let units = tap.shape.iter().map(|axis| axis.size);
            [plan.block, tap.steps.len()].into_iter().chain(units).collect::<Vec<_>>()
        });
        let outputs = vec![plan.block, plan.output_steps.len(), plan.n_classes()];
        let names = plan.taps.iter().map(|tap| tap.area.clone()).chain([plan.outputs.array().to_owned()]);
        Ok(Self {
            writer,
            names: names.collect(),
            block: taps.chain([outputs]).map(ArrayD::zeros).collect(),
            seen: 0,
            n_images: plan.n_images(),
        })
    }

    /// How many images are on disk, counted from the first.
    pub fn n_images_done(&self) -> usize {
        self.writer.n_images_done()
    }

    /// How many images were given, counted from the first, those on disk included.
    pub fn n_images_seen(&self) -> usize {
        self.seen
    }

    /// Count images that are on disk as given.
    ///
    /// # Errors
    /// More than are there.
    pub fn skip(&mut self, n_images: usize) -> Result<(), Error> {
        let given = self.seen..self.seen + n_images;
        if given.end > self.n_images_done() {
            return Err(Error::BlockOrder { given, next: self.writer.next_block() });
        }
        self.seen = given.end;
        Ok(())
    }

    /// Take as many of a batch's images as the block has room for, from image `from` of the batch
    /// on; gives how many. When the block is then [`full`](Self::is_full), [`flush`](Self::flush) it.
    ///
    /// # Shapes
    /// - `taps`: for each tap of the plan `[image, step, unit...]`
    /// - `outputs`: `[image, step, class]`
    ///
    /// # Errors
    /// Arrays of another shape than the plan says, or more images than it has.
    pub fn take(
        &mut self,
        taps: &[ArrayViewD<f32>],
        outputs: &ArrayViewD<f32>,
        from: usize,
    ) -> Result<usize, Error> {
        let batch = outputs.len_of(Axis(0));
        if taps.len() + 1 != self.block.len() {
            let (found, expected) = (vec![taps.len()], vec![self.block.len() - 1]);
            return Err(Error::BlockShape { array: "taps".into(), found, expected });
        }
        for ((values, block), name) in taps.iter().chain([outputs]).zip(&self.block).zip(&self.names) {
            let mut expected = block.shape().to_vec();
            expected[0] = batch;
            if values.shape() != expected {
                let (array, found) = (name.clone(), values.shape().to_vec());
                return Err(Error::BlockShape { array, found, expected });
            }
        }
        let left = batch - from;
        if self.seen + left > self.n_images {
            let given = self.seen..self.seen + left;
            return Err(Error::BlockOrder { given, next: self.writer.next_block() });
        }
        let done = self.n_images_done();
        if self.seen < done {
            let skipped = left.min(done - self.seen);
            self.seen += skipped;
            return Ok(skipped);
        }
        let Some(next) = self.writer.next_block() else { return Ok(left) };
        let place = self.seen - next.start;
        let taken = left.min(next.len() - place);
        for (values, block) in taps.iter().chain([outputs]).zip(&mut self.block) {
            block
                .slice_axis_mut(Axis(0), Slice::from(place..place + taken))
                .assign(&values.slice_axis(Axis(0), Slice::from(from..from + taken)));
        }
        self.seen += taken;
        Ok(taken)
    }

    /// Whether a whole block waits to be written.
    pub fn is_full(&self) -> bool {
        self.writer.next_block().is_some_and(|next| self.seen == next.end)
    }

    /// Write the block that is full.
    ///
    /// # Errors
    /// As [`StoreWriter::write`]: above all a value that is not finite.
    pub fn flush(&mut self) -> Result<(), Error> {
        let Some(images) = self.writer.next_block().filter(|_| self.is_full()) else { return Ok(()) };
        let there = Slice::from(..images.len());
        let mut views: Vec<ArrayViewD<f32>> =
            self.block.iter().map(|array| array.slice_axis(Axis(0), there)).collect();
        let outputs = views.pop().and_then(|outputs| outputs.into_dimensionality::<Ix3>().ok());
        let outputs = outputs.ok_or_else(|| Error::plan("outputs without the axes image, step and class"))?;
        self.writer.write(&BlockData { images, outputs, taps: views })
    }

    /// Mark the store complete.
    ///
    /// # Errors
    /// Images are missing, or the file system refuses; the store stays resumable.
    pub fn finish(self) -> Result<(), Error> {
        self.writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{files_below, toy_block, toy_plan, write_toy};

    /// Give images from `from` on in batches of `size`.
    fn feed(writer: &mut BatchWriter, plan: &StorePlan, images: std::ops::Range<usize>, size: usize) {
        for first in images.clone().step_by(size) {
            let batch = toy_block(plan, first..(first + size).min(images.end));
            let data = batch.data();
            let (outputs, mut from) = (data.outputs.into_dyn(), 0);
            while from < outputs.len_of(Axis(0)) {
                from += writer.take(&data.taps, &outputs, from).unwrap();
                if writer.is_full() {
                    writer.flush().unwrap();
                }
            }
        }
    }

    #[test]
    fn batches_of_any_size_give_the_bytes_of_whole_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let plan = toy_plan(11, 4);
        write_toy(&folder.path().join("whole"), &plan);
        let expected = files_below(&folder.path().join("whole"));
        for size in [1, 3, 4, 5, 11] {
            let root = folder.path().join(size.to_string());
            let mut writer = BatchWriter::create_or_resume(&root, &plan).unwrap();
            feed(&mut writer, &plan, 0..11, size);
            assert_eq!(writer.n_images_seen(), 11);
            writer.finish().unwrap();
            assert!(files_below(&root) == expected, "batches of {size}");
        }
    }

    #[test]
    fn an_interrupted_loop_continues_to_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (root, plan) = (folder.path().join("a"), toy_plan(11, 4));
        write_toy(&folder.path().join("whole"), &plan);
        let mut writer = BatchWriter::create_or_resume(&root, &plan).unwrap();
        feed(&mut writer, &plan, 0..6, 3);
        assert!(matches!(writer.finish(), Err(Error::Unfinished { .. })));
        let mut writer = BatchWriter::create_or_resume(&root, &plan).unwrap();
        assert_eq!(writer.n_images_done(), 4);
        assert!(writer.skip(5).is_err());
        writer.skip(2).unwrap();
        feed(&mut writer, &plan, 2..11, 3);
        writer.finish().unwrap();
        assert!(files_below(&root) == files_below(&folder.path().join("whole")));
    }

    #[test]
    fn more_images_than_planned_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let plan = toy_plan(3, 2);
        let mut writer = BatchWriter::create_or_resume(folder.path(), &plan).unwrap();
        let four = toy_plan(4, 2);
        let batch = toy_block(&four, 0..4);
        let data = batch.data();
        let refused = writer.take(&data.taps, &data.outputs.into_dyn(), 0).unwrap_err();
        assert_eq!(refused.to_string(), "images 0..4 were given, the next block is Some(0..2)");
    }
}
