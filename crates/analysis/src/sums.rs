//! Sums over images in which each counts as often as it stands in a replicate.

use std::collections::HashMap;
use std::mem;

use crate::numeric::vectorised;
use crate::replicates::{LANES, Multiplicities};

/// Sums over images of values that few images contribute to each.
pub(crate) struct Sums {
    columns: Vec<Column>,
}

/// What is added up to one sum, in order.
#[derive(Clone, Default)]
struct Column {
    images: Vec<u32>,
    values: Vec<f64>,
}

impl Sums {
    /// So many sums to which nothing contributes yet.
    pub(crate) fn new(n: usize) -> Self {
        Self { columns: vec![Column::default(); n] }
    }

    /// Let an image contribute to a sum. Contributions are added in the order of these calls.
    pub(crate) fn add(&mut self, image: usize, sum: usize, value: f64) {
        let column = &mut self.columns[sum];
        column.images.push(u32::try_from(image).expect("fewer images than that"));
        column.values.push(value);
    }

    /// What so many means are made of: their totals, then their counts.
    pub(crate) fn of_means(n: usize) -> Self {
        Self::new(2 * n)
    }

    /// Let an image contribute to a mean.
    pub(crate) fn add_to_mean(&mut self, image: usize, mean: usize, value: f64) {
        self.add(image, mean, value);
        self.add(image, self.columns.len() / 2 + mean, 1.0);
    }

    /// Lay the sums out to be formed many times.
    pub(crate) fn arranged(mut self) -> Arranged {
        let mut together: Vec<Vec<usize>> = Vec::new();
        let mut known: HashMap<&[u32], usize> = HashMap::new();
        for (sum, column) in self.columns.iter().enumerate() {
            let group = *known.entry(&column.images).or_insert_with(|| {
                together.push(Vec::new());
                together.len() - 1
            });
            together[group].push(sum);
        }
        let n = self.columns.len();
        let groups = together.into_iter().map(|sums| {
            let images = mem::take(&mut self.columns[sums[0]].images);
            let tiles = tiles(&sums).map(|sums| {
                let columns: Vec<Column> =
                    sums.iter().map(|&sum| mem::take(&mut self.columns[sum])).collect();
                let at = |at: usize| columns.iter().map(move |column| column.values[at]);
                Tile { sums: sums.to_vec(), values: (0..images.len()).flat_map(at).collect() }
            });
            Group { tiles: tiles.collect(), images }
        });
        Arranged { n, groups: groups.collect() }
    }
}

/// Sums in tiles of 8, and what is left in tiles of 4, 2 and 1.
fn tiles(mut sums: &[usize]) -> impl Iterator<Item = &[usize]> {
    std::iter::from_fn(move || {
        let size = [8, 4, 2, 1].into_iter().find(|&size| size <= sums.len())?;
        let (tile, rest) = sums.split_at(size);
        sums = rest;
        Some(tile)
    })
}

/// Sums by the images that contribute: how often an image counts is looked up once for several of them,
/// and they stay in registers until the last image.
pub(crate) struct Arranged {
    n: usize,
    groups: Vec<Group>,
}

/// Sums that the same images contribute to, in the same order.
struct Group {
    images: Vec<u32>,
    tiles: Vec<Tile>,
}

/// Sums of a group that are formed together.
struct Tile {
    /// 8, 4, 2 or 1 of them.
    sums: Vec<usize>,
    /// `[image][sum]`
    values: Vec<f64>,
}

impl Arranged {
    /// The sums in every lane: `[sum][lane]`.
    pub(crate) fn of(&self, multiplicities: &Multiplicities) -> Vec<[f64; LANES]> {
        vectorised(
            #[inline(always)]
            || {
                let mut sums = vec![[0.0; LANES]; self.n];
                for Group { images, tiles } in &self.groups {
                    for Tile { sums: places, values } in tiles {
                        let formed: &[[f64; LANES]] = match places.len() {
                            8 => &formed::<8>(images, values, multiplicities),
                            4 => &formed::<4>(images, values, multiplicities),
                            2 => &formed::<2>(images, values, multiplicities),
                            _ => &formed::<1>(images, values, multiplicities),
                        };
                        places.iter().zip(formed).for_each(|(&place, formed)| sums[place] = *formed);
                    }
                }
                sums
            },
        )
    }
}

/// The sums of a tile.
#[inline(always)]
fn formed<const N: usize>(
    images: &[u32],
    values: &[f64],
    multiplicities: &Multiplicities,
) -> [[f64; LANES]; N] {
    let mut sums = [[0.0; LANES]; N];
    for (&image, values) in images.iter().zip(values.as_chunks::<N>().0) {
        let weights = multiplicities[image as usize].map(f64::from);
        for (sum, &value) in sums.iter_mut().zip(values) {
            for lane in 0..LANES {
                sum[lane] += weights[lane] * value;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use super::*;
    use crate::Uncertainty;
    use crate::replicates::Replicates;

    /// Twelve sums that all images contribute to, then seven to which each contributes now and again.
    #[test]
    fn sums_are_those_of_a_plain_loop_to_the_bit_in_every_lane() {
        let uncertainty = Uncertainty { replicates: 20, ..Uncertainty::default() };
        let replicates = Replicates::new(&[0; 30], &uncertainty, 1 << 20);
        let mut stream = Stream::new(3, &[]);
        let all = (0..30).flat_map(|image| (0..12).map(move |sum| (image, sum)));
        let some: Vec<(usize, usize)> = (0..500).map(|_| (stream.below(30), 12 + stream.below(7))).collect();
        let (mut sums, mut plain) = (Sums::new(20), vec![[[0.0; LANES]; 20]; 3]);
        for (image, sum) in all.chain(some) {
            let value = stream.between(-1.0, 1.0);
            sums.add(image, sum, value);
            for (bundle, plain) in plain.iter_mut().enumerate() {
                for lane in 0..LANES {
                    plain[sum][lane] += f64::from(replicates.bundle(bundle)[image][lane]) * value;
                }
            }
        }
        let arranged = sums.arranged();
        for (bundle, plain) in plain.iter().enumerate() {
            assert_eq!(&arranged.of(&replicates.bundle(bundle)), plain);
        }
    }
}
