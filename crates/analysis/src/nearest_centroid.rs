//! How often the nearest prototype is that of an image's own category.

use redyn_core::Description;
use serde::{Deserialize, Serialize};

use crate::categories::prototypes::Prototypes;
use crate::categories::{Centroid, NO_DECISION, STAGE, Stage};
use crate::resample::{Draws, draws, estimates, means};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Material, Options, Series};

/// Nearest-centroid accuracy at one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CentroidStage {
    /// The stage.
    pub stage: Stage,
    /// The image left out of its own centroid: `[step]`.
    pub leave_one_out: Series,
    /// The image a part of its own centroid, as published: `[step]`.
    pub whole: Series,
}

impl CentroidStage {
    /// The accuracy that was chosen.
    pub fn of(&self, centroid: Centroid) -> &Series {
        match centroid {
            Centroid::LeaveOneOut => &self.leave_one_out,
            Centroid::Whole => &self.whole,
        }
    }
}

/// Share of images nearest, by cosine, to the prototype of their own class.
///
/// Of prototypes equally near the first counts. With the image left out its own prototype is
/// `(n_k m_k − x_n) / (n_k − 1)`; an image that is alone in its class has none and does not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestCentroid {
    /// Step of the state before and after.
    pub states: [usize; 2],
    /// The accuracy that figures and claims speak of.
    pub centroid: Centroid,
    /// One per stage.
    pub stages: Vec<CentroidStage>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for NearestCentroid {
    const NAME: &'static str = "nearest_centroid";
    const TITLE: &'static str = "Nearest prototypes";
    const SUMMARY: &'static str = "share of images nearest to their own class mean, image left out or not";
    const DESCRIPTION: &'static str = "Each image is given the class whose mean points most nearly the same way. An \
        image that is part of its own class mean is nearer to it than a new one would be: leaving it out mends that. \
        Published numbers do not leave it out; both are given.";
    const REFERENCE: &'static str = "Luo, Alvarez & Konkle 2026, Geometric Dynamics Across Recurrent Vision Models \
        (CCN): nearest-centroid accuracy; leave-one-out ours";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let states = material.states()?;
        let (mut stages, mut notes) = (Vec::new(), Vec::new());
        for stage in Stage::ALL {
            let Some(prototypes) = material.prototypes(stage)? else {
                notes.push(NO_DECISION.into());
                continue;
            };
            let level = material.options.uncertainty.level;
            let series = |centroid| estimates(&centroid_draws(material, prototypes, centroid), level);
            let (leave_one_out, whole) = (series(Centroid::LeaveOneOut), series(Centroid::Whole));
            stages.push(CentroidStage { stage, leave_one_out, whole });
            if stage == Stage::Feature && prototypes.sizes.contains(&1) {
                notes
                    .push("an image that is alone in its class cannot be left out and does not count".into());
            }
        }
        Ok(Self { states, centroid: material.options.categories.centroid, stages, notes })
    }

    fn holds(about: &Description, _: &Options) -> usize {
        Prototypes::bytes(about)
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "nearest_centroid",
            &[
                STAGE,
                (
                    "centroid",
                    "",
                    "leave_one_out: the image is no part of its own class mean; whole: it is, as published",
                ),
                ("step", "step, from 0", "step"),
            ],
            ("", "share of images nearest to the mean of their own class"),
        );
        for one in &self.stages {
            for (centroid, series) in [("leave_one_out", &one.leave_one_out), ("whole", &one.whole)] {
                for (step, estimate) in series.iter().enumerate() {
                    let keys = vec![one.stage.words().into(), centroid.into(), step.into()];
                    table.push_estimate(keys, estimate.as_ref());
                }
            }
        }
        vec![table]
    }
}

/// Share per step, prototypes as they are.
fn centroid_draws(material: &Material, prototypes: &Prototypes, centroid: Centroid) -> Vec<Option<Draws>> {
    let mut sums = Sums::of_means(prototypes.n_steps);
    let mut sizes = vec![0; prototypes.n_steps];
    for image in 0..prototypes.n_images() {
        for (step, size) in sizes.iter_mut().enumerate() {
            if let Some(own) = prototypes.nearest_is_own(image, step, centroid) {
                sums.add_to_mean(image, step, f64::from(u8::from(own)));
                *size += 1;
            }
        }
    }
    draws(material.replicates(), &sizes, sums, means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::categories::prototypes::tests::{cd, plain_mean, vector};
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn shares_are_those_of_centroids_written_out() {
        // Few images per class, so that leaving one out matters.
        let fixture = Fixture::random(24, 3);
        material(&fixture, |material| {
            let found = NearestCentroid::analyse(material).unwrap();
            for one in &found.stages {
                let right = |image: usize, leave: bool| {
                    let x = vector(&fixture, one.stage, image, 1);
                    let label = fixture.labels[image];
                    let centroid = |class: usize| {
                        let mean = plain_mean(&fixture, one.stage, 1, class);
                        if leave && class == label {
                            mean.iter().zip(&x).map(|(m, x)| (3.0 * m - x) / 2.0).collect()
                        } else {
                            mean
                        }
                    };
                    let distance = |class: usize| cd(&x, &centroid(class));
                    (0..8).all(|class| class == label || distance(class) > distance(label))
                };
                let share = |leave: bool| (0..24).filter(|&n| right(n, leave)).count() as f64 / 24.0;
                close(one.whole[1].unwrap().value, share(false));
                close(one.leave_one_out[1].unwrap().value, share(true));
            }
            let feature = &found.stages[0];
            let sum = |series: &Series| series.iter().map(|e| e.unwrap().value).sum::<f64>();
            assert!(sum(&feature.whole) > sum(&feature.leave_one_out), "leaving out is harder");
            assert_eq!(feature.of(found.centroid), &feature.leave_one_out);
        });
    }

    #[test]
    fn an_image_alone_in_its_class_is_not_counted_without_itself() {
        let mut fixture = Fixture::random(20, 2);
        let label = fixture.labels[0];
        (1..20).filter(|&n| fixture.labels[n] == label).collect::<Vec<_>>().into_iter().for_each(|n| {
            fixture.labels[n] = (label + 1) % 8;
        });
        material(&fixture, |material| {
            let found = NearestCentroid::analyse(material).unwrap();
            assert_eq!(found.stages[0].leave_one_out[0].unwrap().n, 19);
            assert_eq!(found.stages[0].whole[0].unwrap().n, 20);
            assert!(!found.notes.is_empty());
        });
    }
}
