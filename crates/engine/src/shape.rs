//! The shape of one image's value.

use std::fmt;

/// A map of `height × width` pixels with `channels` values each; a vector has one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values of a pixel, neighbours in memory.
    pub channels: usize,
}

impl Shape {
    /// A map.
    pub const fn map(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// A vector: a map of one pixel.
    pub const fn vector(channels: usize) -> Self {
        Self::map(1, 1, channels)
    }

    /// Whether this is one pixel.
    pub const fn is_vector(self) -> bool {
        self.height == 1 && self.width == 1
    }

    /// Number of pixels.
    pub const fn pixels(self) -> usize {
        self.height * self.width
    }

    /// Number of values.
    pub const fn len(self) -> usize {
        self.pixels() * self.channels
    }

    /// Whether there is no value at all.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// `32x32x128` for a map, `512` for a vector.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.is_vector() {
            write!(f, "{}", self.channels)
        } else {
            write!(f, "{}x{}x{}", self.height, self.width, self.channels)
        }
    }
}
