//! HDF5 files in MiniEcoset's layout.
//!
//! `SPLIT/data` uint8 `[image, height, width, 3]`, `SPLIT/labels` integers `[image]`,
//! `categories` strings `[class]`, `train_img_mean_channels` and
//! `train_img_std_channels` numbers `[3]` on the 0-255 scale. Contiguous, chunked,
//! compressed: whatever h5py writes. Number of classes and names of splits are the
//! file's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hdf5_reader::{Dataset, Datatype, Hdf5File, SliceInfo, SliceInfoElem};

use crate::{ChannelStatistics, DataSet, Frame, Image, OpenOptions, Stimuli, StimuliError, resize};

struct Split {
    name: String,
    path: PathBuf,
    data: Dataset,
    labels: Vec<usize>,
    /// Height and width in the file.
    stored: (usize, usize),
    size: usize,
    frame: Frame,
}

impl Split {
    /// Pixels of consecutive images, as they are stored.
    fn rows(&self, first: usize, n: usize) -> Result<Vec<u8>, StimuliError> {
        let whole = || SliceInfoElem::Slice { start: 0, end: u64::MAX, step: 1 };
        let rows = SliceInfoElem::Slice { start: first as u64, end: (first + n) as u64, step: 1 };
        let selection = SliceInfo { selections: vec![rows, whole(), whole(), whole()] };
        let array = self
            .data
            .read_slice::<u8>(&selection)
            .map_err(|error| broken(&self.path, &format!("{}/data", self.name), &error))?;
        Ok(array.into_raw_vec_and_offset().0)
    }

    fn row_bytes(&self) -> usize {
        self.stored.0 * self.stored.1 * 3
    }

    fn finish(&self, pixels: &[u8]) -> Image {
        resize::to_square(Image::new(self.stored.0, self.stored.1, pixels.to_vec()), self.size, self.frame)
    }
}

/// Images hashed at a time.
const ROWS: usize = 256;

impl Stimuli for Split {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn label(&self, index: usize) -> usize {
        self.labels[index]
    }

    fn id(&self, index: usize) -> String {
        format!("{}/{index}", self.name)
    }

    fn image(&self, index: usize) -> Result<Image, StimuliError> {
        Ok(self.finish(&self.rows(index, 1)?))
    }

    /// Runs of consecutive images are read at once.
    fn images(&self, indices: &[usize]) -> Result<Vec<Image>, StimuliError> {
        let mut images = Vec::with_capacity(indices.len());
        for run in indices.chunk_by(|a, b| a + 1 == *b) {
            let pixels = self.rows(run[0], run.len())?;
            images.extend(pixels.chunks_exact(self.row_bytes()).map(|row| self.finish(row)));
        }
        Ok(images)
    }

    fn content(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
        for first in (0..self.len()).step_by(ROWS) {
            let n = ROWS.min(self.len() - first);
            let pixels = self.rows(first, n)?;
            for (index, row) in (first..).zip(pixels.chunks_exact(self.row_bytes())) {
                take(self.id(index).as_bytes());
                take(&[0]);
                take(&(self.label(index) as u64).to_le_bytes());
                take(&(row.len() as u64).to_le_bytes());
                take(row);
            }
        }
        Ok(())
    }
}

/// Open a file in MiniEcoset's layout.
pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<DataSet, StimuliError> {
    let file = Hdf5File::open(path).map_err(|error| broken(path, "", &error))?;
    let (groups, datasets) =
        file.root_group().and_then(|root| root.member_names()).map_err(|error| broken(path, "/", &error))?;
    let here: Vec<String> = groups.iter().chain(&datasets).cloned().collect();
    for key in ["categories", "train_img_mean_channels", "train_img_std_channels"] {
        if !datasets.iter().any(|name| name == key) {
            return Err(StimuliError::MissingKey { path: path.to_owned(), key: key.into(), found: here });
        }
    }
    if groups.is_empty() {
        return Err(StimuliError::MissingKey {
            path: path.to_owned(),
            key: "train/data".into(),
            found: here,
        });
    }
    let classes = strings(path, &file, "categories")?;
    let statistics = ChannelStatistics {
        mean: three(path, &file, "train_img_mean_channels")?,
        std: three(path, &file, "train_img_std_channels")?,
    };
    statistics
        .check(&format!("{} at `train_img_mean_channels` and `train_img_std_channels`", path.display()))?;
    let mut splits =
        groups.iter().map(|name| split(path, &file, name, classes.len())).collect::<Result<Vec<_>, _>>()?;
    let size = resize::common_size(
        options.image_size,
        &path.display().to_string(),
        splits.iter().map(|split| split.stored),
    )?;
    for split in &mut splits {
        split.size = size;
        split.frame = options.frame;
    }
    let splits: BTreeMap<String, Arc<dyn Stimuli>> =
        splits.into_iter().map(|split| (split.name.clone(), Arc::new(split) as _)).collect();
    Ok(DataSet::new(crate::open::short_name(path), classes, size, splits, Some(statistics)))
}

fn split(path: &Path, file: &Hdf5File, name: &str, n_classes: usize) -> Result<Split, StimuliError> {
    let data_key = format!("{name}/data");
    let labels_key = format!("{name}/labels");
    let data = dataset(path, file, name, "data")?;
    if !matches!(data.dtype(), Datatype::FixedPoint { size: 1, signed: false, .. }) {
        return Err(wrong_kind(path, &data_key, &data, "uint8"));
    }
    let shape = shape_of(&data);
    let &[n, height, width, 3] = &shape[..] else {
        return Err(wrong_shape(path, &data_key, &data, "[image, height, width, 3]"));
    };
    if n == 0 || height == 0 || width == 0 {
        return Err(StimuliError::NoImages { place: format!("{} at `{data_key}`", path.display()) });
    }
    let stored_labels = dataset(path, file, name, "labels")?;
    let values = integers(path, &labels_key, &stored_labels)?;
    if shape_of(&stored_labels) != [n] {
        return Err(wrong_shape(path, &labels_key, &stored_labels, &format!("[{n}]")));
    }
    let labels = checked_labels(&values, n_classes, path, &labels_key)?;
    Ok(Split {
        name: name.to_owned(),
        path: path.to_owned(),
        data,
        labels,
        stored: (height, width),
        size: 0,
        frame: Frame::Fill,
    })
}

/// Labels as class numbers, each within the classes.
pub(crate) fn checked_labels(
    values: &[i128],
    n_classes: usize,
    path: &Path,
    key: &str,
) -> Result<Vec<usize>, StimuliError> {
    values
        .iter()
        .enumerate()
        .map(|(index, &label)| {
            usize::try_from(label).ok().filter(|&label| label < n_classes).ok_or_else(|| {
                StimuliError::Label { path: path.to_owned(), key: key.to_owned(), index, label, n_classes }
            })
        })
        .collect()
}

fn dataset(path: &Path, file: &Hdf5File, group: &str, name: &str) -> Result<Dataset, StimuliError> {
    let members = file
        .group(group)
        .and_then(|group| group.member_names())
        .map_err(|error| broken(path, group, &error))?
        .1;
    if !members.iter().any(|member| member == name) {
        let found = if members.is_empty() {
            vec![format!("an empty group `{group}`")]
        } else {
            members.iter().map(|member| format!("{group}/{member}")).collect()
        };
        return Err(StimuliError::MissingKey {
            path: path.to_owned(),
            key: format!("{group}/{name}"),
            found,
        });
    }
    file.dataset(&format!("{group}/{name}")).map_err(|error| broken(path, &format!("{group}/{name}"), &error))
}

fn strings(path: &Path, file: &Hdf5File, key: &str) -> Result<Vec<String>, StimuliError> {
    let data = file.dataset(key).map_err(|error| broken(path, key, &error))?;
    if shape_of(&data).len() != 1 {
        return Err(wrong_shape(path, key, &data, "[class]"));
    }
    let is_text = matches!(data.dtype(), Datatype::String { .. } | Datatype::VarLen { .. });
    if !is_text {
        return Err(wrong_kind(path, key, &data, "string"));
    }
    data.read_strings().map_err(|error| broken(path, key, &error))
}

/// Three numbers of any width.
fn three(path: &Path, file: &Hdf5File, key: &str) -> Result<[f64; 3], StimuliError> {
    let data = file.dataset(key).map_err(|error| broken(path, key, &error))?;
    let values: Vec<f64> = match data.dtype() {
        Datatype::FloatingPoint { size: 8, .. } => {
            data.read_array::<f64>().map(|array| array.iter().copied().collect())
        }
        Datatype::FloatingPoint { size: 4, .. } => {
            data.read_array::<f32>().map(|array| array.iter().map(|&value| f64::from(value)).collect())
        }
        Datatype::FixedPoint { .. } => {
            return integers(path, key, &data)?
                .iter()
                .map(|&value| value as f64)
                .collect::<Vec<_>>()
                .try_into()
                .map_err(|_| wrong_shape(path, key, &data, "[3]"));
        }
        _ => return Err(wrong_kind(path, key, &data, "float32 or float64")),
    }
    .map_err(|error| broken(path, key, &error))?;
    values.try_into().map_err(|_| wrong_shape(path, key, &data, "[3]"))
}

/// Integers of any width and sign.
fn integers(path: &Path, key: &str, data: &Dataset) -> Result<Vec<i128>, StimuliError> {
    macro_rules! read {
        ($kind:ty) => {
            data.read_array::<$kind>().map(|array| array.iter().map(|&value| i128::from(value)).collect())
        };
    }
    match data.dtype() {
        Datatype::FixedPoint { size: 1, signed: true, .. } => read!(i8),
        Datatype::FixedPoint { size: 2, signed: true, .. } => read!(i16),
        Datatype::FixedPoint { size: 4, signed: true, .. } => read!(i32),
        Datatype::FixedPoint { size: 8, signed: true, .. } => read!(i64),
        Datatype::FixedPoint { size: 1, signed: false, .. } => read!(u8),
        Datatype::FixedPoint { size: 2, signed: false, .. } => read!(u16),
        Datatype::FixedPoint { size: 4, signed: false, .. } => read!(u32),
        Datatype::FixedPoint { size: 8, signed: false, .. } => read!(u64),
        _ => return Err(wrong_kind(path, key, data, "integer")),
    }
    .map_err(|error| broken(path, key, &error))
}

fn shape_of(data: &Dataset) -> Vec<usize> {
    data.shape().iter().map(|&length| usize::try_from(length).unwrap_or(usize::MAX)).collect()
}

fn wrong_shape(path: &Path, key: &str, data: &Dataset, expected: &str) -> StimuliError {
    StimuliError::Shape {
        path: path.to_owned(),
        key: key.to_owned(),
        found: shape_of(data),
        expected: expected.to_owned(),
    }
}

fn wrong_kind(path: &Path, key: &str, data: &Dataset, expected: &'static str) -> StimuliError {
    let found = match data.dtype() {
        Datatype::FixedPoint { size, signed, .. } => {
            format!("{}int{}", if *signed { "" } else { "u" }, 8 * size)
        }
        Datatype::FloatingPoint { size, .. } => format!("float{}", 8 * u16::from(*size)),
        Datatype::String { .. } | Datatype::VarLen { .. } => "string".into(),
        Datatype::Compound { .. } => "compound".into(),
        Datatype::Enum { .. } => "enumeration".into(),
        _ => "other".into(),
    };
    StimuliError::ValueKind { path: path.to_owned(), key: key.to_owned(), found, expected }
}

fn broken(path: &Path, key: &str, error: &hdf5_reader::error::Error) -> StimuliError {
    StimuliError::Hdf5 { path: path.to_owned(), key: key.to_owned(), reason: error.to_string() }
}
