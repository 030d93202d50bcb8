//! What a store and a report say of a network beside its graph.

use serde::{Deserialize, Serialize};

use crate::Misfit;

/// What is worth knowing about a network beside its graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Name and settings.
    pub network: String,
    /// Short name for legends: `LA`, `LTM`, `BNet`.
    pub short: String,
    /// The publication.
    pub citation: String,
    /// Reference code.
    pub origin: String,
    /// Whether it was held against the reference's own outputs.
    pub parity: Parity,
    /// Steps it was published with.
    pub steps: usize,
    /// Number of classes.
    pub classes: usize,
    /// Side of the square images it takes.
    pub image_size: usize,
    /// What becomes of an image before the network sees it.
    pub preprocessing: Preprocessing,
    /// The linear map from an area to the logits.
    pub readout: ReadoutCard,
    /// What the published code does once and a plain loop over it does not repeat.
    pub hoisted: Vec<String>,
}

/// Whether a network was held against its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    /// Every layer at every step equals the reference's within a stated tolerance.
    Verified,
    /// Built from a description and tested against its equations: no outputs of a reference
    /// could be had.
    Unverified,
}

/// What becomes of an image before the network sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Which part of it, at which size.
    pub crop: Crop,
    /// What becomes of pixels in 0–255.
    pub values: Values,
}

/// Which part of an image a network sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crop {
    /// The short side resized to `side` pixels, then the centre cut out.
    ShortSide {
        /// Pixels of the short side.
        side: usize,
    },
    /// The largest square around the centre, resized.
    CentreSquare,
    /// The whole image; it has the right size already.
    Whole,
}

/// What becomes of pixels in 0–255.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// `(x / 255 − mean) / std`, channel by channel.
    Standardised {
        /// Means of channels scaled to 0–1.
        mean: [f64; 3],
        /// Standard deviations of channels scaled to 0–1.
        std: [f64; 3],
    },
    /// The same with the statistics of the data set it is trained on.
    StandardisedByData,
    /// `x / 127.5 − 1`
    PlusMinusOne,
}

impl Card {
    /// Check that the network takes data of so many classes and so large images.
    ///
    /// # Errors
    /// Another number of classes, or another image size.
    pub fn check_data(&self, classes: usize, image_size: usize) -> Result<(), Misfit> {
        let pairs = [("classes", classes, self.classes), ("pixels a side", image_size, self.image_size)];
        let misfit = pairs.into_iter().find(|(_, found, expected)| found != expected);
        misfit.map_or(Ok(()), |(what, found, expected)| Err(Misfit { what, found, expected }))
    }
}

/// Where logits are read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadoutCard {
    /// Tap that holds the logits.
    pub tap: String,
    /// Area whose representation is read.
    pub area: String,
    /// Steps between representation and logits.
    pub delay: usize,
    /// Parameter `[class, unit]`, if the map is one of the area's units alone.
    pub weight: Option<String>,
    /// Parameter `[class]`, if there is one.
    pub bias: Option<String>,
}
