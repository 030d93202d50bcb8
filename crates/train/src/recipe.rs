//! How a network is trained, and what is recorded of it.

use serde::{Deserialize, Serialize};

use crate::LossTiming;

/// How a network is trained. The default is the published recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images of one update.
    pub batch: usize,
    /// Images run through the network at once: gradients of the parts of a batch are
    /// summed. Changes the last bits of a gradient, and what batch norms normalise by, so it
    /// is part of the recipe.
    pub part: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// At the last update the step size has fallen to this share, along a cosine;
    /// 1 keeps it constant, as published.
    pub final_rate: f64,
    /// Steps the network is unrolled for.
    pub steps: usize,
    /// When the loss is taken.
    pub loss: LossTiming,
    /// Whether images are augmented.
    pub augmentation: Augment,
    /// Seed of the initial weights, the order of images and their augmentation.
    pub seed: u64,
    /// Keep the weights of every so many epochs, beside the first and the last.
    pub keep_every: usize,
}

/// Whether training images are augmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augment {
    /// One random operation per image, as published.
    TrivialAugmentWide,
    /// Not at all.
    None,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            epochs: 60,
            batch: 1024,
            part: 32,
            learning_rate: 1e-3,
            final_rate: 1.0,
            steps: 10,
            loss: LossTiming::EveryStep,
            augmentation: Augment::TrivialAugmentWide,
            seed: 1,
            keep_every: 30,
        }
    }
}

impl Recipe {
    /// What is wrong with the recipe itself, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        let zero = [
            ("epochs", self.epochs),
            ("images in a batch", self.batch),
            ("images in a part", self.part),
            ("steps", self.steps),
            ("epochs between kept weights", self.keep_every),
        ];
        if let Some((what, _)) = zero.iter().find(|(_, value)| *value == 0) {
            return Some(format!("the number of {what} is 0"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Some(format!("the learning rate is {}", self.learning_rate));
        }
        if !(0.0..=1.0).contains(&self.final_rate) {
            return Some(format!(
                "the final share of the learning rate is {}, not between 0 and 1",
                self.final_rate
            ));
        }
        match &self.loss {
            LossTiming::Weighted(weights) if weights.len() != self.steps => {
                Some(format!("{} loss weights for {} steps", weights.len(), self.steps))
            }
            _ => None,
        }
    }

    /// Step size of update `update` of `updates`.
    pub(crate) fn rate(&self, update: u64, updates: u64) -> f64 {
        let done = update as f64 / updates.max(1) as f64;
        let share =
            self.final_rate + (1.0 - self.final_rate) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.learning_rate * share
    }
}

/// What is recorded of a run, so that it can be repeated and its weights be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Always `redyn.run`.
    pub format: String,
    /// The network's spec.
    pub network: String,
    /// The recipe.
    pub recipe: Recipe,
    /// The data set, as it was named.
    pub data: String,
    /// Digest of the data set.
    pub data_digest: String,
    /// Class names.
    pub classes: Vec<String>,
    /// Channel means and standard deviations the images were normalised by, 0–255.
    pub statistics: ([f64; 3], [f64; 3]),
    /// Kernels that computed it.
    pub kernels: String,
    /// Version of redyn.
    pub version: String,
    /// Command line.
    pub command: Vec<String>,
    /// Digest of the weights so far kept, by file name.
    pub digests: std::collections::BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_rate_is_constant_and_a_cosine_ends_where_it_should() {
        let published = Recipe::default();
        assert_eq!(published.rate(500, 1000), 1e-3);
        let falling = Recipe { final_rate: 0.1, ..Recipe::default() };
        assert!((falling.rate(0, 10) - 1e-3).abs() < 1e-12);
        assert!((falling.rate(10, 10) - 1e-4).abs() < 1e-12);
    }

    #[test]
    fn an_impossible_recipe_says_what_is_wrong() {
        let recipe = Recipe { loss: LossTiming::Weighted(vec![1.0; 3]), ..Recipe::default() };
        assert_eq!(recipe.fault().unwrap(), "3 loss weights for 10 steps");
        assert_eq!(Recipe::default().fault(), None);
    }
}
