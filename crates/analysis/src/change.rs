//! How far representations move from one step to the next.

use serde::{Deserialize, Serialize};

use crate::resample::{bootstrap, share};
use crate::rows::Rows;
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Material, Series, counts_by_step};

/// The images that settle at one step, and how far they move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeGroup {
    /// Their stable step.
    pub stable_step: usize,
    /// How many there are.
    pub n: usize,
    /// Mean change from step `t` to `t + 1`, by `t`: `[n_steps − 1]`.
    pub trained: Series,
    /// The same images in the untrained network; absent without it.
    pub untrained: Option<Series>,
}

/// Figure 2A: change per step by stable step.
///
/// `A_s(t) = mean over {n stably correct, t_s(n) = s} of ‖r_n(t+1) − r_n(t)‖₂`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// One group per stable step that occurs.
    pub groups: Vec<ChangeGroup>,
    /// All stably correct images, whatever their stable step.
    pub all: ChangeGroupOfAll,
    /// Name of the untrained twin.
    pub untrained: Option<String>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

/// All stably correct images, and how far they move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeGroupOfAll {
    /// How many there are.
    pub n: usize,
    /// Mean change from step `t` to `t + 1`, by `t`: `[n_steps − 1]`.
    pub trained: Series,
    /// The same images in the untrained network; absent without it.
    pub untrained: Option<Series>,
}

impl Analysis for Change {
    const NAME: &'static str = "change";
    const TITLE: &'static str = "How far representations move";
    const SUMMARY: &'static str =
        "distance between neighbouring steps, by stable step, trained and untrained";
    const DESCRIPTION: &'static str = "The Euclidean distance between an image's representations at step t and \
        t + 1, averaged over the images that settle on their true class at the same step. The untrained network \
        is shown for the same groups of images.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figure 2A";

    fn analyse(material: &Material) -> Result<Self, Error> {
        material.rows.need_steps(Self::NAME, 2)?;
        let n_steps = material.rows.n_steps();
        let counts = counts_by_step(material.outcomes, n_steps);
        let trained = curves(material, material.rows, &counts);
        let untrained = material.untrained.map(|(_, rows)| curves(material, rows, &counts));
        let groups = (0..n_steps)
            .filter(|&step| counts[step] > 0)
            .map(|step| ChangeGroup {
                stable_step: step,
                n: counts[step],
                trained: trained[step].clone(),
                untrained: untrained.as_ref().map(|curves| curves[step].clone()),
            })
            .collect();
        let n = counts.iter().sum();
        let all = ChangeGroupOfAll {
            n,
            trained: trained[n_steps].clone(),
            untrained: untrained.map(|curves| curves[n_steps].clone()),
        };
        let mut notes = Vec::new();
        if n == 0 {
            notes.push("no image is stably correct: there is no group to follow".into());
        }
        if material.untrained.is_none() {
            notes.push("no untrained twin was given".into());
        }
        Ok(Self { groups, all, untrained: material.untrained.map(|(name, _)| name.into()), notes })
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "change",
            &[
                ("weights", "", "trained or untrained network; groups are always those of the trained one"),
                (
                    "stable_step",
                    "step, from 0",
                    "stable step of the group; empty for all stably correct images",
                ),
                ("step", "step, from 0", "t: the change is from t to t + 1"),
            ],
            ("activation", "mean Euclidean distance between the representations at t and t + 1"),
        );
        let mut push = |weights: &str, stable: Option<usize>, series: &Series| {
            for (step, estimate) in series.iter().enumerate() {
                table.push_estimate(vec![weights.into(), stable.into(), step.into()], estimate.as_ref());
            }
        };
        for group in &self.groups {
            push("trained", Some(group.stable_step), &group.trained);
            if let Some(series) = &group.untrained {
                push("untrained", Some(group.stable_step), series);
            }
        }
        push("trained", None, &self.all.trained);
        if let Some(series) = &self.all.untrained {
            push("untrained", None, series);
        }
        vec![table]
    }
}

/// Curves by stable step, and last the curve of all: `[n_steps + 1][n_steps − 1]`.
fn curves(material: &Material, rows: &Rows, counts: &[usize]) -> Vec<Series> {
    let width = rows.n_steps() - 1;
    let all: usize = counts.iter().sum();
    let sizes: Vec<usize> = counts.iter().chain([&all]).flat_map(|&n| vec![n; width]).collect();
    // Per group and last for all: the changes, and the number of images.
    let mut sums = Sums::new((counts.len() + 1) * (width + 1));
    for (image, outcome) in material.outcomes.iter().enumerate() {
        for group in outcome.correct_from().into_iter().flat_map(|stable| [stable, counts.len()]) {
            let values = rows.changes(image).iter().copied().chain([1.0]);
            values.enumerate().for_each(|(at, value)| sums.add(image, group * (width + 1) + at, value));
        }
    }
    let estimates = bootstrap(material.replicates(), &sizes, sums, |sums| {
        let groups = sums.chunks_exact(width + 1);
        groups.flat_map(|group| group[..width].iter().map(|&total| share(total, group[width]))).collect()
    });
    estimates.chunks_exact(width).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StableRule;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn curves_are_those_of_a_plain_loop() {
        let fixture = Fixture::random(80, 6);
        material(&fixture, |material| {
            let found = Change::analyse(material).unwrap();
            let mut total = 0;
            for group in &found.groups {
                let members: Vec<usize> = (0..80)
                    .filter(|&n| {
                        let answers: Vec<usize> = (0..6).map(|t| fixture.argmax(n, t)).collect();
                        let outcome = StableRule::default().outcome(&answers, fixture.labels[n]);
                        outcome.correct_from() == Some(group.stable_step)
                    })
                    .collect();
                assert_eq!(group.n, members.len());
                total += group.n;
                for step in 0..5 {
                    let plain: f64 = members.iter().map(|&n| fixture.change(n, step)).sum();
                    close(group.trained[step].unwrap().value, plain / members.len() as f64);
                    let twin = fixture.twin();
                    let plain: f64 = members.iter().map(|&n| twin.change(n, step)).sum();
                    let series = group.untrained.as_ref().unwrap();
                    close(series[step].unwrap().value, plain / members.len() as f64);
                }
            }
            assert!(found.groups.len() > 2 && total == found.all.n);
        });
    }
}
