//! Every operation on every kernel path against its naive twin, both ways.

use redyn_core::random::Stream;

use super::convolution::{Purpose, route};
use super::direct::Direction;
use super::naive;
use super::simd::Level;
use super::winograd::Scheme;
use super::{Cpu, Kernels, Value, Weight, twins};
use crate::{
    Activation, Bias, Constant, Conv, ConvTranspose, Engine, Interaction, Op, Padding, Saved, Shape,
    Tangents, Windows,
};

/// Largest difference allowed, in units of the largest value: rounding of sums of some
/// hundred f32 products.
const ROUNDING: f64 = 3e-6;
/// The same for tiles of 4 × 4, whose transforms magnify it.
const TILES_OF_FOUR: f64 = 2e-5;

pub(super) fn every_path() -> Vec<Cpu> {
    let kernels = [Kernels::Direct, Kernels::Accurate, Kernels::Fast];
    Level::available().into_iter().flat_map(|level| kernels.map(|kernels| Cpu::at(level, kernels))).collect()
}

fn tolerance(cpu: &Cpu) -> f64 {
    if cpu.kernels == Kernels::Fast { TILES_OF_FOUR } else { ROUNDING }
}

/// An operation with random weights and inputs.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) op: Op,
    pub(super) shapes: Vec<Shape>,
    pub(super) batches: Vec<usize>,
    pub(super) weights: Vec<(Vec<usize>, Vec<f32>)>,
    pub(super) inputs: Vec<Vec<f32>>,
    /// Gradient of the output.
    pub(super) dy: Vec<f32>,
}

fn random(n: usize, stream: &mut Stream) -> Vec<f32> {
    (0..n).map(|_| stream.between(-1.0, 1.0) as f32).collect()
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// What one run of an engine gave.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) output: Vec<f32>,
    pub(super) inputs: Vec<Vec<f32>>,
    pub(super) weights: Vec<Vec<f32>>,
}

impl Outcome {
    pub(super) fn bits(&self) -> Vec<u32> {
        let parts = std::iter::once(&self.output).chain(&self.inputs).chain(&self.weights);
        parts.flatten().map(|value| value.to_bits()).collect()
    }
}

impl Case {
    pub(super) fn new(op: Op, inputs: &[(Shape, usize)]) -> Self {
        let mut stream = Stream::new(11, &[inputs.len() as u64]);
        let shapes: Vec<Shape> = inputs.iter().map(|&(shape, _)| shape).collect();
        let batches: Vec<usize> = inputs.iter().map(|&(_, batch)| batch).collect();
        let batch = *batches.iter().max().unwrap();
        let output = op.output(&shapes).unwrap();
        let weights = op.weights(shapes[0]).into_iter().map(|shape| {
            let values = random(shape.iter().product(), &mut stream);
            (shape, values)
        });
        let weights = weights.collect();
        let inputs = inputs.iter().map(|&(shape, batch)| random(shape.len() * batch, &mut stream)).collect();
        let dy = random(output.len() * batch, &mut stream);
        Self { op, shapes, batches, weights, inputs, dy }
    }

    pub(super) fn batch(&self) -> usize {
        *self.batches.iter().max().unwrap()
    }

    pub(super) fn output(&self) -> Shape {
        self.op.output(&self.shapes).unwrap()
    }

    pub(super) fn run(&self, cpu: &Cpu) -> Outcome {
        let weights: Vec<Weight> = self.weights.iter().map(|(shape, data)| cpu.weight(shape, data)).collect();
        let weights: Vec<&Weight> = weights.iter().collect();
        let values = self.shapes.iter().zip(&self.batches).zip(&self.inputs);
        let inputs: Vec<Value> =
            values.map(|((&shape, &batch), data)| cpu.value(shape, batch, data)).collect();
        let output = cpu.forward(&self.op, &weights, &inputs.iter().collect::<Vec<_>>());
        let mut gradients: Vec<_> = weights.iter().map(|weight| cpu.gradient(weight)).collect();
        let saved = Saved {
            inputs: inputs.iter().map(|input| self.op.reads().inputs.then_some(input)).collect(),
            output: self.op.reads().output.then_some(&output),
            shapes: self.shapes.clone(),
            batches: self.batches.clone(),
        };
        let dy = cpu.value(self.output(), self.batch(), &self.dy);
        let wanted = vec![true; inputs.len()];
        let mut targets: Vec<_> = gradients.iter_mut().collect();
        let found = cpu.backward(&self.op, &weights, &saved, dy, &wanted, &mut targets);
        let read = |value: &Value| {
            let mut values = vec![0.0; value.shape.len() * cpu.batch(value)];
            cpu.read(value, &mut values);
            values
        };
        Outcome {
            output: read(&output),
            inputs: found.iter().map(|value| read(value.as_ref().unwrap())).collect(),
            weights: gradients.into_iter().map(|gradient| cpu.finish(gradient)).collect(),
        }
    }

    /// Output, gradients of inputs, gradients of weights by the naive twin.
    fn expected(&self) -> (Vec<f64>, Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let weights: Vec<Vec<f64>> = self.weights.iter().map(|(_, data)| wide(data)).collect();
        let mut weight_gradients: Vec<Vec<f64>> =
            weights.iter().map(|weight| vec![0.0; weight.len()]).collect();
        let mut input_gradients: Vec<Vec<f64>> =
            self.inputs.iter().map(|input| vec![0.0; input.len()]).collect();
        let mut output = Vec::new();
        let all: Vec<Vec<f64>> = self.inputs.iter().map(|input| wide(input)).collect();
        for image in 0..self.batch() {
            let places: Vec<_> = self
                .shapes
                .iter()
                .zip(&self.batches)
                .map(|(shape, &batch)| {
                    let image = if batch == 1 { 0 } else { image };
                    image * shape.len()..(image + 1) * shape.len()
                })
                .collect();
            let inputs: Vec<&[f64]> =
                all.iter().zip(&places).map(|(input, place)| &input[place.clone()]).collect();
            output.extend(naive::forward(&self.op, &self.shapes, &weights, &inputs));
            let length = self.output().len();
            let dy = wide(&self.dy[image * length..][..length]);
            let found =
                naive::backward(&self.op, &self.shapes, &weights, &inputs, &dy, &mut weight_gradients);
            for ((sum, found), place) in input_gradients.iter_mut().zip(found).zip(places) {
                sum[place].iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
            }
        }
        (output, input_gradients, weight_gradients)
    }

    fn check(&self, cpu: &Cpu) {
        let outcome = self.run(cpu);
        let (output, inputs, weights) = self.expected();
        let limit = tolerance(cpu);
        let who = |what: &str| format!("{} {:?} {:?} {what}", cpu.path(), self.op, self.shapes);
        assert_close(&outcome.output, &output, limit, &who("output"));
        for (index, (found, expected)) in outcome.inputs.iter().zip(&inputs).enumerate() {
            assert_close(found, expected, limit, &who(&format!("gradient of input {index}")));
        }
        for (index, (found, expected)) in outcome.weights.iter().zip(&weights).enumerate() {
            assert_close(found, expected, limit, &who(&format!("gradient of weight {index}")));
        }
    }
}

pub(super) fn assert_close(found: &[f32], expected: &[f64], limit: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-3_f64, |largest, value| largest.max(value.abs()));
    for (index, (&found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(found) - expected).abs();
        assert!(difference <= limit * largest, "{what}: value {index} is {found}, not {expected}");
    }
}

/// Another padding after than before, and groups.
fn grouped(
    channels: usize,
    (kernel, stride): (usize, usize),
    (before, after): (usize, usize),
    groups: usize,
) -> Op {
    let padding = Padding { before, after };
    Op::Conv(Conv { channels, kernel, stride, padding, groups, bias: Bias::PerChannel })
}

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize) -> Op {
    Op::Conv(Conv {
        channels,
        kernel,
        stride,
        padding: Padding::even(padding),
        groups: 1,
        bias: Bias::PerChannel,
    })
}

fn transpose(channels: usize, kernel: usize, stride: usize) -> Op {
    Op::ConvTranspose(ConvTranspose { channels, kernel, stride, bias: Bias::PerChannel })
}

fn convolutions() -> Vec<Case> {
    let case =
        |op, height, width, channels, batch| Case::new(op, &[(Shape::map(height, width, channels), batch)]);
    vec![
        case(conv(5, 3, 1, 1), 7, 9, 3, 2),
        case(conv(16, 3, 1, 1), 8, 8, 8, 3),
        case(conv(19, 3, 1, 1), 9, 5, 13, 2),
        case(conv(56, 3, 1, 1), 4, 4, 32, 5),
        case(conv(43, 3, 1, 0), 6, 11, 40, 1),
        case(conv(39, 3, 1, 2), 5, 5, 44, 2),
        case(conv(8, 5, 1, 2), 7, 6, 11, 2),
        case(conv(33, 5, 1, 2), 5, 9, 27, 1),
        case(conv(30, 5, 1, 2), 4, 4, 41, 3),
        case(conv(35, 7, 1, 3), 9, 6, 28, 2),
        case(conv(40, 7, 1, 1), 8, 13, 44, 1),
        case(conv(8, 1, 1, 0), 4, 3, 9, 2),
        case(conv(10, 3, 2, 1), 7, 8, 9, 2),
        case(conv(4, 4, 3, 1), 11, 9, 6, 2),
        case(conv(3, 2, 3, 0), 8, 8, 4, 1),
        case(conv(96, 3, 1, 1), 1, 1, 17, 3),
        // Padding as TensorFlow's `SAME` has it, on every kind of kernel.
        case(grouped(5, (7, 2), (2, 3), 1), 10, 12, 3, 2),
        case(grouped(9, (2, 1), (0, 1), 1), 5, 4, 7, 2),
        case(grouped(33, (4, 1), (1, 2), 1), 5, 3, 20, 1),
        case(grouped(40, (3, 1), (0, 2), 1), 7, 9, 40, 2),
        case(grouped(40, (5, 1), (1, 3), 1), 8, 7, 24, 2),
        // The first layers of published networks.
        case(grouped(9, (11, 4), (2, 2), 1), 23, 19, 3, 2),
        case(grouped(9, (7, 4), (3, 3), 1), 21, 16, 3, 1),
        // Depthwise, and groups of several channels.
        case(grouped(37, (7, 1), (3, 3), 37), 9, 8, 37, 2),
        case(grouped(11, (5, 2), (2, 2), 11), 8, 7, 11, 3),
        case(grouped(6, (3, 2), (0, 1), 6), 6, 7, 6, 2),
        case(grouped(8, (7, 1), (3, 3), 4), 6, 5, 12, 2),
        case(grouped(10, (3, 2), (1, 1), 5), 7, 8, 5, 3),
        case(conv(40, 3, 2, 1), 7, 10, 44, 2),
        case(conv(51, 5, 2, 2), 9, 6, 33, 3),
        case(conv(40, 3, 2, 0), 8, 8, 44, 1),
        case(grouped(40, (3, 2), (1, 0), 1), 8, 7, 44, 2),
        case(transpose(9, 3, 2), 5, 4, 13, 2),
        case(transpose(35, 3, 2), 5, 4, 61, 3),
        case(transpose(48, 3, 2), 1, 9, 37, 1),
        case(transpose(41, 5, 2), 5, 3, 50, 2),
        case(transpose(16, 5, 2), 3, 6, 8, 1),
        case(transpose(3, 1, 2), 2, 3, 4, 2),
        case(transpose(43, 3, 1), 5, 6, 40, 2),
        case(transpose(33, 5, 1), 6, 5, 24, 1),
        case(transpose(33, 7, 1), 5, 6, 24, 2),
        case(transpose(3, 1, 1), 2, 3, 4, 2),
    ]
}

fn others() -> Vec<Case> {
    let maps = |op, batches: &[usize]| {
        let inputs: Vec<_> = batches.iter().map(|&batch| (Shape::map(5, 7, 11), batch)).collect();
        Case::new(op, &inputs)
    };
    let vectors = |op, batch| Case::new(op, &[(Shape::vector(37), batch)]);
    let mut cases = vec![
        vectors(Op::Linear { channels: 21, bias: Bias::PerChannel }, 5),
        vectors(Op::Linear { channels: 64, bias: Bias::Absent }, 1),
        vectors(Op::LayerNorm(Activation::Relu), 3),
        maps(Op::LayerNorm(Activation::Relu), &[3]),
        maps(Op::LayerNorm(Activation::Identity), &[1]),
        maps(Op::MaxPool(Windows::tiling(2)), &[3]),
        maps(Op::MaxPool(Windows::tiling(3)), &[2]),
        maps(Op::AveragePool, &[3]),
        maps(Op::Activate(Activation::Relu), &[3]),
        maps(Op::Activate(Activation::Identity), &[1]),
        maps(Op::Scale(Constant::new(-0.75)), &[2]),
    ];
    for how in [Interaction::Additive, Interaction::Multiplicative] {
        for batches in [&[3, 3][..], &[3, 3, 3], &[1, 3], &[3, 1, 3], &[1, 1, 1], &[2, 2, 1, 2]] {
            cases.push(maps(Op::Combine(how), batches));
        }
    }
    cases
}

#[test]
fn convolutions_on_every_path_equal_their_naive_twins() {
    for case in convolutions() {
        for cpu in every_path() {
            case.check(&cpu);
        }
    }
}

#[test]
fn other_operations_on_every_path_equal_their_naive_twins() {
    for case in others() {
        for cpu in every_path() {
            case.check(&cpu);
        }
    }
}

#[test]
fn naive_gradients_are_slopes() {
    // Central differences of a smooth function in f64 leave some 1e-8.
    const STEP: f64 = 1e-5;
    for case in convolutions().into_iter().chain(others()).filter(|case| case.batch() == 1) {
        let weights: Vec<Vec<f64>> = case.weights.iter().map(|(_, data)| wide(data)).collect();
        let inputs: Vec<Vec<f64>> = case.inputs.iter().map(|input| wide(input)).collect();
        let dy = wide(&case.dy);
        let value = |weights: &[Vec<f64>], inputs: &[Vec<f64>]| -> f64 {
            let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
            let output = naive::forward(&case.op, &case.shapes, weights, &inputs);
            output.iter().zip(&dy).map(|(y, dy)| y * dy).sum()
        };
        let (_, input_gradients, weight_gradients) = case.expected();
        let mut stream = Stream::new(3, &[]);
        for _ in 0..20 {
            let of_weight = stream.coin() && !weights.is_empty();
            let (mut weights, mut inputs) = (weights.clone(), inputs.clone());
            let which = stream.below(if of_weight { weights.len() } else { inputs.len() });
            let gradients = if of_weight { &weight_gradients[which] } else { &input_gradients[which] };
            let index = stream.below(gradients.len());
            let mut at = |shift: f64| {
                let place = if of_weight { &mut weights[which][index] } else { &mut inputs[which][index] };
                *place += shift;
                value(&weights, &inputs)
            };
            let (above, below) = (at(STEP), at(-2.0 * STEP));
            let slope = (above - below) / (2.0 * STEP);
            assert!((slope - gradients[index]).abs() < 1e-6, "{:?}: {slope} {}", case.op, gradients[index]);
        }
    }
}

#[test]
fn tangents_are_the_transpose_of_gradients() {
    // ⟨dy, J dx⟩ = ⟨Jᵀ dy, dx⟩ up to rounding, with the gradients tested above; changes of one
    // input after the other, then of all.
    for case in convolutions().into_iter().chain(others()).chain(twins::cases()) {
        for cpu in every_path() {
            let batch = case.batch();
            let repeated: Vec<Vec<f32>> = case
                .inputs
                .iter()
                .zip(&case.batches)
                .map(|(input, &own)| if own == batch { input.clone() } else { input.repeat(batch) })
                .collect();
            let all = Case { batches: vec![batch; case.batches.len()], inputs: repeated, ..case.clone() };
            let gradients = all.run(&cpu).inputs;
            let weights: Vec<Weight> =
                case.weights.iter().map(|(shape, data)| cpu.weight(shape, data)).collect();
            let weights: Vec<&Weight> = weights.iter().collect();
            let value = |shape, batch, data: &[f32]| cpu.value(shape, batch, data);
            let inputs: Vec<Value> = (0..case.shapes.len())
                .map(|index| value(case.shapes[index], case.batches[index], &case.inputs[index]))
                .collect();
            let mut stream = Stream::new(5, &[]);
            let changes: Vec<Vec<f32>> =
                case.shapes.iter().map(|shape| random(shape.len() * batch, &mut stream)).collect();
            let changed: Vec<Value> =
                (0..inputs.len()).map(|index| value(case.shapes[index], batch, &changes[index])).collect();
            for which in (0..inputs.len()).map(Some).chain([None]) {
                let moves = |index: usize| which.is_none_or(|which| which == index);
                let tangents: Vec<_> =
                    changed.iter().enumerate().map(|(index, dx)| moves(index).then_some(dx)).collect();
                let inputs: Vec<&Value> = inputs.iter().collect();
                let tangent = cpu.tangent(&case.op, &weights, &inputs, &tangents);
                assert_eq!(tangent.batch, batch);
                let dot = |a: &[f32], b: &[f32]| -> f64 {
                    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
                };
                let forwards = dot(&tangent.values, &case.dy);
                let backwards: f64 = (0..inputs.len())
                    .filter(|&index| moves(index))
                    .map(|index| dot(&gradients[index], &changes[index]))
                    .sum();
                let size = dot(&tangent.values, &tangent.values).sqrt() * dot(&case.dy, &case.dy).sqrt();
                assert!(
                    (forwards - backwards).abs() <= tolerance(&cpu) * size.max(1e-3),
                    "{} {:?}: {forwards} and {backwards}",
                    cpu.path(),
                    case.op
                );
            }
        }
    }
}

/// Large enough for every path to divide its work.
fn large() -> Vec<Case> {
    let case = |op, side, channels, batch| Case::new(op, &[(Shape::map(side, side, channels), batch)]);
    vec![
        case(conv(16, 3, 1, 1), 18, 8, 5),
        case(conv(40, 3, 1, 1), 18, 40, 5),
        case(conv(40, 5, 1, 2), 13, 24, 4),
        case(conv(11, 3, 2, 1), 17, 20, 5),
        case(grouped(48, (7, 1), (3, 3), 48), 14, 48, 5),
        case(grouped(24, (3, 1), (1, 1), 8), 14, 16, 5),
        case(transpose(16, 3, 2), 12, 24, 5),
        case(transpose(40, 3, 2), 9, 72, 5),
        case(transpose(33, 5, 2), 7, 56, 4),
        case(conv(72, 5, 2, 2), 13, 33, 3),
        case(conv(288, 3, 1, 1), 5, 272, 3),
        case(Op::LayerNorm(Activation::Relu), 40, 16, 5),
        case(Op::MaxPool(Windows::tiling(2)), 40, 16, 5),
        case(Op::AveragePool, 40, 16, 5),
        case(Op::Activate(Activation::Relu), 40, 16, 5),
        Case::new(Op::Linear { channels: 200, bias: Bias::PerChannel }, &[(Shape::vector(150), 40)]),
        Case::new(
            Op::Combine(Interaction::Multiplicative),
            &[(Shape::map(40, 40, 16), 1), (Shape::map(40, 40, 16), 5)],
        ),
    ]
}

#[test]
fn threads_do_not_change_a_bit() {
    for case in large() {
        for kernels in [Kernels::Direct, Kernels::Accurate, Kernels::Fast] {
            let with_threads = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| case.run(&Cpu::with(kernels)).bits())
            };
            let alone = with_threads(1);
            assert!(alone == with_threads(2) && alone == with_threads(3), "{kernels:?} {:?}", case.op);
        }
    }
}

#[test]
fn the_rest_of_the_batch_does_not_change_a_bit() {
    for case in large() {
        for kernels in [Kernels::Direct, Kernels::Accurate, Kernels::Fast] {
            let cpu = Cpu::with(kernels);
            let whole = case.run(&cpu);
            let length = case.output().len();
            for image in 0..case.batch() {
                let inputs = case.inputs.iter().zip(&case.batches).map(|(input, &batch)| {
                    let size = input.len() / batch;
                    let image = if batch == 1 { 0 } else { image };
                    input[image * size..][..size].to_vec()
                });
                let one = Case {
                    batches: vec![1; case.batches.len()],
                    inputs: inputs.collect(),
                    dy: case.dy[image * length..][..length].to_vec(),
                    weights: case.weights.clone(),
                    shapes: case.shapes.clone(),
                    op: case.op,
                };
                let alone = one.run(&cpu);
                assert!(
                    alone.output == whole.output[image * length..][..length],
                    "{kernels:?} {:?}",
                    case.op
                );
                for ((alone, whole), &batch) in alone.inputs.iter().zip(&whole.inputs).zip(&case.batches) {
                    if batch > 1 {
                        assert!(
                            *alone == whole[image * alone.len()..][..alone.len()],
                            "{kernels:?} {:?}",
                            case.op
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_repeated_run_gives_the_same_bits() {
    // Buffers come back from the pool with old values in them.
    for case in large() {
        let cpu = Cpu::new();
        let first = case.run(&cpu).bits();
        assert!(first == case.run(&cpu).bits(), "{:?}", case.op);
    }
}

#[test]
fn gradients_add_up_over_calls() {
    let case = &convolutions()[3];
    for cpu in every_path() {
        let weights: Vec<Weight> = case.weights.iter().map(|(shape, data)| cpu.weight(shape, data)).collect();
        let weights: Vec<&Weight> = weights.iter().collect();
        let x = cpu.value(case.shapes[0], case.batch(), &case.inputs[0]);
        let mut gradients: Vec<_> = weights.iter().map(|weight| cpu.gradient(weight)).collect();
        for _ in 0..3 {
            let saved = Saved {
                inputs: vec![Some(&x)],
                output: None,
                shapes: case.shapes.clone(),
                batches: case.batches.clone(),
            };
            let dy = cpu.value(case.output(), case.batch(), &case.dy);
            let mut targets: Vec<_> = gradients.iter_mut().collect();
            let found = cpu.backward(&case.op, &weights, &saved, dy, &[false], &mut targets);
            assert!(found[0].is_none());
        }
        let (_, _, expected) = case.expected();
        for (gradient, expected) in gradients.into_iter().zip(expected) {
            let expected: Vec<f64> = expected.iter().map(|value| 3.0 * value).collect();
            assert_close(&cpu.finish(gradient), &expected, tolerance(&cpu), &cpu.path());
        }
    }
}

#[test]
fn a_shared_value_receives_the_sum_over_images() {
    let cpu = Cpu::new();
    let shape = Shape::map(2, 2, 8);
    let op = Op::Scale(Constant::new(2.0));
    let dy = cpu.value(shape, 3, &[1.0; 96]);
    let saved = Saved { inputs: vec![None], output: None, shapes: vec![shape], batches: vec![1] };
    let found = cpu.backward(&op, &[], &saved, dy, &[true], &mut []);
    let value = found[0].as_ref().unwrap();
    assert_eq!((cpu.batch(value), value.values[0]), (1, 6.0));
    let mut repeated = [0.0; 64];
    cpu.read(value, &mut repeated);
    assert_eq!(repeated, [6.0; 64]);
}

#[test]
fn what_is_not_finite_does_not_pass_silently() {
    for bad in [f32::NAN, f32::INFINITY] {
        for mut case in convolutions().into_iter().chain(others()) {
            // The centre of the first image: no window of these leaves it out.
            let shape = case.shapes[0];
            let centre = (shape.height / 2 * shape.width + shape.width / 2) * shape.channels;
            if matches!(case.op, Op::Conv(Conv { stride: 3, .. })) {
                continue;
            }
            case.inputs[0][centre] = bad;
            for cpu in every_path() {
                let outcome = case.run(&cpu);
                assert!(outcome.output.iter().any(|y| !y.is_finite()), "{} {:?}", cpu.path(), case.op);
            }
        }
    }
}

#[test]
fn a_value_that_is_not_finite_stays_within_its_tiles() {
    let mut case = Case::new(conv(40, 3, 1, 1), &[(Shape::map(20, 20, 40), 2)]);
    case.inputs[0][0] = f32::INFINITY;
    let (expected, ..) = case.expected();
    for cpu in every_path() {
        let outcome = case.run(&cpu);
        for (index, (&found, &expected)) in outcome.output.iter().zip(&expected).enumerate() {
            let (row, column) = (index / 800 % 20, index / 40 % 20);
            if !expected.is_finite() {
                assert!(!found.is_finite());
            } else if index >= 16000 || row >= 4 || column >= 4 {
                assert!((f64::from(found) - expected).abs() < 1e-3, "{} {row} {column}", cpu.path());
            }
        }
    }
}

#[test]
fn nan_passes_relu_and_wins_every_window() {
    let cpu = Cpu::new();
    let x = cpu.value(Shape::map(2, 2, 1), 1, &[1.0, f32::NAN, 3.0, 2.0]);
    let pooled = cpu.forward(&Op::MaxPool(Windows::tiling(2)), &[], &[&x]);
    assert!(pooled.values[0].is_nan());
    let rectified = cpu.forward(&Op::Activate(Activation::Relu), &[], &[&x]);
    assert!(rectified.values[1].is_nan());
    assert_eq!(rectified.values[2..], [3.0, 2.0]);
}

#[test]
fn the_first_of_equal_maxima_gets_the_gradient() {
    // torch: x = torch.ones(1, 1, 2, 2, requires_grad=True); F.max_pool2d(x, 2).backward(); x.grad
    let cpu = Cpu::new();
    let x = cpu.value(Shape::map(2, 2, 1), 1, &[1.0; 4]);
    let saved =
        Saved { inputs: vec![Some(&x)], output: None, shapes: vec![Shape::map(2, 2, 1)], batches: vec![1] };
    let dy = cpu.value(Shape::vector(1), 1, &[5.0]);
    let found = cpu.backward(&Op::MaxPool(Windows::tiling(2)), &[], &saved, dy, &[true], &mut []);
    assert_eq!(found[0].as_ref().unwrap().values[..], [5.0, 0.0, 0.0, 0.0]);
}

#[test]
fn denormals_survive() {
    let tiny = f32::from_bits(1 << 20);
    for cpu in every_path() {
        for op in [
            conv(44, 3, 1, 1),
            conv(44, 1, 1, 0),
            conv(44, 5, 1, 2),
            conv(44, 3, 2, 1),
            transpose(44, 3, 2),
            transpose(44, 5, 2),
        ] {
            let mut case = Case::new(op, &[(Shape::map(8, 8, 44), 1)]);
            case.inputs[0].fill(tiny);
            for (index, (_, weight)) in case.weights.iter_mut().enumerate() {
                weight.fill(if index == 0 { 1.0 } else { 0.0 });
            }
            let (expected, ..) = case.expected();
            let outcome = case.run(&cpu);
            assert!(
                outcome.output.iter().zip(expected).all(|(&y, expected)| {
                    (f64::from(y) - expected).abs() < 1e-4 * expected && expected > 0.0
                }),
                "{} {op:?}",
                cpu.path()
            );
        }
    }
}

#[test]
fn every_scheme_has_its_cases() {
    let cpus = [Kernels::Accurate, Kernels::Fast].map(Cpu::with);
    let mut met = std::collections::HashSet::new();
    for (cpu, case) in cpus.iter().flat_map(|cpu| convolutions().into_iter().map(move |case| (cpu, case))) {
        let Some(route) = route(&case.op, case.shapes[0], case.batch()) else { continue };
        for route in [route, route.reversed()] {
            met.extend(cpu.scheme(route, Purpose::Value).map(|scheme| (scheme, Some(route.direction))));
            if route.direction == Direction::Gather {
                met.extend(cpu.scheme(route, Purpose::WeightGradient).map(|scheme| (scheme, None)));
            }
        }
    }
    for scheme in [
        Scheme::FourOfThree,
        Scheme::TwoOfThree,
        Scheme::TwoOfFive,
        Scheme::FourOfSeven,
        Scheme::StrideFourOfThree,
        Scheme::StrideTwoOfThree,
        Scheme::StrideTwoOfFive,
    ] {
        for way in [Some(Direction::Gather), Some(Direction::Scatter), None] {
            assert!(met.contains(&(scheme, way)), "{scheme:?} {way:?}");
        }
    }
}

#[test]
fn layer_norm_keeps_its_precision_far_from_zero() {
    let shape = Shape::map(16, 16, 8);
    let mut case = Case::new(Op::LayerNorm(Activation::Identity), &[(shape, 1)]);
    case.inputs[0].iter_mut().for_each(|x| *x = 1000.0 + (*x * 1024.0).round() / 1024.0);
    let cpu = Cpu::new();
    let (expected, ..) = case.expected();
    // The mean itself is rounded to f32: half a unit of 1000's last place, over a deviation of 0.58.
    assert_close(&case.run(&cpu).output, &expected, 1e-4, "layer norm");
}

#[test]
fn the_path_names_instructions_and_kernels() {
    assert_eq!(Cpu::at(Level::Portable, Kernels::Direct).path(), "cpu portable direct");
    assert!(Cpu::new().path().ends_with("winograd4"));
}
