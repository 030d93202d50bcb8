//! Why a report cannot be written.

use std::path::PathBuf;

use redyn_core::{Diagnose, Fault};

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to report on.
    #[error("a report needs at least one network, or a comparison with brains")]
    NoNetwork,
    /// Two networks could not be told apart.
    #[error("two networks are named `{name}`")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// A hierarchy of other classes.
    #[error("network `{network}`: the hierarchy has {found} classes, the results have {expected}")]
    Hierarchy {
        /// The network.
        network: String,
        /// Classes of the hierarchy.
        found: usize,
        /// Classes of the results.
        expected: usize,
    },
    /// Bytes that are no picture.
    #[error("a thumbnail of {n_bytes} bytes is no PNG, JPEG or WebP file")]
    Thumbnail {
        /// How many bytes there were.
        n_bytes: usize,
    },
    /// NaN or infinity among the numbers to draw.
    #[error("figure `{figure}`: `{what}` holds a value that is not finite")]
    NotFinite {
        /// The figure.
        figure: String,
        /// What was to be drawn.
        what: String,
    },
    /// The PDF writer gave up.
    #[error("figure `{figure}` cannot be written as PDF: {reason}")]
    Pdf {
        /// The figure.
        figure: String,
        /// What the writer says.
        reason: String,
    },
    /// A context that cannot be written down.
    #[error("the results cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// A file or folder that cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Diagnose for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NameTwice { .. } => Some("give every network's trajectories a name of its own".into()),
            Self::Hierarchy { .. } => Some("the hierarchy table names every class once".into()),
            Self::Write { .. } => {
                Some("check that the folder may be written to and the disk has room".into())
            }
            _ => None,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Pdf { .. } | Self::Json(_) | Self::Write { .. } | Self::NotFinite { .. } => Fault::Failure,
            _ => Fault::User,
        }
    }
}
