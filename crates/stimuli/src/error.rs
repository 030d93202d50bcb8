//! Everything that can be wrong with images on their way to a network.

use std::path::{Path, PathBuf};

use redyn_core::{Diagnose, Fault, HierarchyError, file_fault, file_hint};

/// Why stimuli cannot be read, made or written.
#[derive(Debug, thiserror::Error)]
pub enum StimuliError {
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried: `open`, `read`, `write`.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or folder in none of the layouts we read.
    #[error("{} is not a data set: {found}", path.display())]
    NotADataSet {
        /// File or folder.
        path: PathBuf,
        /// What was found instead.
        found: String,
    },
    /// A split that the data set does not have.
    #[error("{data} has no split `{name}`, only {}", available.join(", "))]
    NoSplit {
        /// The data set.
        data: String,
        /// The name asked for.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
        /// All names.
        available: Vec<String>,
    },
    /// A class that the data set does not have.
    #[error("{data} has no class `{name}`")]
    NoClass {
        /// The data set, or the split's folder.
        data: String,
        /// The name asked for.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// A class folder without a single image.
    #[error("class `{class}` has no image in {}", path.display())]
    EmptyClass {
        /// The class.
        class: String,
        /// Its folder.
        path: PathBuf,
    },
    /// Nothing to work on.
    #[error("no image in {place}")]
    NoImages {
        /// Where images were expected.
        place: String,
    },
    /// A file that looks like an image and does not decode.
    #[error("image {} does not decode: {reason}", path.display())]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// An HDF5 file that cannot be read at all, or breaks while reading.
    #[error("{} cannot be read as HDF5{}: {reason}", path.display(), at(key))]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// Where in the file, if anywhere.
        key: String,
        /// What the reader said.
        reason: String,
    },
    /// An HDF5 file without something that MiniEcoset's layout has.
    #[error("{} has no `{key}`, only {}", path.display(), found.join(", "))]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// What is missing.
        key: String,
        /// What is there at that level.
        found: Vec<String>,
    },
    /// Numbers of a kind that cannot be meant.
    #[error("{}{}: {found} values, {expected} expected", path.display(), at(key))]
    ValueKind {
        /// The file.
        path: PathBuf,
        /// Where in the file; empty for a file that holds one array.
        key: String,
        /// Kind found.
        found: String,
        /// Kind expected.
        expected: &'static str,
    },
    /// An array of another shape than its place asks for.
    #[error("{}{}: shape {found:?}, expected {expected}", path.display(), at(key))]
    Shape {
        /// The file.
        path: PathBuf,
        /// Where in the file; empty for a file that holds one array.
        key: String,
        /// Shape found.
        found: Vec<usize>,
        /// Shape expected, with names for free axes.
        expected: String,
    },
    /// A label outside the classes.
    #[error("{}{}: label {label} of image {index} is outside 0..{n_classes}", path.display(), at(key))]
    Label {
        /// The file.
        path: PathBuf,
        /// Where in the file; empty for a file that holds one array.
        key: String,
        /// Which image.
        index: usize,
        /// Its label.
        label: i128,
        /// Number of classes.
        n_classes: usize,
    },
    /// A damaged or foreign `.npy` file.
    #[error("{} cannot be read as an array: {reason}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// Images that are not square and of one size, with no size asked for.
    #[error(
        "{place}: images differ in size or are not square ({first_height} x {first_width}, {height} x {width})"
    )]
    NoCommonSize {
        /// The data set.
        place: String,
        /// Height of the first image.
        first_height: usize,
        /// Width of the first image.
        first_width: usize,
        /// Height of an image that differs.
        height: usize,
        /// Width of an image that differs.
        width: usize,
    },
    /// An image size that cannot be meant.
    #[error("image size {size} is outside {smallest}..={largest}")]
    ImageSize {
        /// The size asked for.
        size: usize,
        /// Smallest size.
        smallest: usize,
        /// Largest size.
        largest: usize,
    },
    /// Channel statistics that cannot normalise.
    #[error("{place}: the {channel} channel has mean {mean} and standard deviation {std}")]
    Statistics {
        /// Where they come from.
        place: String,
        /// The channel.
        channel: &'static str,
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        std: f64,
    },
    /// A line of a table of pictures that cannot be meant.
    #[error("{} line {line}: {why}", path.display())]
    Manifest {
        /// The table.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A table that names pictures which are not there.
    #[error(
        "{} names {missing} of {of} images that are not in {}: {}{}",
        table.display(), place(root), first.join(", "), if first.len() < *missing { ", ..." } else { "" }
    )]
    MissingImages {
        /// The table.
        table: PathBuf,
        /// Where they were looked for.
        root: PathBuf,
        /// How many are missing.
        missing: usize,
        /// How many the table names.
        of: usize,
        /// The first of them.
        first: Vec<String>,
    },
    /// An option that the generator does not know.
    #[error("built-in stimuli have no option `{name}`")]
    UnknownOption {
        /// The name given.
        name: String,
        /// The most similar option.
        nearest: Option<&'static str>,
    },
    /// An option with a value that cannot be used.
    #[error("built-in stimuli: `{option}={value}`, expected {expected}")]
    OptionValue {
        /// The option.
        option: String,
        /// Its value.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// A hierarchy table that does not fit the data.
    #[error("{}: {source}", path.display())]
    Hierarchy {
        /// The table.
        path: PathBuf,
        /// What is wrong with it.
        source: HierarchyError,
    },
    /// An image number outside its split.
    #[error("image {index} of a split of {len}")]
    Index {
        /// The number.
        index: usize,
        /// Number of images.
        len: usize,
    },
    /// An option of the loader that cannot be meant.
    #[error("a loader with {what}")]
    Loader {
        /// What was asked for.
        what: String,
    },
    /// Something is already where a file should be written.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Somebody asked to stop.
    #[error("stopped on request")]
    Stopped,
    /// A thread that reads images ahead ended by a panic: a bug of ours.
    #[error("a thread that reads images ended unexpectedly")]
    ReaderLost,
}

fn place(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { ".".into() } else { folder.display().to_string() }
}

fn at(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" at `{key}`") }
}

impl Diagnose for StimuliError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSplit { nearest: Some(other), .. } | Self::NoClass { nearest: Some(other), .. } => {
                format!("did you mean `{other}`?")
            }
            Self::Io { source, .. } => file_hint(source),
            Self::NoSplit { nearest: None, .. } => "choose one of them with `--split`".into(),
            Self::NoClass { nearest: None, .. } => "`redyn data show` lists the classes".into(),
            Self::NotADataSet { .. } => {
                "give a folder SPLIT/CLASS/*.jpg, an HDF5 file in MiniEcoset's layout, a folder with images.npy and labels.npy, or `builtin`".into()
            }
            Self::Manifest { .. } => "a line a picture: WordNet_ID,filename".into(),
            Self::MissingImages { table, .. } => format!(
                "name the folder they are in, flat or in folders of WordNet ids: `--data {}:FOLDER`",
                table.display()
            ),
            Self::EmptyClass { .. } => "put images into the folder, or remove it".into(),
            Self::Undecodable { .. } => "repair or remove the file, or leave such images out with `--skip-bad`".into(),
            Self::MissingKey { .. } => {
                "MiniEcoset's layout: SPLIT/data, SPLIT/labels, categories, train_img_mean_channels, train_img_std_channels".into()
            }
            Self::ValueKind { .. } => "convert the array before storing it".into(),
            Self::NoCommonSize { .. } => "say which size to bring them to: `--image-size 64`".into(),
            Self::Label { n_classes, .. } => format!("labels count from 0 to {}", n_classes.saturating_sub(1)),
            Self::UnknownOption { nearest: Some(other), .. } => format!("did you mean `{other}`?"),
            Self::UnknownOption { .. } | Self::OptionValue { .. } => {
                format!("options: {}", crate::generated::OPTIONS.join(", "))
            }
            Self::Hierarchy { source, .. } => return source.hint(),
            Self::NoImages { .. } => "every split needs at least one image".into(),
            Self::Shape { expected, .. } => format!("bring the array to {expected} before storing it"),
            Self::ImageSize { smallest, largest, .. } => format!("choose a size from {smallest} to {largest}"),
            Self::Statistics { .. } => {
                "each channel needs a finite mean and a standard deviation above zero: recompute them from the images".into()
            }
            Self::Exists { .. } => "choose another name, or remove the file first".into(),
            Self::Hdf5 { .. } | Self::Array { .. } => "the file may be truncated: compare its size with the original's".into(),
            Self::Stopped => "run the same command again: nothing was left half done".into(),
            Self::Index { .. } | Self::Loader { .. } | Self::ReaderLost => return None,
        })
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Stopped => Fault::Stopped,
            Self::ReaderLost => Fault::Failure,
            Self::Io { source, .. } => file_fault(source),
            _ => Fault::User,
        }
    }
}
