//! The settings that most networks share.

use crate::spec::{Setting, Spec};
use crate::{Crop, Preprocessing, Values, ZooError};

/// How large a network is.
pub(crate) struct Scale {
    /// Channels, as a share of the published ones.
    pub(crate) width: f64,
    /// Side of the images in pixels.
    pub(crate) image_size: usize,
    /// Number of classes.
    pub(crate) classes: usize,
}

impl Scale {
    /// Settings with these defaults.
    pub(crate) fn settings(image_size: usize, classes: usize) -> Vec<Setting> {
        vec![
            setting("width", "1", "a number above 0", "channels, as a share of the published ones"),
            setting(
                "image_size",
                &image_size.to_string(),
                "a whole number of pixels, 16 or more",
                "side of the images in pixels",
            ),
            setting("classes", &classes.to_string(), "a whole number above 1", "number of classes"),
        ]
    }

    pub(crate) fn read(spec: &Spec) -> Result<Self, ZooError> {
        let width = |text: &str| text.parse().ok().filter(|&width: &f64| width > 0.0 && width <= 64.0);
        let whole =
            |least: usize| move |text: &str| text.parse().ok().filter(|&value: &usize| value >= least);
        Ok(Self {
            width: spec.get("width", width)?,
            image_size: spec.get("image_size", whole(16))?,
            classes: spec.get("classes", whole(2))?,
        })
    }

    /// As many channels as this width leaves of the published ones.
    pub(crate) fn channels(&self, published: usize) -> usize {
        ((published as f64 * self.width).round() as usize).max(1)
    }
}

pub(crate) fn setting(
    key: &'static str,
    default: &str,
    allowed: &'static str,
    about: &'static str,
) -> Setting {
    Setting { key, default: default.to_owned(), allowed, about }
}

/// A switch, read.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// What torchvision's classifiers and their descendants are given: the short side resized to
/// eight sevenths of the image, its centre cut out, ImageNet's statistics.
pub(crate) fn imagenet(image_size: usize) -> Preprocessing {
    let values = Values::Standardised { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    Preprocessing { crop: Crop::ShortSide { side: image_size * 8 / 7 }, values }
}
