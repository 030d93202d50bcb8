//! Recordings that come without a readout get one: linear, cross-validated, the same at all times.

use std::ops::Range;

use ndarray::{Array3, s};
use redyn_core::{Block, Description, Diagnose, FoldReadouts, TrajectorySource};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::discriminant::Samples;
use crate::reader::Reader;

/// How a readout is fitted to a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecodingOptions {
    /// Parts the trials of every class are dealt into; fewer, where a class has fewer trials.
    pub folds: usize,
}

impl Default for DecodingOptions {
    fn default() -> Self {
        Self { folds: 5 }
    }
}

/// A recording judged by cross-validated linear readouts.
///
/// Trial `i` of a class (in the order of the recording) belongs to fold `i mod F`. Its logits, at
/// every step, are those of a readout that was fitted to the trials of all other folds, all steps
/// together: as in a network, one readout judges at all times, so that its zones stay where they
/// are while representations move. It is a linear discriminant with a covariance shrunken after
/// Ledoit & Wolf. The readout of the description is fitted to all trials and judges none.
///
/// # Limits
/// The recording is held in memory. Covariances take `n_units²` numbers.
pub struct Decoded<'a> {
    source: Box<dyn TrajectorySource + 'a>,
    description: Description,
    folds: FoldReadouts,
    logits: Array3<f32>,
}

impl<'a> Decoded<'a> {
    /// Fit the readouts, and judge every trial.
    ///
    /// # Errors
    /// Fewer than two folds asked for, a class with a single trial, no trials, values that are not
    /// finite, whatever the source reports.
    pub fn fit(source: Box<dyn TrajectorySource + 'a>, options: &DecodingOptions) -> Result<Self, Error> {
        let about = source.description();
        let labels = source.labels();
        if options.folds < 2 {
            let found = options.folds.to_string();
            return Err(Error::Setting { option: "decoding.folds", found, needs: "at least 2" });
        }
        let (fold, n_folds) = folds(about, labels, options.folds)?;
        let reader = Reader { source: &*source, zones: Vec::new() };
        let all = reader.read(0..about.n_images)?.representations;
        if let Some(((image, step, _), _)) = all.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let trajectories = about.name.clone();
            return Err(Error::NotFinite { trajectories, what: "representation", image, step });
        }
        let fit = |keep: &dyn Fn(usize) -> bool| {
            let (mut values, mut of) = (Vec::new(), Vec::new());
            for image in (0..about.n_images).filter(|&image| keep(image)) {
                values.extend(all.slice(s![image, .., ..]).iter());
                of.extend(std::iter::repeat_n(labels[image], about.n_steps));
            }
            let (n_classes, n_units) = (about.classes.len(), about.n_units);
            Samples { values: &values, labels: &of, n_classes, n_units }.discriminant()
        };
        let readouts = (0..n_folds).map(|held_out| fit(&|image| fold[image] != held_out)).collect();
        let folds = FoldReadouts { readouts, fold };
        let mut logits = Array3::zeros((about.n_images, about.n_steps, about.classes.len()));
        for image in 0..about.n_images {
            let readout = &folds.readouts[folds.fold[image]];
            for step in 0..about.n_steps {
                let scores = readout.scores(&all.slice(s![image, step, ..]));
                logits.slice_mut(s![image, step, ..]).assign(&scores.mapv(|score| score as f32));
            }
        }
        let description = Description { readout: Some(fit(&|_| true)), ..about.clone() };
        Ok(Self { source, description, folds, logits })
    }

    /// Number of folds.
    pub fn n_folds(&self) -> usize {
        self.folds.readouts.len()
    }
}

/// The fold of every trial, and how many folds there are.
fn folds(about: &Description, labels: &[usize], wanted: usize) -> Result<(Vec<usize>, usize), Error> {
    let mut counts = vec![0; about.classes.len()];
    let place: Vec<usize> = labels
        .iter()
        .map(|&label| {
            counts[label] += 1;
            counts[label] - 1
        })
        .collect();
    if let Some(class) = counts.iter().position(|&count| count < 2) {
        let (trajectories, class) = (about.name.clone(), (about.classes[class].clone(), counts[class]));
        return Err(Error::TooFewTrials { trajectories, class });
    }
    let n_folds = counts.into_iter().min().unwrap_or(0).min(wanted);
    Ok((place.into_iter().map(|place| place % n_folds).collect(), n_folds))
}

impl TrajectorySource for Decoded<'_> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn labels(&self) -> &[usize] {
        self.source.labels()
    }

    fn folds(&self) -> Option<&FoldReadouts> {
        Some(&self.folds)
    }

    fn read(&self, images: Range<usize>) -> Result<Block, Box<dyn Diagnose + Send + Sync>> {
        let mut block = self.source.read(images.clone())?;
        block.logits = self.logits.slice(s![images, .., ..]).to_owned();
        Ok(block)
    }

    fn images_in(&self, bytes: usize) -> usize {
        self.source.images_in(bytes)
    }

    fn bytes_of(&self, n_images: usize) -> usize {
        self.source.bytes_of(n_images)
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;
    use redyn_core::{Stop, TimeAxis, Trajectories};

    use super::*;
    use crate::fixture::{close, quick};
    use crate::{Accuracy, Boundary, Request, Selection, StableStep, Subject, Zones, analyse};

    const N_CLASSES: usize = 4;
    const ONSET: usize = 3;

    /// A recording of known answer: noise alone before the onset, and then a pattern of its own
    /// for every condition, far above the noise.
    fn recording(n_trials: usize, loud: f64) -> Trajectories {
        let (n_steps, n_units) = (8, 12);
        let n_images = N_CLASSES * n_trials;
        let mut stream = Stream::new(7, &[]);
        let patterns: Vec<f64> = (0..N_CLASSES * n_units).map(|_| stream.normal()).collect();
        let labels: Vec<usize> = (0..n_images).map(|image| image % N_CLASSES).collect();
        let representations = Array3::from_shape_fn((n_images, n_steps, n_units), |(image, step, unit)| {
            let signal = if step < ONSET { 0.0 } else { loud * patterns[labels[image] * n_units + unit] };
            (5.0 + signal + stream.normal()) as f32
        });
        let about = Description {
            name: "monkey".into(),
            network: "recording".into(),
            area: "it".into(),
            epoch: None,
            seed: None,
            n_images,
            n_steps,
            n_units,
            classes: (0..N_CLASSES).map(|class| format!("condition {class}")).collect(),
            hierarchy: None,
            readout: None,
            time: Some(TimeAxis { unit: "ms".into(), times: (0..8).map(|t| 25.0 * f64::from(t)).collect() }),
            digest: "00".into(),
        };
        let logits = Array3::zeros((n_images, n_steps, N_CLASSES));
        Trajectories::new(about, labels, representations, logits).unwrap()
    }

    #[test]
    fn decoding_is_at_chance_before_the_onset_and_perfect_after() {
        let recording = recording(30, 4.0);
        let decoded = Decoded::fit(Box::new(recording.clone()), &DecodingOptions::default()).unwrap();
        let subjects = [Subject::of(&decoded)];
        let request = Request {
            subjects: &subjects,
            analyses: Selection::All,
            options: &quick(),
            stop: &Stop::default(),
        };
        let found = analyse(&request).unwrap().networks.remove(0);
        let accuracy = found.get::<Accuracy>().unwrap();
        for (step, estimate) in accuracy.per_step.iter().enumerate() {
            let value = estimate.unwrap().value;
            // Three standard errors of chance over 120 trials: 0.12.
            if step < ONSET {
                assert!((value - 0.25).abs() < 0.12, "{step}: {value}");
            } else {
                assert_eq!(value, 1.0);
            }
        }
        let stable = found.get::<StableStep>().unwrap();
        assert_eq!(stable.correct_by_step[ONSET + 1..].iter().sum::<usize>(), 0);
        assert!(stable.correct_by_step[ONSET] > 20);
        // Zones are those of the readout that judged: no image-step disagrees.
        assert!(found.get::<Boundary>().is_some() && found.get::<Zones>().is_some(), "{:?}", found.omitted);
        assert_eq!(found.time, recording.description().time);
    }

    #[test]
    fn a_trial_never_judges_itself() {
        // Noise only: a readout that had seen the trial would be far above chance.
        let recording = recording(10, 0.0);
        let decoded = Decoded::fit(Box::new(recording.clone()), &DecodingOptions { folds: 4 }).unwrap();
        let block = decoded.read(0..40).unwrap();
        let mut correct = 0;
        for image in 0..40 {
            let readout = &decoded.folds.readouts[decoded.folds.fold[image]];
            for step in 0..8 {
                let scores = readout.scores(&block.representations.slice(s![image, step, ..]));
                let logits = block.logits.slice(s![image, step, ..]);
                scores
                    .iter()
                    .zip(logits)
                    .for_each(|(&score, &logit)| close(f64::from(score as f32), f64::from(logit)));
                let best = (0..N_CLASSES).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
                correct += usize::from(best == block.labels[image]);
            }
            assert_eq!(decoded.folds.fold[image], image / N_CLASSES % 4);
        }
        assert!(correct < 110, "{correct} of 320");
    }

    #[test]
    fn folds_are_no_more_than_trials() {
        let two = recording(2, 1.0);
        assert_eq!(Decoded::fit(Box::new(two), &DecodingOptions::default()).unwrap().n_folds(), 2);
        let one = recording(1, 1.0);
        let error = Decoded::fit(Box::new(one), &DecodingOptions::default()).err().unwrap();
        assert_eq!(
            error.to_string(),
            "`monkey`: `condition 0` has 1 trial, a cross-validated readout needs 2 of every class"
        );
    }
}
