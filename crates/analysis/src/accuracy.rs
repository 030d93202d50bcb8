//! How often the network is right, step by step.

use serde::{Deserialize, Serialize};

use crate::resample::bootstrap;
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Series};

/// A step and what was found there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEstimate {
    /// Step, from 0.
    pub step: usize,
    /// What was found.
    pub estimate: Estimate,
}

/// How often the network is right.
///
/// `acc(t) = mean_n [c_n(t) = y_n]`, with `c_n(t)` the first class of largest logit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Share of images classified correctly, per step.
    pub per_step: Series,
    /// The step of highest accuracy (the first, if tied). Chosen after the fact: slightly
    /// optimistic.
    pub best: StepEstimate,
    /// The last step.
    pub last: StepEstimate,
    /// Accuracy at the last step minus accuracy at the first, over the same images.
    pub gain: Option<Estimate>,
    /// Accuracy of guessing: 1 / number of classes.
    pub chance: f64,
}

impl Analysis for Accuracy {
    const NAME: &'static str = "accuracy";
    const TITLE: &'static str = "Accuracy over steps";
    const SUMMARY: &'static str = "share of images classified correctly at each step";
    const DESCRIPTION: &'static str = "At each step the network's answer is the class of the largest logit (the \
        first of them, if tied). Accuracy is the share of images whose answer is their true class.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), section 3";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let rows = material.rows;
        let (n_images, n_steps) = (rows.n_images(), rows.n_steps());
        let sizes = vec![n_images; n_steps + 1];
        let mut right = Sums::new(n_steps);
        for image in 0..n_images {
            for (step, &answer) in rows.answers(image).iter().enumerate() {
                right.add(image, step, f64::from(u8::from(answer == rows.labels[image])));
            }
        }
        // A replicate has as many images as there are.
        let estimates = bootstrap(material.replicates(), &sizes, right, |right| {
            let shares = right.iter().map(|right| right / n_images as f64);
            let gain = (right[n_steps - 1] - right[0]) / n_images as f64;
            shares.chain([gain]).map(Some).collect()
        });
        let per_step: Series = estimates[..n_steps].to_vec();
        let known = |step: usize| per_step[step].map(|estimate| StepEstimate { step, estimate });
        let empty = || Error::Empty { trajectories: rows.name.clone(), what: "images" };
        let best = (0..n_steps)
            .filter_map(known)
            .reduce(|best, next| if next.estimate.value > best.estimate.value { next } else { best })
            .ok_or_else(empty)?;
        let last = known(n_steps - 1).ok_or_else(empty)?;
        Ok(Self { best, last, gain: estimates[n_steps], chance: 1.0 / rows.n_classes as f64, per_step })
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "accuracy",
            &[("step", "step, from 0", "step")],
            ("", "share of images classified correctly"),
        );
        for (step, estimate) in self.per_step.iter().enumerate() {
            table.push_estimate(vec![step.into()], estimate.as_ref());
        }
        vec![table]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, material};

    #[test]
    fn accuracy_is_the_share_of_right_answers() {
        let fixture = Fixture::random(40, 5);
        material(&fixture, |material| {
            let found = Accuracy::analyse(material).unwrap();
            for step in 0..5 {
                let right = (0..40).filter(|&n| fixture.argmax(n, step) == fixture.labels[n]).count();
                assert_eq!(found.per_step[step].unwrap().value, right as f64 / 40.0);
            }
            let best = found.per_step.iter().map(|e| e.unwrap().value).fold(0.0, f64::max);
            assert_eq!(found.best.estimate.value, best);
            let first = found.per_step.iter().position(|e| e.unwrap().value == best).unwrap();
            assert_eq!(found.best.step, first);
        });
    }
}
