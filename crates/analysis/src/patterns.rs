//! The patterns that RDMs are made of: of classes and of some images, at every step.

use std::ops::Range;

use rayon::prelude::*;
use redyn_core::{Description, TrajectorySource};
use serde::{Deserialize, Serialize};

use crate::categories::Stage;
use crate::rdm::{Comparison, Metric, Undefined, dissimilarities};
use crate::reader::Reader;
use crate::{Error, Options};

/// What an RDM compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Classes, by the means of their images; in a recording, conditions by those of their trials.
    Classes,
    /// Images.
    Images,
}

/// What is done to each unit's values before patterns are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Nothing.
    #[default]
    Raw,
    /// `z = (x − mean) / sd` over all items and steps together: units weigh the same, and their
    /// changes over time stay.
    OverSteps,
    /// `z` over the items of each step: units weigh the same at every step.
    WithinStep,
}

/// How RDMs are made and compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RdmOptions {
    /// How unlike two patterns are.
    pub metric: Metric,
    /// What is done to units before.
    pub scaling: Scaling,
    /// How alike two RDMs are.
    pub comparison: Comparison,
    /// Images of an RDM of images, balanced over classes; all, where there are fewer.
    pub n_images: usize,
}

impl Default for RdmOptions {
    fn default() -> Self {
        Self {
            metric: Metric::default(),
            scaling: Scaling::default(),
            comparison: Comparison::default(),
            n_images: 100,
        }
    }
}

impl RdmOptions {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.n_images >= 3 {
            return Ok(());
        }
        let (option, found) = ("rdm.n_images", self.n_images.to_string());
        Err(Error::Setting { option, found, needs: "at least 3" })
    }
}

/// Patterns of some items at every step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Patterns {
    n_items: usize,
    n_units: usize,
    /// `[step][item][unit]`.
    values: Vec<f64>,
}

impl Patterns {
    fn new(n_steps: usize, n_items: usize, n_units: usize) -> Self {
        Self { n_items, n_units, values: vec![0.0; n_steps * n_items * n_units] }
    }

    /// Values of one step.
    fn size(&self) -> usize {
        self.n_items * self.n_units
    }

    /// The RDM of every step, where all patterns have one.
    ///
    /// # Shapes
    /// - returns: `[step]` of `[pair]`
    pub(crate) fn rdms(&self, metric: Metric, scaling: Scaling) -> Vec<Result<Vec<f64>, Undefined>> {
        if self.size() == 0 {
            return Vec::new();
        }
        let mut values = self.values.clone();
        match scaling {
            Scaling::Raw => {}
            Scaling::OverSteps => standardise_units(&mut values, self.n_units),
            Scaling::WithinStep => {
                values
                    .par_chunks_exact_mut(self.size())
                    .for_each(|step| standardise_units(step, self.n_units));
            }
        }
        values.par_chunks_exact(self.size()).map(|step| dissimilarities(step, self.n_units, metric)).collect()
    }
}

/// Bring every unit to mean 0 and (population) standard deviation 1; one that does not vary to 0.
fn standardise_units(values: &mut [f64], n_units: usize) {
    let n = (values.len() / n_units) as f64;
    let mean_of = |f: &dyn Fn(usize, f64) -> f64, values: &[f64]| {
        let mut mean = vec![0.0; n_units];
        for pattern in values.chunks_exact(n_units) {
            for (unit, (mean, &value)) in mean.iter_mut().zip(pattern).enumerate() {
                *mean += f(unit, value);
            }
        }
        for mean in &mut mean {
            *mean /= n;
        }
        mean
    };
    let mean = mean_of(&|_, value| value, values);
    let square = mean_of(&|unit, value| (value - mean[unit]).powi(2), values);
    for pattern in values.chunks_exact_mut(n_units) {
        for (unit, value) in pattern.iter_mut().enumerate() {
            let sd = square[unit].sqrt();
            *value = if sd > FLAT * mean[unit].abs() { (*value - mean[unit]) / sd } else { 0.0 };
        }
    }
}

/// A standard deviation below this share of the mean is rounding.
const FLAT: f64 = 1e-13;

/// Patterns of one network, read in one pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NetworkPatterns {
    /// Classes that have an image, ascending.
    pub(crate) classes: Vec<usize>,
    /// Images of the RDMs of images, ascending, and their classes.
    pub(crate) images: Vec<usize>,
    pub(crate) image_labels: Vec<usize>,
    /// By stage: feature, decision.
    pub(crate) of_classes: [Patterns; 2],
    pub(crate) of_images: [Patterns; 2],
    /// At the feature stage, of the first, third, ... and of the second, fourth, ... image of every
    /// class; `None` where a class has a single one.
    pub(crate) halves: Option<[Patterns; 2]>,
}

impl NetworkPatterns {
    /// Bytes of the patterns while they are read: of both halves, of all, and of the images.
    pub(crate) fn bytes(about: &Description, options: &Options) -> usize {
        let (n_classes, n_images) = (about.classes.len(), about.n_images.min(options.rdm.n_images));
        8 * about.n_steps * (about.n_units + n_classes) * (3 * n_classes + n_images)
    }

    /// Read the patterns of all classes and of a balanced choice of images.
    ///
    /// # Errors
    /// Whatever the source reports.
    pub(crate) fn read(source: &dyn TrajectorySource, options: &Options) -> Result<Self, Error> {
        let about = source.description();
        let labels = source.labels();
        let (n_steps, widths) = (about.n_steps, [about.n_units, about.classes.len()]);
        let mut counts = vec![0; about.classes.len()];
        // Which image of its class each is decides its half.
        let half: Vec<usize> = labels
            .iter()
            .map(|&label| {
                counts[label] += 1;
                (counts[label] - 1) % 2
            })
            .collect();
        let classes: Vec<usize> = (0..counts.len()).filter(|&class| counts[class] > 0).collect();
        let mut place = vec![0; counts.len()];
        classes.iter().enumerate().for_each(|(at, &class)| place[class] = at);
        let images = balanced(labels, options.rdm.n_images);
        let sums = || widths.map(|width| Patterns::new(n_steps, classes.len(), width));
        let mut halves = [sums(), sums()];
        let mut of_images = widths.map(|width| Patterns::new(n_steps, images.len(), width));
        let reader = Reader { source, zones: Vec::new() };
        let n_per_block = source.images_in(options.memory / 4);
        for first in (0..labels.len()).step_by(n_per_block) {
            let range = first..labels.len().min(first + n_per_block);
            let block = reader.read(range.clone())?;
            for (stage, array) in [&block.representations, &block.logits].into_iter().enumerate() {
                let values = array.as_slice().expect("read in standard layout");
                let width = widths[stage];
                let block = Part { values, range: range.clone(), n_steps, width };
                for (which, sums) in halves.iter_mut().enumerate() {
                    block.add_to(&mut sums[stage], |image| {
                        (half[image] == which).then(|| place[labels[image]])
                    });
                }
                block.add_to(&mut of_images[stage], |image| images.binary_search(&image).ok());
            }
        }
        let present: Vec<usize> = classes.iter().map(|&class| counts[class]).collect();
        let [mut first, mut second] = halves;
        let of_classes = [0, 1].map(|stage| {
            let mut all = first[stage].clone();
            all.values.iter_mut().zip(&second[stage].values).for_each(|(sum, other)| *sum += other);
            means(&mut all, &present);
            all
        });
        let halves = present.iter().all(|&count| count > 1).then(|| {
            means(&mut first[0], &present.iter().map(|count| count.div_ceil(2)).collect::<Vec<_>>());
            means(&mut second[0], &present.iter().map(|count| count / 2).collect::<Vec<_>>());
            let ([first, _], [second, _]) = (first, second);
            [first, second]
        });
        let image_labels = images.iter().map(|&image| labels[image]).collect();
        Ok(Self { classes, images, image_labels, of_classes, of_images, halves })
    }

    /// The patterns of a level at a stage.
    pub(crate) fn of(&self, level: Level, stage: Stage) -> &Patterns {
        let by_stage = match level {
            Level::Classes => &self.of_classes,
            Level::Images => &self.of_images,
        };
        &by_stage[usize::from(stage == Stage::Decision)]
    }

    /// Number of items of a level.
    pub(crate) fn n_items(&self, level: Level) -> usize {
        match level {
            Level::Classes => self.classes.len(),
            Level::Images => self.images.len(),
        }
    }

    /// Groups within which the items of a level are resampled: images within their class.
    pub(crate) fn strata(&self, level: Level) -> Vec<usize> {
        match level {
            Level::Classes => vec![0; self.classes.len()],
            Level::Images => self.image_labels.clone(),
        }
    }
}

/// Values of consecutive images: `[image][step][unit]`.
struct Part<'a> {
    values: &'a [f32],
    range: Range<usize>,
    n_steps: usize,
    width: usize,
}

impl Part<'_> {
    /// Add images to the items that `item` names, in the order of images; steps side by side.
    fn add_to(&self, sums: &mut Patterns, item: impl Fn(usize) -> Option<usize> + Sync) {
        let (n_steps, width) = (self.n_steps, self.width);
        let size = sums.size();
        sums.values.par_chunks_exact_mut(size).enumerate().for_each(|(step, sums)| {
            for (at, image) in self.range.clone().enumerate() {
                let Some(item) = item(image) else { continue };
                let values = &self.values[(at * n_steps + step) * width..][..width];
                let sums = &mut sums[item * width..][..width];
                sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
            }
        });
    }
}

fn means(sums: &mut Patterns, counts: &[usize]) {
    let (size, width) = (sums.size(), sums.n_units);
    for step in sums.values.chunks_exact_mut(size) {
        for (item, &count) in step.chunks_exact_mut(width).zip(counts) {
            for sum in item {
                *sum /= count as f64;
            }
        }
    }
}

/// About `n` images, the classes taking turns, those of a class spread evenly over its images.
fn balanced(labels: &[usize], n: usize) -> Vec<usize> {
    let n_classes = labels.iter().max().map_or(0, |&label| label + 1);
    let mut images = vec![Vec::new(); n_classes];
    labels.iter().enumerate().for_each(|(image, &label)| images[label].push(image));
    let mut quota = vec![0; n_classes];
    let mut left = n.min(labels.len());
    while left > 0 {
        for class in 0..n_classes {
            if left > 0 && quota[class] < images[class].len() {
                quota[class] += 1;
                left -= 1;
            }
        }
    }
    let spread = |(images, &quota): (&Vec<usize>, &usize)| -> Vec<usize> {
        (0..quota).map(|at| images[at * images.len() / quota]).collect()
    };
    let mut chosen: Vec<usize> = images.iter().zip(&quota).flat_map(spread).collect();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, quick};
    use crate::rdm::{n_pairs, pairs};

    #[test]
    fn patterns_are_the_means_of_a_plain_loop_however_they_are_read() {
        let fixture = Fixture::random(50, 3);
        let read = |memory| NetworkPatterns::read(&fixture, &Options { memory, ..quick() }).unwrap();
        let found = read(1 << 20);
        assert_eq!(found, read(1));
        let n_units = fixture.about.n_units;
        let of = |class: usize| -> Vec<usize> {
            (0..50).filter(|&image| fixture.labels[image] == class).collect()
        };
        let mean = |images: &[usize], step: usize, unit: usize| {
            images.iter().map(|&n| f64::from(fixture.representations[[n, step, unit]])).sum::<f64>()
                / images.len() as f64
        };
        for step in 0..3 {
            for class in 0..8 {
                let own = of(class);
                let odd: Vec<usize> = own.iter().copied().step_by(2).collect();
                for unit in 0..n_units {
                    let at = (step * 8 + class) * n_units + unit;
                    close(found.of(Level::Classes, Stage::Feature).values[at], mean(&own, step, unit));
                    close(found.halves.as_ref().unwrap()[0].values[at], mean(&odd, step, unit));
                }
            }
        }
        assert_eq!(found.of(Level::Images, Stage::Decision).values.len(), 50 * 3 * 8);
    }

    #[test]
    fn units_are_scaled_over_steps_or_within_each() {
        let (n_items, n_units) = (5, 4);
        let mut values = crate::rdm::tests::patterns(2, n_items, n_units, 7);
        // A unit that is silent, and one that is loud at the second step.
        (0..10).for_each(|pattern| values[pattern * n_units] = 3.0);
        (5..10).for_each(|pattern| values[pattern * n_units + 1] += 50.0);
        let patterns = Patterns { n_items, n_units, values };
        let naive = |from: usize, to: usize| -> Vec<Vec<f64>> {
            let rows = || patterns.values.chunks_exact(n_units).skip(from).take(to - from);
            let n = (to - from) as f64;
            let mean: Vec<f64> = (0..n_units).map(|u| rows().map(|x| x[u]).sum::<f64>() / n).collect();
            let sd = |u: usize| (rows().map(|x| (x[u] - mean[u]).powi(2)).sum::<f64>() / n).sqrt();
            let z = |x: &[f64], u: usize| if sd(u) == 0.0 { 0.0 } else { (x[u] - mean[u]) / sd(u) };
            rows().map(|x| (0..n_units).map(|u| z(x, u)).collect()).collect()
        };
        let rdm = |z: &[Vec<f64>]| dissimilarities(&z.concat(), n_units, Metric::Euclidean).unwrap();
        let over = naive(0, 10);
        let expected = [
            (Scaling::OverSteps, [rdm(&over[..5]), rdm(&over[5..])]),
            (Scaling::WithinStep, [rdm(&naive(0, 5)), rdm(&naive(5, 10))]),
        ];
        for (scaling, expected) in expected {
            let found = patterns.rdms(Metric::Euclidean, scaling);
            for (found, expected) in found.iter().zip(&expected) {
                let found = found.as_ref().unwrap();
                assert_eq!(found.len(), n_pairs(n_items));
                found.iter().zip(expected).for_each(|(&a, &b)| close(a, b));
            }
        }
    }

    #[test]
    fn every_class_gives_its_share_of_images() {
        let labels: Vec<usize> = (0..100).map(|image| usize::from(image % 10 == 0)).collect();
        let chosen = balanced(&labels, 30);
        assert_eq!(chosen.len(), 30);
        assert_eq!(chosen.iter().filter(|&&image| labels[image] == 1).count(), 10);
        assert!(chosen.is_sorted_by(|a, b| a < b));
        assert_eq!(balanced(&labels, 1000), (0..100).collect::<Vec<_>>());
        assert_eq!(pairs(3).count(), 3);
    }
}
