//! What can be wrong with a network's name, settings or weights file.

use std::path::PathBuf;

use redyn_core::{Diagnose, Fault, file_fault, file_hint, nearest};
use redyn_network::NetworkError;

/// Why a network cannot be built, or its weights not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZooError {
    /// No network of that name.
    #[error("no network named `{name}`")]
    UnknownNetwork {
        /// The name.
        name: String,
    },
    /// No setting of that name.
    #[error("network `{network}` has no setting `{key}`")]
    UnknownSetting {
        /// The network.
        network: String,
        /// The setting.
        key: String,
        /// The settings there are.
        known: Vec<String>,
    },
    /// A setting given twice, or without a value.
    #[error("cannot read `{text}` in the settings of `{network}`")]
    Unreadable {
        /// The network.
        network: String,
        /// What cannot be read.
        text: String,
    },
    /// A value a setting cannot have.
    #[error("network `{network}`: setting `{key}` cannot be `{value}`: it is {allowed}")]
    Value {
        /// The network.
        network: String,
        /// The setting.
        key: String,
        /// The value.
        value: String,
        /// The values it can have, in words.
        allowed: String,
    },
    /// The settings make no network.
    #[error("network `{network}`: {source}")]
    Network {
        /// The network.
        network: String,
        /// Why.
        source: NetworkError,
    },
    /// A weights file that cannot be opened, read or written.
    #[error("weights {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A weights file that is not what it claims to be.
    #[error("weights {path}: {why}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Data that a network cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the network takes {expected} {what}, the data have {found}")]
pub struct Misfit {
    /// `classes` or `pixels a side`.
    pub what: &'static str,
    /// What the data have.
    pub found: usize,
    /// What the network takes.
    pub expected: usize,
}

impl Diagnose for ZooError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownNetwork { name } => {
                Some(offer(name, crate::NETWORKS.iter().map(|entry| entry.name)))
            }
            Self::UnknownSetting { key, known, .. } => Some(offer(key, known.iter().map(String::as_str))),
            Self::Unreadable { .. } => Some("write NAME:KEY=VALUE,KEY=VALUE with every key once".into()),
            Self::Network { source, .. } => source.hint(),
            Self::Format { .. } => {
                Some("weights are read from safetensors files, as `redyn train` writes them".into())
            }
            Self::File { source, .. } => Some(file_hint(source)),
            Self::Value { network, .. } => Some(format!("`redyn models show {network}` lists its settings")),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::File { source, .. } => file_fault(source),
            _ => Fault::User,
        }
    }
}

fn offer<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    nearest(name, known.clone()).map_or_else(
        || format!("there are {}", known.collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    )
}
