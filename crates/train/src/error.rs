//! Why training cannot begin or go on.

use std::path::PathBuf;

use redyn_core::{Bytes, Diagnose, Fault, file_fault, file_hint};
use redyn_network::NetworkError;
use redyn_stimuli::StimuliError;
use redyn_zoo::{Misfit, ZooError};

/// Why training cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The recipe contradicts itself.
    #[error("the recipe cannot be carried out: {why}")]
    Recipe {
        /// What is wrong.
        why: String,
    },
    /// Images of another size, or another number of classes, than the network takes.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The budget does not hold the activations of one part of a batch.
    #[error("a part of {images} images takes {needed} of memory, the budget is {memory}")]
    Memory {
        /// What the part takes.
        needed: Bytes,
        /// The budget.
        memory: Bytes,
        /// Images of the part.
        images: usize,
    },
    /// The run folder already holds a run.
    #[error("{path} already holds a run")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing to resume.
    #[error("{path} holds no checkpoint to resume from")]
    NothingToResume {
        /// The folder.
        path: PathBuf,
    },
    /// The run in the folder is not the one that was asked for.
    #[error("{path} holds another run: {what} was {before}, now {now}")]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// As recorded.
        before: String,
        /// As asked for.
        now: String,
    },
    /// The loss is not a number any more.
    #[error("the loss became {loss} at epoch {epoch}, batch {batch}; {}", before(*.last))]
    NotFinite {
        /// Epoch, from 0.
        epoch: usize,
        /// Batch, from 0.
        batch: usize,
        /// The loss.
        loss: f64,
        /// The loss of the batch before, summed over steps, if there was one.
        last: Option<f64>,
    },
    /// A file of the run that cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the run that is not what it should be.
    #[error("{path}: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Something about the images.
    #[error(transparent)]
    Stimuli(#[from] StimuliError),
    /// Something about the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Something about weights files.
    #[error(transparent)]
    Weights(#[from] ZooError),
}

fn before(last: Option<f64>) -> String {
    last.map_or("it was the first".into(), |last| format!("the last finite loss was {last}"))
}

impl Diagnose for TrainError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Misfit(Misfit { what: "classes", found, .. }) => {
                Some(format!("set the network's classes: blt64:classes={found}"))
            }
            Self::Misfit(Misfit { found, .. }) => Some(format!(
                "set the network's image size (blt64:image_size={found}) or resize the images with --image-size"
            )),
            Self::Memory { .. } => Some("lower --part, or raise --memory".into()),
            Self::Exists { .. } => Some("continue it with --resume, or name another folder".into()),
            Self::NothingToResume { .. } => Some("leave --resume out to begin a run there".into()),
            Self::OtherRun { .. } => {
                Some("resume with the settings it was begun with, or name another folder".into())
            }
            Self::NotFinite { .. } => Some(
                "the last good checkpoint is kept: lower --learning-rate and begin again, or resume from it"
                    .into(),
            ),
            Self::Stimuli(error) => error.hint(),
            Self::Network(error) => error.hint(),
            Self::Weights(error) => error.hint(),
            Self::Recipe { .. } => Some("`redyn train --help` tells what each setting may be".into()),
            Self::File { source, .. } => Some(file_hint(source)),
            Self::Damaged { .. } => {
                Some("restore the file from a copy, or begin the run again in another folder".into())
            }
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NotFinite { .. } | Self::Damaged { .. } => Fault::Failure,
            Self::File { source, .. } => file_fault(source),
            Self::Stimuli(error) => error.fault(),
            Self::Network(error) => error.fault(),
            Self::Weights(error) => error.fault(),
            _ => Fault::User,
        }
    }
}
