//! Any picture to a square of the size a network wants.

use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::{Image, StimuliError};

/// Smallest and largest image size that makes sense to ask for.
pub(crate) const SIZES: std::ops::RangeInclusive<usize> = 8..=4096;

/// Bring the short side to `size`, then cut out the centre.
///
/// Bilinear with antialiasing (a triangle filter as wide as the reduction), long side
/// `⌊size · long / short⌋`, as torchvision's `Resize(size, antialias=True)` and
/// `CenterCrop(size)`. A picture that has the size already is left untouched.
pub(crate) fn to_square(image: Image, size: usize) -> Image {
    let (height, width) = (image.height, image.width);
    if height == size && width == size {
        return image;
    }
    let short = height.min(width);
    let (new_height, new_width) = (size * height / short, size * width / short);
    let pixels =
        RgbImage::from_raw(width as u32, height as u32, image.pixels).expect("an RGB image keeps its length");
    let resized = if short == size {
        pixels
    } else {
        imageops::resize(&pixels, new_width as u32, new_height as u32, FilterType::Triangle)
    };
    let (left, top) = (centre(new_width - size), centre(new_height - size));
    let square = imageops::crop_imm(&resized, left, top, size as u32, size as u32).to_image();
    Image::new(size, size, square.into_raw())
}

/// Half of what is too much, a half rounded to even as Python's `round` does.
fn centre(excess: usize) -> u32 {
    (excess as f64 / 2.0).round_ties_even() as u32
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
    use super::*;

    /// The triangle filter by its definition, one channel, one axis after the other.
    fn plain(values: &[f64], from: usize, to: usize) -> Vec<f64> {
        let scale = from as f64 / to as f64;
        let width = scale.max(1.0);
        (0..to)
            .map(|i| {
                let centre = (i as f64 + 0.5) * scale;
                let weight = |j: usize| (1.0 - ((j as f64 + 0.5 - centre) / width).abs()).max(0.0);
                let total: f64 = (0..from).map(weight).sum();
                (0..from).map(|j| weight(j) * values[j]).sum::<f64>() / total
            })
            .collect()
    }

    #[test]
    fn resizing_equals_the_filter_by_its_definition() {
        let mut stream = redyn_core::random::Stream::new(1, &[]);
        for (height, width, size) in [(40, 40, 16), (50, 31, 16), (23, 64, 16), (9, 12, 16)] {
            let image =
                Image::new(height, width, (0..height * width * 3).map(|_| stream.below(256) as u8).collect());
            let short = height.min(width);
            let (new_height, new_width) = (size * height / short, size * width / short);
            let found = to_square(image.clone(), size);
            for channel in 0..3 {
                let at = |row: usize, column: usize| f64::from(image.pixel(row, column)[channel]);
                let columns: Vec<Vec<f64>> = (0..width)
                    .map(|column| {
                        plain(&(0..height).map(|row| at(row, column)).collect::<Vec<_>>(), height, new_height)
                    })
                    .collect();
                for row in 0..size {
                    let top = centre(new_height - size) as usize;
                    let line: Vec<f64> = columns.iter().map(|column| column[row + top]).collect();
                    let line = plain(&line, width, new_width);
                    for column in 0..size {
                        let expected = line[column + centre(new_width - size) as usize];
                        let found = f64::from(found.pixel(row, column)[channel]);
                        // Rounding to 8 bits, with the crate's f32 weights on a tie.
                        assert!(
                            (found - expected).abs() < 0.51,
                            "{height} x {width}: {found} and {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_picture_of_the_right_size_is_left_alone() {
        let image = Image::new(16, 16, (0..768).map(|i| i as u8).collect());
        assert_eq!(to_square(image.clone(), 16), image);
    }
}
