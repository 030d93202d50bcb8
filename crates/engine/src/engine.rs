//! What it takes to run operations: the border between plans and machines.

use crate::{Activation, Interaction, Op, Precision, Shape, Windows};

/// A machine that runs operations on batches of values.
///
/// Two promises: the result for one image does not depend on the other images of the
/// batch or on their number, and nothing depends on the number of threads. The one
/// exception to the first is a batch norm by
/// [`Statistics::Batch`](crate::Statistics::Batch), which is for training. The native
/// engine keeps both to the last bit. An engine whose kernels are chosen as it runs may
/// keep them to rounding only, and says so in its documentation; then two runs of one
/// command agree to rounding, and so do the parts of a store or a run that was
/// interrupted. No result mixes engines: [`Engine::path`] is recorded, and whatever was
/// begun on one path is continued on no other.
pub trait Engine: Sync {
    /// A batch of values: `[image, row, column, channel]`, f32.
    type Value: Send + Sync;

    /// A weight, with whatever the engine derives from it once (packed or
    /// transformed filters).
    type Weight: Send + Sync;

    /// A gradient under construction for one weight.
    type Gradient: Send;

    /// The kernels in use, for provenance: results of two paths may differ in the
    /// last bits and are never mixed in one store.
    fn path(&self) -> String;

    /// What convolutions and matrix products are computed in.
    fn precision(&self) -> Precision {
        Precision::F32
    }

    /// A batch of values from memory.
    ///
    /// # Shapes
    /// - `data`: `[batch, height, width, channels]`
    fn value(&self, shape: Shape, batch: usize, data: &[f32]) -> Self::Value;

    /// Copy a value to `out`, once per image if it is held as a batch of one.
    ///
    /// # Shapes
    /// - `out`: `[batch, height, width, channels]`
    fn read(&self, value: &Self::Value, out: &mut [f32]);

    /// Number of images of a value (one if it is the same for every image).
    fn batch(&self, value: &Self::Value) -> usize;

    /// A weight from memory, in the layout and shape of [`Op::weights`].
    fn weight(&self, shape: &[usize], data: &[f32]) -> Self::Weight;

    /// Apply `op`.
    fn forward(&self, op: &Op, weights: &[&Self::Weight], inputs: &[&Self::Value]) -> Self::Value;

    /// Apply several operations that follow one another on a map: the same bits as
    /// [`Engine::forward`] gives one after the other, for engines that do them in one pass.
    fn stage(&self, stage: &Stage<Self::Value, Self::Weight>) -> Staged<Self::Value> {
        let combined = stage.combine.map(|how| self.forward(&Op::Combine(how), &[], &stage.inputs));
        let input = combined.as_ref().unwrap_or(stage.inputs[0]);
        let normalised = self.forward(&Op::LayerNorm(stage.activation), &stage.affine, &[input]);
        let pooled =
            stage.pool.map(|size| self.forward(&Op::MaxPool(Windows::tiling(size)), &[], &[&normalised]));
        Staged { combined: combined.filter(|_| stage.keep_combined), normalised, pooled }
    }

    /// A gradient of zeros for `weight`.
    fn gradient(&self, weight: &Self::Weight) -> Self::Gradient;

    /// Vector-Jacobian product of `op`: given the gradient of its output, the
    /// gradients of its inputs (each with that input's own batch: a value shared by
    /// all images receives the sum over images), adding the weights' to `gradients`.
    /// Statistics of a batch come back in the place of those of running averages, as
    /// [`Op::BatchNorm`] says.
    ///
    /// `wanted[i]` says whether input `i`'s gradient is asked for.
    fn backward(
        &self,
        op: &Op,
        weights: &[&Self::Weight],
        saved: &Saved<Self::Value>,
        output_gradient: Self::Value,
        wanted: &[bool],
        gradients: &mut [&mut Self::Gradient],
    ) -> Vec<Option<Self::Value>>;

    /// Add `other` to `value`, of the same shape and batch.
    fn add(&self, value: &mut Self::Value, other: &Self::Value);

    /// A finished gradient in the layout of its weight.
    fn finish(&self, gradient: Self::Gradient) -> Vec<f32>;
}

/// An engine that also carries changes forward, which a plan walked backwards does not need
/// but the stability of a network's dynamics does.
pub trait Tangents: Engine {
    /// Jacobian-vector product of `op`: given changes of its inputs (`None`: it does not
    /// change), the change of its output.
    ///
    /// `inputs` are those of the forward application. At least one of them changes; changes
    /// have one batch, also those of inputs that all images share.
    fn tangent(
        &self,
        op: &Op,
        weights: &[&Self::Weight],
        inputs: &[&Self::Value],
        tangents: &[Option<&Self::Value>],
    ) -> Self::Value;
}

/// What was kept of a forward application, as [`Op::reads`] asks.
pub struct Saved<'a, V> {
    /// The inputs, where kept, else `None`; always as many as the operation had.
    pub inputs: Vec<Option<&'a V>>,
    /// The output, where kept.
    pub output: Option<&'a V>,
    /// Shapes of the inputs.
    pub shapes: Vec<Shape>,
    /// Batches of the inputs.
    pub batches: Vec<usize>,
}

/// `[combine,] layer norm [, max pool]`: what follows the convolutions of an area.
pub struct Stage<'a, V, W> {
    /// How the inputs are combined; absent, there is one.
    pub combine: Option<Interaction>,
    /// The inputs.
    pub inputs: Vec<&'a V>,
    /// What follows the layer norm, value by value.
    pub activation: Activation,
    /// Scale and shift of the layer norm.
    pub affine: [&'a W; 2],
    /// Side of the windows of the max pool; absent, nothing is pooled.
    pub pool: Option<usize>,
    /// Whether the combined inputs are asked for.
    pub keep_combined: bool,
}

/// What comes out of a [`Stage`].
pub struct Staged<V> {
    /// The combined inputs, if they were asked for.
    pub combined: Option<V>,
    /// The output of the layer norm.
    pub normalised: V,
    /// The pooled output, if there is a pool.
    pub pooled: Option<V>,
}
