//! How a picture of any size becomes a square.

/// What of a picture a network sees; sizes change by bilinear resizing with antialiasing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frame {
    /// Short side to the square's side, then the centre.
    #[default]
    Fill,
    /// Short side to so many pixels, then the centre: a margin is lost all around.
    Centre {
        /// Pixels of the short side.
        short_side: usize,
    },
    /// The largest square at the centre, then to size.
    Square,
    /// Both sides to size: proportions are lost.
    Squash,
}
