//! The course of classification: what recurrence does for accuracy, and when images settle.

use super::evidence::{mean_per_image, resampled};
use super::{Entry, Evidence, Rule, Sampling};
use crate::judge::Individual;
use crate::spearman::{correlation, ranks};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        id: "later_steps_classify_better",
        figure: "text",
        wording: "later steps classify better than the first",
        statistic: "accuracy at the last step minus accuracy at the first, over the same images",
        unit: "",
        rule: Rule::Above(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            let rows = individual.material.rows;
            individual.need_steps(2)?;
            let last = rows.n_steps() - 1;
            let right = |image: usize, step: usize| {
                f64::from(u8::from(rows.answers[[image, step]] == rows.labels[image]))
            };
            let values: Vec<(usize, f64)> =
                (0..rows.n_images()).map(|image| (image, right(image, last) - right(image, 0))).collect();
            mean_per_image(&individual.material, &values).ok_or_else(|| "there are no images".into())
        },
    },
    Entry {
        id: "most_are_right_at_once",
        figure: "2A",
        wording: "most stably correct images are correct from the first step",
        statistic: "share of stably correct images whose stable step is 0",
        unit: "",
        rule: Rule::Above(0.5),
        sampling: Sampling::Images,
        evidence: |individual| {
            let groups = individual.members()?;
            let draws = resampled(&individual.material, groups.len(), |weights| {
                let total: f64 = groups.iter().map(|&(image, _)| weights[image]).sum();
                let at_once = groups.iter().filter(|member| member.1 == 0).map(|&(image, _)| weights[image]);
                (total > 0.0).then(|| at_once.sum::<f64>() / total)
            });
            draws.map(Evidence::of).ok_or_else(Individual::nobody)
        },
    },
    Entry {
        id: "fewer_settle_later",
        figure: "2A",
        wording: "the later the step, the fewer images settle at it",
        statistic: "Spearman's correlation of a step with the number of images that settle on their class there",
        unit: "",
        rule: Rule::Below(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            let groups = individual.members()?;
            // The minimum run of two keeps the last step empty.
            let n = individual.material.rows.n_steps() - 1;
            if n < 4 {
                return Err("with so few steps there are no numbers to rank".into());
            }
            let steps: Vec<f64> = (0..n).map(|step| step as f64).collect();
            let draws = resampled(&individual.material, groups.len(), |weights| {
                let mut counts = vec![0.0; n];
                groups
                    .iter()
                    .filter(|member| member.1 < n)
                    .for_each(|&(image, s)| counts[s] += weights[image]);
                correlation(&ranks(&steps), &ranks(&counts))
            });
            draws.map(Evidence::of).ok_or_else(|| "as many images settle at every step".into())
        },
    },
];
