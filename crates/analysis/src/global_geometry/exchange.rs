//! What shifts and changes would be if before and after meant nothing.

use rayon::prelude::*;
use redyn_core::random::Stream;

use super::{mean_of_all, percent};
use crate::categories::Stage;
use crate::categories::products::Products;
use crate::categories::prototypes::Prototypes;
use crate::{Error, Material};

/// Shift and between change where each image's states are exchanged with probability ½:
/// permutation `b` is drawn at `(seed, [b, 12])`.
pub(super) fn exchanged(
    material: &Material,
    stage: Stage,
    prototypes: &Prototypes,
    [base, after]: [usize; 2],
) -> Result<Vec<[Option<f64>; 2]>, Error> {
    let (n, n_units, n_steps) = (prototypes.classes.len(), prototypes.n_units, prototypes.n_steps);
    let uncertainty = &material.options.uncertainty;
    let at_once = (material.options.memory / (8 * n * n_units)).max(rayon::current_num_threads());
    let staged = material.staged(stage);
    let mut null = Vec::with_capacity(uncertainty.replicates);
    for first in (0..uncertainty.replicates).step_by(at_once) {
        let mut half: Vec<(Stream, Vec<f64>)> = (first..uncertainty.replicates.min(first + at_once))
            .map(|b| (Stream::new(uncertainty.seed, &[b as u64, 12]), vec![0.0; n * n_units]))
            .collect();
        // Half of what the prototypes of both states lie apart, each image with its sign.
        staged.each_block(material.options.memory, |images, values| {
            half.par_iter_mut().for_each(|(stream, half)| {
                for (image, values) in images.clone().zip(values.chunks_exact(n_steps * n_units)) {
                    let class = prototypes.place[image];
                    let sign = if stream.coin() { 0.5 } else { -0.5 } / prototypes.sizes[class] as f64;
                    let (before, later) = (&values[base * n_units..], &values[after * n_units..]);
                    let sums = &mut half[class * n_units..][..n_units];
                    for ((sum, &x), &y) in sums.iter_mut().zip(before).zip(later) {
                        *sum += sign * (f64::from(y) - f64::from(x));
                    }
                }
            });
        })?;
        null.par_extend(half.into_par_iter().map(|(_, half)| {
            let mut means = Vec::with_capacity(2 * n * n_units);
            for sign in [-1.0, 1.0] {
                for (class, half) in half.chunks_exact(n_units).enumerate() {
                    let both = prototypes.mean(base, class).iter().zip(prototypes.mean(after, class));
                    means.extend(both.zip(half).map(|((a, b), h)| f64::midpoint(*a, *b) + sign * h));
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
