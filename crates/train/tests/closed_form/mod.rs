//! The weights and images of the golden cases, rebuilt from their formulas
//! (`tests/golden/closed_form.py` is the definition).

use redyn_core::random::mix;
use redyn_network::{Graph, Tensor, Weights};

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Random words of a name: FNV-1a of the name, counted on, through `splitmix64`'s finaliser.
pub(crate) fn words(name: &str) -> impl Iterator<Item = u64> {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (1_u64..).map(move |i| mix(hash.wrapping_add(i.wrapping_mul(GOLDEN))))
}

/// Multiples of 2⁻²³ in `[−1, 1)`.
fn unit(name: &str) -> impl Iterator<Item = f64> {
    words(name).map(|word| (word >> 40) as f64 / 8_388_608.0 - 1.0)
}

/// A tensor by its checkpoint name: `.bias`, matrix or kernel, or a norm's gain.
fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let n = shape.iter().product();
    let data = if name.rsplit('.').next() == Some("bias") {
        unit(name).take(n).map(|u| (0.1 * u) as f32).collect()
    } else if shape.len() == 2 || shape.len() == 4 {
        let fan_in: usize = shape[1..].iter().product();
        let scale = (3.0 / fan_in as f64).sqrt();
        unit(name).take(n).map(|u| (u * scale) as f32).collect()
    } else {
        unit(name).take(n).map(|u| (1.0 + 0.1 * u) as f32).collect()
    };
    Tensor { shape: shape.to_vec(), data }
}

/// All weights of a network.
pub(crate) fn weights(graph: &Graph) -> Weights {
    let named = |p: &redyn_network::Parameter| (p.name.clone(), tensor(&p.name, &p.shape));
    Weights(graph.parameters().iter().map(named).collect())
}

/// `n` images of `size × size` pixels in squares of 8, normalised as the BLT loader
/// does, channels last.
pub(crate) fn images(n: usize, size: usize) -> Vec<f32> {
    let (mean, std) = ([0.4987_f32, 0.4702, 0.4050], [0.2711_f32, 0.2635, 0.2810]);
    let squares = size / 8;
    let pixels: Vec<u8> =
        words("images").take(n * 3 * squares * squares).map(|word| (word >> 56) as u8).collect();
    let mut images = Vec::with_capacity(n * size * size * 3);
    for image in 0..n {
        for y in 0..size {
            for x in 0..size {
                for channel in 0..3 {
                    let at = ((image * 3 + channel) * squares + y / 8) * squares + x / 8;
                    images.push((f32::from(pixels[at]) / 255.0 - mean[channel]) / std[channel]);
                }
            }
        }
    }
    images
}
