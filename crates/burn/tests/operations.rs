//! Every operation on Burn's CPU device against the native engine, both ways.

use redyn_burn::{Burn, Device, Kind};
use redyn_core::random::Stream;
use redyn_engine::{
    Activation, Bias, Confidence, Constant, Conv, ConvTranspose, Cpu, Curve, Engine, Gain, Interaction,
    Kernels, Op, Padding, Precision, Rescaling, Saved, Shape, Statistics, Windows,
};

/// Largest difference allowed, in units of the largest value: rounding of sums of some
/// hundred f32 products, on both sides.
const ROUNDING: f64 = 3e-6;
/// The same where inputs are rounded to the 8 bits of bf16: half a unit of the last place of
/// each, of which sums average out.
const ROUNDING_BF16: f64 = 1e-2;
/// And to the 11 bits of f16, in which this device also adds them up: up to a hundred sums, each
/// rounded by 2e-4 of itself.
const ROUNDING_F16: f64 = 5e-3;

fn burn(precision: Precision) -> Burn {
    Burn::open(Device { kind: Kind::Flex, index: None }, precision).unwrap()
}

/// An operation with its weights, inputs and the gradient of its output.
struct Case {
    op: Op,
    shapes: Vec<Shape>,
    batches: Vec<usize>,
    weights: Vec<(Vec<usize>, Vec<f32>)>,
    inputs: Vec<Vec<f32>>,
    dy: Vec<f32>,
    dy_batch: usize,
}

/// What an engine made of it: output, gradients of inputs, gradients of weights.
type Outcome = Vec<(String, Vec<f32>)>;

fn random(n: usize, stream: &mut Stream) -> Vec<f32> {
    (0..n).map(|_| stream.between(-1.0, 1.0) as f32).collect()
}

impl Case {
    fn new(op: Op, inputs: &[(Shape, usize)]) -> Self {
        let batch = inputs.iter().map(|&(_, batch)| batch).max().unwrap_or(1);
        Self::with_gradients(op, inputs, batch)
    }

    /// With gradients of the output for so many images, which may share the output.
    fn with_gradients(op: Op, inputs: &[(Shape, usize)], dy_batch: usize) -> Self {
        let mut stream = Stream::new(5, &[inputs.len() as u64]);
        let shapes: Vec<Shape> = inputs.iter().map(|&(shape, _)| shape).collect();
        let batches: Vec<usize> = inputs.iter().map(|&(_, batch)| batch).collect();
        let weights =
            op.weights(shapes.first().copied().unwrap_or_else(|| op.output(&[]).expect("no input")));
        let weights = weights.into_iter().map(|shape| {
            let values = random(shape.iter().product(), &mut stream);
            (shape, values)
        });
        let weights = weights.collect();
        let inputs = inputs.iter().map(|&(shape, batch)| random(shape.len() * batch, &mut stream)).collect();
        let dy = random(op.output(&shapes).unwrap().len() * dy_batch, &mut stream);
        Self { op, shapes, batches, weights, inputs, dy, dy_batch }
    }

    fn run<E: Engine>(&self, engine: &E) -> Outcome {
        let weights: Vec<_> = self.weights.iter().map(|(shape, data)| engine.weight(shape, data)).collect();
        let weights: Vec<_> = weights.iter().collect();
        let values = self.shapes.iter().zip(&self.batches).zip(&self.inputs);
        let inputs: Vec<_> =
            values.map(|((&shape, &batch), data)| engine.value(shape, batch, data)).collect();
        let output = engine.forward(&self.op, &weights, &inputs.iter().collect::<Vec<_>>());
        let shape = self.op.output(&self.shapes).unwrap();
        let read = |value: &E::Value, shape: Shape| {
            let mut values = vec![f32::NAN; shape.len() * engine.batch(value)];
            engine.read(value, &mut values);
            values
        };
        let mut outcome = vec![("output".to_owned(), read(&output, shape))];
        let reads = self.op.reads();
        let saved = Saved {
            inputs: inputs.iter().map(|input| reads.inputs.then_some(input)).collect(),
            output: reads.output.then_some(&output),
            shapes: self.shapes.clone(),
            batches: self.batches.clone(),
        };
        // Each input's gradient is asked for alone once, as plans do of frozen inputs.
        for alone in std::iter::once(None).chain((0..inputs.len()).map(Some)) {
            let wanted: Vec<bool> =
                (0..inputs.len()).map(|index| alone.is_none_or(|one| one == index)).collect();
            let mut gradients: Vec<_> = weights.iter().map(|weight| engine.gradient(weight)).collect();
            let mut targets: Vec<_> = gradients.iter_mut().collect();
            let dy = engine.value(shape, self.dy_batch, &self.dy);
            let found = engine.backward(&self.op, &weights, &saved, dy, &wanted, &mut targets);
            assert_eq!(found.len(), inputs.len());
            for (index, (found, &batch)) in found.iter().zip(&self.batches).enumerate() {
                assert_eq!(found.is_some(), wanted[index]);
                let Some(found) = found else { continue };
                assert_eq!(engine.batch(found), batch, "gradient of input {index}");
                outcome.push((format!("gradient of input {index}"), read(found, self.shapes[index])));
            }
            for (index, gradient) in gradients.into_iter().enumerate() {
                outcome.push((format!("gradient of weight {index}"), engine.finish(gradient)));
            }
        }
        outcome
    }

    fn check(&self, engine: &Burn, tolerance: f64) {
        let (ours, native) = (self.run(engine), self.run(&Cpu::with(Kernels::Direct)));
        assert_eq!(ours.len(), native.len());
        for ((what, ours), (_, native)) in ours.iter().zip(&native) {
            let what = format!("{:?} {:?} batches {:?}: {what}", self.op, self.shapes, self.batches);
            assert_eq!(ours.len(), native.len(), "{what}");
            let scale = native.iter().fold(0.0_f64, |largest, &value| largest.max(f64::from(value).abs()));
            for (index, (a, b)) in ours.iter().zip(native).enumerate() {
                let distance = (f64::from(*a) - f64::from(*b)).abs();
                assert!(
                    distance <= tolerance * scale,
                    "{what}[{index}]: {a} instead of {b}, of at most {scale}"
                );
            }
        }
    }
}

const fn conv(channels: usize, kernel: usize, stride: usize, padding: usize, bias: Bias) -> Op {
    Op::Conv(Conv { channels, kernel, stride, padding: Padding::even(padding), groups: 1, bias })
}

const fn tiles(size: usize) -> Op {
    Op::MaxPool(Windows::tiling(size))
}

/// Everything with a kernel.
fn kernels() -> Vec<Case> {
    let mut cases = Vec::new();
    for batch in [1, 3] {
        for (op, input) in [
            (conv(5, 3, 1, 1, Bias::PerChannel), Shape::map(7, 9, 3)),
            (conv(16, 3, 1, 1, Bias::Absent), Shape::map(8, 8, 16)),
            (conv(4, 5, 1, 2, Bias::Absent), Shape::map(6, 5, 2)),
            (conv(3, 5, 1, 0, Bias::PerChannel), Shape::map(9, 7, 4)),
            (conv(6, 3, 2, 1, Bias::Absent), Shape::map(7, 8, 3)),
            (conv(4, 7, 2, 3, Bias::PerChannel), Shape::map(11, 10, 3)),
            (conv(3, 4, 4, 0, Bias::Absent), Shape::map(11, 9, 2)),
            (conv(3, 1, 1, 0, Bias::Absent), Shape::map(4, 4, 5)),
            (conv(3, 1, 1, 1, Bias::Absent), Shape::map(4, 3, 2)),
            (conv(2, 1, 2, 0, Bias::Absent), Shape::map(5, 4, 3)),
        ] {
            cases.push(Case::new(op, &[(input, batch)]));
        }
        for (kernel, stride, before, after, groups) in [
            (3, 2, 0, 1, 1),
            (4, 1, 1, 2, 1),
            (3, 1, 1, 1, 3),
            (3, 2, 1, 1, 6),
            (2, 1, 0, 1, 2),
            (3, 2, 0, 1, 2),
        ] {
            let padding = Padding { before, after };
            let op = Op::Conv(Conv { channels: 6, kernel, stride, padding, groups, bias: Bias::PerChannel });
            cases.push(Case::new(op, &[(Shape::map(8, 7, 6), batch)]));
        }
        for (kernel, stride, bias) in [
            (3, 2, Bias::Absent),
            (5, 2, Bias::PerChannel),
            (1, 2, Bias::Absent),
            (3, 1, Bias::PerChannel),
            (5, 1, Bias::Absent),
            (1, 1, Bias::Absent),
        ] {
            let op = Op::ConvTranspose(ConvTranspose { channels: 4, kernel, stride, bias });
            cases.push(Case::new(op, &[(Shape::map(5, 3, 6), batch)]));
        }
        for bias in [Bias::Absent, Bias::PerChannel] {
            cases.push(Case::new(Op::Linear { channels: 7, bias }, &[(Shape::vector(13), batch)]));
        }
    }
    cases
}

fn others() -> Vec<Case> {
    let map = Shape::map(6, 7, 5);
    let mut cases = vec![
        Case::new(Op::Combine(Interaction::Additive), &[(map, 3), (map, 1), (map, 3)]),
        Case::new(Op::Combine(Interaction::Additive), &[(map, 1), (map, 3)]),
        Case::new(Op::Combine(Interaction::Multiplicative), &[(map, 3), (map, 1), (map, 3)]),
        Case::new(Op::Combine(Interaction::Multiplicative), &[(map, 1), (map, 3)]),
        Case::new(Op::Combine(Interaction::Multiplicative), &[(map, 2), (map, 2)]),
    ];
    for batch in [1, 3] {
        for size in [1, 2, 3] {
            cases.push(Case::new(tiles(size), &[(Shape::map(7, 8, 3), batch)]));
        }
        for activation in [Activation::Identity, Activation::Relu] {
            for shape in [Shape::map(7, 3, 5), Shape::vector(19)] {
                cases.push(Case::new(Op::LayerNorm(activation), &[(shape, batch)]));
                cases.push(Case::new(Op::Activate(activation), &[(shape, batch)]));
            }
        }
        for (size, stride, before, after) in [(3, 2, 1, 1), (3, 2, 0, 0), (2, 2, 0, 1), (3, 1, 1, 1)] {
            let windows = Windows { size, stride, padding: Padding { before, after } };
            cases.push(Case::new(Op::MaxPool(windows), &[(Shape::map(7, 8, 3), batch)]));
        }
        let epsilon = Constant::new(1e-3);
        for (groups, rescaling) in [(4, Rescaling::PerChannel), (1, Rescaling::Absent)] {
            let op = Op::GroupNorm { groups, epsilon, rescaling };
            cases.push(Case::new(op, &[(Shape::map(3, 5, 12), batch)]));
        }
        for statistics in [Statistics::Running, Statistics::Batch] {
            let mut case = Case::new(Op::BatchNorm { epsilon, statistics }, &[(Shape::map(3, 4, 7), batch)]);
            // A variance is not negative.
            case.weights[3].1.iter_mut().for_each(|variance| *variance = 1.0 + 0.5 * variance.abs());
            cases.push(case);
        }
        for op in [
            Op::AdaptiveAveragePool { height: 3, width: 2 },
            Op::AdaptiveAveragePool { height: 7, width: 9 },
            Op::Resize { height: 9, width: 4 },
            Op::Resize { height: 1, width: 1 },
            Op::Line { factor: Constant::new(-0.7), offset: Constant::new(0.9) },
            Op::Gain(Gain::Common),
            Op::Gain(Gain::BySign),
            Op::Channels { from: 1, count: 3 },
            Op::Flatten,
            Op::Curve(Curve::Elu),
            Op::Curve(Curve::Sigmoid),
            Op::Curve(Curve::Tanh),
        ] {
            cases.push(Case::new(op, &[(map, batch)]));
        }
        cases.push(Case::new(Op::AveragePool, &[(Shape::map(4, 5, 3), batch)]));
        cases.push(Case::new(Op::Scale(Constant::new(-0.3)), &[(map, batch)]));
    }
    for batches in [[2, 2], [1, 2], [2, 1], [1, 1]] {
        cases.push(Case::new(Op::Multiply, &batches.map(|batch| (map, batch))));
        for (how, weights) in [(Confidence::Whole, &[2.0][..]), (Confidence::Capped, &[2.0, 0.35])] {
            let mut case = Case::new(Op::MoreConfident(how), &batches.map(|batch| (Shape::vector(5), batch)));
            case.weights.iter_mut().zip(weights).for_each(|((_, own), &value)| own[0] = value);
            cases.push(case);
        }
        let inputs = [(map, batches[0]), (Shape { channels: 2, ..map }, batches[1])];
        cases.push(Case::new(Op::Concat, &inputs));
    }
    cases.push(Case::new(Op::Zeros(map), &[]));
    cases.push(Case::with_gradients(Op::Parameter(map), &[], 3));
    cases.push(Case::new(Op::Parameter(Shape::vector(6)), &[]));
    cases
}

#[test]
fn every_operation_is_the_native_engines_in_both_directions() {
    let engine = burn(Precision::F32);
    for case in kernels().iter().chain(&others()) {
        case.check(&engine, ROUNDING);
    }
}

#[test]
fn what_all_images_share_receives_the_sum_of_their_gradients() {
    let engine = burn(Precision::F32);
    let map = Shape::map(4, 6, 5);
    for (op, shape) in [
        (conv(3, 3, 1, 1, Bias::PerChannel), map),
        (Op::ConvTranspose(ConvTranspose { channels: 2, kernel: 3, stride: 2, bias: Bias::Absent }), map),
        (Op::Linear { channels: 3, bias: Bias::PerChannel }, Shape::vector(8)),
        (tiles(2), map),
        (Op::AveragePool, map),
        (Op::LayerNorm(Activation::Relu), map),
        (Op::Activate(Activation::Relu), map),
        (Op::Scale(Constant::new(2.0)), map),
    ] {
        // As many gradients as images, of an output there is once.
        let shared = Case::with_gradients(op, &[(shape, 1)], 3);
        let one = shared.dy.len() / 3;
        let sum: Vec<f32> = (0..one).map(|i| (0..3).map(|image| shared.dy[image * one + i]).sum()).collect();
        let summed = Case { dy: sum, dy_batch: 1, ..Case::with_gradients(op, &[(shape, 1)], 1) };
        let (ours, expected) = (shared.run(&engine), summed.run(&Cpu::with(Kernels::Direct)));
        for ((what, ours), (_, expected)) in ours.iter().zip(&expected) {
            let scale = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            for (a, b) in ours.iter().zip(expected) {
                assert!((a - b).abs() <= ROUNDING as f32 * scale, "{op:?}, {what}: {a} instead of {b}");
            }
        }
    }
}

#[test]
fn products_are_rounded_to_the_precision_asked_for_and_nothing_else_is() {
    for (precision, tolerance) in [(Precision::Bf16, ROUNDING_BF16), (Precision::F16, ROUNDING_F16)] {
        let engine = burn(precision);
        assert_eq!(engine.precision(), precision);
        for case in &kernels() {
            case.check(&engine, tolerance);
        }
        for case in &others() {
            case.check(&engine, ROUNDING);
        }
        // They are rounded: a tolerance that f32 passes would prove nothing.
        let op = conv(16, 3, 1, 1, Bias::Absent);
        let case = Case::new(op, &[(Shape::map(8, 8, 16), 1)]);
        let (rounded, exact) = (case.run(&engine), case.run(&burn(Precision::F32)));
        assert_ne!(rounded[0].1, exact[0].1);
    }
}

#[test]
fn what_is_not_a_number_stays_visible() {
    let engine = burn(Precision::F32);
    let nan = f32::NAN;
    let run = |op: &Op, shape: Shape, data: &[f32]| {
        let output = engine.forward(op, &[], &[&engine.value(shape, 1, data)]);
        let mut values = vec![0.0; op.output(&[shape]).unwrap().len()];
        engine.read(&output, &mut values);
        values
    };
    let relu = run(&Op::Activate(Activation::Relu), Shape::vector(3), &[nan, -1.0, 2.0]);
    assert!(relu[0].is_nan() && relu[1..] == [0.0, 2.0]);
    for place in 0..4 {
        let mut window = [3.0, -1.0, 7.0, f32::NEG_INFINITY];
        window[place] = nan;
        assert!(run(&tiles(2), Shape::map(2, 2, 1), &window)[0].is_nan());
    }
}

#[test]
fn the_first_of_equal_maxima_receives_the_gradient() {
    let data: Vec<f32> = (0..2 * 6 * 6 * 3).map(|index| ((index * 7) % 3) as f32).collect();
    for size in [2, 3] {
        let shape = Shape::map(6, 6, 3);
        let case = Case { inputs: vec![data.clone()], ..Case::new(tiles(size), &[(shape, 2)]) };
        case.check(&burn(Precision::F32), 0.0);
    }
}

#[test]
fn a_batch_of_one_is_read_once_for_each_image() {
    let engine = burn(Precision::F32);
    let value = engine.value(Shape::vector(2), 1, &[1.0, 2.0]);
    let mut out = [0.0; 6];
    engine.read(&value, &mut out);
    assert_eq!(out, [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
}

#[test]
fn the_path_names_device_and_precision() {
    assert_eq!(burn(Precision::Bf16).path(), "burn 0.22 flex (Burn's CPU) bf16");
}
