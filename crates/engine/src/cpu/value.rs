//! A batch of values in memory.

use super::pointwise;
use super::pool::Buffer;
use crate::Shape;

/// A batch of values in memory.
#[derive(Debug)]
pub struct Value {
    pub(super) shape: Shape,
    pub(super) batch: usize,
    pub(super) values: Buffer,
}

impl Value {
    pub(super) fn image(&self) -> usize {
        self.shape.len()
    }

    /// What it is for an image of a batch.
    pub(super) fn of_image(&self, index: usize) -> &[f32] {
        pointwise::of_image(&self.values, self.image(), index)
    }
}
