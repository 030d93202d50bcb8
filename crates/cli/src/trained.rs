//! A network with weights, found in a run folder or a weights file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use redyn_core::{Diagnose, Fault};
use redyn_network::Weights;
use redyn_stimuli::{ChannelStatistics, DataSet, Frame, Normalisation, StimuliError};
use redyn_train::{TrainError, read_record};
use redyn_zoo::{Card, Crop, Fit, Missing, Network, Unexpected, Values, ZooError, build, read_weights};

/// A network with weights, and what is known of how it came by them.
#[derive(Debug)]
pub struct Trained {
    /// The network.
    pub network: Network,
    /// Its weights: all there, of the right shapes, finite.
    pub weights: Weights,
    /// The file they were read from.
    pub file: PathBuf,
    /// Training epoch; −1 is the untrained network.
    pub epoch: Option<i64>,
    /// Seed of the initial weights.
    pub seed: Option<u64>,
    /// Channel statistics of the images it was trained on, and where they come from.
    pub normalised: Normalised,
    /// The data set it was trained on, as it was named then.
    pub data: Option<String>,
    /// Whether its readout was trained with a bias that has been taken away.
    pub bias_removed: bool,
}

/// By which channel statistics images are normalised for a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Normalised {
    /// Those of its training images, as its run recorded them.
    AsTrained(ChannelStatistics),
    /// By what its authors publish.
    AsPublished(Normalisation),
    /// Nothing is recorded: the data set's own.
    ByData,
}

impl Normalised {
    /// The normalisation of a data set's images.
    ///
    /// # Errors
    /// Images that would have to be read for their statistics, and cannot be.
    pub fn of(self, data: &DataSet) -> Result<Normalisation, StimuliError> {
        match self {
            Self::AsTrained(statistics) => Ok(statistics.normalisation()),
            Self::AsPublished(normalisation) => Ok(normalisation),
            Self::ByData => Ok(data.statistics()?.normalisation()),
        }
    }
}

/// Why a network with weights cannot be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainedError {
    /// The run kept no weights of that epoch.
    #[error("{folder} keeps no weights of epoch {epoch}")]
    Epoch {
        /// The run folder.
        folder: PathBuf,
        /// The epoch asked for.
        epoch: i64,
        /// The epochs whose weights there are.
        kept: Vec<i64>,
    },
    /// The run is not finished and no epoch was asked for.
    #[error("the run in {folder} is not finished")]
    Unfinished {
        /// The run folder.
        folder: PathBuf,
    },
    /// Something about the run.
    #[error(transparent)]
    Run(Box<TrainError>),
    /// Something about the network or the weights file.
    #[error(transparent)]
    Zoo(Box<ZooError>),
}

impl From<TrainError> for TrainedError {
    fn from(error: TrainError) -> Self {
        Self::Run(Box::new(error))
    }
}

impl From<ZooError> for TrainedError {
    fn from(error: ZooError) -> Self {
        Self::Zoo(Box::new(error))
    }
}

impl Diagnose for TrainedError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Epoch { kept, .. } => {
                let kept: Vec<String> = kept.iter().map(i64::to_string).collect();
                Some(format!("it keeps those of {}", kept.join(", ")))
            }
            Self::Unfinished { .. } => {
                Some("finish it with `redyn train --resume`, or choose a kept epoch with --epoch".into())
            }
            Self::Run(error) => error.hint(),
            Self::Zoo(error) => error.hint(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Run(error) => error.fault(),
            Self::Zoo(error) => error.fault(),
            _ => Fault::User,
        }
    }
}

impl Trained {
    /// Open a run folder (its finished weights, or those of `epoch`) or a checkpoint in any
    /// format (`model` says what the file does not tell of its network).
    ///
    /// # Errors
    /// Nothing there, no weights of that epoch, an unknown network, weights that are
    /// not the network's.
    pub fn open(path: &Path, epoch: Option<i64>, model: Option<&str>) -> Result<Self, TrainedError> {
        if path.is_dir() { Self::of_run(path, epoch) } else { Self::of_file(path, model) }
    }

    fn of_run(folder: &Path, epoch: Option<i64>) -> Result<Self, TrainedError> {
        let record = read_record(folder)?;
        let last = record.recipe.epochs as i64 - 1;
        let name = match epoch {
            Some(epoch) if epoch != last => format!("epoch_{epoch}.safetensors"),
            _ => "weights.safetensors".to_owned(),
        };
        if !record.digests.contains_key(&name) {
            return Err(match epoch {
                None => TrainedError::Unfinished { folder: folder.to_owned() },
                Some(epoch) => TrainedError::Epoch {
                    folder: folder.to_owned(),
                    epoch,
                    kept: kept(record.digests.keys().map(String::as_str), last),
                },
            });
        }
        let file = folder.join(name);
        let (weights, _) = read_weights(&file)?;
        let (mean, std) = record.statistics;
        let network = build(&record.network)?;
        let refused = |source| ZooError::Weights { path: file.clone(), source: Box::new(source) };
        weights.check(&network.graph).map_err(refused)?;
        Ok(Self {
            network,
            weights,
            file,
            epoch: Some(epoch.unwrap_or(last)),
            seed: Some(record.recipe.seed),
            normalised: Normalised::AsTrained(ChannelStatistics { mean, std }),
            data: Some(record.data),
            bias_removed: false,
        })
    }

    fn of_file(path: &Path, model: Option<&str>) -> Result<Self, TrainedError> {
        let fit = Fit::of(path, model)?;
        let weights = fit.load(Missing::Refuse, Unexpected::Refuse)?;
        Ok(Self {
            weights,
            file: path.to_owned(),
            epoch: fit.epoch,
            seed: fit.seed,
            normalised: normalised(&fit.checkpoint.notes, &fit.network.card),
            data: None,
            network: fit.network,
            bias_removed: false,
        })
    }

    /// The same network before training, as its seed gives it; seed 1 where none is known.
    #[must_use]
    pub fn untrained(&self) -> Self {
        let seed = self.seed.unwrap_or(1);
        Self {
            network: self.network.clone(),
            weights: Weights::initial(&self.network.graph, seed),
            file: self.file.clone(),
            epoch: Some(-1),
            seed: Some(seed),
            normalised: self.normalised,
            data: self.data.clone(),
            bias_removed: self.bias_removed,
        }
    }

    /// Take the bias out of the readout, as if it had been trained without; a readout without one
    /// stays as it is.
    ///
    /// # Errors
    /// A network whose readout cannot be without a bias.
    pub fn remove_readout_bias(&mut self) -> Result<(), TrainedError> {
        let Some(bias) = self.network.card.readout.bias.clone() else { return Ok(()) };
        let (mut spec, steps) = (self.network.spec.clone(), self.network.card.steps);
        spec.set("classifier_bias", "0".into());
        self.network = build(&spec.to_string())?;
        self.network.card.steps = steps;
        self.weights.0.remove(&bias);
        self.bias_removed = true;
        Ok(())
    }
}

/// By the images that a run notes in its weights, or else as the network's card says.
fn normalised(notes: &BTreeMap<String, String>, card: &Card) -> Normalised {
    let noted = notes.get("statistics").and_then(|text| serde_json::from_str(text).ok());
    match (noted, card.preprocessing.values) {
        (Some((mean, std)), _) => Normalised::AsTrained(ChannelStatistics { mean, std }),
        (None, Values::Standardised { mean, std }) => {
            Normalised::AsPublished(Normalisation::from_fractions(mean, std))
        }
        (None, Values::PlusMinusOne) => Normalised::AsPublished(Normalisation::PlusMinusOne),
        (None, Values::StandardisedByData) => Normalised::ByData,
    }
}

/// How pictures are brought to the size that a network takes.
pub(crate) fn frame(card: &Card) -> Frame {
    match card.preprocessing.crop {
        Crop::ShortSide { side } if side == card.image_size => Frame::Fill,
        Crop::ShortSide { side } => Frame::Centre { short_side: side },
        Crop::CentreSquare => Frame::Square,
        Crop::Whole => Frame::Fill,
    }
}

/// The epochs of which a run keeps weights, from the names of its files.
fn kept<'a>(files: impl Iterator<Item = &'a str>, last: i64) -> Vec<i64> {
    let mut epochs: Vec<i64> = files
        .filter_map(|file| match file.strip_suffix(".safetensors")? {
            "weights" => Some(last),
            name => name.strip_prefix("epoch_")?.parse().ok(),
        })
        .collect();
    epochs.sort_unstable();
    epochs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_told_in_their_order() {
        let files =
            ["epoch_-1.safetensors", "epoch_10.safetensors", "epoch_9.safetensors", "weights.safetensors"];
        assert_eq!(kept(files.into_iter(), 11), [-1, 9, 10, 11]);
    }
}
