//! What spans networks: some compact, others expand; some shift, others stay; and what of their
//! making goes with orthogonality.

use serde::{Deserialize, Serialize};

use super::geometry::{StageGeometry, together};
use super::{Claim, Rule, Sampling, Verdict};
use crate::categories::Stage;
use crate::resample::Draws;
use crate::seeds::over_seeds;
use crate::table::Table;
use crate::{Estimate, Uncertainty};

/// A network, over its seeds.
pub(crate) struct Family<'a> {
    pub(crate) name: String,
    /// How it is made: factor and level.
    pub(crate) factors: Vec<(String, String)>,
    /// Categories under each seed.
    pub(crate) seeds: Vec<&'a super::Geometry>,
}

/// Prototypes that shift by less stay where they are.
const STAYS: f64 = 0.1;
/// Half of the variance.
const PREDICTS: f64 = 0.5;

impl Family<'_> {
    /// Raw distances between prototypes after, mean over seeds, condensed; `None` where a prototype
    /// is zero.
    pub(crate) fn rdm(&self, stage: Stage) -> Option<Vec<f64>> {
        let seeds: Option<Vec<&Vec<f64>>> =
            self.seeds.iter().map(|seed| seed.stage(stage)?.rdm.as_ref()).collect();
        let seeds = seeds.filter(|seeds| !seeds.is_empty())?;
        let mean = |pair: usize| seeds.iter().map(|rdm| rdm[pair]).sum::<f64>() / seeds.len() as f64;
        Some((0..seeds[0].len()).map(mean).collect())
    }

    /// Mean over seeds of something at a stage.
    fn mean(
        &self,
        stage: Stage,
        of: impl Fn(&StageGeometry) -> Option<&Draws>,
        uncertainty: &Uncertainty,
    ) -> Option<Draws> {
        let seeds: Option<Vec<&Draws>> = self.seeds.iter().map(|seed| of(seed.stage(stage)?)).collect();
        over_seeds(&seeds?, uncertainty)
    }
}

/// Everything the second paper says across networks.
pub(crate) fn across(families: &[Family], uncertainty: &Uncertainty) -> Vec<Claim> {
    let local =
        |family: &Family| family.mean(Stage::Feature, |found| found.cluster_percent.as_ref(), uncertainty);
    let shift = |family: &Family| family.mean(Stage::Feature, |found| found.shift.as_ref(), uncertainty);
    let of = |what: &dyn Fn(&Family) -> Option<Draws>| -> Vec<(String, Draws)> {
        families.iter().filter_map(|family| Some((family.name.clone(), what(family)?))).collect()
    };
    let (locals, shifts) = (of(&local), of(&shift));
    let both: Vec<(String, Draws, Draws)> = families
        .iter()
        .filter_map(|family| Some((family.name.clone(), local(family)?, shift(family)?)))
        .collect();
    vec![
        on_both_sides(
            (
                "compact_or_expand",
                "local geometry",
                "some networks make categories more compact, others less",
            ),
            ("cluster change of each network at the features: some whole intervals below 0, some above", "%"),
            (&locals, 0.0, ["compact", "expand"]),
            uncertainty,
        ),
        on_both_sides(
            (
                "stay_or_shift",
                "global geometry",
                "in some networks prototypes stay where they are, in others they shift",
            ),
            (
                "prototype shift of each network at the features: some whole intervals below 0.1, some above",
                "1 - cosine",
            ),
            (&shifts, STAYS, ["stay", "shift"]),
            uncertainty,
        ),
        apart(&both, uncertainty),
        super::agreement::agreement(families, uncertainty),
        no_factor(&factors(families, uncertainty)),
    ]
}

fn claim(
    (id, figure, wording): (&str, &str, &str),
    (statistic, unit): (&str, &str),
    (verdict, reason): (Verdict, String),
) -> Claim {
    Claim {
        id: id.into(),
        figure: figure.into(),
        wording: wording.into(),
        statistic: statistic.into(),
        unit: unit.into(),
        rule: Rule::Every,
        effect: None,
        sampling: Sampling::Images,
        by_seed: Vec::new(),
        p: None,
        verdict,
        reason: Some(reason),
    }
}

/// Holds if some networks lie wholly below a bound and others wholly above; reversed if all of
/// several lie on one side.
fn on_both_sides(
    names: (&str, &str, &str),
    statistic: (&str, &str),
    (found, bound, words): (&[(String, Draws)], f64, [&str; 2]),
    uncertainty: &Uncertainty,
) -> Claim {
    let side = |wanted: Rule| -> Vec<&str> {
        let inside = |draws: &Draws| {
            draws.estimate(uncertainty.level).interval().is_some_and(|i| wanted.verdict(i) == Verdict::Holds)
        };
        found.iter().filter(|(_, draws)| inside(draws)).map(|(name, _)| name.as_str()).collect()
    };
    let (below, above) = (side(Rule::Below(bound)), side(Rule::Above(bound)));
    let listed = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let verdict = match (below.len(), above.len()) {
        (1.., 1..) => Verdict::Holds,
        (one, 0) | (0, one) if one == found.len() && one > 1 => Verdict::Reversed,
        _ => Verdict::Undecided,
    };
    let reason = format!("{}: {}; {}: {}", words[0], listed(&below), words[1], listed(&above));
    claim(names, statistic, (verdict, reason))
}

/// Whether there are two networks of which one changes more locally and the other more globally.
fn apart(found: &[(String, Draws, Draws)], uncertainty: &Uncertainty) -> Claim {
    let names = (
        "local_global_apart",
        "local and global",
        "what changes around prototypes does not follow what changes between them",
    );
    let statistic = (
        "pairs of networks: one has the larger cluster change (size, in percent), the other the larger prototype \
         shift, both differences with whole intervals",
        "",
    );
    let sign = |draws: Draws| {
        let interval = draws.estimate(uncertainty.level).interval();
        interval.map_or(0, |(low, high)| i8::from(low > 0.0) - i8::from(high < 0.0))
    };
    let (mut against, mut along) = (Vec::new(), 0);
    for (index, (a, local_a, shift_a)) in found.iter().enumerate() {
        for (b, local_b, shift_b) in &found[..index] {
            let local = sign(together(local_a, local_b, |a, b| a.abs() - b.abs()));
            let shift = sign(together(shift_a, shift_b, |a, b| a - b));
            match local * shift {
                -1 => against.push(format!("{b} and {a}")),
                1 => along += 1,
                _ => {}
            }
        }
    }
    let n_pairs = found.len() * found.len().saturating_sub(1) / 2;
    let verdict = match (against.len(), along) {
        (1.., _) => Verdict::Holds,
        (0, along) if along == n_pairs && n_pairs > 0 => Verdict::Reversed,
        _ => Verdict::Undecided,
    };
    let told = if against.is_empty() { String::new() } else { format!(" ({})", against.join("; ")) };
    let reason = format!("{} of {n_pairs} pairs{told}; the other way round {along}", against.len());
    claim(names, statistic, (verdict, reason))
}

/// How much of orthogonality goes with one thing about networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// What differs: `loss`.
    pub factor: String,
    /// Level, its networks, and the mean of their `|mean distance − 1|` at the logits.
    pub levels: Vec<(String, Vec<String>, Option<Estimate>)>,
    /// Share of the variance between networks that lies between levels, of the means over seeds.
    pub explained: Option<Estimate>,
}

/// The table of factors against orthogonality: distance from 1 of the mean distance between
/// prototypes at the logits, after.
pub(crate) fn factors(families: &[Family], uncertainty: &Uncertainty) -> Vec<Factor> {
    let gap = |family: &Family| {
        let mean = family.mean(Stage::Decision, |found| found.distance[1].as_ref(), uncertainty)?;
        Some(together(&mean, &mean, |distance, _| (distance - 1.0).abs()))
    };
    let known: Vec<(&Family, Draws)> =
        families.iter().filter_map(|family| Some((family, gap(family)?))).collect();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in families.iter().flat_map(|family| &family.factors) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| factor(name, &known, uncertainty)).collect()
}

fn factor(name: &str, known: &[(&Family, Draws)], uncertainty: &Uncertainty) -> Factor {
    let mut levels: Vec<(&str, Vec<(&str, &Draws)>)> = Vec::new();
    for (family, draws) in known {
        let Some((_, level)) = family.factors.iter().find(|(factor, _)| factor == name) else { continue };
        let member = (family.name.as_str(), draws);
        match levels.iter_mut().find(|(known, _)| known == level) {
            Some((_, members)) => members.push(member),
            None => levels.push((level, vec![member])),
        }
    }
    let members = || levels.iter().flat_map(|(_, members)| members.iter().map(|(_, draws)| *draws));
    let sizes: Vec<usize> = levels.iter().map(|(_, members)| members.len()).collect();
    // As many levels as networks explain everything, and nothing.
    let told = sizes.len() > 1 && sizes.len() < sizes.iter().sum();
    let explained = combined(&members().collect::<Vec<_>>(), |values| share_between(values, &sizes));
    let level = |(level, members): &(&str, Vec<(&str, &Draws)>)| {
        let draws: Vec<&Draws> = members.iter().map(|(_, draws)| *draws).collect();
        let mean = combined(&draws, |values| Some(values.iter().sum::<f64>() / values.len() as f64));
        let names = members.iter().map(|(name, _)| (*name).to_owned()).collect();
        ((*level).to_owned(), names, mean.map(|draws| draws.estimate(uncertainty.level)))
    };
    Factor {
        factor: name.to_owned(),
        levels: levels.iter().map(level).collect(),
        explained: explained.filter(|_| told).map(|draws| draws.estimate(uncertainty.level)),
    }
}

/// A statistic of several networks, replicate by replicate.
fn combined(draws: &[&Draws], of: impl Fn(&[f64]) -> Option<f64>) -> Option<Draws> {
    let value = of(&draws.iter().map(|draws| draws.value).collect::<Vec<_>>())?;
    let n_replicates = draws.iter().map(|draws| draws.replicates.len()).min()?;
    let replicate =
        |b: usize| of(&draws.iter().map(|draws| draws.replicates[b]).collect::<Option<Vec<f64>>>()?);
    let n = draws.iter().map(|draws| draws.n).min()?;
    Some(Draws { value, n, replicates: (0..n_replicates).map(replicate).collect() })
}

/// Sum of squares between groups of these sizes over that of all: `η²`.
fn share_between(values: &[f64], sizes: &[usize]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let all = mean(values);
    let total: f64 = values.iter().map(|value| (value - all).powi(2)).sum();
    let (mut between, mut rest) = (0.0, values);
    for &size in sizes {
        let (own, others) = rest.split_at(size);
        between += size as f64 * (mean(own) - all).powi(2);
        rest = others;
    }
    (total > 0.0).then(|| between / total)
}

/// Whether every factor leaves most of the variance to the others.
fn no_factor(factors: &[Factor]) -> Claim {
    let names = (
        "no_single_factor",
        "orthogonality",
        "no single factor of a network's making predicts how orthogonal categories are",
    );
    let statistic = (
        "share of the variance of |mean distance between prototypes - 1| at the logits that lies between the levels \
         of a factor: below 0.5 for each of them",
        "",
    );
    let told: Vec<(&str, Estimate)> =
        factors.iter().filter_map(|factor| Some((factor.factor.as_str(), factor.explained?))).collect();
    let verdicts: Vec<Verdict> = told
        .iter()
        .map(|(_, explained)| {
            explained.interval().map_or(Verdict::Undecided, |i| Rule::Below(PREDICTS).verdict(i))
        })
        .collect();
    let verdict = if verdicts.contains(&Verdict::Reversed) {
        Verdict::Reversed
    } else if !verdicts.is_empty() && verdicts.iter().all(|&verdict| verdict == Verdict::Holds) {
        Verdict::Holds
    } else {
        Verdict::Undecided
    };
    let one = |(name, explained): &(&str, Estimate)| {
        let interval =
            explained.interval().map_or_else(String::new, |(low, high)| format!(" [{low:.2}, {high:.2}]"));
        format!("{name}: {:.2}{interval}", explained.value)
    };
    let reason = if told.is_empty() {
        "no factor has several levels and fewer of them than there are networks".to_owned()
    } else {
        told.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    claim(names, statistic, (verdict, reason))
}

/// The factors as a tidy table.
pub fn factors_table(factors: &[Factor]) -> Table {
    let mut table = Table::of_estimates(
        "factors",
        &[
            ("factor", "", "what differs between networks"),
            ("level", "", "how; empty for the share of variance between levels"),
            ("networks", "", "networks of this level"),
            (
                "quantity",
                "",
                "gap: |mean distance between prototypes - 1| at the logits; explained: share of the variance of it between levels",
            ),
        ],
        ("1 - cosine for gap", "mean over networks, each the mean over its seeds"),
    );
    for factor in factors {
        for (level, networks, gap) in &factor.levels {
            let keys = vec![
                factor.factor.as_str().into(),
                level.as_str().into(),
                networks.join(", ").as_str().into(),
                "gap".into(),
            ];
            table.push_estimate(keys, gap.as_ref());
        }
        let keys = vec![factor.factor.as_str().into(), "".into(), "".into(), "explained".into()];
        table.push_estimate(keys, factor.explained.as_ref());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::close;

    const UNCERTAINTY: Uncertainty = Uncertainty { replicates: 40, level: 0.95, seed: 1 };

    fn around(value: f64, spread: f64) -> Draws {
        let replicate = |b: usize| Some(value + spread * (b as f64 / 39.0 - 0.5));
        Draws { value, n: 50, replicates: (0..40).map(replicate).collect() }
    }

    fn named(values: &[(f64, f64)]) -> Vec<(String, Draws)> {
        values
            .iter()
            .enumerate()
            .map(|(at, &(value, spread))| (format!("N{at}"), around(value, spread)))
            .collect()
    }

    #[test]
    fn both_sides_hold_one_side_reverses_and_doubt_leaves_it_open() {
        let of = |values: &[(f64, f64)]| {
            on_both_sides(("", "", ""), ("", ""), (&named(values), 0.0, ["down", "up"]), &UNCERTAINTY)
        };
        let found = of(&[(-5.0, 1.0), (3.0, 1.0), (0.1, 1.0)]);
        assert_eq!((found.verdict, found.reason.unwrap().as_str()), (Verdict::Holds, "down: N0; up: N1"));
        assert_eq!(of(&[(2.0, 1.0), (3.0, 1.0)]).verdict, Verdict::Reversed);
        assert_eq!(of(&[(2.0, 1.0), (0.1, 1.0)]).verdict, Verdict::Undecided);
        assert_eq!(of(&[(2.0, 1.0)]).verdict, Verdict::Undecided);
    }

    #[test]
    fn a_pair_that_crosses_tells_local_from_global() {
        let of = |values: &[(f64, f64)]| {
            let found: Vec<(String, Draws, Draws)> = values
                .iter()
                .enumerate()
                .map(|(at, &(local, shift))| {
                    // Networks that do not vary together.
                    let spread = if at == 0 { 0.1 } else { -0.1 };
                    (format!("N{at}"), around(local, spread), around(shift, 0.01))
                })
                .collect();
            apart(&found, &UNCERTAINTY)
        };
        let crossed = of(&[(11.5, 0.018), (-6.5, 0.3)]);
        assert_eq!(crossed.verdict, Verdict::Holds);
        assert!(crossed.reason.unwrap().starts_with("1 of 1 pairs (N0 and N1)"));
        assert_eq!(
            of(&[(1.0, 0.1), (-5.0, 0.4), (9.0, 0.9)]).verdict,
            Verdict::Reversed,
            "sizes go together"
        );
        assert_eq!(of(&[(1.0, 0.1), (1.01, 0.4)]).verdict, Verdict::Undecided);
    }

    #[test]
    fn the_share_between_levels_is_that_of_an_analysis_of_variance() {
        // Two groups, by hand: all 3, between 2 * 1.5^2 + 1 * 3^2 = 13.5, within 2 * 0.5^2.
        close(share_between(&[1.0, 2.0, 6.0], &[2, 1]).unwrap(), 13.5 / 14.0);
        assert_eq!(share_between(&[1.0, 1.0], &[1, 1]), None);
    }

    #[test]
    fn a_factor_with_a_level_per_network_tells_nothing() {
        let families: Vec<(String, Draws)> = named(&[(0.1, 0.0), (0.2, 0.0), (0.4, 0.0)]);
        let factors_of = |levels: [&str; 3]| {
            let made: Vec<Family> = families
                .iter()
                .zip(levels)
                .map(|((name, _), level)| Family {
                    name: name.clone(),
                    factors: vec![("loss".to_owned(), level.to_owned())],
                    seeds: Vec::new(),
                })
                .collect();
            let known: Vec<(&Family, Draws)> =
                made.iter().zip(&families).map(|(family, (_, draws))| (family, draws.clone())).collect();
            factor("loss", &known, &UNCERTAINTY)
        };
        assert_eq!(factors_of(["a", "b", "c"]).explained, None);
        assert_eq!(factors_of(["a", "a", "a"]).explained, None);
        let two = factors_of(["a", "b", "a"]);
        close(two.explained.unwrap().value, share_between(&[0.1, 0.4, 0.2], &[2, 1]).unwrap());
        close(two.levels[0].2.unwrap().value, 0.25);
        let table = factors_table(&[two]);
        assert_eq!(table.rows.len(), 3);
        assert_eq!(no_factor(&[]).verdict, Verdict::Undecided);
    }
}
