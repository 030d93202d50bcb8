//! Prototypes of categories, and one row per image of what it has to do with them.

use rayon::prelude::*;
use redyn_core::Description;

use super::Centroid;
use super::along::{Axes, TOGETHER};
use super::nearest::Seen;
use super::products::Products;
use super::staged::Staged;
use crate::Error;
use crate::numeric::{all_finite, dot, vectorised};

/// Prototypes at every step of a stage, and what every image has to do with them.
pub(crate) struct Prototypes {
    /// The classes that have images, in their order.
    pub(crate) classes: Vec<usize>,
    /// Images of each.
    pub(crate) sizes: Vec<usize>,
    /// Place of every image's class in `classes`: `[image]`.
    pub(crate) place: Vec<usize>,
    pub(crate) n_steps: usize,
    pub(crate) n_units: usize,
    /// Step that later ones are compared to.
    pub(super) base: usize,
    /// `m_k(t)`: `[step, class, unit]`.
    means: Vec<f64>,
    /// Their products.
    pub(crate) products: Products,
    /// One per image and step: `[image, step]`.
    rows: Vec<Row>,
}

/// What an image has to do with the prototypes of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    /// `‖x_n(t)‖²`
    square: f64,
    /// `x_n(t) · m_y(t)`, with `y` the class of the image.
    own: f64,
    /// Whether `m_y(t)` is the nearest: left out of it, and not.
    nearest: [Option<bool>; 2],
}

impl Prototypes {
    /// Bytes of the prototypes of a stage, of their products and of the rows.
    pub(crate) fn bytes(about: &Description) -> usize {
        let n = about.classes.len();
        let of_step = 8 * n * (about.n_units.max(n) + n) + size_of::<Row>() * about.n_images;
        of_step * about.n_steps
    }

    /// Read the trajectories twice: for the prototypes, and for the rows.
    ///
    /// `None` where a logit is minus infinity, which has no direction.
    ///
    /// # Errors
    /// Whatever the source reports.
    pub(crate) fn read(source: &Staged, base: usize, memory: usize) -> Result<Option<Self>, Error> {
        let (labels, n_steps, n_units) = (source.source.labels(), source.n_steps(), source.n_units());
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let place: Vec<usize> = labels
            .iter()
            .map(|label| classes.binary_search(label).expect("every label is among the classes"))
            .collect();
        let mut sizes = vec![0; classes.len()];
        for &class in &place {
            sizes[class] += 1;
        }

        let mut means = vec![0.0; n_steps * classes.len() * n_units];
        let mut finite = true;
        source.each_block(memory, |images, values| {
            finite = finite && all_finite(values);
            means.par_chunks_mut(classes.len() * n_units).enumerate().for_each(|(step, means)| {
                // In the order of the images, whatever the block.
                for (image, values) in images.clone().zip(values.chunks_exact(n_steps * n_units)) {
                    let sum = &mut means[place[image] * n_units..][..n_units];
                    sum.iter_mut().zip(&values[step * n_units..]).for_each(|(sum, &x)| *sum += f64::from(x));
                }
            });
        })?;
        if !finite {
            return Ok(None);
        }
        for (mean, class) in means.chunks_exact_mut(n_units).zip((0..classes.len()).cycle()) {
            for mean in mean {
                *mean /= sizes[class] as f64;
            }
        }
        let products = Products::of(&means, classes.len(), n_units, base);
        let rows = Vec::with_capacity(labels.len() * n_steps);
        let mut found = Self { classes, sizes, place, n_steps, n_units, base, means, products, rows };
        let axes = found.axes();
        source.each_block(memory, |images, values| {
            let some = |(part, values): (usize, &[f32])| {
                let along = axes.along(values);
                let values = values.chunks_exact(n_units).zip(along.chunks_exact(found.classes.len()));
                let first = images.start + part * TOGETHER;
                let row = |(at, (x, along)): (usize, (&[f32], &[f64]))| {
                    found.row(first + at / n_steps, at % n_steps, x, along)
                };
                values.enumerate().map(row).collect::<Vec<Row>>()
            };
            let parts = values.par_chunks(TOGETHER * n_steps * n_units).enumerate();
            let rows: Vec<Vec<Row>> = parts.map(some).collect();
            found.rows.extend(rows.into_iter().flatten());
        })?;
        Ok(Some(found))
    }

    /// What an image has to do with the prototypes of a step, given its products with them.
    fn row(&self, image: usize, step: usize, x: &[f32], along: &[f64]) -> Row {
        let class = self.place[image];
        let square = vectorised(
            #[inline(always)]
            || dot(x, x),
        );
        let nearest = [Centroid::LeaveOneOut, Centroid::Whole].map(|centroid| {
            let squares = |class: usize| self.products.square(step, class);
            let seen = Seen { along, square, class, of_class: self.sizes[class] };
            seen.nearest_is_own(squares, centroid)
        });
        Row { square, own: along[class], nearest }
    }

    /// The prototypes of every step, to form products with.
    pub(super) fn axes(&self) -> Axes {
        Axes::new(&self.means, self.classes.len(), self.n_units)
    }

    /// Products of the prototypes, and with those of another base.
    pub(crate) fn products_from(&self, base: usize) -> Products {
        Products::of(&self.means, self.classes.len(), self.n_units, base)
    }

    /// `m_k(t)`: `[unit]`.
    #[inline(always)]
    pub(crate) fn mean(&self, step: usize, class: usize) -> &[f64] {
        &self.means[(step * self.classes.len() + class) * self.n_units..][..self.n_units]
    }

    /// Number of images.
    pub(crate) fn n_images(&self) -> usize {
        self.place.len()
    }

    /// Whether the nearest prototype is that of the image's own class; `None` where image or own
    /// prototype is zero or absent.
    pub(crate) fn nearest_is_own(&self, image: usize, step: usize, centroid: Centroid) -> Option<bool> {
        self.rows[image * self.n_steps + step].nearest[centroid as usize]
    }

    /// `cd(x_n(t), m_y(t))`, with `y` the class of the image; `None` where either is zero.
    pub(crate) fn local(&self, image: usize, step: usize) -> Option<f64> {
        let Row { square, own, .. } = self.rows[image * self.n_steps + step];
        let lengths = (square * self.products.square(step, self.place[image])).sqrt();
        (lengths > 0.0).then(|| snapped(1.0 - own / lengths))
    }
}

/// Distances below are rounding of directions that are the same.
const SAME: f64 = 1e-12;

/// A distance, 0 where it is rounding.
pub(crate) fn snapped(distance: f64) -> f64 {
    if distance.abs() < SAME { 0.0 } else { distance }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::categories::Stage;
    use crate::fixture::{Fixture, close};

    pub(crate) fn read(fixture: &Fixture, stage: Stage, base: usize, memory: usize) -> Prototypes {
        Prototypes::read(&Staged::new(fixture, stage, true), base, memory).unwrap().unwrap()
    }

    /// `x_n(t)` at a stage, by the plainest way.
    pub(crate) fn vector(fixture: &Fixture, stage: Stage, image: usize, step: usize) -> Vec<f64> {
        let array = if stage == Stage::Feature { &fixture.representations } else { &fixture.logits };
        array.slice(ndarray::s![image, step, ..]).iter().map(|&x| f64::from(x)).collect()
    }

    /// `m_k(t)` with a weight per image.
    pub(crate) fn plain_mean(fixture: &Fixture, stage: Stage, step: usize, class: usize) -> Vec<f64> {
        let members: Vec<usize> = (0..fixture.labels.len()).filter(|&n| fixture.labels[n] == class).collect();
        let all: Vec<Vec<f64>> = members.iter().map(|&n| vector(fixture, stage, n, step)).collect();
        (0..all[0].len()).map(|u| all.iter().map(|x| x[u]).sum::<f64>() / all.len() as f64).collect()
    }

    /// `1 − cos`, by the plainest way.
    pub(crate) fn cd(a: &[f64], b: &[f64]) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn prototypes_and_local_distances_are_those_of_plain_means() {
        let fixture = Fixture::random(40, 4);
        for stage in Stage::ALL {
            let found = read(&fixture, stage, 1, 1 << 20);
            for step in 0..4 {
                for (at, &class) in found.classes.iter().enumerate() {
                    let plain = plain_mean(&fixture, stage, step, class);
                    found.mean(step, at).iter().zip(&plain).for_each(|(&a, &b)| close(a, b));
                }
                for image in 0..40 {
                    let own = plain_mean(&fixture, stage, step, fixture.labels[image]);
                    let plain = cd(&vector(&fixture, stage, image, step), &own);
                    close(found.local(image, step).unwrap(), plain);
                }
            }
        }
    }

    #[test]
    fn blocks_do_not_change_a_bit() {
        let fixture = Fixture::random(30, 3);
        let (one, many) =
            (read(&fixture, Stage::Decision, 0, 1 << 20), read(&fixture, Stage::Decision, 0, 1));
        assert!(one.means == many.means && one.rows == many.rows);
    }

    #[test]
    fn a_recorded_logit_of_minus_infinity_leaves_no_decision_stage() {
        let mut fixture = Fixture::random(20, 3);
        fixture.logits[[3, 1, 2]] = f32::NEG_INFINITY;
        let of = |reads: bool| {
            Prototypes::read(&Staged::new(&fixture, Stage::Decision, reads), 0, 1 << 20).unwrap()
        };
        assert!(of(false).is_none());
        assert!(of(true).is_some(), "what the readout says is finite");
    }
}
