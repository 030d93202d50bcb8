//! Figures 2B and 2C: where representations lie that are not correct yet, and where they go.

use super::evidence::{exchanged, mean_per_image};
use super::{Entry, Evidence, Found, Rule, Sampling};
use crate::contrast::{Groups, Values};
use crate::judge::{Individual, NO_PAIR_OF_GROUPS};
use crate::resample::{Draws, mean};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        id: "norm_lower_before",
        figure: "2B",
        wording: "representations not yet correct are shorter",
        statistic: "norm, correct now minus not yet, averaged over steps",
        unit: "activation",
        rule: Rule::Above(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            let rows = individual.material.rows;
            let groups = Groups::new(&individual.material);
            let values = groups.gather(|image, step| Some(rows.norms[[image, step]]));
            contrasted(individual, individual.measures.norm.last(), &groups, &values)
        },
    },
    Entry {
        id: "cosine_lower_before",
        figure: "2B",
        wording: "they are less aligned with the readout vector of the class they are given",
        statistic: "cosine with the answer's readout vector, correct now minus not yet, averaged over steps",
        unit: "",
        rule: Rule::Above(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            let readout = individual.readout()?;
            let groups = Groups::new(&individual.material);
            let values = groups.gather(|image, step| readout.cosine_answer[[image, step]]);
            contrasted(individual, individual.measures.cosine.last(), &groups, &values)
        },
    },
    Entry {
        id: "nearer_to_border_before",
        figure: "2B",
        wording: "they lie nearer to the border of their zone",
        statistic: "distance to leaving the current zone, correct now minus not yet, averaged over steps",
        unit: "activation",
        rule: Rule::Above(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            let readout = individual.readout()?;
            let groups = Groups::new(&individual.material);
            let values = groups.gather(|image, step| readout.margin[[image, step]]);
            contrasted(individual, individual.measures.margin.last(), &groups, &values)
        },
    },
    Entry {
        id: "approaches_own_zone",
        figure: "2C",
        wording: "recurrence carries them towards the zone of their true class before they enter it",
        statistic: "change per step of the signed distance to the true class's zone, over the steps before the one \
                    that ends in the stable step; mean over an image's steps, then over images",
        unit: "activation",
        rule: Rule::Above(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            let depth = &individual.readout()?.depth;
            let values: Vec<(usize, f64)> = individual
                .members()?
                .into_iter()
                .filter(|&(_, stable)| stable >= 2)
                .filter_map(|(image, stable)| {
                    let nearer = |step: usize| Some(depth[[image, step + 1]]? - depth[[image, step]]?);
                    Some((image, mean((0..stable - 1).filter_map(nearer))?))
                })
                .collect();
            mean_per_image(&individual.material, &values)
                .ok_or_else(|| "no image becomes stably correct at t=2 or later".into())
        },
    },
    Entry {
        id: "future_class_shows",
        figure: "2C",
        wording: "before they are correct, representations lean towards their own future class",
        statistic: "cosine with the own class's readout vector minus that with the classes of other images in the \
                    same wrong zone, averaged over steps",
        unit: "",
        rule: Rule::Above(0.0),
        sampling: Sampling::Images,
        evidence: |individual| {
            individual.readout()?;
            let draws = individual.measures.future.last().cloned().flatten();
            draws
                .map(Evidence::of)
                .ok_or_else(|| "no two images of different classes share a wrong zone".into())
        },
    },
];

/// Correct now minus not yet, averaged over steps; the test shuffles stable steps among the
/// stably correct images of each class.
fn contrasted(
    individual: &Individual,
    difference: Option<&Option<Draws>>,
    groups: &Groups,
    values: &Values,
) -> Found {
    let draws = difference.cloned().flatten().ok_or(NO_PAIR_OF_GROUPS)?;
    let (images, steps): (Vec<usize>, Vec<usize>) = groups.members.iter().copied().unzip();
    let null = exchanged(&individual.material, &images, &steps, |shuffled| {
        groups.statistics(&groups.sums_with(shuffled, values)).pop().flatten()
    });
    Ok(Evidence::tested(draws, null))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;
    use crate::claims::decide;
    use crate::fixture::Fixture;
    use crate::judge::individual;

    /// The fixture is made so: representations move from a wrong class's readout vector to
    /// their own's, growing on the way.
    #[test]
    fn what_was_built_in_is_found() {
        let fixture = Fixture::random(400, 6);
        individual(&fixture, |individual| {
            let uncertainty = &individual.material.options.uncertainty;
            for id in ["norm_lower_before", "approaches_own_zone", "future_class_shows"] {
                let entry = ENTRIES.iter().find(|entry| entry.id == id).unwrap();
                let claim = decide(entry, std::slice::from_ref(individual), uncertainty);
                assert_eq!(claim.verdict, Verdict::Holds, "{claim:?}");
                assert_eq!(claim.sampling, Sampling::Images);
                assert!(claim.p.is_none_or(|p| p < 0.05), "{claim:?}");
            }
        });
    }
}
