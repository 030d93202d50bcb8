//! Any picture to a square of the size a network wants.

use crate::{Frame, Image, StimuliError};

/// Smallest and largest image size that makes sense to ask for.
pub(crate) const SIZES: std::ops::RangeInclusive<usize> = 8..=4096;

/// Bring a picture into a frame of `size` pixels a side. One that has the size already is
/// left untouched.
///
/// Sizes and places are torchvision's: `Resize(n)` brings the short side to `n` and the long
/// one to `⌊n · long / short⌋`, `CenterCrop` begins at `round(excess / 2)`, ties to even.
pub(crate) fn to_square(image: Image, size: usize, frame: Frame) -> Image {
    let (height, width) = (image.height, image.width);
    if height == size && width == size {
        return image;
    }
    let short = height.min(width);
    let short_to = |side: usize| resize(&image, side * height / short, side * width / short);
    match frame {
        Frame::Fill => crop(&short_to(size), size),
        Frame::Centre { short_side } => crop(&short_to(short_side.max(size)), size),
        Frame::Square => resize(&crop(&image, short), size, size),
        Frame::Squash => resize(&image, size, size),
    }
}

/// The square at the centre.
fn crop(image: &Image, size: usize) -> Image {
    let (top, left) = (centre(image.height - size), centre(image.width - size));
    let rows = (top..top + size).flat_map(|row| {
        let first = 3 * (row * image.width + left);
        &image.pixels[first..first + 3 * size]
    });
    Image::new(size, size, rows.copied().collect())
}

fn centre(excess: usize) -> usize {
    (excess as f64 / 2.0).round_ties_even() as usize
}

/// Bilinear with antialiasing, to the byte what Pillow gives: a triangle as wide as the
/// reduction, along rows, then along columns, 8 bits between, weights of 22 bits.
///
/// Reference: `Resample.c` of Pillow 11, which torchvision's `Resize` calls for pictures. Pillow
/// 13 takes columns first where a picture is squashed most that way, and differs by one there.
fn resize(image: &Image, height: usize, width: usize) -> Image {
    let mut resized = image.clone();
    if width != image.width {
        let taps = taps(image.width, width);
        let mut pixels = vec![0; 3 * width * image.height];
        let rows = pixels.chunks_exact_mut(3 * width).zip(image.pixels.chunks_exact(3 * image.width));
        for (to, from) in rows {
            for (pixel, tap) in to.chunks_exact_mut(3).zip(&taps) {
                let mut sums = [HALF; 3];
                for (values, weight) in from[3 * tap.first..].chunks_exact(3).zip(&tap.weights) {
                    for channel in 0..3 {
                        sums[channel] += weight * i32::from(values[channel]);
                    }
                }
                pixel.copy_from_slice(&sums.map(byte));
            }
        }
        resized = Image::new(image.height, width, pixels);
    }
    if height != image.height {
        let taps = taps(image.height, height);
        let mut pixels = vec![0; 3 * width * height];
        for (to, tap) in pixels.chunks_exact_mut(3 * width).zip(&taps) {
            let mut sums = vec![HALF; 3 * width];
            let rows = resized.pixels[3 * width * tap.first..].chunks_exact(3 * width);
            for (row, weight) in rows.zip(&tap.weights) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += weight * i32::from(*value);
                }
            }
            for (value, sum) in to.iter_mut().zip(sums) {
                *value = byte(sum);
            }
        }
        resized = Image::new(height, width, pixels);
    }
    resized
}

/// Bits behind the point of weights and sums.
const BITS: u32 = 22;
/// A half, with which sums begin, so that dropping the bits rounds.
const HALF: i32 = 1 << (BITS - 1);

fn byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// The values that one place of a resized row is made of.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// For each place of `to`, the places of `from` under its triangle.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let place = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(from);
        let inverse = 1.0 / reach;
        let triangle = |x: usize| (1.0 - ((x as f64 - centre + 0.5) * inverse).abs()).max(0.0);
        let weights: Vec<f64> = (first..end).map(triangle).collect();
        let total: f64 = weights.iter().sum();
        let fixed = |weight: &f64| (0.5 + weight / total * f64::from(1 << BITS)) as i32;
        Taps { first, weights: weights.iter().map(fixed).collect() }
    };
    (0..to).map(place).collect()
}

/// The size to bring images to: the one asked for, or the one they have.
pub(crate) fn common_size(
    asked: Option<usize>,
    place: &str,
    found: impl IntoIterator<Item = (usize, usize)>,
) -> Result<usize, StimuliError> {
    if let Some(size) = asked {
        check_size(size)?;
        return Ok(size);
    }
    let mut found = found.into_iter();
    let first = found.next().ok_or_else(|| StimuliError::NoImages { place: place.to_owned() })?;
    let differs = if first.0 == first.1 { found.find(|&other| other != first) } else { Some(first) };
    match differs {
        Some((height, width)) => Err(StimuliError::NoCommonSize {
            place: place.to_owned(),
            first_height: first.0,
            first_width: first.1,
            height,
            width,
        }),
        None => check_size(first.0).map(|()| first.0),
    }
}

pub(crate) fn check_size(size: usize) -> Result<(), StimuliError> {
    if SIZES.contains(&size) {
        return Ok(());
    }
    Err(StimuliError::ImageSize { size, smallest: *SIZES.start(), largest: *SIZES.end() })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::decode::{Turned, decode};

    /// `tests/resize/make.py`, Pillow 11.3: what torchvision's transforms do to `picture.png`.
    #[test]
    fn every_frame_is_pillows_to_the_byte() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/resize");
        let read = |name: &str| decode(&std::fs::read(folder.join(name)).unwrap(), Turned::AsNoted).unwrap();
        for (picture, frames) in [("wide", "9 24"), ("tall", "9 24")] {
            let image = read(&format!("{picture}.png"));
            for size in frames.split(' ').map(|size| size.parse::<usize>().unwrap()) {
                for (name, frame) in [
                    ("fill", Frame::Fill),
                    ("centre", Frame::Centre { short_side: size * 8 / 7 }),
                    ("square", Frame::Square),
                    ("squash", Frame::Squash),
                ] {
                    let expected = read(&format!("{picture}_{name}_{size}.png"));
                    assert_eq!(to_square(image.clone(), size, frame), expected, "{picture} {name} {size}");
                }
            }
        }
    }

    #[test]
    fn a_picture_of_the_right_size_is_left_alone() {
        let image = Image::new(16, 16, (0..768).map(|i| i as u8).collect());
        assert_eq!(to_square(image.clone(), 16, Frame::Centre { short_side: 18 }), image);
    }
}
