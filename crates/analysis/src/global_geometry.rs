//! How prototypes of categories lie to one another, and how far they move, step by step.

mod exchange;
mod plane;

use redyn_core::Description;
use serde::{Deserialize, Serialize};

use self::exchange::exchanged;
use self::plane::plane;
use crate::categories::along::Along;
use crate::categories::distribution::Ridges;
use crate::categories::products::Varied;
use crate::categories::prototypes::Prototypes;
use crate::categories::{NO_DECISION, STAGE, Stage};
use crate::resample::{Draws, estimates, p_value, resample_together};
use crate::spearman::{correlation, ranks};
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Options, Series};

/// A prototype on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrototypeShift {
    /// Name of the class.
    pub class: String,
    /// `cd(m_k(base), m_k(after))`; absent where a prototype is zero.
    pub shift: Option<Estimate>,
    /// Where it is, per step, in the plane of the first two principal components of all
    /// prototypes at the base.
    pub points: Vec<[f64; 2]>,
}

/// Global geometry of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GlobalStage {
    /// The stage.
    pub stage: Stage,
    /// `mean_k cd(m_k(base), m_k(t))`: `[step]`.
    pub shift_from_base: Series,
    /// `mean_k cd(m_k(t − 1), m_k(t))`: `[step]`, absent at the first.
    pub shift_from_previous: Series,
    /// Mean over pairs of the change of `cd` between centred prototypes since the base, in
    /// percent: `[step]`.
    pub between_percent: Series,
    /// Spearman's correlation of `cd` between raw prototypes with that at the base: `[step]`.
    pub rho_from_base: Series,
    /// The same with the step before: `[step]`, absent at the first.
    pub rho_from_previous: Series,
    /// `shift_from_base` at the state after.
    pub shift: Option<Estimate>,
    /// Share of exchanges of base and after, image by image, with at least this shift.
    pub shift_p: Option<f64>,
    /// `between_percent` at the state after.
    pub between: Option<Estimate>,
    /// Share of exchanges with a change at least this large in size.
    pub between_p: Option<f64>,
    /// `rho_from_base` at the state after.
    pub rho: Option<Estimate>,
    /// How `cd` between centred prototypes is spread over pairs.
    pub spread: Ridges,
    /// Every prototype.
    pub prototypes: Vec<PrototypeShift>,
    /// Share of the prototypes' variance at the base along each axis of their plane.
    pub explained: [f64; 2],
}

/// Prototypes among one another.
///
/// Intervals resample images within each class and let prototypes follow to first order: what
/// resampling adds to their length, and with it to their distances, is not in them.
///
/// # Limits
/// Holds `8 · n_images · n_steps · (n_classes + 2)` bytes, and takes time with the square of the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GlobalGeometry {
    /// Step of the state before and after.
    pub states: [usize; 2],
    /// One per stage.
    pub stages: Vec<GlobalStage>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for GlobalGeometry {
    const NAME: &'static str = "global_geometry";
    const TITLE: &'static str = "Prototypes among one another";
    const SUMMARY: &'static str = "shift of class means, and their distances and order over steps";
    const DESCRIPTION: &'static str = "The prototype of a class is the mean of its images at one step. Its shift is \
        one minus its cosine with itself at the base. Distances between prototypes are compared with those at the \
        base, pair by pair after their common mean is taken away, and in their order without that.";
    const REFERENCE: &'static str = "Luo, Alvarez & Konkle 2026, Geometric Dynamics Across Recurrent Vision Models \
        (CCN): prototype shift, between change, prototype RDM rho";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let states = material.states()?;
        let (mut stages, mut notes) = (Vec::new(), Vec::new());
        for stage in Stage::ALL {
            match material.prototypes(stage)? {
                Some(prototypes) => stages.push(global(material, stage, prototypes, states)?),
                None => notes.push(NO_DECISION.into()),
            }
        }
        if states[0] == states[1] {
            notes.push("with a single state nothing shifts".into());
        }
        if stages.iter().any(|one| one.prototypes.len() < 2) {
            notes.push("a single class has no distances to others".into());
        }
        Ok(Self { states, stages, notes })
    }

    fn holds(about: &Description, _: &Options) -> usize {
        Along::bytes(about).max(Prototypes::bytes(about))
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "global_geometry",
            &[
                STAGE,
                (
                    "quantity",
                    "",
                    "shift of prototypes (mean over classes), between: change of centred distances (mean over pairs), rho: rank correlation of raw distances",
                ),
                ("from", "", "base, or previous for the step before"),
                ("base", "step, from 0", "step of the state that others are compared to"),
                ("step", "step, from 0", "step"),
            ],
            ("1 - cosine for shift, percent for between", "value over all images"),
        );
        let mut prototypes = Table::of_estimates(
            "global_geometry_prototypes",
            &[
                STAGE,
                ("class", "", "class"),
                ("base", "step, from 0", "state before"),
                ("after", "step, from 0", "state after"),
            ],
            ("1 - cosine", "shift of the prototype from base to after"),
        );
        let mut points = Table::new(
            "global_geometry_plane",
            &[
                STAGE,
                ("class", "", "class"),
                ("step", "step, from 0", "step"),
                ("x", "activation", "place of the prototype along the first principal component at the base"),
                ("y", "activation", "along the second"),
            ],
        );
        let mut tests = Table::new(
            "global_geometry_test",
            &[
                STAGE,
                ("quantity", "", "shift or between"),
                (
                    "p",
                    "",
                    "share of exchanges of base and after, image by image, with at least this value, (b + 1) / (m + 1)",
                ),
            ],
        );
        for one in &self.stages {
            let stage = || one.stage.words().into();
            for (quantity, from, series) in [
                ("shift", "base", &one.shift_from_base),
                ("shift", "previous", &one.shift_from_previous),
                ("between", "base", &one.between_percent),
                ("rho", "base", &one.rho_from_base),
                ("rho", "previous", &one.rho_from_previous),
            ] {
                for (step, estimate) in series.iter().enumerate() {
                    let keys =
                        vec![stage(), quantity.into(), from.into(), self.states[0].into(), step.into()];
                    table.push_estimate(keys, estimate.as_ref());
                }
            }
            for prototype in &one.prototypes {
                let class = || prototype.class.as_str().into();
                let keys = vec![stage(), class(), self.states[0].into(), self.states[1].into()];
                prototypes.push_estimate(keys, prototype.shift.as_ref());
                for (step, point) in prototype.points.iter().enumerate() {
                    points.push(vec![stage(), class(), step.into(), point[0].into(), point[1].into()]);
                }
            }
            for (quantity, p) in [("shift", one.shift_p), ("between", one.between_p)] {
                tests.push(vec![stage(), quantity.into(), p.into()]);
            }
        }
        vec![table, prototypes, points, tests]
    }
}

/// What is drawn of a stage.
pub(crate) struct GlobalDraws {
    pub(crate) shift_from_base: Vec<Option<Draws>>,
    pub(crate) shift_from_previous: Vec<Option<Draws>>,
    pub(crate) between_percent: Vec<Option<Draws>>,
    pub(crate) rho_from_base: Vec<Option<Draws>>,
    pub(crate) rho_from_previous: Vec<Option<Draws>>,
    /// From the base to the state after: `[class]`.
    pub(crate) by_class: Vec<Option<Draws>>,
}

impl GlobalDraws {
    pub(crate) fn of(
        material: &Material,
        stage: Stage,
        prototypes: &Prototypes,
        [base, after]: [usize; 2],
    ) -> Result<Self, Error> {
        let (n_steps, n_classes) = (prototypes.n_steps, prototypes.classes.len());
        let mut sizes = vec![prototypes.n_images(); 5 * n_steps];
        sizes.extend(&prototypes.sizes);
        let along = Along::read(prototypes, &material.staged(stage), material.options.memory / 2)?;
        let together = along.bundles_in(material.options.memory);
        let spread = centred(&prototypes.products.still(), n_steps);
        let mut all = resample_together(material.replicates(), &sizes, together, |bundles| {
            along.weighted(bundles, |products| {
                let mut found = statistics(products, &spread, n_classes, base);
                found.extend((0..n_classes).map(|k| products.shift_from_base(after, k)));
                found
            })
        });
        let by_class = all.split_off(5 * n_steps);
        let mut next = || {
            let rest = all.split_off(n_steps);
            std::mem::replace(&mut all, rest)
        };
        Ok(Self {
            shift_from_base: next(),
            shift_from_previous: next(),
            between_percent: next(),
            rho_from_base: next(),
            rho_from_previous: next(),
            by_class,
        })
    }
}

/// Distances between prototypes around their mean, step by step.
pub(crate) fn centred(products: &Varied, n_steps: usize) -> Vec<Vec<Option<f64>>> {
    (0..n_steps).map(|step| products.centred_distances(step)).collect()
}

/// Per step: shift from base and from before, between change, order as at the base and before.
///
/// `spread`: the centred distances of the prototypes as they are.
pub(crate) fn statistics(
    products: &Varied,
    spread: &[Vec<Option<f64>>],
    n_classes: usize,
    base: usize,
) -> Vec<Option<f64>> {
    let steps = 0..spread.len();
    let shift = |of: &dyn Fn(usize) -> Option<f64>| mean_of_all((0..n_classes).map(of));
    let varied = centred(products, spread.len());
    let ranked: Vec<Option<Vec<f64>>> = steps
        .clone()
        .map(|step| products.distances(step).into_iter().collect::<Option<Vec<f64>>>().map(|d| ranks(&d)))
        .collect();
    let rho = |step: usize, other: usize| correlation(ranked[step].as_ref()?, ranked[other].as_ref()?);
    let from_base = steps.clone().map(|step| shift(&|k| products.shift_from_base(step, k)));
    let from_previous = steps.clone().map(|step| shift(&|k| products.shift_from_previous(step, k)));
    let between =
        steps.clone().map(|step| percent([&spread[base], &spread[step], &varied[base], &varied[step]]));
    let with_base = steps.clone().map(|step| rho(step, base));
    let with_previous = steps.clone().map(|step| rho(step, step.checked_sub(1)?));
    from_base.chain(from_previous).chain(between).chain(with_base).chain(with_previous).collect()
}

/// Mean over pairs of the change in percent, `100 (b / a − 1)` to first order around the distances as
/// they are; `None` without pairs, where one has no distance, or none to change.
///
/// Given are distances before and after as they are, and the same varied.
fn percent([before, after, varied_before, varied_after]: [&[Option<f64>]; 4]) -> Option<f64> {
    mean_of_all((0..before.len()).map(|pair| {
        let a = before[pair].filter(|&before| before > 0.0)?;
        let (b, da, db) = (after[pair]?, varied_before[pair]? - a, varied_after[pair]? - after[pair]?);
        Some(100.0 * (b / a - 1.0 + db / a - b * da / (a * a)))
    }))
}

/// The mean, if there is something and nothing is lacking.
fn mean_of_all(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let all = values.collect::<Option<Vec<f64>>>().filter(|all| !all.is_empty())?;
    Some(all.iter().sum::<f64>() / all.len() as f64)
}

fn global(
    material: &Material,
    stage: Stage,
    prototypes: &Prototypes,
    states: [usize; 2],
) -> Result<GlobalStage, Error> {
    let [base, after] = states;
    let compared = base < after;
    let drawn = GlobalDraws::of(material, stage, prototypes, states)?;
    let series = |draws: &[Option<Draws>]| estimates(draws, material.options.uncertainty.level);
    let (shift_from_base, between_percent) = (series(&drawn.shift_from_base), series(&drawn.between_percent));
    let rho_from_base = series(&drawn.rho_from_base);
    let null = if compared { exchanged(material, stage, prototypes, states)? } else { Vec::new() };
    let p = |which: usize, observed: Option<Estimate>| {
        let null: Vec<f64> = null.iter().filter_map(|values| values[which]).map(f64::abs).collect();
        p_value(observed?.value.abs(), &null)
    };
    let spread = centred(&prototypes.products.still(), prototypes.n_steps);
    let spread = spread.into_iter().map(|distances| distances.into_iter().flatten().collect());
    let (points, explained) = plane(prototypes, base);
    let at = |series: &Series| series[after].filter(|_| compared);
    let classes = prototypes.classes.iter().zip(series(&drawn.by_class)).zip(points);
    Ok(GlobalStage {
        stage,
        shift: at(&shift_from_base),
        shift_p: p(0, at(&shift_from_base)),
        between: at(&between_percent),
        between_p: p(1, at(&between_percent)),
        rho: at(&rho_from_base),
        shift_from_base,
        shift_from_previous: series(&drawn.shift_from_previous),
        between_percent,
        rho_from_base,
        rho_from_previous: series(&drawn.rho_from_previous),
        spread: Ridges::of(spread.collect()),
        prototypes: classes
            .map(|((&class, shift), points)| PrototypeShift {
                class: material.class(class).to_owned(),
                shift: shift.filter(|_| compared),
                points,
            })
            .collect(),
        explained,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::categories::prototypes::tests::{cd, plain_mean};
    use crate::fixture::{Fixture, close, material};
    use crate::readout_similarity::pairs;

    #[test]
    fn shift_between_and_order_are_those_of_plain_loops() {
        let fixture = Fixture::random(80, 4);
        material(&fixture, |material| {
            let found = GlobalGeometry::analyse(material).unwrap();
            for one in &found.stages {
                let mean = |step: usize, class: usize| plain_mean(&fixture, one.stage, step, class);
                let shift = |k: usize, from: usize, to: usize| cd(&mean(from, k), &mean(to, k));
                close(one.shift.unwrap().value, (0..8).map(|k| shift(k, 0, 3)).sum::<f64>() / 8.0);
                close(
                    one.shift_from_previous[2].unwrap().value,
                    (0..8).map(|k| shift(k, 1, 2)).sum::<f64>() / 8.0,
                );
                close(one.prototypes[6].shift.unwrap().value, shift(6, 0, 3));
                let centred = |step: usize| -> Vec<Vec<f64>> {
                    let all: Vec<Vec<f64>> = (0..8).map(|k| mean(step, k)).collect();
                    let grand = |u: usize| all.iter().map(|m| m[u]).sum::<f64>() / 8.0;
                    all.iter().map(|m| m.iter().enumerate().map(|(u, x)| x - grand(u)).collect()).collect()
                };
                let (before, after) = (centred(0), centred(3));
                let change = |(k, l): (usize, usize)| {
                    let (a, b) = (cd(&before[k], &before[l]), cd(&after[k], &after[l]));
                    100.0 * (b - a) / a
                };
                close(one.between.unwrap().value, pairs(8).map(change).sum::<f64>() / 28.0);
                let raw = |step: usize| -> Vec<f64> {
                    pairs(8).map(|(k, l)| cd(&mean(step, k), &mean(step, l))).collect()
                };
                close(one.rho.unwrap().value, correlation(&ranks(&raw(0)), &ranks(&raw(3))).unwrap());
                assert_eq!(one.rho_from_base[0].unwrap().value, 1.0);
                for estimate in [one.shift, one.between, one.rho].map(Option::unwrap) {
                    let (low, high) = estimate.interval().unwrap();
                    assert!(low <= estimate.value && estimate.value <= high, "{estimate:?}");
                }
            }
        });
    }
}
