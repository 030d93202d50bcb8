//! How many units it takes until every readout vector lies in its own zone.

use rayon::prelude::*;
use redyn_core::random::Stream;
use serde::{Deserialize, Serialize};

use crate::estimate::quantile;
use crate::table::Table;
use crate::{Analysis, Error, Material, NormSpread};

/// The largest dimension looked at.
const MOST_DIMENSIONS: usize = 50;
/// How often vectors, or columns, are drawn.
const REPEATS: usize = 100;

/// Readout vectors of some dimension in their own zones, over repeated draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// Dimension of the vectors.
    pub dimension: usize,
    /// Share of vectors inside their own zone, mean over draws.
    pub mean: f64,
    /// Lower end of the interval that holds the chosen share of draws.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Share of draws in which all vectors are inside.
    pub all_inside: f64,
}

/// Figure 5: share of readout vectors inside their own zone, against dimension.
///
/// `f(d) = mean_k [argmax_j (M Mᵀ)_kj = k]` for `M` of one row per class and `d` columns, the
/// first of equals winning. `M` is drawn from N(0, 1), or consists of `d` columns of the
/// readout's weight, drawn without replacement. A draw of 50 columns is looked at from its
/// first column on, one more at a time, so that values at different `d` are not independent.
///
/// # Limits
/// A bias is left out: the zones are those of `argmax_k (W r)_k`. Only unequal lengths can put
/// a readout vector outside its own zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneMembership {
    /// Number of readout vectors.
    pub n_classes: usize,
    /// Number of units of the readout.
    pub n_units: usize,
    /// Number of draws.
    pub repeats: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// As many random vectors, `d = 1..=50`.
    pub random: Vec<Membership>,
    /// Random columns of the readout, `d = 1..`, as far as there are units.
    pub trained: Vec<Membership>,
    /// Share inside with all units.
    pub whole: f64,
    /// `‖w_k‖₂` per class.
    pub norms: Vec<f64>,
    /// Their spread.
    pub norm_spread: NormSpread,
}

impl Analysis for ZoneMembership {
    const NAME: &'static str = "zone_membership";
    const TITLE: &'static str = "Readout vectors in their own zones";
    const SUMMARY: &'static str = "share of readout vectors inside their own zone, by number of units";
    const DESCRIPTION: &'static str = "A readout vector lies in its own zone if it would itself be classified as \
        its class. With few units many do not, because longer neighbours win; with many units vectors are nearly \
        orthogonal and all do. Shown for random vectors and for random choices of units of the readout.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figure 5; the \
        distribution of the random vectors is not given there: N(0, 1) fits its text, U(0, 1) does not";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let about = material.trajectories.description();
        let Some(readout) = &about.readout else {
            return Err(Error::ReadoutAbsent { trajectories: about.name.clone(), analysis: Self::NAME });
        };
        let (n_classes, n_units) = readout.weight.dim();
        let uncertainty = &material.options.uncertainty;
        let column =
            |unit: usize| readout.weight.column(unit).iter().map(|&w| f64::from(w)).collect::<Vec<f64>>();
        let random = over_draws(uncertainty.level, |repeat| {
            let mut stream = Stream::new(uncertainty.seed, &[repeat, 5]);
            let vectors = (0..MOST_DIMENSIONS).map(|_| (0..n_classes).map(|_| stream.normal()).collect());
            shares_inside(n_classes, vectors)
        });
        let trained = over_draws(uncertainty.level, |repeat| {
            let mut units: Vec<usize> = (0..n_units).collect();
            Stream::new(uncertainty.seed, &[repeat, 6]).shuffle(&mut units);
            shares_inside(n_classes, units.into_iter().take(MOST_DIMENSIONS).map(column))
        });
        let whole = shares_inside(n_classes, (0..n_units).map(column));
        let norms: Vec<f64> =
            readout.weight.rows().into_iter().map(|row| crate::numeric::norm(&row.to_vec())).collect();
        Ok(Self {
            n_classes,
            n_units,
            repeats: REPEATS,
            seed: uncertainty.seed,
            random,
            trained,
            whole: whole[n_units - 1],
            norm_spread: NormSpread::of(&norms),
            norms,
        })
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::new(
            "zone_membership",
            &[
                ("vectors", "", "random: entries from N(0, 1); trained: random units of the readout"),
                ("dimension", "units", "dimension of the vectors"),
                ("mean", "", "share of the vectors inside their own zone, mean over draws"),
                ("low", "", "lower end of the interval that holds the chosen share of draws"),
                ("high", "", "upper end of the interval that holds the chosen share of draws"),
                ("all_inside", "", "share of draws in which all vectors are inside"),
                ("draws", "", "number of draws"),
            ],
        );
        for (vectors, curve) in [("random", &self.random), ("trained", &self.trained)] {
            for at in curve {
                table.push(vec![
                    vectors.into(),
                    at.dimension.into(),
                    at.mean.into(),
                    at.low.into(),
                    at.high.into(),
                    at.all_inside.into(),
                    self.repeats.into(),
                ]);
            }
        }
        vec![table]
    }
}

/// Mean and interval over draws, by dimension.
fn over_draws(level: f64, draw: impl Fn(u64) -> Vec<f64> + Sync + Send) -> Vec<Membership> {
    let draws: Vec<Vec<f64>> = (0..REPEATS as u64).into_par_iter().map(draw).collect();
    (0..draws[0].len())
        .map(|at| {
            let mut shares: Vec<f64> = draws.iter().map(|draw| draw[at]).collect();
            shares.sort_unstable_by(f64::total_cmp);
            let tail = (1.0 - level) / 2.0;
            Membership {
                dimension: at + 1,
                mean: shares.iter().sum::<f64>() / REPEATS as f64,
                low: quantile(&shares, tail),
                high: quantile(&shares, 1.0 - tail),
                all_inside: shares.iter().filter(|&&share| share >= 1.0).count() as f64 / REPEATS as f64,
            }
        })
        .collect()
}

/// Share of vectors inside their own zone, as their columns are added one by one.
pub(crate) fn shares_inside(n: usize, columns: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    let mut products = vec![0.0; n * n];
    columns
        .map(|column| {
            for (row, &own) in products.chunks_exact_mut(n).zip(&column) {
                row.iter_mut().zip(&column).for_each(|(product, other)| *product += own * other);
            }
            let inside = products.chunks_exact(n).enumerate().filter(|(own, row)| {
                (0..n).fold(0, |best, class| if row[class] > row[best] { class } else { best }) == *own
            });
            inside.count() as f64 / n as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::fixture::{Fixture, material};

    type Draw = fn(&mut Stream) -> f64;

    /// Shares inside for 100 vectors with entries from three distributions, as simulated
    /// independently (NumPy, 400 draws, each dimension drawn anew).
    #[test]
    fn random_vectors_meet_the_simulated_shares() {
        let dimensions = [1, 2, 5, 10, 20, 30, 50];
        let table: [(Draw, [f64; 7]); 3] = [
            (Stream::normal, [0.020, 0.062, 0.312, 0.760, 0.989, 0.9998, 1.000]),
            (|stream| stream.between(-1.0, 1.0), [0.020, 0.056, 0.425, 0.896, 0.999, 1.000, 1.000]),
            (Stream::unit, [0.010, 0.012, 0.043, 0.146, 0.390, 0.595, 0.876]),
        ];
        for (draw, expected) in table {
            let found = over_draws(0.95, |repeat| {
                let mut stream = Stream::new(8, &[repeat]);
                shares_inside(100, (0..50).map(|_| (0..100).map(|_| draw(&mut stream)).collect()))
            });
            for (dimension, expected) in dimensions.into_iter().zip(expected) {
                // Draws spread by 0.06 at most; four standard errors of 100 draws beside 400,
                // and the rounding of the table.
                let tolerance = 4.0 * 0.06 * (1.0 / 100.0 + 1.0 / 400.0_f64).sqrt() + 5e-4;
                let found = found[dimension - 1];
                assert!((found.mean - expected).abs() < tolerance, "d={dimension}: {found:?} {expected}");
                assert!(found.low <= found.mean + 1e-12 && found.mean <= found.high + 1e-12, "{found:?}");
            }
        }
    }

    #[test]
    fn adding_columns_gives_the_products_of_all_of_them() {
        let mut stream = Stream::new(4, &[]);
        let weight = Array2::from_shape_fn((7, 9), |_| stream.normal());
        let found = shares_inside(7, (0..9).map(|unit| weight.column(unit).to_vec()));
        for d in 1..=9 {
            let part = weight.slice(ndarray::s![.., ..d]);
            let products = part.dot(&part.t());
            let inside = (0..7).filter(|&k| (0..7).all(|j| j == k || products[[k, j]] < products[[k, k]]));
            assert_eq!(found[d - 1], inside.count() as f64 / 7.0);
        }
    }

    #[test]
    fn vectors_of_equal_length_are_all_inside() {
        let mut stream = Stream::new(5, &[]);
        let angles: Vec<f64> = (0..20).map(|_| stream.between(0.0, 6.2)).collect();
        let columns = [angles.iter().map(|a| a.cos()).collect(), angles.iter().map(|a| a.sin()).collect()];
        assert_eq!(shares_inside(20, columns.into_iter())[1], 1.0);
    }

    #[test]
    fn all_units_of_a_readout_are_all_of_its_weight() {
        let fixture = Fixture::random(20, 3);
        material(&fixture, |material| {
            let found = ZoneMembership::analyse(material).unwrap();
            assert_eq!((found.random.len(), found.trained.len()), (50, 11));
            let last = found.trained[10];
            assert_eq!((last.low, last.high), (found.whole, found.whole));
        });
    }
}
