//! Checkpoints as others write them: which tensors a file holds, read when they are asked for.
//!
//! | format | file |
//! |---|---|
//! | PyTorch, since 1.6 | a zip archive of a pickle and storages |
//! | PyTorch, before | pickles, then storages |
//! | safetensors | a header of JSON, then values |
//! | TensorFlow | `.index`, a sorted table, beside `.data-00000-of-00001` |
//! | Keras | HDF5 |
//!
//! Opening reads names, shapes and places. No code in a file is ever run.

mod bundle;
mod keras;
mod number;
mod pickle;
mod safetensors;
mod span;
mod table;
mod torch;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hdf5_reader::Dataset;
use redyn_network::Tensor;

pub use self::number::Dtype;
use self::span::Span;
use crate::ZooError;

/// How a file holds its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PyTorch's zip archives.
    Torch,
    /// PyTorch's files from before version 1.6.
    TorchLegacy,
    /// Safetensors.
    Safetensors,
    /// HDF5, as Keras 1 and 2 write it.
    Keras,
    /// TensorFlow's index and shards.
    Bundle,
}

impl Format {
    /// The format of a file, told from its content; none if it is no checkpoint of any.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(path: &Path) -> Result<Option<Self>, ZooError> {
        if bundle::index_of(path).is_some() {
            return Ok(Some(Self::Bundle));
        }
        let failed = |source| ZooError::File { path: path.to_owned(), source };
        let mut first = Vec::new();
        File::open(path).map_err(failed)?.take(9).read_to_end(&mut first).map_err(failed)?;
        Ok(match &first[..] {
            // First of all, as the length of its header, below 4 GiB, may begin as a pickle does.
            [_, _, _, _, 0, 0, 0, 0, b'{'] => Some(Self::Safetensors),
            [b'P', b'K', ..] => torch::is_archive(path).then_some(Self::Torch),
            [0x89, b'H', b'D', b'F', ..] => Some(Self::Keras),
            [0x80, ..] => Some(Self::TorchLegacy),
            _ => None,
        })
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Torch => "PyTorch",
            Self::TorchLegacy => "PyTorch before 1.6",
            Self::Safetensors => "safetensors",
            Self::Keras => "Keras",
            Self::Bundle => "TensorFlow",
        }
    }
}

/// The tensors of a file.
#[derive(Debug)]
pub struct Checkpoint {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// By the names in the file.
    pub tensors: BTreeMap<String, Stored>,
    /// What the file says of itself.
    pub notes: BTreeMap<String, String>,
    /// Where in the file the tensors were, if not at its top: `state_dict`.
    pub within: Option<String>,
}

/// A tensor in a file.
#[derive(Clone)]
pub struct Stored {
    /// Shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// Kind of its values.
    pub dtype: Dtype,
    place: Place,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {}", self.shape, self.dtype)
    }
}

/// Where a tensor's values are.
#[derive(Clone)]
enum Place {
    Span(Span),
    Hdf5(Box<Dataset>),
}

/// What an open file turned out to hold.
#[derive(Default)]
struct Found {
    tensors: BTreeMap<String, Stored>,
    notes: BTreeMap<String, String>,
    within: Option<String>,
}

impl Checkpoint {
    /// Read the names, shapes and places of all tensors in a file.
    ///
    /// # Errors
    /// A file that cannot be read, is no checkpoint, is truncated or of a newer format than
    /// is known here; a pickle that imports anything but what tensors need.
    pub fn open(path: &Path) -> Result<Self, ZooError> {
        let format = Format::of(path)?.ok_or_else(|| ZooError::Format {
            path: path.to_owned(),
            why: "not a whole safetensors file, nor weights of PyTorch, Keras or TensorFlow".into(),
        })?;
        let found = match format {
            Format::Torch => torch::open_archive(path),
            Format::TorchLegacy => torch::open_legacy(path),
            Format::Safetensors => safetensors::open(path),
            Format::Keras => keras::open(path),
            Format::Bundle => bundle::open(&bundle::index_of(path).expect("told by its index")),
        };
        let Found { tensors, notes, within } = found.map_err(|fault| fault.of(path))?;
        Ok(Self { path: path.to_owned(), format, tensors, notes, within })
    }

    /// The values of a tensor, in row-major order.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged; values that are whole numbers.
    ///
    /// # Panics
    /// A name that the file does not have.
    pub fn read(&self, name: &str) -> Result<Tensor, ZooError> {
        let stored = &self.tensors[name];
        let values = match &stored.place {
            Place::Span(span) => span.read(&stored.shape, stored.dtype),
            Place::Hdf5(dataset) => keras::read(dataset, stored.dtype),
        };
        let data = values.map_err(|fault| fault.in_tensor(name).of(&self.path))?;
        Ok(Tensor { shape: stored.shape.clone(), data })
    }
}

/// What is wrong with a file whose path is known elsewhere.
#[derive(Debug)]
enum Fault {
    /// It ends too early.
    Truncated(String),
    /// A pickle imports what no tensor needs.
    Import(String),
    /// It was written by a version that this one does not know.
    Newer {
        what: &'static str,
        found: u64,
        reads: u64,
    },
    /// Anything else.
    Malformed(String),
    File(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated("it ends too early".into()),
            _ => Self::File(error),
        }
    }
}

impl Fault {
    fn of(self, path: &Path) -> ZooError {
        let path = path.to_owned();
        match self {
            Self::Truncated(place) => ZooError::Truncated { path, place },
            Self::Import(import) => ZooError::Import { path, import },
            Self::Newer { what, found, reads } => ZooError::Newer { path, what, found, reads },
            Self::Malformed(why) => ZooError::Format { path, why },
            Self::File(source) => ZooError::File { path, source },
        }
    }

    /// The same fault, met while reading a tensor.
    fn in_tensor(self, name: &str) -> Self {
        match self {
            Self::Truncated(place) => Self::Truncated(format!("`{name}`: {place}")),
            Self::Malformed(why) => Self::Malformed(format!("`{name}` {why}")),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_whose_length_looks_like_a_pickle_is_safetensors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        let told = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Format::of(&path).unwrap()
        };
        assert_eq!(told(b"\x80\x02\0\0\0\0\0\0{\"a\":{}}"), Some(Format::Safetensors));
        assert_eq!(told(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j"), Some(Format::TorchLegacy));
        assert_eq!(told(b"a poem, of some length"), None);
    }
}
