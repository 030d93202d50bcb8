//! Everything a resumed run needs, in one file that appears whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use redyn_network::{Tensor, Weights};
use redyn_zoo::{read_weights, write_weights};
use serde::{Deserialize, Serialize};

use crate::metrics::Sums;
use crate::{Adam, LossScale, Metrics, TrainError};

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) weights: Weights,
    pub(crate) adam: Adam,
    pub(crate) position: Position,
}

/// The part of a checkpoint that is not tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Epoch in progress.
    pub(crate) epoch: usize,
    /// Next batch of that epoch.
    pub(crate) batch: usize,
    /// What the epoch has seen so far.
    pub(crate) sums: Sums,
    /// Loss of the last batch, summed over steps; none before the first update.
    pub(crate) last_loss: Option<f64>,
    /// Updates of the optimiser.
    pub(crate) updates: u64,
    /// What the loss is multiplied by on its way back.
    #[serde(default)]
    pub(crate) loss_scale: LossScale,
    /// Finished epochs.
    pub(crate) metrics: Metrics,
}

/// The two moments of a parameter, as far as they have been found in the file.
type Halves = (Option<Vec<f32>>, Option<Vec<f32>>);

const NOTE: &str = "redyn.checkpoint";

impl Checkpoint {
    /// Write it; a run killed meanwhile keeps the one before.
    pub(crate) fn write(&self, path: &Path) -> Result<(), TrainError> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in &self.weights.0 {
            tensors.insert(format!("weights/{name}"), tensor.clone());
        }
        for (name, (m, v)) in &self.adam.moments {
            let shape = &self.weights.0[name].shape;
            tensors.insert(format!("adam_m/{name}"), Tensor { shape: shape.clone(), data: m.clone() });
            tensors.insert(format!("adam_v/{name}"), Tensor { shape: shape.clone(), data: v.clone() });
        }
        let position = serde_json::to_string(&self.position).expect("plain data");
        write_weights(path, &Weights(tensors), &HashMap::from([(NOTE.to_owned(), position)]))?;
        Ok(())
    }

    /// Read it back; the optimiser's settings come from the recipe.
    pub(crate) fn read(path: &Path, mut adam: Adam) -> Result<Self, TrainError> {
        let (file, notes) = read_weights(path)?;
        let damaged = |why: &str| TrainError::Damaged { path: path.to_owned(), why: why.to_owned() };
        let position = notes.get(NOTE).ok_or_else(|| damaged("not a checkpoint of a run"))?;
        let position: Position = serde_json::from_str(position)
            .map_err(|error| damaged(&format!("its position is unreadable ({error})")))?;
        adam.updates = position.updates;
        let mut weights = Weights::default();
        let mut halves: BTreeMap<String, Halves> = BTreeMap::new();
        for (key, tensor) in file.0 {
            match key.split_once('/') {
                Some(("weights", name)) => {
                    weights.0.insert(name.to_owned(), tensor);
                }
                Some(("adam_m", name)) => halves.entry(name.to_owned()).or_default().0 = Some(tensor.data),
                Some(("adam_v", name)) => halves.entry(name.to_owned()).or_default().1 = Some(tensor.data),
                _ => return Err(damaged(&format!("unexpected `{key}`"))),
            }
        }
        for (name, halves) in halves {
            let (Some(m), Some(v)) = halves else {
                return Err(damaged(&format!("one of the two moments of `{name}` is missing")));
            };
            adam.moments.insert(name, (m, v));
        }
        Ok(Self { weights, adam, position })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_from_before_the_first_update_is_read_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let graph = redyn_zoo::build("blt64:width=0.05,image_size=8,classes=3").unwrap().graph;
        let position = Position {
            epoch: 0,
            batch: 0,
            sums: Sums::new(3),
            last_loss: None,
            updates: 0,
            loss_scale: LossScale::first(redyn_engine::Precision::F16),
            metrics: Metrics::default(),
        };
        let written = Checkpoint { weights: Weights::initial(&graph, 1), adam: Adam::new(1e-3), position };
        written.write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path, Adam::new(1e-3)).unwrap(), written);
    }
}
