//! What recurrence does to categories: the second paper's findings about single networks.

use redyn_core::TrajectorySource;

use super::{Entry, Evidence, Found, Rule, Sampling};
use crate::categories::Stage;
use crate::category_orthogonality::{companion, orthogonality_draws};
use crate::global_geometry::GlobalDraws;
use crate::judge::Individual;
use crate::local_geometry::local_draws;
use crate::resample::Draws;
use crate::{Error, Material};

/// What is drawn of the categories of one network, at the stages it has.
#[derive(Debug, Default)]
pub(crate) struct Geometry {
    stages: Vec<(Stage, StageGeometry)>,
}

/// Between the state before and after, or at one of them.
#[derive(Debug, Default)]
pub(crate) struct StageGeometry {
    /// Change of the distance of exemplars to their prototype.
    pub(crate) cluster: Option<Draws>,
    /// The same in percent of the base.
    pub(crate) cluster_percent: Option<Draws>,
    /// Shift of prototypes.
    pub(crate) shift: Option<Draws>,
    /// Change between centred prototypes, in percent.
    pub(crate) between: Option<Draws>,
    /// Order of raw distances between prototypes.
    pub(crate) rho: Option<Draws>,
    /// Mean raw distance between prototypes: before and after.
    pub(crate) distance: [Option<Draws>; 2],
    /// Raw distances between prototypes after, condensed.
    pub(crate) rdm: Option<Vec<f64>>,
    /// Mean raw distance between the prototypes of each of the random weights, after.
    pub(crate) untrained: Vec<Draws>,
}

impl Geometry {
    /// With `random`, random weights beside the untrained twin.
    pub(crate) fn of(material: &Material, random: &[&dyn TrajectorySource]) -> Result<Self, Error> {
        let states = material.states()?;
        let [base, after] = states;
        let mut stages = Vec::new();
        for stage in Stage::ALL {
            let Some(prototypes) = material.prototypes(stage)? else { continue };
            let n_steps = prototypes.n_steps;
            let mut orthogonality = orthogonality_draws(material, &material.staged(stage), prototypes)?;
            // A single state is read once: it stands as the one after.
            let last = orthogonality[after].take();
            let distance = [orthogonality[base].take(), last];
            let mut untrained = Vec::new();
            for &twin in material.untrained_trajectories.iter().chain(random) {
                if let Some((staged, twin)) = companion(material, twin, stage, base)? {
                    untrained.extend(orthogonality_draws(material, &staged, &twin)?[after].take());
                }
            }
            let rdm = prototypes.products.still().distances(after).into_iter().collect();
            let mut found = StageGeometry { distance, rdm, untrained, ..StageGeometry::default() };
            if base < after {
                let mut local = local_draws(material, prototypes, base);
                let mut global = GlobalDraws::of(material, stage, prototypes, states)?;
                found.cluster = local[n_steps + after].take();
                found.cluster_percent = local[2 * n_steps + after].take();
                found.shift = global.shift_from_base[after].take();
                found.between = global.between_percent[after].take();
                found.rho = global.rho_from_base[after].take();
            }
            stages.push((stage, found));
        }
        Ok(Self { stages })
    }

    /// Nothing but distances between prototypes, at the features and at the logits.
    #[cfg(test)]
    pub(crate) fn of_rdms(rdms: [Vec<f64>; 2]) -> Self {
        let stage = |(stage, rdm)| (stage, StageGeometry { rdm: Some(rdm), ..StageGeometry::default() });
        Self { stages: Stage::ALL.into_iter().zip(rdms).map(stage).collect() }
    }

    pub(crate) fn stage(&self, stage: Stage) -> Option<&StageGeometry> {
        self.stages.iter().find(|(found, _)| *found == stage).map(|(_, found)| found)
    }
}

/// A tenth of the way from the same direction to orthogonal.
const MATTERS: f64 = 0.1;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        id: "clusters_change",
        figure: "local geometry",
        wording: "images come nearer to the prototype of their class, or move away from it",
        statistic: "cosine distance to the prototype at the features, after minus before, in percent; mean over classes",
        unit: "%",
        rule: Rule::NotZero,
        sampling: Sampling::Images,
        evidence: |individual| two_states(individual, Stage::Feature, |found| found.cluster_percent.as_ref()),
    },
    Entry {
        id: "between_changes",
        figure: "global geometry",
        wording: "prototypes come nearer to one another, or move apart",
        statistic: "cosine distance between centred prototypes at the features, after minus before, in percent; mean \
                    over pairs",
        unit: "%",
        rule: Rule::NotZero,
        sampling: Sampling::Images,
        evidence: |individual| two_states(individual, Stage::Feature, |found| found.between.as_ref()),
    },
    Entry {
        id: "order_stays",
        figure: "global geometry",
        wording: "which prototypes are near to which stays much the same",
        statistic: "Spearman's correlation of raw distances between prototypes at the features, before with after",
        unit: "",
        rule: Rule::Above(0.8),
        sampling: Sampling::Images,
        evidence: |individual| two_states(individual, Stage::Feature, |found| found.rho.as_ref()),
    },
    Entry {
        id: "orthogonality_learned",
        figure: "orthogonality",
        wording: "at the logits, categories are nearer to orthogonal than with random weights",
        statistic: "|mean distance between prototypes - 1| at the logits after, untrained minus trained; mean over random \
                    weights",
        unit: "1 - cosine",
        rule: Rule::Above(MATTERS),
        sampling: Sampling::Images,
        evidence: |individual| {
            let found = decision(individual)?;
            let trained = found.distance[1].as_ref().ok_or(NO_PAIRS)?;
            let gap = |distance: f64| (distance - 1.0).abs();
            let beside =
                |untrained| together(trained, untrained, |trained, random| gap(random) - gap(trained));
            let each: Vec<Draws> = found.untrained.iter().map(beside).collect();
            let uncertainty = &individual.material.options.uncertainty;
            Evidence::beside_random(&each, uncertainty).ok_or_else(|| "no untrained twin was given".into())
        },
    },
    Entry {
        id: "orthogonality_grows",
        figure: "orthogonality",
        wording: "recurrence brings categories nearer to orthogonal at the logits",
        statistic: "|mean distance between prototypes - 1| at the logits, before minus after",
        unit: "1 - cosine",
        rule: Rule::Above(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            let found = decision(individual)?;
            let [Some(before), Some(after)] = &found.distance else { return Err(ONE_STATE.into()) };
            let gap = |distance: f64| (distance - 1.0).abs();
            Ok(Evidence::of(together(before, after, |before, after| gap(before) - gap(after))))
        },
    },
];

const NO_PAIRS: &str = "there are no two classes with a direction";
const ONE_STATE: &str = "with a single state nothing changes";
const NO_DIRECTIONS: &str = "a logit of minus infinity has no direction";

fn decision<'a>(individual: &'a Individual) -> Result<&'a StageGeometry, String> {
    individual.measures.geometry.stage(Stage::Decision).ok_or_else(|| NO_DIRECTIONS.into())
}

fn two_states(individual: &Individual, stage: Stage, of: fn(&StageGeometry) -> Option<&Draws>) -> Found {
    let found = individual.measures.geometry.stage(stage).ok_or(NO_DIRECTIONS)?;
    let [base, after] = individual.material.states().map_err(|error| error.to_string())?;
    if base == after {
        return Err(ONE_STATE.into());
    }
    of(found)
        .cloned()
        .map(Evidence::of)
        .ok_or_else(|| format!("at t={base} there is nothing that could change"))
}

/// A statistic of two, replicate by replicate: both saw the same resampled images.
pub(crate) fn together(a: &Draws, b: &Draws, of: impl Fn(f64, f64) -> f64) -> Draws {
    let pairs = a.replicates.iter().zip(&b.replicates);
    Draws {
        value: of(a.value, b.value),
        n: a.n.min(b.n),
        replicates: pairs.map(|(a, b)| Some(of((*a)?, (*b)?))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use crate::judge::individual_of;
    use crate::{Analysis, CategoryOrthogonality, GlobalGeometry, LocalGeometry, Paper};

    #[test]
    fn effects_are_those_of_the_analyses() {
        individual_of(Paper::Luo2026, &Fixture::random(120, 5), |individual| {
            let found = |id: &str| {
                let entry = ENTRIES.iter().find(|entry| entry.id == id).unwrap();
                (entry.evidence)(individual).unwrap().draws.value
            };
            let local = &LocalGeometry::analyse(&individual.material).unwrap().stages[0];
            assert_eq!(found("clusters_change"), local.cluster_percent.unwrap().value);
            let global = &GlobalGeometry::analyse(&individual.material).unwrap().stages[0];
            assert_eq!(found("between_changes"), global.between.unwrap().value);
            assert_eq!(found("order_stays"), global.rho.unwrap().value);
            let orthogonality = &CategoryOrthogonality::analyse(&individual.material).unwrap().stages[1];
            let gap = |series: &crate::Series, step: usize| (series[step].unwrap().value - 1.0).abs();
            let (trained, twin) =
                (&orthogonality.trained.mean, &orthogonality.untrained.as_ref().unwrap().mean);
            assert_eq!(found("orthogonality_learned"), gap(twin, 4) - gap(trained, 4));
            assert_eq!(found("orthogonality_grows"), gap(trained, 0) - gap(trained, 4));
        });
    }

    #[test]
    fn a_single_state_decides_no_change() {
        let mut single = Fixture::random(60, 2).control();
        single.about.name = "single".into();
        individual_of(Paper::Luo2026, &single, |individual| {
            for id in ["clusters_change", "order_stays", "orthogonality_grows"] {
                let entry = ENTRIES.iter().find(|entry| entry.id == id).unwrap();
                assert_eq!((entry.evidence)(individual).unwrap_err(), ONE_STATE);
            }
        });
    }
}
