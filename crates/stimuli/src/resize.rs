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
