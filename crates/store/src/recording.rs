//! Trajectories, whoever holds them.

use std::path::Path;

use redyn_core::{Readout, TrajectorySource};

use crate::{About, Arrays, Error, Spatial, Store, Tap};

/// Trajectories: a store of ours, or other people's arrays as they lie, on disk or in memory.
pub enum Recording {
    /// A store.
    Store(Store),
    /// A published `.npz`, the arrays that a manifest describes, or arrays in memory.
    Arrays(Arrays),
}

impl Recording {
    /// Open a store (a folder), a `.npz` in the published layout, or a manifest (`.json`).
    ///
    /// # Errors
    /// As [`Store::open`] and [`Arrays::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let named = |extension: &str| path.extension().is_some_and(|found| found == extension);
        if !path.is_dir() && (named("npz") || named("json")) {
            Arrays::open(path).map(Self::Arrays)
        } else {
            Store::open(path).map(Self::Store)
        }
    }

    /// Names, provenance, classes.
    pub fn about(&self) -> &About {
        match self {
            Self::Store(store) => store.about(),
            Self::Arrays(arrays) => arrays.about(),
        }
    }

    /// Name of every image.
    pub fn image_ids(&self) -> &[String] {
        match self {
            Self::Store(store) => store.image_ids(),
            Self::Arrays(arrays) => arrays.image_ids(),
        }
    }

    /// True class of every image.
    pub fn labels(&self) -> &[usize] {
        match self {
            Self::Store(store) => store.labels(),
            Self::Arrays(arrays) => arrays.labels(),
        }
    }

    /// The areas.
    pub fn taps(&self) -> &[Tap] {
        match self {
            Self::Store(store) => store.taps(),
            Self::Arrays(arrays) => arrays.taps(),
        }
    }

    /// Whether an area was recorded.
    pub fn has_area(&self, area: &str) -> bool {
        self.taps().iter().any(|tap| tap.area == area)
    }

    /// The area that is read out; without a readout, the first.
    pub fn main_area(&self) -> Option<&str> {
        self.readout().map(|(_, area, _)| area).or_else(|| self.taps().first().map(|tap| tap.area.as_str()))
    }

    /// The readout, the area it reads, and its delay: outputs at step `t` read that area at step
    /// `t − delay`.
    pub fn readout(&self) -> Option<(&Readout, &str, usize)> {
        match self {
            Self::Store(store) => store.readout().map(|(of, place)| (of, place.tap.as_str(), place.delay)),
            Self::Arrays(arrays) => arrays.readout(),
        }
    }

    /// Whether anything tells what was said about the images: outputs, or a readout that gives them.
    pub fn is_judged(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::Arrays(arrays) => arrays.is_judged(),
        }
    }

    /// One area's trajectories with the outputs, read lazily.
    ///
    /// # Errors
    /// As [`Store::trajectories`]; nothing tells what was said about the images.
    pub fn trajectories(
        &self,
        area: &str,
        spatial: Spatial,
    ) -> Result<Box<dyn TrajectorySource + '_>, Error> {
        if let Self::Arrays(arrays) = self {
            arrays.need_judged()?;
        }
        self.representations(area, spatial)
    }

    /// One area's trajectories, for those who look at the representations alone: where nothing
    /// tells what was said about the images, logits are zeros.
    ///
    /// # Errors
    /// As [`Store::trajectories`].
    pub fn representations(
        &self,
        area: &str,
        spatial: Spatial,
    ) -> Result<Box<dyn TrajectorySource + '_>, Error> {
        Ok(match self {
            Self::Store(store) => Box::new(store.trajectories(area, spatial)?),
            Self::Arrays(arrays) => Box::new(arrays.trajectories(area, spatial)?),
        })
    }
}
