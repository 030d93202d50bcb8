//! How near prototypes of categories come to being orthogonal.

use redyn_core::{Description, TrajectorySource};
use serde::{Deserialize, Serialize};

use crate::categories::along::Along;
use crate::categories::distribution::{QUANTILES, Ridges, moments};
use crate::categories::products::Varied;
use crate::categories::prototypes::Prototypes;
use crate::categories::staged::Staged;
use crate::categories::{NO_DECISION, STAGE, Stage};
use crate::estimate::quantile;
use crate::resample::{Draws, estimates, resample_together};
use crate::table::Table;
use crate::{Analysis, Error, Material, Options, Series};

/// Distances between prototypes of some network at a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Orthogonality {
    /// Mean over pairs of classes: `[step]`.
    pub mean: Series,
    /// Standard deviation over pairs: `[step]`.
    pub deviation: Series,
    /// Share of pairs with `|cd − 1|` at most [`CategoryOrthogonality::near`]: `[step]`.
    pub near: Series,
    /// Quantiles over pairs, in the order of [`QUANTILES`]: `[quantile][step]`.
    pub quantiles: Vec<Series>,
    /// How the distances are spread.
    pub spread: Ridges,
}

/// Orthogonality at one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrthogonalityStage {
    /// The stage.
    pub stage: Stage,
    /// Of the network.
    pub trained: Orthogonality,
    /// Of its untrained twin; absent without one.
    pub untrained: Option<Orthogonality>,
}

/// Category orthogonality: distances between all prototypes, raw.
///
/// `cd(m_k(t), m_l(t))` of all pairs: 0 is the same direction, 1 orthogonal, 2 opposite. Published
/// for the decision stage; the feature stage stands beside it. Intervals are those of
/// [`GlobalGeometry`](crate::GlobalGeometry).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryOrthogonality {
    /// Step of the state before and after.
    pub states: [usize; 2],
    /// Number of pairs of classes.
    pub n_pairs: usize,
    /// Half the width around 1 that counts as nearly orthogonal.
    pub near: f64,
    /// One per stage.
    pub stages: Vec<OrthogonalityStage>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for CategoryOrthogonality {
    const NAME: &'static str = "category_orthogonality";
    const TITLE: &'static str = "Orthogonality of categories";
    const SUMMARY: &'static str = "distances between class means against 1, at features and logits";
    const DESCRIPTION: &'static str = "One minus the cosine between the means of two classes is 0 where they point \
        the same way, 1 where they are orthogonal and 2 where they are opposite. A network that holds categories \
        apart without making any two of them opposites has all distances near 1.";
    const REFERENCE: &'static str = "Luo, Alvarez & Konkle 2026, Geometric Dynamics Across Recurrent Vision Models \
        (CCN): category orthogonality at the decision stage";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let states = material.states()?;
        let (mut stages, mut notes) = (Vec::new(), Vec::new());
        let mut n_pairs = 0;
        for stage in Stage::ALL {
            let Some(prototypes) = material.prototypes(stage)? else {
                notes.push(NO_DECISION.into());
                continue;
            };
            n_pairs = prototypes.classes.len() * (prototypes.classes.len() - 1) / 2;
            let trained = orthogonality(material, &material.staged(stage), prototypes)?;
            let twin = material.untrained_trajectories;
            let twin = twin.map(|twin| companion(material, twin, stage, states[0])).transpose()?.flatten();
            let untrained = twin.map(|(staged, twin)| orthogonality(material, &staged, &twin)).transpose()?;
            stages.push(OrthogonalityStage { stage, trained, untrained });
        }
        if n_pairs == 0 {
            notes.push("a single class has no distances to others".into());
        }
        if material.untrained_trajectories.is_none() {
            notes.push("no untrained twin was given".into());
        }
        Ok(Self { states, n_pairs, near: material.options.categories.near, stages, notes })
    }

    fn holds(about: &Description, _: &Options) -> usize {
        Along::bytes(about).max(Prototypes::bytes(about))
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "category_orthogonality",
            &[
                STAGE,
                ("weights", "", "trained or untrained network"),
                (
                    "quantity",
                    "",
                    "mean, deviation, near (share of pairs nearly orthogonal), or a quantile over pairs",
                ),
                ("step", "step, from 0", "step"),
            ],
            ("1 - cosine; a share for near", "value over all pairs of classes"),
        );
        for one in &self.stages {
            let untrained = one.untrained.as_ref().map(|found| ("untrained", found));
            for (weights, found) in std::iter::once(("trained", &one.trained)).chain(untrained) {
                let quantiles = QUANTILES
                    .iter()
                    .zip(&found.quantiles)
                    .map(|(p, series)| (format!("q{:02}", (100.0 * p).round()), series));
                let all = [("mean", &found.mean), ("deviation", &found.deviation), ("near", &found.near)];
                let all = all.into_iter().map(|(name, series)| (name.to_owned(), series));
                for (quantity, series) in all.chain(quantiles) {
                    for (step, estimate) in series.iter().enumerate() {
                        let keys = vec![
                            one.stage.words().into(),
                            weights.into(),
                            quantity.as_str().into(),
                            step.into(),
                        ];
                        table.push_estimate(keys, estimate.as_ref());
                    }
                }
            }
        }
        vec![table]
    }
}

/// A stage of the untrained twin, or of another companion, with its prototypes; none without directions.
pub(crate) fn companion<'a>(
    material: &Material,
    twin: &'a dyn TrajectorySource,
    stage: Stage,
    base: usize,
) -> Result<Option<(Staged<'a>, Prototypes)>, Error> {
    let staged = Staged::new(twin, stage, material.reads());
    let prototypes = Prototypes::read(&staged, base, material.options.memory)?;
    Ok(prototypes.map(|prototypes| (staged, prototypes)))
}

/// Per step: mean, deviation, share nearly orthogonal, then the quantiles.
pub(crate) fn orthogonality_draws(
    material: &Material,
    staged: &Staged,
    prototypes: &Prototypes,
) -> Result<Vec<Option<Draws>>, Error> {
    let n_statistics = 3 + QUANTILES.len();
    let sizes = vec![prototypes.n_images(); n_statistics * prototypes.n_steps];
    let near = material.options.categories.near;
    let along = Along::read(prototypes, staged, material.options.memory / 2)?;
    let together = along.bundles_in(material.options.memory);
    Ok(resample_together(material.replicates(), &sizes, together, |bundles| {
        along.weighted(bundles, |products| {
            let by_step: Vec<Vec<Option<f64>>> =
                (0..prototypes.n_steps).map(|step| statistics(products, step, near)).collect();
            (0..n_statistics).flat_map(|which| by_step.iter().map(move |found| found[which])).collect()
        })
    }))
}

fn statistics(products: &Varied, step: usize, near: f64) -> Vec<Option<f64>> {
    let found = products.distances(step).into_iter().collect::<Option<Vec<f64>>>();
    let Some(mut distances) = found.filter(|distances| !distances.is_empty()) else {
        return vec![None; 3 + QUANTILES.len()];
    };
    distances.sort_unstable_by(f64::total_cmp);
    let (mean, deviation) = moments(&distances);
    let close = distances.iter().filter(|&&distance| (distance - 1.0).abs() <= near).count();
    let share = close as f64 / distances.len() as f64;
    let quantiles = QUANTILES.map(|p| quantile(&distances, p));
    [mean, deviation, share].into_iter().chain(quantiles).map(Some).collect()
}

fn orthogonality(
    material: &Material,
    staged: &Staged,
    prototypes: &Prototypes,
) -> Result<Orthogonality, Error> {
    let n_steps = prototypes.n_steps;
    let drawn = orthogonality_draws(material, staged, prototypes)?;
    let all = estimates(&drawn, material.options.uncertainty.level);
    let mut series = all.chunks_exact(n_steps).map(<[_]>::to_vec);
    let mut next = || series.next().unwrap_or_default();
    let (mean, deviation, near) = (next(), next(), next());
    let quantiles = QUANTILES.iter().map(|_| next()).collect();
    let spread =
        (0..n_steps).map(|step| prototypes.products.still().distances(step).into_iter().flatten().collect());
    Ok(Orthogonality { mean, deviation, near, quantiles, spread: Ridges::of(spread.collect()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::categories::prototypes::tests::{cd, plain_mean};
    use crate::fixture::{Fixture, close, material};
    use crate::readout_similarity::pairs;

    fn plain(fixture: &Fixture, stage: Stage, step: usize) -> Vec<f64> {
        let mean = |class: usize| plain_mean(fixture, stage, step, class);
        pairs(8).map(|(k, l)| cd(&mean(k), &mean(l))).collect()
    }

    #[test]
    fn distances_are_summed_up_as_by_a_plain_loop() {
        let fixture = Fixture::random(80, 4);
        material(&fixture, |material| {
            let found = CategoryOrthogonality::analyse(material).unwrap();
            assert_eq!((found.n_pairs, found.stages.len()), (28, 2));
            let twin = fixture.twin();
            for one in &found.stages {
                // The twin's recorded logits are not those of its readout, which is what is looked at.
                let untrained = one.untrained.as_ref().filter(|_| one.stage == Stage::Feature);
                let untrained = untrained.map(|found| (&twin, found));
                for (fixture, found) in std::iter::once((&fixture, &one.trained)).chain(untrained) {
                    let mut plain = plain(fixture, one.stage, 2);
                    let mean = plain.iter().sum::<f64>() / 28.0;
                    close(found.mean[2].unwrap().value, mean);
                    let variance = plain.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 28.0;
                    close(found.deviation[2].unwrap().value, variance.sqrt());
                    let near = plain.iter().filter(|&&d| (0.9..=1.1).contains(&d)).count() as f64 / 28.0;
                    close(found.near[2].unwrap().value, near);
                    plain.sort_unstable_by(f64::total_cmp);
                    close(found.quantiles[2][2].unwrap().value, f64::midpoint(plain[13], plain[14]));
                }
            }
        });
    }

    /// Intervals are there to hold the value, and grow narrower with more images.
    #[test]
    fn intervals_hold_their_value_and_narrow_with_images() {
        let width = |n: usize| {
            let mut found = 0.0;
            material(&Fixture::random(n, 2), |material| {
                let mean =
                    CategoryOrthogonality::analyse(material).unwrap().stages[0].trained.mean[0].unwrap();
                let (low, high) = mean.interval().unwrap();
                assert!(low < mean.value && mean.value < high);
                found = high - low;
            });
            found
        };
        let (few, many) = (width(80), width(720));
        assert!((2.0..4.5).contains(&(few / many)), "nine times the images: {few} {many}");
    }
}
