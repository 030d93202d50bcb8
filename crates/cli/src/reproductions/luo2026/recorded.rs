//! What was recorded of the networks, held against the paper.

use std::collections::BTreeMap;
use std::path::PathBuf;

use redyn_analysis::{Against, Case, CategoryOptions, Judged, Options, Paper, States, Subject};
use redyn_core::TrajectorySource;
use redyn_store::{Recording, Spatial, Store};

use super::members::Member;
use crate::Failure;
use crate::console::Console;

/// A network under a seed: the stores of its trajectories and of its random weights, shown and further.
pub(super) struct Recorded {
    pub(super) member: &'static Member,
    pub(super) trained: PathBuf,
    pub(super) untrained: PathBuf,
    pub(super) random: Vec<PathBuf>,
    /// Steps of the logits that are compared.
    pub(super) states: [usize; 2],
}

/// Every choice, with the states that each network is compared at.
pub(super) fn options(all: &[Recorded]) -> Result<Options, Failure> {
    let mut states_of = BTreeMap::new();
    for one in all {
        let store = Store::open(&one.trained)?;
        let [base, after] = places(&store, one.states)?;
        states_of.insert(store.about().name.clone(), States { base: Some(base), after: Some(after) });
    }
    let categories = CategoryOptions { states_of, ..CategoryOptions::default() };
    Ok(Options { categories, paper: Paper::Luo2026, ..Options::default() })
}

/// Where steps of the logits stand among those of the trajectories.
fn places(store: &Store, states: [usize; 2]) -> Result<[usize; 2], Failure> {
    let area = store.taps().first().map(|tap| tap.area.clone()).unwrap_or_default();
    let (area, delay) = store.readout().map_or((area, 0), |(_, place)| (place.tap.clone(), place.delay));
    let steps = store.trajectories(&area, Spatial::Average)?.steps();
    let place = |state: usize| {
        steps.iter().position(|step| step + delay == state).ok_or_else(|| {
            Failure::user(
                format!("`{}` says nothing at t={state}", store.about().name),
                "record it for more steps",
            )
        })
    };
    Ok([place(states[0])?, place(states[1])?])
}

/// Decide the paper's claims, and set its numbers beside ours.
pub(super) fn judge(
    all: &[Recorded],
    against: Against,
    options: &Options,
    console: &Console,
) -> Result<Judged, Failure> {
    let open = |one: &Recorded| {
        let paths = [&one.trained, &one.untrained].into_iter().chain(&one.random);
        paths.map(Recording::open).collect::<Result<Vec<_>, _>>()
    };
    let stores = all.iter().map(open).collect::<Result<Vec<Vec<Recording>>, redyn_store::Error>>()?;
    let trajectories = stores
        .iter()
        .map(|stores| stores.iter().map(read).collect())
        .collect::<Result<Vec<Vec<Box<dyn TrajectorySource + '_>>>, redyn_store::Error>>()?;
    let cases: Vec<Case> = all
        .iter()
        .zip(&trajectories)
        .map(|(one, found)| Case {
            network: one.member.name.into(),
            subject: Subject { untrained: Some(&*found[1]), ..Subject::of(&*found[0]) },
            long: None,
            with_bias: None,
            bias_removed: None,
            random: found[2..].iter().map(|random| &**random).collect(),
            factors: one.member.factors(),
        })
        .collect();
    let bar = console.bar("claims", cases.len());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let judged = redyn_analysis::judge(&cases, against, options, &console.stop)?;
    bar.finish_and_clear();
    Ok(judged)
}

/// What is read out of a network.
fn read(store: &Recording) -> Result<Box<dyn TrajectorySource + '_>, redyn_store::Error> {
    store.trajectories(store.main_area().unwrap_or_default(), Spatial::Average)
}
