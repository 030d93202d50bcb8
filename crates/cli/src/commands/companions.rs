//! Which stores are analyzed, and which are there to be compared to.

use redyn_network::Intervention;
use redyn_store::Recording;

use super::analyze::Feedforward;
use crate::{Failure, Opened};

/// Places of stores in the list that was given: one to analyze, and its companions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Companions {
    pub(super) subject: usize,
    /// The same network before training.
    pub(super) untrained: Option<usize>,
    /// Further random weights of a network whose own seed is not known.
    pub(super) random: Vec<usize>,
    /// Stores of one step: what feedforward networks made of the same images.
    pub(super) controls: Vec<usize>,
    /// The same weights with edges cut or scaled, and words for it: the run's name, or what was
    /// done where it has no name of its own.
    pub(super) lesions: Vec<(usize, String)>,
}

/// Stores with their companions, and those that belong to none.
///
/// A run with interventions beside one without, of the same weights, images and steps, is a
/// lesion of that one. A store of one step beside stores of several is a feedforward control of
/// all that saw the same images, unless it is to be a network of its own. An untrained network (epoch −1) is
/// the twin of those of the same network and seed that saw the same images for as many steps, of weights
/// without a known seed under any; unless all are untrained: then they are what is to be looked at.
///
/// # Errors
/// A control that saw the images of none.
pub(super) fn companions(
    opened: &[Opened],
    n_steps: &[usize],
    feedforward: Feedforward,
) -> Result<(Vec<Companions>, Vec<usize>), Failure> {
    let stores: Vec<&Recording> = opened.iter().map(|one| one.recording.as_ref()).collect();
    let path = |index: usize| opened[index].path.display();
    let same_images = |a: usize, b: usize| {
        stores[a].about().dataset_digest == stores[b].about().dataset_digest
            && stores[a].labels() == stores[b].labels()
            && stores[a].image_ids() == stores[b].image_ids()
    };
    let untrained = |index: usize| stores[index].about().epoch == Some(-1);
    let done: Vec<String> = stores.iter().map(|store| interventions(store)).collect();
    let intact_of = |lesioned: usize| {
        let about = stores[lesioned].about();
        (0..stores.len()).find(|&intact| {
            !done[lesioned].is_empty()
                && done[intact].is_empty()
                && about.weights_digest.is_some()
                && stores[intact].about().weights_digest == about.weights_digest
                && n_steps[intact] == n_steps[lesioned]
                && same_images(intact, lesioned)
        })
    };
    let lesions: Vec<(usize, usize)> =
        (0..stores.len()).filter_map(|lesioned| Some((lesioned, intact_of(lesioned)?))).collect();
    let recurrent = feedforward == Feedforward::Controls && n_steps.iter().any(|&n| n > 1);
    let (controls, others): (Vec<usize>, Vec<usize>) = (0..stores.len())
        .filter(|index| !lesions.iter().any(|(lesioned, _)| lesioned == index))
        .partition(|&index| recurrent && n_steps[index] == 1);
    let mut subjects: Vec<usize> = others.iter().copied().filter(|&index| !untrained(index)).collect();
    if subjects.is_empty() {
        subjects.clone_from(&others);
    }
    for &control in &controls {
        if !subjects.iter().any(|&subject| same_images(subject, control)) {
            return Err(Failure::user(
                format!(
                    "{} has one step, so it is a feedforward control, but it saw other images than {}",
                    path(control),
                    subjects.iter().map(|&index| path(index).to_string()).collect::<Vec<_>>().join(", ")
                ),
                "unroll it on the same data, with the same --split and --limit",
            ));
        }
    }
    let found: Vec<Companions> = subjects
        .iter()
        .map(|&subject| {
            let about = stores[subject].about();
            let twin = |&other: &usize| {
                let there = stores[other].about();
                other != subject
                    && untrained(other)
                    && there.network == about.network
                    && (about.seed.is_none() || there.seed == about.seed)
                    && n_steps[other] == n_steps[subject]
                    && done[other] == done[subject]
                    && same_images(subject, other)
            };
            let mut twins = others.iter().copied().filter(twin);
            Companions {
                subject,
                untrained: twins.next(),
                random: twins.filter(|_| about.seed.is_none()).collect(),
                controls: controls.iter().copied().filter(|&other| same_images(subject, other)).collect(),
                lesions: lesions
                    .iter()
                    .filter(|(_, intact)| *intact == subject)
                    .map(|&(lesioned, _)| {
                        let name = &stores[lesioned].about().name;
                        (lesioned, if *name == about.name { done[lesioned].clone() } else { name.clone() })
                    })
                    .collect(),
            }
        })
        .collect();
    let taken = |index: &usize| {
        let of = |one: &Companions| one.subject == *index || one.untrained == Some(*index);
        found.iter().any(|one| of(one) || one.random.contains(index))
    };
    let left = others.into_iter().filter(|index| !taken(index)).collect();
    Ok((found, left))
}

/// What was done to a run's edges, in words; empty for an intact network.
fn interventions(store: &Recording) -> String {
    let recorded = store.about().model.get("interventions").cloned().unwrap_or_default();
    let all: Vec<Intervention> = serde_json::from_value(recorded).unwrap_or_default();
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}
