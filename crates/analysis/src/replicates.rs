//! Which images stand how often in which replicate of the bootstrap.

use std::borrow::Cow;

use rayon::prelude::*;
use redyn_core::random::Stream;

use crate::Uncertainty;

/// Replicates that are summed side by side, each in a lane of the processor's registers.
pub(crate) const LANES: usize = 8;

/// How often each image stands in some replicates: `[image][lane]`. More than 255 times is less
/// likely than one in 10⁵⁰⁰.
pub(crate) type Multiplicities = [[u8; LANES]];

/// The images of each class, to be resampled within it.
pub(crate) struct Strata(Vec<Vec<usize>>);

impl Strata {
    pub(crate) fn new(labels: &[usize]) -> Self {
        let n_classes = labels.iter().max().map_or(0, |&label| label + 1);
        let mut images = vec![Vec::new(); n_classes];
        for (image, &label) in labels.iter().enumerate() {
            images[label].push(image);
        }
        images.retain(|stratum| !stratum.is_empty());
        Self(images)
    }

    /// Whether resampling can change anything: some class has two images.
    fn vary(&self) -> bool {
        self.0.iter().any(|images| images.len() > 1)
    }

    /// How often each image stands in replicate `b`, drawn at `(seed, [b])`, written to a lane.
    fn draw(&self, seed: u64, b: usize, lane: usize, multiplicities: &mut Multiplicities) {
        let mut stream = Stream::new(seed, &[b as u64]);
        for images in &self.0 {
            for _ in images {
                let times = &mut multiplicities[images[stream.below(images.len())]][lane];
                *times = times.saturating_add(1);
            }
        }
    }

    /// Exchange values between images of one class, for permutation `b`; drawn at `(seed, [b, 1])`,
    /// apart from the bootstrap.
    pub(crate) fn shuffle<T: Copy>(&self, seed: u64, b: usize, values: &[T]) -> Vec<T> {
        let mut stream = Stream::new(seed, &[b as u64, 1]);
        let (mut shuffled, mut within) = (values.to_vec(), Vec::new());
        for images in &self.0 {
            within.clear();
            within.extend(images.iter().map(|&image| values[image]));
            stream.shuffle(&mut within);
            images.iter().zip(&within).for_each(|(&image, &value)| shuffled[image] = value);
        }
        shuffled
    }
}

/// The replicates that every statistic of a network is resampled by.
pub(crate) struct Replicates {
    strata: Strata,
    pub(crate) n_images: usize,
    /// None where resampling cannot change anything.
    pub(crate) count: usize,
    pub(crate) uncertainty: Uncertainty,
    /// All bundles one after the other, where they are kept.
    kept: Option<Vec<[u8; LANES]>>,
}

impl Replicates {
    /// Replicates of images with these labels. They are kept if they take no more than `memory`
    /// bytes, and drawn again whenever they are needed if not.
    pub(crate) fn new(labels: &[usize], uncertainty: &Uncertainty, memory: usize) -> Self {
        let (strata, n_images) = (Strata::new(labels), labels.len());
        let count = if strata.vary() { uncertainty.replicates } else { 0 };
        let mut draws = Self { strata, n_images, count, uncertainty: uncertainty.clone(), kept: None };
        let bytes = draws.n_bundles().saturating_mul(n_images).saturating_mul(LANES);
        if bytes <= memory {
            let mut all = vec![[0; LANES]; draws.n_bundles() * n_images];
            all.par_chunks_mut(n_images.max(1))
                .enumerate()
                .for_each(|(bundle, into)| draws.fill(bundle, into));
            draws.kept = Some(all);
        }
        draws
    }

    /// Number of bundles of [`LANES`] replicates; the last may have lanes to spare.
    pub(crate) fn n_bundles(&self) -> usize {
        self.count.div_ceil(LANES)
    }

    /// Every image once, in every lane.
    pub(crate) fn everyone(&self) -> Vec<[u8; LANES]> {
        vec![[1; LANES]; self.n_images]
    }

    /// The replicates from `LANES × index` on.
    pub(crate) fn bundle(&self, index: usize) -> Cow<'_, Multiplicities> {
        if let Some(all) = &self.kept {
            return Cow::Borrowed(&all[index * self.n_images..][..self.n_images]);
        }
        let mut multiplicities = vec![[0; LANES]; self.n_images];
        self.fill(index, &mut multiplicities);
        Cow::Owned(multiplicities)
    }

    fn fill(&self, bundle: usize, multiplicities: &mut Multiplicities) {
        for lane in 0..LANES {
            self.strata.draw(self.uncertainty.seed, bundle * LANES + lane, lane, multiplicities);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_keeps_its_number_of_images() {
        let labels = [0, 1, 1, 2, 2, 2];
        let draws = Replicates::new(&labels, &Uncertainty { replicates: 50, ..Uncertainty::default() }, 0);
        for times in (0..draws.n_bundles()).map(|bundle| draws.bundle(bundle)) {
            for lane in 0..LANES {
                assert_eq!(times[0][lane], 1);
                assert_eq!(times[1][lane] + times[2][lane], 2);
                assert_eq!(times[3][lane] + times[4][lane] + times[5][lane], 3);
            }
        }
    }

    #[test]
    fn what_is_kept_is_what_would_be_drawn_again() {
        let labels: Vec<usize> = (0..40).map(|image| image % 3).collect();
        let draws = |memory| {
            Replicates::new(&labels, &Uncertainty { replicates: 21, ..Uncertainty::default() }, memory)
        };
        let (kept, again) = (draws(1 << 20), draws(100));
        assert!(kept.kept.is_some() && again.kept.is_none());
        for bundle in 0..3 {
            assert_eq!(kept.bundle(bundle), again.bundle(bundle));
        }
    }

    #[test]
    fn values_are_exchanged_within_classes_only() {
        let (labels, values) = ([0, 1, 0, 1, 0, 1, 2], [1, 20, 2, 30, 3, 40, 500]);
        let mut moved = false;
        for b in 0..20 {
            let shuffled = Strata::new(&labels).shuffle(7, b, &values);
            moved |= shuffled != values;
            let of = |class| {
                let mut of: Vec<i32> =
                    (0..7).filter(|&at| labels[at] == class).map(|at| shuffled[at]).collect();
                of.sort_unstable();
                of
            };
            assert_eq!((of(0), of(1), of(2)), (vec![1, 2, 3], vec![20, 30, 40], vec![500]));
        }
        assert!(moved);
    }
}
