//! The curves of figures 2, 3A and 7, averaged over the seeds of a network.

use serde::{Deserialize, Serialize};

use crate::claims::{LONG, log_change};
use crate::judge::Individual;
use crate::resample::{Draws, draws, means};
use crate::rows::Rows;
use crate::seeds::over_seeds;
use crate::sums::Sums;
use crate::table::Table;
use crate::{Estimate, Material, Series, Uncertainty};

/// A curve over steps: under each seed, and their mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedCurve {
    /// What was measured: `norm`.
    pub quantity: String,
    /// Of which images, or towards which classes: `not_yet`.
    pub group: String,
    /// Its unit; empty for pure numbers.
    pub unit: String,
    /// Step of the first value.
    pub first_step: usize,
    /// Mean over seeds, with an interval over seeds and images; over images with one seed.
    pub mean: Series,
    /// Each seed's own, with intervals over images.
    pub by_seed: Vec<Series>,
    /// Mean over steps, where the paper takes one (figure 3A).
    pub average: Option<Estimate>,
    /// Each seed's own.
    pub average_by_seed: Vec<Option<Estimate>>,
}

/// What is drawn of one seed: a curve, and its average over steps.
type Drawn = (Vec<Option<Draws>>, Option<Draws>);

/// Which curve: quantity, group, unit, first step, how it is found.
type Wanted = (&'static str, &'static str, &'static str, usize, fn(&Individual) -> Drawn);

const WANTED: &[Wanted] = &[
    ("accuracy", "all", "", 0, |individual| (accuracy(&individual.material), None)),
    ("change", "trained", "activation", 0, |individual| {
        (change(&individual.material, individual.material.rows), None)
    }),
    ("change", "untrained", "activation", 0, |individual| {
        let untrained = individual.material.untrained;
        (untrained.map_or_else(Vec::new, |(_, rows)| change(&individual.material, rows)), None)
    }),
    ("norm", "correct", "activation", 0, |individual| part(&individual.measures.norm, 0)),
    ("norm", "not_yet", "activation", 0, |individual| part(&individual.measures.norm, 1)),
    ("cosine", "correct", "", 0, |individual| part(&individual.measures.cosine, 0)),
    ("cosine", "not_yet", "", 0, |individual| part(&individual.measures.cosine, 1)),
    ("distance", "correct", "activation", 0, |individual| part(&individual.measures.margin, 0)),
    ("distance", "not_yet", "activation", 0, |individual| part(&individual.measures.margin, 1)),
    ("future_class", "own", "", 0, |individual| part(&individual.measures.future, 0)),
    ("future_class", "other", "", 0, |individual| part(&individual.measures.future, 1)),
    ("long_accuracy", "all", "", 0, |individual| {
        (individual.long(LONG).map_or_else(|_| Vec::new(), accuracy), None)
    }),
    ("relative_change", "trained", "log10", 1, |individual| {
        (individual.long(LONG).map_or_else(|_| Vec::new(), |long| relative_change(long, long.rows)), None)
    }),
    ("relative_change", "untrained", "log10", 1, |individual| {
        let long = individual.long(LONG).ok().and_then(|long| Some((long, long.untrained?.1)));
        (long.map_or_else(Vec::new, |(long, rows)| relative_change(long, rows)), None)
    }),
];

/// All curves that exist.
pub(crate) fn curves(individuals: &[Individual], uncertainty: &Uncertainty) -> Vec<SeedCurve> {
    WANTED.iter().filter_map(|wanted| curve(wanted, individuals, uncertainty)).collect()
}

fn curve(
    &(quantity, group, unit, first_step, find): &Wanted,
    individuals: &[Individual],
    uncertainty: &Uncertainty,
) -> Option<SeedCurve> {
    let found: Vec<Drawn> = individuals.iter().map(find).collect();
    let estimate = |draws: &Draws| draws.estimate(uncertainty.level);
    let together = |all: Vec<&Draws>| over_seeds(&all, uncertainty).map(|draws| estimate(&draws));
    let n_steps = found.iter().map(|(series, _)| series.len()).max().filter(|&n| n > 0)?;
    let at =
        |step: usize| together(found.iter().filter_map(|(series, _)| series.get(step)?.as_ref()).collect());
    let each = |one: &Option<Draws>| one.as_ref().map(estimate);
    Some(SeedCurve {
        quantity: quantity.into(),
        group: group.into(),
        unit: unit.into(),
        first_step,
        mean: (0..n_steps).map(at).collect(),
        by_seed: found.iter().map(|(series, _)| series.iter().map(each).collect()).collect(),
        average: together(found.iter().filter_map(|(_, average)| average.as_ref()).collect()),
        average_by_seed: found.iter().map(|(_, average)| each(average)).collect(),
    })
}

/// Statistic `which` of three (this group, that one, their difference) per step, and its average.
fn part(statistics: &[Option<Draws>], which: usize) -> Drawn {
    let n_steps = statistics.len() / 3;
    if n_steps == 0 {
        return (Vec::new(), None);
    }
    let n_steps = n_steps - 1;
    let series = statistics[which * n_steps..(which + 1) * n_steps].to_vec();
    (series, statistics[3 * n_steps + which].clone())
}

fn accuracy(material: &Material) -> Vec<Option<Draws>> {
    let rows = material.rows;
    mean_of_images(material, rows.n_steps(), |image| {
        let right = |&answer: &usize| Some(f64::from(u8::from(answer == rows.labels[image])));
        rows.answers(image).iter().map(right).collect()
    })
}

/// `‖r(t+1) − r(t)‖₂` of the images that are stably correct in the trained network.
fn change(material: &Material, rows: &Rows) -> Vec<Option<Draws>> {
    mean_of_images(material, rows.n_steps() - 1, |image| {
        let stable = material.outcomes[image].correct_from().is_some();
        rows.changes(image).iter().map(|&change| stable.then_some(change)).collect()
    })
}

/// Mean logarithm of the change relative to the norm before it.
fn relative_change(material: &Material, rows: &Rows) -> Vec<Option<Draws>> {
    let n = rows.n_steps() - 1;
    mean_of_images(material, n, |image| (0..n).map(|step| log_change(rows, image, step)).collect())
}

/// Mean over images of `n` numbers each.
fn mean_of_images(
    material: &Material,
    n: usize,
    values: impl Fn(usize) -> Vec<Option<f64>>,
) -> Vec<Option<Draws>> {
    let values: Vec<Vec<Option<f64>>> = (0..material.rows.n_images()).map(values).collect();
    let sizes: Vec<usize> =
        (0..n).map(|step| values.iter().filter(|values| values[step].is_some()).count()).collect();
    let mut sums = Sums::of_means(n);
    for (image, values) in values.iter().enumerate() {
        for (mean, value) in values.iter().enumerate() {
            if let Some(value) = *value {
                sums.add_to_mean(image, mean, value);
            }
        }
    }
    draws(material.replicates(), &sizes, sums, means)
}

/// Curves of several networks as one tidy table. The mean over seeds stands in rows without a
/// seed, the average over steps in rows without a step.
pub fn curves_table<'a>(
    networks: impl IntoIterator<Item = (&'a str, &'a [Option<u64>], &'a [SeedCurve])>,
) -> Table {
    let mut table = Table::of_estimates(
        "over_seeds",
        &[
            ("network", "", "short name of the network"),
            ("quantity", "", "what was measured"),
            ("group", "", "images that are averaged over, or classes that are looked towards"),
            ("unit", "", "unit of value, low and high"),
            ("seed", "", "seed of the initial weights; empty for the mean over seeds"),
            ("step", "step, from 0", "step; empty for the mean over the analysed steps"),
        ],
        ("see column unit", "mean over the images of the group; without a seed, the mean of that over seeds"),
    );
    for (network, seeds, curves) in networks {
        for curve in curves {
            let mut rows = |seed: Option<u64>, series: &Series, average: Option<Estimate>| {
                let keys = |step: Option<usize>| {
                    vec![
                        network.into(),
                        curve.quantity.as_str().into(),
                        curve.group.as_str().into(),
                        curve.unit.as_str().into(),
                        seed.and_then(|seed| usize::try_from(seed).ok()).into(),
                        step.into(),
                    ]
                };
                for (step, estimate) in series.iter().enumerate() {
                    table.push_estimate(keys(Some(curve.first_step + step)), estimate.as_ref());
                }
                if average.is_some() {
                    table.push_estimate(keys(None), average.as_ref());
                }
            };
            rows(None, &curve.mean, curve.average);
            for ((seed, series), average) in seeds.iter().zip(&curve.by_seed).zip(&curve.average_by_seed) {
                if seeds.len() > 1 {
                    rows(*seed, series, *average);
                }
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};
    use crate::judge::individual;
    use crate::{Analysis, Change, NowCorrect};

    #[test]
    fn one_seed_has_the_curves_of_the_analyses() {
        let fixture = Fixture::random(120, 6);
        let mut found = Vec::new();
        individual(&fixture, |individual| {
            let uncertainty = &individual.material.options.uncertainty;
            found = curves(std::slice::from_ref(individual), uncertainty);
        });
        let of = |quantity: &str, group: &str| {
            found.iter().find(|curve| curve.quantity == quantity && curve.group == group).unwrap()
        };
        material(&fixture, |material| {
            let contrast = NowCorrect::analyse(material).unwrap().norm;
            assert_eq!(of("norm", "correct").mean, contrast.correct);
            assert_eq!(of("norm", "not_yet").by_seed[0], contrast.not_yet);
            assert_eq!(of("norm", "correct").average, contrast.average.correct);
            let change = Change::analyse(material).unwrap();
            assert_eq!(of("change", "trained").mean, change.all.trained);
            assert_eq!(Some(&of("change", "untrained").mean), change.all.untrained.as_ref());
        });
        // Six steps are not many enough for figure 7.
        assert!(found.iter().all(|curve| curve.quantity != "relative_change"));
    }

    #[test]
    fn two_seeds_are_averaged_and_keep_their_own_curves() {
        let (one, two) = (Fixture::random(90, 5), Fixture::random(90, 5).twin());
        individual(&one, |first| {
            let uncertainty = first.material.options.uncertainty.clone();
            individual(&two, |second| {
                let pair = [of_same(first), of_same(second)];
                let found = curves(&pair, &uncertainty);
                let accuracy = found.iter().find(|curve| curve.quantity == "accuracy").unwrap();
                for step in 0..5 {
                    let each = |seed: usize| accuracy.by_seed[seed][step].unwrap().value;
                    close(accuracy.mean[step].unwrap().value, f64::midpoint(each(0), each(1)));
                }
                let change = found.iter().find(|curve| curve.quantity == "change").unwrap();
                assert!(change.mean[0].unwrap().n <= change.by_seed[0][0].unwrap().n);
            });
        });
    }

    fn of_same<'a>(individual: &Individual<'a>) -> Individual<'a> {
        Individual { ..*individual }
    }
}
