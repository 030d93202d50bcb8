//! Jacobian-vector products: how the output of an operation changes with its inputs.

use super::layer_norm::{self, Affine};
use super::weight::Form;
use super::{Cpu, Value, Weight, pointwise, pooling, route};
use crate::{Activation, Interaction, Op, Shape, Tangents};

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
            Op::Conv(_) | Op::ConvTranspose(_) | Op::Linear { .. } => {
                let route = route(op, shapes[0], batch).expect("a convolution");
                self.convolve(route, weights[0], None, dx, dy);
            }
            Op::AveragePool => pooling::average(self.level, shapes[0], dx, dy),
            Op::Scale(factor) => pointwise::scale(self.level, factor.value(), dx, dy),
            Op::MaxPool { size } => pooling::max_tangent(size, shapes[0], [x, dx], dy),
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
            Op::Zeros(_) => unreachable!("zeros have no input that could change"),
        }
        change
    }
}

impl Cpu {
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
