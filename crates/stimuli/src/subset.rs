//! A data set reduced to some of its classes.

use std::sync::Arc;

use redyn_core::{Hierarchy, nearest};

use crate::generated::Properties;
use crate::{DataSet, Image, Stimuli, StimuliError};

/// Images of the classes that were kept, relabelled.
struct Subset {
    whole: Arc<dyn Stimuli>,
    /// Number within the whole, and new label.
    kept: Vec<(usize, usize)>,
}

impl Stimuli for Subset {
    fn len(&self) -> usize {
        self.kept.len()
    }

    fn label(&self, index: usize) -> usize {
        self.kept[index].1
    }

    fn id(&self, index: usize) -> String {
        self.whole.id(self.kept[index].0)
    }

    fn image(&self, index: usize) -> Result<Image, StimuliError> {
        self.whole.image(self.kept[index].0)
    }

    fn images(&self, indices: &[usize]) -> Result<Vec<Image>, StimuliError> {
        self.whole.images(&indices.iter().map(|&index| self.kept[index].0).collect::<Vec<_>>())
    }

    fn properties(&self, index: usize) -> Option<Properties> {
        self.whole.properties(self.kept[index].0)
    }

    fn content(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
        for &(index, label) in &self.kept {
            take(&(index as u64).to_le_bytes());
            take(&(label as u64).to_le_bytes());
        }
        self.whole.content(take)
    }
}

/// Keep some classes, in the order given.
pub(crate) fn only(set: DataSet, classes: &[String]) -> Result<DataSet, StimuliError> {
    let old: Vec<usize> = classes
        .iter()
        .map(|class| {
            set.classes.iter().position(|known| known == class).ok_or_else(|| StimuliError::NoClass {
                data: set.name.clone(),
                name: class.clone(),
                nearest: nearest(class, set.classes.iter().map(String::as_str)).map(str::to_owned),
            })
        })
        .collect::<Result<_, _>>()?;
    let mut splits = std::collections::BTreeMap::new();
    for (name, whole) in set.splits {
        let kept: Vec<(usize, usize)> = (0..whole.len())
            .filter_map(|index| Some((index, old.iter().position(|&class| class == whole.label(index))?)))
            .collect();
        if kept.is_empty() {
            return Err(StimuliError::NoImages {
                place: format!("split `{name}` of {} with these classes", set.name),
            });
        }
        splits.insert(name, Arc::new(Subset { whole, kept }) as Arc<dyn Stimuli>);
    }
    Ok(DataSet {
        classes: classes.to_vec(),
        hierarchy: set.hierarchy.map(|hierarchy| Hierarchy {
            groups: old.iter().map(|&class| hierarchy.groups[class].clone()).collect(),
            levels: hierarchy.levels,
        }),
        splits,
        ..set
    })
}
