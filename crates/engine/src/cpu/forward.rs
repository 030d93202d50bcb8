//! Operations carried out.

use super::channel_norm::{ChannelNorm, Sets};
use super::confidence::Measure;
use super::convolution::route;
use super::fused::Fused;
use super::layer_norm::Affine;
use super::weight::{Form, Weight};
use super::{Cpu, Value, elementwise, pointwise, pooling, windows};
use crate::{Activation, Conv, Op, Rescaling, Shape, Stage, Staged, Statistics, Windows};

impl Cpu {
    pub(super) fn apply(&self, op: &Op, weights: &[&Weight], inputs: &[&Value]) -> Value {
        let shapes: Vec<Shape> = inputs.iter().map(|value| value.shape).collect();
        let shape = op.output(&shapes).expect("checked by the plan");
        let batch = inputs.iter().map(|value| value.batch).max().unwrap_or(1);
        let mut output = self.empty(shape, batch);
        let y = &mut output.values;
        let x = inputs.first().map_or(&[][..], |value| &value.values[..]);
        match *op {
            Op::Conv(Conv { groups: 2.., .. }) => {
                self.grouped(op, shapes[0]).run(weights[0], bias(weights), x, y);
            }
            Op::Conv(_) | Op::ConvTranspose(_) | Op::Linear { .. } => {
                let route = route(op, shapes[0], batch).expect("a convolution");
                self.convolve(route, weights[0], bias(weights), x, y);
            }
            Op::MaxPool(windows) => match windows.tile() {
                Some(size) => pooling::max(self.level, size, shapes[0], x, y),
                None => windows::max(self.level, windows, [shapes[0], shape], x, y),
            },
            Op::AdaptiveAveragePool { .. } => windows::adaptive_average([shapes[0], shape], x, y),
            Op::Resize { .. } => windows::resize(self.level, [shapes[0], shape], x, y),
            Op::GroupNorm { .. } | Op::BatchNorm { .. } => {
                self.channel_norm(op, shape, weights).forward(x, y);
            }
            Op::Curve(curve) => elementwise::curve(curve, x, y),
            Op::Line { factor, offset } => {
                elementwise::line(self.level, factor.value(), offset.value(), x, y);
            }
            Op::Gain(_) => elementwise::gain(self.level, gains(weights), x, y),
            Op::Multiply => elementwise::multiply(self.level, shape.len(), [x, &inputs[1].values], y),
            Op::MoreConfident(_) => {
                let measure = Measure::of(weights);
                for (index, y) in y.chunks_exact_mut(shape.len()).enumerate() {
                    let [first, second] = [0, 1].map(|of| inputs[of].of_image(index));
                    y.copy_from_slice(if measure.is_second(first, second) { second } else { first });
                }
            }
            Op::Concat => concatenate(inputs, batch, shape.channels, y),
            Op::Channels { from, count } => {
                elementwise::copy_channels(count, (x, shapes[0].channels, from), (y, count, 0));
            }
            Op::Flatten => elementwise::flatten(shapes[0], x, y),
            Op::Parameter(_) => y.copy_from_slice(&weights[0].form(Form::ChannelsLast)),
            Op::AveragePool => pooling::average(self.level, shapes[0], x, y),
            Op::Combine(how) => {
                let inputs: Vec<&[f32]> = inputs.iter().map(|value| &value.values[..]).collect();
                pointwise::combine(self.level, how, shape.len(), &inputs, y);
            }
            Op::LayerNorm(activation) => {
                let [scale, shift] = [0, 1].map(|index| weights[index].form(Form::ChannelsLast));
                let affine = Affine { scale: &scale, shift: &shift };
                let (level, inputs) = (self.level, &[x][..]);
                Fused { level, combine: None, inputs, shape, activation, affine, pool: 0 }.run(
                    None,
                    y,
                    &mut [],
                );
            }
            Op::Activate(Activation::Identity) => y.copy_from_slice(x),
            Op::Activate(Activation::Relu) => pointwise::rectify(self.level, x, y),
            Op::Scale(factor) => pointwise::scale(self.level, factor.value(), x, y),
            Op::Zeros(_) => y.fill(0.0),
        }
        output
    }

    pub(super) fn apply_stage(&self, stage: &Stage<Value, Weight>) -> Staged<Value> {
        let shape = stage.inputs[0].shape;
        let batch = stage.inputs.iter().map(|value| value.batch).max().unwrap_or(1);
        let inputs: Vec<&[f32]> = stage.inputs.iter().map(|value| &value.values[..]).collect();
        let [scale, shift] = stage.affine.map(|weight| weight.form(Form::ChannelsLast));
        let pool = stage.pool.unwrap_or(0);
        let fused = Fused {
            level: self.level,
            combine: stage.combine,
            inputs: &inputs,
            shape,
            activation: stage.activation,
            affine: Affine { scale: &scale, shift: &shift },
            pool,
        };
        let mut combined = stage.keep_combined.then(|| self.empty(shape, batch));
        let mut normalised = self.empty(shape, batch);
        let mut pooled = stage.pool.map(|size| {
            let op = Op::MaxPool(Windows::tiling(size));
            self.empty(op.output(&[shape]).expect("checked by the plan"), batch)
        });
        fused.run(
            combined.as_mut().map(|value| &mut value.values[..]),
            &mut normalised.values,
            pooled.as_mut().map_or(&mut [], |value| &mut value.values[..]),
        );
        Staged { combined, normalised, pooled }
    }

    pub(super) fn channel_norm<'a>(&self, op: &Op, shape: Shape, weights: &[&'a Weight]) -> ChannelNorm<'a> {
        let value = |index: usize| weights[index].values();
        let (epsilon, sets, has_affine) = match *op {
            Op::GroupNorm { groups, epsilon, rescaling } => {
                (epsilon, Sets::Groups(groups), rescaling == Rescaling::PerChannel)
            }
            Op::BatchNorm { epsilon, statistics: Statistics::Batch } => (epsilon, Sets::Batch, true),
            Op::BatchNorm { epsilon, statistics: Statistics::Running } => {
                (epsilon, Sets::Given { mean: value(2), variance: value(3) }, true)
            }
            _ => panic!("a normalisation of channels"),
        };
        let affine = has_affine.then(|| [value(0), value(1)]);
        ChannelNorm { level: self.level, shape, epsilon: f64::from(epsilon.value()), sets, affine }
    }
}

/// The factors of values below zero and of the others.
pub(super) fn gains(weights: &[&Weight]) -> [f32; 2] {
    let last = weights.len() - 1;
    [weights[0].values()[0], weights[last].values()[0]]
}

pub(super) fn concatenate(inputs: &[&Value], batch: usize, channels: usize, y: &mut [f32]) {
    let image = y.len() / batch.max(1);
    let mut to = 0;
    for input in inputs {
        let own = input.shape.channels;
        for (index, y) in y.chunks_exact_mut(image).enumerate() {
            let x = pointwise::of_image(&input.values, input.image(), index);
            elementwise::copy_channels(own, (x, own, 0), (y, channels, to));
        }
        to += own;
    }
}

fn bias<'a>(weights: &[&'a Weight]) -> Option<&'a [f32]> {
    weights.get(1).map(|bias| bias.values())
}
