//! Models against brains: RDMs of every area and step beside those of subjects.

use redyn_core::TrajectorySource;
use serde::{Deserialize, Serialize};

use crate::categories::Stage;
use crate::patterns::{Level, NetworkPatterns};
use crate::rdm::{Comparable, NoiseCeiling, PairWeights, Rdms, Resampling, exchanges, noise_ceiling};
use crate::rdm_movie::Frames;
use crate::replicates::Replicates;
use crate::resample::{bootstrap, draws_by_weights, estimates, means, p_value};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Error, Estimate, Options, RdmOptions, Uncertainty};

/// RDMs of one area of a model, at every step.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRdms {
    /// The network.
    pub network: String,
    /// Its area.
    pub area: String,
    /// The images, or the classes, that are compared.
    pub items: Vec<usize>,
    /// The steps that have an RDM.
    pub steps: Vec<usize>,
    /// Their RDMs.
    pub rdms: Rdms,
    /// Which steps have none, and why.
    pub note: Option<String>,
}

impl ModelRdms {
    /// The RDMs of all images of some trajectories in their order, or of all classes that have one.
    ///
    /// # Errors
    /// No step has an RDM; whatever the source reports.
    pub fn read(source: &dyn TrajectorySource, level: Level, options: &Options) -> Result<Self, Error> {
        let about = source.description();
        // All images, not a choice of them: brains saw each. Beside classes the fewest there can be.
        let n_images = if level == Level::Images { usize::MAX } else { 3 };
        let rdm = RdmOptions { n_images, ..options.rdm.clone() };
        let options = Options { rdm, ..options.clone() };
        let patterns = NetworkPatterns::read(source, &options)?;
        let frames = Frames::of(&patterns, level, Stage::Feature, &options.rdm);
        let Frames { steps, rdms, note, .. } =
            frames.map_err(|reason| Error::RdmAbsent { trajectories: about.name.clone(), reason })?;
        let items = match level {
            Level::Classes => patterns.classes,
            Level::Images => patterns.images,
        };
        Ok(Self { network: about.name.clone(), area: about.area.clone(), items, steps, rdms, note })
    }
}

/// RDMs of several subjects, at one or several times.
#[derive(Clone, Debug, PartialEq)]
pub struct BrainRdms {
    /// What was recorded.
    pub name: String,
    /// The times; a single `None` where RDMs are of no time in particular.
    pub times: Vec<Option<f64>>,
    /// By time, the RDMs of all subjects.
    pub subjects: Vec<Rdms>,
}

/// How alike a model at a step is to a brain at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The network.
    pub network: String,
    /// Its area.
    pub area: String,
    /// Its step.
    pub step: usize,
    /// The brain's RDMs.
    pub brain: String,
    /// The time.
    pub time: Option<f64>,
    /// Mean over subjects, with its interval over images.
    pub over_images: Option<Estimate>,
    /// The same mean, with its interval over subjects.
    pub over_subjects: Option<Estimate>,
    /// Share of exchanges of images that make them as alike.
    pub p: Option<f64>,
}

/// What the best possible model would reach at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// The brain's RDMs.
    pub brain: String,
    /// The time.
    pub time: Option<f64>,
    /// Number of subjects.
    pub n_subjects: usize,
    /// The bounds; absent for one subject.
    pub bounds: Option<NoiseCeiling>,
}

/// Models against brains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrainComparison {
    /// How RDMs were made and compared.
    pub options: RdmOptions,
    /// How intervals and permutations were drawn.
    pub uncertainty: Uncertainty,
    /// Every model, area and step with every brain and time.
    pub matches: Vec<Match>,
    /// Of every brain and time.
    pub ceilings: Vec<Ceiling>,
}

/// Compare models with brains, as `options.rdm.comparison` says.
///
/// A value is the mean over subjects of how alike the model's RDM is to each subject's. Intervals
/// over images resample them for model and brain together; `p` exchanges the model's images.
///
/// # Errors
/// A model and a brain of different numbers of images.
pub fn compare_with_brains(
    models: &[ModelRdms],
    brains: &[BrainRdms],
    options: &Options,
) -> Result<BrainComparison, Error> {
    let (mut matches, mut ceilings) = (Vec::new(), Vec::new());
    for brain in brains {
        for (subjects, &time) in brain.subjects.iter().zip(&brain.times) {
            let one_group = vec![0; subjects.n_items()];
            let resampling = Resampling { strata: &one_group, uncertainty: &options.uncertainty };
            let several = subjects.len() > 1;
            let bounds =
                several.then(|| noise_ceiling(subjects, options.rdm.comparison, &resampling)).transpose()?;
            let (name, n_subjects) = (brain.name.clone(), subjects.len());
            ceilings.push(Ceiling { brain: name, time, n_subjects, bounds });
        }
    }
    for model in models {
        for brain in brains {
            for (subjects, &time) in brain.subjects.iter().zip(&brain.times) {
                let found = compare(&model.rdms, subjects, options)?;
                for (&step, (over_images, over_subjects, p)) in model.steps.iter().zip(found) {
                    matches.push(Match {
                        network: model.network.clone(),
                        area: model.area.clone(),
                        step,
                        brain: brain.name.clone(),
                        time,
                        over_images,
                        over_subjects,
                        p,
                    });
                }
            }
        }
    }
    let (rdm, uncertainty) = (options.rdm.clone(), options.uncertainty.clone());
    Ok(BrainComparison { options: rdm, uncertainty, matches, ceilings })
}

type Found = (Option<Estimate>, Option<Estimate>, Option<f64>);

/// One model at all steps against all subjects at one time.
fn compare(model: &Rdms, subjects: &Rdms, options: &Options) -> Result<Vec<Found>, Error> {
    let (n_steps, n_subjects, n_items) = (model.len(), subjects.len(), model.n_items());
    let comparison = options.rdm.comparison;
    if subjects.n_items() != n_items {
        return Err(Error::RdmOtherItems { found: n_items, expected: subjects.n_items() });
    }
    let uncertainty = &options.uncertainty;
    let (own, others) = (Comparable::new(model, comparison), Comparable::new(subjects, comparison));
    let average = |each: &[Option<f64>]| -> Vec<Option<f64>> {
        let mean =
            |of: &[Option<f64>]| of.iter().copied().sum::<Option<f64>>().map(|sum| sum / n_subjects as f64);
        each.chunks_exact(n_subjects).map(mean).collect()
    };
    let one_group = vec![0; n_items];
    let replicates = Replicates::new(&one_group, uncertainty, options.memory);
    let draws = draws_by_weights(&replicates, &vec![n_items; n_steps], |items| {
        average(&own.between(&others, &PairWeights::new(items)))
    });
    let over_images = estimates(&draws, uncertainty.level);

    let drawn = (uncertainty.replicates, uncertainty.seed);
    let (observed, null) = exchanges(&own, &others, &one_group, drawn);
    let mut sums = Sums::of_means(n_steps);
    for (at, value) in observed.iter().enumerate() {
        if let Some(value) = value {
            sums.add_to_mean(at % n_subjects, at / n_subjects, *value);
        }
    }
    let replicates = Replicates::new(&vec![0; n_subjects], uncertainty, options.memory);
    let over_subjects = bootstrap(&replicates, &vec![n_subjects; n_steps], sums, means);

    let (observed, null) = (average(&observed), null.iter().map(|each| average(each)).collect::<Vec<_>>());
    let p = |step: usize| {
        let drawn: Vec<f64> = null.iter().filter_map(|means| means[step]).collect();
        p_value(observed[step]?, &drawn)
    };
    Ok((0..n_steps).map(|step| (over_images[step], over_subjects[step], p(step))).collect())
}

impl BrainComparison {
    /// Of every area and brain, the step and time at which they are most alike.
    pub fn best(&self) -> Vec<(&Match, Estimate)> {
        let mut best: Vec<(&Match, Estimate)> = Vec::new();
        for found in &self.matches {
            let Some(estimate) = found.over_images else { continue };
            let pair = |one: &Match| {
                (&one.network, &one.area, &one.brain) == (&found.network, &found.area, &found.brain)
            };
            match best.iter_mut().find(|(known, _)| pair(known)) {
                Some(known) if estimate.value > known.1.value => *known = (found, estimate),
                Some(_) => {}
                None => best.push((found, estimate)),
            }
        }
        best
    }

    /// Similarities and noise ceilings as tidy tables.
    pub fn tables(&self) -> Vec<Table> {
        let words = self.options.comparison.words();
        let mut matches = Table::of_estimates(
            "model_brain",
            &[
                ("network", "", "short name of the network"),
                ("area", "", "its area"),
                ("step", "step, from 0", "its step"),
                ("brain", "", "the RDMs it is compared with"),
                ("time", "as recorded", "time of the brain's RDMs; empty where they are of none"),
                (
                    "subject_low",
                    "",
                    "lower end of the bootstrap interval over subjects; empty where there is none",
                ),
                (
                    "subject_high",
                    "",
                    "upper end of the bootstrap interval over subjects; empty where there is none",
                ),
                ("n_subjects", "subjects", "number of subjects"),
                (
                    "p",
                    "",
                    "share of exchanges of images that make model and brain as alike, (b + 1) / (m + 1)",
                ),
            ],
            ("", &format!("mean over subjects of how alike the RDMs are ({words})")),
        );
        for found in &self.matches {
            let subjects = found.over_subjects.as_ref();
            let keys = vec![
                found.network.as_str().into(),
                found.area.as_str().into(),
                found.step.into(),
                found.brain.as_str().into(),
                found.time.into(),
                subjects.and_then(|estimate| estimate.low).into(),
                subjects.and_then(|estimate| estimate.high).into(),
                subjects.map_or(0, |estimate| estimate.n).into(),
                found.p.into(),
            ];
            matches.push_estimate(keys, found.over_images.as_ref());
        }
        let mut ceilings = Table::of_estimates(
            "noise_ceiling",
            &[
                ("brain", "", "the RDMs"),
                ("time", "as recorded", "their time; empty where they are of none"),
                ("n_subjects", "subjects", "number of subjects"),
                (
                    "bound",
                    "",
                    "lower: each subject against the mean of the others; upper: against the mean of all",
                ),
            ],
            ("", &format!("mean over subjects ({words})")),
        );
        for ceiling in &self.ceilings {
            let Some(bounds) = &ceiling.bounds else { continue };
            for (bound, estimate) in [("lower", bounds.lower), ("upper", bounds.upper)] {
                let keys = vec![
                    ceiling.brain.as_str().into(),
                    ceiling.time.into(),
                    ceiling.n_subjects.into(),
                    bound.into(),
                ];
                ceilings.push_estimate(keys, estimate.as_ref());
            }
        }
        vec![matches, ceilings]
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use super::*;
    use crate::fixture::{Fixture, close, quick};
    use crate::rdm::n_pairs;
    use crate::spearman::{correlation, ranks};

    /// Brains of known answer: at time `t` every subject sees what the model sees at step
    /// `course[t]`, with noise of its own.
    fn brains(model: &ModelRdms, course: &[usize], n_subjects: usize, noise: f64) -> BrainRdms {
        let n = model.rdms.n_items();
        let subjects = |&step: &usize| {
            let of = |subject: usize| {
                let mut stream = Stream::new(3, &[step as u64, subject as u64]);
                model.rdms.rdm(step).iter().map(|x| x + noise * stream.normal()).collect::<Vec<f64>>()
            };
            Rdms::new(n, (0..n_subjects).flat_map(of).collect()).unwrap()
        };
        BrainRdms {
            name: "it".into(),
            times: (0..course.len()).map(|t| Some(20.0 * t as f64)).collect(),
            subjects: course.iter().map(subjects).collect(),
        }
    }

    #[test]
    fn a_brain_in_time_is_met_at_the_steps_it_goes_through() {
        let fixture = Fixture::random(24, 4);
        let model = ModelRdms::read(&fixture, Level::Images, &quick()).unwrap();
        assert_eq!((model.steps.len(), model.rdms.n_pairs()), (4, n_pairs(24)));
        let course = [3, 0, 2];
        let brain = brains(&model, &course, 12, 0.1);
        let found = compare_with_brains(&[model], &[brain], &quick()).unwrap();
        assert_eq!((found.matches.len(), found.ceilings.len()), (12, 3));
        for (time, &step) in course.iter().enumerate() {
            let here: Vec<&Match> =
                found.matches.iter().filter(|one| one.time == Some(20.0 * time as f64)).collect();
            let value = |one: &Match| one.over_images.unwrap().value;
            let best = here.iter().max_by(|a, b| value(a).total_cmp(&value(b))).unwrap();
            assert_eq!(best.step, step);
            let (images, subjects) = (best.over_images.unwrap(), best.over_subjects.unwrap());
            close(images.value, subjects.value);
            assert!(images.interval().is_some() && subjects.interval().is_some());
            assert!(best.p.unwrap() < 0.01);
            // The truth is at the ceiling: not below its lower bound by more than noise, and below its upper.
            let bounds = found.ceilings[time].bounds.unwrap();
            let (lower, upper) = (bounds.lower.unwrap().value, bounds.upper.unwrap().value);
            assert!(lower < upper && value(best) > lower - 0.02, "{lower} {} {upper}", value(best));
        }
    }

    #[test]
    fn values_are_means_over_subjects_of_a_plain_loop() {
        let fixture = Fixture::random(15, 2);
        let model = ModelRdms::read(&fixture, Level::Images, &quick()).unwrap();
        let brain = brains(&model, &[1], 3, 0.5);
        let found = compare_with_brains(std::slice::from_ref(&model), std::slice::from_ref(&brain), &quick())
            .unwrap();
        for (step, one) in found.matches.iter().enumerate() {
            let alike = |subject: &[f64]| correlation(&ranks(model.rdms.rdm(step)), &ranks(subject)).unwrap();
            close(one.over_images.unwrap().value, brain.subjects[0].iter().map(alike).sum::<f64>() / 3.0);
            // Three subjects are too few for an interval over them.
            assert_eq!(one.over_subjects.unwrap().interval(), None);
        }
    }

    #[test]
    fn classes_are_compared_by_the_means_of_their_images() {
        let mut fixture = Fixture::random(24, 2);
        // Nobody is of the fourth class.
        fixture.labels.iter_mut().filter(|label| **label == 3).for_each(|label| *label = 4);
        let found = ModelRdms::read(&fixture, Level::Classes, &quick()).unwrap();
        assert_eq!((&found.items[..], found.steps.len()), (&[0, 1, 2, 4, 5, 6, 7][..], 2));
        let mean = |class: usize| -> Vec<f64> {
            let own: Vec<usize> = (0..24).filter(|&image| fixture.labels[image] == class).collect();
            let unit =
                |u: usize| own.iter().map(|&n| f64::from(fixture.representations[[n, 1, u]])).sum::<f64>();
            (0..fixture.about.n_units).map(|u| unit(u) / own.len() as f64).collect()
        };
        // The third pair is of the first and the fourth item.
        close(found.rdms.rdm(1)[2], 1.0 - correlation(&mean(0), &mean(4)).unwrap());
    }

    #[test]
    fn other_images_are_refused() {
        let model = |n| ModelRdms::read(&Fixture::random(n, 2), Level::Images, &quick()).unwrap();
        let brain = brains(&model(15), &[1], 3, 0.5);
        let error = compare_with_brains(&[model(16)], &[brain], &quick()).unwrap_err();
        assert_eq!(error.to_string(), "RDMs of 16 items cannot be compared with RDMs of 15");
    }
}
