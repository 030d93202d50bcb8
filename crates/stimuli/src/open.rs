//! Opening whatever a person calls a data set.

use std::path::{Path, PathBuf};

use crate::{DataSet, Frame, StimuliError, folder, generated, manifest, miniecoset, numpy, subset, table};

/// What to do about an image that does not decode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadImages {
    /// Stop with an error that names it.
    #[default]
    Refuse,
    /// Leave it out, and say so in [`DataSet::skipped`]. Every image file is decoded
    /// once while opening, so that indices stay what they are.
    Skip,
}

/// Choices when opening a data set.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Height and width to which images are brought. Absent: the size the images have,
    /// where they agree.
    pub image_size: Option<usize>,
    /// How pictures of other sizes are brought to it.
    pub frame: Frame,
    /// What to do about images that do not decode.
    pub bad_images: BadImages,
    /// A hierarchy table; absent: `hierarchy.tsv` in a folder, or
    /// `FILE.hierarchy.tsv` beside a file, where there is one.
    pub hierarchy: Option<PathBuf>,
    /// Keep only these classes, relabelled in this order. Stated channel statistics
    /// stay those of the whole.
    pub classes: Option<Vec<String>>,
}

/// Open a data set: `builtin` (with options, `builtin:seed=7,train=2000`), an HDF5
/// file in MiniEcoset's layout, a folder `SPLIT/CLASS/*` of JPEG, PNG and WebP files,
/// a folder of arrays (`images.npy` and `labels.npy`, or one such folder per split), or a
/// table of pictures (`TABLE.csv` beside them, or `TABLE.csv:FOLDER`, of lines
/// `WordNet_ID,filename`).
///
/// ```
/// use redyn_stimuli::{OpenOptions, open};
/// let data = open("builtin:train=64", &OpenOptions { image_size: Some(32), ..OpenOptions::default() })?;
/// let train = data.split("train")?;
/// assert_eq!(train.len(), 64);
/// assert_eq!(train.image(3)?.width, 32);
/// # Ok::<(), redyn_stimuli::StimuliError>(())
/// ```
///
/// # Errors
/// See [`StimuliError`]: each names the file, the key in it, or the option at fault.
pub fn open(specification: &str, options: &OpenOptions) -> Result<DataSet, StimuliError> {
    let mut set = if is_builtin(specification) {
        generated::open(specification, options)?
    } else if let Some((table, root)) = manifest::places(specification) {
        manifest::open(&table, &root, options)?
    } else {
        let path = Path::new(specification);
        let about = std::fs::metadata(path).map_err(|source| StimuliError::Io {
            path: path.to_owned(),
            doing: "open",
            source,
        })?;
        let mut set = if about.is_file() {
            miniecoset::open(path, options)?
        } else if numpy::is_array_folder(path) {
            numpy::open(path, options)?
        } else {
            folder::open(path, options)?
        };
        if options.hierarchy.is_none()
            && let Some(beside) = table_beside(path, about.is_file())
        {
            table::attach(&mut set, &beside)?;
        }
        set
    };
    if let Some(path) = &options.hierarchy {
        table::attach(&mut set, path)?;
    }
    match &options.classes {
        Some(classes) => subset::only(set, classes),
        None => Ok(set),
    }
}

/// Whether a specification means the generated stimuli rather than a path.
pub fn is_builtin(specification: &str) -> bool {
    specification == "builtin" || specification.starts_with("builtin:")
}

fn table_beside(path: &Path, is_file: bool) -> Option<PathBuf> {
    let beside = if is_file {
        let mut name = path.as_os_str().to_owned();
        name.push(".hierarchy.tsv");
        PathBuf::from(name)
    } else {
        path.join("hierarchy.tsv")
    };
    beside.is_file().then_some(beside)
}

/// A path's last part, for titles; the whole path where it has none.
pub(crate) fn short_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
