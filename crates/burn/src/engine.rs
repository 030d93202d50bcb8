//! The operations on a device of Burn's.

use burn_tensor::{DType, Tensor, TensorData};
use redyn_engine::{Engine, Interaction, Op, Precision, Rescaling, Saved, Shape, Statistics};

use crate::kernel::{self, Window};
use crate::norm::{self, Sets};
use crate::pointwise;
use crate::pool::{self, MaxPool, Shares};

/// An engine on one of Burn's devices.
///
/// # Panics
/// Every operation may panic where the device fails, out of memory most of all: see
/// [`crate::run_on`].
#[derive(Debug)]
pub struct Burn {
    device: burn_tensor::Device,
    precision: Precision,
    path: String,
}

/// A batch on the device: `[image, row, column, channel]`, in f32 or as the kernel gave it.
#[derive(Debug)]
pub struct Value(Tensor<4>);

/// A weight on the device, and the shape it has in checkpoints.
///
/// A kernel is `[out, in, row, column]` and a matrix `[1, 1, out, in]`, both rounded to the
/// engine's precision; the rest are f32: a map `[1, row, column, channel]` and a vector
/// `[1, 1, 1, channel]`.
#[derive(Debug)]
pub struct Weight {
    values: Tensor<4>,
    shape: Vec<usize>,
}

/// A sum of gradients of one weight, in f32, laid out as the weight is.
#[derive(Debug)]
pub struct Gradient {
    sum: Option<Tensor<4>>,
    shape: Vec<usize>,
}

impl Gradient {
    fn add(&mut self, more: Tensor<4>) {
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + more,
            None => more,
        });
    }
}

fn wide(value: &Value) -> Tensor<4> {
    value.0.clone().cast(DType::F32)
}

/// Summed over images, if there are more than `batch`, which then is one.
fn shared(x: Tensor<4>, batch: usize) -> Tensor<4> {
    if x.dims()[0] > batch { x.cast(DType::F32).sum_dim(0) } else { x }
}

/// With the bias, which is f32, as then is the sum.
fn with_bias(x: Tensor<4>, bias: Option<&&Weight>) -> Tensor<4> {
    match bias {
        Some(bias) => x.cast(DType::F32) + bias.values.clone(),
        None => x,
    }
}

/// Weights of one value each.
fn scalars(weights: &[&Weight]) -> Vec<Tensor<4>> {
    weights.iter().map(|weight| weight.values.clone()).collect()
}

/// Two values with as many images each.
fn together(both: [Tensor<4>; 2]) -> [Tensor<4>; 2] {
    let [first, second] = both.each_ref().map(Tensor::dims);
    let images = first[0].max(second[0]);
    both.map(|x| {
        let [_, height, width, channels] = x.dims();
        x.expand([images, height, width, channels])
    })
}

fn affine(weights: &[&Weight]) -> [Tensor<4>; 2] {
    [0, 1].map(|index| weights[index].values.clone())
}

/// `Σ` of the inputs from the second on, from left to right, after `first`.
fn sum<'v>(first: Tensor<4>, rest: impl IntoIterator<Item = &'v Value>) -> Tensor<4> {
    rest.into_iter().fold(first, |sum, value| sum + wide(value))
}

/// Summed over images and pixels: `[1, 1, 1, channel]`.
fn by_channel(x: Tensor<4>) -> Tensor<4> {
    x.sum_dims(&[0, 1, 2])
}

/// What a map of one size takes of one of another, along rows and along columns.
fn shares(share: impl Fn(usize, usize) -> Shares, output: [usize; 2], input: [usize; 2]) -> [Shares; 2] {
    [0, 1].map(|axis| share(output[axis], input[axis]))
}

/// How an operation that mixes pixels of one channel does, if it is one.
fn resampling(op: &Op, input: [usize; 2]) -> Option<[Shares; 2]> {
    match *op {
        Op::AdaptiveAveragePool { height, width } => Some(shares(Shares::means, [height, width], input)),
        Op::Resize { height, width } => Some(shares(Shares::between, [height, width], input)),
        _ => None,
    }
}

/// Unit values of a batch norm and, where they are not the batch's, what they were divided by.
struct Running {
    unit: Tensor<4>,
    inverse: Tensor<4>,
}

impl Running {
    fn new(x: Tensor<4>, weights: &[&Weight], epsilon: f64) -> Self {
        let [mean, variance] = [2, 3].map(|index| weights[index].values.clone());
        let inverse = variance.add_scalar(epsilon).sqrt().recip();
        Self { unit: (x - mean) * inverse.clone(), inverse }
    }
}

fn affine_of(unit: Tensor<4>, weights: &[&Weight]) -> Tensor<4> {
    let [gamma, beta] = affine(weights);
    unit * gamma + beta
}

/// `from..from + count` of the channels.
fn channels(x: Tensor<4>, from: usize, count: usize) -> Tensor<4> {
    x.narrow(3, from, count)
}

impl Burn {
    pub(crate) fn new(device: burn_tensor::Device, precision: Precision, path: String) -> Self {
        Self { device, precision, path }
    }

    fn dtype(&self) -> DType {
        match self.precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
            Precision::F16 => DType::F16,
        }
    }

    /// What `read` and `finish` give.
    fn numbers(x: Tensor<4>) -> Vec<f32> {
        let read = x.cast(DType::F32).try_into_vec_as::<f32>();
        read.unwrap_or_else(|error| panic!("the device failed: {error}"))
    }

    fn tensor(&self, shape: [usize; 4], data: &[f32]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(data.to_vec(), shape), (&self.device, DType::F32))
    }
}

impl Engine for Burn {
    type Value = Value;
    type Weight = Weight;
    type Gradient = Gradient;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn value(&self, shape: Shape, batch: usize, data: &[f32]) -> Value {
        Value(self.tensor([batch, shape.height, shape.width, shape.channels], data))
    }

    fn read(&self, value: &Value, out: &mut [f32]) {
        let values = Self::numbers(value.0.clone());
        out.chunks_exact_mut(values.len()).for_each(|image| image.copy_from_slice(&values));
    }

    fn batch(&self, value: &Value) -> usize {
        value.0.dims()[0]
    }

    fn weight(&self, shape: &[usize], data: &[f32]) -> Weight {
        let values = match *shape {
            [out, inputs, height, width] => {
                self.tensor([out, inputs, height, width], data).cast(self.dtype())
            }
            [channels, height, width] => {
                self.tensor([1, channels, height, width], data).permute([0, 2, 3, 1])
            }
            [out, inputs] => self.tensor([1, 1, out, inputs], data).cast(self.dtype()),
            _ => self.tensor([1, 1, 1, data.len()], data),
        };
        Weight { values, shape: shape.to_vec() }
    }

    fn forward(&self, op: &Op, weights: &[&Weight], inputs: &[&Value]) -> Value {
        Value(match *op {
            Op::Conv(conv) => {
                let y = Window::from(conv).gather(inputs[0].0.clone(), weights[0].values.clone());
                with_bias(y, weights.get(1))
            }
            Op::ConvTranspose(conv) => {
                let [_, height, width, _] = inputs[0].0.dims();
                let kernel = weights[0].values.clone();
                let sides = [conv.stride * height, conv.stride * width];
                let y = Window::from(conv).scatter(inputs[0].0.clone(), kernel, sides);
                with_bias(y, weights.get(1))
            }
            Op::Linear { .. } => {
                let y = kernel::linear(inputs[0].0.clone(), weights[0].values.clone());
                with_bias(y, weights.get(1))
            }
            Op::MaxPool(windows) => MaxPool::new(windows, &inputs[0].0).forward(&inputs[0].0),
            Op::AveragePool => pool::average(wide(inputs[0])),
            Op::Combine(Interaction::Additive) => sum(wide(inputs[0]), inputs[1..].iter().copied()),
            Op::Combine(Interaction::Multiplicative) => {
                let factor = sum(wide(inputs[1]).add_scalar(1.0), inputs[2..].iter().copied());
                wide(inputs[0]) * factor
            }
            Op::AdaptiveAveragePool { .. } | Op::Resize { .. } => {
                let [_, height, width, _] = inputs[0].0.dims();
                let [rows, columns] = resampling(op, [height, width]).expect("it is one");
                pool::resample(wide(inputs[0]), [&rows, &columns])
            }
            Op::LayerNorm(activation) => norm::layer(activation, wide(inputs[0]), affine(weights)),
            Op::GroupNorm { groups, epsilon, rescaling } => {
                let x = wide(inputs[0]);
                let unit = Sets::groups(&x, groups, f64::from(epsilon.value())).standardise(x).unit;
                match rescaling {
                    Rescaling::PerChannel => affine_of(unit, weights),
                    Rescaling::Absent => unit,
                }
            }
            Op::BatchNorm { epsilon, statistics } => {
                let (x, epsilon) = (wide(inputs[0]), f64::from(epsilon.value()));
                let unit = match statistics {
                    Statistics::Running => Running::new(x, weights, epsilon).unit,
                    Statistics::Batch => Sets::channels(&x, epsilon).standardise(x).unit,
                };
                affine_of(unit, weights)
            }
            Op::Activate(activation) => pointwise::activate(activation, wide(inputs[0])),
            Op::Curve(curve) => pointwise::curve(curve, wide(inputs[0])),
            Op::Scale(factor) => wide(inputs[0]).mul_scalar(factor.value()),
            Op::Line { factor, offset } => {
                wide(inputs[0]).mul_scalar(factor.value()).add_scalar(offset.value())
            }
            Op::Gain(_) => pointwise::gain(wide(inputs[0]), &scalars(weights)),
            Op::Multiply => wide(inputs[0]) * wide(inputs[1]),
            Op::MoreConfident(_) => {
                let both = together([wide(inputs[0]), wide(inputs[1])]);
                let second = pointwise::is_second(both.clone(), &scalars(weights));
                let [first, other] = both;
                first.mask_where(second, other)
            }
            Op::Concat => {
                let batch = inputs.iter().map(|input| input.0.dims()[0]).max().expect("it has inputs");
                let each = |input: &&Value| {
                    let [_, height, width, channels] = input.0.dims();
                    wide(input).expand([batch, height, width, channels])
                };
                Tensor::cat(inputs.iter().map(each).collect(), 3)
            }
            Op::Channels { from, count } => channels(inputs[0].0.clone(), from, count),
            Op::Flatten => {
                let [batch, height, width, channels] = inputs[0].0.dims();
                let x = inputs[0].0.clone().permute([0, 3, 1, 2]);
                x.reshape([batch, 1, 1, channels * height * width])
            }
            Op::Parameter(_) => weights[0].values.clone(),
            Op::Zeros(Shape { height, width, channels }) => {
                Tensor::zeros([1, height, width, channels], (&self.device, DType::F32))
            }
        })
    }

    fn gradient(&self, weight: &Weight) -> Gradient {
        Gradient { sum: None, shape: weight.shape.clone() }
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
        // Every product is linear in this gradient: where all images share the output, so
        // they do the sum.
        let dy = shared(output_gradient.0, saved.batches.iter().copied().max().unwrap_or(1));
        let input = |index: usize| saved.inputs[index].expect("kept, as the operation reads it");
        let output = || wide(saved.output.expect("kept, as the operation reads it"));
        let [height, width] = saved.shapes.first().map_or([1, 1], |shape| [shape.height, shape.width]);
        let full = || dy.clone().cast(DType::F32);
        if matches!(op, Op::Conv(_) | Op::ConvTranspose(_) | Op::Linear { .. })
            && let Some(bias) = gradients.get_mut(1)
        {
            bias.add(by_channel(full()));
        }
        let found: Vec<Option<Tensor<4>>> = match *op {
            Op::Conv(conv) => {
                let (window, kernel) = (Window::from(conv), weights[0].values.clone());
                gradients[0].add(window.gradient(input(0).0.clone(), kernel.clone(), dy.clone()));
                vec![wanted[0].then(|| window.scatter(dy, kernel, [height, width]))]
            }
            Op::ConvTranspose(conv) => {
                // The adjoint of a convolution that takes its output to its input.
                let (window, kernel) = (Window::from(conv), weights[0].values.clone());
                gradients[0].add(window.gradient(dy.clone(), kernel.clone(), input(0).0.clone()));
                vec![wanted[0].then(|| window.gather(dy, kernel))]
            }
            Op::Linear { .. } => {
                let matrix = weights[0].values.clone();
                gradients[0].add(kernel::linear_gradient(input(0).0.clone(), &matrix, dy.clone()));
                vec![wanted[0].then(|| kernel::linear_input(dy, matrix))]
            }
            Op::MaxPool(windows) => {
                let x = &input(0).0;
                vec![wanted[0].then(|| MaxPool::new(windows, x).backward(x, dy))]
            }
            Op::AveragePool => vec![wanted[0].then(|| pool::average_backward(full(), [height, width]))],
            Op::AdaptiveAveragePool { .. } | Op::Resize { .. } => {
                let [rows, columns] = resampling(op, [height, width]).expect("it is one");
                vec![wanted[0].then(|| pool::resample_backward(full(), [&rows, &columns]))]
            }
            Op::Combine(Interaction::Additive) => {
                wanted.iter().map(|wanted| wanted.then(|| dy.clone())).collect()
            }
            Op::Combine(Interaction::Multiplicative) => {
                let dy = full();
                let others = wanted[1..].iter().any(|&wanted| wanted).then(|| dy.clone() * wide(input(0)));
                let first = wanted[0].then(|| {
                    let rest = (2..saved.inputs.len()).map(input);
                    dy * sum(wide(input(1)).add_scalar(1.0), rest)
                });
                let others = wanted[1..].iter().map(|wanted| wanted.then(|| others.clone()).flatten());
                std::iter::once(first).chain(others).collect()
            }
            Op::LayerNorm(activation) => {
                let (dx, of_affine) =
                    norm::layer_backward(activation, wide(input(0)), affine(weights), full());
                for (gradient, of_images) in gradients.iter_mut().zip(of_affine) {
                    gradient.add(shared(of_images, 1));
                }
                vec![wanted[0].then_some(dx)]
            }
            Op::GroupNorm { groups, epsilon, rescaling } => {
                let x = wide(input(0));
                let standard = Sets::groups(&x, groups, f64::from(epsilon.value())).standardise(x);
                let h = match rescaling {
                    Rescaling::PerChannel => {
                        gradients[0].add(by_channel(full() * standard.unit.clone()));
                        gradients[1].add(by_channel(full()));
                        full() * weights[0].values.clone()
                    }
                    Rescaling::Absent => full(),
                };
                vec![wanted[0].then(|| standard.backward(h))]
            }
            Op::BatchNorm { epsilon, statistics } => {
                let (x, epsilon) = (wide(input(0)), f64::from(epsilon.value()));
                let h = full() * weights[0].values.clone();
                gradients[1].add(by_channel(full()));
                let (unit, dx) = match statistics {
                    Statistics::Running => {
                        let Running { unit, inverse } = Running::new(x, weights, epsilon);
                        (unit, h * inverse)
                    }
                    Statistics::Batch => {
                        let sets = Sets::channels(&x, epsilon);
                        let standard = sets.standardise(x);
                        let (n, shape) = (sets.len() as f64, weights[2].values.dims());
                        // One value alone has no variance.
                        let unbiased = if n > 1.0 { n / (n - 1.0) } else { 0.0 };
                        gradients[2].add(standard.mean.clone().reshape(shape));
                        gradients[3].add(standard.variance.clone().reshape(shape).mul_scalar(unbiased));
                        (standard.unit.clone(), standard.backward(h))
                    }
                };
                gradients[0].add(by_channel(full() * unit));
                vec![wanted[0].then_some(dx)]
            }
            Op::Activate(activation) => {
                vec![wanted[0].then(|| pointwise::activate_backward(activation, output(), full()))]
            }
            Op::Curve(curve) => vec![wanted[0].then(|| pointwise::curve_backward(curve, output(), full()))],
            Op::Scale(factor) | Op::Line { factor, .. } => {
                vec![wanted[0].then(|| full().mul_scalar(factor.value()))]
            }
            Op::Gain(_) => {
                let factors = scalars(weights);
                let x = wide(input(0));
                let found = pointwise::gain_gradients(x.clone(), factors.len(), full());
                gradients.iter_mut().zip(found).for_each(|(gradient, found)| gradient.add(found));
                vec![wanted[0].then(|| pointwise::gain_backward(x, &factors, full()))]
            }
            Op::Multiply => [1, 0]
                .into_iter()
                .zip(wanted)
                .map(|(other, wanted)| wanted.then(|| full() * wide(input(other))))
                .collect(),
            Op::MoreConfident(_) => {
                let both = together([wide(input(0)), wide(input(1))]);
                let second = pointwise::is_second(both, &scalars(weights));
                let out = [second.clone(), second.bool_not()];
                out.into_iter()
                    .zip(wanted)
                    .map(|(out, wanted)| wanted.then(|| full().mask_fill(out, 0.0)))
                    .collect()
            }
            Op::Concat => {
                let mut from = 0;
                let own = |(shape, wanted): (&Shape, &bool)| {
                    let first = from;
                    from += shape.channels;
                    wanted.then(|| channels(dy.clone(), first, shape.channels))
                };
                saved.shapes.iter().zip(wanted).map(own).collect()
            }
            Op::Channels { from, count } => vec![wanted[0].then(|| {
                let [batch, height, width, _] = dy.dims();
                let all = saved.shapes[0].channels;
                let dx = Tensor::zeros([batch, height, width, all], (&self.device, DType::F32));
                dx.slice_assign([0..batch, 0..height, 0..width, from..from + count], full())
            })],
            Op::Flatten => vec![wanted[0].then(|| {
                let [batch, ..] = dy.dims();
                dy.reshape([batch, saved.shapes[0].channels, height, width]).permute([0, 2, 3, 1])
            })],
            Op::Parameter(_) => {
                gradients[0].add(full());
                Vec::new()
            }
            Op::Zeros(_) => Vec::new(),
        };
        let own = |(found, &batch): (Option<Tensor<4>>, &usize)| found.map(|dx| Value(shared(dx, batch)));
        found.into_iter().zip(&saved.batches).map(own).collect()
    }

    fn add(&self, value: &mut Value, other: &Value) {
        value.0 = wide(value) + wide(other);
    }

    fn finish(&self, gradient: Gradient) -> Vec<f32> {
        let Gradient { sum, shape } = gradient;
        match sum {
            // `[1, row, column, channel]` to `[channel, row, column]`.
            Some(sum) if shape.len() == 3 => Self::numbers(sum.permute([0, 3, 1, 2])),
            Some(sum) => Self::numbers(sum),
            None => vec![0.0; shape.iter().product()],
        }
    }
}
