//! How many dimensions representations spread over.

use redyn_core::Description;
use serde::{Deserialize, Serialize};

use crate::categories::pairwise::{self, StepRows};
use crate::categories::{NO_DECISION, STAGE, Stage};
use crate::replicates::Replicates;
use crate::resample::{bootstrap, means};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Options, Series};

/// Dimensions at one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParticipationStage {
    /// The stage.
    pub stage: Stage,
    /// `(Σ λ)² / Σ λ²` of the covariance: `[step]`.
    pub ratio: Series,
}

/// Participation ratio of the covariance over images.
///
/// `(Σ λ)² / Σ λ²`, with `λ` the eigenvalues of the covariance of the images' representations: 1
/// where they spread along one direction, the number of directions where they spread equally along
/// all. No eigenvalue is needed: `Σ λ` is the mean of `‖z_n‖²` and `Σ λ²` that of `(z_n · z_m)²`
/// over all pairs, with `z_n` the representation minus the mean. Intervals resample images and let
/// the covariance follow to first order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParticipationRatio {
    /// Step of the state before and after.
    pub states: [usize; 2],
    /// Images whose covariance it is.
    pub n_images: usize,
    /// One per stage.
    pub stages: Vec<ParticipationStage>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for ParticipationRatio {
    const NAME: &'static str = "participation_ratio";
    const TITLE: &'static str = "Dimensions in use";
    const SUMMARY: &'static str = "participation ratio of the covariance over images, at every step";
    const DESCRIPTION: &'static str = "Representations of all images spread along some directions more than along \
        others. The participation ratio is 1 if they spread along one only, and the number of directions if equally \
        along all.";
    const REFERENCE: &'static str = "Luo, Alvarez & Konkle 2026, Geometric Dynamics Across Recurrent Vision Models \
        (CCN); Gao et al. 2017 (bioRxiv 214262)";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let states = material.states()?;
        let (mut stages, mut notes, mut n_images) = (Vec::new(), Vec::new(), 0);
        for stage in Stage::ALL {
            let Some(pairwise) = material.pairwise(stage)? else {
                notes.push(NO_DECISION.into());
                continue;
            };
            n_images = pairwise.images.len();
            if stage == Stage::Feature {
                notes.extend(material.of_some_images(&pairwise.images));
            }
            stages.push(ParticipationStage {
                stage,
                ratio: pairwise.steps.iter().map(|step| step.ratio).collect(),
            });
        }
        if stages.iter().flat_map(|one| &one.ratio).any(Option::is_none) {
            notes.push("where all images are alike there are no dimensions to count".into());
        }
        Ok(Self { states, n_images, stages, notes })
    }

    fn holds(about: &Description, options: &Options) -> usize {
        pairwise::bytes(about, options)
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "participation_ratio",
            &[STAGE, ("step", "step, from 0", "step")],
            ("dimensions", "participation ratio of the covariance over images"),
        );
        for one in &self.stages {
            for (step, estimate) in one.ratio.iter().enumerate() {
                table.push_estimate(vec![one.stage.words().into(), step.into()], estimate.as_ref());
            }
        }
        vec![table]
    }
}

/// At one step.
pub(crate) fn ratio(replicates: &Replicates, images: &[usize], rows: &StepRows) -> Option<Estimate> {
    let n = images.len();
    let mut sums = Sums::of_means(2);
    for (row, &image) in images.iter().enumerate() {
        sums.add_to_mean(image, 0, rows.squares[row]);
        sums.add_to_mean(image, 1, rows.spreads[row]);
    }
    let over_all = rows.spreads.iter().sum::<f64>() / n as f64;
    let found = bootstrap(replicates, &[n], sums, |sums| {
        let of = |means: &[Option<f64>]| {
            let (first, spread) = (means[0]?, means[1]?);
            // Σ λ² is quadratic in the weights: twice its part linear in them, minus what it is.
            let second = 2.0 * spread - over_all;
            (!rows.flat && second > 0.0).then(|| first * first / second)
        };
        vec![of(&means(sums))]
    });
    found[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::categories::prototypes::tests::vector;
    use crate::fixture::{Fixture, material};

    #[test]
    fn the_ratio_is_that_of_the_eigenvalues() {
        let fixture = Fixture::random(50, 3);
        material(&fixture, |material| {
            let found = ParticipationRatio::analyse(material).unwrap();
            for one in &found.stages {
                let x: Vec<Vec<f64>> = (0..50).map(|n| vector(&fixture, one.stage, n, 2)).collect();
                let n_units = x[0].len();
                let mean: Vec<f64> =
                    (0..n_units).map(|u| x.iter().map(|x| x[u]).sum::<f64>() / 50.0).collect();
                let covariance = nalgebra::DMatrix::from_fn(n_units, n_units, |a, b| {
                    x.iter().map(|x| (x[a] - mean[a]) * (x[b] - mean[b])).sum::<f64>() / 50.0
                });
                let values = covariance.symmetric_eigenvalues();
                let plain = values.sum().powi(2) / values.iter().map(|v| v * v).sum::<f64>();
                let ratio = one.ratio[2].unwrap();
                assert!((ratio.value - plain).abs() < 1e-9 * plain, "{} {plain}", ratio.value);
                let (low, high) = ratio.interval().unwrap();
                assert!(low < plain && plain < high && plain < n_units as f64);
            }
        });
    }

    #[test]
    fn directions_in_equal_use_are_counted() {
        // Corners of a square: two directions, equally.
        let corners = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
        let values = ndarray::Array3::from_shape_fn(
            (40, 1, 3),
            |(n, _, u)| if u < 2 { corners[n % 4][u] } else { 5.0 },
        );
        let fixture = Fixture::new((0..40).map(|n| n % 2).collect(), values, None);
        material(&fixture, |material| {
            let found = ParticipationRatio::analyse(material).unwrap();
            assert!((found.stages[0].ratio[0].unwrap().value - 2.0).abs() < 1e-12);
            assert_eq!(found.stages[1].ratio[0], None, "all logits are zero");
        });
    }
}
