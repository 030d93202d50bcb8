//! Categories as geometry: the mean of a category is its prototype, and angles say the rest.
//!
//! `m_k(t)` is the mean over the images of class `k` of what a stage of the network holds at step
//! `t`, raw, without normalisation; `cd(a, b) = 1 − cos(a, b)`. Two stages are looked at wherever
//! there are both: the area that was recorded (features) and the logits (the decision).
//!
//! Reference: Luo, Alvarez & Konkle (2026), Geometric Dynamics Across Recurrent Vision Models.

pub(crate) mod along;
pub(crate) mod distribution;
pub(crate) mod mixed_model;
mod nearest;
pub(crate) mod pairwise;
pub(crate) mod products;
pub(crate) mod prototypes;
pub(crate) mod staged;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Material};

/// Where in a network categories are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The area that was recorded.
    Feature,
    /// The logits: what the readout makes of the area where it is one linear map of it, or else
    /// the outputs as they were recorded.
    Decision,
}

impl Stage {
    /// Both, in the order in which a signal passes them.
    pub const ALL: [Self; 2] = [Self::Feature, Self::Decision];

    /// `feature` or `decision`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Decision => "decision",
        }
    }
}

/// The two states of a network that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct States {
    /// Step before recurrence has done its work; the first if none is given.
    pub base: Option<usize>,
    /// Step after; the last if none is given.
    pub after: Option<usize>,
}

/// Whether an image counts towards the centroid it is compared to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Centroid {
    /// It does not: the share is that of new images. The default, because a centroid that
    /// contains the image lies nearer to it than to any new one, most so for small classes.
    #[default]
    LeaveOneOut,
    /// It does, as published: optimistic.
    Whole,
}

/// Choices of the analyses of categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CategoryOptions {
    /// The states compared.
    pub states: States,
    /// The states compared of single networks, by the name of their trajectories.
    pub states_of: BTreeMap<String, States>,
    /// Which accuracy of the nearest centroid is the one that figures and claims speak of.
    pub centroid: Centroid,
    /// Two prototypes are nearly orthogonal if their cosine is at most this in size.
    pub near: f64,
    /// Images of which all pairs are looked at, at most: spread evenly over each class.
    pub pairwise_images: usize,
}

impl Default for CategoryOptions {
    fn default() -> Self {
        Self {
            states: States::default(),
            states_of: BTreeMap::new(),
            centroid: Centroid::default(),
            near: 0.1,
            pairwise_images: 5000,
        }
    }
}

impl CategoryOptions {
    /// Check the options by themselves.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let setting = |option, found: String, needs| Err(Error::Setting { option, found, needs });
        if !(self.near > 0.0 && self.near < 1.0) {
            return setting("categories.near", self.near.to_string(), "between 0 and 1, ends excluded");
        }
        if self.pairwise_images < 2 {
            return setting("categories.pairwise_images", self.pairwise_images.to_string(), "at least 2");
        }
        Ok(())
    }
}

impl Material<'_> {
    /// The states compared: `[base, after]`.
    ///
    /// # Errors
    /// A step that there is not, or a state after that is not after the base.
    pub(crate) fn states(&self) -> Result<[usize; 2], Error> {
        let (options, n_steps) = (&self.options.categories, self.rows.n_steps());
        let States { base, after } = options.states_of.get(&self.rows.name).unwrap_or(&options.states);
        let states = [base.unwrap_or(0), after.unwrap_or(n_steps - 1)];
        let needs = "steps of the trajectories, counted from 0, the one after not before the base";
        if states[1] < n_steps && states[0] <= states[1] {
            return Ok(states);
        }
        let found = format!("t={} and t={} of {n_steps} steps", states[0], states[1]);
        Err(Error::Setting { option: "categories.states", found, needs })
    }
}

/// What a table says of its column of stages.
pub(crate) const STAGE: (&str, &str, &str) =
    ("stage", "", "feature: the recorded area; decision: the logits");

/// Why there is no decision stage.
pub(crate) const NO_DECISION: &str =
    "a logit of minus infinity has no direction: nothing is said of the decision stage";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::fixture::{Fixture, material_with};

    fn states(options: CategoryOptions) -> Result<[usize; 2], String> {
        let options = Options { categories: options, ..Options::default() };
        let mut found = Err(String::new());
        material_with(&Fixture::random(20, 5), &options, |material| {
            found = material.states().map_err(|error| error.to_string());
        });
        found
    }

    #[test]
    fn a_network_has_the_states_of_its_name_or_those_of_all_or_first_and_last() {
        let of = |base, after| States { base, after };
        assert_eq!(states(CategoryOptions::default()), Ok([0, 4]));
        let all = CategoryOptions { states: of(Some(1), None), ..CategoryOptions::default() };
        assert_eq!(states(all.clone()), Ok([1, 4]));
        let own = BTreeMap::from([("fixture".to_owned(), of(Some(2), Some(3)))]);
        assert_eq!(states(CategoryOptions { states_of: own, ..all }), Ok([2, 3]));
        let late = CategoryOptions { states: of(None, Some(5)), ..CategoryOptions::default() };
        let message = states(late).unwrap_err();
        assert!(message.starts_with("option `categories.states` is t=0 and t=5 of 5 steps"), "{message}");
    }
}
