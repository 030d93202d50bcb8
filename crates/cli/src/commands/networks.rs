//! Stores as the networks that an analysis is of.

use std::path::PathBuf;

use redyn_analysis::{Analysis, JacobianRows, RdmMovie, Selection, Subject, sought};
use redyn_core::TrajectorySource;
use redyn_store::Recording;

use super::analyze::{Feedforward, How};
use super::companions::{Companions, companions};
use crate::judged::judged_trajectories;
use crate::{Failure, Jacobians, Opened};

/// The networks among some stores.
pub(super) struct Networks<'a> {
    /// All of them.
    pub(super) stores: &'a [Opened],
    /// Each with what it is compared to.
    pub(super) subjects: &'a [Subject<'a>],
    /// The stores of each.
    pub(super) companions: &'a [Companions],
    /// Stores that belong to none.
    pub(super) left: &'a [usize],
    /// The trajectories of every store.
    trajectories: &'a [Box<dyn TrajectorySource + 'a>],
}

impl<'a> Networks<'a> {
    /// The trajectories of a store, by its place.
    pub(super) fn source(&self, store: usize) -> &'a dyn TrajectorySource {
        &*self.trajectories[store]
    }
}

/// Open an area of every store, find what belongs together, see whether memory allows what is asked, and act.
pub(super) fn with_networks<T>(
    stores: &[Opened],
    how: &How,
    act: impl FnOnce(&Networks) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let recurrent = how.feedforward == Feedforward::Controls
        && stores.iter().any(|store| several_steps(&store.recording));
    let trajectories = stores
        .iter()
        .map(|store| {
            // A feedforward control without the area asked for is represented by what is read out.
            let control = recurrent && !several_steps(&store.recording);
            let asked = how.area.filter(|area| !control || store.recording.has_area(area));
            let (area, spatial) = store.place(asked, how.spatial);
            if matches!(how.selection, Selection::Named([RdmMovie::NAME])) {
                return Ok(store.recording.representations(area, spatial)?);
            }
            judged_trajectories(&store.recording, (area, spatial), &how.options.decoding)
        })
        .collect::<Result<Vec<Box<dyn TrajectorySource + '_>>, Failure>>()?;
    let n_steps: Vec<usize> = trajectories.iter().map(|found| found.description().n_steps).collect();
    let (companions, left) = companions(stores, &n_steps, how.feedforward)?;
    let source = |index: usize| &*trajectories[index];
    let controls: Vec<Vec<&dyn TrajectorySource>> =
        companions.iter().map(|one| one.controls.iter().copied().map(source).collect()).collect();
    let jacobians = of_stores(how.jacobians, &companions, stores, &n_steps)?;
    let lesions: Vec<Vec<(String, &dyn TrajectorySource)>> = companions
        .iter()
        .map(|one| one.lesions.iter().map(|(run, what)| (what.clone(), source(*run))).collect())
        .collect();
    let properties = companions
        .iter()
        .map(|one| {
            how.properties.map(|table| table.of(stores[one.subject].recording.image_ids())).transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let subjects: Vec<Subject> = companions
        .iter()
        .enumerate()
        .map(|(index, one)| Subject {
            trajectories: source(one.subject),
            untrained: one.untrained.map(source),
            controls: &controls[index],
            lesions: &lesions[index],
            properties: properties[index].as_ref(),
            jacobians: jacobians[index].as_ref(),
            known: how.known,
        })
        .collect();
    sought(&subjects, how.selection, how.options)?;
    act(&Networks {
        stores,
        subjects: &subjects,
        companions: &companions,
        left: &left,
        trajectories: &trajectories,
    })
}

/// For each network, the Jacobians in one of the files that are of its weights, images and edges.
fn of_stores(
    files: &[PathBuf],
    found: &[Companions],
    stores: &[Opened],
    n_steps: &[usize],
) -> Result<Vec<Option<JacobianRows>>, Failure> {
    let mut rows = vec![None; found.len()];
    for path in files {
        let jacobians = Jacobians::read(path)?;
        let mut belongs = false;
        for (one, rows) in found.iter().zip(&mut rows) {
            let store = &stores[one.subject].recording;
            let about = store.about();
            let edges = serde_json::to_value(&jacobians.interventions).expect("plain data");
            let same = about.weights_digest.as_deref() == Some(jacobians.weights_digest.as_str())
                && about.dataset_digest.as_deref() == Some(jacobians.dataset_digest.as_str())
                && about.model.get("interventions") == Some(&edges);
            if same {
                *rows = Some(jacobians.of_store(path, store.image_ids(), n_steps[one.subject])?);
                belongs = true;
            }
        }
        if !belongs {
            return Err(Failure::user(
                format!("{} holds the Jacobians of none of these stores", path.display()),
                "compute them with the weights, images and cut edges of the store",
            ));
        }
    }
    Ok(rows)
}

fn several_steps(store: &Recording) -> bool {
    store.taps().iter().any(|tap| tap.steps.len() > 1)
}
