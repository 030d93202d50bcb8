//! Decoded images kept in memory, for passes that would decode the same ones again.

use std::sync::{Arc, OnceLock};

use crate::generated::Properties;
use crate::{DataSet, Image, Stimuli, StimuliError};

/// A split whose images are read once, when they are first asked for.
struct Kept {
    source: Arc<dyn Stimuli>,
    images: Vec<OnceLock<Image>>,
}

impl Stimuli for Kept {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn label(&self, index: usize) -> usize {
        self.source.label(index)
    }

    fn id(&self, index: usize) -> String {
        self.source.id(index)
    }

    fn image(&self, index: usize) -> Result<Image, StimuliError> {
        if let Some(image) = self.images[index].get() {
            return Ok(image.clone());
        }
        let image = self.source.image(index)?;
        Ok(self.images[index].get_or_init(|| image).clone())
    }

    fn images(&self, indices: &[usize]) -> Result<Vec<Image>, StimuliError> {
        let missing: Vec<usize> =
            indices.iter().copied().filter(|&index| self.images[index].get().is_none()).collect();
        for (&index, image) in missing.iter().zip(self.source.images(&missing)?) {
            self.images[index].get_or_init(|| image);
        }
        indices.iter().map(|&index| self.image(index)).collect()
    }

    fn properties(&self, index: usize) -> Option<Properties> {
        self.source.properties(index)
    }

    fn content(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
        self.source.content(take)
    }
}

impl DataSet {
    /// Keep the decoded images of every split in memory once they were read, as long as
    /// `budget` bytes hold all images of that split, the largest split first.
    pub fn keep_in_memory(&mut self, budget: u64) {
        let image = (3 * self.image_size * self.image_size + size_of::<OnceLock<Image>>()) as u64;
        let mut left = budget;
        let mut splits: Vec<&mut Arc<dyn Stimuli>> = self.splits.values_mut().collect();
        splits.sort_by_key(|split| std::cmp::Reverse(split.len()));
        for split in splits {
            let needed = image.saturating_mul(split.len() as u64);
            if needed <= left {
                left -= needed;
                let images = (0..split.len()).map(|_| OnceLock::new()).collect();
                *split = Arc::new(Kept { source: Arc::clone(split), images });
            }
        }
    }
}
