//! A data set in numbers, for people and for scripts.

use redyn_core::Hierarchy;
use serde::Serialize;

use crate::{ChannelStatistics, DataSet, Skipped, StimuliError};

/// What `data show` tells.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The data set's name.
    pub name: String,
    /// Height and width of its images.
    pub image_size: usize,
    /// Class names in the order of labels.
    pub classes: Vec<String>,
    /// How they are related.
    pub hierarchy: Option<Hierarchy>,
    /// Its splits, by name.
    pub splits: Vec<SplitSummary>,
    /// Mean and deviation of each channel, 0-255.
    pub statistics: ChannelStatistics,
    /// Images that were left out.
    pub skipped: Vec<Skipped>,
    /// What else was noticed.
    pub notes: Vec<String>,
}

/// One split in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SplitSummary {
    /// Name.
    pub name: String,
    /// Number of images.
    pub n_images: usize,
    /// Number of images of each class.
    pub n_per_class: Vec<usize>,
}

impl DataSet {
    /// Count what there is.
    ///
    /// # Errors
    /// Channel statistics that have to be computed and cannot be.
    pub fn summary(&self) -> Result<Summary, StimuliError> {
        let splits = self
            .splits
            .iter()
            .map(|(name, split)| {
                let mut n_per_class = vec![0; self.classes.len()];
                for index in 0..split.len() {
                    n_per_class[split.label(index)] += 1;
                }
                SplitSummary { name: name.clone(), n_images: split.len(), n_per_class }
            })
            .collect();
        Ok(Summary {
            name: self.name.clone(),
            image_size: self.image_size,
            classes: self.classes.clone(),
            hierarchy: self.hierarchy.clone(),
            splits,
            statistics: self.statistics()?,
            skipped: self.skipped.clone(),
            notes: self.notes.clone(),
        })
    }
}
