//! The weights and images of the golden cases, rebuilt from their formulas
//! (`tests/golden/closed_form.py` is the definition).

// Each test uses its share of this.
#![allow(dead_code)]

use redyn_core::random::mix;
use redyn_network::{Graph, Parameter, Tensor, Weights};

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Random words of a name: FNV-1a of the name, counted on, through `splitmix64`'s finaliser.
pub(crate) fn words(name: &str) -> impl Iterator<Item = u64> {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (1_u64..).map(move |i| mix(hash.wrapping_add(i.wrapping_mul(GOLDEN))))
}

/// Multiples of 2⁻²³ in `[−1, 1)`.
pub(crate) fn unit(name: &str) -> impl Iterator<Item = f64> {
    words(name).map(|word| (word >> 40) as f64 / 8_388_608.0 - 1.0)
}

/// A tensor by its checkpoint name, of either dialect; `gain` is that of kernels and matrices.
fn tensor(parameter: &Parameter, gain: f64) -> Tensor {
    let Parameter { name, shape, .. } = parameter;
    let n: usize = shape.iter().product();
    let value: Box<dyn Fn(f64) -> f64> = match name.rsplit(['.', '/']).next().unwrap_or_default() {
        "running_mean" | "moving_mean" => Box::new(|u| 0.1 * u),
        "running_var" | "moving_variance" => Box::new(|u| 1.0 + 0.5 * u.abs()),
        "neg_scale" | "pos_scale" => Box::new(|u| 1.0 + 0.5 * u),
        "memory_decay" => Box::new(|_| 0.0),
        last if last == "beta" || last.contains("bias") || last.ends_with("_diag") => Box::new(|u| 0.1 * u),
        _ if shape.len() == 2 || shape.len() == 4 => {
            let fan_in: usize = shape[1..].iter().product();
            let scale = gain * (3.0 / fan_in as f64).sqrt();
            Box::new(move |u| u * scale)
        }
        _ => Box::new(|u| 1.0 + 0.1 * u),
    };
    let stored: Vec<f32> = unit(name).take(n).map(|u| value(u) as f32).collect();
    // TensorFlow's names have slashes, and its kernels and matrices are `[row, column, in, out]`
    // and `[in, out]`; of a depthwise kernel's numbers of channels one is 1.
    let data = if name.contains('/') && matches!(shape.len(), 2 | 4) {
        let taps: usize = shape[2..].iter().product();
        let place = |index: usize| {
            let (tap, pair) = (index % taps, index / taps);
            (tap * shape[1] + pair % shape[1]) * shape[0] + pair / shape[1]
        };
        (0..n).map(|index| stored[place(index)]).collect()
    } else {
        stored
    };
    Tensor { shape: shape.clone(), data }
}

/// All weights of a network.
pub(crate) fn weights(graph: &Graph, gain: f64) -> Weights {
    Weights(graph.parameters().iter().map(|p| (p.name.clone(), tensor(p, gain))).collect())
}

/// What becomes of the pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// `(x / 255 − mean) / std` of the BLT data set.
    Blt,
    /// The same of `ImageNet`.
    ImageNet,
    /// `x / 127.5 − 1`
    PlusMinusOne,
}

impl Input {
    fn value(self, pixel: u8, channel: usize) -> f32 {
        let (mean, std) = match self {
            Self::Blt => ([0.4987_f32, 0.4702, 0.4050], [0.2711_f32, 0.2635, 0.2810]),
            Self::ImageNet => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            Self::PlusMinusOne => return (f64::from(pixel) / 127.5 - 1.0) as f32,
        };
        (f32::from(pixel) / 255.0 - mean[channel]) / std[channel]
    }
}

/// `n` images of `size × size` pixels in squares of `square`, channels last.
pub(crate) fn images(n: usize, size: usize, square: usize, input: Input) -> Vec<f32> {
    let squares = size.div_ceil(square);
    let pixels: Vec<u8> =
        words("images").take(n * 3 * squares * squares).map(|word| (word >> 56) as u8).collect();
    let mut images = Vec::with_capacity(n * size * size * 3);
    for image in 0..n {
        for y in 0..size {
            for x in 0..size {
                for channel in 0..3 {
                    let at = ((image * 3 + channel) * squares + y / square) * squares + x / square;
                    images.push(input.value(pixels[at], channel));
                }
            }
        }
    }
    images
}
