//! Which stores are analyzed, and which are there to be compared to.

use std::path::PathBuf;

use redyn_store::Store;

use crate::Failure;

/// Places of stores in the list that was given: one to analyze, and its companions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Companions {
    pub(super) subject: usize,
    /// The same network before training.
    pub(super) untrained: Option<usize>,
    /// Stores of one step: what feedforward networks made of the same images.
    pub(super) controls: Vec<usize>,
}

/// Stores with their companions, and those that belong to none.
///
/// A store of one step beside stores of several is a feedforward control of all that saw the same
/// images. An untrained network (epoch −1) is the twin of those of the same network and seed
/// that saw the same images, unless all are untrained: then they are what is to be looked at.
///
/// # Errors
/// A control that saw the images of none.
pub(super) fn companions(
    paths: &[PathBuf],
    stores: &[Store],
    n_steps: &[usize],
) -> Result<(Vec<Companions>, Vec<usize>), Failure> {
    let same_images = |a: usize, b: usize| {
        stores[a].about().dataset_digest == stores[b].about().dataset_digest
            && stores[a].labels() == stores[b].labels()
            && stores[a].image_ids() == stores[b].image_ids()
    };
    let untrained = |index: usize| stores[index].about().epoch == Some(-1);
    let recurrent = n_steps.iter().any(|&n| n > 1);
    let (controls, others): (Vec<usize>, Vec<usize>) =
        (0..stores.len()).partition(|&index| recurrent && n_steps[index] == 1);
    let mut subjects: Vec<usize> = others.iter().copied().filter(|&index| !untrained(index)).collect();
    if subjects.is_empty() {
        subjects.clone_from(&others);
    }
    for &control in &controls {
        if !subjects.iter().any(|&subject| same_images(subject, control)) {
            return Err(Failure::user(
                format!(
                    "{} has one step, so it is a feedforward control, but it saw other images than {}",
                    paths[control].display(),
                    subjects
                        .iter()
                        .map(|&index| paths[index].display().to_string())
                        .collect::<Vec<_>>()
                        .join(", ")
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
                    && there.seed == about.seed
                    && same_images(subject, other)
            };
            Companions {
                subject,
                untrained: others.iter().copied().find(twin),
                controls: controls.iter().copied().filter(|&other| same_images(subject, other)).collect(),
            }
        })
        .collect();
    let taken =
        |index: &usize| found.iter().any(|one| one.subject == *index || one.untrained == Some(*index));
    let left = others.into_iter().filter(|index| !taken(index)).collect();
    Ok((found, left))
}
