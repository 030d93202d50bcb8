//! When the network makes up its mind.

use serde::{Deserialize, Serialize};

use crate::resample::{bootstrap, share};
use crate::rows::Rows;
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material};

/// How long the final run of one answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MinimumRun {
    /// At least two steps: an answer given at the last step only is not stable. As published.
    #[default]
    Two,
    /// One step is enough.
    One,
}

impl MinimumRun {
    /// That many steps.
    const fn steps(self) -> usize {
        match self {
            Self::Two => 2,
            Self::One => 1,
        }
    }
}

/// Whether the final answer may have been given, and given up, before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstOccurrence {
    /// The final run must be the answer's first occurrence. As published.
    #[default]
    Required,
    /// Only the final run counts.
    Ignored,
}

/// When a classification counts as stable.
///
/// Both clauses stand in the notebook of Thorat et al. 2023, neither in the paper's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StableRule {
    /// How long the final run must be.
    pub minimum_run: MinimumRun,
    /// Whether the final answer may have occurred before.
    pub first_occurrence: FirstOccurrence,
}

/// The four ways a classification can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// Settles on the true class.
    StableCorrect,
    /// Settles on another class.
    StableIncorrect,
    /// Does not settle, but names the true class at some step.
    UnstableCorrect,
    /// Does not settle, and never names the true class.
    UnstableIncorrect,
}

impl Course {
    /// All four, in the order of the published counts.
    pub const ALL: [Self; 4] =
        [Self::StableCorrect, Self::StableIncorrect, Self::UnstableCorrect, Self::UnstableIncorrect];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::StableCorrect => "stable_correct",
            Self::StableIncorrect => "stable_incorrect",
            Self::UnstableCorrect => "unstable_correct",
            Self::UnstableIncorrect => "unstable_incorrect",
        }
    }
}

/// How the classification of one image went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which of the four ways.
    pub course: Course,
    /// The stable step `t_s`, from 0; `None` for the unstable.
    pub step: Option<usize>,
}

impl Outcome {
    /// The stable step of an image that settles on its true class.
    pub fn correct_from(self) -> Option<usize> {
        self.step.filter(|_| self.course == Course::StableCorrect)
    }
}

impl StableRule {
    /// The outcome for one image.
    ///
    /// With `ℓ` the last answer, `t_s` is the first step of the final unbroken run of `ℓ`.
    ///
    /// # Shapes
    /// - `answers`: `[n_steps]`, the class named at each step; at least one
    pub fn outcome(self, answers: &[usize], label: usize) -> Outcome {
        let last = answers[answers.len() - 1];
        let step = answers.iter().rposition(|&answer| answer != last).map_or(0, |other| other + 1);
        let long_enough = answers.len() - step >= self.minimum_run.steps();
        let first = match self.first_occurrence {
            FirstOccurrence::Required => !answers[..step].contains(&last),
            FirstOccurrence::Ignored => true,
        };
        match (long_enough && first, last == label, answers.contains(&label)) {
            (true, true, _) => Outcome { course: Course::StableCorrect, step: Some(step) },
            (true, false, _) => Outcome { course: Course::StableIncorrect, step: Some(step) },
            (false, _, true) => Outcome { course: Course::UnstableCorrect, step: None },
            (false, _, false) => Outcome { course: Course::UnstableIncorrect, step: None },
        }
    }

    /// The outcome of every image.
    pub fn outcomes(self, rows: &Rows) -> Vec<Outcome> {
        (0..rows.n_images()).map(|image| self.outcome(rows.answers(image), rows.labels[image])).collect()
    }
}

/// Number of steps over which curves are averaged: the first `t_s` whose count is below 1 %
/// of the count at `t_s = 0`.
///
/// Where no image is stable from the start, or no count is that small, there is no such
/// step and all `counts.len()` steps are used. In small sets of images a stable step that
/// happens to be empty ends the window early: that is the published rule.
///
/// # Shapes
/// - `counts`: `[n_steps]`, stably correct images by `t_s`
pub fn timesteps_analyse(counts: &[usize]) -> usize {
    let few = |&count: &usize| 100 * count < counts[0];
    counts.iter().position(few).unwrap_or(counts.len())
}

/// Stably correct images by `t_s`: `[n_steps]`.
pub fn counts_by_step(outcomes: &[Outcome], n_steps: usize) -> Vec<usize> {
    let mut counts = vec![0; n_steps];
    for step in outcomes.iter().filter_map(|outcome| outcome.correct_from()) {
        counts[step] += 1;
    }
    counts
}

/// Share of the images that went one of the four ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CourseShare {
    /// Which way.
    pub course: Course,
    /// Number of images.
    pub count: usize,
    /// Share of all images.
    pub share: Option<Estimate>,
}

/// When images of one class are settled on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassStable {
    /// The class.
    pub class: String,
    /// Share of its images that are stably correct.
    pub correct: Option<Estimate>,
    /// Mean stable step of those.
    pub step: Option<Estimate>,
    /// Mean time of their stable steps, in recordings.
    pub time: Option<Estimate>,
}

/// When the network makes up its mind, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StableStep {
    /// The rule that was applied.
    pub rule: StableRule,
    /// The four ways, in the order of [`Course::ALL`].
    pub courses: Vec<CourseShare>,
    /// Stably correct images by stable step: `[n_steps]`.
    pub correct_by_step: Vec<usize>,
    /// Stably incorrect images by stable step: `[n_steps]`.
    pub incorrect_by_step: Vec<usize>,
    /// Mean stable step of the stably correct images.
    pub mean_step: Option<Estimate>,
    /// The same by true class, of classes that have an image.
    #[serde(default)]
    pub by_class: Vec<ClassStable>,
    /// Curves are averaged over `t = 0..timesteps_analyse`.
    pub timesteps_analyse: usize,
    /// Outcome per image.
    pub outcomes: Vec<Outcome>,
    /// True class per image.
    pub labels: Vec<usize>,
    /// Last answer per image.
    pub answers: Vec<usize>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for StableStep {
    const NAME: &'static str = "stable_step";
    const TITLE: &'static str = "When the network makes up its mind";
    const SUMMARY: &'static str = "first step of the lasting answer, and whether the answer is right";
    const DESCRIPTION: &'static str = "The stable step t_s of an image is the first step of the last unbroken \
        run of its final answer. By default the run must last two steps or more and be the answer's first \
        occurrence. Images are sorted into stably correct, stably incorrect, unstable but at some step correct, \
        and never correct.";
    const REFERENCE: &'static str =
        "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figure 2; rules as in their notebook";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let (rows, outcomes) = (material.rows, material.outcomes);
        rows.need_steps(Self::NAME, material.options.stable.minimum_run.steps())?;
        let correct_by_step = counts_by_step(outcomes, rows.n_steps());
        let mut incorrect_by_step = vec![0; rows.n_steps()];
        for outcome in outcomes.iter().filter(|outcome| outcome.course == Course::StableIncorrect) {
            incorrect_by_step[outcome.step.unwrap_or(0)] += 1;
        }
        let counts = Course::ALL.map(|way| outcomes.iter().filter(|o| o.course == way).count());
        let n = rows.n_images();
        // The images of each course, and the stable steps of the stably correct.
        let mut sums = Sums::new(5);
        for (image, outcome) in outcomes.iter().enumerate() {
            sums.add(image, outcome.course as usize, 1.0);
            if let Some(stable) = outcome.correct_from() {
                sums.add(image, 4, stable as f64);
            }
        }
        let estimates = bootstrap(material.replicates(), &[n, n, n, n, counts[0]], sums, |sums| {
            let shares = sums[..4].iter().map(|count| share(*count, n as f64));
            shares.chain([share(sums[4], sums[0])]).collect()
        });
        let courses = (0..4)
            .map(|way| CourseShare { course: Course::ALL[way], count: counts[way], share: estimates[way] })
            .collect();
        let mut notes = Vec::new();
        if counts[0] == 0 {
            notes.push("no image is stably correct: the groups of figure 2 are empty".into());
        } else if correct_by_step[0] == 0 {
            notes.push("no image is stably correct from t=0: averages use all steps".into());
        }
        Ok(Self {
            rule: material.options.stable,
            courses,
            timesteps_analyse: timesteps_analyse(&correct_by_step),
            correct_by_step,
            incorrect_by_step,
            mean_step: estimates[4],
            by_class: by_class(material),
            outcomes: outcomes.to_vec(),
            labels: rows.labels.clone(),
            answers: (0..n).map(|image| rows.answers(image)[rows.n_steps() - 1]).collect(),
            notes,
        })
    }

    fn tables(&self) -> Vec<Table> {
        let mut courses = Table::of_estimates(
            "courses",
            &[
                ("course", "", "one of the four ways a classification can go"),
                ("count", "images", "how many"),
            ],
            ("", "share of all images"),
        );
        for way in &self.courses {
            courses.push_estimate(vec![way.course.name().into(), way.count.into()], way.share.as_ref());
        }
        let mut by_step = Table::new(
            "by_step",
            &[
                ("stable_step", "step, from 0", "stable step"),
                ("correct", "images", "stably correct images with this stable step"),
                ("incorrect", "images", "stably incorrect images with this stable step"),
            ],
        );
        for (step, (&correct, &incorrect)) in
            self.correct_by_step.iter().zip(&self.incorrect_by_step).enumerate()
        {
            by_step.push(vec![step.into(), correct.into(), incorrect.into()]);
        }
        let mut images = Table::new(
            "images",
            &[
                ("image", "", "index of the image, from 0"),
                ("label", "", "index of the true class"),
                ("last_answer", "", "index of the class named at the last step"),
                ("course", "", "which of the four ways its classification went"),
                ("stable_step", "step, from 0", "stable step; empty for the unstable"),
            ],
        );
        for (image, outcome) in self.outcomes.iter().enumerate() {
            images.push(vec![
                image.into(),
                self.labels[image].into(),
                self.answers[image].into(),
                outcome.course.name().into(),
                outcome.step.into(),
            ]);
        }
        let mut classes = Table::of_estimates(
            "stable_classes",
            &[
                ("class", "", "true class"),
                (
                    "quantity",
                    "",
                    "share of its images that are stably correct, or when those are, on average",
                ),
            ],
            ("see quantity", "mean over images of the class"),
        );
        for class in &self.by_class {
            for (quantity, estimate) in [
                ("share stably correct", &class.correct),
                ("stable step", &class.step),
                ("stable time", &class.time),
            ] {
                if quantity != "stable time" || estimate.is_some() {
                    classes
                        .push_estimate(vec![class.class.as_str().into(), quantity.into()], estimate.as_ref());
                }
            }
        }
        vec![courses, by_step, images, classes]
    }
}

fn by_class(material: &Material) -> Vec<ClassStable> {
    let (rows, about) = (material.rows, material.trajectories.description());
    let n_classes = about.classes.len();
    let mut sizes = vec![[0; 3]; n_classes];
    // By class: stably correct images, and the totals of their stable steps and times.
    let mut sums = Sums::new(3 * n_classes);
    for (image, (outcome, &label)) in material.outcomes.iter().zip(&rows.labels).enumerate() {
        sizes[label][0] += 1;
        if let Some(stable) = outcome.correct_from() {
            let time = about.time.as_ref().map_or(0.0, |time| time.times[stable]);
            for (at, value) in [1.0, stable as f64, time].into_iter().enumerate() {
                sums.add(image, 3 * label + at, value);
            }
            sizes[label][1] += 1;
            sizes[label][2] += 1;
        }
    }
    let estimates = bootstrap(material.replicates(), sizes.as_flattened(), sums, |sums| {
        let class = |(sums, sizes): (&[f64], &[usize; 3])| {
            [share(sums[0], sizes[0] as f64), share(sums[1], sums[0]), share(sums[2], sums[0])]
        };
        sums.chunks_exact(3).zip(&sizes).flat_map(class).collect()
    });
    let class = |class: usize| ClassStable {
        class: about.classes[class].clone(),
        correct: estimates[3 * class],
        step: estimates[3 * class + 1],
        time: about.time.as_ref().and(estimates[3 * class + 2]),
    };
    (0..n_classes).filter(|&class| sizes[class][0] > 0).map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The truth table of the published rule; `None` is unstable.
    #[test]
    fn both_clauses_follow_the_truth_table() {
        use {FirstOccurrence as F, MinimumRun as M};
        let sequences = ["AAAA", "BAAA", "ABAA", "BBBA", "BCAA"];
        let table = [
            (M::Two, F::Required, [Some(0), Some(1), None, None, Some(2)]),
            (M::Two, F::Ignored, [Some(0), Some(1), Some(2), None, Some(2)]),
            (M::One, F::Required, [Some(0), Some(1), None, Some(3), Some(2)]),
            (M::One, F::Ignored, [Some(0), Some(1), Some(2), Some(3), Some(2)]),
        ];
        for (minimum_run, first_occurrence, expected) in table {
            let rule = StableRule { minimum_run, first_occurrence };
            for (sequence, expected) in sequences.iter().zip(expected) {
                let answers: Vec<usize> = sequence.bytes().map(|letter| usize::from(letter - b'A')).collect();
                assert_eq!(rule.outcome(&answers, 0).step, expected, "{rule:?} {sequence}");
            }
        }
    }

    #[test]
    fn the_four_ways_are_told_apart() {
        let rule = StableRule::default();
        let way = |answers: &[usize]| rule.outcome(answers, 7).course;
        assert_eq!(way(&[1, 7, 7, 7]), Course::StableCorrect);
        assert_eq!(way(&[7, 1, 1, 1]), Course::StableIncorrect);
        assert_eq!(way(&[7, 1, 7, 7]), Course::UnstableCorrect);
        assert_eq!(way(&[1, 2, 3, 7]), Course::UnstableCorrect);
        assert_eq!(way(&[1, 2, 3, 4]), Course::UnstableIncorrect);
        assert_eq!(way(&[7]), Course::UnstableCorrect);
    }

    #[test]
    fn classes_are_settled_on_as_a_plain_loop_finds() {
        let mut fixture = crate::fixture::Fixture::random(120, 5);
        let times: Vec<f64> = (0..5).map(|step| 40.0 * f64::from(step) - 20.0).collect();
        fixture.about.time = Some(redyn_core::TimeAxis { unit: "ms".into(), times: times.clone() });
        crate::fixture::material(&fixture, |material| {
            let found = StableStep::analyse(material).unwrap();
            assert_eq!(found.by_class.len(), 8);
            for (class, found) in found.by_class.iter().enumerate() {
                let own = || (0..120).filter(|&image| fixture.labels[image] == class);
                let stable: Vec<usize> =
                    own().filter_map(|image| material.outcomes[image].correct_from()).collect();
                let n = stable.len() as f64;
                crate::fixture::close(found.correct.unwrap().value, n / own().count() as f64);
                let time = stable.iter().map(|&step| times[step]).sum::<f64>() / n;
                crate::fixture::close(found.time.unwrap().value, time);
                assert_eq!(found.step.unwrap().n, stable.len());
            }
        });
    }

    /// Counts of the lateral additive network in the published notebook.
    #[test]
    fn published_counts_give_the_published_number_of_steps() {
        assert_eq!(timesteps_analyse(&[9609, 917, 627, 411, 285, 219, 159, 103, 88, 0]), 8);
        assert_eq!(timesteps_analyse(&[0, 5, 5, 0]), 4);
        assert_eq!(timesteps_analyse(&[10, 5, 5]), 3);
    }
}
