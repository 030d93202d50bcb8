//! Sums of products of f32 values and of their differences, in f64 and in one fixed order.
//!
//! A product of two f32 values is exact in f64, so only the order of additions decides the
//! bits of a result, and here it depends on nothing but the number of units.

/// Sums that run side by side, so that the processor need not wait for each addition.
const LANES: usize = 8;

/// `Σ_u term(a_u, b_u)`: eight interleaved sums, then those in order.
fn interleaved<A, B>(a: &[A], b: &[B], term: impl Fn(f64, f64) -> f64) -> f64
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    let mut sums = [0.0; LANES];
    let (heads, tails) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = heads.remainder().iter().zip(tails.remainder());
    for (x, y) in heads.zip(tails) {
        for lane in 0..LANES {
            sums[lane] += term(x[lane].into(), y[lane].into());
        }
    }
    for (lane, (&x, &y)) in rest.enumerate() {
        sums[lane] += term(x.into(), y.into());
    }
    sums.iter().sum()
}

/// `a · b`
pub(crate) fn dot<A: Copy + Into<f64>, B: Copy + Into<f64>>(a: &[A], b: &[B]) -> f64 {
    interleaved(a, b, |x, y| x * y)
}

/// `‖a‖₂`
pub(crate) fn norm<A: Copy + Into<f64>>(a: &[A]) -> f64 {
    dot(a, a).sqrt()
}

/// `a − b`, so that what is small is not lost in the difference of two large sums.
pub(crate) fn difference(a: &[f32], b: &[f32]) -> Vec<f64> {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) - f64::from(y)).collect()
}

/// A matrix laid out for products with many vectors: panels of eight rows, unit by unit.
pub(crate) struct Panels {
    /// `[panel, unit, lane]`, rows beyond the last are zero.
    values: Vec<f64>,
    n_rows: usize,
    n_units: usize,
}

impl Panels {
    /// `weight`: `[row, unit]` in standard layout.
    pub(crate) fn new(weight: &[f32], n_rows: usize, n_units: usize) -> Self {
        let mut values = vec![0.0; n_rows.div_ceil(LANES) * n_units * LANES];
        for row in 0..n_rows {
            for unit in 0..n_units {
                values[(row / LANES * n_units + unit) * LANES + row % LANES] =
                    f64::from(weight[row * n_units + unit]);
            }
        }
        Self { values, n_rows, n_units }
    }

    /// The product of every row with every vector: `[vector, row]`.
    ///
    /// # Shapes
    /// - `vectors`: `[vector, unit]`, standard layout
    pub(crate) fn products(&self, vectors: &[f32]) -> Vec<f64> {
        let vectors: Vec<f64> = vectors.iter().map(|&value| f64::from(value)).collect();
        let n_vectors = vectors.len() / self.n_units;
        let mut products = vec![0.0; n_vectors * self.n_rows];
        let mut write = |vector: usize, panel: usize, sums: &[f64; LANES]| {
            let rows = panel * LANES..self.n_rows.min((panel + 1) * LANES);
            products[vector * self.n_rows..][rows.clone()].copy_from_slice(&sums[..rows.len()]);
        };
        for (panel, weight) in self.values.chunks_exact(self.n_units * LANES).enumerate() {
            for (pair, two) in vectors.chunks(2 * self.n_units).enumerate() {
                let (first, second) = two.split_at(self.n_units);
                if second.is_empty() {
                    write(2 * pair, panel, &one_by_panel(weight, first));
                } else {
                    let [first, second] = two_by_panel(weight, first, second);
                    write(2 * pair, panel, &first);
                    write(2 * pair + 1, panel, &second);
                }
            }
        }
        products
    }
}

fn one_by_panel(weight: &[f64], vector: &[f64]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (weight, &value) in weight.chunks_exact(LANES).zip(vector) {
        for lane in 0..LANES {
            sums[lane] += weight[lane] * value;
        }
    }
    sums
}

/// Two vectors at a time: each weight is loaded once for both.
fn two_by_panel(weight: &[f64], first: &[f64], second: &[f64]) -> [[f64; LANES]; 2] {
    let mut sums = [[0.0; LANES]; 2];
    for ((weight, &a), &b) in weight.chunks_exact(LANES).zip(first).zip(second) {
        for lane in 0..LANES {
            sums[0][lane] += weight[lane] * a;
            sums[1][lane] += weight[lane] * b;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use super::*;

    fn values(n: usize, seed: u64) -> Vec<f32> {
        let mut stream = Stream::new(seed, &[]);
        (0..n).map(|_| stream.between(-1.0, 1.0) as f32).collect()
    }

    #[test]
    fn products_are_the_plain_sums_to_the_bit() {
        for (n_rows, n_units, n_vectors) in [(1, 1, 1), (7, 5, 3), (8, 13, 2), (19, 40, 5)] {
            let (weight, vectors) = (values(n_rows * n_units, 1), values(n_vectors * n_units, 2));
            let products = Panels::new(&weight, n_rows, n_units).products(&vectors);
            for vector in 0..n_vectors {
                for row in 0..n_rows {
                    let mut plain = 0.0;
                    for unit in 0..n_units {
                        plain += f64::from(weight[row * n_units + unit])
                            * f64::from(vectors[vector * n_units + unit]);
                    }
                    assert_eq!(products[vector * n_rows + row], plain);
                }
            }
        }
    }

    #[test]
    fn norms_and_differences_are_those_of_the_plain_sums() {
        for n in [1, 8, 29] {
            let (a, b) = (values(n, 1), values(n, 2));
            let square = |x: f64| x * x;
            let plain: f64 = a.iter().map(|&x| square(f64::from(x))).sum();
            assert!((norm(&a) - plain.sqrt()).abs() < 1e-14 * plain.sqrt());
            let plain: f64 = a.iter().zip(&b).map(|(&x, &y)| square(f64::from(x) - f64::from(y))).sum();
            assert!((norm(&difference(&a, &b)) - plain.sqrt()).abs() < 1e-14 * plain.sqrt());
        }
    }
}
