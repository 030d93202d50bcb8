//! Prototypes of categories, and one row per image of what it has to do with them.

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;
use redyn_core::{Block, TrajectorySource};

use super::Stage;
use crate::Error;
use crate::numeric::{Panels, all_finite, dot, vectorised};
use crate::reader::Reader;
use crate::replicates::{LANES, Multiplicities};

use super::products::{Products, Varied};

/// Prototypes at every step of a stage, and the products of every image with them.
///
/// From the rows everything about prototypes is found again for any weighting of the images, as
/// `m_k · m_l` is linear in the images of either class; see [`Prototypes::weighted`].
///
/// # Limits
/// Takes `8 · n_images · n_steps · n_classes` bytes.
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
    base: usize,
    /// `m_k(t)`: `[step, class, unit]`.
    means: Vec<f64>,
    /// Their products.
    pub(crate) products: Products,
    /// `x_n(t) · m_l(t)`: `[image, step, class]`.
    along: Vec<f64>,
    /// `‖x_n(t)‖²`: `[image, step]`.
    squares: Vec<f64>,
    /// Products with the own prototype at another step: `[image, step]`.
    crossed: Vec<Crossed>,
}

/// Products of an image with the prototype of its class.
#[derive(Clone, Copy)]
struct Crossed {
    /// `x(t) · m(base) + x(base) · m(t)`
    base: f64,
    /// `x(t) · m(t − 1) + x(t − 1) · m(t)`; 0 at the first step.
    previous: f64,
}

impl Prototypes {
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
        let mut found = Self {
            products,
            along: Vec::with_capacity(labels.len() * n_steps * classes.len()),
            squares: Vec::with_capacity(labels.len() * n_steps),
            crossed: Vec::with_capacity(labels.len() * n_steps),
            classes,
            sizes,
            place,
            n_steps,
            n_units,
            base,
            means,
        };
        source.each_block(memory, |images, values| {
            let rows: Vec<_> = values
                .par_chunks_exact(n_steps * n_units)
                .zip(images.into_par_iter())
                .map(|(values, image)| found.row(values, found.place[image]))
                .collect();
            for (along, squares, crossed) in rows {
                found.along.extend(along);
                found.squares.extend(squares);
                found.crossed.extend(crossed);
            }
        })?;
        Ok(Some(found))
    }

    /// What an image has to do with the prototypes.
    fn row(&self, values: &[f32], class: usize) -> (Vec<f64>, Vec<f64>, Vec<Crossed>) {
        vectorised(
            #[inline(always)]
            || {
                let x = |step: usize| &values[step * self.n_units..][..self.n_units];
                let with = |at: usize, step: usize| dot(x(at), self.mean(step, class));
                let mut along = Vec::with_capacity(self.n_steps * self.classes.len());
                let (mut squares, mut crossed) = (Vec::new(), Vec::new());
                for step in 0..self.n_steps {
                    along.extend((0..self.classes.len()).map(|other| dot(x(step), self.mean(step, other))));
                    squares.push(dot(x(step), x(step)));
                    let previous = if step == 0 { 0.0 } else { with(step, step - 1) + with(step - 1, step) };
                    crossed.push(Crossed { base: with(step, self.base) + with(self.base, step), previous });
                }
                (along, squares, crossed)
            },
        )
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

    /// `x_n(t) · m_l(t)`: `[class]`.
    pub(crate) fn along(&self, image: usize, step: usize) -> &[f64] {
        let n = self.classes.len();
        &self.along[(image * self.n_steps + step) * n..][..n]
    }

    /// `‖x_n(t)‖²`
    pub(crate) fn square(&self, image: usize, step: usize) -> f64 {
        self.squares[image * self.n_steps + step]
    }

    /// `cd(x_n(t), m_y(t))`, with `y` the class of the image; `None` where either is zero.
    pub(crate) fn local(&self, image: usize, step: usize) -> Option<f64> {
        let class = self.place[image];
        let lengths = (self.square(image, step) * self.products.square(step, class)).sqrt();
        (lengths > 0.0).then(|| snapped(1.0 - self.along(image, step)[class] / lengths))
    }

    /// Products of the prototypes for weighted images, to first order in the weights.
    ///
    /// With `A_kl = Σ_{n ∈ k} w_n x_n · m_l / n_k` the product `m_k · m_l` changes by
    /// `A_kl + A_lk − 2 m_k · m_l`: what is left out is the product of what the weights change in
    /// either. Between classes its mean is zero. Within one it is the noise that resampling adds to
    /// a mean whose images are a sample already: kept, it would drive every replicate's prototypes
    /// apart, and intervals of their distances would lie beside their values.
    pub(crate) fn weighted(&self, multiplicities: &Multiplicities) -> [Varied<'_>; LANES] {
        let (n, n_steps) = (self.classes.len(), self.n_steps);
        // [class, step, other class], and [class, step] twice.
        let mut sums = vec![[0.0; LANES]; n * n_steps * n];
        let mut crossed = vec![[[0.0; LANES]; 2]; n * n_steps];
        vectorised(
            #[inline(always)]
            || {
                for (image, (weights, along)) in
                    multiplicities.iter().zip(self.along.chunks_exact(n_steps * n)).enumerate()
                {
                    let weights = weights.map(f64::from);
                    let class = self.place[image];
                    let own = &mut sums[class * n_steps * n..][..n_steps * n];
                    for (sum, &value) in own.iter_mut().zip(along) {
                        (0..LANES).for_each(|lane| sum[lane] += weights[lane] * value);
                    }
                    let own = &mut crossed[class * n_steps..][..n_steps];
                    for (sum, value) in own.iter_mut().zip(&self.crossed[image * n_steps..]) {
                        for lane in 0..LANES {
                            sum[0][lane] += weights[lane] * value.base;
                            sum[1][lane] += weights[lane] * value.previous;
                        }
                    }
                }
            },
        );
        let size = |class: usize| self.sizes[class] as f64;
        std::array::from_fn(|lane| {
            let a = |step: usize, k: usize, l: usize| sums[(k * n_steps + step) * n + l][lane] / size(k);
            let own =
                |which: usize, step: usize, k: usize| crossed[k * n_steps + step][which][lane] / size(k);
            self.products.varied(
                |step, k, l| a(step, k, l) + a(step, l, k),
                |step, k| own(0, step, k),
                |step, k| own(1, step, k),
            )
        })
    }
}

/// Distances below are rounding of directions that are the same.
const SAME: f64 = 1e-12;

/// A distance, 0 where it is rounding.
pub(crate) fn snapped(distance: f64) -> f64 {
    if distance.abs() < SAME { 0.0 } else { distance }
}

/// A stage of some trajectories.
pub(crate) struct Staged<'a> {
    source: &'a dyn TrajectorySource,
    stage: Stage,
    /// The readout, where it makes the decision stage.
    readout: Option<Panels<f32>>,
}

impl<'a> Staged<'a> {
    /// `reads`: whether the readout of the description turns representations into the logits.
    pub(crate) fn new(source: &'a dyn TrajectorySource, stage: Stage, reads: bool) -> Self {
        let about = source.description();
        let readout =
            about.readout.as_ref().filter(|_| reads && stage == Stage::Decision && source.folds().is_none());
        let panels = |readout: &redyn_core::Readout| {
            let weight: Vec<f32> = readout.weight.iter().copied().collect();
            Panels::new(&weight, about.classes.len(), about.n_units)
        };
        Self { source, stage, readout: readout.map(panels) }
    }

    pub(crate) fn n_steps(&self) -> usize {
        self.source.description().n_steps
    }

    /// Length of a vector of this stage.
    pub(crate) fn n_units(&self) -> usize {
        let about = self.source.description();
        if self.stage == Stage::Feature { about.n_units } else { about.classes.len() }
    }

    /// Hand every block to `take`, in order: its images, and `[image, step, unit]`.
    pub(crate) fn each_block(
        &self,
        memory: usize,
        mut take: impl FnMut(Range<usize>, &[f32]),
    ) -> Result<(), Error> {
        let reader = Reader { source: self.source, zones: Vec::new() };
        let n_images = self.source.description().n_images;
        let n_per_block = self.source.images_in(memory / 2);
        for first in (0..n_images).step_by(n_per_block) {
            let block = reader.read(first..n_images.min(first + n_per_block))?;
            take(block.images.clone(), &self.values(&block));
        }
        Ok(())
    }

    fn values<'b>(&self, block: &'b Block) -> Cow<'b, [f32]> {
        let flat = |array: &'b ndarray::Array3<f32>| array.as_slice().expect("read in standard layout");
        let Some(panels) = &self.readout else {
            let recorded = if self.stage == Stage::Feature { &block.representations } else { &block.logits };
            return Cow::Borrowed(flat(recorded));
        };
        let bias = self.source.description().readout.as_ref().and_then(|readout| readout.bias.as_ref());
        let mut scores = panels.products(flat(&block.representations));
        if let Some(bias) = bias {
            for scores in scores.chunks_exact_mut(bias.len()) {
                scores.iter_mut().zip(bias).for_each(|(score, &bias)| *score += f64::from(bias));
            }
        }
        Cow::Owned(scores.into_iter().map(|score| score as f32).collect())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Uncertainty;
    use crate::fixture::{Fixture, close};
    use crate::replicates::Replicates;

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
        assert!(one.means == many.means && one.along == many.along && one.squares == many.squares);
    }

    /// Against prototypes of images written out as often as they are drawn: all that may differ is
    /// the product of the two changes.
    #[test]
    fn weighted_products_are_those_of_resampled_prototypes_to_first_order() {
        let fixture = Fixture::random(80, 3);
        let found = read(&fixture, Stage::Feature, 0, 1 << 20);
        let uncertainty = Uncertainty { replicates: 8, ..Uncertainty::default() };
        let replicates = Replicates::new(&fixture.labels, &uncertainty, 1 << 20);
        let weighted = found.weighted(&replicates.bundle(0));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        for (lane, products) in weighted.iter().enumerate() {
            let bundle = replicates.bundle(0);
            let resampled = |step: usize, class: usize| -> Vec<f64> {
                let mut mean = vec![0.0; found.n_units];
                for (n, times) in bundle.iter().enumerate().filter(|(n, _)| found.place[*n] == class) {
                    let x = vector(&fixture, Stage::Feature, n, step);
                    mean.iter_mut().zip(x).for_each(|(m, x)| *m += f64::from(times[lane]) * x / 10.0);
                }
                mean
            };
            let change = |step: usize, class: usize| -> Vec<f64> {
                resampled(step, class).iter().zip(found.mean(step, class)).map(|(a, b)| a - b).collect()
            };
            for (k, l) in [(0, 1), (3, 3), (6, 2)] {
                let plain = dot(&resampled(2, k), &resampled(2, l)) - dot(&change(2, k), &change(2, l));
                close(products.product(2, k, l), plain);
            }
            let plain = dot(&resampled(2, 4), &resampled(1, 4)) - dot(&change(2, 4), &change(1, 4));
            close(products.with_previous(2, 4), plain);
        }
        let everyone = &found.weighted(&replicates.everyone())[0];
        close(everyone.product(1, 0, 5), found.products.product(1, 0, 5));
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
