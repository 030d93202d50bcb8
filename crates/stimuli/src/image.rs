//! One picture in memory.

/// A picture of 8-bit RGB pixels, `[height, width, 3]` in row-major order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `[height, width, 3]`.
    pub pixels: Vec<u8>,
}

impl Image {
    /// A picture from its pixels, `[height, width, 3]`.
    ///
    /// # Panics
    /// When the number of pixels is not `height * width * 3`: a bug of the caller.
    pub fn new(height: usize, width: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), height * width * 3, "pixels of a {height} x {width} RGB image");
        Self { height, width, pixels }
    }

    /// A black picture.
    pub fn black(height: usize, width: usize) -> Self {
        Self { height, width, pixels: vec![0; height * width * 3] }
    }

    /// The three channels of one pixel.
    pub fn pixel(&self, row: usize, column: usize) -> [u8; 3] {
        let at = 3 * (row * self.width + column);
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }

    /// Set the three channels of one pixel.
    pub fn set(&mut self, row: usize, column: usize, colour: [u8; 3]) {
        let at = 3 * (row * self.width + column);
        self.pixels[at..at + 3].copy_from_slice(&colour);
    }
}
