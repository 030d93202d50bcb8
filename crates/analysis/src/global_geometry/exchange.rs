//! What shifts and changes would be if before and after meant nothing.

use rayon::prelude::*;
use redyn_core::random::Stream;

use super::{mean_of_all, percent};
use crate::categories::Stage;
use crate::categories::products::Products;
use crate::categories::prototypes::Prototypes;
use crate::numeric::Panels;
use crate::{Error, Material, Options};

/// Images of a class whose changes are added up together, with the signs of every permutation.
const TOGETHER: usize = 64;

/// Half of what the prototypes of both states lie apart, each image with its sign, of one class.
struct Half {
    /// Images whose changes are not added up yet, and these changes: `[image, unit]`.
    images: Vec<usize>,
    changes: Vec<f64>,
    /// `[permutation, unit]`
    sums: Vec<f64>,
}

impl Half {
    fn new(n_units: usize, permutations: usize) -> Self {
        Self { images: Vec::new(), changes: Vec::new(), sums: vec![0.0; permutations * n_units] }
    }

    /// An image of the class, and its states before and after.
    fn push(&mut self, image: usize, before: &[f32], after: &[f32], signs: &[Vec<bool>]) {
        self.changes.extend(before.iter().zip(after).map(|(&x, &y)| f64::from(y) - f64::from(x)));
        self.images.push(image);
        if self.images.len() == TOGETHER {
            self.add(signs);
        }
    }

    fn add(&mut self, signs: &[Vec<bool>]) {
        let (n_images, n_units) = (self.images.len(), self.sums.len() / signs.len());
        let sign = |signs: &[bool], image: usize| if signs[image] { 0.5 } else { -0.5 };
        let signed: Vec<f64> =
            signs.iter().flat_map(|signs| self.images.iter().map(|&image| sign(signs, image))).collect();
        let changes = Panels::of_columns(&self.changes, n_units, n_images);
        for (sum, product) in self.sums.iter_mut().zip(changes.products(&signed)) {
            *sum += product;
        }
        self.images.clear();
        self.changes.clear();
    }
}

/// Shift and between change where each image's states are exchanged with probability ½:
/// permutation `b` is drawn at `(seed, [b, 12])`.
pub(super) fn exchanged(
    material: &Material,
    stage: Stage,
    prototypes: &Prototypes,
    [base, after]: [usize; 2],
) -> Result<Vec<[Option<f64>; 2]>, Error> {
    let (n, n_units, n_steps) = (prototypes.classes.len(), prototypes.n_units, prototypes.n_steps);
    let Options { uncertainty, memory, .. } = material.options;
    let at_once = (memory / 2 / (8 * n * n_units)).max(rayon::current_num_threads());
    let staged = material.staged(stage);
    let mut null = Vec::with_capacity(uncertainty.replicates);
    for first in (0..uncertainty.replicates).step_by(at_once) {
        let permutations = first..uncertainty.replicates.min(first + at_once);
        let signs: Vec<Vec<bool>> = permutations
            .into_par_iter()
            .map(|b| {
                let mut stream = Stream::new(uncertainty.seed, &[b as u64, 12]);
                (0..prototypes.n_images()).map(|_| stream.coin()).collect()
            })
            .collect();
        let mut halves: Vec<Half> = (0..n).map(|_| Half::new(n_units, signs.len())).collect();
        staged.each_block(memory / 2, |images, values| {
            halves.par_iter_mut().enumerate().for_each(|(class, half)| {
                let states = images.clone().zip(values.chunks_exact(n_steps * n_units));
                for (image, values) in states.filter(|&(image, _)| prototypes.place[image] == class) {
                    let state = |step: usize| &values[step * n_units..][..n_units];
                    half.push(image, state(base), state(after), &signs);
                }
            });
        })?;
        halves.par_iter_mut().filter(|half| !half.images.is_empty()).for_each(|half| half.add(&signs));
        null.par_extend((0..signs.len()).into_par_iter().map(|at| {
            let mut means = Vec::with_capacity(2 * n * n_units);
            for sign in [-1.0, 1.0] {
                for (class, half) in halves.iter().enumerate() {
                    let by = sign / prototypes.sizes[class] as f64;
                    let both = prototypes.mean(base, class).iter().zip(prototypes.mean(after, class));
                    let half = &half.sums[at * n_units..][..n_units];
                    means.extend(both.zip(half).map(|((a, b), h)| f64::midpoint(*a, *b) + by * h));
                }
            }
            let products = Products::of(&means, n, n_units, 0);
            let products = products.still();
            let shift = mean_of_all((0..n).map(|class| products.shift_from_base(1, class)));
            let [before, after] = [0, 1].map(|state| products.centred_distances(state));
            [shift, percent([&before, &after, &before, &after])]
        }));
    }
    Ok(null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Analysis;
    use crate::categories::prototypes::tests::{cd, vector};
    use crate::fixture::{Fixture, close, material};
    use crate::global_geometry::GlobalGeometry;

    /// Exchange the states of images, average again, take the distances again.
    #[test]
    fn exchanges_are_those_of_plain_prototypes() {
        let fixture = Fixture::random(40, 3);
        material(&fixture, |material| {
            let prototypes = material.prototypes(Stage::Feature).unwrap().unwrap();
            let null = exchanged(material, Stage::Feature, prototypes, [0, 2]).unwrap();
            assert_eq!(null.len(), 200);
            for b in [0, 7, 199] {
                let mut stream = Stream::new(0, &[b as u64, 12]);
                let stays: Vec<bool> = (0..40).map(|_| stream.coin()).collect();
                let mean = |later: bool, class: usize| -> Vec<f64> {
                    let members: Vec<usize> = (0..40).filter(|&n| fixture.labels[n] == class).collect();
                    let state = |n: usize| if stays[n] == later { 2 } else { 0 };
                    let all: Vec<_> =
                        members.iter().map(|&n| vector(&fixture, Stage::Feature, n, state(n))).collect();
                    (0..11).map(|u| all.iter().map(|x| x[u]).sum::<f64>() / all.len() as f64).collect()
                };
                let plain = (0..8).map(|k| cd(&mean(false, k), &mean(true, k))).sum::<f64>() / 8.0;
                close(null[b][0].unwrap(), plain);
            }
            let p = GlobalGeometry::analyse(material).unwrap().stages[0].shift_p.unwrap();
            assert!(p < 0.05, "images drift from one zone to another: {p}");
        });
    }
}
