//! Figure 2A: how much representations move, before and after the answer is right.

use super::evidence::{mean_per_image, resampled};
use super::{Entry, Evidence, Found, Rule, Sampling};
use crate::contrast::Groups;
use crate::judge::{Individual, NO_PAIR_OF_GROUPS};
use crate::resample::{Mean, draws, mean};
use crate::rows::Rows;

/// A change below 1 % of the representation's norm per step is taken as standing still.
const STILL: f64 = 0.01;
/// Amounts of change that differ by less than a tenth are taken as the same.
const SAME: f64 = 0.1;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        id: "keeps_moving",
        figure: "2A",
        wording: "representations keep moving after the answer is correct for good",
        statistic: "change per step from the stable step on, as a share of the norm; mean over an image's steps, \
                    then over stably correct images",
        unit: "",
        rule: Rule::Above(STILL),
        sampling: Sampling::Images,
        evidence: |individual| {
            let rows = individual.material.rows;
            let values: Vec<(usize, f64)> = individual
                .members()?
                .into_iter()
                .filter_map(|(image, stable)| {
                    let steps = stable..rows.n_steps() - 1;
                    Some((image, mean(steps.filter_map(|step| relative_change(rows, image, step)))?))
                })
                .collect();
            // A size is never below zero: flipping its sign would test nothing.
            let found = mean_per_image(&individual.material, &values).ok_or_else(Individual::nobody)?;
            Ok(Evidence::of(found.draws))
        },
    },
    Entry {
        id: "slows_down",
        figure: "2A",
        wording: "they move less and less",
        statistic: "1 - (mean change over the last step) / (mean change over the first), stably correct images",
        unit: "",
        rule: Rule::Above(0.0),
        sampling: Sampling::Images,
        evidence: slows_down,
    },
    Entry {
        id: "regardless_of_correctness",
        figure: "2A",
        wording: "how much they move at a step does not depend on being correct already",
        statistic: "mean change of correct now minus not yet, relative to their mean; averaged over steps",
        unit: "",
        rule: Rule::Within(SAME),
        sampling: Sampling::Images,
        evidence: regardless_of_correctness,
    },
    Entry {
        id: "training_matters",
        figure: "2A",
        wording: "representations of the untrained network move by another amount",
        statistic: "change per step as a share of the norm, trained minus untrained, mean over steps and stably \
                    correct images",
        unit: "",
        rule: Rule::NotZero,
        sampling: Sampling::Images,
        evidence: |individual| {
            let (_, untrained) = individual.material.untrained.ok_or("no untrained twin was given")?;
            let rows = individual.material.rows;
            let motion = |rows: &Rows, image| {
                mean((0..rows.n_steps() - 1).filter_map(|step| relative_change(rows, image, step)))
            };
            let values: Vec<(usize, f64)> = individual
                .members()?
                .into_iter()
                .filter_map(|(image, _)| Some((image, motion(rows, image)? - motion(untrained, image)?)))
                .collect();
            mean_per_image(&individual.material, &values).ok_or_else(Individual::nobody)
        },
    },
];

/// `‖r(t+1) − r(t)‖ / ‖r(t)‖`; `None` at the origin.
fn relative_change(rows: &Rows, image: usize, step: usize) -> Option<f64> {
    let norm = rows.norms[[image, step]];
    (norm > 0.0).then(|| rows.changes[[image, step]] / norm)
}

fn slows_down(individual: &Individual) -> Found {
    let rows = individual.material.rows;
    let members = individual.members()?;
    individual.need_steps(3)?;
    let draws = resampled(&individual.material, members.len(), |weights| {
        let (mut first, mut last) = (Mean::default(), Mean::default());
        for &(image, _) in &members {
            let changes = rows.changes(image);
            first.add(changes[0], weights[image]);
            last.add(changes[changes.len() - 1], weights[image]);
        }
        let shrunk = first.value().zip(last.value()).filter(|&(first, _)| first > 0.0);
        shrunk.map(|(first, last)| 1.0 - last / first)
    });
    draws.map(Evidence::of).ok_or_else(|| "no representation moves over the first step".into())
}

fn regardless_of_correctness(individual: &Individual) -> Found {
    let rows = individual.material.rows;
    let groups = Groups::new(&individual.material);
    let last = rows.n_steps() - 1;
    let changes = groups.gather(|image, step| (step < last).then(|| rows.changes[[image, step]]));
    let smaller = groups.sizes(&changes).pop().unwrap_or(0);
    let draws = draws(individual.material.replicates(), &[smaller], groups.sums(&changes), |sums| {
        let statistics = groups.statistics(sums);
        let [correct, not_yet, difference] = statistics[statistics.len() - 3..] else { return vec![None] };
        let both = correct.zip(not_yet).map(|(a, b)| f64::midpoint(a, b)).filter(|&both| both > 0.0);
        vec![difference.zip(both).map(|(difference, both)| difference / both)]
    });
    draws.into_iter().flatten().next().map(Evidence::of).ok_or_else(|| NO_PAIR_OF_GROUPS.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close};
    use crate::judge::individual;

    fn value(individual: &Individual, id: &str) -> f64 {
        let entry = ENTRIES.iter().find(|entry| entry.id == id).unwrap();
        (entry.evidence)(individual).unwrap().draws.value
    }

    #[test]
    fn effects_are_those_of_a_plain_loop() {
        let fixture = Fixture::random(120, 6);
        individual(&fixture, |individual| {
            let (mut after, mut first, mut last, mut trained) = (Vec::new(), 0.0, 0.0, Vec::new());
            for (n, outcome) in individual.material.outcomes.iter().enumerate() {
                if let Some(stable) = outcome.correct_from() {
                    let share = |t: usize| fixture.change(n, t) / fixture.norm(n, t);
                    after.push((stable..5).map(share).sum::<f64>() / (5 - stable) as f64);
                    first += fixture.change(n, 0);
                    last += fixture.change(n, 4);
                    let twin = fixture.twin();
                    let of_twin = |t: usize| twin.change(n, t) / twin.norm(n, t);
                    trained.push((0..5).map(|t| share(t) - of_twin(t)).sum::<f64>() / 5.0);
                }
            }
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            close(value(individual, "keeps_moving"), mean(&after));
            close(value(individual, "slows_down"), 1.0 - last / first);
            close(value(individual, "training_matters"), mean(&trained));
        });
    }

    #[test]
    fn the_difference_between_correct_and_not_yet_is_that_of_a_plain_loop() {
        let fixture = Fixture::random(120, 6);
        individual(&fixture, |individual| {
            let outcomes = individual.material.outcomes;
            let stable: Vec<(usize, usize)> =
                outcomes.iter().enumerate().filter_map(|(n, o)| Some((n, o.correct_from()?))).collect();
            let window = Groups::new(&individual.material).window;
            let (mut correct, mut not_yet) = (Vec::new(), Vec::new());
            for t in 0..window.min(5) {
                let mean = |now: bool| {
                    let here = stable.iter().filter(|member| (member.1 <= t) == now);
                    let changes: Vec<f64> = here.map(|&(n, _)| fixture.change(n, t)).collect();
                    (!changes.is_empty()).then(|| changes.iter().sum::<f64>() / changes.len() as f64)
                };
                if let (Some(a), Some(b)) = (mean(true), mean(false)) {
                    correct.push(a);
                    not_yet.push(b);
                }
            }
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let (a, b) = (mean(&correct), mean(&not_yet));
            close(value(individual, "regardless_of_correctness"), 2.0 * (a - b) / (a + b));
        });
    }
}
