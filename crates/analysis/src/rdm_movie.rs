//! How the geometry of representations changes from step to step: RDMs against RDMs.

use redyn_core::{Description, TimeAxis};
use serde::{Deserialize, Serialize};

use crate::categories::Stage;
use crate::patterns::{Level, NetworkPatterns, RdmOptions};
use crate::rdm::{
    Comparison, Rdms, Resampling, SimilarityMatrix, permutation_test, similarities, similarity_matrix,
};
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Options};

/// The RDMs of one trajectory at every step, compared with one another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RdmMovie {
    /// How RDMs were made and compared.
    pub options: RdmOptions,
    /// What the steps mean in time.
    pub time: Option<TimeAxis>,
    /// RDMs of classes and of images, where there are enough of them.
    pub movies: Vec<Movie>,
    /// How alike the RDMs of two halves of every class's images are, by step; empty where a class
    /// has a single image.
    pub reliability: Vec<Option<Reliability>>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

/// RDMs of one level, over the steps at which they exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Movie {
    /// What they compare.
    pub level: Level,
    /// The steps.
    pub steps: Vec<usize>,
    /// How alike they are: `[step, step]` over `steps`.
    pub similarity: SimilarityMatrix,
    /// The RDMs themselves, `[step][pair]`; empty where they are too many to show.
    pub rdms: Vec<Vec<f64>>,
}

/// Agreement of two halves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// How alike their RDMs are.
    pub estimate: Estimate,
    /// Share of exchanges of classes that give as much.
    pub p: Option<f64>,
}

/// RDMs are kept in the results up to this many values.
const KEPT: usize = 60_000;

impl Analysis for RdmMovie {
    const NAME: &'static str = "rdm_movie";
    const TITLE: &'static str = "The geometry of representations over time";
    const SUMMARY: &'static str = "RDMs at every step against one another, with split-half reliability";
    const DESCRIPTION: &'static str = "A representational dissimilarity matrix (RDM) holds how unlike the patterns of \
        every two classes, or images, are. RDMs of all steps are compared with one another: where two steps are alike, \
        the same things are near and far. Intervals are over the items of the RDM. The RDMs of two halves of each \
        class's images, compared at each step, tell how much of them repeats.";
    const REFERENCE: &'static str =
        "Kriegeskorte, Mur & Bandettini 2008, Frontiers in Systems Neuroscience 2:4; Nili et al. 2014";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let (rows, options) = (material.rows, material.options);
        rows.need_steps(Self::NAME, 2)?;
        let patterns = &NetworkPatterns::read(material.trajectories, options)?;
        let mut notes = Vec::new();
        let mut movies = Vec::new();
        for level in [Level::Classes, Level::Images] {
            match Frames::of(patterns, level, Stage::Feature, &options.rdm) {
                Ok(frames) => {
                    notes.extend(frames.note.clone());
                    movies.push(frames.movie(patterns, options)?);
                }
                Err(reason) => notes.push(reason),
            }
        }
        if movies.is_empty() {
            let (trajectories, reason) = (rows.name.clone(), notes.join("; "));
            return Err(Error::RdmAbsent { trajectories, reason });
        }
        let reliability = reliability(patterns, options)?;
        if reliability.is_empty() && patterns.classes.len() >= 3 {
            notes.push("a class has a single image: there are no halves to compare".to_owned());
        }
        let time = material.trajectories.description().time.clone();
        Ok(Self { options: options.rdm.clone(), time, movies, reliability, notes })
    }

    fn holds(about: &Description, options: &Options) -> usize {
        NetworkPatterns::bytes(about, options)
    }

    fn tables(&self) -> Vec<Table> {
        let words = self.options.comparison.words();
        let mut between_steps = Table::of_estimates(
            "rdm_movie",
            &[
                ("level", "", "what the RDMs compare: classes by their mean patterns, or images"),
                ("step", "step, from 0", "one step"),
                ("other", "step, from 0", "another, later step"),
                ("time", "as recorded", "time of the step; empty for networks"),
                ("other_time", "as recorded", "time of the other step; empty for networks"),
            ],
            ("", &format!("how alike the RDMs of the two steps are ({words}); n counts items")),
        );
        let time = |step: usize| self.time.as_ref().map(|time| time.times[step]);
        for movie in &self.movies {
            for (at, &step) in movie.steps.iter().enumerate() {
                for (other_at, &other) in movie.steps.iter().enumerate().skip(at + 1) {
                    let keys = vec![
                        movie.level.words().into(),
                        step.into(),
                        other.into(),
                        time(step).into(),
                        time(other).into(),
                    ];
                    between_steps.push_estimate(keys, movie.similarity.get(at, other_at).as_ref());
                }
            }
        }
        let mut halves = Table::new(
            "rdm_reliability",
            &[
                ("step", "step, from 0", "step"),
                ("time", "as recorded", "time of the step; empty for networks"),
                (
                    "reliability",
                    "",
                    &format!(
                        "how alike the RDMs of classes from the first, third, ... and from the second, fourth, ... image \
                         of each class are ({words})"
                    ),
                ),
                ("low", "", "lower end of the bootstrap interval over classes; empty where there is none"),
                ("high", "", "upper end of the bootstrap interval over classes; empty where there is none"),
                ("n", "classes", "number of classes"),
                ("p", "", "share of exchanges of classes that make the halves as alike, (b + 1) / (m + 1)"),
            ],
        );
        for (step, found) in self.reliability.iter().enumerate() {
            let estimate = found.map(|found| found.estimate);
            halves.push(vec![
                step.into(),
                time(step).into(),
                estimate.map(|estimate| estimate.value).into(),
                estimate.and_then(|estimate| estimate.low).into(),
                estimate.and_then(|estimate| estimate.high).into(),
                estimate.map_or(0, |estimate| estimate.n).into(),
                found.and_then(|found| found.p).into(),
            ]);
        }
        vec![between_steps, halves]
    }
}

impl Level {
    /// `classes` or `images`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Images => "images",
        }
    }
}

/// The RDMs of the steps at which all items have one.
pub(crate) struct Frames {
    level: Level,
    pub(crate) steps: Vec<usize>,
    pub(crate) rdms: Rdms,
    /// Which steps have none, and why.
    pub(crate) note: Option<String>,
}

impl Frames {
    /// # Errors
    /// Why there is no RDM at any step, in words.
    pub(crate) fn of(
        patterns: &NetworkPatterns,
        level: Level,
        stage: Stage,
        options: &RdmOptions,
    ) -> Result<Self, String> {
        let n_items = patterns.n_items(level);
        let what = level.words();
        if n_items < 3 {
            return Err(format!("an RDM of {n_items} {what} has nothing to compare"));
        }
        let found = patterns.of(level, stage).rdms(options.metric, options.scaling);
        let (mut steps, mut values, mut lacking) = (Vec::new(), Vec::new(), Vec::new());
        for (step, rdm) in found.into_iter().enumerate() {
            match rdm {
                Ok(rdm) => {
                    steps.push(step);
                    values.extend(rdm);
                }
                Err(undefined) => lacking.push((step, undefined)),
            }
        }
        let note = lacking.first().map(|(step, undefined)| {
            let more = if lacking.len() > 1 {
                format!(" and {} further steps", lacking.len() - 1)
            } else {
                String::new()
            };
            format!("no RDM of {what} at t={step}{more}: the pattern of one of them {}", undefined.reason)
        });
        let rdms = Rdms::new(n_items, values).map_err(|error| error.to_string())?;
        if rdms.is_empty() {
            return Err(note.unwrap_or_else(|| "there is no step".to_owned()));
        }
        Ok(Self { level, steps, rdms, note })
    }

    fn movie(self, patterns: &NetworkPatterns, options: &Options) -> Result<Movie, Error> {
        let strata = patterns.strata(self.level);
        let resampling = Resampling { strata: &strata, uncertainty: &options.uncertainty };
        let similarity = similarity_matrix(&self.rdms, options.rdm.comparison, &resampling)?;
        let few = self.rdms.len() * self.rdms.n_pairs() <= KEPT;
        let rdms = if few { self.rdms.iter().map(<[f64]>::to_vec).collect() } else { Vec::new() };
        Ok(Movie { level: self.level, steps: self.steps, similarity, rdms })
    }
}

fn reliability(patterns: &NetworkPatterns, options: &Options) -> Result<Vec<Option<Reliability>>, Error> {
    let Some([first, second]) = &patterns.halves else { return Ok(Vec::new()) };
    let n = patterns.classes.len();
    if n < 3 {
        return Ok(Vec::new());
    }
    let (metric, scaling) = (options.rdm.metric, options.rdm.scaling);
    let strata = patterns.strata(Level::Classes);
    let uncertainty = &options.uncertainty;
    let comparison: Comparison = options.rdm.comparison;
    let step = |(a, b)| -> Result<Option<Reliability>, Error> {
        let (Ok(a), Ok(b)) = (a, b) else { return Ok(None) };
        let (a, b) = (Rdms::new(n, a)?, Rdms::new(n, b)?);
        let resampling = Resampling { strata: &strata, uncertainty };
        let found = similarities(&a, &b, comparison, &resampling)?[0][0];
        let drawn = (uncertainty.replicates, uncertainty.seed);
        let p = permutation_test(&a, &b, comparison, &strata, drawn)?[0][0];
        Ok(found.map(|estimate| Reliability { estimate, p }))
    };
    first.rdms(metric, scaling).into_iter().zip(second.rdms(metric, scaling)).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material, quick};
    use crate::rdm::pairs;
    use crate::spearman::{correlation, ranks};

    fn naive_rdm(fixture: &Fixture, step: usize, keep: impl Fn(usize) -> bool) -> Vec<f64> {
        let mean = |class: usize| -> Vec<f64> {
            let own: Vec<usize> = (0..fixture.labels.len()).filter(|&n| fixture.labels[n] == class).collect();
            let own: Vec<usize> =
                own.iter().enumerate().filter(|(at, _)| keep(*at)).map(|(_, &n)| n).collect();
            let unit =
                |u: usize| own.iter().map(|&n| f64::from(fixture.representations[[n, step, u]])).sum::<f64>();
            (0..fixture.about.n_units).map(|u| unit(u) / own.len() as f64).collect()
        };
        let of: Vec<Vec<f64>> = (0..8).map(mean).collect();
        pairs(8).map(|(i, j)| 1.0 - correlation(&of[i], &of[j]).unwrap()).collect()
    }

    #[test]
    fn steps_and_halves_are_compared_as_in_a_plain_loop() {
        let fixture = Fixture::random(96, 4);
        material(&fixture, |material| {
            let found = RdmMovie::analyse(material).unwrap();
            let rdms: Vec<Vec<f64>> = (0..4).map(|step| naive_rdm(&fixture, step, |_| true)).collect();
            let movie = &found.movies[0];
            assert_eq!(
                (movie.level, &movie.steps[..], movie.rdms.len()),
                (Level::Classes, &[0, 1, 2, 3][..], 4)
            );
            for (a, b) in pairs(4) {
                let expected = correlation(&ranks(&rdms[a]), &ranks(&rdms[b])).unwrap();
                close(movie.similarity.get(a, b).unwrap().value, expected);
            }
            for (step, reliability) in found.reliability.iter().enumerate() {
                let half = |which: usize| ranks(&naive_rdm(&fixture, step, |at| at % 2 == which));
                close(reliability.unwrap().estimate.value, correlation(&half(0), &half(1)).unwrap());
                // Images begin near any class and end near their own.
                assert_eq!(reliability.unwrap().p.unwrap() < 0.05, step > 1, "{step}");
            }
            assert_eq!((found.movies[1].level, found.movies[1].similarity.n_items), (Level::Images, 96));
            assert!(found.movies[1].similarity.above.iter().all(|s| s.unwrap().interval().is_some()));
        });
    }

    #[test]
    fn a_step_without_an_rdm_is_left_out_and_named() {
        let mut fixture = Fixture::random(40, 3);
        for image in 0..40 {
            if fixture.labels[image] == 2 {
                (0..fixture.about.n_units).for_each(|unit| fixture.representations[[image, 0, unit]] = 0.0);
            }
        }
        material(&fixture, |material| {
            let found = RdmMovie::analyse(material).unwrap();
            assert_eq!(found.movies[0].steps, [1, 2]);
            assert_eq!(found.notes[0], "no RDM of classes at t=0: the pattern of one of them is zero");
            assert!(found.reliability[0].is_none() && found.reliability[1].is_some());
        });
    }

    #[test]
    fn two_classes_of_one_image_have_no_rdms() {
        let fixture = Fixture::random(2, 3);
        material(&fixture, |material| {
            let error = RdmMovie::analyse(&Material { options: &quick(), ..*material }).unwrap_err();
            assert!(error.is_inapplicable());
        });
    }
}
