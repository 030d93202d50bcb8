//! The findings of papers as sentences that data can confirm or contradict.
//!
//! One file per theme. Every entry says beforehand what number decides and where its whole
//! interval must lie; that two things do *not* differ is decided by bounds of equivalence, never
//! by a large p. The entries know nothing of who made the trajectories: they run on any.

mod agreement;
mod bias;
mod course;
mod evidence;
mod families;
mod feedforward;
mod generality;
mod geometry;
mod movement;
mod position;
mod readout;
mod rest;

use serde::{Deserialize, Serialize};

pub(crate) use evidence::Evidence;
pub use families::{Factor, factors_table};
pub(crate) use families::{Family, across, factors};
pub(crate) use generality::generality;
pub(crate) use geometry::Geometry;
pub(crate) use rest::{LONG, log_change};

use crate::judge::{Individual, Paper};
use crate::resample::{Draws, p_value};
use crate::seeds::over_seeds;
use crate::table::Table;
use crate::{Estimate, SMALLEST_GROUP, Uncertainty};

/// When a claim holds. The whole interval must be where the claim says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The effect is above the bound; reversed if it is below.
    Above(f64),
    /// The effect is below the bound; reversed if it is above.
    Below(f64),
    /// The effect lies between −bound and +bound: no difference that matters. Reversed if it
    /// lies wholly outside. With an interval of 95 % this is stricter than two one-sided tests
    /// at 5 %, which ask for 90 %.
    Within(f64),
    /// The effect is not zero, in either direction. Cannot be reversed.
    NotZero,
    /// Every claim it is made of holds; reversed as soon as one of them is.
    Every,
}

impl Rule {
    /// What an interval says about the claim.
    pub fn verdict(self, (low, high): (f64, f64)) -> Verdict {
        let (holds, reversed) = match self {
            Self::Above(bound) => (low > bound, high < bound),
            Self::Below(bound) => (high < bound, low > bound),
            Self::Within(bound) => (low > -bound && high < bound, low > bound || high < -bound),
            Self::NotZero => (low > 0.0 || high < 0.0, false),
            Self::Every => (false, false),
        };
        match (holds, reversed) {
            (true, _) => Verdict::Holds,
            (_, true) => Verdict::Reversed,
            _ => Verdict::Undecided,
        }
    }

    /// Permutation p-value of an effect in the claimed direction, `(b + 1) / (m + 1)`. None for
    /// an equivalence: a large p is no evidence that two things are alike.
    pub(crate) fn p(self, observed: f64, null: &[f64]) -> Option<f64> {
        let mapped = |map: fn(f64) -> f64| {
            let null: Vec<f64> = null.iter().map(|&value| map(value)).collect();
            p_value(map(observed), &null)
        };
        match self {
            Self::Above(_) => p_value(observed, null),
            Self::Below(_) => mapped(|value| -value),
            Self::NotZero => mapped(f64::abs),
            Self::Within(_) | Self::Every => None,
        }
    }
}

/// `above 0.01`, `between -0.1 and 0.1`: where the whole interval must be.
impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Above(bound) => write!(f, "above {bound}"),
            Self::Below(bound) => write!(f, "below {bound}"),
            Self::Within(bound) => write!(f, "between -{bound} and {bound}"),
            Self::NotZero => f.write_str("on one side of 0"),
            Self::Every => f.write_str("every part holds"),
        }
    }
}

/// What these data say about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As claimed.
    Holds,
    /// The contrary.
    Reversed,
    /// Neither, with these data.
    Undecided,
}

impl Verdict {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Reversed => "reversed",
            Self::Undecided => "undecided",
        }
    }
}

/// What an interval ranges over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Images of one network, resampled within each class.
    Images,
    /// Classes of one network.
    Classes,
    /// Repeated random draws.
    Repeats,
    /// Seeds, and within them what a single seed's interval ranges over.
    Seeds(usize),
    /// So many random weights beside one training, and within them images.
    RandomWeights(usize),
}

/// A claim, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Short name.
    pub id: String,
    /// Figure or section of the paper.
    pub figure: String,
    /// The claim, in our words.
    pub wording: String,
    /// The number that decides.
    pub statistic: String,
    /// Its unit; empty for pure numbers.
    pub unit: String,
    /// When the claim holds, stated beforehand.
    pub rule: Rule,
    /// What was found: the mean over seeds. `n` is that of the smallest group.
    pub effect: Option<Estimate>,
    /// What the interval ranges over.
    pub sampling: Sampling,
    /// What was found under each seed, in their order.
    pub by_seed: Vec<Option<Estimate>>,
    /// Permutation p-value for an effect in the claimed direction, where a permutation makes
    /// sense. For information: the interval decides.
    pub p: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
    /// Why there is no decision, where the data do not allow one.
    pub reason: Option<String>,
}

/// A finding of the paper, before any data are seen.
pub struct Entry {
    /// Short name.
    pub id: &'static str,
    /// Figure or section of the paper.
    pub figure: &'static str,
    /// The finding, in our words.
    pub wording: &'static str,
    /// The number that decides.
    pub statistic: &'static str,
    /// Its unit; empty for pure numbers.
    pub unit: &'static str,
    /// Where its whole interval must lie.
    pub rule: Rule,
    pub(crate) sampling: Sampling,
    pub(crate) evidence: fn(&Individual) -> Found,
}

/// The evidence of one seed, or why there is none.
pub(crate) type Found = Result<Evidence, String>;

/// All findings of a paper about single networks, in the order of its figures.
pub fn entries(paper: Paper) -> impl Iterator<Item = &'static Entry> {
    let themes: &[&'static [Entry]] = match paper {
        Paper::Thorat2023 => &THORAT,
        Paper::Luo2026 => &[geometry::ENTRIES],
    };
    themes.iter().copied().flatten()
}

/// The themes of the first paper.
const THORAT: [&[Entry]; 8] = [
    readout::SIMILARITY,
    course::ENTRIES,
    movement::ENTRIES,
    position::ENTRIES,
    bias::ENTRIES,
    readout::ZONES,
    feedforward::ENTRIES,
    rest::ENTRIES,
];

/// Decide one claim by the evidence of all seeds of a network.
pub(crate) fn decide(entry: &Entry, individuals: &[Individual], uncertainty: &Uncertainty) -> Claim {
    let found: Vec<Found> = individuals.iter().map(entry.evidence).collect();
    let known: Vec<&Evidence> = found.iter().filter_map(|found| found.as_ref().ok()).collect();
    let draws: Vec<&Draws> = known.iter().map(|evidence| &evidence.draws).collect();
    let effect = over_seeds(&draws, uncertainty).map(|draws| draws.estimate(uncertainty.level));
    let (verdict, reason) = match (effect, effect.and_then(|effect| effect.interval())) {
        (_, Some(interval)) => (entry.rule.verdict(interval), None),
        (Some(effect), None) if effect.n < SMALLEST_GROUP => {
            (Verdict::Undecided, Some(format!("the smaller group has {} members: too few", effect.n)))
        }
        (Some(_), None) => (Verdict::Undecided, Some("it cannot be resampled: there is no interval".into())),
        (None, None) => (Verdict::Undecided, found.iter().find_map(|found| found.as_ref().err().cloned())),
    };
    Claim {
        effect,
        sampling: match known[..] {
            [one] => one.sampling.unwrap_or(entry.sampling),
            [] => entry.sampling,
            _ => Sampling::Seeds(known.len()),
        },
        by_seed: found
            .iter()
            .map(|found| found.as_ref().ok().map(|evidence| evidence.draws.estimate(uncertainty.level)))
            .collect(),
        p: effect.and_then(|effect| entry.rule.p(effect.value, &mean_null(&known))),
        verdict,
        reason,
        ..entry.undecided()
    }
}

/// The null distribution of the mean over seeds: permutation `b` is the same for all of them.
fn mean_null(seeds: &[&Evidence]) -> Vec<f64> {
    let n = seeds.iter().map(|evidence| evidence.null.len()).min().unwrap_or(0);
    let mean = |b: usize| seeds.iter().map(|evidence| evidence.null[b]).sum::<f64>() / seeds.len() as f64;
    (0..n).map(mean).collect()
}

impl Entry {
    /// The claim before it is decided.
    pub(crate) fn undecided(&self) -> Claim {
        Claim {
            id: self.id.into(),
            figure: self.figure.into(),
            wording: self.wording.into(),
            statistic: self.statistic.into(),
            unit: self.unit.into(),
            rule: self.rule,
            effect: None,
            sampling: self.sampling,
            by_seed: Vec::new(),
            p: None,
            verdict: Verdict::Undecided,
            reason: None,
        }
    }
}

/// Claims of several networks as one tidy table, each network under its name.
pub fn claims_table<'a>(networks: impl IntoIterator<Item = (&'a str, &'a [Claim])>) -> Table {
    let mut table = Table::of_estimates(
        "claims",
        &[
            ("network", "", "short name of the network"),
            ("claim", "", "short name"),
            ("figure", "", "figure or section of the paper"),
            ("wording", "", "the claim, in our words"),
            ("statistic", "", "the number that decides"),
            ("unit", "", "unit of value, low and high"),
            ("rule", "", "where the whole interval must be for the claim to hold"),
            ("verdict", "", "holds, reversed or undecided"),
            ("reason", "", "why there is no decision, where the data do not allow one"),
            (
                "interval_over",
                "",
                "what the interval ranges over: images, classes, repeats; seeds or random weights first",
            ),
            ("seeds", "", "seeds behind the value"),
            ("p", "", "permutation p-value in the claimed direction; empty where there is none"),
        ],
        ("see column unit", "effect; with several seeds their mean"),
    );
    for (network, claims) in networks {
        for claim in claims {
            let over = match claim.sampling {
                Sampling::Images => "images",
                Sampling::Classes => "classes",
                Sampling::Repeats => "repeats",
                Sampling::Seeds(_) => "seeds",
                Sampling::RandomWeights(_) => "random weights",
            };
            let keys = vec![
                network.into(),
                claim.id.as_str().into(),
                claim.figure.as_str().into(),
                claim.wording.as_str().into(),
                claim.statistic.as_str().into(),
                claim.unit.as_str().into(),
                claim.rule.to_string().as_str().into(),
                claim.verdict.word().into(),
                claim.reason.as_deref().unwrap_or_default().into(),
                over.into(),
                claim.by_seed.iter().flatten().count().into(),
                claim.p.into(),
            ];
            table.push_estimate(keys, claim.effect.as_ref());
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_interval_decides() {
        use {Rule as R, Verdict as V};
        let table = [
            (R::Above(0.01), (0.02, 0.5), V::Holds),
            (R::Above(0.01), (0.005, 0.5), V::Undecided),
            (R::Above(0.01), (0.0, 0.009), V::Reversed),
            (R::Below(-2.0), (-3.0, -2.1), V::Holds),
            (R::Below(-2.0), (-3.0, -1.9), V::Undecided),
            (R::Below(-2.0), (-1.9, -1.0), V::Reversed),
            (R::NotZero, (-0.2, -0.1), V::Holds),
            (R::NotZero, (-0.2, 0.1), V::Undecided),
        ];
        for (rule, interval, expected) in table {
            assert_eq!(rule.verdict(interval), expected, "{rule:?} {interval:?}");
        }
    }

    /// No difference is claimed: an interval that merely contains zero decides nothing.
    #[test]
    fn equivalence_asks_for_a_narrow_interval_not_for_one_that_contains_zero() {
        let rule = Rule::Within(0.1);
        assert_eq!(rule.verdict((-0.05, 0.09)), Verdict::Holds);
        assert_eq!(
            rule.verdict((0.02, 0.09)),
            Verdict::Holds,
            "different, but not by an amount that matters"
        );
        assert_eq!(rule.verdict((-0.5, 0.5)), Verdict::Undecided);
        assert_eq!(rule.verdict((-0.2, 0.09)), Verdict::Undecided);
        assert_eq!(rule.verdict((0.11, 0.2)), Verdict::Reversed);
        assert_eq!(rule.verdict((-0.2, -0.11)), Verdict::Reversed);
        assert_eq!(rule.p(0.0, &[0.1, -0.1]), None, "no p decides an equivalence");
    }

    #[test]
    fn p_counts_in_the_claimed_direction() {
        let null = [-3.0, -1.0, 0.5, 2.0];
        assert_eq!(Rule::Above(0.0).p(1.0, &null), Some(2.0 / 5.0));
        assert_eq!(Rule::Below(0.0).p(-2.0, &null), Some(2.0 / 5.0));
        assert_eq!(Rule::NotZero.p(-1.5, &null), Some(3.0 / 5.0));
        assert_eq!(Rule::Above(0.0).p(1.0, &[]), None);
    }

    #[test]
    fn entries_are_named_once_and_speak() {
        let all: Vec<&Entry> = [Paper::Thorat2023, Paper::Luo2026].into_iter().flat_map(entries).collect();
        for (index, entry) in all.iter().enumerate() {
            assert!(all[..index].iter().all(|other| other.id != entry.id), "{}", entry.id);
            assert!(!entry.figure.is_empty() && !entry.statistic.is_empty(), "{}", entry.id);
            assert!(!entry.wording.ends_with('.') && entry.wording.len() < 120, "{}", entry.id);
        }
        for figure in ["1B", "2A", "2B", "2C", "4", "5", "6", "7"] {
            assert!(all.iter().any(|entry| entry.figure == figure), "nothing about figure {figure}");
        }
    }
}
