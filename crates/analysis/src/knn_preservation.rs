//! How many of an image's nearest neighbours are of its category.

use redyn_core::Description;
use serde::{Deserialize, Serialize};

use crate::categories::pairwise::{self, NEIGHBOURS, StepRows};
use crate::categories::{NO_DECISION, STAGE, Stage};
use crate::replicates::Replicates;
use crate::resample::{bootstrap, means};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Material, Options, Series};

/// Neighbours at one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnnStage {
    /// The stage.
    pub stage: Stage,
    /// Share of the `k` nearest that are of the image's class: `[k][step]`, in the order of
    /// [`KnnPreservation::neighbours`].
    pub kept: Vec<Series>,
}

/// Category preservation among nearest neighbours.
///
/// Mean over images of the share of its `k` nearest others, by cosine, that are of its class.
/// Neighbours equally near share what room is left. Intervals resample the images that look, among
/// the neighbours as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnnPreservation {
    /// Step of the state before and after.
    pub states: [usize; 2],
    /// The numbers of neighbours.
    pub neighbours: Vec<usize>,
    /// Images of which all pairs were looked at.
    pub n_images: usize,
    /// One per stage.
    pub stages: Vec<KnnStage>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for KnnPreservation {
    const NAME: &'static str = "knn_preservation";
    const TITLE: &'static str = "Neighbours of the same category";
    const SUMMARY: &'static str = "share of the 2 to 50 nearest images that are of the same class";
    const DESCRIPTION: &'static str = "Of the k images whose representations point most nearly the same way as an \
        image's, the share that is of its class, averaged over images. Equal shares of all classes would be \
        guessing.";
    const REFERENCE: &'static str = "Luo, Alvarez & Konkle 2026, Geometric Dynamics Across Recurrent Vision Models \
        (CCN): k-NN category preservation";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let states = material.states()?;
        let (mut stages, mut notes) = (Vec::new(), Vec::new());
        let (mut n_images, mut most) = (0, 0);
        for stage in Stage::ALL {
            let Some(pairwise) = material.pairwise(stage)? else {
                notes.push(NO_DECISION.into());
                continue;
            };
            n_images = pairwise.images.len();
            if stage == Stage::Feature {
                notes.extend(material.of_some_images(&pairwise.images));
            }
            let n = pairwise.steps.iter().map(|step| step.kept.len()).max().unwrap_or(0);
            let of = |k: usize| pairwise.steps.iter().map(|step| *step.kept.get(k)?).collect();
            most = most.max(n);
            stages.push(KnnStage { stage, kept: (0..n).map(of).collect() });
        }
        let neighbours = NEIGHBOURS.take(most).collect::<Vec<usize>>();
        if neighbours.is_empty() {
            notes.push("there are too few images to have two neighbours".into());
        }
        Ok(Self { states, neighbours, n_images, stages, notes })
    }

    fn holds(about: &Description, options: &Options) -> usize {
        pairwise::bytes(about, options)
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "knn_preservation",
            &[
                STAGE,
                ("neighbours", "images", "k: how many nearest images are looked at"),
                ("step", "step, from 0", "step"),
            ],
            ("", "share of the nearest images that are of the same class, mean over images"),
        );
        for one in &self.stages {
            for (&k, series) in self.neighbours.iter().zip(&one.kept) {
                for (step, estimate) in series.iter().enumerate() {
                    table.push_estimate(
                        vec![one.stage.words().into(), k.into(), step.into()],
                        estimate.as_ref(),
                    );
                }
            }
        }
        vec![table]
    }
}

/// At one step: `[k]`.
pub(crate) fn kept(replicates: &Replicates, images: &[usize], rows: &StepRows) -> Series {
    let n = rows.kept.iter().map(Vec::len).max().unwrap_or(0);
    let (mut sums, mut sizes) = (Sums::of_means(n), vec![0; n]);
    for (shares, &image) in rows.kept.iter().zip(images) {
        shares.iter().enumerate().for_each(|(k, &share)| sums.add_to_mean(image, k, share));
        sizes[..shares.len()].iter_mut().for_each(|size| *size += 1);
    }
    bootstrap(replicates, &sizes, sums, means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::categories::prototypes::tests::{cd, vector};
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn kept_neighbours_are_those_of_a_sorted_list() {
        let fixture = Fixture::random(64, 2);
        material(&fixture, |material| {
            let found = KnnPreservation::analyse(material).unwrap();
            assert_eq!((found.neighbours.len(), found.n_images, found.notes.len()), (49, 64, 0));
            let x: Vec<Vec<f64>> = (0..64).map(|n| vector(&fixture, Stage::Feature, n, 1)).collect();
            let share = |image: usize| {
                let mut others: Vec<usize> = (0..64).filter(|&other| other != image).collect();
                others.sort_by(|&a, &b| cd(&x[image], &x[a]).total_cmp(&cd(&x[image], &x[b])));
                let own = others[..7].iter().filter(|&&n| fixture.labels[n] == fixture.labels[image]).count();
                own as f64 / 7.0
            };
            let kept = found.stages[0].kept[5][1].unwrap();
            close(kept.value, (0..64).map(share).sum::<f64>() / 64.0);
            assert!(kept.interval().is_some());
        });
    }
}
