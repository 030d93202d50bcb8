//! What several analyses of one network need, found once.

use std::sync::OnceLock;

use crate::categories::Stage;
use crate::categories::pairwise::{StepRows, each_step, evenly};
use crate::categories::prototypes::Prototypes;
use crate::categories::staged::Staged;
use crate::contrast::{Contrast, contrast};
use crate::knn_preservation::kept;
use crate::participation_ratio::ratio;
use crate::replicates::Replicates;
use crate::rows::ReadoutRows;
use crate::{Error, Estimate, FutureClass, Material, Series};

/// Results kept between the analyses of one network.
#[derive(Default)]
pub struct Shared {
    replicates: OnceLock<Replicates>,
    norm: OnceLock<Contrast>,
    cosine: OnceLock<Contrast>,
    margin: OnceLock<Contrast>,
    future_class: OnceLock<FutureClass>,
    /// By stage.
    prototypes: [OnceLock<Option<Prototypes>>; 2],
    pairwise: [OnceLock<Option<Pairwise>>; 2],
}

/// What all pairs of images say of a stage.
pub(crate) struct Pairwise {
    /// Which images are looked at: ascending.
    pub(crate) images: Vec<usize>,
    /// One per step.
    pub(crate) steps: Vec<StepPairs>,
}

/// What they say at one step.
pub(crate) struct StepPairs {
    /// Participation ratio of the covariance.
    pub(crate) ratio: Option<Estimate>,
    /// Share of the `k` nearest others that are of the same class: `[k]`, for those of
    /// [`NEIGHBOURS`](crate::categories::pairwise::NEIGHBOURS) that there are.
    pub(crate) kept: Series,
}

impl Material<'_> {
    /// The replicates of the bootstrap over images.
    pub(crate) fn replicates(&self) -> &Replicates {
        let (rows, options) = (self.rows, self.options);
        self.shared
            .replicates
            .get_or_init(|| Replicates::new(&rows.labels, &options.uncertainty, options.memory / 4))
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

    /// The signature of the future class.
    pub(crate) fn future_class(&self) -> Result<&FutureClass, Error> {
        if let Some(found) = self.shared.future_class.get() {
            return Ok(found);
        }
        let found = FutureClass::compute(self)?;
        Ok(self.shared.future_class.get_or_init(|| found))
    }

    /// Prototypes of categories at a stage; `None` where it has no directions.
    pub(crate) fn prototypes(&self, stage: Stage) -> Result<Option<&Prototypes>, Error> {
        let slot = &self.shared.prototypes[stage as usize];
        if slot.get().is_none() {
            let [base, _] = self.states()?;
            let found = Prototypes::read(&self.staged(stage), base, self.options.memory)?;
            return Ok(slot.get_or_init(|| found).as_ref());
        }
        Ok(slot.get().and_then(Option::as_ref))
    }

    /// What all pairs of images say of a stage; `None` where it has no directions.
    pub(crate) fn pairwise(&self, stage: Stage) -> Result<Option<&Pairwise>, Error> {
        let slot = &self.shared.pairwise[stage as usize];
        if slot.get().is_none() {
            let (labels, options, replicates) = (&self.rows.labels, self.options, self.replicates());
            let images = evenly(labels, options.categories.pairwise_images);
            let of = |rows: &StepRows| StepPairs {
                ratio: ratio(replicates, &images, rows),
                kept: kept(replicates, &images, rows),
            };
            let steps = each_step(&self.staged(stage), labels, &images, options.memory, of)?;
            return Ok(slot.get_or_init(|| steps.map(|steps| Pairwise { images, steps })).as_ref());
        }
        Ok(slot.get().and_then(Option::as_ref))
    }

    /// A stage of the network.
    pub(crate) fn staged(&self, stage: Stage) -> Staged<'_> {
        Staged::new(self.trajectories, stage, self.reads())
    }

    /// Whether the readout is there and is the one that made the logits.
    pub(crate) fn reads(&self) -> bool {
        self.rows.need_readout("categories").is_ok()
    }

    /// Name of a class.
    pub(crate) fn class(&self, class: usize) -> &str {
        &self.trajectories.description().classes[class]
    }
}
