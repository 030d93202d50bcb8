//! Operations in reverse: vector-Jacobian products and gradients of weights.

use super::confidence::Measure;
use super::convolution::route;
use super::forward::gains;
use super::layer_norm::{self, Affine};
use super::weight::{Form, Gradient, Layout, Weight};
use super::{Cpu, Value, elementwise, pointwise, pooling, windows};
use crate::{Activation, Conv, Interaction, Op, Saved};

impl Cpu {
    pub(super) fn reverse(
        &self,
        op: &Op,
        weights: &[&Weight],
        saved: &Saved<Value>,
        output_gradient: Value,
        wanted: &[bool],
        gradients: &mut [&mut Gradient],
    ) -> Vec<Option<Value>> {
        if let (Op::Parameter(_), [gradient]) = (op, &mut *gradients) {
            let dy = self.fit_batch(output_gradient, 1);
            pointwise::accumulate(self.level, gradient.sum(Layout::ChannelsLast), &dy.values);
            return Vec::new();
        }
        let Some(&batch) = saved.batches.iter().max() else { return Vec::new() };
        let mut dy = self.fit_batch(output_gradient, batch);
        let input = saved.shapes[0];
        let first = wanted[0];
        match *op {
            Op::Conv(Conv { groups: 2.., .. }) => {
                let grouped = self.grouped(op, input);
                if let Some((weight, bias)) = gradients.split_first_mut() {
                    grouped.weight_gradient(&kept(saved, 0).values, &dy.values, weight);
                    if let Some(bias) = bias.first_mut() {
                        pointwise::add_channel_sums(
                            self.level,
                            dy.image(),
                            &dy.values,
                            bias.sum(Layout::Plain),
                        );
                    }
                }
                vec![first.then(|| {
                    let mut dx = self.empty(input, batch);
                    grouped.input_gradient(weights[0], &dy.values, &mut dx.values);
                    dx
                })]
            }
            Op::Conv(_) | Op::ConvTranspose(_) | Op::Linear { .. } => {
                let route = route(op, input, batch).expect("a convolution");
                if let Some((weight, bias)) = gradients.split_first_mut() {
                    self.convolve_weight_gradient(route, &kept(saved, 0).values, &dy.values, weight);
                    if let Some(bias) = bias.first_mut() {
                        pointwise::add_channel_sums(
                            self.level,
                            dy.image(),
                            &dy.values,
                            bias.sum(Layout::Plain),
                        );
                    }
                }
                vec![first.then(|| {
                    let mut dx = self.empty(input, batch);
                    self.convolve(route.reversed(), weights[0], None, &dy.values, &mut dx.values);
                    dx
                })]
            }
            Op::Combine(how) => self.combine_backward(how, saved, dy, wanted),
            Op::LayerNorm(activation) => {
                let [scale, shift] = [0, 1].map(|index| weights[index].form(Form::ChannelsLast));
                let affine = Affine { scale: &scale, shift: &shift };
                let x = &kept(saved, 0).values;
                let [scale_gradient, shift_gradient] = gradients else {
                    panic!("a layer norm has two weights");
                };
                let sums =
                    [scale_gradient.sum(Layout::ChannelsLast), shift_gradient.sum(Layout::ChannelsLast)];
                layer_norm::backward(self.level, activation, affine, x, &mut dy.values, sums);
                vec![first.then_some(dy)]
            }
            Op::GroupNorm { .. } | Op::BatchNorm { .. } => {
                let x = &kept(saved, 0).values;
                self.channel_norm_backward(op, weights, x, &mut dy, gradients);
                vec![first.then_some(dy)]
            }
            Op::Gain(_) => {
                let x = &kept(saved, 0).values;
                let sums = elementwise::gain_gradients(x, &dy.values);
                match gradients {
                    [common] => common.sum(Layout::Plain)[0] += sums[0] + sums[1],
                    both => {
                        both.iter_mut().zip(sums).for_each(|(gain, sum)| gain.sum(Layout::Plain)[0] += sum);
                    }
                }
                vec![first.then(|| {
                    let mut dx = self.empty(input, batch);
                    elementwise::gain_backward(self.level, gains(weights), x, &dy.values, &mut dx.values);
                    dx
                })]
            }
            Op::Multiply => self.multiply_backward(saved, &dy, wanted),
            Op::MoreConfident(_) => self.choice_backward(Measure::of(weights), saved, &dy, wanted),
            Op::Concat => self.concatenate_backward(saved, &dy, wanted),
            _ if !first => vec![None],
            Op::MaxPool(windows) => {
                let mut dx = self.empty(input, batch);
                let both = [&kept(saved, 0).values[..], &dy.values[..]];
                match windows.tile() {
                    Some(size) => pooling::max_backward(self.level, size, input, both, &mut dx.values),
                    None => {
                        windows::max_backward(self.level, windows, [input, dy.shape], both, &mut dx.values);
                    }
                }
                vec![Some(dx)]
            }
            Op::AdaptiveAveragePool { .. } => {
                let mut dx = self.empty(input, batch);
                windows::adaptive_average_backward([input, dy.shape], &dy.values, &mut dx.values);
                vec![Some(dx)]
            }
            Op::Resize { .. } => {
                let mut dx = self.empty(input, batch);
                windows::resize_backward(self.level, [input, dy.shape], &dy.values, &mut dx.values);
                vec![Some(dx)]
            }
            Op::Channels { from, count } => {
                let mut dx = self.empty(input, batch);
                dx.values.fill(0.0);
                let to = (&mut dx.values[..], input.channels, from);
                elementwise::copy_channels(count, (&dy.values, count, 0), to);
                vec![Some(dx)]
            }
            Op::Flatten => {
                let mut dx = self.empty(input, batch);
                elementwise::unflatten(input, &dy.values, &mut dx.values);
                vec![Some(dx)]
            }
            Op::Curve(curve) => {
                let y = saved.output.expect("the plan keeps what `Op::reads` asks for");
                elementwise::curve_backward(self.level, curve, &y.values, &mut dy.values);
                vec![Some(dy)]
            }
            Op::AveragePool => {
                let mut dx = self.empty(input, batch);
                pooling::average_backward(input, &dy.values, &mut dx.values);
                vec![Some(dx)]
            }
            Op::Activate(activation) => {
                if activation == Activation::Relu {
                    let y = saved.output.expect("the plan keeps what `Op::reads` asks for");
                    pointwise::rectify_backward(self.level, &y.values, &mut dy.values);
                }
                vec![Some(dy)]
            }
            Op::Scale(factor) | Op::Line { factor, .. } => {
                let mut dx = self.empty(input, batch);
                pointwise::scale(self.level, factor.value(), &dy.values, &mut dx.values);
                vec![Some(dx)]
            }
            Op::Zeros(_) | Op::Parameter(_) => Vec::new(),
        }
    }

    /// `gradient` as that of an operation whose output has `batch` images: summed over
    /// images if the output is shared by them, repeated if only the gradient is.
    pub(super) fn fit_batch(&self, gradient: Value, batch: usize) -> Value {
        let image = gradient.image();
        if gradient.batch == batch {
            gradient
        } else if batch == 1 {
            let mut sum = self.empty(gradient.shape, 1);
            pointwise::sum_images(self.level, &gradient.values, &mut sum.values);
            sum
        } else {
            let mut repeated = self.empty(gradient.shape, batch);
            repeated
                .values
                .chunks_exact_mut(image)
                .for_each(|values| values.copy_from_slice(&gradient.values));
            repeated
        }
    }

    pub(super) fn copy(&self, value: &Value) -> Value {
        let mut copy = self.empty(value.shape, value.batch);
        copy.values.copy_from_slice(&value.values);
        copy
    }

    fn channel_norm_backward(
        &self,
        op: &Op,
        weights: &[&Weight],
        x: &[f32],
        dy: &mut Value,
        gradients: &mut [&mut Gradient],
    ) {
        let norm = self.channel_norm(op, dy.shape, weights);
        match gradients {
            [scale, shift, statistics @ ..] => {
                let affine = Some([scale.sum(Layout::Plain), shift.sum(Layout::Plain)]);
                let observed = norm.backward(x, &mut dy.values, affine);
                let observed = [observed.mean, observed.variance];
                for (gradient, observed) in statistics.iter_mut().zip(observed) {
                    gradient
                        .sum(Layout::Plain)
                        .iter_mut()
                        .zip(observed)
                        .for_each(|(sum, value)| *sum += value);
                }
            }
            _ => {
                norm.backward(x, &mut dy.values, None);
            }
        }
    }

    fn multiply_backward(&self, saved: &Saved<Value>, dy: &Value, wanted: &[bool]) -> Vec<Option<Value>> {
        let of_input = |index: usize| {
            let other = kept(saved, 1 - index);
            let mut own = self.empty(dy.shape, dy.batch);
            elementwise::multiply(self.level, dy.image(), [&dy.values, &other.values], &mut own.values);
            self.fit_batch(own, saved.batches[index])
        };
        (0..2).map(|index| wanted[index].then(|| of_input(index))).collect()
    }

    /// The gradient goes to what was chosen.
    fn choice_backward(
        &self,
        measure: Measure,
        saved: &Saved<Value>,
        dy: &Value,
        wanted: &[bool],
    ) -> Vec<Option<Value>> {
        let of_input = |which: usize| {
            let mut own = self.copy(dy);
            for (index, own) in own.values.chunks_exact_mut(dy.image()).enumerate() {
                let [first, second] = [0, 1].map(|of| kept(saved, of).of_image(index));
                if measure.is_second(first, second) != (which == 1) {
                    own.fill(0.0);
                }
            }
            self.fit_batch(own, saved.batches[which])
        };
        (0..2).map(|which| wanted[which].then(|| of_input(which))).collect()
    }

    fn concatenate_backward(&self, saved: &Saved<Value>, dy: &Value, wanted: &[bool]) -> Vec<Option<Value>> {
        let mut from = 0;
        let of_input = |index: usize| {
            let shape = saved.shapes[index];
            let first = from;
            from += shape.channels;
            wanted[index].then(|| {
                let mut own = self.empty(shape, dy.batch);
                let taken = (&dy.values[..], dy.shape.channels, first);
                elementwise::copy_channels(shape.channels, taken, (&mut own.values, shape.channels, 0));
                self.fit_batch(own, saved.batches[index])
            })
        };
        (0..wanted.len()).map(of_input).collect()
    }

    fn combine_backward(
        &self,
        how: Interaction,
        saved: &Saved<Value>,
        gradient: Value,
        wanted: &[bool],
    ) -> Vec<Option<Value>> {
        let inputs: Vec<&[f32]> = match how {
            Interaction::Additive => Vec::new(),
            Interaction::Multiplicative => {
                (0..wanted.len()).map(|index| &kept(saved, index).values[..]).collect()
            }
        };
        let gradient_of = |mut own: Value, index: usize| {
            if how == Interaction::Multiplicative {
                pointwise::modulate_backward(self.level, own.image(), &inputs, index, &mut own.values);
            }
            self.fit_batch(own, saved.batches[index])
        };
        let last = wanted.iter().rposition(|&wanted| wanted);
        let mut gradient = Some(gradient);
        let mut own = |index: usize| {
            let gradient = if Some(index) == last {
                gradient.take()
            } else {
                gradient.as_ref().map(|all| self.copy(all))
            };
            gradient_of(gradient.expect("taken by the last one only"), index)
        };
        wanted.iter().enumerate().map(|(index, &wanted)| wanted.then(|| own(index))).collect()
    }
}

fn kept<'a>(saved: &Saved<'a, Value>, index: usize) -> &'a Value {
    saved.inputs[index].expect("the plan keeps what `Op::reads` asks for")
}
