//! Contact sheets: some images of every class in one picture.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};

use crate::lettering::{self, LETTER};
use crate::{DataSet, Image, StimuliError};

/// What a contact sheet shows.
#[derive(Clone, Debug)]
pub struct SheetOptions {
    /// The split to show.
    pub split: String,
    /// Images a class.
    pub columns: usize,
    /// Classes at most, spread evenly where there are more.
    pub rows: usize,
    /// Each pixel becomes a square of so many.
    pub magnify: usize,
}

impl SheetOptions {
    /// Twelve images of at most forty classes, not magnified.
    pub fn new(split: impl Into<String>) -> Self {
        Self { split: split.into(), columns: 12, rows: 40, magnify: 1 }
    }
}

const GAP: usize = 2;
const PAPER: u8 = 255;
/// Letters are twice as large beside images of at least so many pixels.
const LARGE: usize = 64;

/// The first images of each class as a PNG file, one class a row, in the order of
/// the labels, the class's name in front.
///
/// # Errors
/// No such split, no row or column, or an image that cannot be read.
pub fn contact_sheet(set: &DataSet, options: &SheetOptions) -> Result<Vec<u8>, StimuliError> {
    let split = set.split(&options.split)?;
    let rows = options.rows.min(set.classes.len());
    if rows == 0 || options.columns == 0 || options.magnify == 0 {
        return Err(StimuliError::NoImages { place: "a contact sheet of no row, column or pixel".into() });
    }
    let shown: Vec<usize> = (0..rows).map(|row| row * set.classes.len() / rows).collect();
    let mut found: Vec<Vec<usize>> = vec![Vec::new(); rows];
    for index in 0..split.len() {
        if let Ok(row) = shown.binary_search(&split.label(index))
            && found[row].len() < options.columns
        {
            found[row].push(index);
        }
    }
    let side = set.image_size * options.magnify;
    let dot = if side < LARGE { 1 } else { 2 };
    let longest = shown.iter().map(|&class| set.classes[class].chars().count()).max().unwrap_or(0);
    let margin = GAP + longest * LETTER * dot;
    let top = |row: usize| row * (side.max(LETTER * dot) + GAP) + GAP;
    let left = |column: usize| margin + column * (side + GAP) + GAP;
    let (height, width) = (top(rows), left(options.columns));
    let mut sheet = Image::new(height, width, vec![PAPER; height * width * 3]);
    for (row, indices) in found.iter().enumerate() {
        let middle = top(row) + side.saturating_sub(LETTER * dot) / 2;
        lettering::write(&mut sheet, &set.classes[shown[row]], (middle, GAP), dot);
        for (column, image) in split.images(indices)?.iter().enumerate() {
            for y in 0..side {
                for x in 0..side {
                    let colour = image.pixel(y / options.magnify, x / options.magnify);
                    sheet.set(top(row) + y, left(column) + x, colour);
                }
            }
        }
    }
    png(&sheet)
}

/// A picture as the bytes of a PNG file.
///
/// # Errors
/// A picture without pixels.
pub fn png(image: &Image) -> Result<Vec<u8>, StimuliError> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_raw(image.width as u32, image.height as u32, image.pixels.clone())
        .expect("an RGB image keeps its length")
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| StimuliError::NoImages { place: format!("a PNG file ({error})") })?;
    Ok(bytes.into_inner())
}
