//! A data set: named splits of labelled images, and what is known of their classes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use redyn_core::{Hierarchy, nearest};
use sha2::{Digest, Sha256};

use crate::generated::Properties;
use crate::{ChannelStatistics, Image, StimuliError};

/// One split of a data set: labelled images, any of which can be asked for at any time.
pub trait Stimuli: Send + Sync {
    /// Number of images.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Class of an image.
    fn label(&self, index: usize) -> usize;

    /// Name of an image that stays the same however often the data are opened:
    /// `test/mug/photo_12.jpg`, `test/17`.
    fn id(&self, index: usize) -> String;

    /// An image, square, at the data set's size.
    ///
    /// # Errors
    /// Whatever keeps it from being read, with its file or row.
    fn image(&self, index: usize) -> Result<Image, StimuliError>;

    /// Several images, in the order asked for. Sources that read rows together
    /// faster than one by one do so here.
    ///
    /// # Errors
    /// As [`Stimuli::image`].
    fn images(&self, indices: &[usize]) -> Result<Vec<Image>, StimuliError> {
        indices.iter().map(|&index| self.image(index)).collect()
    }

    /// The truth about how an image was made, for generated stimuli.
    fn properties(&self, _index: usize) -> Option<Properties> {
        None
    }

    /// Hand over, in order, all bytes that identify the split: ids, labels, and the
    /// images as they are stored.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being read.
    fn content(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError>;

    /// The class of every image.
    fn labels(&self) -> Vec<usize> {
        (0..self.len()).map(|index| self.label(index)).collect()
    }
}

/// Where channel statistics come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StatisticsSource {
    /// Stated by the data set itself.
    Stated(ChannelStatistics),
    /// To be computed over `train` (or the only split) when first asked for.
    Computed,
}

/// Named splits of labelled images.
pub struct DataSet {
    /// Short name: the file's or folder's name, or the generator's specification.
    pub name: String,
    /// Class names, in the order of the labels.
    pub classes: Vec<String>,
    /// How the classes are related, where known.
    pub hierarchy: Option<Hierarchy>,
    /// Height and width of every image.
    pub image_size: usize,
    /// What opening noticed and a person may want to read: one sentence each.
    pub notes: Vec<String>,
    /// Images left out because they could not be decoded, where that was allowed.
    pub skipped: Vec<Skipped>,
    pub(crate) splits: BTreeMap<String, Arc<dyn Stimuli>>,
    pub(crate) statistics_source: StatisticsSource,
    pub(crate) statistics: OnceLock<ChannelStatistics>,
}

/// An image that was left out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// Its id.
    pub id: String,
    /// Why it was left out.
    pub reason: String,
}

impl std::fmt::Debug for DataSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataSet")
            .field("name", &self.name)
            .field("classes", &self.classes.len())
            .field("image_size", &self.image_size)
            .field("splits", &self.splits.iter().map(|(name, split)| (name, split.len())).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl DataSet {
    /// A data set made of splits that are already there.
    ///
    /// `statistics`: where the data carry their own; otherwise they are computed over
    /// `train` when first asked for.
    pub fn new(
        name: impl Into<String>,
        classes: Vec<String>,
        image_size: usize,
        splits: BTreeMap<String, Arc<dyn Stimuli>>,
        statistics: Option<ChannelStatistics>,
    ) -> Self {
        Self {
            name: name.into(),
            classes,
            hierarchy: None,
            image_size,
            notes: Vec::new(),
            skipped: Vec::new(),
            splits,
            statistics_source: statistics.map_or(StatisticsSource::Computed, StatisticsSource::Stated),
            statistics: OnceLock::new(),
        }
    }

    /// A split by its name.
    ///
    /// # Errors
    /// No split of that name; the error offers the most similar one.
    pub fn split(&self, name: &str) -> Result<Arc<dyn Stimuli>, StimuliError> {
        self.splits.get(name).cloned().ok_or_else(|| StimuliError::NoSplit {
            data: self.name.clone(),
            name: name.to_owned(),
            nearest: nearest(name, self.split_names()).map(str::to_owned),
            available: self.split_names().map(str::to_owned).collect(),
        })
    }

    /// Names of the splits, in alphabetical order.
    pub fn split_names(&self) -> impl Iterator<Item = &str> {
        self.splits.keys().map(String::as_str)
    }

    /// Channel statistics: the data set's own where it states them (HDF5), otherwise
    /// computed over `train`, or over the first split where there is no `train`
    /// (see [`ChannelStatistics::of`]), once.
    ///
    /// # Errors
    /// An image that cannot be read, or a channel that never varies.
    pub fn statistics(&self) -> Result<ChannelStatistics, StimuliError> {
        if let Some(statistics) = self.statistics.get() {
            return Ok(*statistics);
        }
        let statistics = match self.statistics_source {
            StatisticsSource::Stated(statistics) => statistics,
            StatisticsSource::Computed => ChannelStatistics::of(self.training_split()?.as_ref())?,
        };
        Ok(*self.statistics.get_or_init(|| statistics))
    }

    fn training_split(&self) -> Result<&Arc<dyn Stimuli>, StimuliError> {
        self.splits
            .get("train")
            .or_else(|| self.splits.values().next())
            .ok_or_else(|| StimuliError::NoImages { place: self.name.clone() })
    }

    /// SHA-256, in hexadecimal, of one split: class names, then id, label and stored
    /// bytes of every image in order.
    ///
    /// Files are hashed as they lie on disk, HDF5 and arrays by their pixels,
    /// generated stimuli by their specification and the generator's version. The
    /// size to which images are resized is not covered.
    ///
    /// # Errors
    /// No such split, or bytes that cannot be read.
    pub fn split_digest(&self, name: &str) -> Result<String, StimuliError> {
        let mut hash = Sha256::new();
        for class in &self.classes {
            hash.update(class.as_bytes());
            hash.update([0]);
        }
        self.split(name)?.content(&mut |bytes| hash.update(bytes))?;
        Ok(hexadecimal(&hash.finalize()))
    }

    /// SHA-256 over the names and digests of all splits. Reads every image once.
    ///
    /// # Errors
    /// Bytes that cannot be read.
    pub fn digest(&self) -> Result<String, StimuliError> {
        let mut hash = Sha256::new();
        for name in self.split_names() {
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update(self.split_digest(name)?.as_bytes());
        }
        Ok(hexadecimal(&hash.finalize()))
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
