//! The operations as plain loops in f64: what the engine is tested against.
//!
//! Maps are `[row, column, channel]`, one image at a time; weights as checkpoints store them.

use crate::{Activation, Interaction, Op, Shape, Windows};

pub(super) type Values = Vec<f64>;

/// Every product `weight[w] · x[i]` that adds to `y[o]`, as `(w, i, o)`: the definition of
/// all operations with a kernel, in both directions.
fn products(op: &Op, input: Shape, mut each: impl FnMut(usize, usize, usize)) {
    let output = op.output(&[input]).unwrap();
    let at = |shape: Shape, y: usize, x: usize, c: usize| (y * shape.width + x) * shape.channels + c;
    match *op {
        Op::Conv(conv) => {
            for y in 0..output.height {
                for x in 0..output.width {
                    for ky in 0..conv.kernel {
                        for kx in 0..conv.kernel {
                            let from_y = (y * conv.stride + ky).wrapping_sub(conv.padding.before);
                            let from_x = (x * conv.stride + kx).wrapping_sub(conv.padding.before);
                            if from_y < input.height && from_x < input.width {
                                for o in 0..output.channels {
                                    let (ins, outs) =
                                        (input.channels / conv.groups, output.channels / conv.groups);
                                    for i in 0..ins {
                                        let w = ((o * ins + i) * conv.kernel + ky) * conv.kernel + kx;
                                        let from = at(input, from_y, from_x, o / outs * ins + i);
                                        each(w, from, at(output, y, x, o));
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        Op::ConvTranspose(conv) => {
            for y in 0..input.height {
                for x in 0..input.width {
                    for ky in 0..conv.kernel {
                        for kx in 0..conv.kernel {
                            let to_y = (conv.stride * y + ky).wrapping_sub(conv.kernel / 2);
                            let to_x = (conv.stride * x + kx).wrapping_sub(conv.kernel / 2);
                            if to_y < output.height && to_x < output.width {
                                for i in 0..input.channels {
                                    for o in 0..output.channels {
                                        let w =
                                            ((i * output.channels + o) * conv.kernel + ky) * conv.kernel + kx;
                                        each(w, at(input, y, x, i), at(output, to_y, to_x, o));
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        Op::Linear { channels, .. } => {
            for o in 0..channels {
                for i in 0..input.channels {
                    each(o * input.channels + i, i, o);
                }
            }
        }
        _ => unreachable!(),
    }
}

fn activate(activation: Activation, x: f64) -> f64 {
    if activation == Activation::Relu && x < 0.0 { 0.0 } else { x }
}

/// The input index of the winner of a window, with the rules of `PyTorch`.
fn winner(x: &[f64], input: Shape, size: usize, y: usize, column: usize, channel: usize) -> usize {
    let mut best = None;
    for dy in 0..size {
        for dx in 0..size {
            let index = ((y * size + dy) * input.width + column * size + dx) * input.channels + channel;
            match best {
                Some(best) if !(x[index] > x[best] || x[index].is_nan()) => {}
                _ => best = Some(index),
            }
        }
    }
    best.unwrap()
}

fn is_kernel(op: &Op) -> bool {
    matches!(op, Op::Conv(_) | Op::ConvTranspose(_) | Op::Linear { .. })
}

/// Index of a value in a weight stored channels first.
fn channels_first(shape: Shape, index: usize) -> usize {
    index % shape.channels * shape.pixels() + index / shape.channels
}

/// One image forward.
pub(super) fn forward(op: &Op, shapes: &[Shape], weights: &[Values], inputs: &[&[f64]]) -> Values {
    let output = op.output(shapes).unwrap();
    let mut result = vec![0.0; output.len()];
    match *op {
        _ if is_kernel(op) => {
            for (index, value) in result.iter_mut().enumerate() {
                *value = weights.get(1).map_or(0.0, |bias| bias[index % output.channels]);
            }
            products(op, shapes[0], |w, i, o| result[o] += weights[0][w] * inputs[0][i]);
        }
        Op::MaxPool(Windows { size, .. }) => {
            for (index, value) in result.iter_mut().enumerate() {
                let (pixel, channel) = (index / output.channels, index % output.channels);
                let (y, x) = (pixel / output.width, pixel % output.width);
                *value = inputs[0][winner(inputs[0], shapes[0], size, y, x, channel)];
            }
        }
        Op::AveragePool => {
            for (index, &x) in inputs[0].iter().enumerate() {
                result[index % output.channels] += x / shapes[0].pixels() as f64;
            }
        }
        Op::Combine(how) => {
            for index in 0..result.len() {
                let rest: f64 = inputs[1..].iter().map(|x| x[index]).sum();
                result[index] = match how {
                    Interaction::Additive => inputs[0][index] + rest,
                    Interaction::Multiplicative => inputs[0][index] * (1.0 + rest),
                };
            }
        }
        Op::LayerNorm(activation) => {
            let (unit, _) = standardise(inputs[0]);
            for index in 0..result.len() {
                let place = channels_first(output, index);
                result[index] = activate(activation, unit[index] * weights[0][place] + weights[1][place]);
            }
        }
        Op::Activate(activation) => result = inputs[0].iter().map(|&x| activate(activation, x)).collect(),
        Op::Scale(factor) => result = inputs[0].iter().map(|&x| x * f64::from(factor.value())).collect(),
        Op::Zeros(_) => {}
        _ => unreachable!(),
    }
    result
}

/// `(x − μ) / √(σ² + 1e-5)` and one over that root.
fn standardise(x: &[f64]) -> (Values, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    let inverse = 1.0 / (variance + 1e-5).sqrt();
    (x.iter().map(|x| (x - mean) * inverse).collect(), inverse)
}

/// One image backward: gradients of the inputs; those of the weights are added.
pub(super) fn backward(
    op: &Op,
    shapes: &[Shape],
    weights: &[Values],
    inputs: &[&[f64]],
    dy: &[f64],
    gradients: &mut [Values],
) -> Vec<Values> {
    let mut result: Vec<Values> = shapes.iter().map(|shape| vec![0.0; shape.len()]).collect();
    match *op {
        _ if is_kernel(op) => {
            products(op, shapes[0], |w, i, o| {
                result[0][i] += weights[0][w] * dy[o];
                gradients[0][w] += inputs[0][i] * dy[o];
            });
            if let Some(bias) = gradients.get_mut(1) {
                let channels = bias.len();
                dy.iter().enumerate().for_each(|(index, dy)| bias[index % channels] += dy);
            }
        }
        Op::MaxPool(Windows { size, .. }) => {
            let output = op.output(shapes).unwrap();
            for (index, dy) in dy.iter().enumerate() {
                let (pixel, channel) = (index / output.channels, index % output.channels);
                let (y, x) = (pixel / output.width, pixel % output.width);
                result[0][winner(inputs[0], shapes[0], size, y, x, channel)] += dy;
            }
        }
        Op::AveragePool => {
            for (index, dx) in result[0].iter_mut().enumerate() {
                *dx = dy[index % shapes[0].channels] / shapes[0].pixels() as f64;
            }
        }
        Op::Combine(how) => {
            for index in 0..dy.len() {
                let rest: f64 = inputs[1..].iter().map(|x| x[index]).sum();
                for (which, dx) in result.iter_mut().enumerate() {
                    dx[index] = dy[index]
                        * match (how, which) {
                            (Interaction::Additive, _) => 1.0,
                            (Interaction::Multiplicative, 0) => 1.0 + rest,
                            (Interaction::Multiplicative, _) => inputs[0][index],
                        };
                }
            }
        }
        Op::LayerNorm(activation) => {
            let (unit, inverse) = standardise(inputs[0]);
            let n = unit.len() as f64;
            let mut h = vec![0.0; unit.len()];
            for index in 0..unit.len() {
                let place = channels_first(shapes[0], index);
                let before = unit[index] * weights[0][place] + weights[1][place];
                let g = if activation == Activation::Relu && before <= 0.0 { 0.0 } else { dy[index] };
                gradients[0][place] += g * unit[index];
                gradients[1][place] += g;
                h[index] = g * weights[0][place];
            }
            let mean = h.iter().sum::<f64>() / n;
            let product = h.iter().zip(&unit).map(|(h, unit)| h * unit).sum::<f64>() / n;
            for index in 0..unit.len() {
                result[0][index] = (h[index] - mean - unit[index] * product) * inverse;
            }
        }
        Op::Activate(activation) => {
            for (index, dx) in result[0].iter_mut().enumerate() {
                let passes = activation == Activation::Identity || inputs[0][index] > 0.0;
                *dx = if passes { dy[index] } else { 0.0 };
            }
        }
        Op::Scale(factor) => {
            result[0] = dy.iter().map(|dy| dy * f64::from(factor.value())).collect();
        }
        _ => {}
    }
    result
}
