//! What can be chosen about an analysis.

use serde::{Deserialize, Serialize};

use crate::{
    CategoryOptions, DecodingOptions, Error, Paper, PlaneOptions, RdmOptions, StableRule, Uncertainty,
};

/// Every choice behind a set of results; recorded in them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// When a classification counts as stable.
    pub stable: StableRule,
    /// How intervals and permutation tests are drawn.
    pub uncertainty: Uncertainty,
    /// Which images and which plane `projection` shows.
    pub plane: PlaneOptions,
    /// How RDMs are made and compared.
    pub rdm: RdmOptions,
    /// How a readout is fitted to recordings that have none.
    pub decoding: DecodingOptions,
    /// How categories are compared.
    pub categories: CategoryOptions,
    /// Whose findings are decided.
    pub paper: Paper,
    /// Bytes of trajectories held at a time. No result depends on it.
    pub memory: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stable: StableRule::default(),
            uncertainty: Uncertainty::default(),
            plane: PlaneOptions::default(),
            rdm: RdmOptions::default(),
            decoding: DecodingOptions::default(),
            categories: CategoryOptions::default(),
            paper: Paper::default(),
            memory: 256 << 20,
        }
    }
}

impl Options {
    /// Check every option by itself.
    ///
    /// # Errors
    /// The first option that makes no sense.
    pub fn check(&self) -> Result<(), Error> {
        let level = self.uncertainty.level;
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::Setting {
                option: "uncertainty.level",
                found: level.to_string(),
                needs: "between 0 and 1, ends excluded",
            });
        }
        self.rdm.check()?;
        self.plane.check()?;
        self.categories.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_of_ninety_five_is_refused() {
        let mut options = Options::default();
        options.uncertainty.level = 95.0;
        let message = options.check().unwrap_err().to_string();
        assert_eq!(message, "option `uncertainty.level` is 95, but must be between 0 and 1, ends excluded");
    }
}
