//! What several analyses of one network need, found once.

use std::sync::OnceLock;

use crate::contrast::{Contrast, contrast};
use crate::patterns::NetworkPatterns;
use crate::replicates::Replicates;
use crate::rows::ReadoutRows;
use crate::{Error, FutureClass, Material};

/// Results kept between the analyses of one network.
#[derive(Default)]
pub struct Shared {
    replicates: OnceLock<Replicates>,
    norm: OnceLock<Contrast>,
    cosine: OnceLock<Contrast>,
    margin: OnceLock<Contrast>,
    future_class: OnceLock<FutureClass>,
    patterns: OnceLock<NetworkPatterns>,
}

impl Material<'_> {
    /// The replicates of the bootstrap over images.
    pub(crate) fn replicates(&self) -> &Replicates {
        let (rows, options) = (self.rows, self.options);
        self.shared
            .replicates
            .get_or_init(|| Replicates::new(&rows.labels, &options.uncertainty, options.memory))
    }

    /// `‖r_n(t)‖₂`, correct now against not yet.
    pub(crate) fn norm(&self) -> &Contrast {
        let value = |image: usize, step: usize| Some(self.rows.norms[[image, step]]);
        self.shared.norm.get_or_init(|| contrast(self, ("norm", "activation"), value))
    }

    /// `cos(r_n(t), w_{c_n(t)})`, correct now against not yet.
    pub(crate) fn cosine(&self, readout: &ReadoutRows) -> &Contrast {
        let value = |image: usize, step: usize| readout.cosine_answer[[image, step]];
        self.shared.cosine.get_or_init(|| contrast(self, ("cosine with the answer", ""), value))
    }

    /// Distance to leaving the current zone, correct now against not yet.
    pub(crate) fn margin(&self, readout: &ReadoutRows) -> &Contrast {
        let value = |image: usize, step: usize| readout.margin[[image, step]];
        let quantity = ("distance to leaving the current zone", "activation");
        self.shared.margin.get_or_init(|| contrast(self, quantity, value))
    }

    /// The patterns of classes and of some images.
    pub(crate) fn patterns(&self) -> Result<&NetworkPatterns, Error> {
        if let Some(found) = self.shared.patterns.get() {
            return Ok(found);
        }
        let found = NetworkPatterns::read(self.trajectories, self.options)?;
        Ok(self.shared.patterns.get_or_init(|| found))
    }

    /// The signature of the future class.
    pub(crate) fn future_class(&self) -> Result<&FutureClass, Error> {
        if let Some(found) = self.shared.future_class.get() {
            return Ok(found);
        }
        let found = FutureClass::compute(self)?;
        Ok(self.shared.future_class.get_or_init(|| found))
    }
}
