//! What a stage of a network holds, block by block.

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;
use redyn_core::{Block, TrajectorySource};

use super::Stage;
use crate::Error;
use crate::numeric::Panels;
use crate::reader::{Reader, side_by_side};

/// Representations whose logits are formed together.
const TOGETHER: usize = 240;

/// A stage of some trajectories.
pub(crate) struct Staged<'a> {
    pub(super) source: &'a dyn TrajectorySource,
    stage: Stage,
    /// The readout, where it makes the decision stage.
    readout: Option<Panels<f32>>,
}

impl<'a> Staged<'a> {
    /// `reads`: whether the readout of the description turns representations into the logits.
    pub(crate) fn new(source: &'a dyn TrajectorySource, stage: Stage, reads: bool) -> Self {
        let about = source.description();
        let readout =
            about.readout.as_ref().filter(|_| reads && stage == Stage::Decision && source.folds().is_none());
        let panels = |readout: &redyn_core::Readout| {
            let weight: Vec<f32> = readout.weight.iter().copied().collect();
            Panels::new(&weight, about.classes.len(), about.n_units)
        };
        Self { source, stage, readout: readout.map(panels) }
    }

    pub(crate) fn n_steps(&self) -> usize {
        self.source.description().n_steps
    }

    /// Length of a vector of this stage.
    pub(crate) fn n_units(&self) -> usize {
        let about = self.source.description();
        if self.stage == Stage::Feature { about.n_units } else { about.classes.len() }
    }

    /// Hand every block to `take`, in order: its images, and `[image, step, unit]`. As many blocks
    /// are read side by side as there are threads, and memory for them.
    pub(crate) fn each_block(
        &self,
        memory: usize,
        mut take: impl FnMut(Range<usize>, &[f32]),
    ) -> Result<(), Error> {
        let reader = Reader { source: self.source, zones: Vec::new() };
        let n_images = self.source.description().n_images;
        let (n_per_block, at_once) = side_by_side(self.source, memory / 2, memory);
        let firsts: Vec<usize> = (0..n_images).step_by(n_per_block).collect();
        for firsts in firsts.chunks(at_once) {
            let read = |&first: &usize| reader.read(first..n_images.min(first + n_per_block));
            let blocks: Vec<Result<Block, Error>> = firsts.par_iter().map(read).collect();
            for block in blocks {
                let block = block?;
                take(block.images.clone(), &self.values(&block));
            }
        }
        Ok(())
    }

    fn values<'b>(&self, block: &'b Block) -> Cow<'b, [f32]> {
        let flat = |array: &'b ndarray::Array3<f32>| array.as_slice().expect("read in standard layout");
        let Some(panels) = &self.readout else {
            let recorded = if self.stage == Stage::Feature { &block.representations } else { &block.logits };
            return Cow::Borrowed(flat(recorded));
        };
        let about = self.source.description();
        let bias = about.readout.as_ref().and_then(|readout| readout.bias.as_ref());
        let representations = flat(&block.representations);
        let n_classes = about.classes.len();
        let mut scores = vec![0.0; representations.len() / about.n_units * n_classes];
        let parts = representations.par_chunks(TOGETHER * about.n_units);
        scores.par_chunks_mut(TOGETHER * n_classes).zip(parts).for_each(|(scores, representations)| {
            let mut products = panels.products(representations);
            if let Some(bias) = bias {
                for products in products.chunks_exact_mut(n_classes) {
                    products.iter_mut().zip(bias).for_each(|(product, &bias)| *product += f64::from(bias));
                }
            }
            scores.iter_mut().zip(products).for_each(|(score, product)| *score = product as f32);
        });
        Cow::Owned(scores)
    }
}
