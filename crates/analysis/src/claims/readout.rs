//! Figures 1B and 5: readout vectors among one another, and inside their own zones.

use rayon::prelude::*;
use redyn_core::random::Stream;

use super::evidence::{mean_of_repeats, over_classes};
use super::{Entry, Evidence, Found, Rule, Sampling};
use crate::judge::Individual;
use crate::resample::Mean;
use crate::zone_membership::shares_inside;

/// Random readouts, and random columns of the trained one, are drawn so often.
const REPEATS: usize = 100;
/// Classes and units at which published random readouts all lie in their own zones.
const RANDOM: (usize, usize) = (100, 30);
/// As good as all.
const ALL: f64 = 0.99;
/// Units to begin with.
const FEW: usize = 2;

pub(crate) const SIMILARITY: &[Entry] = &[Entry {
    id: "readouts_follow_hierarchy",
    figure: "1B",
    wording: "classes of one kind have readout vectors that are alike",
    statistic: "(1 - cosine) / 2 between readout vectors: pairs of different kinds minus pairs of one kind, at the \
                widest level of the hierarchy",
    unit: "",
    rule: Rule::Above(0.0),
    sampling: Sampling::Classes,
    evidence: follow_hierarchy,
}];

pub(crate) const ZONES: &[Entry] = &[
    Entry {
        id: "random_readouts_inside",
        figure: "5",
        wording: "with some thirty units, random readout vectors of a hundred classes lie in their own zones",
        statistic: "share of 100 random vectors of 30 units that lie in their own zone; mean of 100 draws",
        unit: "",
        rule: Rule::Above(ALL),
        sampling: Sampling::Repeats,
        evidence: |individual| {
            let (n_classes, n_units) = RANDOM;
            let seed = individual.material.options.uncertainty.seed;
            let share = |repeat: usize| {
                let mut stream = Stream::new(seed, &[repeat as u64, 6]);
                let column = |_| (0..n_classes).map(|_| stream.normal()).collect();
                shares_inside(n_classes, (0..n_units).map(column)).pop()
            };
            let repeats: Vec<f64> = (0..REPEATS).into_par_iter().filter_map(share).collect();
            mean_of_repeats(&individual.material, &repeats)
                .map(Evidence::of)
                .ok_or_else(|| "nothing was drawn".into())
        },
    },
    Entry {
        id: "trained_readouts_inside",
        figure: "5",
        wording: "every trained readout vector lies in its own zone",
        statistic: "share of classes whose readout vector, taken as a representation, is given its own class",
        unit: "",
        rule: Rule::Above(0.95),
        sampling: Sampling::Classes,
        evidence: |individual| {
            let (vectors, n_units) = vectors(individual)?;
            let inside = inside(&vectors, n_units);
            let share = |weights: &[f64]| {
                let mut mean = Mean::default();
                inside
                    .iter()
                    .zip(weights)
                    .for_each(|(&own, &weight)| mean.add(f64::from(u8::from(own)), weight));
                mean.value()
            };
            over_classes(&individual.material, share)
                .map(Evidence::of)
                .ok_or_else(|| "there are no classes".into())
        },
    },
    Entry {
        id: "inside_share_grows",
        figure: "5",
        wording: "the more units, the more trained readout vectors lie in their own zone",
        statistic: "share inside their own zone with 30 of the units (all, if fewer) minus with 2, units drawn at \
                    random; mean of 100 draws",
        unit: "",
        rule: Rule::Above(0.0),
        sampling: Sampling::Repeats,
        evidence: |individual| {
            let (vectors, n_units) = vectors(individual)?;
            let many = RANDOM.1.min(n_units);
            if many <= FEW {
                return Err(format!("the readout has {n_units} units only"));
            }
            let seed = individual.material.options.uncertainty.seed;
            let gain = |repeat: usize| {
                let mut columns: Vec<usize> = (0..n_units).collect();
                Stream::new(seed, &[repeat as u64, 10]).shuffle(&mut columns);
                let column =
                    |&column: &usize| vectors.iter().skip(column).step_by(n_units).copied().collect();
                let shares = shares_inside(vectors.len() / n_units, columns[..many].iter().map(column));
                shares[many - 1] - shares[FEW - 1]
            };
            let repeats: Vec<f64> = (0..REPEATS).into_par_iter().map(gain).collect();
            mean_of_repeats(&individual.material, &repeats)
                .map(Evidence::of)
                .ok_or_else(|| "nothing was drawn".into())
        },
    },
];

/// The readout vectors, `[class, unit]`, flat, and the number of units.
fn vectors(individual: &Individual) -> Result<(Vec<f64>, usize), String> {
    individual.readout()?;
    let about = individual.material.trajectories.description();
    let readout = about.readout.as_ref().ok_or("there is no linear readout")?;
    Ok((readout.weight.iter().map(|&w| f64::from(w)).collect(), readout.weight.ncols()))
}

/// Whether each vector, taken as a representation, is given its own class: `argmax_j w_k · w_j = k`.
fn inside(vectors: &[f64], n_units: usize) -> Vec<bool> {
    let rows: Vec<&[f64]> = vectors.chunks_exact(n_units).collect();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let own = |k: usize| {
        let own = product(rows[k], rows[k]);
        // The first of equals wins, as for logits.
        rows.iter().enumerate().all(|(j, row)| {
            let score = product(rows[k], row);
            j == k || score < own || (score == own && j > k)
        })
    };
    (0..rows.len()).map(own).collect()
}

/// Pairs of different kinds minus pairs of one kind; the test shuffles kinds among classes, at
/// `(seed, [b, 8])`.
fn follow_hierarchy(individual: &Individual) -> Found {
    let (vectors, n_units) = vectors(individual)?;
    let about = individual.material.trajectories.description();
    let hierarchy = about.hierarchy.as_ref().ok_or("the data have no class hierarchy")?;
    let kinds: Vec<&str> = hierarchy.groups.iter().map(|levels| levels[0].as_str()).collect();
    let rows: Vec<&[f64]> = vectors.chunks_exact(n_units).collect();
    let norm = |row: &[f64]| row.iter().map(|w| w * w).sum::<f64>().sqrt();
    let norms: Vec<f64> = rows.iter().map(|row| norm(row)).collect();
    let n = rows.len();
    if norms.contains(&0.0) {
        return Err("a readout vector is zero".into());
    }
    let apart = |i: usize, j: usize| {
        let product: f64 = rows[i].iter().zip(rows[j]).map(|(a, b)| a * b).sum();
        (1.0 - product / (norms[i] * norms[j])) / 2.0
    };
    let pairs: Vec<(usize, usize, f64)> =
        (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).map(|(i, j)| (i, j, apart(i, j))).collect();
    let statistic = |weights: &[f64], kinds: &[&str]| {
        let (mut same, mut different) = (Mean::default(), Mean::default());
        for &(i, j, apart) in &pairs {
            let mean = if kinds[i] == kinds[j] { &mut same } else { &mut different };
            mean.add(apart, weights[i] * weights[j]);
        }
        Some(different.value()? - same.value()?)
    };
    let draws = over_classes(&individual.material, |weights| statistic(weights, &kinds))
        .ok_or("all classes are of one kind, or each is a kind of its own")?;
    let uncertainty = &individual.material.options.uncertainty;
    let everyone = vec![1.0; n];
    let null = |b: usize| {
        let mut shuffled = kinds.clone();
        Stream::new(uncertainty.seed, &[b as u64, 8]).shuffle(&mut shuffled);
        statistic(&everyone, &shuffled)
    };
    let null = (0..uncertainty.replicates).into_par_iter().filter_map(null).collect();
    Ok(Evidence::tested(draws, null))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close};
    use crate::judge::individual;

    /// As figure 5's analysis has it, from other draws: 0.9998 at thirty units.
    #[test]
    fn thirty_random_units_are_enough_for_a_hundred_classes() {
        individual(&Fixture::random(40, 4), |individual| {
            let found = (ZONES[0].evidence)(individual).unwrap().draws;
            assert!((found.value - 0.9998).abs() < 0.0015 && found.n == REPEATS, "{found:?}");
            let gain = (ZONES[2].evidence)(individual).unwrap().draws;
            assert!(gain.value > 0.2, "{gain:?}");
        });
    }

    /// Cauchy and Schwarz: among vectors of one length each is nearest to itself.
    #[test]
    fn vectors_of_one_length_lie_inside() {
        let circle: Vec<f64> = (0..9).flat_map(|k| [f64::from(k).cos(), f64::from(k).sin()]).collect();
        assert!(inside(&circle, 2).iter().all(|&own| own));
        // A long neighbour takes a short vector's zone.
        assert_eq!(inside(&[1.0, 0.0, 3.0, 0.1, -1.0, 0.0], 2), [false, true, true]);
    }

    #[test]
    fn kinds_are_compared_as_in_a_plain_loop() {
        let fixture = Fixture::random(80, 4);
        individual(&fixture, |individual| {
            let found = follow_hierarchy(individual).unwrap();
            let w = |k: usize| fixture.readout().weight.row(k).mapv(f64::from);
            let (mut same, mut different) = (Vec::new(), Vec::new());
            for i in 0..8 {
                for j in 0..i {
                    let cosine = w(i).dot(&w(j)) / (w(i).dot(&w(i)) * w(j).dot(&w(j))).sqrt();
                    // The fixture's widest level has classes 0-3 and 4-7.
                    if i / 4 == j / 4 { &mut same } else { &mut different }.push((1.0 - cosine) / 2.0);
                }
            }
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            close(found.draws.value, mean(&different) - mean(&same));
            assert_eq!((found.draws.n, found.null.len()), (8, 200));
        });
    }
}
