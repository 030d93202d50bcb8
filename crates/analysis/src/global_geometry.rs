//! How prototypes of categories lie to one another, and how far they move, step by step.

use rayon::prelude::*;
use redyn_core::random::Stream;
use serde::{Deserialize, Serialize};

use crate::categories::distribution::Ridges;
use crate::categories::products::{Products, Varied};
use crate::categories::prototypes::Prototypes;
use crate::categories::{NO_DECISION, STAGE, Stage};
use crate::numeric::dot;
use crate::resample::{Draws, estimates, p_value, resample};
use crate::spearman::{correlation, ranks};
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Series};

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
/// Takes `8 · n_images · n_steps · n_classes` bytes, and time with the square of the classes.
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
    pub(crate) fn of(material: &Material, prototypes: &Prototypes, [base, after]: [usize; 2]) -> Self {
        let (n_steps, n_classes) = (prototypes.n_steps, prototypes.classes.len());
        let mut sizes = vec![prototypes.n_images(); 5 * n_steps];
        sizes.extend(&prototypes.sizes);
        let mut all = resample(material.replicates(), &sizes, |multiplicities| {
            prototypes.weighted(multiplicities).map(|products| {
                let mut found = statistics(&products, n_steps, n_classes, base);
                found.extend((0..n_classes).map(|k| products.shift_from_base(after, k)));
                found
            })
        });
        let by_class = all.split_off(5 * n_steps);
        let mut next = || {
            let rest = all.split_off(n_steps);
            std::mem::replace(&mut all, rest)
        };
        Self {
            shift_from_base: next(),
            shift_from_previous: next(),
            between_percent: next(),
            rho_from_base: next(),
            rho_from_previous: next(),
            by_class,
        }
    }
}

/// Per step: shift from base and from before, between change, order as at the base and before.
pub(crate) fn statistics(
    products: &Varied,
    n_steps: usize,
    n_classes: usize,
    base: usize,
) -> Vec<Option<f64>> {
    let steps = 0..n_steps;
    let shift = |of: &dyn Fn(usize) -> Option<f64>| mean_of_all((0..n_classes).map(of));
    let still = products.still();
    let (before, varied_before) = (still.centred_distances(base), products.centred_distances(base));
    let ranked: Vec<Option<Vec<f64>>> = steps
        .clone()
        .map(|step| products.distances(step).into_iter().collect::<Option<Vec<f64>>>().map(|d| ranks(&d)))
        .collect();
    let rho = |step: usize, other: usize| correlation(ranked[step].as_ref()?, ranked[other].as_ref()?);
    let from_base = steps.clone().map(|step| shift(&|k| products.shift_from_base(step, k)));
    let from_previous = steps.clone().map(|step| shift(&|k| products.shift_from_previous(step, k)));
    let between = steps.clone().map(|step| {
        let (after, varied_after) = (still.centred_distances(step), products.centred_distances(step));
        percent([&before, &after, &varied_before, &varied_after])
    });
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
    let drawn = GlobalDraws::of(material, prototypes, states);
    let series = |draws: &[Option<Draws>]| estimates(draws, material.options.uncertainty.level);
    let (shift_from_base, between_percent) = (series(&drawn.shift_from_base), series(&drawn.between_percent));
    let rho_from_base = series(&drawn.rho_from_base);
    let null = if compared { exchanged(material, stage, prototypes, states)? } else { Vec::new() };
    let p = |which: usize, observed: Option<Estimate>| {
        let null: Vec<f64> = null.iter().filter_map(|values| values[which]).map(f64::abs).collect();
        p_value(observed?.value.abs(), &null)
    };
    let spread = (0..prototypes.n_steps)
        .map(|step| prototypes.products.still().centred_distances(step).into_iter().flatten().collect());
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

/// Shift and between change where each image's states are exchanged with probability ½:
/// permutation `b` is drawn at `(seed, [b, 12])`.
fn exchanged(
    material: &Material,
    stage: Stage,
    prototypes: &Prototypes,
    [base, after]: [usize; 2],
) -> Result<Vec<[Option<f64>; 2]>, Error> {
    let (n, n_units, n_steps) = (prototypes.classes.len(), prototypes.n_units, prototypes.n_steps);
    let uncertainty = &material.options.uncertainty;
    let at_once = (material.options.memory / (8 * n * n_units)).max(rayon::current_num_threads());
    let staged = material.staged(stage);
    let mut null = Vec::with_capacity(uncertainty.replicates);
    for first in (0..uncertainty.replicates).step_by(at_once) {
        let mut half: Vec<(Stream, Vec<f64>)> = (first..uncertainty.replicates.min(first + at_once))
            .map(|b| (Stream::new(uncertainty.seed, &[b as u64, 12]), vec![0.0; n * n_units]))
            .collect();
        // Half of what the prototypes of both states lie apart, each image with its sign.
        staged.each_block(material.options.memory, |images, values| {
            half.par_iter_mut().for_each(|(stream, half)| {
                for (image, values) in images.clone().zip(values.chunks_exact(n_steps * n_units)) {
                    let class = prototypes.place[image];
                    let sign = if stream.coin() { 0.5 } else { -0.5 } / prototypes.sizes[class] as f64;
                    let (before, later) = (&values[base * n_units..], &values[after * n_units..]);
                    let sums = &mut half[class * n_units..][..n_units];
                    for ((sum, &x), &y) in sums.iter_mut().zip(before).zip(later) {
                        *sum += sign * (f64::from(y) - f64::from(x));
                    }
                }
            });
        })?;
        null.par_extend(half.into_par_iter().map(|(_, half)| {
            let mut means = Vec::with_capacity(2 * n * n_units);
            for sign in [-1.0, 1.0] {
                for (class, half) in half.chunks_exact(n_units).enumerate() {
                    let both = prototypes.mean(base, class).iter().zip(prototypes.mean(after, class));
                    means.extend(both.zip(half).map(|((a, b), h)| f64::midpoint(*a, *b) + sign * h));
                }
            }
            let products = Products::of(&means, n, n_units, 0);
            let products = products.still();
            let shift = mean_of_all((0..n).map(|class| products.shift_from_base(1, class)));
            let [before, after] = [0, 1].map(|state| products.centred_distances(state));
            [shift, percent([&before, &after, &before, &after])]
        }));
    }
    Ok(null)
}

/// Places of the prototypes at every step, `[class][step]`, in the plane of the first two
/// principal components at the base, and the share of the variance there along each.
fn plane(prototypes: &Prototypes, base: usize) -> (Vec<Vec<[f64; 2]>>, [f64; 2]) {
    let (n, n_units) = (prototypes.classes.len(), prototypes.n_units);
    let mut middle = vec![0.0; n_units];
    for class in 0..n {
        let mean = prototypes.mean(base, class);
        middle.iter_mut().zip(mean).for_each(|(middle, x)| *middle += x / n as f64);
    }
    let away = |step: usize, class: usize| -> Vec<f64> {
        prototypes.mean(step, class).iter().zip(&middle).map(|(x, middle)| x - middle).collect()
    };
    let centred: Vec<Vec<f64>> = (0..n).map(|class| away(base, class)).collect();
    let gram = nalgebra::DMatrix::from_fn(n, n, |k, l| dot(&centred[k], &centred[l]));
    let (total, scale) = (gram.trace(), (0..n).map(|k| prototypes.products.square(base, k)).sum::<f64>());
    let eigen = gram.symmetric_eigen();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    // What is left of prototypes that are all the same is rounding, not spread.
    let spread = |axis: usize| {
        let value = order.get(axis).map_or(0.0, |&at| eigen.eigenvalues[at]);
        if value > 1e-12 * scale { value } else { 0.0 }
    };
    let axis = |axis: usize| -> Vec<f64> {
        let mut direction = vec![0.0; n_units];
        if spread(axis) > 0.0 {
            let vector = eigen.eigenvectors.column(order[axis]);
            let largest =
                vector.iter().fold(0.0_f64, |best, &x| if x.abs() > best.abs() + 1e-9 { x } else { best });
            for (class, share) in centred.iter().zip(vector.iter()) {
                let share = share * largest.signum() / spread(axis).sqrt();
                direction.iter_mut().zip(class).for_each(|(sum, x)| *sum += share * x);
            }
        }
        direction
    };
    let axes = [axis(0), axis(1)];
    let points = (0..n).map(|class| {
        let place = |step: usize| {
            let away = away(step, class);
            [dot(&away, &axes[0]), dot(&away, &axes[1])]
        };
        (0..prototypes.n_steps).map(place).collect()
    });
    let explained = [0, 1].map(|axis| if total > 0.0 { spread(axis) / total } else { 0.0 });
    (points.collect(), explained)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::categories::prototypes::tests::{cd, plain_mean, vector};
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

    /// Exchange the states of images, average again, take the distances again.
    #[test]
    fn exchanges_are_those_of_plain_prototypes() {
        let fixture = Fixture::random(40, 3);
        material(&fixture, |material| {
            let prototypes = material.prototypes(Stage::Feature).unwrap().unwrap();
            let null = exchanged(material, Stage::Feature, prototypes, [0, 2]).unwrap();
            assert_eq!(null.len(), 200);
            for b in [0, 7, 199] {
                let mut stream = Stream::new(0, &[b as u64, 12]);
                let stays: Vec<bool> = (0..40).map(|_| stream.coin()).collect();
                let mean = |later: bool, class: usize| -> Vec<f64> {
                    let members: Vec<usize> = (0..40).filter(|&n| fixture.labels[n] == class).collect();
                    let state = |n: usize| if stays[n] == later { 2 } else { 0 };
                    let all: Vec<_> =
                        members.iter().map(|&n| vector(&fixture, Stage::Feature, n, state(n))).collect();
                    (0..11).map(|u| all.iter().map(|x| x[u]).sum::<f64>() / all.len() as f64).collect()
                };
                let plain = (0..8).map(|k| cd(&mean(false, k), &mean(true, k))).sum::<f64>() / 8.0;
                close(null[b][0].unwrap(), plain);
            }
            let p = GlobalGeometry::analyse(material).unwrap().stages[0].shift_p.unwrap();
            assert!(p < 0.05, "images drift from one zone to another: {p}");
        });
    }

    #[test]
    fn in_the_plane_distances_never_exceed_those_in_space() {
        let fixture = Fixture::random(40, 3);
        material(&fixture, |material| {
            let found = &GlobalGeometry::analyse(material).unwrap().stages[0];
            for (k, l) in pairs(8) {
                for step in 0..3 {
                    let (a, b) = (found.prototypes[k].points[step], found.prototypes[l].points[step]);
                    let drawn = ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt();
                    let (x, y) = (
                        plain_mean(&fixture, Stage::Feature, step, k),
                        plain_mean(&fixture, Stage::Feature, step, l),
                    );
                    let space = x.iter().zip(&y).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                    assert!(drawn <= space + 1e-9);
                }
            }
            assert!(found.explained[0] >= found.explained[1] && found.explained[1] > 0.0);
            for axis in 0..2 {
                close(1.0 + found.prototypes.iter().map(|p| p.points[0][axis]).sum::<f64>(), 1.0);
            }
        });
    }
}
