//! The findings of the paper as sentences that these data can confirm or contradict.
//!
//! Every rule of decision is written down here, before any data are seen; the interval over
//! images decides.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::contrast::{Contrast, Groups};
use crate::resample::{Mean, Strata, bootstrap, mean, p_value};
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material};

/// When a claim holds. The whole interval must be where the claim says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The effect is above the bound; reversed if it is below.
    Above(f64),
    /// The effect lies between −bound and +bound: no difference that matters. Reversed if it
    /// lies wholly outside.
    Within(f64),
    /// The effect is not zero, in either direction. Cannot be reversed.
    NotZero,
}

impl Rule {
    /// What an interval says about the claim.
    pub fn verdict(self, (low, high): (f64, f64)) -> Verdict {
        let (holds, reversed) = match self {
            Self::Above(bound) => (low > bound, high < bound),
            Self::Within(bound) => (low > -bound && high < bound, low > bound || high < -bound),
            Self::NotZero => (low > 0.0 || high < 0.0, false),
        };
        match (holds, reversed) {
            (true, _) => Verdict::Holds,
            (_, true) => Verdict::Reversed,
            _ => Verdict::Undecided,
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

/// A claim, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Short name.
    pub id: String,
    /// Figure of the paper.
    pub figure: String,
    /// The claim, in our words.
    pub wording: String,
    /// The number that decides.
    pub statistic: String,
    /// Its unit; empty for pure numbers.
    pub unit: String,
    /// When the claim holds, stated beforehand.
    pub rule: Rule,
    /// What was found.
    pub effect: Option<Estimate>,
    /// Permutation p-value for an effect in the claimed direction, where a permutation makes
    /// sense. For information: the interval decides.
    pub p: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
    /// Why there is no decision, where the data do not allow one.
    pub reason: Option<String>,
}

/// The claims of figures 2A to 2C.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// In the order of the figures.
    pub claims: Vec<Claim>,
}

/// An effect with its permutation p-value, or why there is none.
type Evidence = Result<(Option<Estimate>, Option<f64>), String>;

struct Statement {
    id: &'static str,
    figure: &'static str,
    wording: &'static str,
    statistic: &'static str,
    unit: &'static str,
    rule: Rule,
    evidence: fn(&Material) -> Evidence,
}

/// A change below 1 % of the representation's norm per step is taken as standing still.
const STILL: f64 = 0.01;
/// Amounts of change that differ by less than a tenth are taken as the same.
const SAME: f64 = 0.1;

const STATEMENTS: &[Statement] = &[
    Statement {
        id: "keeps_moving",
        figure: "2A",
        wording: "representations keep moving after the answer is correct for good",
        statistic: "change per step from the stable step on, as a share of the norm; mean over an image's steps, \
                    then over stably correct images",
        unit: "",
        rule: Rule::Above(STILL),
        evidence: keeps_moving,
    },
    Statement {
        id: "slows_down",
        figure: "2A",
        wording: "they move less and less",
        statistic: "1 - (mean change over the last step) / (mean change over the first), stably correct images",
        unit: "",
        rule: Rule::Above(0.0),
        evidence: slows_down,
    },
    Statement {
        id: "regardless_of_correctness",
        figure: "2A",
        wording: "how much they move at a step does not depend on being correct already",
        statistic: "mean change of correct now minus not yet, relative to their mean; averaged over steps",
        unit: "",
        rule: Rule::Within(SAME),
        evidence: regardless_of_correctness,
    },
    Statement {
        id: "training_matters",
        figure: "2A",
        wording: "representations of the untrained network move by another amount",
        statistic: "change per step as a share of the norm, trained minus untrained, mean over steps and stably \
                    correct images",
        unit: "",
        rule: Rule::NotZero,
        evidence: training_matters,
    },
    Statement {
        id: "norm_lower_before",
        figure: "2B",
        wording: "representations not yet correct have a lower norm",
        statistic: "norm of correct now minus not yet, averaged over steps",
        unit: "activation",
        rule: Rule::Above(0.0),
        evidence: |material| {
            let rows = material.rows;
            contrasted(material, material.norm(), |image, step| Some(rows.norms[[image, step]]))
        },
    },
    Statement {
        id: "cosine_lower_before",
        figure: "2B",
        wording: "representations not yet correct align less with the class they are given",
        statistic: "cosine with the readout vector of the current answer, correct now minus not yet, averaged over \
                    steps",
        unit: "",
        rule: Rule::Above(0.0),
        evidence: |material| {
            let readout = material.rows.need_readout(Claims::NAME).map_err(|error| error.to_string())?;
            let cosine = material.cosine(readout);
            contrasted(material, cosine, |image, step| readout.cosine_answer[[image, step]])
        },
    },
    Statement {
        id: "nearer_to_border_before",
        figure: "2B",
        wording: "representations not yet correct lie nearer to the border of their zone",
        statistic: "distance to leaving the current zone, correct now minus not yet, averaged over steps",
        unit: "activation",
        rule: Rule::Above(0.0),
        evidence: |material| {
            let readout = material.rows.need_readout(Claims::NAME).map_err(|error| error.to_string())?;
            let margin = material.margin(readout);
            contrasted(material, margin, |image, step| readout.margin[[image, step]])
        },
    },
    Statement {
        id: "approaches_own_zone",
        figure: "2C",
        wording: "recurrence carries them towards the zone of their true class before they enter it",
        statistic: "change per step of the signed distance to the true class's zone, over the steps before the one \
                    that ends in the stable step; mean over an image's steps, then over images",
        unit: "activation",
        rule: Rule::Above(0.0),
        evidence: approaches_own_zone,
    },
    Statement {
        id: "future_class_shows",
        figure: "2C",
        wording: "before they are correct, representations lean towards their own future class",
        statistic: "cosine with the own class's readout vector minus that with the classes of other images in the \
                    same wrong zone, averaged over steps",
        unit: "",
        rule: Rule::Above(0.0),
        evidence: |material| {
            let found = material.future_class().map_err(|error| error.to_string())?;
            found.average_difference.map(|effect| (Some(effect), None)).ok_or_else(|| found.notes.join("; "))
        },
    },
];

impl Analysis for Claims {
    const NAME: &'static str = "claims";
    const TITLE: &'static str = "What the paper claims, and what these data say";
    const SUMMARY: &'static str =
        "each finding of figures 2A-2C: holds, reversed or undecided, with its effect";
    const DESCRIPTION: &'static str = "Each claim is one number with a rule stated beforehand. It holds when the \
        whole interval of that number is on the claimed side, is reversed when the whole interval is on the other, \
        and is undecided otherwise. The interval is over images of this network: it says nothing about other seeds.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figures 2A-2C";

    fn analyse(material: &Material) -> Result<Self, Error> {
        Ok(Self { claims: STATEMENTS.iter().map(|statement| evaluate(statement, material)).collect() })
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "claims",
            &[
                ("claim", "", "short name"),
                ("figure", "", "figure of Thorat, Doerig & Kietzmann 2023"),
                ("wording", "", "the claim, in our words"),
                ("statistic", "", "the number that decides"),
                ("unit", "", "unit of value, low and high"),
                ("rule", "", "where the whole interval must be for the claim to hold"),
                ("verdict", "", "holds, reversed or undecided"),
                ("p", "", "permutation p-value in the claimed direction; empty where there is none"),
            ],
            ("see column unit", "effect"),
        );
        for claim in &self.claims {
            let rule = match claim.rule {
                Rule::Above(bound) => format!("above {bound}"),
                Rule::Within(bound) => format!("between -{bound} and {bound}"),
                Rule::NotZero => "on one side of 0".into(),
            };
            let verdict = match claim.verdict {
                Verdict::Holds => "holds",
                Verdict::Reversed => "reversed",
                Verdict::Undecided => "undecided",
            };
            let keys = vec![
                claim.id.as_str().into(),
                claim.figure.as_str().into(),
                claim.wording.as_str().into(),
                claim.statistic.as_str().into(),
                claim.unit.as_str().into(),
                rule.as_str().into(),
                verdict.into(),
                claim.p.into(),
            ];
            table.push_estimate(keys, claim.effect.as_ref());
        }
        vec![table]
    }
}

fn evaluate(statement: &Statement, material: &Material) -> Claim {
    let (effect, p, missing) = match (statement.evidence)(material) {
        Ok((effect, p)) => (effect, p, None),
        Err(reason) => (None, None, Some(reason)),
    };
    let (verdict, reason) = match (effect, effect.and_then(|effect| effect.interval())) {
        (_, Some(interval)) => (statement.rule.verdict(interval), None),
        (Some(effect), None) => {
            let reason = format!("no interval: {} images are too few, or cannot be resampled", effect.n);
            (Verdict::Undecided, Some(reason))
        }
        (None, None) => (
            Verdict::Undecided,
            Some(missing.unwrap_or_else(|| "no images in one of the groups compared".into())),
        ),
    };
    Claim {
        id: statement.id.into(),
        figure: statement.figure.into(),
        wording: statement.wording.into(),
        statistic: statement.statistic.into(),
        unit: statement.unit.into(),
        rule: statement.rule,
        effect,
        p,
        verdict,
        reason,
    }
}

/// Mean over images of one number each, with a sign-flip test: under the null hypothesis each
/// number is as likely to be its negative. Permutation `b` is drawn at `(seed, [b, 4])`.
fn mean_per_image(
    material: &Material,
    values: &[(usize, f64)],
    rule: Rule,
) -> (Option<Estimate>, Option<f64>) {
    let uncertainty = &material.options.uncertainty;
    let effect = bootstrap(&material.rows.labels, uncertainty, &[values.len()], |weights| {
        let mut mean = Mean::default();
        for &(image, value) in values {
            mean.add(value, weights[image]);
        }
        vec![mean.value()]
    })[0];
    let null = |b: usize| {
        let mut stream = redyn_core::random::Stream::new(uncertainty.seed, &[b as u64, 4]);
        mean(values.iter().map(|&(_, value)| if stream.coin() { value } else { -value }))
    };
    let null: Vec<f64> = (0..uncertainty.replicates).into_par_iter().filter_map(null).collect();
    let p = effect.and_then(|effect| match rule {
        Rule::NotZero => {
            let sizes: Vec<f64> = null.iter().map(|value| value.abs()).collect();
            p_value(effect.value.abs(), &sizes)
        }
        Rule::Above(_) | Rule::Within(_) => p_value(effect.value, &null),
    });
    (effect, p)
}

/// Correct now minus not yet, averaged over steps; the test shuffles stable steps among the
/// stably correct images of each class.
fn contrasted(
    material: &Material,
    contrast: &Contrast,
    value: impl Fn(usize, usize) -> Option<f64>,
) -> Evidence {
    let Some(effect) = contrast.average.difference else {
        return Err(NO_PAIR_OF_GROUPS.into());
    };
    let groups = Groups::new(material);
    let values = groups.gather(value);
    let labels: Vec<usize> = groups.members.iter().map(|&(image, _)| material.rows.labels[image]).collect();
    let (strata, uncertainty) = (Strata::new(&labels), &material.options.uncertainty);
    let (images, steps): (Vec<usize>, Vec<usize>) = groups.members.iter().copied().unzip();
    let everyone = vec![1.0; material.rows.n_images()];
    let null: Vec<Option<f64>> = (0..uncertainty.replicates)
        .into_par_iter()
        .map(|b| {
            let shuffled = strata.shuffle(uncertainty.seed, b, &steps);
            let members = images.iter().copied().zip(shuffled).collect();
            Groups { members, ..groups }.statistics(&everyone, &values).pop().flatten()
        })
        .collect();
    let null: Vec<f64> = null.into_iter().flatten().collect();
    Ok((Some(effect), p_value(effect.value, &null)))
}

const NO_PAIR_OF_GROUPS: &str = "no step has both images correct now and images not yet correct";

fn nobody() -> String {
    "no image is stably correct".into()
}

fn keeps_moving(material: &Material) -> Evidence {
    let rows = material.rows;
    let values: Vec<(usize, f64)> = Groups::new(material)
        .members
        .into_iter()
        .filter_map(|(image, stable)| {
            let steps = stable..rows.n_steps() - 1;
            let share = |step: usize| relative_change(material.rows, image, step);
            Some((image, mean(steps.filter_map(share))?))
        })
        .collect();
    if values.is_empty() {
        Err(nobody())
    } else {
        Ok((mean_per_image(material, &values, Rule::Above(STILL)).0, None))
    }
}

/// `‖r(t+1) − r(t)‖ / ‖r(t)‖`; `None` at the origin.
fn relative_change(rows: &crate::rows::Rows, image: usize, step: usize) -> Option<f64> {
    let norm = rows.norms[[image, step]];
    (norm > 0.0).then(|| rows.changes[[image, step]] / norm)
}

fn slows_down(material: &Material) -> Evidence {
    let rows = material.rows;
    let members = Groups::new(material).members;
    if rows.n_steps() < 3 {
        return Err("with fewer than three steps there is one change only".into());
    }
    let effect = bootstrap(&rows.labels, &material.options.uncertainty, &[members.len()], |weights| {
        let (mut first, mut last) = (Mean::default(), Mean::default());
        for &(image, _) in &members {
            let changes = rows.changes(image);
            first.add(changes[0], weights[image]);
            last.add(changes[changes.len() - 1], weights[image]);
        }
        let shrunk = first.value().zip(last.value()).filter(|&(first, _)| first > 0.0);
        vec![shrunk.map(|(first, last)| 1.0 - last / first)]
    })[0];
    if members.is_empty() { Err(nobody()) } else { Ok((effect, None)) }
}

fn regardless_of_correctness(material: &Material) -> Evidence {
    let rows = material.rows;
    let groups = Groups::new(material);
    let last = rows.n_steps() - 1;
    let changes = groups.gather(|image, step| (step < last).then(|| rows.changes[[image, step]]));
    let smaller = groups.sizes(&changes).pop().unwrap_or(0);
    let effect = bootstrap(&rows.labels, &material.options.uncertainty, &[smaller], |weights| {
        let statistics = groups.statistics(weights, &changes);
        let [correct, not_yet, difference] = statistics[statistics.len() - 3..] else { return vec![None] };
        let both = correct.zip(not_yet).map(|(a, b)| f64::midpoint(a, b)).filter(|&both| both > 0.0);
        vec![difference.zip(both).map(|(difference, both)| difference / both)]
    })[0];
    effect.map(|effect| (Some(effect), None)).ok_or_else(|| NO_PAIR_OF_GROUPS.into())
}

fn training_matters(material: &Material) -> Evidence {
    let Some((_, untrained)) = material.untrained else {
        return Err("no untrained twin was given".into());
    };
    let motion = |rows, image| {
        mean((0..material.rows.n_steps() - 1).filter_map(|step| relative_change(rows, image, step)))
    };
    let values: Vec<(usize, f64)> = Groups::new(material)
        .members
        .into_iter()
        .filter_map(|(image, _)| Some((image, motion(material.rows, image)? - motion(untrained, image)?)))
        .collect();
    if values.is_empty() { Err(nobody()) } else { Ok(mean_per_image(material, &values, Rule::NotZero)) }
}

fn approaches_own_zone(material: &Material) -> Evidence {
    let readout = material.rows.need_readout(Claims::NAME).map_err(|error| error.to_string())?;
    let depth = |image: usize, step: usize| readout.depth[[image, step]];
    let values: Vec<(usize, f64)> = Groups::new(material)
        .members
        .into_iter()
        .filter(|&(_, stable)| stable >= 2)
        .filter_map(|(image, stable)| {
            let nearer = |step: usize| Some(depth(image, step + 1)? - depth(image, step)?);
            Some((image, mean((0..stable - 1).filter_map(nearer))?))
        })
        .collect();
    if values.is_empty() {
        return Err("no image becomes stably correct at t=2 or later".into());
    }
    Ok(mean_per_image(material, &values, Rule::Above(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn the_whole_interval_decides() {
        use {Rule as R, Verdict as V};
        let table = [
            (R::Above(0.01), (0.02, 0.5), V::Holds),
            (R::Above(0.01), (0.005, 0.5), V::Undecided),
            (R::Above(0.01), (0.0, 0.009), V::Reversed),
            (R::Within(0.1), (-0.05, 0.09), V::Holds),
            (R::Within(0.1), (-0.2, 0.09), V::Undecided),
            (R::Within(0.1), (0.11, 0.2), V::Reversed),
            (R::NotZero, (-0.2, -0.1), V::Holds),
            (R::NotZero, (-0.2, 0.1), V::Undecided),
        ];
        for (rule, interval, expected) in table {
            assert_eq!(rule.verdict(interval), expected, "{rule:?} {interval:?}");
        }
    }

    #[test]
    fn effects_are_those_of_a_plain_loop() {
        let fixture = Fixture::random(120, 6);
        material(&fixture, |material| {
            let found = Claims::analyse(material).unwrap();
            let effect = |id: &str| found.claims.iter().find(|claim| claim.id == id).unwrap().effect.unwrap();
            let (mut after, mut first, mut last) = (Vec::new(), 0.0, 0.0);
            for (n, outcome) in material.outcomes.iter().enumerate() {
                if let Some(stable) = outcome.correct_from() {
                    let shares = (stable..5).map(|t| fixture.change(n, t) / fixture.norm(n, t));
                    after.push(shares.sum::<f64>() / (5 - stable) as f64);
                    first += fixture.change(n, 0);
                    last += fixture.change(n, 4);
                }
            }
            close(effect("keeps_moving").value, after.iter().sum::<f64>() / after.len() as f64);
            close(effect("slows_down").value, 1.0 - last / first);
        });
    }

    /// The fixture is made so: representations move from a wrong class's readout vector to
    /// their own's, growing on the way.
    #[test]
    fn what_was_built_in_is_found() {
        let fixture = Fixture::random(400, 6);
        material(&fixture, |material| {
            let found = Claims::analyse(material).unwrap();
            let claim = |id: &str| found.claims.iter().find(|claim| claim.id == id).unwrap();
            for id in ["keeps_moving", "norm_lower_before", "approaches_own_zone", "future_class_shows"] {
                assert_eq!(claim(id).verdict, Verdict::Holds, "{:?}", claim(id));
            }
            assert!(claim("norm_lower_before").p.unwrap() < 0.05);
        });
    }
}
