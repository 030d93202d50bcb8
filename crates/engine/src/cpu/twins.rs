//! Operations whose gradients are tested as what they are: slopes of a naive forward twin in f64.

use super::Cpu;
use super::tests::{Case, assert_close, every_path, wide};
use crate::{Confidence, Constant, Curve, Engine, Gain, Op, Padding, Rescaling, Shape, Statistics, Windows};

/// Rounding of f32 sums of some hundred terms, in units of the largest value.
const ROUNDING: f64 = 5e-6;
/// Step of the central differences: in f64 they leave some 1e-9.
const STEP: f64 = 1e-5;

type Values = Vec<f64>;

/// A value by image, row, column and channel.
fn at(shape: Shape, x: &[f64], image: usize, row: usize, column: usize, channel: usize) -> f64 {
    let image = if x.len() == shape.len() { 0 } else { image };
    x[((image * shape.height + row) * shape.width + column) * shape.channels + channel]
}

/// A whole batch, one output value after another.
fn forward(case: &Case, weights: &[Values], inputs: &[Values]) -> Values {
    let (op, shape, output, batch) = (&case.op, case.shapes[0], case.output(), case.batch());
    let x = |image, row, column, channel| at(shape, &inputs[0], image, row, column, channel);
    let mut result = Vec::new();
    for image in 0..batch {
        for row in 0..output.height {
            for column in 0..output.width {
                for channel in 0..output.channels {
                    let here = || x(image, row, column, channel);
                    result.push(match *op {
                        Op::MaxPool(Windows { size, stride, padding }) => {
                            let mut best = f64::NEG_INFINITY;
                            for tap in 0..size * size {
                                let y = (row * stride + tap / size).wrapping_sub(padding.before);
                                let c = (column * stride + tap % size).wrapping_sub(padding.before);
                                if y < shape.height && c < shape.width {
                                    best = best.max(x(image, y, c, channel));
                                }
                            }
                            best
                        }
                        Op::AdaptiveAveragePool { height, width } => {
                            let rows =
                                row * shape.height / height..((row + 1) * shape.height).div_ceil(height);
                            let columns =
                                column * shape.width / width..((column + 1) * shape.width).div_ceil(width);
                            let count = (rows.len() * columns.len()) as f64;
                            rows.flat_map(|y| columns.clone().map(move |c| (y, c)))
                                .map(|(y, c)| x(image, y, c, channel) / count)
                                .sum()
                        }
                        Op::Resize { height, width } => {
                            let place = |index: usize, count: usize, side: usize| {
                                if count == 1 {
                                    0.0
                                } else {
                                    (index * (side - 1)) as f64 / (count - 1) as f64
                                }
                            };
                            let (y, c) =
                                (place(row, height, shape.height), place(column, width, shape.width));
                            let hat = |distance: f64| (1.0 - distance.abs()).max(0.0);
                            let mut sum = 0.0;
                            for from_y in 0..shape.height {
                                for from_x in 0..shape.width {
                                    let share = hat(y - from_y as f64) * hat(c - from_x as f64);
                                    sum += share * x(image, from_y, from_x, channel);
                                }
                            }
                            sum
                        }
                        Op::GroupNorm { groups, epsilon, rescaling } => {
                            let size = shape.channels / groups;
                            let group = channel / size * size..(channel / size + 1) * size;
                            let set: Values = (0..shape.pixels())
                                .flat_map(|pixel| group.clone().map(move |channel| (pixel, channel)))
                                .map(|(pixel, c)| x(image, pixel / shape.width, pixel % shape.width, c))
                                .collect();
                            let unit = standard(&set, here(), epsilon);
                            match rescaling {
                                Rescaling::PerChannel => unit * weights[0][channel] + weights[1][channel],
                                Rescaling::Absent => unit,
                            }
                        }
                        Op::BatchNorm { epsilon, statistics } => {
                            let unit = match statistics {
                                Statistics::Batch => {
                                    standard(&channel_of(case, &inputs[0], channel), here(), epsilon)
                                }
                                Statistics::Running => {
                                    let guarded = weights[3][channel] + f64::from(epsilon.value());
                                    (here() - weights[2][channel]) / guarded.sqrt()
                                }
                            };
                            unit * weights[0][channel] + weights[1][channel]
                        }
                        Op::Curve(Curve::Elu) => {
                            if here() > 0.0 {
                                here()
                            } else {
                                here().exp() - 1.0
                            }
                        }
                        Op::Curve(Curve::Sigmoid) => 1.0 / (1.0 + (-here()).exp()),
                        Op::Curve(Curve::Tanh) => here().tanh(),
                        Op::Line { factor, offset } => {
                            f64::from(offset.value()) + f64::from(factor.value()) * here()
                        }
                        Op::Gain(Gain::Common) => weights[0][0] * here(),
                        Op::Gain(Gain::BySign) => weights[usize::from(here() >= 0.0)][0] * here(),
                        Op::Multiply => here() * at(case.shapes[1], &inputs[1], image, row, column, channel),
                        Op::MoreConfident(_) => {
                            let confidence = |which: usize| {
                                let (shape, x) = (case.shapes[which], &inputs[which]);
                                let share = |c| (weights[0][0] * at(shape, x, image, 0, 0, c)).exp();
                                let shares: Values = (0..shape.channels).map(share).collect();
                                let most = shares.iter().copied().fold(0.0, f64::max);
                                let cap = weights.get(1).map_or(f64::INFINITY, |cap| cap[0]);
                                (most / shares.iter().sum::<f64>()).min(cap)
                            };
                            let which = usize::from(confidence(1) > confidence(0));
                            at(case.shapes[which], &inputs[which], image, 0, 0, channel)
                        }
                        Op::Concat => {
                            let mut channel = channel;
                            let mut which = 0;
                            while channel >= case.shapes[which].channels {
                                channel -= case.shapes[which].channels;
                                which += 1;
                            }
                            at(case.shapes[which], &inputs[which], image, row, column, channel)
                        }
                        Op::Channels { from, .. } => x(image, row, column, from + channel),
                        Op::Flatten => {
                            let (pixel, channel) = (channel % shape.pixels(), channel / shape.pixels());
                            x(image, pixel / shape.width, pixel % shape.width, channel)
                        }
                        _ => unreachable!(),
                    });
                }
            }
        }
    }
    result
}

/// One value, standardised by the mean and biased variance of a set.
fn standard(set: &[f64], x: f64, epsilon: Constant) -> f64 {
    let mean = set.iter().sum::<f64>() / set.len() as f64;
    let variance = set.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / set.len() as f64;
    (x - mean) / (variance + f64::from(epsilon.value())).sqrt()
}

/// All values of a channel.
fn channel_of(case: &Case, x: &[f64], channel: usize) -> Values {
    x.iter().skip(channel).step_by(case.shapes[0].channels).copied().collect()
}

pub(super) fn cases() -> Vec<Case> {
    let map =
        |op, height, width, channels, batch| Case::new(op, &[(Shape::map(height, width, channels), batch)]);
    let pool = |size, stride, before, after| {
        Op::MaxPool(Windows { size, stride, padding: Padding { before, after } })
    };
    let group_norm =
        |groups, epsilon, rescaling| Op::GroupNorm { groups, epsilon: Constant::new(epsilon), rescaling };
    let batch_norm = |statistics| Op::BatchNorm { epsilon: Constant::new(1e-3), statistics };
    let mut cases = vec![
        map(pool(3, 2, 1, 1), 7, 8, 5, 2),
        map(pool(3, 2, 0, 0), 7, 8, 5, 2),
        map(pool(2, 2, 0, 1), 7, 5, 3, 2),
        map(pool(3, 1, 1, 1), 3, 4, 18, 1),
        map(Op::AdaptiveAveragePool { height: 3, width: 2 }, 7, 5, 4, 2),
        map(Op::AdaptiveAveragePool { height: 4, width: 3 }, 2, 3, 4, 2),
        map(Op::Resize { height: 7, width: 5 }, 3, 4, 5, 2),
        map(Op::Resize { height: 2, width: 3 }, 6, 5, 3, 1),
        map(Op::Resize { height: 3, width: 4 }, 1, 1, 9, 2),
        map(Op::Resize { height: 1, width: 1 }, 3, 4, 2, 2),
        map(group_norm(4, 1e-5, Rescaling::PerChannel), 3, 4, 12, 2),
        map(group_norm(1, 1e-12, Rescaling::PerChannel), 3, 3, 5, 2),
        map(group_norm(1, 1e-5, Rescaling::Absent), 3, 5, 4, 2),
        map(group_norm(9, 1e-5, Rescaling::PerChannel), 4, 3, 9, 1),
        map(batch_norm(Statistics::Batch), 3, 4, 7, 3),
        map(batch_norm(Statistics::Batch), 1, 1, 4, 5),
        map(batch_norm(Statistics::Running), 3, 4, 7, 2),
        map(Op::Line { factor: Constant::new(-0.7), offset: Constant::new(0.9) }, 3, 4, 5, 2),
        map(Op::Gain(Gain::Common), 3, 4, 5, 2),
        map(Op::Gain(Gain::BySign), 3, 4, 5, 2),
        map(Op::Channels { from: 2, count: 3 }, 3, 2, 7, 2),
        map(Op::Flatten, 3, 2, 5, 2),
    ];
    cases.extend([Curve::Elu, Curve::Sigmoid, Curve::Tanh].map(|curve| map(Op::Curve(curve), 3, 4, 5, 2)));
    for batches in [[2, 2], [1, 2], [2, 1], [1, 1]] {
        let inputs = batches.map(|batch| (Shape::map(2, 3, 5), batch));
        cases.push(Case::new(Op::Multiply, &inputs));
        let inputs =
            [(Shape::map(2, 3, 4), batches[0]), (Shape::map(2, 3, 3), batches[1]), (Shape::map(2, 3, 1), 2)];
        cases.push(Case::new(Op::Concat, &inputs));
        let inputs = batches.map(|batch| (Shape::vector(3), if batch == 1 { 1 } else { 6 }));
        for (how, weights) in [(Confidence::Whole, &[2.0][..]), (Confidence::Capped, &[2.0, 0.45])] {
            let mut case = Case::new(Op::MoreConfident(how), &inputs);
            case.weights.iter_mut().zip(weights).for_each(|((_, own), &value)| own[0] = value);
            cases.push(case);
        }
    }
    for case in &mut cases {
        if let Some((_, variance)) = case.weights.get_mut(3) {
            for variance in variance {
                *variance = 1.0 + 0.5 * variance.abs();
            }
        }
    }
    cases
}

/// Slopes of `Σ dy · y` along every value of one of the inputs or weights.
fn slopes(case: &Case, (weights, inputs): (&[Values], &[Values]), of_weight: bool, which: usize) -> Values {
    let dy = wide(&case.dy);
    let along = |index: usize, shift: f64| -> f64 {
        let (mut weights, mut inputs) = (weights.to_vec(), inputs.to_vec());
        let moved = if of_weight { &mut weights[which] } else { &mut inputs[which] };
        moved[index] += shift;
        forward(case, &weights, &inputs).iter().zip(&dy).map(|(y, dy)| y * dy).sum()
    };
    let count = if of_weight { weights[which].len() } else { inputs[which].len() };
    (0..count).map(|index| (along(index, STEP) - along(index, -STEP)) / (2.0 * STEP)).collect()
}

#[test]
fn outputs_equal_their_twins_and_gradients_are_their_slopes() {
    for case in cases() {
        let weights: Vec<Values> = case.weights.iter().map(|(_, values)| wide(values)).collect();
        let inputs: Vec<Values> = case.inputs.iter().map(|values| wide(values)).collect();
        let output = forward(&case, &weights, &inputs);
        let both = (&weights[..], &inputs[..]);
        let of_inputs: Vec<Values> =
            (0..inputs.len()).map(|which| slopes(&case, both, false, which)).collect();
        // Running averages have no gradient: what stands in its place has its own test.
        let of_weights: Vec<Values> =
            (0..weights.len().min(2)).map(|which| slopes(&case, both, true, which)).collect();
        for cpu in every_path() {
            let found = case.run(&cpu);
            let who = format!("{} {:?}", cpu.path(), case.op);
            assert_close(&found.output, &output, ROUNDING, &who);
            for (found, expected) in found.inputs.iter().zip(&of_inputs) {
                assert_close(found, expected, ROUNDING, &format!("{who}: gradient of an input"));
            }
            for (found, expected) in found.weights.iter().zip(&of_weights) {
                assert_close(found, expected, ROUNDING, &format!("{who}: gradient of a weight"));
            }
        }
    }
}

#[test]
fn a_batch_norm_tells_the_statistics_of_its_batch() {
    let op = Op::BatchNorm { epsilon: Constant::new(1e-5), statistics: Statistics::Batch };
    let case = Case::new(op, &[(Shape::map(3, 4, 7), 3)]);
    let found = case.run(&Cpu::new());
    let x = wide(&case.inputs[0]);
    for channel in 0..7 {
        let set = channel_of(&case, &x, channel);
        let n = set.len() as f64;
        let mean = set.iter().sum::<f64>() / n;
        let variance = set.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        assert!((f64::from(found.weights[2][channel]) - mean).abs() < 1e-6);
        assert!((f64::from(found.weights[3][channel]) - variance).abs() < 1e-6);
    }
}

#[test]
fn one_value_has_no_variance_and_no_nan() {
    let op = Op::BatchNorm { epsilon: Constant::new(1e-5), statistics: Statistics::Batch };
    let case = Case::new(op, &[(Shape::vector(3), 1)]);
    let found = case.run(&Cpu::new());
    assert_eq!(found.output, case.weights[1].1, "what is left is the shift");
    assert_eq!(found.weights[3], [0.0; 3]);
}

#[test]
fn running_averages_are_not_moved_by_those_who_use_them() {
    let op = Op::BatchNorm { epsilon: Constant::new(1e-5), statistics: Statistics::Running };
    let mut case = Case::new(op, &[(Shape::map(2, 2, 3), 2)]);
    case.weights[3].1.fill(1.0);
    let found = case.run(&Cpu::new());
    assert_eq!(found.weights[2..], [vec![0.0; 3], vec![0.0; 3]]);
}

#[test]
fn a_parameter_is_its_weight_and_gathers_what_all_images_say_of_it() {
    let shape = Shape::map(2, 3, 4);
    let cpu = Cpu::new();
    let stored: Vec<f32> = (0..24).map(|index| index as f32).collect();
    let weight = cpu.weight(&[4, 2, 3], &stored);
    let value = cpu.forward(&Op::Parameter(shape), &[&weight], &[]);
    assert_eq!(value.values[..5], [0.0, 6.0, 12.0, 18.0, 1.0], "channels last");
    let mut gradient = cpu.gradient(&weight);
    let dy = cpu.value(shape, 2, &[&value.values[..], &[1.0; 24]].concat());
    let saved = crate::Saved { inputs: vec![], output: None, shapes: vec![], batches: vec![] };
    let op = Op::Parameter(shape);
    cpu.backward(&op, &[&weight], &saved, dy, &[], &mut [&mut gradient]);
    let expected: Vec<f32> = stored.iter().map(|value| value + 1.0).collect();
    assert_eq!(cpu.finish(gradient), expected);
}

#[test]
fn threads_and_images_beside_it_do_not_change_a_bit() {
    let norm = Op::GroupNorm { groups: 8, epsilon: Constant::new(1e-5), rescaling: Rescaling::PerChannel };
    for op in [norm, Op::Resize { height: 50, width: 40 }, Op::Curve(Curve::Elu)] {
        let case = Case::new(op, &[(Shape::map(40, 40, 16), 5)]);
        let with_threads = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| case.run(&Cpu::new()).bits())
        };
        assert!(with_threads(1) == with_threads(3), "{op:?}");
        let whole = case.run(&Cpu::new());
        let (input, output) = (case.shapes[0].len(), case.output().len());
        let last = Case {
            batches: vec![1],
            inputs: vec![case.inputs[0][4 * input..].to_vec()],
            dy: case.dy[4 * output..].to_vec(),
            weights: case.weights.clone(),
            shapes: case.shapes.clone(),
            op,
        };
        assert!(last.run(&Cpu::new()).output == whole.output[4 * output..], "{op:?}");
    }
}
