//! What every image is to every other: rows from all pairs, a tile at a time.

use rayon::prelude::*;

use super::staged::Staged;
use crate::numeric::{Panels, dot};
use crate::{Error, Material};

/// Neighbours that are looked for: `k = 2 … 50`, as published.
pub(crate) const NEIGHBOURS: std::ops::RangeInclusive<usize> = 2..=50;
/// Images whose products with all others are formed together.
const TILE: usize = 128;

/// Rows of the images of which all pairs are looked at.
pub(crate) struct Pairwise {
    /// Which images: ascending.
    pub(crate) images: Vec<usize>,
    /// One per step.
    pub(crate) steps: Vec<StepRows>,
}

/// Rows at one step.
pub(crate) struct StepRows {
    /// `‖z_n‖²`, with `z_n = x_n − mean`: `[image]`.
    pub(crate) squares: Vec<f64>,
    /// `z_n · C z_n = mean_m (z_n · z_m)²`, with `C` the covariance: `[image]`.
    pub(crate) spreads: Vec<f64>,
    /// Whether all images are the same but for rounding.
    pub(crate) flat: bool,
    /// Share of the `k` nearest others that are of the same class, for [`NEIGHBOURS`]; empty where
    /// the image is zero or there are not so many others: `[image][k]`.
    pub(crate) kept: Vec<Vec<f64>>,
}

/// Spread that is less than this share of the length is rounding.
const FLAT: f64 = 1e-12;

impl Pairwise {
    /// Of at most so many images, evenly over each class. `None` where a logit is minus infinity.
    ///
    /// # Errors
    /// Whatever the source reports.
    pub(crate) fn read(
        source: &Staged,
        labels: &[usize],
        at_most: usize,
        memory: usize,
    ) -> Result<Option<Self>, Error> {
        let images = evenly(labels, at_most);
        let (n_steps, n_units) = (source.n_steps(), source.n_units());
        // As many steps at a time as memory holds, at least one.
        let at_once = (memory / (4 * images.len() * n_units)).clamp(1, n_steps);
        let own: Vec<usize> = images.iter().map(|&image| labels[image]).collect();
        let mut steps = Vec::with_capacity(n_steps);
        for first in (0..n_steps).step_by(at_once) {
            let together = at_once.min(n_steps - first);
            let mut values = vec![Vec::with_capacity(images.len() * n_units); together];
            source.each_block(memory, |block, all| {
                let from = images.partition_point(|&image| image < block.start);
                for &image in images[from..].iter().take_while(|&&image| image < block.end) {
                    let own = &all[((image - block.start) * n_steps + first) * n_units..];
                    for (values, own) in values.iter_mut().zip(own.chunks_exact(n_units)) {
                        values.extend_from_slice(own);
                    }
                }
            })?;
            if !values.iter().flatten().all(|value| value.is_finite()) {
                return Ok(None);
            }
            steps.extend(values.iter().map(|values| StepRows::of(values, n_units, &own)));
        }
        Ok(Some(Self { images, steps }))
    }
}

impl StepRows {
    /// `values`: `[image, unit]`.
    fn of(values: &[f32], n_units: usize, labels: &[usize]) -> Self {
        let n = labels.len();
        let mut mean = vec![0.0; n_units];
        for values in values.chunks_exact(n_units) {
            mean.iter_mut().zip(values).for_each(|(mean, &x)| *mean += f64::from(x));
        }
        for mean in &mut mean {
            *mean /= n as f64;
        }
        let along: Vec<f64> = values.par_chunks_exact(n_units).map(|x| dot(x, &mean)).collect();
        let lengths: Vec<f64> = values.par_chunks_exact(n_units).map(|x| dot(x, x)).collect();
        let middle = dot(&mean, &mean);
        let squares: Vec<f64> =
            lengths.iter().zip(&along).map(|(x, m)| (x - 2.0 * m + middle).max(0.0)).collect();
        let total = |values: &[f64]| values.iter().sum::<f64>();
        let flat = total(&squares) <= FLAT * total(&lengths);
        let rows: Vec<(f64, Vec<f64>)> = values
            .par_chunks(TILE * n_units)
            .enumerate()
            .flat_map_iter(|(tile, some)| {
                let n_some = some.len() / n_units;
                // [other image, image of the tile]
                let products = Panels::new(some, n_some, n_units).products(values);
                let row = |at: usize| {
                    let image = tile * TILE + at;
                    let with = |other: usize| products[other * n_some + at];
                    let spread = |other: usize| (with(other) - along[image] - along[other] + middle).powi(2);
                    let spread = (0..n).map(spread).sum::<f64>() / n as f64;
                    let cosine = |other: usize| {
                        let lengths = (lengths[image] * lengths[other]).sqrt();
                        (other != image && lengths > 0.0).then(|| (other, with(other) / lengths))
                    };
                    let others: Vec<(usize, f64)> = (0..n).filter_map(cosine).collect();
                    let alone = lengths[image] <= 0.0;
                    (spread, if alone { Vec::new() } else { kept(others, labels, labels[image]) })
                };
                (0..n_some).map(row).collect::<Vec<_>>()
            })
            .collect();
        let (spreads, kept) = rows.into_iter().unzip();
        Self { squares, spreads, flat, kept }
    }
}

/// For every `k` of [`NEIGHBOURS`], the share of the `k` nearest that are of a class. Of neighbours
/// that are equally near, as many as there is room for, each with the share of the class among them.
fn kept(mut others: Vec<(usize, f64)>, labels: &[usize], class: usize) -> Vec<f64> {
    let most = (*NEIGHBOURS.end()).min(others.len());
    if most < *NEIGHBOURS.start() {
        return Vec::new();
    }
    let nearer = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1);
    let (_, last, _) = others.select_nth_unstable_by(most - 1, nearer);
    let least = last.1;
    others.retain(|other| other.1 >= least);
    others.sort_unstable_by(nearer);
    let (mut shares, mut hits, mut passed) = (Vec::new(), 0.0, 0);
    for tied in others.chunk_by(|a, b| a.1 == b.1) {
        let own = tied.iter().filter(|other| labels[other.0] == class).count() as f64;
        let share = own / tied.len() as f64;
        let room = tied.len().min(most - passed);
        shares.extend((1..=room).map(|more| (hits + share * more as f64) / (passed + more) as f64));
        hits += own;
        passed += room;
    }
    shares.split_off(*NEIGHBOURS.start() - 1)
}

/// At most so many images, each class giving its images evenly from first to last.
fn evenly(labels: &[usize], at_most: usize) -> Vec<usize> {
    if labels.len() <= at_most {
        return (0..labels.len()).collect();
    }
    let n_classes = labels.iter().max().map_or(0, |&label| label + 1);
    let mut members = vec![Vec::new(); n_classes];
    labels.iter().enumerate().for_each(|(image, &label)| members[label].push(image));
    let share = |n: usize| ((n * at_most) / labels.len()).max(1);
    let mut images: Vec<usize> = members
        .iter()
        .filter(|members| !members.is_empty())
        .flat_map(|members| {
            let n = share(members.len());
            (0..n).map(move |at| members[at * members.len() / n])
        })
        .collect();
    images.sort_unstable();
    images
}

impl Material<'_> {
    /// What it says of the images of which all pairs are looked at, if these are not all.
    pub(crate) fn of_some_images(&self, images: &[usize]) -> Option<String> {
        let all = self.rows.n_images();
        (images.len() < all).then(|| format!("all pairs of {} of the {all} images", images.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stage;
    use super::super::prototypes::tests::{cd, vector};
    use super::*;
    use crate::fixture::{Fixture, close};

    #[test]
    fn neighbours_and_spreads_are_those_of_plain_loops() {
        let fixture = Fixture::random(70, 3);
        let staged = Staged::new(&fixture, Stage::Decision, true);
        let found = Pairwise::read(&staged, &fixture.labels, 1000, 1).unwrap().unwrap();
        let x: Vec<Vec<f64>> = (0..70).map(|n| vector(&fixture, Stage::Decision, n, 2)).collect();
        for image in [0, 17, 69] {
            let mut others: Vec<usize> = (0..70).filter(|&other| other != image).collect();
            others.sort_by(|&a, &b| cd(&x[image], &x[a]).total_cmp(&cd(&x[image], &x[b])));
            for k in NEIGHBOURS {
                let own = others[..k].iter().filter(|&&n| fixture.labels[n] == fixture.labels[image]).count();
                close(found.steps[2].kept[image][k - 2], own as f64 / k as f64);
            }
        }
        let mean: Vec<f64> = (0..8).map(|u| x.iter().map(|x| x[u]).sum::<f64>() / 70.0).collect();
        let z = |n: usize, u: usize| x[n][u] - mean[u];
        let covariance = |a: usize, b: usize| (0..70).map(|n| z(n, a) * z(n, b)).sum::<f64>() / 70.0;
        let plain: f64 = (0..8)
            .flat_map(|a| (0..8).map(move |b| (a, b)))
            .map(|(a, b)| z(17, a) * covariance(a, b) * z(17, b))
            .sum();
        close(found.steps[2].spreads[17], plain);
        close(found.steps[2].squares[17], (0..8).map(|u| z(17, u).powi(2)).sum());
    }

    #[test]
    fn neighbours_equally_near_share_the_room_that_is_left() {
        // One near of the class, then three equally near, one of which is of it, then far ones.
        let mut others = vec![(0, 0.9), (1, 0.5), (2, 0.5), (3, 0.5)];
        others.extend((4..60).map(|other| (other, 0.1)));
        let labels: Vec<usize> = (0..60).map(|n| usize::from(n > 1)).collect();
        let found = kept(others, &labels, 0);
        close(found[0], f64::midpoint(1.0, 1.0 / 3.0));
        close(found[1], (1.0 + 2.0 / 3.0) / 3.0);
        close(found[2], 2.0 / 4.0);
        assert_eq!(found.len(), 49);
        assert_eq!(kept(vec![(0, 0.5)], &labels, 0), Vec::<f64>::new());
    }

    #[test]
    fn some_images_are_taken_evenly_from_every_class() {
        let labels: Vec<usize> = (0..100).map(|n| usize::from(n >= 80)).collect();
        let images = evenly(&labels, 10);
        assert_eq!(images, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
        assert_eq!(evenly(&labels, 100).len(), 100);
    }
}
