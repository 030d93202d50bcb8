//! In which direction representations move: outwards, towards the true class, or neither.

use serde::{Deserialize, Serialize};

use crate::resample::{Mean, bootstrap, means};
use crate::rows::ReadoutRows;
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Series, counts_by_step};

/// Means of the three shares of a change, by the step it starts from: `[n_steps − 1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// Along the representation: it grows or shrinks.
    pub radial: Series,
    /// Towards the readout vector of the true class, or away from it.
    pub towards: Series,
    /// Along neither.
    pub rest: Series,
}

/// The images that settle at one step, and how they move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecompositionGroup {
    /// Their stable step.
    pub stable_step: usize,
    /// How many there are.
    pub n: usize,
    /// How they move.
    pub shares: Shares,
}

/// The three shares of an image's changes over some of its steps, averaged over images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// Along the representation.
    pub radial: Option<Estimate>,
    /// Towards the readout vector of the true class, or away from it.
    pub towards: Option<Estimate>,
    /// Along neither.
    pub rest: Option<Estimate>,
    /// Cosine of the change with the representation: above zero where it grows.
    pub cosine_radial: Option<Estimate>,
    /// Cosine of the change with the direction towards the true class.
    pub cosine_towards: Option<Estimate>,
}

/// Squared shares of every change `Δ = r(t+1) − r(t)` of stably correct images.
///
/// With `r̂ = r/‖r‖` and `û` the unit vector along `w_y − (w_y·r̂) r̂`:
/// radial `(Δ·r̂)²/‖Δ‖²`, towards `(Δ·û)²/‖Δ‖²`, and the rest; they sum to one. A change in a
/// random direction has `1/n_units` of each of the first two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decomposition {
    /// One group per stable step that occurs.
    pub groups: Vec<DecompositionGroup>,
    /// All stably correct images.
    pub all: Shares,
    /// Changes that end at or before the stable step.
    pub before: Period,
    /// Changes that start at the stable step or later.
    pub after: Period,
    /// Share of either direction in a random change: `1/n_units`.
    pub by_chance: f64,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for Decomposition {
    const NAME: &'static str = "decomposition";
    const TITLE: &'static str = "In which direction representations move";
    const SUMMARY: &'static str = "shares of each change: radial, towards the true class, neither";
    const DESCRIPTION: &'static str = "Each change of a representation is divided into three parts at right \
        angles: along the representation itself, along the direction in which the readout vector of the true \
        class lies from there, and the rest. The squared lengths of the parts, as shares of that of the change, \
        sum to one.";
    const REFERENCE: &'static str =
        "ours; an open question of Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435)";

    fn analyse(material: &Material) -> Result<Self, Error> {
        material.rows.need_steps(Self::NAME, 2)?;
        let readout = material.rows.need_readout(Self::NAME)?;
        let n_steps = material.rows.n_steps();
        let counts = counts_by_step(material.outcomes, n_steps);
        let moves = moves(material, readout);
        let curves = curves(material, &moves, &counts);
        let groups = (0..n_steps)
            .filter(|&step| counts[step] > 0)
            .map(|step| DecompositionGroup {
                stable_step: step,
                n: counts[step],
                shares: curves[step].clone(),
            })
            .collect();
        let [before, after] = periods(material, &moves);
        let mut notes = Vec::new();
        if moves.is_empty() {
            notes.push("no image is stably correct: there is no change to divide".into());
        }
        let undivided = moves.iter().flat_map(|(_, _, parts)| parts).filter(|parts| parts.is_none()).count();
        if undivided > 0 {
            notes.push(format!("{undivided} changes of length zero, or from zero, cannot be divided"));
        }
        let by_chance = 1.0 / material.trajectories.description().n_units as f64;
        Ok(Self { groups, all: curves[n_steps].clone(), before, after, by_chance, notes })
    }

    fn tables(&self) -> Vec<Table> {
        let part = ("part", "", "radial, towards (the true class) or rest");
        let mut table = Table::of_estimates(
            "decomposition",
            &[
                (
                    "stable_step",
                    "step, from 0",
                    "stable step of the group; empty for all stably correct images",
                ),
                part,
                ("step", "step, from 0", "t: the change is from t to t + 1"),
            ],
            ("", "squared share of the change, mean over images"),
        );
        let groups = self.groups.iter().map(|group| (Some(group.stable_step), &group.shares));
        for (stable, shares) in groups.chain([(None, &self.all)]) {
            for (part, series) in
                [("radial", &shares.radial), ("towards", &shares.towards), ("rest", &shares.rest)]
            {
                for (step, estimate) in series.iter().enumerate() {
                    table.push_estimate(vec![stable.into(), part.into(), step.into()], estimate.as_ref());
                }
            }
        }
        let mut periods = Table::of_estimates(
            "decomposition_periods",
            &[
                ("period", "", "before: changes that end at or before the stable step; after: later ones"),
                (
                    "quantity",
                    "",
                    "radial, towards, rest: squared shares; cosine_radial, cosine_towards: cosines of the change \
                     with the representation and with the direction towards the true class",
                ),
            ],
            ("", "mean over an image's changes in the period, then over images"),
        );
        for (name, period) in [("before", &self.before), ("after", &self.after)] {
            for (quantity, estimate) in [
                ("radial", &period.radial),
                ("towards", &period.towards),
                ("rest", &period.rest),
                ("cosine_radial", &period.cosine_radial),
                ("cosine_towards", &period.cosine_towards),
            ] {
                periods.push_estimate(vec![name.into(), quantity.into()], estimate.as_ref());
            }
        }
        vec![table, periods]
    }
}

/// Cosines of a change with the representation and with the direction towards the true class.
type Parts = [f64; 2];

/// Image, stable step and the parts of every change of each stably correct image.
type Moves = Vec<(usize, usize, Vec<Option<Parts>>)>;

fn moves(material: &Material, readout: &ReadoutRows) -> Moves {
    let rows = material.rows;
    let parts = |image: usize, step: usize| {
        let change = rows.changes[[image, step]];
        let parts = [rows.radial[[image, step]]?, readout.towards[[image, step]]?];
        (change > 0.0).then(|| parts.map(|part| part / change))
    };
    let of = |(image, outcome): (usize, &crate::Outcome)| {
        let stable = outcome.correct_from()?;
        Some((image, stable, (0..rows.n_steps() - 1).map(|step| parts(image, step)).collect()))
    };
    material.outcomes.iter().enumerate().filter_map(of).collect()
}

/// Radial, towards, rest. Rounding cannot make the rest negative.
fn shares([radial, towards]: Parts) -> [f64; 3] {
    let (radial, towards) = (radial * radial, towards * towards);
    [radial, towards, (1.0 - radial - towards).max(0.0)]
}

/// Shares by stable step, and last those of all.
fn curves(material: &Material, moves: &Moves, counts: &[usize]) -> Vec<Shares> {
    let width = counts.len() - 1;
    // Group by group: drawn together they would grow with the square of the steps.
    let of = |group: usize| {
        let own = moves.iter().filter(|(_, stable, _)| group == counts.len() || *stable == group);
        let (mut sizes, mut sums) = (vec![0; 3 * width], Sums::of_means(3 * width));
        for (image, _, parts) in own {
            for (step, parts) in parts.iter().enumerate() {
                for (part, share) in parts.map(shares).into_iter().flatten().enumerate() {
                    sizes[part * width + step] += 1;
                    sums.add_to_mean(*image, part * width + step, share);
                }
            }
        }
        let estimates = bootstrap(material.replicates(), &sizes, sums, means);
        let series = |part: usize| estimates[part * width..][..width].to_vec();
        Shares { radial: series(0), towards: series(1), rest: series(2) }
    };
    (0..=counts.len()).map(of).collect()
}

/// Means over the changes before and after the stable step.
fn periods(material: &Material, moves: &Moves) -> [Period; 2] {
    // Five numbers per image and period, or none.
    let of_image = |stable: usize, parts: &[Option<Parts>], after: bool| {
        let mut sums = [Mean::default(); 5];
        let changes =
            if after { &parts[stable.min(parts.len())..] } else { &parts[..stable.min(parts.len())] };
        for &[radial, towards] in changes.iter().flatten() {
            let [along, across, rest] = shares([radial, towards]);
            for (sum, value) in sums.iter_mut().zip([along, across, rest, radial, towards]) {
                sum.add(value, 1.0);
            }
        }
        sums.map(Mean::value)
    };
    let values: Vec<(usize, [[Option<f64>; 5]; 2])> = moves
        .iter()
        .map(|(image, stable, parts)| (*image, [false, true].map(|after| of_image(*stable, parts, after))))
        .collect();
    let count = |period: usize| values.iter().filter(|(_, of)| of[period][0].is_some()).count();
    let sizes = [[count(0); 5], [count(1); 5]].concat();
    let mut sums = Sums::of_means(10);
    for (image, values) in &values {
        for (mean, value) in values.iter().flatten().enumerate() {
            if let Some(value) = value {
                sums.add_to_mean(*image, mean, *value);
            }
        }
    }
    let estimates = bootstrap(material.replicates(), &sizes, sums, means);
    [0, 5].map(|first| Period {
        radial: estimates[first],
        towards: estimates[first + 1],
        rest: estimates[first + 2],
        cosine_radial: estimates[first + 3],
        cosine_towards: estimates[first + 4],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};

    /// Shares of one change, with every vector written out.
    fn plain(fixture: &Fixture, image: usize, step: usize) -> [f64; 3] {
        let at = |t: usize| -> Vec<f64> {
            fixture.representations.slice(ndarray::s![image, t, ..]).iter().map(|&x| f64::from(x)).collect()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let unit = |a: Vec<f64>| {
            let length = dot(&a, &a).sqrt();
            a.into_iter().map(|x| x / length).collect::<Vec<f64>>()
        };
        let (r, next) = (at(step), at(step + 1));
        let change: Vec<f64> = next.iter().zip(&r).map(|(a, b)| a - b).collect();
        let r = unit(r);
        let w: Vec<f64> =
            fixture.readout().weight.row(fixture.labels[image]).iter().map(|&x| f64::from(x)).collect();
        let along = dot(&w, &r);
        let u = unit(w.iter().zip(&r).map(|(w, r)| w - along * r).collect());
        let square = dot(&change, &change);
        let (radial, towards) = (dot(&change, &r).powi(2) / square, dot(&change, &u).powi(2) / square);
        [radial, towards, 1.0 - radial - towards]
    }

    #[test]
    fn shares_are_those_of_vectors_written_out_and_sum_to_one() {
        let fixture = Fixture::random(80, 6);
        material(&fixture, |material| {
            let found = Decomposition::analyse(material).unwrap();
            assert!(found.groups.len() > 2);
            for group in &found.groups {
                let stable = |n: &usize| material.outcomes[*n].correct_from() == Some(group.stable_step);
                let members: Vec<usize> = (0..80).filter(stable).collect();
                for step in 0..5 {
                    let series = [&group.shares.radial, &group.shares.towards, &group.shares.rest];
                    let values = series.map(|series| series[step].unwrap().value);
                    close(values.iter().sum(), 1.0);
                    for part in 0..3 {
                        let sum: f64 = members.iter().map(|&n| plain(&fixture, n, step)[part]).sum();
                        close(values[part], sum / members.len() as f64);
                    }
                }
            }
        });
    }

    #[test]
    fn before_and_after_divide_the_changes_at_the_stable_step() {
        let fixture = Fixture::random(80, 6);
        material(&fixture, |material| {
            let found = Decomposition::analyse(material).unwrap();
            let mut means = [Vec::new(), Vec::new()];
            for (image, outcome) in material.outcomes.iter().enumerate() {
                let Some(stable) = outcome.correct_from() else { continue };
                for (period, steps) in [0..stable, stable..5].into_iter().enumerate() {
                    let n = steps.len() as f64;
                    if n > 0.0 {
                        means[period].push(steps.map(|t| plain(&fixture, image, t)[1]).sum::<f64>() / n);
                    }
                }
            }
            for (period, values) in [&found.before, &found.after].into_iter().zip(means) {
                close(period.towards.unwrap().value, values.iter().sum::<f64>() / values.len() as f64);
                assert_eq!(period.towards.unwrap().n, values.len());
            }
        });
    }

    #[test]
    fn a_representation_that_only_grows_moves_radially() {
        let mut fixture = Fixture::random(30, 4);
        for image in 0..30 {
            for step in 1..4 {
                let grown = fixture
                    .representations
                    .slice(ndarray::s![image, 0, ..])
                    .mapv(|x| x * (1.0 + step as f32));
                fixture.representations.slice_mut(ndarray::s![image, step, ..]).assign(&grown);
            }
        }
        let fixture =
            Fixture::new(fixture.labels.clone(), fixture.representations.clone(), fixture.about.readout);
        material(&fixture, |material| {
            let found = Decomposition::analyse(material).unwrap();
            assert!((found.after.radial.unwrap().value - 1.0).abs() < 1e-6);
            assert!((found.after.cosine_radial.unwrap().value - 1.0).abs() < 1e-6);
        });
    }
}
