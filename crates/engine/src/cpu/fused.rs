//! What follows a convolution, done image by image while the map is at hand: combine with
//! the other drives, normalise, pool.
//!
//! The same arithmetic in the same order as one operation after the other, so the same
//! bits; but a map is read and written about half as often.
#![allow(clippy::inline_always)]

use rayon::prelude::*;

use super::layer_norm::{Affine, TwoSums, normalise};
use super::pointwise::{PIECE, combine_piece, of_image};
use super::pooling::max_of_row;
use super::simd::{Level, vectorise};
use super::tasks::WORTH_SHARING;
use crate::{Activation, Interaction, Shape};

/// `[combine,] layer norm [, max pool]` of a batch.
pub(crate) struct Fused<'a> {
    pub(crate) level: Level,
    /// How the inputs are combined; absent, there is one.
    pub(crate) combine: Option<Interaction>,
    /// `[batch or 1, shape]` each.
    pub(crate) inputs: &'a [&'a [f32]],
    pub(crate) shape: Shape,
    pub(crate) activation: Activation,
    pub(crate) affine: Affine<'a>,
    /// Side of the windows that are pooled; 0 if none are.
    pub(crate) pool: usize,
}

/// Where the results of an image go.
struct Places<'a> {
    combined: Option<&'a mut [f32]>,
    normalised: &'a mut [f32],
    pooled: &'a mut [f32],
}

impl Fused<'_> {
    /// # Shapes
    /// - `combined`, `normalised`: `[batch, shape]`
    /// - `pooled`: `[batch, shape.height / pool, shape.width / pool, channels]`
    pub(crate) fn run(&self, combined: Option<&mut [f32]>, normalised: &mut [f32], pooled: &mut [f32]) {
        let length = self.shape.len();
        let work = 4 * normalised.len();
        let images = normalised.len() / length.max(1);
        let mut combined = combined.map(|values| values.chunks_exact_mut(length));
        let mut pooled = pooled.chunks_exact_mut(pooled.len().div_ceil(images.max(1)).max(1));
        let places = normalised.chunks_exact_mut(length).map(|normalised| Places {
            combined: combined.as_mut().and_then(Iterator::next),
            normalised,
            pooled: pooled.next().unwrap_or_default(),
        });
        let image = |(image, places): (usize, Places)| vectorise!(self.level, || self.image(image, places));
        if images <= 1 || work < WORTH_SHARING {
            places.enumerate().for_each(image);
        } else {
            places.enumerate().collect::<Vec<_>>().into_par_iter().for_each(image);
        }
    }

    #[inline(always)]
    fn image(&self, image: usize, places: Places) {
        let Places { mut combined, normalised: y, pooled } = places;
        let length = self.shape.len();
        let mut sums = TwoSums::default();
        if let Some(how) = self.combine {
            // Pieces stay in the first cache between being made and being summed.
            let z: &mut [f32] = combined.as_deref_mut().unwrap_or(&mut *y);
            for (piece, z) in z.chunks_mut(PIECE).enumerate() {
                let places = piece * PIECE..piece * PIECE + z.len();
                let term = |index: usize| &of_image(self.inputs[index], length, image)[places.clone()];
                combine_piece(how, self.inputs.len(), term, z);
                sums.add_values(z);
            }
        } else {
            sums.add_values(of_image(self.inputs[0], length, image));
        }
        let source = match (self.combine, &combined) {
            (None, _) => Some(of_image(self.inputs[0], length, image)),
            (_, combined) => combined.as_deref(),
        };
        let moments = sums.moments(length);
        let line = self.shape.width * self.shape.channels;
        let (lines, pooled_line) = match self.pool {
            0 => (1, 0),
            size => (size, self.shape.width / size * self.shape.channels),
        };
        let mut pooled = pooled.chunks_exact_mut(pooled_line.max(1));
        for (row, y) in y.chunks_mut(lines * line).enumerate() {
            let first = row * lines * line;
            if let Some(source) = source {
                y.copy_from_slice(&source[first..][..y.len()]);
            }
            let affine = Affine { scale: &self.affine.scale[first..], shift: &self.affine.shift[first..] };
            normalise(self.activation, affine, moments, y);
            if y.len() == lines * line
                && let Some(pooled) = pooled.next()
            {
                max_of_row(self.pool, self.shape, y, pooled);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use crate::{Activation, Cpu, Engine, Interaction, Op, Shape, Stage, Windows};

    fn bits(cpu: &Cpu, shape: Shape, value: &<Cpu as Engine>::Value) -> Vec<u32> {
        let mut out = vec![0.0; shape.len() * cpu.batch(value)];
        cpu.read(value, &mut out);
        out.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn a_stage_gives_the_bits_of_its_operations() {
        let cpu = Cpu::new();
        let mut stream = Stream::new(5, &[]);
        let mut random =
            |n: usize| -> Vec<f32> { (0..n).map(|_| stream.between(-2.0, 2.0) as f32).collect() };
        let how = [None, Some(Interaction::Additive), Some(Interaction::Multiplicative)];
        for shape in [Shape::map(7, 5, 11), Shape::map(34, 33, 16), Shape::vector(37), Shape::map(1, 2, 3)] {
            let pools = if shape.height >= 2 { vec![None, Some(2), Some(3)] } else { vec![None] };
            let weights = cpu_weights(&cpu, shape, &mut random);
            for (combine, pool) in how.iter().flat_map(|how| pools.iter().map(move |pool| (*how, *pool))) {
                for others in if combine.is_some() { vec![1, 2] } else { vec![0] } {
                    // The second input is the same for all images; one image is not finite.
                    let batches = [3, 1, 3];
                    let inputs: Vec<_> = (0..=others)
                        .map(|index| {
                            let mut values = random(shape.len() * batches[index]);
                            if index == 0 {
                                values[shape.len() + 1] = f32::NAN;
                                values[2 * shape.len()] = f32::INFINITY;
                            }
                            cpu.value(shape, batches[index], &values)
                        })
                        .collect();
                    let inputs: Vec<_> = inputs.iter().collect();
                    for (activation, keep_combined) in
                        [(Activation::Relu, true), (Activation::Identity, false), (Activation::Relu, false)]
                    {
                        let affine = [&weights[0], &weights[1]];
                        let staged = cpu.stage(&Stage {
                            combine,
                            inputs: inputs.clone(),
                            activation,
                            affine,
                            pool,
                            keep_combined: keep_combined && combine.is_some(),
                        });
                        let combined = combine.map(|how| cpu.forward(&Op::Combine(how), &[], &inputs));
                        let input = combined.as_ref().unwrap_or(inputs[0]);
                        let normalised = cpu.forward(&Op::LayerNorm(activation), &affine, &[input]);
                        assert_eq!(bits(&cpu, shape, &staged.normalised), bits(&cpu, shape, &normalised));
                        if let (Some(kept), Some(combined)) = (&staged.combined, &combined) {
                            assert_eq!(bits(&cpu, shape, kept), bits(&cpu, shape, combined));
                        }
                        assert_eq!(staged.combined.is_some(), keep_combined && combine.is_some());
                        assert_eq!(staged.pooled.is_some(), pool.is_some());
                        if let (Some(pooled), Some(size)) = (&staged.pooled, pool) {
                            let op = Op::MaxPool(Windows::tiling(size));
                            let expected = cpu.forward(&op, &[], &[&normalised]);
                            let small = op.output(&[shape]).unwrap();
                            assert_eq!(bits(&cpu, small, pooled), bits(&cpu, small, &expected));
                        }
                    }
                }
            }
        }
    }

    fn cpu_weights(
        cpu: &Cpu,
        shape: Shape,
        random: &mut impl FnMut(usize) -> Vec<f32>,
    ) -> Vec<<Cpu as Engine>::Weight> {
        let shapes = Op::LayerNorm(Activation::Relu).weights(shape);
        shapes.iter().map(|dims| cpu.weight(dims, &random(dims.iter().product()))).collect()
    }
}
