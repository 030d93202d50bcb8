//! Operations on the colours of pixels, in the arithmetic of torchvision's tensor functions.

use crate::Image;

/// `ratio * a + (1 − ratio) * b` in `f32`, clamped to 0-255, fraction cut off.
fn blend(a: u8, b: f32, ratio: f64) -> u8 {
    (ratio as f32 * f32::from(a) + (1.0 - ratio) as f32 * b).clamp(0.0, 255.0) as u8
}

/// Luminance with torchvision's weights, fraction cut off.
fn grey(pixel: &[u8]) -> u8 {
    (0.2989_f32 * f32::from(pixel[0]) + 0.587_f32 * f32::from(pixel[1]) + 0.114_f32 * f32::from(pixel[2]))
        as u8
}

fn map(image: &Image, value: impl Fn(u8) -> u8) -> Image {
    Image::new(image.height, image.width, image.pixels.iter().map(|&x| value(x)).collect())
}

pub(super) fn brightness(image: &Image, factor: f64) -> Image {
    map(image, |x| blend(x, 0.0, factor))
}

pub(super) fn saturation(image: &Image, factor: f64) -> Image {
    let mut out = image.clone();
    for pixel in out.pixels.chunks_exact_mut(3) {
        let grey = f32::from(grey(pixel));
        for value in pixel {
            *value = blend(*value, grey, factor);
        }
    }
    out
}

pub(super) fn contrast(image: &Image, factor: f64) -> Image {
    // torch sums in f32; up to 256 x 256 pixels that sum is exact, as this one is.
    let sum: u64 = image.pixels.chunks_exact(3).map(|pixel| u64::from(grey(pixel))).sum();
    let mean = sum as f32 / (image.height * image.width) as f32;
    map(image, |x| blend(x, mean, factor))
}

/// Blend with a 3 x 3 smoothing (centre 5/13, others 1/13, rounded) that leaves the
/// border as it is. Its sums never end on a half: integers round as torch does.
pub(super) fn sharpness(image: &Image, factor: f64) -> Image {
    if image.height <= 2 || image.width <= 2 {
        return image.clone();
    }
    let row = 3 * image.width;
    let mut out = image.clone();
    for (at, value) in out.pixels.iter_mut().enumerate() {
        let (y, x) = (at / row, at % row / 3);
        let smooth = if y == 0 || x == 0 || y + 1 == image.height || x + 1 == image.width {
            image.pixels[at]
        } else {
            let sum: u32 = [at - row, at, at + row]
                .iter()
                .map(|&middle| {
                    u32::from(image.pixels[middle - 3])
                        + u32::from(image.pixels[middle])
                        + u32::from(image.pixels[middle + 3])
                })
                .sum::<u32>()
                + 4 * u32::from(image.pixels[at]);
            ((2 * sum + 13) / 26) as u8
        };
        *value = blend(image.pixels[at], f32::from(smooth), factor);
    }
    out
}

pub(super) fn posterise(image: &Image, bits: u32) -> Image {
    let mask = 0xff_u8 << (8 - bits.min(8)).min(7);
    map(image, |x| x & mask)
}

pub(super) fn solarise(image: &Image, threshold: f64) -> Image {
    map(image, |x| if f32::from(x) >= threshold as f32 { 255 - x } else { x })
}

pub(super) fn auto_contrast(image: &Image) -> Image {
    per_channel(image, |values| {
        let low = f32::from(values.iter().copied().min()?);
        let high = f32::from(values.iter().copied().max()?);
        // torch divides a number by a tensor through the tensor's reciprocal.
        let scale = (1.0 / (high - low)) * 255.0;
        scale.is_finite().then(|| table(|level| ((f32::from(level) - low) * scale).clamp(0.0, 255.0) as u8))
    })
}

pub(super) fn equalise(image: &Image) -> Image {
    per_channel(image, |values| {
        let mut histogram = [0_usize; 256];
        for &value in values {
            histogram[usize::from(value)] += 1;
        }
        let last = *histogram.iter().rev().find(|&&count| count > 0)?;
        let step = (values.len() - last) / 255;
        let mut below = 0;
        (step > 0).then(|| {
            table(|level| {
                let value = ((below + step / 2) / step).min(255) as u8;
                below += histogram[usize::from(level)];
                if level == 0 { 0 } else { value }
            })
        })
    })
}

fn table(mut value: impl FnMut(u8) -> u8) -> [u8; 256] {
    let mut table = [0; 256];
    for level in 0..=255 {
        table[usize::from(level)] = value(level);
    }
    table
}

/// Send each channel through a table made from its values; none leaves it as it is.
fn per_channel(image: &Image, make: impl Fn(&[u8]) -> Option<[u8; 256]>) -> Image {
    let mut out = image.clone();
    for channel in 0..3 {
        let values: Vec<u8> = image.pixels.iter().skip(channel).step_by(3).copied().collect();
        if let Some(table) = make(&values) {
            for value in out.pixels.iter_mut().skip(channel).step_by(3) {
                *value = table[usize::from(*value)];
            }
        }
    }
    out
}
