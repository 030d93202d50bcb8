//! Trajectories that are open, and the area of them that is looked at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redyn_store::{Recording, Spatial};

use crate::Failure;

/// Trajectories that are open.
pub struct Opened {
    /// Where they lie; of arrays in memory their name.
    pub path: PathBuf,
    /// The trajectories.
    pub recording: Arc<Recording>,
    /// The area to look at and how its maps become vectors, where that was chosen for these alone.
    pub chosen: Option<(String, Spatial)>,
}

impl Opened {
    /// Open a store, a published `.npz` or a manifest.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let recording = Arc::new(Recording::open(path)?);
        Ok(Self { path: path.to_owned(), recording, chosen: None })
    }

    /// Open several.
    pub(crate) fn all(paths: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        paths.iter().map(|path| Self::open(path)).collect()
    }

    /// The area that was chosen for these, else the one asked for, else the one that is read out; and how
    /// its maps become vectors.
    pub(crate) fn place<'a>(&'a self, asked: Option<&'a str>, spatial: Spatial) -> (&'a str, Spatial) {
        match &self.chosen {
            Some((area, spatial)) => (area, *spatial),
            None => (asked.or(self.recording.main_area()).unwrap_or_default(), spatial),
        }
    }
}
