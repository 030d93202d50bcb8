//! Figure 4 and what the text says about a bias in the readout: it hardly matters.

use super::evidence::resampled;
use super::{Entry, Evidence, Found, Rule, Sampling};
use crate::judge::{Individual, norm_of_bias};
use crate::resample::Mean;
use crate::rows::Rows;

/// Accuracies less than two points apart are taken as the same.
const SAME: f64 = 0.02;
/// A bias of less than a tenth of the representations' norm is taken as small.
const SMALL: f64 = 0.1;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        id: "bias_bends_zones_near_origin",
        figure: "4",
        wording: "a bias changes the zones of short representations more than those of long ones",
        statistic: "share of answers that change when the trained bias is removed: image-steps shorter than the \
                    median minus longer ones",
        unit: "",
        rule: Rule::Above(0.0),
        sampling: Sampling::Images,
        evidence: bends_near_origin,
    },
    Entry {
        id: "bias_gains_nothing",
        figure: "4",
        wording: "a network with a bias in its readout is as accurate as one without",
        statistic: "highest accuracy over steps, with a bias minus without",
        unit: "",
        rule: Rule::Within(SAME),
        sampling: Sampling::Images,
        evidence: |individual| {
            let with = individual.with_bias()?;
            best_minus_best(individual, with, individual.material.rows)
        },
    },
    Entry {
        id: "bias_can_be_removed",
        figure: "4",
        wording: "taking the bias away after training changes accuracy by nothing that matters",
        statistic: "highest accuracy over steps, bias removed minus kept",
        unit: "",
        rule: Rule::Within(SAME),
        sampling: Sampling::Images,
        evidence: |individual| {
            best_minus_best(individual, individual.bias_removed()?, individual.with_bias()?)
        },
    },
    Entry {
        id: "bias_is_short",
        figure: "4",
        wording: "the bias is short beside the representations",
        statistic: "length of the bias vector over the mean norm of representations",
        unit: "",
        rule: Rule::Below(SMALL),
        sampling: Sampling::Images,
        evidence: |individual| {
            let rows = individual.with_bias()?;
            let length = norm_of_bias(individual).ok_or("the network has no bias in its readout")?;
            let draws = resampled(&individual.material, rows.n_images(), |weights| {
                let mut mean = Mean::default();
                for (norms, &weight) in rows.norms.rows().into_iter().zip(weights) {
                    norms.iter().for_each(|&norm| mean.add(norm, weight));
                }
                mean.value().filter(|&mean| mean > 0.0).map(|mean| length / mean)
            });
            draws.map(Evidence::of).ok_or_else(|| "all representations lie at the origin".into())
        },
    },
];

/// Highest accuracy over steps of one network minus that of another.
fn best_minus_best(individual: &Individual, one: &Rows, other: &Rows) -> Found {
    let best = |rows: &Rows, weights: &[f64]| {
        let mut right = vec![0.0; rows.n_steps()];
        for (image, &weight) in weights.iter().enumerate() {
            let answers = rows.answers(image).iter().zip(&mut right);
            answers.for_each(|(&answer, right)| {
                *right += weight * f64::from(u8::from(answer == rows.labels[image]));
            });
        }
        right.into_iter().fold(0.0, f64::max) / weights.iter().sum::<f64>()
    };
    let n = individual.material.rows.n_images();
    let draws = resampled(&individual.material, n, |weights| Some(best(one, weights) - best(other, weights)));
    draws.map(Evidence::of).ok_or_else(|| "there are no images".into())
}

fn bends_near_origin(individual: &Individual) -> Found {
    let (with, without) = (individual.with_bias()?, individual.bias_removed()?);
    let mut norms: Vec<f64> = with.norms.iter().copied().collect();
    norms.sort_unstable_by(f64::total_cmp);
    let median = norms[norms.len() / 2];
    let changed: Vec<(usize, bool, f64)> = with
        .norms
        .indexed_iter()
        .map(|((image, step), &norm)| {
            let changed = with.answers[[image, step]] != without.answers[[image, step]];
            (image, norm < median, f64::from(u8::from(changed)))
        })
        .collect();
    let draws = resampled(&individual.material, with.n_images(), |weights| {
        let (mut short, mut long) = (Mean::default(), Mean::default());
        for &(image, is_short, changed) in &changed {
            if is_short { &mut short } else { &mut long }.add(changed, weights[image]);
        }
        Some(short.value()? - long.value()?)
    });
    draws.map(Evidence::of).ok_or_else(|| "all representations have the same norm".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close};
    use crate::judge::individual_with_bias;

    #[test]
    fn effects_are_those_of_a_plain_loop() {
        let fixture = Fixture::random(90, 5);
        individual_with_bias(&fixture, |individual, biased| {
            let value = |id: &str| {
                let entry = ENTRIES.iter().find(|entry| entry.id == id).unwrap();
                (entry.evidence)(individual).unwrap().draws.value
            };
            let accuracy = |fixture: &Fixture, t: usize| {
                (0..90).filter(|&n| fixture.argmax(n, t) == fixture.labels[n]).count() as f64 / 90.0
            };
            let best = |fixture: &Fixture| (0..5).map(|t| accuracy(fixture, t)).fold(0.0, f64::max);
            // Without its bias the readout is the fixture's own.
            close(value("bias_gains_nothing"), best(biased) - best(&fixture));
            close(value("bias_can_be_removed"), best(&fixture) - best(biased));
            let bias = biased.readout().bias.as_ref().unwrap();
            let length = bias.iter().map(|&b| f64::from(b).powi(2)).sum::<f64>().sqrt();
            let norms: Vec<f64> =
                (0..90).flat_map(|n| (0..5).map(move |t| (n, t))).map(|(n, t)| fixture.norm(n, t)).collect();
            close(value("bias_is_short"), length / (norms.iter().sum::<f64>() / 450.0));
            let mut sorted = norms.clone();
            sorted.sort_by(f64::total_cmp);
            let (mut short, mut long) = (Vec::new(), Vec::new());
            for n in 0..90 {
                for t in 0..5 {
                    let changed = fixture.argmax(n, t) != biased.argmax(n, t);
                    if norms[5 * n + t] < sorted[225] { &mut short } else { &mut long }
                        .push(f64::from(u8::from(changed)));
                }
            }
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            close(value("bias_bends_zones_near_origin"), mean(&short) - mean(&long));
        });
    }
}
