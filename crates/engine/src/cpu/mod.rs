//! The native CPU engine.
//!
//! Every sum has an order fixed by shapes (for weight gradients also by the batch), so
//! that neither threads nor, for a value, the rest of the batch change a bit.

mod channel_norm;
mod confidence;
mod direct;
mod direct_gradient;
mod elementwise;
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
mod weight;
mod windows;
mod winograd;

use std::sync::Arc;

use self::channel_norm::{ChannelNorm, Sets};
use self::confidence::Measure;
use self::direct::{Direct, Direction, Filters, Window};
use self::direct_gradient::Correlation;
use self::fused::Fused;
use self::grouped::Grouped;
use self::layer_norm::Affine;
use self::pool::{Buffer, Pool};
use self::simd::Level;
use self::weight::Form;
pub use self::weight::{Gradient, Weight};
use self::winograd::{Convolution, Scheme};
use crate::{
    Activation, Conv, ConvTranspose, Engine, Interaction, Op, Rescaling, Saved, Shape, Stage, Staged,
    Statistics, Windows,
};

/// How convolutions are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kernels {
    /// As they are written down.
    Direct,
    /// Winograd's tiles of 2 × 2 for kernels of 3 × 3, and of 5 × 5 with stride 2, where that
    /// is faster: rounding as small as that of a direct convolution.
    Accurate,
    /// Winograd's tiles of 4 × 4 for kernels of 3 × 3, of 2 × 2 for 5 × 5, of stride 1 or 2,
    /// where that is faster: relative rounding of some 3e-6.
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

/// A batch of values in memory.
#[derive(Debug)]
pub struct Value {
    shape: Shape,
    batch: usize,
    values: Buffer,
}

impl Value {
    fn image(&self) -> usize {
        self.shape.len()
    }

    /// What it is for an image of a batch.
    fn of_image(&self, index: usize) -> &[f32] {
        pointwise::of_image(&self.values, self.image(), index)
    }
}

/// A convolution as the kernels see it: which way data moves, between which maps.
#[derive(Clone, Copy)]
struct Route {
    window: Window,
    direction: Direction,
    input: Shape,
    output: Shape,
}

/// What a convolution is run for.
#[derive(Clone, Copy)]
enum Purpose {
    /// Its output, or the gradient of its input.
    Value,
    WeightGradient,
}

impl Route {
    /// The convolution that is the vector-Jacobian product of this one.
    const fn reversed(self) -> Self {
        let direction = match self.direction {
            Direction::Gather => Direction::Scatter,
            Direction::Scatter => Direction::Gather,
        };
        Self { direction, input: self.output, output: self.input, ..self }
    }
}

/// What an operation with weights is to the kernels of whole maps, for one image; vectors of
/// a batch become the rows of one image.
fn route(op: &Op, input: Shape, batch: usize) -> Option<Route> {
    match *op {
        Op::Conv(Conv { kernel, stride, padding, groups: 1, .. }) => {
            let output = op.output(&[input]).expect("checked by the plan");
            Some(Route {
                window: Window { kernel, stride, padding: padding.before },
                direction: Direction::Gather,
                input,
                output,
            })
        }
        Op::ConvTranspose(ConvTranspose { kernel, stride, .. }) => {
            let output = op.output(&[input]).expect("checked by the plan");
            let window = Window { kernel, stride, padding: kernel / 2 };
            Some(Route { window, direction: Direction::Scatter, input, output })
        }
        Op::Linear { channels, .. } => Some(Route {
            window: Window { kernel: 1, stride: 1, padding: 0 },
            direction: Direction::Gather,
            input: Shape::map(batch, 1, input.channels),
            output: Shape::map(batch, 1, channels),
        }),
        _ => None,
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

    /// The scheme for a convolution: a matter of shapes, never of the batch.
    ///
    /// With few channels the transforms cost more than they save. The bounds are where the
    /// methods met in `examples/conv_speed.rs` (2 cores with AVX2, batch 32).
    fn scheme(&self, route: Route, purpose: Purpose) -> Option<Scheme> {
        let Route { window, input, output, .. } = route;
        let Window { kernel, stride, padding } = window;
        let (scheme, fewest) = match (self.kernels, kernel, stride, purpose) {
            (Kernels::Fast, 3, 1, Purpose::Value) => (Scheme::FourOfThree, 16 * 16),
            (Kernels::Fast, 3, 1, Purpose::WeightGradient) => (Scheme::FourOfThree, 24 * 32),
            (Kernels::Fast, 5, 1, Purpose::Value) => (Scheme::TwoOfFive, 16 * 16),
            (Kernels::Fast, 5, 1, Purpose::WeightGradient) => (Scheme::TwoOfFive, 24 * 32),
            (Kernels::Accurate, 3, 1, Purpose::Value) => (Scheme::TwoOfThree, 24 * 32),
            (Kernels::Accurate, 3, 1, Purpose::WeightGradient) => (Scheme::TwoOfThree, 32 * 48),
            (Kernels::Fast, 3, 2, Purpose::Value) => (Scheme::StrideFourOfThree, 40 * 40),
            (Kernels::Fast, 3, 2, Purpose::WeightGradient) => (Scheme::StrideFourOfThree, 24 * 32),
            (Kernels::Accurate, 3, 2, Purpose::Value) => (Scheme::StrideTwoOfThree, 40 * 40),
            (Kernels::Accurate, 3, 2, Purpose::WeightGradient) => (Scheme::StrideTwoOfThree, 32 * 48),
            (Kernels::Accurate | Kernels::Fast, 5, 2, Purpose::Value) => (Scheme::StrideTwoOfFive, 40 * 40),
            (Kernels::Accurate | Kernels::Fast, 5, 2, Purpose::WeightGradient) => {
                (Scheme::StrideTwoOfFive, 32 * 48)
            }
            _ => return None,
        };
        let narrow = input.channels.min(output.channels) < 8;
        let fits = stride == 1 || padding == kernel / 2;
        let worth_it = fits && !narrow && input.channels * output.channels >= fewest;
        worth_it.then_some(scheme)
    }

    fn winograd(&self, scheme: Scheme, route: Route) -> Convolution<'_> {
        let Route { window, direction, input, output } = route;
        let padding = match direction {
            Direction::Gather => window.padding,
            Direction::Scatter => (window.kernel - 1 - window.padding) / window.stride,
        };
        Convolution { level: self.level, pool: &self.pool, scheme, direction, input, output, padding }
    }

    fn convolve(&self, route: Route, weight: &Weight, bias: Option<&[f32]>, x: &[f32], y: &mut [f32]) {
        if let Some(scheme) = self.scheme(route, Purpose::Value) {
            let packed = weight.form(Form::Winograd(scheme, route.direction));
            self.winograd(scheme, route).run(x, Filters { packed: &packed, bias }, y);
        } else {
            let packed = weight.form(Form::Direct(route.window, route.direction));
            let direct = Direct::new(route.input, route.output, route.window, route.direction);
            direct.run(self.level, x, Filters { packed: &packed, bias }, y);
        }
    }

    fn convolve_weight_gradient(&self, route: Route, x: &[f32], dy: &[f32], gradient: &mut Gradient) {
        // A transposed convolution is the adjoint of one that takes its output to its input:
        // the same gradient with the sides exchanged.
        let (route, x, dy) = match route.direction {
            Direction::Gather => (route, x, dy),
            Direction::Scatter => (route.reversed(), dy, x),
        };
        if let Some(scheme) = self.scheme(route, Purpose::WeightGradient) {
            self.winograd(scheme, route).add_gradient(x, dy, gradient.transformed(scheme));
        } else {
            let Route { window, input, output, .. } = route;
            Correlation { window, x, input, dy, output }.add_to(self.level, &self.pool, gradient.taps());
        }
    }

    /// `gradient` as that of an operation whose output has `batch` images: summed over
    /// images if the output is shared by them, repeated if only the gradient is.
    fn fit_batch(&self, gradient: Value, batch: usize) -> Value {
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

    fn copy(&self, value: &Value) -> Value {
        let mut copy = self.empty(value.shape, value.batch);
        copy.values.copy_from_slice(&value.values);
        copy
    }

    fn grouped(&self, op: &Op, input: Shape) -> Grouped<'_> {
        let Op::Conv(Conv { kernel, stride, padding, groups, .. }) = *op else {
            panic!("only convolutions have groups");
        };
        let output = op.output(&[input]).expect("checked by the plan");
        let window = Window { kernel, stride, padding: padding.before };
        Grouped { level: self.level, pool: &self.pool, window, groups, input, output }
    }

    fn channel_norm<'a>(&self, op: &Op, shape: Shape, weights: &[&'a Weight]) -> ChannelNorm<'a> {
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
                let affine = Some([scale.plain(), shift.plain()]);
                let observed = norm.backward(x, &mut dy.values, affine);
                let observed = [observed.mean, observed.variance];
                for (gradient, observed) in statistics.iter_mut().zip(observed) {
                    gradient.plain().iter_mut().zip(observed).for_each(|(sum, value)| *sum += value);
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

/// The factors of values below zero and of the others.
fn gains(weights: &[&Weight]) -> [f32; 2] {
    let last = weights.len() - 1;
    [weights[0].values()[0], weights[last].values()[0]]
}

fn concatenate(inputs: &[&Value], batch: usize, channels: usize, y: &mut [f32]) {
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
        let mut value = self.empty(shape, batch);
        value.values.copy_from_slice(data);
        value
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
        Weight::new(shape, data)
    }

    fn forward(&self, op: &Op, weights: &[&Weight], inputs: &[&Value]) -> Value {
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

    fn stage(&self, stage: &Stage<Value, Weight>) -> Staged<Value> {
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
        if let (Op::Parameter(_), [gradient]) = (op, &mut *gradients) {
            let dy = self.fit_batch(output_gradient, 1);
            pointwise::accumulate(self.level, gradient.channels_last(), &dy.values);
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
                        pointwise::add_channel_sums(self.level, dy.image(), &dy.values, bias.plain());
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
                        pointwise::add_channel_sums(self.level, dy.image(), &dy.values, bias.plain());
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
                let sums = [scale_gradient.channels_last(), shift_gradient.channels_last()];
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
                    [common] => common.plain()[0] += sums[0] + sums[1],
                    both => both.iter_mut().zip(sums).for_each(|(gain, sum)| gain.plain()[0] += sum),
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

    fn add(&self, value: &mut Value, other: &Value) {
        assert_eq!((value.shape, value.batch), (other.shape, other.batch), "values to add");
        pointwise::accumulate(self.level, &mut value.values, &other.values);
    }

    fn finish(&self, gradient: Gradient) -> Vec<f32> {
        gradient.finish()
    }
}
