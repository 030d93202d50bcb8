//! Products of all images with all prototypes, and what a weighting of the images makes of them.

use rayon::prelude::*;
use redyn_core::Description;

use super::products::Varied;
use super::prototypes::Prototypes;
use super::staged::Staged;
use crate::Error;
use crate::numeric::{Panels, dot, vectorised};
use crate::replicates::{LANES, Multiplicities};

/// Images whose products with the prototypes are formed together.
pub(super) const TOGETHER: usize = 24;

/// More bundles at once hardly spare anything: the products are read from memory for all of them.
const MOST_BUNDLES: usize = 4;

/// The prototypes of every step, to form products with.
pub(super) struct Axes {
    by_step: Vec<Panels<f64>>,
    n: usize,
    n_units: usize,
}

impl Axes {
    /// `means`: `[step, class, unit]`, of `n` classes.
    pub(super) fn new(means: &[f64], n: usize, n_units: usize) -> Self {
        let panels = |means: &[f64]| Panels::new(means, n, n_units);
        Self { by_step: means.chunks_exact(n * n_units).map(panels).collect(), n, n_units }
    }

    /// `x_n(t) · m_l(t)` of some images, `[image, step, class]`, from their `[image, step, unit]`.
    pub(super) fn along(&self, values: &[f32]) -> Vec<f64> {
        let (n, n_units, n_steps) = (self.n, self.n_units, self.by_step.len());
        let mut along = vec![0.0; values.len() / n_units * n];
        let mut at_step = Vec::with_capacity(values.len() / n_steps);
        for (step, panels) in self.by_step.iter().enumerate() {
            at_step.clear();
            values
                .chunks_exact(n_steps * n_units)
                .for_each(|image| at_step.extend_from_slice(&image[step * n_units..][..n_units]));
            let products = panels.products(&at_step);
            for (along, products) in along.chunks_exact_mut(n_steps * n).zip(products.chunks_exact(n)) {
                along[step * n..][..n].copy_from_slice(products);
            }
        }
        along
    }
}

/// The products of every image with all prototypes.
///
/// From them everything about prototypes is found again for any weighting of the images, as
/// `m_k · m_l` is linear in the images of either class; see [`Along::weighted`].
///
/// # Limits
/// Takes [`Along::bytes`]: not kept longer than it is needed.
pub(crate) struct Along<'a> {
    prototypes: &'a Prototypes,
    by_class: Vec<Own>,
}

/// What is known of the images of a class.
struct Own {
    images: Vec<usize>,
    /// `x_n(t) · m_l(t)` of every class `l`, then `x(t) · m(base) + x(base) · m(t)` and
    /// `x(t) · m(t − 1) + x(t − 1) · m(t)` (0 at the first step), where `m` is the own prototype.
    /// Rows are `[step, class + 2]`, and images stand where units do.
    products: Panels<f64>,
}

/// Bytes of the products of an image, or of a class in a replicate: `[step, class + 2]`.
const fn row_bytes(n_steps: usize, n_classes: usize) -> usize {
    8 * n_steps * (n_classes + 2)
}

/// Products of an image with the prototype of its class at other steps, `[step]`, from its
/// `[step, unit]`: with the base, and with the step before.
fn crossed(prototypes: &Prototypes, image: usize, values: &[f32]) -> Vec<[f64; 2]> {
    let (class, base) = (prototypes.place[image], prototypes.base);
    vectorised(
        #[inline(always)]
        || {
            let x = |step: usize| &values[step * prototypes.n_units..][..prototypes.n_units];
            let with = |at: usize, step: usize| dot(x(at), prototypes.mean(step, class));
            let at = |step: usize| {
                let previous = if step == 0 { 0.0 } else { with(step, step - 1) + with(step - 1, step) };
                [with(step, base) + with(base, step), previous]
            };
            (0..prototypes.n_steps).map(at).collect()
        },
    )
}

impl<'a> Along<'a> {
    /// Bytes of them and of what a bundle makes of them, for trajectories like these.
    pub(crate) fn bytes(about: &Description) -> usize {
        let n = about.classes.len();
        (about.n_images + LANES * n) * row_bytes(about.n_steps, n)
    }

    /// Bundles to be weighted by at once: what they make is held beside the products.
    pub(crate) fn bundles_in(&self, memory: usize) -> usize {
        let (n, n_steps) = (self.prototypes.classes.len(), self.prototypes.n_steps);
        let row = row_bytes(n_steps, n);
        let spare = memory.saturating_sub(self.prototypes.n_images() * row);
        (spare / (LANES * n * row)).clamp(1, MOST_BUNDLES)
    }

    /// Read the trajectories that the prototypes are of.
    ///
    /// # Errors
    /// Whatever the source reports.
    pub(crate) fn read(prototypes: &'a Prototypes, source: &Staged, memory: usize) -> Result<Self, Error> {
        let Prototypes { n_steps, n_units, .. } = *prototypes;
        let n = prototypes.classes.len();
        let n_rows = n_steps * (n + 2);
        let own =
            |&size: &usize| Own { images: Vec::with_capacity(size), products: Panels::zeros(n_rows, size) };
        let mut by_class: Vec<Own> = prototypes.sizes.iter().map(own).collect();
        let axes = prototypes.axes();
        source.each_block(memory, |block, values| {
            let some = |(part, values): (usize, &[f32])| {
                let first = block.start + part * TOGETHER;
                let each = values.chunks_exact(n_steps * n_units).enumerate();
                let crossed = each.flat_map(|(at, values)| crossed(prototypes, first + at, values));
                let along = axes.along(values);
                let steps = along.chunks_exact(n).zip(crossed);
                steps.flat_map(|(along, crossed)| along.iter().copied().chain(crossed)).collect()
            };
            // [part][image, step, class + 2]
            let parts = values.par_chunks(TOGETHER * n_steps * n_units).enumerate().map(some);
            let parts: Vec<Vec<f64>> = parts.collect();
            by_class.par_iter_mut().enumerate().for_each(|(class, own)| {
                for image in block.clone().filter(|&image| prototypes.place[image] == class) {
                    let at = image - block.start;
                    let products = &parts[at / TOGETHER][at % TOGETHER * n_rows..][..n_rows];
                    own.products.set_unit(own.images.len(), products);
                    own.images.push(image);
                }
            });
        })?;
        Ok(Self { prototypes, by_class })
    }

    /// Products of the prototypes for weighted images, to first order in the weights.
    ///
    /// With `A_kl = Σ_{n ∈ k} w_n x_n · m_l / n_k` the product `m_k · m_l` changes by
    /// `A_kl + A_lk − 2 m_k · m_l`: what is left out is the product of what the weights change in
    /// either. Between classes its mean is zero. Within one it is the noise that resampling adds to
    /// a mean whose images are a sample already: kept, it would drive every replicate's prototypes
    /// apart, and intervals of their distances would lie beside their values.
    ///
    /// All threads share the work on some bundles: what is held grows with these, not with threads.
    /// `each` is given the products of every lane; what it makes of them comes back in their order.
    pub(crate) fn weighted<R: Send>(
        &self,
        bundles: &[&Multiplicities],
        each: impl Fn(&Varied) -> R + Sync,
    ) -> Vec<R> {
        let of = self.prototypes;
        let n = of.classes.len();
        // [class][lane, step, class + 2]
        let means: Vec<Vec<f64>> = self
            .by_class
            .par_iter()
            .map(|Own { images, products }| {
                let weights = |(bundle, lane): (&&Multiplicities, usize)| -> Vec<f64> {
                    images.iter().map(|&image| f64::from(bundle[image][lane])).collect()
                };
                let lanes = bundles.iter().flat_map(|bundle| (0..LANES).map(move |lane| (bundle, lane)));
                let mut means = products.products(&lanes.flat_map(weights).collect::<Vec<_>>());
                for mean in &mut means {
                    *mean /= images.len() as f64;
                }
                means
            })
            .collect();
        let lane = |lane: usize| {
            let at = |step: usize, class: usize, which: usize| {
                means[class][(lane * of.n_steps + step) * (n + 2) + which]
            };
            each(&of.products.varied(
                |step, k, l| at(step, k, l) + at(step, l, k),
                |step, k| at(step, k, n),
                |step, k| at(step, k, n + 1),
            ))
        };
        (0..bundles.len() * LANES).into_par_iter().map(lane).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uncertainty;
    use crate::categories::Stage;
    use crate::categories::prototypes::tests::{read, vector};
    use crate::fixture::{Fixture, close};
    use crate::replicates::Replicates;

    /// Against prototypes of images written out as often as they are drawn: all that may differ is
    /// the product of the two changes.
    #[test]
    fn weighted_products_are_those_of_resampled_prototypes_to_first_order() {
        let fixture = Fixture::random(80, 3);
        let found = read(&fixture, Stage::Feature, 0, 1 << 20);
        let uncertainty = Uncertainty { replicates: 16, ..Uncertainty::default() };
        let replicates = Replicates::new(&fixture.labels, &uncertainty, 1 << 20);
        let along = Along::read(&found, &Staged::new(&fixture, Stage::Feature, true), 1 << 10).unwrap();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let bundle = replicates.bundle(0);
        let pairs = [(0, 1), (3, 3), (6, 2)];
        let weighted = along.weighted(&[&bundle, &replicates.bundle(1)], |products| {
            (pairs.map(|(k, l)| products.product(2, k, l)), products.with_previous(2, 4))
        });
        assert_eq!(weighted.len(), 2 * LANES);
        for (at, (within, with_previous)) in weighted.into_iter().enumerate() {
            let (bundle, lane) = (replicates.bundle(at / LANES), at % LANES);
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
            for ((k, l), product) in pairs.into_iter().zip(within) {
                let plain = dot(&resampled(2, k), &resampled(2, l)) - dot(&change(2, k), &change(2, l));
                close(product, plain);
            }
            let plain = dot(&resampled(2, 4), &resampled(1, 4)) - dot(&change(2, 4), &change(1, 4));
            close(with_previous, plain);
        }
        let everyone = along.weighted(&[&replicates.everyone()], |products| products.product(1, 0, 5));
        close(everyone[0], found.products.product(1, 0, 5));
    }
}
