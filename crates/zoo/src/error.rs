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
    /// A weights file that ends too early.
    #[error("weights {path} are truncated: {place}")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where, or what is missing.
        place: String,
    },
    /// A weights file of a version to come.
    #[error("weights {path}: {what} {found}, where up to {reads} is known here")]
    Newer {
        /// The file.
        path: PathBuf,
        /// What is numbered.
        what: &'static str,
        /// The version of the file.
        found: u64,
        /// The newest version that is read.
        reads: u64,
    },
    /// A pickle that would run code of somebody's choice.
    #[error("weights {path}: its pickle imports `{import}`, which tensors do not need")]
    Import {
        /// The file.
        path: PathBuf,
        /// What it imports.
        import: String,
    },
    /// Weights of no network, or of another than was said.
    #[error("weights {path}: {matched} of its {keys} tensors are those of {network}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The network, in words.
        network: String,
        /// Tensors of the file that have the name and shape of one of its parameters.
        matched: usize,
        /// Tensors of the file.
        keys: usize,
        /// The network it fits best, with the number of tensors that fit, if any does.
        nearest: Option<(String, usize)>,
    },
    /// Weights that fit several networks alike.
    #[error("weights {path} fit {} alike", networks.join(" and "))]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// Their names.
        networks: Vec<String>,
    },
    /// A setting that the weights do not tell.
    #[error("weights {path} do not tell the setting `{setting}`: {why}")]
    Undecided {
        /// The file.
        path: PathBuf,
        /// The setting.
        setting: &'static str,
        /// What is missing, or contradicts itself.
        why: String,
        /// The network with a value the setting could have: `NAME:KEY=VALUE`.
        choice: String,
    },
    /// Weights that are not the network's, or not finite.
    #[error("{path}: {source}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<NetworkError>,
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
            Self::Weights { source, .. } => source.hint(),
            Self::Format { .. } => {
                Some("weights are read from safetensors, PyTorch's (.pth), Keras's (.h5) and TensorFlow's (.index)".into())
            }
            Self::Truncated { .. } => {
                Some("compare the file's size with the original's, and fetch it again".into())
            }
            Self::Newer { .. } => Some("save the weights again, as safetensors or by an older version".into()),
            Self::Import { .. } => Some(
                "PyTorch would run it on opening the file: ask for one that holds a state_dict and nothing else"
                    .into(),
            ),
            Self::Foreign { nearest: Some((near, matched)), keys, .. } => {
                Some(format!("{near} is nearest, with {matched} of {keys}: --model {near}"))
            }
            Self::Foreign { nearest: None, .. } => Some("`redyn models list` shows the networks there are".into()),
            Self::Ambiguous { networks, .. } => {
                let choices: Vec<String> = networks.iter().map(|name| format!("--model {name}")).collect();
                Some(format!("say which it is: {}", choices.join(" or ")))
            }
            Self::Undecided { choice, .. } => Some(format!("say which it is: --model {choice}")),
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
