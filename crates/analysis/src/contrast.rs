//! Images that are correct by now against images that will be.

use serde::{Deserialize, Serialize};

use crate::numeric::vectorised;
use crate::resample::{Draws, draws, estimates, mean, share};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Estimate, Material, Series, counts_by_step, timesteps_analyse};

/// One quantity in the two groups of figure 2B, among stably correct images:
/// correct now, `C(t) = {t_s ≤ t}`, and not yet, `I(t) = {t_s > t}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// What was measured.
    pub quantity: String,
    /// Its unit; empty for pure numbers.
    pub unit: String,
    /// Mean over the images correct at this step, per step.
    pub correct: Series,
    /// Mean over the images that will be correct later, per step.
    pub not_yet: Series,
    /// Correct minus not yet, per step.
    pub difference: Series,
    /// Means over steps.
    pub average: Averages,
}

/// Unweighted means over the analysed steps at which both groups hold images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// Of the images correct now.
    pub correct: Option<Estimate>,
    /// Of the images that will be correct later.
    pub not_yet: Option<Estimate>,
    /// Correct minus not yet.
    pub difference: Option<Estimate>,
}

/// The stably correct images and the steps their curves are averaged over.
pub(crate) struct Groups {
    /// `(image, t_s)`, in the order of images.
    pub(crate) members: Vec<(usize, usize)>,
    pub(crate) n_steps: usize,
    /// Averages use `t = 0..window`.
    pub(crate) window: usize,
}

impl Groups {
    pub(crate) fn new(material: &Material) -> Self {
        let stable = |(image, outcome): (usize, &crate::Outcome)| Some((image, outcome.correct_from()?));
        let n_steps = material.rows.n_steps();
        Self {
            members: material.outcomes.iter().enumerate().filter_map(stable).collect(),
            n_steps,
            window: timesteps_analyse(&counts_by_step(material.outcomes, n_steps)),
        }
    }

    /// A quantity at every step of every member.
    pub(crate) fn gather(&self, value: impl Fn(usize, usize) -> Option<f64>) -> Values {
        let n_steps = self.n_steps;
        let mut rows = vec![0.0; self.members.len() * 2 * n_steps];
        for (row, &(image, _)) in rows.chunks_exact_mut(2 * n_steps).zip(&self.members) {
            for step in 0..n_steps {
                if let Some(value) = value(image, step) {
                    (row[step], row[n_steps + step]) = (value, 1.0);
                }
            }
        }
        Values { rows, n_steps }
    }

    /// What the statistics are functions of: totals of the correct and of the not yet, then their
    /// numbers; `[4][n_steps]`.
    pub(crate) fn sums(&self, values: &Values) -> Sums {
        let n_steps = self.n_steps;
        let mut sums = Sums::new(4 * n_steps);
        for (row, &(image, stable)) in values.rows().zip(&self.members) {
            for (at, &value) in row.iter().enumerate().filter(|&(_, &value)| value != 0.0) {
                let (which, step) = (at / n_steps, at % n_steps);
                let not_yet = usize::from(step < stable);
                sums.add(image, (2 * which + not_yet) * n_steps + step, value);
            }
        }
        sums
    }

    /// The same sums over all members, with other stable steps.
    pub(crate) fn sums_with(&self, stable: &[usize], values: &Values) -> Vec<f64> {
        let n_steps = self.n_steps;
        let mut by_stable = vec![0.0; n_steps * 2 * n_steps];
        vectorised(
            #[inline(always)]
            || {
                for (row, &stable) in values.rows().zip(stable) {
                    let sums = &mut by_stable[stable * 2 * n_steps..][..2 * n_steps];
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
            },
        );
        let mut sums = vec![0.0; 4 * n_steps];
        for (stable, of) in by_stable.chunks_exact(2 * n_steps).enumerate() {
            for (at, value) in of.iter().enumerate() {
                let (which, step) = (at / n_steps, at % n_steps);
                sums[(2 * which + usize::from(step < stable)) * n_steps + step] += value;
            }
        }
        sums
    }

    /// Per step: mean of the correct, of the not yet, and their difference; then the same
    /// three averaged over the analysed steps where both groups hold images.
    pub(crate) fn statistics(&self, sums: &[f64]) -> Vec<Option<f64>> {
        let n_steps = self.n_steps;
        let (totals, counts) = sums.split_at(2 * n_steps);
        let mut means: Vec<Option<f64>> =
            totals.iter().zip(counts).map(|(&total, &count)| share(total, count)).collect();
        let pairs: Vec<Option<(f64, f64)>> =
            (0..n_steps).map(|step| means[step].zip(means[n_steps + step])).collect();
        means.extend(pairs.iter().map(|pair| pair.map(|(correct, not_yet)| correct - not_yet)));
        let both = || pairs[..self.window].iter().flatten();
        means.extend([
            mean(both().map(|pair| pair.0)),
            mean(both().map(|pair| pair.1)),
            mean(both().map(|pair| pair.0 - pair.1)),
        ]);
        means
    }

    /// Number of images behind each of [`Groups::statistics`].
    pub(crate) fn sizes(&self, values: &Values) -> Vec<usize> {
        let n_steps = self.n_steps;
        let present = |member: usize, step: usize| values.rows[(2 * member + 1) * n_steps + step] > 0.0;
        let mut sizes = vec![0; 3 * n_steps];
        for (member, &(_, stable)) in self.members.iter().enumerate() {
            for step in (0..n_steps).filter(|&step| present(member, step)) {
                sizes[if stable <= step { step } else { n_steps + step }] += 1;
            }
        }
        for step in 0..n_steps {
            sizes[2 * n_steps + step] = sizes[step].min(sizes[n_steps + step]);
        }
        let both: Vec<usize> = (0..self.window).filter(|&step| sizes[2 * n_steps + step] > 0).collect();
        let taking_part = |now: bool| {
            let here = |&member: &usize| {
                let stable = self.members[member].1;
                both.iter().any(|&step| (stable <= step) == now && present(member, step))
            };
            (0..self.members.len()).filter(here).count()
        };
        let (correct, not_yet) = (taking_part(true), taking_part(false));
        sizes.extend([correct, not_yet, correct.min(not_yet)]);
        sizes
    }
}

/// A quantity of the members of [`Groups`].
pub(crate) struct Values {
    /// Per member: the values, 0 where there is none, then 1 where there is one; `[member][2][step]`.
    rows: Vec<f64>,
    n_steps: usize,
}

impl Values {
    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.rows.chunks_exact(2 * self.n_steps)
    }
}

/// The statistics of [`Groups::statistics`] of a quantity given per image and step, resampled.
pub(crate) fn contrast_draws(
    material: &Material,
    value: impl Fn(usize, usize) -> Option<f64>,
) -> Vec<Option<Draws>> {
    let groups = Groups::new(material);
    let values = groups.gather(value);
    let sums = groups.sums(&values);
    draws(material.replicates(), &groups.sizes(&values), sums, |sums| groups.statistics(sums))
}

/// Contrast a quantity, given per image and step, between the two groups.
pub(crate) fn contrast(
    material: &Material,
    (quantity, unit): (&str, &str),
    value: impl Fn(usize, usize) -> Option<f64>,
) -> Contrast {
    let (n_steps, level) = (material.rows.n_steps(), material.options.uncertainty.level);
    let estimates = estimates(&contrast_draws(material, value), level);
    let series = |which: usize| estimates[which * n_steps..(which + 1) * n_steps].to_vec();
    let average = |which: usize| estimates[3 * n_steps + which];
    Contrast {
        quantity: quantity.into(),
        unit: unit.into(),
        correct: series(0),
        not_yet: series(1),
        difference: series(2),
        average: Averages { correct: average(0), not_yet: average(1), difference: average(2) },
    }
}

/// Contrasts as one tidy table; the averages stand in rows without a step.
pub(crate) fn contrast_table<'a>(name: &str, contrasts: impl IntoIterator<Item = &'a Contrast>) -> Table {
    let mut table = Table::of_estimates(
        name,
        &[
            ("quantity", "", "what was measured"),
            ("unit", "", "unit of value, low and high"),
            ("group", "", "correct: t_s <= t; not_yet: t_s > t; difference: correct minus not_yet"),
            ("step", "step, from 0", "step; empty for the mean over the analysed steps with both groups"),
        ],
        ("see column unit", "mean over the images of the group"),
    );
    for contrast in contrasts {
        let averages = contrast.average;
        for (group, series, average) in [
            ("correct", &contrast.correct, averages.correct),
            ("not_yet", &contrast.not_yet, averages.not_yet),
            ("difference", &contrast.difference, averages.difference),
        ] {
            let keys = |step: Option<usize>| {
                vec![
                    contrast.quantity.as_str().into(),
                    contrast.unit.as_str().into(),
                    group.into(),
                    step.into(),
                ]
            };
            for (step, estimate) in series.iter().enumerate() {
                table.push_estimate(keys(Some(step)), estimate.as_ref());
            }
            table.push_estimate(keys(None), average.as_ref());
        }
    }
    table
}

/// What a contrast of empty groups cannot say.
pub(crate) fn notes(contrast: &Contrast) -> Vec<String> {
    let missing = |series: &Series| series.iter().all(Option::is_none);
    let mut notes = Vec::new();
    if missing(&contrast.correct) {
        notes.push("no image is stably correct: nothing to compare".into());
    } else if missing(&contrast.not_yet) {
        notes.push(
            "every stably correct image is correct from t=0: there is no group of not yet correct ones"
                .into(),
        );
    }
    notes
}
