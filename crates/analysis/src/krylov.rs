//! The largest singular value and the spectral radius of matrices that can only be multiplied
//! with vectors.
//!
//! Several matrices of one size at once (the Jacobians of several images), each with its own
//! Krylov space, so that every product is one batch for the network behind it. Products come in
//! f32, everything else is f64; every basis is orthogonalised twice against all of its vectors.
//!
//! - [`largest_singular_values`]: Golub, Kahan & Lanczos' bidiagonalisation. After `k` steps
//!   `A V = U B` and `Aᵀ U = V Bᵀ + β v eᵀ`; the largest singular value of the small `B` is a lower bound
//!   of that of `A`, and there is an exact singular value within `|β| · |last entry of B's left vector|`.
//! - [`spectral_radii`]: Arnoldi's method. `A V = V H + h v eᵀ`; the eigenvalue of `H` of largest
//!   modulus, with residual `|h| · |last entry of H's eigenvector|`.

use nalgebra::{Complex, DMatrix, DVector};
use redyn_core::random::Stream;

/// Matrices `A` of one size, one for each image, known by their products.
pub struct Operators<'a> {
    /// Number of matrices.
    pub batch: usize,
    /// Columns of each.
    pub n: usize,
    /// `A · v`: `[batch, n]` to `[batch, rows]`.
    pub forward: &'a dyn Fn(&[f32]) -> Vec<f32>,
    /// `Aᵀ · u`: `[batch, rows]` to `[batch, n]`.
    pub backward: &'a dyn Fn(&[f32]) -> Vec<f32>,
}

/// When to be content.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// Vectors of a basis, at most.
    pub vectors: usize,
    /// Residual at which a value counts as found, as a share of it.
    pub tolerance: f64,
    /// Seed of the first vectors.
    pub seed: u64,
}

impl Default for Precision {
    /// 40 vectors, 0.1 %.
    fn default() -> Self {
        Self { vectors: 40, tolerance: 1e-3, seed: 1 }
    }
}

/// A value of one matrix, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Real part.
    pub real: f64,
    /// Imaginary part: 0 for a singular value, not negative for an eigenvalue (those of real
    /// matrices come in pairs).
    pub imaginary: f64,
    /// Norm of the residual.
    pub residual: f64,
}

impl Found {
    /// `|λ|`.
    pub fn modulus(&self) -> f64 {
        self.real.hypot(self.imaginary)
    }

    /// Whether the residual is within the tolerance.
    pub fn is_within(&self, precision: &Precision) -> bool {
        self.residual <= precision.tolerance * self.modulus()
    }
}

/// What adds nothing to a basis, as a share of the vector it was before it was orthogonalised:
/// above the rounding of f32 products.
const NOTHING_NEW: f64 = 1e-6;

/// The largest singular value of every matrix.
///
/// # Panics
/// If a product has not the size it should have.
pub fn largest_singular_values(operators: &Operators, precision: &Precision) -> Vec<Found> {
    let mut spaces: Vec<Bidiagonal> = (0..operators.batch).map(|_| Bidiagonal::default()).collect();
    let mut next = beginnings(operators, precision.seed);
    for _ in 0..precision.vectors.min(operators.n) {
        let products = images(&(operators.forward)(&together(&next)), operators.batch);
        for ((space, v), product) in spaces.iter_mut().zip(&next).zip(products) {
            space.take_right(v, product);
        }
        let left: Vec<Vec<f64>> = spaces.iter().map(Bidiagonal::newest_left).collect();
        let products = images(&(operators.backward)(&together(&left)), operators.batch);
        next = spaces.iter_mut().zip(products).map(|(space, product)| space.take_left(product)).collect();
        if spaces.iter().all(|space| space.is_finished() || space.largest().is_within(precision)) {
            break;
        }
    }
    spaces.iter().map(Bidiagonal::largest).collect()
}

/// The eigenvalue of largest modulus of every matrix.
///
/// # Panics
/// If the matrices are not square.
pub fn spectral_radii(operators: &Operators, precision: &Precision) -> Vec<Found> {
    let mut spaces: Vec<Arnoldi> = (0..operators.batch).map(|_| Arnoldi::default()).collect();
    let mut next = beginnings(operators, precision.seed);
    for _ in 0..precision.vectors.min(operators.n) {
        let products = images(&(operators.forward)(&together(&next)), operators.batch);
        next = spaces
            .iter_mut()
            .zip(next)
            .zip(products)
            .map(|((space, v), product)| space.take(v, product))
            .collect();
        if spaces.iter().all(|space| space.is_finished() || space.largest().is_within(precision)) {
            break;
        }
    }
    spaces.iter().map(Arnoldi::largest).collect()
}

/// A random unit vector for every matrix: image `i`'s is drawn at `(seed, [i])`.
fn beginnings(operators: &Operators, seed: u64) -> Vec<Vec<f64>> {
    let unit = |image: usize| {
        let mut stream = Stream::new(seed, &[image as u64]);
        let mut v: Vec<f64> = (0..operators.n).map(|_| stream.between(-1.0, 1.0)).collect();
        normalise(&mut v);
        v
    };
    (0..operators.batch).map(unit).collect()
}

fn together(vectors: &[Vec<f64>]) -> Vec<f32> {
    vectors.iter().flatten().map(|&value| value as f32).collect()
}

fn images(values: &[f32], batch: usize) -> Vec<Vec<f64>> {
    let n = values.len() / batch.max(1);
    (0..batch).map(|image| values[image * n..][..n].iter().map(|&value| f64::from(value)).collect()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Make a vector one of length 1, and give the length it had; zeros stay zeros.
fn normalise(v: &mut [f64]) -> f64 {
    let length = dot(v, v).sqrt();
    if length > 0.0 {
        for value in &mut *v {
            *value /= length;
        }
    }
    length
}

/// Take away what lies in the span of a basis, twice; the coefficients.
fn orthogonalise(basis: &[Vec<f64>], v: &mut [f64]) -> Vec<f64> {
    let mut coefficients = vec![0.0; basis.len()];
    for _ in 0..2 {
        for (coefficient, vector) in coefficients.iter_mut().zip(basis) {
            let along = dot(vector, v);
            *coefficient += along;
            v.iter_mut().zip(vector).for_each(|(v, b)| *v -= along * b);
        }
    }
    coefficients
}

/// The new direction in a product, and its length: zeros if there is none.
fn newly(basis: &[Vec<f64>], mut product: Vec<f64>) -> (Vec<f64>, Vec<f64>, f64) {
    let before = dot(&product, &product).sqrt();
    let coefficients = orthogonalise(basis, &mut product);
    let length = normalise(&mut product);
    if length <= NOTHING_NEW * before {
        product.fill(0.0);
        return (product, coefficients, 0.0);
    }
    (product, coefficients, length)
}

/// `A V = U B` as far as it has got.
#[derive(Default)]
struct Bidiagonal {
    right: Vec<Vec<f64>>,
    left: Vec<Vec<f64>>,
    /// Diagonal of `B`.
    alphas: Vec<f64>,
    /// Beside the diagonal; the last one leads out of the basis.
    betas: Vec<f64>,
}

impl Bidiagonal {
    fn is_finished(&self) -> bool {
        self.alphas.last() == Some(&0.0) || self.betas.last() == Some(&0.0)
    }

    fn take_right(&mut self, v: &[f64], product: Vec<f64>) {
        if !self.is_finished() {
            let (u, _, alpha) = newly(&self.left, product);
            self.right.push(v.to_vec());
            self.left.push(u);
            self.alphas.push(alpha);
        }
    }

    fn newest_left(&self) -> Vec<f64> {
        self.left.last().cloned().unwrap_or_default()
    }

    fn take_left(&mut self, product: Vec<f64>) -> Vec<f64> {
        if self.is_finished() {
            return vec![0.0; product.len()];
        }
        let (v, _, beta) = newly(&self.right, product);
        self.betas.push(beta);
        v
    }

    fn largest(&self) -> Found {
        let k = self.alphas.len();
        let b = DMatrix::from_fn(k, k, |row, column| match column.checked_sub(row) {
            Some(0) => self.alphas[row],
            Some(1) => self.betas[row],
            _ => 0.0,
        });
        let svd = b.svd(true, false);
        let Some(first) = (0..k).max_by(|&a, &b| svd.singular_values[a].total_cmp(&svd.singular_values[b]))
        else {
            return Found { real: 0.0, imaginary: 0.0, residual: 0.0 };
        };
        let last = svd.u.as_ref().map_or(0.0, |u| u[(k - 1, first)]);
        // One step further than the diagonal, unless the basis was exhausted before.
        let out = if self.betas.len() == k { self.betas[k - 1] } else { 0.0 };
        Found { real: svd.singular_values[first], imaginary: 0.0, residual: (out * last).abs() }
    }
}

/// `A V = V H` as far as it has got.
#[derive(Default)]
struct Arnoldi {
    basis: Vec<Vec<f64>>,
    /// Columns of `H`, each one longer than the one before.
    columns: Vec<Vec<f64>>,
    /// What leads out of the basis.
    out: Option<f64>,
}

impl Arnoldi {
    fn is_finished(&self) -> bool {
        self.out == Some(0.0)
    }

    fn take(&mut self, v: Vec<f64>, product: Vec<f64>) -> Vec<f64> {
        assert_eq!(product.len(), v.len(), "a square matrix");
        if self.is_finished() {
            return v;
        }
        self.basis.push(v);
        let (next, mut column, length) = newly(&self.basis, product);
        column.push(length);
        self.columns.push(column);
        self.out = Some(length);
        next
    }

    fn largest(&self) -> Found {
        let k = self.columns.len();
        let entry = |row: usize, column: usize| self.columns[column].get(row).copied().unwrap_or(0.0);
        let h = DMatrix::from_fn(k, k, entry);
        let values = h.complex_eigenvalues();
        let Some(value) = values.iter().copied().max_by(|a, b| a.norm().total_cmp(&b.norm())) else {
            return Found { real: 0.0, imaginary: 0.0, residual: 0.0 };
        };
        let residual = self.out.unwrap_or(0.0) * last_of_eigenvector(&h, value);
        Found { real: value.re, imaginary: value.im.abs(), residual }
    }
}

/// `|last entry|` of the unit eigenvector, by inverse iteration from beside the eigenvalue.
fn last_of_eigenvector(h: &DMatrix<f64>, value: Complex<f64>) -> f64 {
    let k = h.nrows();
    let beside = value + Complex::from(1e-10 * value.norm().max(h.norm()).max(f64::MIN_POSITIVE));
    let shifted = h.map(Complex::from) - DMatrix::from_diagonal_element(k, k, beside);
    let lu = shifted.lu();
    let mut vector = DVector::from_element(k, Complex::from(1.0));
    for _ in 0..3 {
        match lu.solve(&vector) {
            Some(solved) if solved.norm().is_finite() && solved.norm() > 0.0 => {
                vector = solved.unscale(solved.norm());
            }
            // Exactly an eigenvalue of a matrix that cannot be solved with: nothing is known of the
            // vector, so the residual is taken at its largest.
            _ => return 1.0,
        }
    }
    vector[k - 1].norm()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random matrices, `[batch, rows, columns]`, with their products.
    struct Dense {
        matrices: Vec<DMatrix<f64>>,
    }

    impl Dense {
        fn random(batch: usize, rows: usize, columns: usize) -> Self {
            let mut stream = Stream::new(9, &[rows as u64, columns as u64]);
            let mut matrix = || DMatrix::from_fn(rows, columns, |_, _| stream.between(-1.0, 1.0));
            Self { matrices: (0..batch).map(|_| matrix()).collect() }
        }

        fn products(&self, vectors: &[f32], transposed: bool) -> Vec<f32> {
            let vectors = images(vectors, self.matrices.len());
            let product = |(matrix, v): (&DMatrix<f64>, Vec<f64>)| {
                let v = DVector::from_vec(v);
                let product = if transposed { matrix.tr_mul(&v) } else { matrix * v };
                product.iter().map(|&value| value as f32).collect::<Vec<f32>>()
            };
            self.matrices.iter().zip(vectors).flat_map(product).collect()
        }

        fn with<R>(&self, run: impl FnOnce(&Operators) -> R) -> R {
            run(&Operators {
                batch: self.matrices.len(),
                n: self.matrices[0].ncols(),
                forward: &|v| self.products(v, false),
                backward: &|u| self.products(u, true),
            })
        }
    }

    /// Products in f32, values of size 1 to 10.
    const ROUNDING: f64 = 1e-4;

    #[test]
    fn the_largest_singular_value_is_that_of_the_whole_matrix() {
        for (rows, columns) in [(20, 20), (12, 30), (30, 12), (1, 5), (5, 1)] {
            let dense = Dense::random(3, rows, columns);
            let precision = Precision { tolerance: 1e-5, ..Precision::default() };
            let found = dense.with(|operators| largest_singular_values(operators, &precision));
            for (found, matrix) in found.iter().zip(&dense.matrices) {
                let expected = matrix.singular_values().max();
                assert!((found.real - expected).abs() < ROUNDING, "{rows} x {columns}: {found:?} {expected}");
                assert!(found.is_within(&precision));
            }
        }
    }

    #[test]
    fn the_spectral_radius_is_that_of_the_whole_matrix() {
        for n in [1, 2, 15, 40] {
            let dense = Dense::random(4, n, n);
            let precision = Precision { tolerance: 1e-5, ..Precision::default() };
            let found = dense.with(|operators| spectral_radii(operators, &precision));
            for (found, matrix) in found.iter().zip(&dense.matrices) {
                let all = matrix.complex_eigenvalues();
                let expected = all.iter().map(|value| value.norm()).fold(0.0, f64::max);
                assert!((found.modulus() - expected).abs() < ROUNDING, "{n}: {found:?} {expected}");
            }
        }
    }

    #[test]
    fn a_residual_says_how_far_a_short_basis_is_from_an_exact_value() {
        let dense = Dense::random(5, 200, 200);
        let precision = Precision { vectors: 12, tolerance: 0.0, seed: 2 };
        let found = dense.with(|operators| largest_singular_values(operators, &precision));
        for (found, matrix) in found.iter().zip(&dense.matrices) {
            let all = matrix.singular_values();
            assert!(all.iter().any(|&exact| (exact - found.real).abs() <= found.residual + ROUNDING));
            assert!(found.real <= all.max() + ROUNDING && found.residual > 0.0);
        }
    }

    #[test]
    fn a_matrix_of_zeros_and_a_rotation_are_what_they_are() {
        let zeros = Dense { matrices: vec![DMatrix::zeros(6, 6)] };
        let precision = Precision::default();
        assert_eq!(zeros.with(|operators| largest_singular_values(operators, &precision))[0].real, 0.0);
        assert_eq!(zeros.with(|operators| spectral_radii(operators, &precision))[0].modulus(), 0.0);
        let (sine, cosine) = 0.7_f64.sin_cos();
        let rotation =
            Dense { matrices: vec![2.0 * DMatrix::from_row_slice(2, 2, &[cosine, -sine, sine, cosine])] };
        let found = rotation.with(|operators| spectral_radii(operators, &precision))[0];
        assert!(
            (found.real - 2.0 * cosine).abs() < ROUNDING && (found.imaginary - 2.0 * sine).abs() < ROUNDING
        );
    }
}
