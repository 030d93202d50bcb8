//! Figure 7: left running, a network comes to rest, and does not forget what it knew.

use super::evidence::{mean_per_image, resampled};
use super::{Entry, Evidence, Found, Rule, Sampling};
use crate::Material;
use crate::convergence::FLOOR;
use crate::judge::Individual;
use crate::rows::Rows;

/// Steps without which nothing can be said about rest: four times those of training.
pub(crate) const LONG: usize = 40;
/// The step of training's end, from 0.
const TRAINED: usize = 9;
/// Relative changes fall below a hundredth.
const TWO_ORDERS: f64 = -2.0;
/// Accuracy may fall by six parts in a hundred of what it was.
const ALLOWED_LOSS: f64 = 0.06;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        id: "comes_to_rest",
        figure: "7",
        wording: "left running, representations change by less than a hundredth of their length a step",
        statistic: "mean over images of log10 of the change over the last step relative to the norm before it",
        unit: "log10",
        rule: Rule::Below(TWO_ORDERS),
        sampling: Sampling::Images,
        evidence: |individual| {
            let long = individual.long(LONG)?;
            at_rest(long, long.rows)
        },
    },
    Entry {
        id: "keeps_slowing",
        figure: "7",
        wording: "the relative change goes on falling after the steps of training",
        statistic: "mean over images of log10 of the relative change, last step minus the step after training's end",
        unit: "log10",
        rule: Rule::Below(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            let long = individual.long(LONG)?;
            let last = long.rows.n_steps() - 2;
            let fall = |image: usize| {
                Some(log_change(long.rows, image, last)? - log_change(long.rows, image, TRAINED)?)
            };
            let values: Vec<(usize, f64)> =
                (0..long.rows.n_images()).filter_map(|image| Some((image, fall(image)?))).collect();
            mean_per_image(long, &values).ok_or_else(|| "no image has a relative change".into())
        },
    },
    Entry {
        id: "accuracy_lasts",
        figure: "7",
        wording: "accuracy beyond training never falls by more than 6 % of what it was at its end",
        statistic: "lowest accuracy after the tenth step over accuracy at the tenth, minus 1",
        unit: "",
        rule: Rule::Above(-ALLOWED_LOSS),
        sampling: Sampling::Images,
        evidence: accuracy_lasts,
    },
    Entry {
        id: "untrained_rests_too",
        figure: "7",
        wording: "the untrained network comes to rest as well",
        statistic: "as comes_to_rest, in the untrained network",
        unit: "log10",
        rule: Rule::Below(TWO_ORDERS),
        sampling: Sampling::Images,
        evidence: |individual| {
            let long = individual.long(LONG)?;
            let (_, untrained) = long.untrained.ok_or("no untrained twin was unrolled for as long")?;
            at_rest(long, untrained)
        },
    },
];

/// `log10(‖r(t+1) − r(t)‖ / ‖r(t)‖)`, not below what f32 can tell; `None` at the origin.
pub(crate) fn log_change(rows: &Rows, image: usize, step: usize) -> Option<f64> {
    let (change, norm) = (rows.changes[[image, step]], rows.norms[[image, step]]);
    (norm > 0.0).then(|| if change > 0.0 { (change / norm).log10().max(FLOOR) } else { FLOOR })
}

fn at_rest(long: &Material, rows: &Rows) -> Found {
    let last = rows.n_steps() - 2;
    let values: Vec<(usize, f64)> =
        (0..rows.n_images()).filter_map(|image| Some((image, log_change(rows, image, last)?))).collect();
    // A logarithm has no natural zero: flipping its sign would test nothing.
    let found = mean_per_image(long, &values).ok_or("all representations lie at the origin")?;
    Ok(Evidence::of(found.draws))
}

fn accuracy_lasts(individual: &Individual) -> Found {
    let long = individual.long(LONG)?;
    let rows = long.rows;
    let draws = resampled(long, rows.n_images(), |weights| {
        let mut right = vec![0.0; rows.n_steps()];
        for (image, &weight) in weights.iter().enumerate() {
            for (right, &answer) in right.iter_mut().zip(rows.answers(image)) {
                *right += weight * f64::from(u8::from(answer == rows.labels[image]));
            }
        }
        let lowest = right[TRAINED + 1..].iter().copied().fold(f64::INFINITY, f64::min);
        (right[TRAINED] > 0.0).then(|| lowest / right[TRAINED] - 1.0)
    });
    draws.map(Evidence::of).ok_or_else(|| "no image is right at the tenth step".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close};
    use crate::judge::individual;

    fn found(fixture: &Fixture, id: &str) -> Result<f64, String> {
        let entry = ENTRIES.iter().find(|entry| entry.id == id).unwrap();
        let mut value = Err(String::new());
        individual(fixture, |individual| {
            value = (entry.evidence)(individual).map(|evidence| evidence.draws.value);
        });
        value
    }

    #[test]
    fn effects_are_those_of_a_plain_loop() {
        let fixture = Fixture::random(60, 44);
        let mean = |of: &dyn Fn(usize) -> f64| (0..60).map(of).sum::<f64>() / 60.0;
        let q = |n: usize, t: usize| (fixture.change(n, t) / fixture.norm(n, t)).log10();
        close(found(&fixture, "comes_to_rest").unwrap(), mean(&|n| q(n, 42)));
        close(found(&fixture, "keeps_slowing").unwrap(), mean(&|n| q(n, 42) - q(n, 9)));
        let twin = fixture.twin();
        close(
            found(&fixture, "untrained_rests_too").unwrap(),
            mean(&|n| (twin.change(n, 42) / twin.norm(n, 42)).log10()),
        );
        let right = |t: usize| (0..60).filter(|&n| fixture.argmax(n, t) == fixture.labels[n]).count() as f64;
        let lowest = (10..44).map(right).fold(f64::INFINITY, f64::min);
        close(found(&fixture, "accuracy_lasts").unwrap(), lowest / right(9) - 1.0);
    }

    #[test]
    fn too_few_steps_decide_nothing_and_say_how_many_it_takes() {
        let reason = found(&Fixture::random(60, 10), "comes_to_rest").unwrap_err();
        assert_eq!(reason, "unrolled for 10 steps; this takes at least 40");
    }
}
