//! What several commands run: a network with weights, on images, with or without edges cut.

use redyn_network::{Effect, Intervention};
use redyn_stimuli::DataSet;

use super::open_data_for;
use crate::args::SubjectArgs;
use crate::console::Console;
use crate::{Failure, Trained};

/// A network and its images, opened.
pub(super) struct Subject {
    pub(super) trained: Trained,
    /// The images, as they were named.
    pub(super) named: String,
    pub(super) data: DataSet,
    pub(super) interventions: Vec<Intervention>,
}

impl Subject {
    /// Open what the arguments name; `purpose` completes "nothing says which images to ...".
    pub(super) fn open(args: &SubjectArgs, purpose: &str, console: &Console) -> Result<Self, Failure> {
        let trained = Trained::open(&args.weights, args.epoch, args.model.as_deref())?;
        let named = args.data.clone().or_else(|| trained.data.clone()).ok_or_else(|| {
            Failure::user(format!("nothing says which images to {purpose}"), "name them with --data")
        })?;
        let data = open_data_for(&trained.network.card, &named, &args.reading, console)?;
        let interventions = interventions(&args.cut, &args.scale)?;
        Ok(Self { trained, named, data, interventions })
    }
}

/// Cut and scaled edges together, each said as it should be.
fn interventions(cut: &[Intervention], scale: &[Intervention]) -> Result<Vec<Intervention>, Failure> {
    let mut interventions = cut.to_vec();
    if let Some(cut) = interventions.iter().find(|cut| cut.effect != Effect::Cut) {
        return Err(Failure::user(format!("--cut {} has a factor", cut.edge), "scale an edge with --scale"));
    }
    if let Some(scaled) = scale.iter().find(|scaled| scaled.effect == Effect::Cut) {
        return Err(Failure::user(
            format!("--scale {} has no factor", scaled.edge),
            "write EDGE=FACTOR, for example v4.lateral=0.5@3..",
        ));
    }
    interventions.extend(scale.iter().cloned());
    Ok(interventions)
}
