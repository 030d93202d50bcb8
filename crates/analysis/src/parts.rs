//! Rows that are read in parts: by several processes, on several machines, at several times.
//!
//! The rows that an analysis begins with fall into [`Run`]s of images, the same whoever asks.
//! [`runs`] lists those of one shard; what each gives, a [`Part`], may be read anywhere and in any
//! order. An analysis that knows parts ([`KnownRows`]) has the bits of one that read all by itself.

use std::collections::HashMap;
use std::ops::Range;

use redyn_core::{Diagnose, Shard, Stop, TrajectorySource};
use serde::{Deserialize, Serialize};

use crate::rows::{Plan, Quantities, Rows};
use crate::{Error, Subject};

/// Bytes of trajectories in a run, at the most: enough to keep many threads busy, and soon done.
const RUN: usize = 64 << 20;
/// Runs that trajectories fall into if they can be divided so far: a share for every shard.
const RUNS: usize = 64;

/// Which trajectories rows are of, and which quantities they hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Digest of the data behind the trajectories.
    pub digest: String,
    /// The area.
    pub area: String,
    /// Number of units: maps are averaged, or not.
    pub n_units: usize,
    /// Number of images.
    pub n_images: usize,
    /// Number of steps.
    pub n_steps: usize,
    /// What is found out.
    pub quantities: Quantities,
}

/// Consecutive images whose rows are read together.
pub struct Run<'a> {
    source: &'a dyn TrajectorySource,
    /// What the rows are of.
    pub origin: Origin,
    /// The images.
    pub images: Range<usize>,
}

/// The rows of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What they are of.
    pub origin: Origin,
    /// The rows.
    pub rows: Rows,
}

/// Parts that were read before, perhaps elsewhere.
pub trait KnownRows: Sync {
    /// The part of a run; `None` where it is not known, and has to be read.
    ///
    /// # Errors
    /// Whatever keeps a part that is there from being read.
    fn part(&self, run: &Run) -> Result<Option<Part>, Box<dyn Diagnose + Send + Sync>>;
}

/// The runs of a shard: of everything that analyses of these networks read first, its share.
pub fn runs<'a>(subjects: &[Subject<'a>], shard: Shard) -> Vec<Run<'a>> {
    let mut sought: Vec<(Origin, &dyn TrajectorySource)> = Vec::new();
    for (source, quantities) in subjects.iter().flat_map(Subject::reads) {
        let origin = Origin::of(source, quantities);
        if sought.iter().all(|(known, _)| *known != origin) {
            sought.push((origin, source));
        }
    }
    let share = |(origin, source): (Origin, &'a dyn TrajectorySource)| {
        let mut all = runs_of(&origin, source);
        all.drain(shard.share(all.len())).collect::<Vec<_>>()
    };
    sought.into_iter().flat_map(share).collect()
}

/// Where runs begin and end follows from the trajectories alone.
fn runs_of<'a>(origin: &Origin, source: &'a dyn TrajectorySource) -> Vec<Run<'a>> {
    let n_images = origin.n_images;
    // What a source cannot divide stays together.
    let fair = n_images.div_ceil(RUNS).next_multiple_of(source.images_in(0));
    let n_per_run = source.images_in(RUN).min(fair).max(1);
    let run = |first| Run { source, origin: origin.clone(), images: first..n_images.min(first + n_per_run) };
    (0..n_images).step_by(n_per_run).map(run).collect()
}

/// All rows of trajectories, of which some may be known.
pub(crate) fn all_rows(
    source: &dyn TrajectorySource,
    plan: &Plan,
    known: Option<&dyn KnownRows>,
) -> Result<Rows, Error> {
    let everything = 0..source.description().n_images;
    let Some(known) = known else { return Rows::read(source, everything, plan) };
    let parts = runs_of(&Origin::of(source, plan.quantities), source).into_iter().map(|run| {
        let part = known.part(&run).map_err(|cause| {
            let (trajectories, images) = (source.description().name.clone(), run.images.clone());
            Error::Source { trajectories, images, cause }
        })?;
        match part {
            Some(part) if part.is_of(&run) => {
                Ok(Rows { name: source.description().name.clone(), ..part.rows })
            }
            Some(_) => {
                let (trajectories, images) = (source.description().name.clone(), run.images.clone());
                Err(Error::OtherPart { trajectories, images })
            }
            None => Rows::read(source, run.images, plan),
        }
    });
    let merged = Rows::merge(parts.collect::<Result<Vec<_>, _>>()?)?;
    merged.map_or_else(|| Rows::read(source, everything, plan), Ok)
}

impl Origin {
    fn of(source: &dyn TrajectorySource, quantities: Quantities) -> Self {
        let about = source.description();
        Self {
            digest: about.digest.clone(),
            area: about.area.clone(),
            n_units: about.n_units,
            n_images: about.n_images,
            n_steps: about.n_steps,
            quantities,
        }
    }

    /// `DIGEST-all/0-64`: a name for some images.
    fn name(&self, images: &Range<usize>) -> String {
        let digest = self.digest.get(..16).unwrap_or(&self.digest);
        let quantities = match self.quantities {
            Quantities::All => "all",
            Quantities::Motion => "motion",
        };
        format!("{digest}-{quantities}/{}-{}", images.start, images.end)
    }
}

impl Run<'_> {
    /// A name that no other run of one analysis has, as a path: `DIGEST-all/0-64`.
    pub fn name(&self) -> String {
        self.origin.name(&self.images)
    }

    /// Name of the trajectories.
    pub fn trajectories(&self) -> &str {
        &self.source.description().name
    }

    /// Bytes of trajectories held while it is read within `memory` bytes. A source may hold more than
    /// it was allowed: a block that it cannot divide.
    pub fn bytes(&self, memory: usize) -> usize {
        let whole = self.source.bytes_of(self.source.images_in(0));
        self.source.bytes_of(self.images.len()).min(memory).max(whole)
    }

    /// Read its rows within `memory` bytes of trajectories.
    ///
    /// # Errors
    /// As [`Rows::read`].
    pub fn read(&self, memory: usize, stop: &Stop) -> Result<Part, Error> {
        let plan = Plan { quantities: self.origin.quantities, memory, stop };
        let rows = Rows::read(self.source, self.images.clone(), &plan)?;
        Ok(Part { origin: self.origin.clone(), rows })
    }
}

impl Part {
    fn is_of(&self, run: &Run) -> bool {
        let images = self.rows.first..self.rows.first + self.rows.n_images();
        self.origin == run.origin && images == run.images
    }
}

/// Parts in memory, by the names of their runs.
pub struct Parts(HashMap<String, Part>);

impl FromIterator<Part> for Parts {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        let named = |part: Part| {
            let images = part.rows.first..part.rows.first + part.rows.n_images();
            (part.origin.name(&images), part)
        };
        Self(parts.into_iter().map(named).collect())
    }
}

impl KnownRows for Parts {
    fn part(&self, run: &Run) -> Result<Option<Part>, Box<dyn Diagnose + Send + Sync>> {
        Ok(self.0.get(&run.name()).cloned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::fixture::{Fixture, quick};
    use crate::{Request, Results, Selection, analyse};

    fn shard(index: usize, of: usize) -> Shard {
        Shard::new(index, of).unwrap()
    }

    fn analysed(subject: Subject, known: Option<&dyn KnownRows>) -> Result<Results, Error> {
        let subjects = [Subject { known, ..subject }];
        let (options, stop) = (&quick(), &Stop::default());
        analyse(&Request { subjects: &subjects, analyses: Selection::All, options, stop })
    }

    fn parts(subject: Subject, shard: Shard) -> Vec<Part> {
        runs(&[subject], shard).iter().map(|run| run.read(5000, &Stop::default()).unwrap()).collect()
    }

    #[test]
    fn however_rows_were_divided_the_results_have_the_same_bits() {
        let fixture = Fixture::random(90, 5);
        let (mut twin, mut control) = (fixture.twin(), fixture.control());
        (twin.about.digest, control.about.digest) = ("01".into(), "02".into());
        let controls: [&dyn TrajectorySource; 1] = [&control];
        let subject = Subject { untrained: Some(&twin), controls: &controls, ..Subject::of(&fixture) };
        let bits = |results: Results| serde_json::to_string(&results).unwrap();
        let expected = bits(analysed(subject, None).unwrap());
        for of in [1, 2, 7, 100] {
            // As they travel, and in whichever order they come.
            let travelled = (0..of).rev().flat_map(|index| {
                let text = serde_json::to_string(&parts(subject, shard(index, of))).unwrap();
                serde_json::from_str::<Vec<Part>>(&text).unwrap()
            });
            let known: Parts = travelled.collect();
            assert_eq!(bits(analysed(subject, Some(&known)).unwrap()), expected, "{of} shards");
        }
        // What is not known is read.
        let known: Parts = parts(subject, shard(1, 3)).into_iter().collect();
        assert_eq!(bits(analysed(subject, Some(&known)).unwrap()), expected);
    }

    #[test]
    fn shards_follow_one_another_and_leave_nothing_out() {
        let (fixture, other) = (Fixture::random(90, 5), Fixture::random(90, 5).twin());
        let subject = Subject { untrained: Some(&other), ..Subject::of(&fixture) };
        let named = |shard| runs(&[subject], shard).iter().map(Run::name).collect::<Vec<_>>();
        let whole = named(Shard::WHOLE);
        let mut all: Vec<String> = (0..4).flat_map(|index| named(shard(index, 4))).collect();
        assert_eq!(all.len(), whole.len());
        all.sort();
        all.dedup();
        assert_eq!(all.len(), whole.len());
        // The same trajectories twice are read once.
        assert_eq!(runs(&[subject, subject], Shard::WHOLE).len(), whole.len());
    }

    #[test]
    fn what_is_known_is_not_read_again() {
        struct Counting<'a>(&'a Parts, AtomicUsize);
        impl KnownRows for Counting<'_> {
            fn part(&self, run: &Run) -> Result<Option<Part>, Box<dyn Diagnose + Send + Sync>> {
                let found = self.0.part(run)?;
                self.1.fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
                Ok(found)
            }
        }
        let fixture = Fixture::random(20, 3);
        let subject = Subject::of(&fixture);
        let known: Parts = parts(subject, Shard::WHOLE).into_iter().collect();
        let counting = Counting(&known, AtomicUsize::new(0));
        analysed(subject, Some(&counting)).unwrap();
        assert_eq!(counting.1.into_inner(), runs(&[subject], Shard::WHOLE).len());
    }

    #[test]
    fn rows_of_other_trajectories_are_refused() {
        struct Lying(Part);
        impl KnownRows for Lying {
            fn part(&self, _: &Run) -> Result<Option<Part>, Box<dyn Diagnose + Send + Sync>> {
                Ok(Some(self.0.clone()))
            }
        }
        let fixture = Fixture::random(20, 3);
        let mut part = parts(Subject::of(&fixture), Shard::WHOLE).remove(0);
        part.origin.digest = "another".into();
        let error = analysed(Subject::of(&fixture), Some(&Lying(part))).unwrap_err();
        assert!(matches!(error, Error::OtherPart { .. }), "{error}");
        assert!(error.hint().unwrap().contains("run the shards again"));
    }
}
