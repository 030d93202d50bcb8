//! Why trajectories could not be written, read, exported or imported.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use redyn_core::{Bytes, Diagnose, Fault, file_fault, file_hint, nearest};

/// Why trajectories could not be written, read, exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("cannot {action} `{}`: {source}", .path.display())]
    Io {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The disk filled up while writing.
    #[error("the disk is full: `{}` could not be written", .path.display())]
    DiskFull {
        /// The file that did not fit.
        path: PathBuf,
    },
    /// The disk is too small for what is planned.
    #[error("`{}` needs {} more, the disk has {} free", .path.display(), Bytes(*.needed), Bytes(*.available))]
    NoSpace {
        /// The store.
        path: PathBuf,
        /// Bytes still to write.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// Somebody else is writing.
    #[error("another process is writing `{}`", .path.display())]
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// Not trajectories of ours.
    #[error("`{}` is not a trajectory store: {reason}", .path.display())]
    NotAStore {
        /// The path.
        path: PathBuf,
        /// What is missing or strange.
        reason: String,
    },
    /// Written by a later version of redyn.
    #[error("`{}` has format version {found}, this redyn reads up to version {supported}", .path.display())]
    NewerVersion {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The newest version known here.
        supported: u64,
    },
    /// Writing has not finished.
    #[error("`{}` is incomplete: {present} of {total} images are there", .path.display())]
    Incomplete {
        /// The store.
        path: PathBuf,
        /// Images from the first one on that are complete.
        present: usize,
        /// Images in all.
        total: usize,
    },
    /// A chunk of a finished store, or of images that should be there, is gone.
    #[error("chunk `{}` is missing", .path.display())]
    MissingChunk {
        /// The file.
        path: PathBuf,
    },
    /// A chunk does not decode: truncated, or its checksum does not match.
    #[error("chunk `{}` is damaged: {reason}", .path.display())]
    DamagedChunk {
        /// The file.
        path: PathBuf,
        /// What the decoder found.
        reason: String,
    },
    /// Metadata that are broken or contradict one another.
    #[error("`{}`: {reason}", .path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The store was begun with something else.
    #[error("`{}` was begun with {what} {store}, this run has {run}", .path.display())]
    Differs {
        /// The store.
        path: PathBuf,
        /// What differs.
        what: String,
        /// Its value in the store.
        store: String,
        /// Its value in this run.
        run: String,
    },
    /// A plan that cannot be carried out.
    #[error("cannot plan a store: {reason}")]
    Plan {
        /// Why not.
        reason: String,
    },
    /// Data of another shape than planned.
    #[error("`{array}` has shape {found:?}, the plan says {expected:?}")]
    BlockShape {
        /// The array.
        array: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits.
        expected: Vec<usize>,
    },
    /// Another block than the next one.
    #[error("images {}..{} were given, the next block is {next:?}", .given.start, .given.end)]
    BlockOrder {
        /// Images given.
        given: Range<usize>,
        /// Images expected, if any are missing.
        next: Option<Range<usize>>,
    },
    /// NaN or infinity.
    #[error("`{array}` holds {value} for image {image} at step {step}")]
    NotFinite {
        /// The array.
        array: String,
        /// The image.
        image: usize,
        /// The step.
        step: usize,
        /// The first such value.
        value: f32,
    },
    /// The writer was finished too early.
    #[error("images {}..{} have not been written yet", .missing.start, .missing.end)]
    Unfinished {
        /// The first missing images.
        missing: Range<usize>,
    },
    /// Parts of a store that nobody has written.
    #[error("`{}` lacks images {} of {n_images}", .path.display(), runs(.missing))]
    PartsMissing {
        /// The store.
        path: PathBuf,
        /// The images, in runs of neighbours.
        missing: Vec<Range<usize>>,
        /// All images.
        n_images: usize,
    },
    /// An area that was not recorded.
    #[error("no area `{area}` in `{}`", .path.display())]
    Area {
        /// The name asked for.
        area: String,
        /// The store.
        path: PathBuf,
        /// The areas there are.
        known: Vec<String>,
    },
    /// The area and the outputs share no step.
    #[error("`{area}` holds steps {area_steps:?}, the outputs steps {output_steps:?}: none in common")]
    NoStep {
        /// The area.
        area: String,
        /// Its steps, moved by the delay with which the readout reads them.
        area_steps: Vec<usize>,
        /// Steps of the outputs.
        output_steps: Vec<usize>,
    },
    /// Images beyond the last one.
    #[error("images {}..{} asked for, there are {n_images}", .images.start, .images.end)]
    Range {
        /// What was asked for.
        images: Range<usize>,
        /// How many there are.
        n_images: usize,
    },
    /// The memory allowed does not hold the least that must be held at once.
    #[error("{} of memory are allowed, at least {} are needed", Bytes(*.budget), Bytes(*.needed))]
    Memory {
        /// Bytes allowed.
        budget: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// A file to import lacks an array.
    #[error("`{}` has no array `{key}`", .path.display())]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// The array asked for.
        key: String,
        /// The arrays there are.
        known: Vec<String>,
    },
    /// An array to import has another shape than the others ask for.
    #[error("`{}`, `{key}` has shape {found:?}, expected {expected}", .path.display())]
    ImportShape {
        /// The file.
        path: PathBuf,
        /// The array.
        key: String,
        /// Its shape.
        found: Vec<usize>,
        /// What would fit, in words and numbers.
        expected: String,
    },
    /// An array to import does not hold what it should.
    #[error("`{}`, `{key}`: {reason}", .path.display())]
    ImportArray {
        /// The file.
        path: PathBuf,
        /// The array.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// An array in memory is not what it is said to be.
    #[error("`{array}` {reason}")]
    InMemory {
        /// The area, or the outputs.
        array: String,
        /// What is wrong.
        reason: String,
    },
    /// A manifest that says something impossible.
    #[error("manifest `{}`: {reason}", .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Somebody asked to stop.
    #[error("stopped on request")]
    Stopped,
}

impl Error {
    /// `source` met while trying to `action` the file at `path`; a full disk by its own name.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { action, path, source },
        }
    }

    pub(crate) fn plan(reason: impl Into<String>) -> Self {
        Self::Plan { reason: reason.into() }
    }
}

impl Diagnose for Error {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::DiskFull { .. } => "free some space and run the same command again: it continues here",
            Self::NoSpace { .. } => "choose another disk, fewer taps or fewer images",
            Self::Locked { .. } => "wait for it, or choose another name",
            Self::NotAStore { .. } => {
                "a store is a folder written by `redyn unroll` or `redyn import`; \
                 `redyn analyze` also reads a published .npz, or a manifest (.json), as it lies"
            }
            Self::PartsMissing { .. } => {
                "run the shards that were not finished again: each goes on where it was"
            }
            Self::NewerVersion { .. } => "update redyn",
            Self::Incomplete { .. } => {
                "run the command that wrote it again: it continues; or ask for the images that are there"
            }
            Self::MissingChunk { .. } => {
                "run the command that wrote the store again: it computes the missing block only"
            }
            Self::DamagedChunk { .. } => {
                "delete this file and run the command that wrote the store again: \
                 it computes the missing block only"
            }
            Self::Differs { .. } => "choose another name for this run, or delete the store",
            Self::NotFinite { .. } => "look at weights and images: nothing after this value can be trusted",
            Self::Memory { .. } => "allow more memory",
            Self::Area { area, known, .. } => {
                return Some(choices(area, known, "areas"));
            }
            Self::MissingKey { key, known, .. } => {
                return Some(choices(key, known, "arrays"));
            }
            Self::Stopped => "run the same command again: it continues",
            Self::Io { source, .. } => return Some(file_hint(source)),
            Self::Metadata { .. } => {
                "the file was damaged or edited: restore it from a copy, or delete the store and write it again"
            }
            Self::ImportShape { .. } => "check `axes` and the arrays against each other",
            Self::ImportArray { .. } => "check how this array was written",
            Self::InMemory { .. } => "check how this array was made",
            Self::Manifest { .. } => "`redyn import --help` shows what a manifest holds",
            Self::Plan { .. }
            | Self::BlockShape { .. }
            | Self::BlockOrder { .. }
            | Self::Unfinished { .. }
            | Self::NoStep { .. }
            | Self::Range { .. } => return None,
        };
        Some(hint.into())
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Io { source, .. } => file_fault(source),
            Self::DiskFull { .. }
            | Self::MissingChunk { .. }
            | Self::DamagedChunk { .. }
            | Self::Metadata { .. }
            | Self::BlockShape { .. }
            | Self::BlockOrder { .. }
            | Self::NotFinite { .. }
            | Self::Unfinished { .. }
            | Self::PartsMissing { .. }
            | Self::Range { .. } => Fault::Failure,
            Self::Stopped => Fault::Stopped,
            _ => Fault::User,
        }
    }
}

/// `0..4, 8..12`
fn runs(missing: &[Range<usize>]) -> String {
    missing.iter().map(|run| format!("{}..{}", run.start, run.end)).collect::<Vec<_>>().join(", ")
}

fn choices(name: &str, known: &[String], what: &str) -> String {
    let all = format!("{what}: {}", known.join(", "));
    match nearest(name, known.iter().map(String::as_str)) {
        Some(other) => format!("did you mean `{other}`? {all}"),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_area_is_answered_with_the_nearest() {
        let error =
            Error::Area { area: "itt".into(), path: "a.zarr".into(), known: vec!["v1".into(), "it".into()] };
        assert_eq!(error.to_string(), "no area `itt` in `a.zarr`");
        assert_eq!(error.hint().unwrap(), "did you mean `it`? areas: v1, it");
    }

    #[test]
    fn a_full_disk_has_its_own_name() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(Error::io("write", Path::new("x"), full), Error::DiskFull { .. }));
    }
}
