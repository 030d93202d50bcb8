//! Jacobian-vector products: how the output of an operation changes with its inputs.

use super::confidence::Measure;
use super::convolution::route;
use super::forward::{concatenate, gains};
use super::layer_norm::{self, Affine};
use super::weight::Form;
use super::{Cpu, Value, Weight, elementwise, pointwise, pooling, windows};
use crate::{Activation, Conv, Engine, Interaction, Op, Shape, Tangents};

impl Tangents for Cpu {
    fn tangent(&self, op: &Op, weights: &[&Weight], inputs: &[&Value], tangents: &[Option<&Value>]) -> Value {
        let shapes: Vec<Shape> = inputs.iter().map(|value| value.shape).collect();
        let shape = op.output(&shapes).expect("checked by the plan");
        let first = tangents.iter().flatten().next().expect("a change of at least one input");
        let batch = tangents.iter().flatten().map(|tangent| tangent.batch).max().unwrap_or(1);
        let mut change = self.empty(shape, batch);
        let dy = &mut change.values;
        let (x, dx) = (&inputs[0].values[..], &first.values[..]);
        match *op {
            // Linear in their input: the same without what is added.
            Op::Conv(Conv { groups: 2.., .. }) => self.grouped(op, shapes[0]).run(weights[0], None, dx, dy),
            Op::Conv(_) | Op::ConvTranspose(_) | Op::Linear { .. } => {
                let route = route(op, shapes[0], batch).expect("a convolution");
                self.convolve(route, weights[0], None, dx, dy);
            }
            Op::AveragePool => pooling::average(self.level, shapes[0], dx, dy),
            Op::Scale(factor) | Op::Line { factor, .. } => {
                pointwise::scale(self.level, factor.value(), dx, dy);
            }
            Op::AdaptiveAveragePool { .. } => windows::adaptive_average([shapes[0], shape], dx, dy),
            Op::Resize { .. } => windows::resize(self.level, [shapes[0], shape], dx, dy),
            Op::Flatten => elementwise::flatten(shapes[0], dx, dy),
            Op::Channels { from, count } => {
                elementwise::copy_channels(count, (dx, shapes[0].channels, from), (dy, count, 0));
            }
            Op::Concat => {
                let zeros: Vec<Value> = shapes.iter().map(|&shape| self.zeros(shape)).collect();
                let all: Vec<&Value> =
                    tangents.iter().zip(&zeros).map(|(tangent, zeros)| tangent.unwrap_or(zeros)).collect();
                concatenate(&all, batch, shape.channels, dy);
            }
            Op::Multiply => {
                dy.fill(0.0);
                for (index, tangent) in tangents.iter().enumerate() {
                    let Some(tangent) = tangent else { continue };
                    let mut term = self.empty(shape, batch);
                    let both = [&tangent.values[..], &inputs[1 - index].values];
                    elementwise::multiply(self.level, shape.len(), both, &mut term.values);
                    pointwise::accumulate(self.level, dy, &term.values);
                }
            }
            Op::MoreConfident(_) => {
                let measure = Measure::of(weights);
                for (index, dy) in dy.chunks_exact_mut(shape.len()).enumerate() {
                    let [first, second] = [0, 1].map(|of| inputs[of].of_image(index));
                    match tangents[usize::from(measure.is_second(first, second))] {
                        Some(tangent) => dy.copy_from_slice(tangent.of_image(index)),
                        None => dy.fill(0.0),
                    }
                }
            }
            Op::Gain(_) => {
                let x = self.spread(inputs[0], batch);
                elementwise::gain_backward(self.level, gains(weights), &x.values, dx, dy);
            }
            Op::Curve(curve) => {
                let y = self.spread(&self.forward(op, weights, inputs), batch);
                dy.copy_from_slice(dx);
                elementwise::curve_backward(self.level, curve, &y.values, dy);
            }
            Op::GroupNorm { .. } | Op::BatchNorm { .. } => {
                let x = self.spread(inputs[0], batch);
                dy.copy_from_slice(dx);
                self.channel_norm(op, shape, weights).tangent(&x.values, dy);
            }
            Op::MaxPool(windows) => match windows.tile() {
                Some(size) => pooling::max_tangent(size, shapes[0], [x, dx], dy),
                None => windows::max_tangent(windows, [shapes[0], shape], [x, dx], dy),
            },
            Op::LayerNorm(activation) => {
                let [scale, shift] = [0, 1].map(|index| weights[index].form(Form::ChannelsLast));
                let affine = Affine { scale: &scale, shift: &shift };
                dy.copy_from_slice(dx);
                layer_norm::tangent(self.level, activation, affine, x, dy);
            }
            Op::Activate(Activation::Identity) => dy.copy_from_slice(dx),
            Op::Activate(Activation::Relu) => {
                dy.copy_from_slice(dx);
                pointwise::rectify_tangent(self.level, shape.len(), x, dy);
            }
            Op::Combine(how) => self.combine_tangent(how, inputs, tangents, dy),
            Op::Zeros(_) | Op::Parameter(_) => unreachable!("there is no input that could change"),
        }
        change
    }
}

impl Cpu {
    /// A value held once for every image of a batch.
    fn spread(&self, value: &Value, batch: usize) -> Value {
        self.fit_batch(self.copy(value), batch)
    }

    fn zeros(&self, shape: Shape) -> Value {
        Value { shape, batch: 1, values: self.pool.zeros(shape.len()) }
    }

    /// `Σ dx_i`, or `((1 + x₁) + …) · dx₀ + x₀ · Σ dx_i`.
    fn combine_tangent(
        &self,
        how: Interaction,
        inputs: &[&Value],
        tangents: &[Option<&Value>],
        dy: &mut [f32],
    ) {
        let length = inputs[0].image();
        let values: Vec<&[f32]> = inputs.iter().map(|value| &value.values[..]).collect();
        dy.fill(0.0);
        for (index, tangent) in tangents.iter().enumerate() {
            let Some(tangent) = tangent else { continue };
            match how {
                Interaction::Additive => pointwise::accumulate(self.level, dy, &tangent.values),
                Interaction::Multiplicative => {
                    let mut term = self.copy(tangent);
                    pointwise::modulate_backward(self.level, length, &values, index, &mut term.values);
                    pointwise::accumulate(self.level, dy, &term.values);
                }
            }
        }
    }
}
