//! How alike networks see the same images: RDMs of all their steps against one another.

use redyn_core::TimeAxis;
use serde::{Deserialize, Serialize};

use crate::categories::Stage;
use crate::patterns::{Level, NetworkPatterns, RdmOptions};
use crate::rdm::{Mds, Rdms, Resampling, SimilarityMatrix, similarity_matrix};
use crate::rdm_movie::Frames;
use crate::table::Table;
use crate::{Error, Options};

/// Several networks' RDMs of the same items, compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Between {
    /// How RDMs were made and compared.
    pub options: RdmOptions,
    /// One for every stage and level.
    pub stages: Vec<BetweenStage>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

/// The comparison at one stage and level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BetweenStage {
    /// Where in the networks.
    pub stage: Stage,
    /// What the RDMs compare.
    pub level: Level,
    /// Whose RDMs, in the order of the matrix.
    pub states: Vec<State>,
    /// How alike they are.
    pub similarity: SimilarityMatrix,
    /// The states in a plane, as far apart as they are unlike; `None` where some cannot be
    /// compared.
    pub plane: Option<Mds>,
}

/// A network at a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Short name of the network.
    pub network: String,
    /// The step.
    pub step: usize,
    /// Its time, in recordings.
    pub time: Option<f64>,
}

/// What one network brings to the comparison.
pub(crate) struct Contribution {
    name: String,
    time: Option<TimeAxis>,
    /// Class of every image: networks that saw other images cannot be compared.
    labels: Vec<usize>,
    /// One for each of [`KINDS`].
    frames: Vec<KindFrames>,
}

/// RDMs of one level at one stage.
struct KindFrames {
    /// The groups of the items.
    strata: Vec<usize>,
    /// The RDMs, or why there are none.
    frames: Result<Frames, String>,
}

/// States of a comparison: of more, every network brings some of its steps.
const MOST: usize = 96;

const KINDS: [(Level, Stage); 4] = [
    (Level::Classes, Stage::Feature),
    (Level::Classes, Stage::Decision),
    (Level::Images, Stage::Feature),
    (Level::Images, Stage::Decision),
];

impl Contribution {
    pub(crate) fn new(
        name: &str,
        time: Option<TimeAxis>,
        labels: &[usize],
        patterns: &NetworkPatterns,
        options: &RdmOptions,
    ) -> Self {
        let frames = |(level, stage)| KindFrames {
            strata: patterns.strata(level),
            frames: Frames::of(patterns, level, stage, options),
        };
        let frames = KINDS.into_iter().map(frames).collect();
        Self { name: name.to_owned(), time, labels: labels.to_vec(), frames }
    }
}

/// At most `most` of `n` places, the first and the last among them.
fn evenly(n: usize, most: usize) -> Vec<usize> {
    let kept = n.min(most);
    (0..kept).map(|at| if kept > 1 { at * (n - 1) / (kept - 1) } else { 0 }).collect()
}

impl Between {
    /// Compare networks, the first deciding which images are compared; `None` where there are
    /// no two of the same images.
    pub(crate) fn of(networks: &[Contribution], options: &Options) -> Result<Option<Self>, Error> {
        let Some(first) = networks.first() else { return Ok(None) };
        let (same, other): (Vec<&Contribution>, Vec<&Contribution>) =
            networks.iter().partition(|network| network.labels == first.labels);
        if same.len() < 2 {
            return Ok(None);
        }
        let saw_others = |network: &Contribution| {
            format!("{} saw other images than {} and is not compared", network.name, first.name)
        };
        let mut notes: Vec<String> = other.into_iter().map(saw_others).collect();
        let mut stages = Vec::new();
        let each = (MOST / same.len()).max(2);
        for (kind, (level, stage)) in KINDS.into_iter().enumerate() {
            let (mut states, mut values) = (Vec::new(), Vec::new());
            for network in &same {
                match &network.frames[kind].frames {
                    Ok(frames) => {
                        notes.extend(frames.note.iter().map(|note| format!("{}: {note}", network.name)));
                        let kept = evenly(frames.steps.len(), each);
                        if kept.len() < frames.steps.len() {
                            notes.push(format!(
                                "{} brings {} of its steps, evenly spaced",
                                network.name,
                                kept.len()
                            ));
                        }
                        for at in kept {
                            let step = frames.steps[at];
                            let time = network.time.as_ref().map(|time| time.times[step]);
                            states.push(State { network: network.name.clone(), step, time });
                            values.extend_from_slice(frames.rdms.rdm(at));
                        }
                    }
                    Err(reason) => notes.push(format!("{}, {} stage: {reason}", network.name, stage.words())),
                }
            }
            if states.len() < 2 {
                continue;
            }
            let strata = &first.frames[kind].strata;
            let resampling = Resampling { strata, uncertainty: &options.uncertainty };
            let rdms = Rdms::new(strata.len(), values)?;
            let similarity = similarity_matrix(&rdms, options.rdm.comparison, &resampling)?;
            let plane = similarity.plane();
            stages.push(BetweenStage { stage, level, states, similarity, plane });
        }
        notes.sort();
        notes.dedup();
        Ok((!stages.is_empty()).then(|| Self { options: options.rdm.clone(), stages, notes }))
    }

    /// The comparisons, and the places in the plane, as tidy tables.
    pub fn tables(&self) -> Vec<Table> {
        let words = self.options.comparison.words();
        let stage = ("stage", "", "feature: the recorded representation; decision: the logits");
        let level = ("level", "", "what the RDMs compare: classes by their mean patterns, or images");
        let mut similarity = Table::of_estimates(
            "rdm_between",
            &[
                stage,
                level,
                ("network", "", "short name of one network"),
                ("step", "step, from 0", "its step"),
                ("other_network", "", "short name of the other, or the same"),
                ("other_step", "step, from 0", "its step"),
            ],
            ("", &format!("how alike their RDMs are ({words}); n counts items")),
        );
        let mut places = Table::new(
            "rdm_between_plane",
            &[
                stage,
                level,
                ("network", "", "short name of the network"),
                ("step", "step, from 0", "step"),
                ("time", "as recorded", "time of the step; empty for networks"),
                ("x", "1 − similarity", "place along the first axis of metric multidimensional scaling"),
                ("y", "1 − similarity", "place along the second axis"),
                ("stress", "", "Kruskal's stress-1 of the whole plane"),
            ],
        );
        for found in &self.stages {
            let keys = || vec![found.stage.words().into(), found.level.words().into()];
            for (a, state) in found.states.iter().enumerate() {
                for (b, other) in found.states.iter().enumerate().skip(a + 1) {
                    let mut row = keys();
                    row.extend([state.network.as_str().into(), state.step.into()]);
                    row.extend([other.network.as_str().into(), other.step.into()]);
                    similarity.push_estimate(row, found.similarity.get(a, b).as_ref());
                }
                if let Some(plane) = &found.plane {
                    let mut row = keys();
                    row.extend([state.network.as_str().into(), state.step.into(), state.time.into()]);
                    row.extend([plane.places[a][0].into(), plane.places[a][1].into(), plane.stress.into()]);
                    places.push(row);
                }
            }
        }
        vec![similarity, places]
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::{Stop, TrajectorySource};

    use super::*;
    use crate::fixture::{Fixture, close, quick};
    use crate::{Analysis, RdmMovie, Request, Results, Selection, Subject, analyse};

    fn analysed(fixtures: &[&Fixture]) -> Results {
        let subjects: Vec<Subject> =
            fixtures.iter().map(|&fixture| Subject::of(fixture as &dyn TrajectorySource)).collect();
        let analyses = Selection::Named(&[RdmMovie::NAME]);
        analyse(&Request { subjects: &subjects, analyses, options: &quick(), stop: &Stop::default() })
            .unwrap()
    }

    #[test]
    fn a_network_beside_itself_is_itself() {
        let fixture = Fixture::random(64, 3);
        let mut copy = fixture.clone();
        copy.about.name = "copy".into();
        // RDMs do not know lengths of patterns, nor the order of units.
        copy.representations.mapv_inplace(|value| 2.0 * value);
        copy.representations.invert_axis(ndarray::Axis(2));
        let found = analysed(&[&fixture, &copy]).between.unwrap();
        assert_eq!(found.stages.len(), 4);
        for stage in &found.stages {
            assert_eq!(stage.states.len(), 6);
            for step in 0..3 {
                let same = stage.similarity.get(step, step + 3).unwrap();
                close(same.value, 1.0);
                for other in 0..3 {
                    let (own, copied) = (
                        stage.similarity.get(step, other).unwrap(),
                        stage.similarity.get(step, other + 3).unwrap(),
                    );
                    close(own.value, copied.value);
                }
            }
            let plane = stage.plane.as_ref().unwrap();
            let apart = |a: usize, b: usize| {
                (plane.places[a][0] - plane.places[b][0]).hypot(plane.places[a][1] - plane.places[b][1])
            };
            assert!(apart(0, 3) < 1e-6 && apart(0, 2) > 1e-3);
        }
    }

    #[test]
    fn within_a_network_the_matrix_is_its_movie() {
        let (fixture, twin) = (Fixture::random(64, 3), Fixture::random(64, 3).twin());
        let found = analysed(&[&fixture, &twin]);
        let between = found.between.as_ref().unwrap();
        let movie = found.networks[1].get::<RdmMovie>().unwrap();
        for (kind, movie) in [(0, &movie.movies[0]), (2, &movie.movies[1])] {
            let stage = &between.stages[kind];
            assert_eq!((stage.stage, stage.level), (Stage::Feature, movie.level));
            for (a, b) in [(0, 1), (0, 2), (1, 2)] {
                assert_eq!(stage.similarity.get(a + 3, b + 3), movie.similarity.get(a, b));
            }
        }
    }

    #[test]
    fn many_steps_are_thinned_evenly() {
        assert_eq!(evenly(5, 9), [0, 1, 2, 3, 4]);
        assert_eq!(evenly(9, 3), [0, 4, 8]);
        assert_eq!(evenly(1, 3), [0]);
    }

    #[test]
    fn networks_of_other_images_are_not_compared() {
        let (fixture, other) = (Fixture::random(64, 3), Fixture::random(40, 3));
        assert_eq!(analysed(&[&fixture, &other]).between, None);
        let found = analysed(&[&fixture, &fixture.twin(), &other]).between.unwrap();
        assert!(found.notes[0].contains("saw other images"), "{:?}", found.notes);
    }
}
