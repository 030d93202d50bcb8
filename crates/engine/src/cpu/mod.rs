//! The native CPU engine.
//!
//! Every sum has an order fixed by shapes (for weight gradients also by the batch), so
//! that neither threads nor, for a value, the rest of the batch change a bit.

mod backward;
mod channel_norm;
mod confidence;
mod convolution;
mod direct;
mod direct_gradient;
mod elementwise;
mod forward;
mod fused;
mod grouped;
mod layer_norm;
#[cfg(test)]
mod naive;
mod pointwise;
mod pool;
mod pooling;
mod product;
mod simd;
mod tangent;
mod tasks;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twins;
mod value;
mod weight;
mod windows;
mod winograd;

use std::sync::Arc;

use self::pool::Pool;
use self::simd::Level;
pub use self::value::Value;
pub use self::weight::{Gradient, Weight};
use crate::{Engine, Op, Saved, Shape, Stage, Staged};

/// How convolutions are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kernels {
    /// As they are written down.
    Direct,
    /// Winograd's tiles of 2 × 2 for kernels of 3 × 3, and of 5 × 5 with stride 2, where that
    /// is faster: rounding as small as that of a direct convolution.
    Accurate,
    /// Winograd's tiles of 4 × 4 for kernels of 3 × 3, of 2 × 2 for 5 × 5, of stride 1 or 2, and of
    /// 4 × 4 for 7 × 7 of stride 1, where that is faster: relative rounding of some 3e-6.
    #[default]
    Fast,
}

/// The native CPU engine. It uses the rayon pool it is called from.
#[derive(Clone, Debug)]
pub struct Cpu {
    level: Level,
    kernels: Kernels,
    pool: Arc<Pool>,
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Cpu {
    /// The fastest kernels this processor can run.
    pub fn new() -> Self {
        Self::with(Kernels::default())
    }

    /// Kernels of choice.
    pub fn with(kernels: Kernels) -> Self {
        Self::at(Level::best(), kernels)
    }

    fn at(level: Level, kernels: Kernels) -> Self {
        Self { level, kernels, pool: Arc::default() }
    }

    fn empty(&self, shape: Shape, batch: usize) -> Value {
        Value { shape, batch, values: self.pool.take(shape.len() * batch) }
    }
}

impl Engine for Cpu {
    type Value = Value;
    type Weight = Weight;
    type Gradient = Gradient;

    fn path(&self) -> String {
        let kernels = match self.kernels {
            Kernels::Direct => "direct",
            Kernels::Accurate => "winograd2",
            Kernels::Fast => "winograd4",
        };
        format!("cpu {} {kernels}", self.level.name())
    }

    fn value(&self, shape: Shape, batch: usize, data: &[f32]) -> Value {
        assert_eq!(data.len(), shape.len() * batch, "{batch} values of shape {shape}");
        Value { shape, batch, values: self.pool.copied(data) }
    }

    fn read(&self, value: &Value, out: &mut [f32]) {
        if value.batch == 1 && value.image() > 0 {
            out.chunks_exact_mut(value.image()).for_each(|image| image.copy_from_slice(&value.values));
        } else {
            out.copy_from_slice(&value.values);
        }
    }

    fn batch(&self, value: &Value) -> usize {
        value.batch
    }

    fn weight(&self, shape: &[usize], data: &[f32]) -> Weight {
        Weight::new(&self.pool, shape, data)
    }

    fn forward(&self, op: &Op, weights: &[&Weight], inputs: &[&Value]) -> Value {
        self.apply(op, weights, inputs)
    }

    fn stage(&self, stage: &Stage<Value, Weight>) -> Staged<Value> {
        self.apply_stage(stage)
    }

    fn gradient(&self, weight: &Weight) -> Gradient {
        Gradient::new(weight)
    }

    fn backward(
        &self,
        op: &Op,
        weights: &[&Weight],
        saved: &Saved<Value>,
        output_gradient: Value,
        wanted: &[bool],
        gradients: &mut [&mut Gradient],
    ) -> Vec<Option<Value>> {
        self.reverse(op, weights, saved, output_gradient, wanted, gradients)
    }

    fn add(&self, value: &mut Value, other: &Value) {
        assert_eq!((value.shape, value.batch), (other.shape, other.batch), "values to add");
        pointwise::accumulate(self.level, &mut value.values, &other.values);
    }

    fn finish(&self, gradient: Gradient) -> Vec<f32> {
        gradient.finish()
    }
}
