//! Whether images that a recurrent network settles on early are long vectors for a feedforward one.

use serde::{Deserialize, Serialize};

use crate::estimate::quantile;
use crate::resample::{Mean, draws_by_weights, estimates};
use crate::table::Table;
use crate::{Analysis, Control, Error, Estimate, Material, Role, counts_by_step};

/// The images that settle at one step, and how long a control's representations of them are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormGroup {
    /// Stable step in the recurrent network.
    pub stable_step: usize,
    /// Mean norm in the control.
    pub norm: Option<Estimate>,
    /// Lower quartile, median and upper quartile over the images of the group.
    pub quartiles: [f64; 3],
}

/// One control's norms against the stable steps of the recurrent network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlNorm {
    /// Short name of the control.
    pub name: String,
    /// The control, as its card names it.
    pub network: String,
    /// Training epoch of its weights; −1 is an untrained control.
    pub epoch: Option<i64>,
    /// Spearman's rank correlation; ties share their mean rank.
    pub spearman: Option<Estimate>,
    /// Pearson's correlation.
    pub pearson: Option<Estimate>,
    /// One group per stable step that occurs.
    pub groups: Vec<NormGroup>,
}

/// Figure 6: `‖r_n^FF‖₂` of feedforward controls against `t_s(n)`, over stably correct images.
///
/// # Limits
/// Most images are stable from the start, so that a few late ones decide both correlations:
/// look at the means of the groups as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedforwardNorm {
    /// Number of stably correct images.
    pub n: usize,
    /// One per control.
    pub controls: Vec<ControlNorm>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for FeedforwardNorm {
    const NAME: &'static str = "feedforward_norm";
    const TITLE: &'static str = "Early images are long vectors elsewhere";
    const SUMMARY: &'static str = "norms in feedforward controls against the stable step of the same images";
    const DESCRIPTION: &'static str = "For images that the recurrent network becomes correct on for good, the \
        length of a feedforward network's representation of the same image is set against the stable step: rank \
        and product-moment correlation, and the mean length of the images that settle at each step.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figure 6, whose caption \
        (quicker with higher norm) is followed where the text contradicts it";

    fn analyse(material: &Material) -> Result<Self, Error> {
        if material.controls.is_empty() {
            let trajectories = material.rows.name.clone();
            let role = Role::FeedforwardControl;
            return Err(Error::CompanionAbsent { trajectories, analysis: Self::NAME, role });
        }
        let counts = counts_by_step(material.outcomes, material.rows.n_steps());
        let n = counts.iter().sum();
        let mut notes = Vec::new();
        let n_groups = counts.iter().filter(|&&count| count > 0).count();
        if n_groups == 0 {
            notes.push("no image is stably correct: there is nothing to correlate".into());
        } else if n_groups == 1 {
            notes.push("all stably correct images settle at the same step: no correlation exists".into());
        }
        let controls = material.controls.iter().map(|control| of(control, material, &counts)).collect();
        Ok(Self { n, controls, notes })
    }

    fn tables(&self) -> Vec<Table> {
        let key = ("control", "", "short name of the feedforward control");
        let mut correlations = Table::of_estimates(
            "feedforward_norm",
            &[key, ("correlation", "", "spearman (ties share their mean rank) or pearson")],
            ("", "correlation of the control's norm with the stable step, over stably correct images"),
        );
        let mut groups = Table::of_estimates(
            "feedforward_norm_groups",
            &[
                key,
                ("stable_step", "step, from 0", "stable step in the recurrent network"),
                ("lower_quartile", "activation", "over the images of the group"),
                ("median", "activation", "over the images of the group"),
                ("upper_quartile", "activation", "over the images of the group"),
            ],
            ("activation", "mean norm of the control's representations of the group's images"),
        );
        for control in &self.controls {
            for (words, estimate) in [("spearman", &control.spearman), ("pearson", &control.pearson)] {
                correlations
                    .push_estimate(vec![control.name.as_str().into(), words.into()], estimate.as_ref());
            }
            for group in &control.groups {
                let [lower, median, upper] = group.quartiles;
                let keys = vec![
                    control.name.as_str().into(),
                    group.stable_step.into(),
                    lower.into(),
                    median.into(),
                    upper.into(),
                ];
                groups.push_estimate(keys, group.norm.as_ref());
            }
        }
        vec![correlations, groups]
    }
}

/// A stably correct image.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    pub(crate) image: usize,
    pub(crate) stable: usize,
    pub(crate) norm: f64,
}

/// The stably correct images in the order of the control's norms, so that ranks under any weights
/// are one walk away.
pub(crate) fn members(control: &Control, material: &Material) -> Vec<Member> {
    let stable = |(image, outcome): (usize, &crate::Outcome)| Some((image, outcome.correct_from()?));
    let mut members: Vec<Member> = material
        .outcomes
        .iter()
        .enumerate()
        .filter_map(stable)
        .map(|(image, stable)| Member { image, stable, norm: control.rows.norms[[image, 0]] })
        .collect();
    members.sort_by(|a, b| a.norm.total_cmp(&b.norm).then(a.image.cmp(&b.image)));
    members
}

fn of(control: &Control, material: &Material, counts: &[usize]) -> ControlNorm {
    let members = members(control, material);
    let n = members.len();
    let sizes: Vec<usize> = [n, n].iter().chain(counts).copied().collect();
    let draws = draws_by_weights(material.replicates(), &sizes, |weights| {
        statistics(&members, counts.len(), weights)
    });
    let estimates = estimates(&draws, material.options.uncertainty.level);
    let quartiles = |step: usize| {
        let norms: Vec<f64> =
            members.iter().filter(|member| member.stable == step).map(|member| member.norm).collect();
        [0.25, 0.5, 0.75].map(|p| quantile(&norms, p))
    };
    ControlNorm {
        name: control.name.clone(),
        network: control.network.clone(),
        epoch: control.epoch,
        spearman: estimates[0],
        pearson: estimates[1],
        groups: (0..counts.len())
            .filter(|&step| counts[step] > 0)
            .map(|step| NormGroup {
                stable_step: step,
                norm: estimates[2 + step],
                quartiles: quartiles(step),
            })
            .collect(),
    }
}

/// Spearman, Pearson, and the mean norm by stable step, with every image counted `weights`
/// times: the same as with the list written out.
pub(crate) fn statistics(members: &[Member], n_steps: usize, weights: &[f64]) -> Vec<Option<f64>> {
    let mut groups = vec![Mean::default(); n_steps];
    let mut by_step = vec![0.0; n_steps];
    for member in members {
        groups[member.stable].add(member.norm, weights[member.image]);
        by_step[member.stable] += weights[member.image];
    }
    // The mean rank of a group of equals that follows `before` others.
    let rank = |before: f64, here: f64| before + f64::midpoint(here, 1.0);
    let mut before = 0.0;
    let step_ranks: Vec<f64> = by_step
        .iter()
        .map(|&here| {
            before += here;
            rank(before - here, here)
        })
        .collect();
    let (mut ranks, mut raw) = (Vec::with_capacity(members.len()), Vec::with_capacity(members.len()));
    let mut before = 0.0;
    for equal in members.chunk_by(|a, b| a.norm == b.norm) {
        let here: f64 = equal.iter().map(|member| weights[member.image]).sum();
        for member in equal {
            let weight = weights[member.image];
            ranks.push((rank(before, here), step_ranks[member.stable], weight));
            raw.push((member.norm, member.stable as f64, weight));
        }
        before += here;
    }
    let correlations = [correlation(&ranks), correlation(&raw)];
    correlations.into_iter().chain(groups.into_iter().map(Mean::value)).collect()
}

/// Pearson's correlation of weighted pairs; `None` where either side is constant.
fn correlation(pairs: &[(f64, f64, f64)]) -> Option<f64> {
    let mut means = [Mean::default(); 2];
    for &(x, y, weight) in pairs {
        means[0].add(x, weight);
        means[1].add(y, weight);
    }
    let (mean_x, mean_y) = (means[0].value()?, means[1].value()?);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for &(x, y, weight) in pairs {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += weight * x * x;
        xy += weight * x * y;
        yy += weight * y * y;
    }
    // Equal values whose mean is rounded leave a residue that must not pass for a spread.
    let n: f64 = pairs.iter().map(|&(_, _, weight)| weight).sum();
    let flat = |square: f64, mean: f64| square <= 1e-20 * mean * mean * n;
    (!flat(xx, mean_x) && !flat(yy, mean_y)).then(|| xy / (xx * yy).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};
    use crate::spearman;

    #[test]
    fn correlations_and_group_means_are_those_of_a_plain_list() {
        let fixture = Fixture::random(160, 6);
        material(&fixture, |material| {
            let found = FeedforwardNorm::analyse(material).unwrap();
            let (mut norms, mut steps) = (Vec::new(), Vec::new());
            for (image, outcome) in material.outcomes.iter().enumerate() {
                if let Some(step) = outcome.correct_from() {
                    norms.push(fixture.control().norm(image, 0));
                    steps.push(step as f64);
                }
            }
            let control = &found.controls[0];
            assert_eq!(found.n, norms.len());
            close(control.pearson.unwrap().value, spearman::correlation(&norms, &steps).unwrap());
            let ranks = spearman::correlation(&spearman::ranks(&norms), &spearman::ranks(&steps));
            close(control.spearman.unwrap().value, ranks.unwrap());
            assert!(control.spearman.unwrap().interval().is_some() && control.groups.len() > 2);
            for group in &control.groups {
                let of_group =
                    norms.iter().zip(&steps).filter(|(_, step)| **step == group.stable_step as f64);
                let members: Vec<f64> = of_group.map(|(norm, _)| *norm).collect();
                assert_eq!(group.norm.unwrap().n, members.len());
                close(group.norm.unwrap().value, members.iter().sum::<f64>() / members.len() as f64);
            }
        });
    }

    #[test]
    fn a_weight_is_as_many_copies() {
        let all = [(0, 2, 1.5), (1, 0, 2.5), (2, 1, 2.5), (3, 1, 4.0), (4, 0, 4.5)];
        let member = |(image, stable, norm)| Member { image, stable, norm };
        let weights = [2.0, 0.0, 3.0, 1.0, 1.0];
        let weighted = statistics(&all.map(member), 3, &weights);
        let copies: Vec<Member> = all
            .into_iter()
            .zip(weights)
            .flat_map(|(one, weight)| vec![member(one); weight as usize])
            .enumerate()
            .map(|(image, member)| Member { image, ..member })
            .collect();
        for (a, b) in weighted.iter().zip(statistics(&copies, 3, &[1.0; 7])) {
            close(a.unwrap(), b.unwrap());
        }
    }

    #[test]
    fn without_a_spread_of_steps_there_is_no_correlation() {
        let equal = [0.1, 0.2, 0.3].map(|norm| Member { image: 0, stable: 1, norm });
        assert_eq!(statistics(&equal, 2, &[1.0])[..2], [None, None]);
    }
}
