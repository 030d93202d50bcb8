//! Bytes of an image file to RGB pixels.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::Image;

/// Whether the first bytes are those of a JPEG, PNG or WebP file.
pub(crate) fn is_image(first_bytes: &[u8]) -> bool {
    format(first_bytes).is_some()
}

fn format(bytes: &[u8]) -> Option<ImageFormat> {
    image::guess_format(bytes)
        .ok()
        .filter(|format| matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP))
}

/// Height and width of an image, from the beginning of its file.
pub(crate) fn size(bytes: &[u8]) -> Result<(usize, usize), String> {
    let (width, height) = reader(bytes)?.into_dimensions().map_err(|error| error.to_string())?;
    Ok((height as usize, width as usize))
}

/// What to do about the orientation that a camera noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// Turn the picture so that it stands as it was seen.
    AsNoted,
    /// Leave it, as torchvision's loader does.
    Never,
}

/// Decode a JPEG, PNG or WebP file, recognised by its content.
///
/// Grey values are repeated, 16-bit values rounded to 8, alpha is dropped, CMYK is
/// converted, of an animation the first frame is taken. Colour profiles are ignored, as training pipelines ignore them.
///
/// # Errors
/// In words: an unknown format, damage, or a JPEG without its end.
pub(crate) fn decode(bytes: &[u8], turned: Turned) -> Result<Image, String> {
    if format(bytes) == Some(ImageFormat::Jpeg) {
        // The decoder fills what is missing with grey and says nothing.
        jpeg_is_complete(bytes)?;
    }
    let mut decoder = reader(bytes)?.into_decoder().map_err(|error| error.to_string())?;
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    if turned == Turned::AsNoted {
        image.apply_orientation(orientation);
    }
    let image = image.into_rgb8();
    let (width, height) = image.dimensions();
    Ok(Image::new(height as usize, width as usize, image.into_raw()))
}

fn reader(bytes: &[u8]) -> Result<ImageReader<Cursor<&[u8]>>, String> {
    let format = format(bytes).ok_or("neither JPEG, PNG nor WebP by its first bytes")?;
    Ok(ImageReader::with_format(Cursor::new(bytes), format))
}

/// Follow a JPEG's segments to its end-of-image marker.
fn jpeg_is_complete(bytes: &[u8]) -> Result<(), String> {
    const TRUNCATED: &str = "truncated: the file ends before its end-of-image marker";
    let mut at = 2;
    let mut scans = false;
    loop {
        // In compressed data a marker is 0xff followed by neither 0 nor a restart.
        while scans
            && !(bytes.get(at) == Some(&0xff)
                && bytes.get(at + 1).is_some_and(|&b| !matches!(b, 0 | 0xd0..=0xd7)))
        {
            at += 1;
            if at >= bytes.len() {
                return Err(TRUNCATED.into());
            }
        }
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(0xff), Some(0xff)) => at += 1,
            (Some(0xff), Some(0xd9)) => return Ok(()),
            (Some(0xff), Some(0x01 | 0xd0..=0xd8)) => at += 2,
            (Some(0xff), Some(&marker)) => {
                let (Some(&high), Some(&low)) = (bytes.get(at + 2), bytes.get(at + 3)) else {
                    return Err(TRUNCATED.into());
                };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
                scans = marker == 0xda;
            }
            (Some(_), Some(_)) => return Err(format!("damaged: no marker at byte {at}")),
            _ => return Err(TRUNCATED.into()),
        }
    }
}
