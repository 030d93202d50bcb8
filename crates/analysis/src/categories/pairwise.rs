//! What every image is to every other: rows from all pairs, a tile at a time.

use rayon::prelude::*;
use redyn_core::Description;

use super::staged::Staged;
use crate::numeric::{Panels, dot, vectorised};
use crate::{Error, Material, Options};

/// Neighbours that are looked for: `k = 2 … 50`, as published.
pub(crate) const NEIGHBOURS: std::ops::RangeInclusive<usize> = 2..=50;
/// Images whose products with all others are formed together.
const TILE: usize = 128;

/// Rows of the images at one step.
#[derive(Clone)]
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

/// Candidates that are held before the nearest are picked, as a multiple of how many are looked for.
const ROOM: usize = 4;

/// Spread that is less than this share of the length is rounding.
const FLAT: f64 = 1e-12;

/// Bytes of trajectories that are held: a step of the images of which all pairs are looked at.
pub(crate) fn bytes(about: &Description, options: &Options) -> usize {
    4 * about.n_images.min(options.categories.pairwise_images) * about.n_units.max(about.classes.len())
}

/// What `of` makes of the rows of some images, step by step: those of all steps would take more memory
/// than all else. `None` where a logit is minus infinity.
///
/// # Errors
/// Whatever the source reports.
pub(crate) fn each_step<T>(
    source: &Staged,
    labels: &[usize],
    images: &[usize],
    memory: usize,
    of: impl Fn(&StepRows) -> T,
) -> Result<Option<Vec<T>>, Error> {
    let (n_steps, n_units) = (source.n_steps(), source.n_units());
    // As many steps at a time as half of the memory holds, at least one; the rest is for reading.
    let memory = memory / 2;
    let at_once = (memory / (4 * images.len() * n_units)).clamp(1, n_steps);
    let own: Vec<usize> = images.iter().map(|&image| labels[image]).collect();
    let mut found = Vec::with_capacity(n_steps);
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
        found.extend(values.iter().map(|values| of(&StepRows::of(values, n_units, &own))));
    }
    Ok(Some(found))
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
        let all = Lengths { along: &along, squares: &lengths, middle };
        let rows: Vec<(f64, Vec<f64>)> = values
            .par_chunks(TILE * n_units)
            .enumerate()
            .flat_map_iter(|(tile, some)| {
                let n_some = some.len() / n_units;
                // [other image, image of the tile]
                let products = Panels::new(some, n_some, n_units).products(values);
                let (spreads, cosines) = all.pairs(tile * TILE, n_some, &products);
                let row = |(at, spread)| {
                    let own = labels[tile * TILE + at];
                    (spread, shares(&cosines[at * n..][..n], labels, own))
                };
                spreads.into_iter().enumerate().map(row).collect::<Vec<_>>()
            })
            .collect();
        let (spreads, kept) = rows.into_iter().unzip();
        Self { squares, spreads, flat, kept }
    }
}

/// What is known of all images at a step before pairs are looked at.
struct Lengths<'a> {
    /// `x_n · mean`
    along: &'a [f64],
    /// `‖x_n‖²`
    squares: &'a [f64],
    /// `‖mean‖²`
    middle: f64,
}

impl Lengths<'_> {
    /// Of images from `first` on, given their products with all, `[other image, image]`: the mean of
    /// `(z_n · z_m)²` over all, and the cosines, `[image, other image]`; NaN with oneself, and where
    /// either is zero.
    fn pairs(&self, first: usize, n_some: usize, products: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let n = self.squares.len();
        let mut spreads = vec![0.0; n_some];
        let mut cosines = vec![f64::NAN; n_some * n];
        let (own_along, own_squares) = (&self.along[first..][..n_some], &self.squares[first..][..n_some]);
        vectorised(
            #[inline(always)]
            || {
                let mut quotients = vec![0.0; n_some];
                for (other, products) in products.chunks_exact(n_some).enumerate() {
                    let (along, square) = (self.along[other], self.squares[other]);
                    for at in 0..n_some {
                        spreads[at] += (products[at] - own_along[at] - along + self.middle).powi(2);
                        let lengths = (own_squares[at] * square).sqrt();
                        quotients[at] = if lengths > 0.0 { products[at] / lengths } else { f64::NAN };
                    }
                    for at in 0..n_some {
                        cosines[at * n + other] = quotients[at];
                    }
                }
                for at in 0..n_some {
                    spreads[at] /= n as f64;
                    cosines[at * n + first + at] = f64::NAN;
                }
            },
        );
        (spreads, cosines)
    }
}

/// For every `k` of [`NEIGHBOURS`], the share of the `k` nearest that are of a class. Of neighbours
/// that are equally near, as many as there is room for, each with the share of the class among them.
/// Others whose cosine is NaN are none; `cosines`: `[image]`.
fn shares(cosines: &[f64], labels: &[usize], class: usize) -> Vec<f64> {
    let others = nearest(cosines, *NEIGHBOURS.end());
    let most = (*NEIGHBOURS.end()).min(others.len());
    if most < *NEIGHBOURS.start() {
        return Vec::new();
    }
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

/// The `most` nearest and all that are as near as the last of them, the nearest first.
fn nearest(cosines: &[f64], most: usize) -> Vec<(usize, f64)> {
    let nearer = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1);
    let mut found: Vec<(usize, f64)> = Vec::with_capacity(ROOM * most);
    let mut least = f64::NEG_INFINITY;
    let thin = |found: &mut Vec<(usize, f64)>, least: &mut f64| {
        if found.len() > most {
            *least = found.select_nth_unstable_by(most - 1, nearer).1.1;
            found.retain(|other| other.1 >= *least);
        }
    };
    let mut room = ROOM * most;
    for (other, &cosine) in cosines.iter().enumerate() {
        if cosine >= least {
            found.push((other, cosine));
            if found.len() == room {
                thin(&mut found, &mut least);
                // Where many are equally near, they are not looked through again for every one more.
                room = (ROOM * most).max(2 * found.len());
            }
        }
    }
    thin(&mut found, &mut least);
    found.sort_unstable_by(nearer);
    found
}

/// At most so many images, each class giving its images evenly from first to last.
pub(crate) fn evenly(labels: &[usize], at_most: usize) -> Vec<usize> {
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
        let images: Vec<usize> = (0..70).collect();
        let found = each_step(&staged, &fixture.labels, &images, 1, StepRows::clone).unwrap().unwrap();
        let x: Vec<Vec<f64>> = (0..70).map(|n| vector(&fixture, Stage::Decision, n, 2)).collect();
        for image in [0, 17, 69] {
            let mut others: Vec<usize> = (0..70).filter(|&other| other != image).collect();
            others.sort_by(|&a, &b| cd(&x[image], &x[a]).total_cmp(&cd(&x[image], &x[b])));
            for k in NEIGHBOURS {
                let own = others[..k].iter().filter(|&&n| fixture.labels[n] == fixture.labels[image]).count();
                close(found[2].kept[image][k - 2], own as f64 / k as f64);
            }
        }
        let mean: Vec<f64> = (0..8).map(|u| x.iter().map(|x| x[u]).sum::<f64>() / 70.0).collect();
        let z = |n: usize, u: usize| x[n][u] - mean[u];
        let covariance = |a: usize, b: usize| (0..70).map(|n| z(n, a) * z(n, b)).sum::<f64>() / 70.0;
        let plain: f64 = (0..8)
            .flat_map(|a| (0..8).map(move |b| (a, b)))
            .map(|(a, b)| z(17, a) * covariance(a, b) * z(17, b))
            .sum();
        close(found[2].spreads[17], plain);
        close(found[2].squares[17], (0..8).map(|u| z(17, u).powi(2)).sum());
    }

    #[test]
    fn neighbours_equally_near_share_the_room_that_is_left() {
        // One near of the class, then three equally near, one of which is of it, then far ones.
        let mut cosines = vec![0.9, 0.5, 0.5, 0.5];
        cosines.extend([0.1; 56]);
        let labels: Vec<usize> = (0..60).map(|n| usize::from(n > 1)).collect();
        let found = shares(&cosines, &labels, 0);
        close(found[0], f64::midpoint(1.0, 1.0 / 3.0));
        close(found[1], (1.0 + 2.0 / 3.0) / 3.0);
        close(found[2], 2.0 / 4.0);
        assert_eq!(found.len(), 49);
        assert_eq!(shares(&[0.5, f64::NAN], &labels, 0), Vec::<f64>::new());
    }

    #[test]
    fn the_nearest_are_those_of_a_sorted_list_with_all_that_are_as_near() {
        let mut stream = redyn_core::random::Stream::new(5, &[]);
        for coarse in [1e9, 40.0, 1.0] {
            let cosines: Vec<f64> =
                (0..3000).map(|_| (stream.between(-1.0, 1.0) * coarse).round() / coarse).collect();
            let mut sorted = cosines.clone();
            sorted.sort_unstable_by(|a, b| b.total_cmp(a));
            let least = sorted[49];
            sorted.retain(|&cosine| cosine >= least);
            let found = nearest(&cosines, 50);
            assert_eq!(found.iter().map(|other| other.1).collect::<Vec<_>>(), sorted);
            assert!(found.iter().all(|&(other, cosine)| cosines[other] == cosine));
        }
    }

    #[test]
    fn some_images_are_taken_evenly_from_every_class() {
        let labels: Vec<usize> = (0..100).map(|n| usize::from(n >= 80)).collect();
        let images = evenly(&labels, 10);
        assert_eq!(images, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
        assert_eq!(evenly(&labels, 100).len(), 100);
    }
}
