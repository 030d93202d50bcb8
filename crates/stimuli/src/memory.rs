//! A split held in memory, for passes that would decode the same images again.

use std::sync::Arc;

use rayon::prelude::*;

use crate::generated::Properties;
use crate::{Image, Stimuli, StimuliError};

struct InMemory {
    source: Arc<dyn Stimuli>,
    images: Vec<Image>,
}

impl Stimuli for InMemory {
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
        Ok(self.images[index].clone())
    }

    fn properties(&self, index: usize) -> Option<Properties> {
        self.source.properties(index)
    }

    fn content(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
        self.source.content(take)
    }
}

/// The same split with its decoded pixels kept in memory, if they fit into
/// `budget_bytes`; otherwise the split as it was. Decodes on all cores.
///
/// # Errors
/// An image that cannot be read.
pub fn in_memory(split: Arc<dyn Stimuli>, budget_bytes: usize) -> Result<Arc<dyn Stimuli>, StimuliError> {
    if split.is_empty() {
        return Ok(split);
    }
    let an_image = split.image(0)?.pixels.len() + size_of::<Image>();
    if split.len().saturating_mul(an_image) > budget_bytes {
        return Ok(split);
    }
    let images =
        (0..split.len()).into_par_iter().map(|index| split.image(index)).collect::<Result<_, _>>()?;
    Ok(Arc::new(InMemory { source: split, images }))
}
