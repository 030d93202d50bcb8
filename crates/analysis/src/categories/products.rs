//! Products of prototypes, and the distances that follow from them.

use super::prototypes::snapped;
use crate::numeric::{Panels, dot};
use crate::readout_similarity::pairs;

/// A prototype nearer to the mean of all than this share of its length lies there: the rest is
/// rounding.
const AT_THE_MEAN: f64 = 1e-12;

/// Products of prototypes: with one another at every step, and with themselves at other steps.
pub(crate) struct Products {
    n: usize,
    base: usize,
    /// `m_k(t) · m_l(t)`: `[step, class, class]`.
    within: Vec<f64>,
    /// `m_k(t) · m_k(base)`: `[step, class]`.
    with_base: Vec<f64>,
    /// `m_k(t) · m_k(t − 1)`: `[step, class]`; 0 at the first step.
    with_previous: Vec<f64>,
}

impl Products {
    /// Of these prototypes, `[step, class, unit]`.
    pub(crate) fn of(means: &[f64], n: usize, n_units: usize, base: usize) -> Self {
        let mean = |step: usize, class: usize| &means[(step * n + class) * n_units..][..n_units];
        let mut found = Self { n, base, within: vec![], with_base: vec![], with_previous: vec![] };
        for (step, means) in means.chunks_exact(n * n_units).enumerate() {
            found.within.extend(Panels::new(means, n, n_units).products(means));
            for k in 0..n {
                found.with_base.push(dot(mean(step, k), mean(base, k)));
                found.with_previous.push(if step == 0 { 0.0 } else { dot(mean(step, k), mean(step - 1, k)) });
            }
        }
        found
    }

    pub(crate) fn product(&self, step: usize, k: usize, l: usize) -> f64 {
        self.within[(step * self.n + k) * self.n + l]
    }

    /// `‖m_k(t)‖²`
    pub(crate) fn square(&self, step: usize, k: usize) -> f64 {
        self.product(step, k, k)
    }

    /// The prototypes as they are.
    pub(crate) fn still(&self) -> Varied<'_> {
        Varied { products: self, change: None }
    }

    /// Prototypes whose products change by these sums minus twice what they are: `within(t, k, l)`,
    /// and of a class with itself `with_base(t, k)` and `with_previous(t, k)`.
    pub(crate) fn varied(
        &self,
        within: impl Fn(usize, usize, usize) -> f64,
        with_base: impl Fn(usize, usize) -> f64,
        with_previous: impl Fn(usize, usize) -> f64,
    ) -> Varied<'_> {
        let n = self.n;
        let own = |old: &[f64], sum: &dyn Fn(usize, usize) -> f64| {
            old.iter().enumerate().map(|(at, old)| sum(at / n, at % n) - 2.0 * old).collect()
        };
        let pair = |(at, old): (usize, &f64)| within(at / (n * n), at / n % n, at % n) - 2.0 * old;
        let change = Self {
            n,
            base: self.base,
            within: self.within.iter().enumerate().map(pair).collect(),
            with_base: own(&self.with_base, &with_base),
            with_previous: own(&self.with_previous, &with_previous),
        };
        Varied { products: self, change: Some(change) }
    }

    /// Products of the prototypes from which the mean of all of them is taken away: linear in
    /// those of the prototypes.
    fn centred(&self, step: usize) -> Vec<f64> {
        let n = self.n;
        let row = |k: usize| (0..n).map(|l| self.product(step, k, l)).sum::<f64>() / n as f64;
        let rows: Vec<f64> = (0..n).map(row).collect();
        let all = rows.iter().sum::<f64>() / n as f64;
        (0..n * n).map(|at| self.product(step, at / n, at % n) - rows[at / n] - rows[at % n] + all).collect()
    }
}

/// Prototypes, and what a weighting of the images changes in their products.
///
/// Distances change to first order, `δcos = δ(a · b) / ‖a‖‖b‖ − cos (δ‖a‖² / ‖a‖² + δ‖b‖² / ‖b‖²) / 2`,
/// so that they exist for every weighting; they may leave the range of a distance.
pub(crate) struct Varied<'a> {
    products: &'a Products,
    change: Option<Products>,
}

/// A product of two vectors and their squares.
type Angle = [f64; 3];

impl Varied<'_> {
    /// `cd(m_k(t), m_l(t))` of all pairs, condensed.
    pub(crate) fn distances(&self, step: usize) -> Vec<Option<f64>> {
        let angle = |of: &Products, (k, l)| [of.product(step, k, l), of.square(step, k), of.square(step, l)];
        let distance = |pair| {
            distance(angle(self.products, pair), self.change.as_ref().map(|change| angle(change, pair)))
        };
        pairs(self.products.n).map(distance).collect()
    }

    /// The same between prototypes from which the mean of all of them is taken away.
    pub(crate) fn centred_distances(&self, step: usize) -> Vec<Option<f64>> {
        let n = self.products.n;
        let mut centred = self.products.centred(step);
        for k in 0..n {
            if centred[k * n + k] <= AT_THE_MEAN * self.products.square(step, k) {
                centred[k * n + k] = 0.0;
            }
        }
        let change = self.change.as_ref().map(|change| change.centred(step));
        let angle = |of: &[f64], (k, l): (usize, usize)| [of[k * n + l], of[k * n + k], of[l * n + l]];
        let distance =
            |pair| distance(angle(&centred, pair), change.as_ref().map(|change| angle(change, pair)));
        pairs(n).map(distance).collect()
    }

    /// `cd(m_k(t), m_k(base))`
    pub(crate) fn shift_from_base(&self, step: usize, k: usize) -> Option<f64> {
        let angle = |of: &Products| {
            [of.with_base[step * of.n + k], of.square(step, k), of.square(self.products.base, k)]
        };
        distance(angle(self.products), self.change.as_ref().map(angle))
    }

    /// `cd(m_k(t), m_k(t − 1))`; `None` at the first step.
    pub(crate) fn shift_from_previous(&self, step: usize, k: usize) -> Option<f64> {
        let before = step.checked_sub(1)?;
        let angle =
            |of: &Products| [of.with_previous[step * of.n + k], of.square(step, k), of.square(before, k)];
        distance(angle(self.products), self.change.as_ref().map(angle))
    }

    #[cfg(test)]
    pub(crate) fn product(&self, step: usize, k: usize, l: usize) -> f64 {
        self.products.product(step, k, l)
            + self.change.as_ref().map_or(0.0, |change| change.product(step, k, l))
    }

    #[cfg(test)]
    pub(crate) fn with_previous(&self, step: usize, k: usize) -> f64 {
        let of = |of: &Products| of.with_previous[step * of.n + k];
        of(self.products) + self.change.as_ref().map_or(0.0, of)
    }
}

/// `1 − cos`, changed to first order; `None` where either vector is zero.
fn distance([product, a, b]: Angle, change: Option<Angle>) -> Option<f64> {
    if a <= 0.0 || b <= 0.0 {
        return None;
    }
    let lengths = (a * b).sqrt();
    let cosine = (product / lengths).clamp(-1.0, 1.0);
    let by = |[product, da, db]: Angle| product / lengths - cosine * (da / a + db / b) / 2.0;
    Some(snapped(1.0 - cosine - change.map_or(0.0, by)))
}

#[cfg(test)]
mod tests {
    use super::super::Stage;
    use super::super::prototypes::tests::{cd, plain_mean, read};
    use super::*;
    use crate::fixture::{Fixture, close};

    #[test]
    fn distances_are_those_of_plain_vectors() {
        let fixture = Fixture::random(40, 4);
        let read = read(&fixture, Stage::Feature, 1, 1 << 20);
        let products = read.products.still();
        let mean = |step: usize, class: usize| plain_mean(&fixture, Stage::Feature, step, class);
        for step in 0..4 {
            let all: Vec<Vec<f64>> = (0..8).map(|class| mean(step, class)).collect();
            let grand: Vec<f64> =
                (0..all[0].len()).map(|u| all.iter().map(|m| m[u]).sum::<f64>() / 8.0).collect();
            let centred = |m: &[f64]| m.iter().zip(&grand).map(|(m, g)| m - g).collect::<Vec<f64>>();
            let (raw, around) = (products.distances(step), products.centred_distances(step));
            for (at, (k, l)) in pairs(8).enumerate() {
                close(raw[at].unwrap(), cd(&all[k], &all[l]));
                close(around[at].unwrap(), cd(&centred(&all[k]), &centred(&all[l])));
            }
            close(products.shift_from_base(step, 2).unwrap(), cd(&all[2], &mean(1, 2)));
            let previous = products.shift_from_previous(step, 2);
            assert_eq!(previous.is_some(), step > 0);
            if let Some(found) = previous {
                close(found, cd(&all[2], &mean(step - 1, 2)));
            }
        }
    }

    #[test]
    fn prototypes_that_are_all_the_same_are_at_no_distance_and_have_no_centred_direction() {
        let alike = Products::of(&[0.1, 0.7, 0.3, 0.1, 0.7, 0.3], 2, 3, 0);
        assert_eq!(alike.still().distances(0), [Some(0.0)]);
        assert_eq!(alike.still().centred_distances(0), [None]);
        let zero = Products::of(&[0.0, 0.0, 1.0, 2.0], 2, 2, 0);
        assert_eq!(zero.still().distances(0), [None]);
        assert_eq!(zero.still().shift_from_base(0, 0), None);
    }

    /// Against the change of the distance when vectors themselves move a little.
    #[test]
    fn distances_change_as_when_vectors_move_a_little() {
        let (a, b) = ([1.0, 0.4, -0.3], [0.2, 0.9, 0.5]);
        let (da, db) = ([1e-6, -2e-6, 3e-6], [-2e-6, 1e-6, 1e-6]);
        let moved = |v: [f64; 3], d: [f64; 3]| [v[0] + d[0], v[1] + d[1], v[2] + d[2]];
        let angle = [dot(&a, &b), dot(&a, &a), dot(&b, &b)];
        let change = [dot(&a, &db) + dot(&da, &b), 2.0 * dot(&a, &da), 2.0 * dot(&b, &db)];
        let found = distance(angle, Some(change)).unwrap() - distance(angle, None).unwrap();
        let plain = cd(&moved(a, da), &moved(b, db)) - cd(&a, &b);
        assert!((found - plain).abs() < 1e-11, "{found} {plain}: second order is 1e-12");
    }
}
