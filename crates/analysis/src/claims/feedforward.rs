//! Figure 6: what a feedforward network makes long, a recurrent one settles quickly.

use super::evidence::{exchanged, resampled};
use super::{Entry, Evidence, Found, Rule, Sampling};
use crate::Control;
use crate::feedforward_norm::{Member, members, statistics};
use crate::judge::Individual;

/// Correlations smaller than this are taken as none.
const NONE: f64 = 0.1;

const STATISTIC: &str = "Spearman's correlation of the control's norm with the stable step, over stably correct \
                         images";

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        id: "longer_is_quicker_bnet",
        figure: "6",
        wording: "images that are long vectors in a trained BNet settle at earlier steps",
        statistic: STATISTIC,
        unit: "",
        rule: Rule::Below(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            correlated(individual, "trained BNet", |c| is(c, "blt") && c.epoch != Some(-1))
        },
    },
    Entry {
        id: "longer_is_quicker_resnet",
        figure: "6",
        wording: "so do images that are long vectors in a trained ResNet-18",
        statistic: STATISTIC,
        unit: "",
        rule: Rule::Below(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            correlated(individual, "trained ResNet", |c| is(c, "resnet") && c.epoch != Some(-1))
        },
    },
    Entry {
        id: "random_bnet_says_nothing",
        figure: "6",
        wording: "lengths in an untrained BNet tell nothing about when images settle",
        statistic: STATISTIC,
        unit: "",
        rule: Rule::Within(NONE),
        sampling: Sampling::Images,
        evidence: |individual| {
            correlated(individual, "untrained BNet", |c| is(c, "blt") && c.epoch == Some(-1))
        },
    },
];

fn is(control: &Control, family: &str) -> bool {
    control.network.starts_with(family)
}

/// The test exchanges stable steps among the images of a class.
fn correlated(individual: &Individual, which: &str, wanted: impl Fn(&Control) -> bool) -> Found {
    let material = &individual.material;
    let control = material
        .controls
        .iter()
        .find(|control| wanted(control))
        .ok_or_else(|| format!("no {which} was given"))?;
    let members = members(control, material);
    let n_steps = material.rows.n_steps();
    let spearman = |members: &[Member], weights: &[f64]| statistics(members, n_steps, weights)[0];
    let draws = resampled(material, members.len(), |weights| spearman(&members, weights))
        .ok_or("all stably correct images settle at the same step")?;
    let images: Vec<usize> = members.iter().map(|member| member.image).collect();
    let steps: Vec<usize> = members.iter().map(|member| member.stable).collect();
    let everyone = vec![1.0; material.rows.n_images()];
    let null = exchanged(material, &images, &steps, |shuffled| {
        let exchanged: Vec<Member> =
            members.iter().zip(shuffled).map(|(&member, &stable)| Member { stable, ..member }).collect();
        spearman(&exchanged, &everyone)
    });
    Ok(Evidence::tested(draws, null))
}
