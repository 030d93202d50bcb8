//! Images that are correct by now against images that will be.

use serde::{Deserialize, Serialize};

use crate::resample::{Draws, draws, mean};
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
        let images = self.members.iter().map(|&(image, _)| image);
        let all = images.flat_map(|image| (0..self.n_steps).map(move |step| (image, step)));
        let (values, present) =
            all.map(|(image, step)| value(image, step).map_or((0.0, 0.0), |value| (value, 1.0))).unzip();
        Values { values, present }
    }

    /// Per step: mean of the correct, of the not yet, and their difference; then the same
    /// three averaged over the analysed steps where both groups hold images.
    pub(crate) fn statistics(&self, weights: &[f64], values: &Values) -> Vec<Option<f64>> {
        let n_steps = self.n_steps;
        let (mut totals, mut counts) = (vec![0.0; 2 * n_steps], vec![0.0; 2 * n_steps]);
        let rows = values.values.chunks_exact(n_steps).zip(values.present.chunks_exact(n_steps));
        for (&(image, stable), (values, present)) in self.members.iter().zip(rows) {
            let weight = weights[image];
            if weight == 0.0 {
                continue;
            }
            for step in 0..n_steps {
                let group = if step < stable { n_steps } else { 0 };
                totals[group + step] += weight * values[step];
                counts[group + step] += weight * present[step];
            }
        }
        let mean_of = |(&total, &count): (&f64, &f64)| (count > 0.0).then(|| total / count);
        let mut means: Vec<Option<f64>> = totals.iter().zip(&counts).map(mean_of).collect();
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
        let present = |member: usize, step: usize| values.present[member * n_steps + step] > 0.0;
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

/// A quantity of the members of [`Groups`]: `[member, step]`, flat.
pub(crate) struct Values {
    /// 0 where there is none.
    values: Vec<f64>,
    /// 1 where there is a value, else 0.
    present: Vec<f64>,
}

/// The statistics of [`Groups::statistics`] of a quantity given per image and step, resampled.
pub(crate) fn contrast_draws(
    material: &Material,
    value: impl Fn(usize, usize) -> Option<f64>,
) -> Vec<Option<Draws>> {
    let groups = Groups::new(material);
    let values = groups.gather(value);
    let sizes = groups.sizes(&values);
    draws(&material.rows.labels, &material.options.uncertainty, &sizes, |weights| {
        groups.statistics(weights, &values)
    })
}

/// Contrast a quantity, given per image and step, between the two groups.
pub(crate) fn contrast(
    material: &Material,
    (quantity, unit): (&str, &str),
    value: impl Fn(usize, usize) -> Option<f64>,
) -> Contrast {
    let (n_steps, level) = (material.rows.n_steps(), material.options.uncertainty.level);
    let estimates: Series =
        contrast_draws(material, value).iter().map(|draws| Some(draws.as_ref()?.estimate(level))).collect();
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
