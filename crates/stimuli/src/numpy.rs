//! Arrays: a folder with `images.npy` and `labels.npy`, or one such folder per split.
//!
//! `images.npy` is uint8 `[image, height, width, 3]` in C order, `labels.npy` integers
//! `[image]` of any width. `classes.txt` at the top, one name a line, gives the class
//! names; without it they are the numbers up to the largest label.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use npyz::{DType, NpyHeader, Order, TypeChar};

use crate::miniecoset::checked_labels;
use crate::{DataSet, Frame, Image, OpenOptions, Stimuli, StimuliError, resize};

/// More classes than this are not believed without a `classes.txt`.
const MOST_CLASSES: usize = 1 << 20;

struct Split {
    name: String,
    path: PathBuf,
    /// Read by seeking, one reader at a time: rows are small and the file is cached.
    file: Mutex<File>,
    /// Where the first pixel lies.
    start: u64,
    labels: Vec<usize>,
    stored: (usize, usize),
    size: usize,
    frame: Frame,
}

impl Split {
    fn pixels(&self, index: usize) -> Result<Vec<u8>, StimuliError> {
        let mut pixels = vec![0; self.stored.0 * self.stored.1 * 3];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.start + (index * pixels.len()) as u64))
            .and_then(|_| file.read_exact(&mut pixels))
            .map_err(|source| StimuliError::Io { path: self.path.clone(), doing: "read", source })?;
        Ok(pixels)
    }
}

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
        Ok(resize::to_square(
            Image::new(self.stored.0, self.stored.1, self.pixels(index)?),
            self.size,
            self.frame,
        ))
    }

    fn content(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
        for index in 0..self.len() {
            let pixels = self.pixels(index)?;
            take(self.id(index).as_bytes());
            take(&[0]);
            take(&(self.label(index) as u64).to_le_bytes());
            take(&(pixels.len() as u64).to_le_bytes());
            take(&pixels);
        }
        Ok(())
    }
}

/// Whether a folder holds arrays rather than image files.
pub(crate) fn is_array_folder(root: &Path) -> bool {
    !split_folders(root).is_empty()
}

/// The name and place of each split: `all` for a folder that has its arrays at the top.
fn split_folders(root: &Path) -> BTreeMap<String, PathBuf> {
    if root.join("images.npy").is_file() {
        return BTreeMap::from([("all".to_owned(), root.to_owned())]);
    }
    let Ok(entries) = std::fs::read_dir(root) else { return BTreeMap::new() };
    entries
        .flatten()
        .filter(|entry| entry.path().join("images.npy").is_file())
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect()
}

/// Open a folder of arrays.
pub(crate) fn open(root: &Path, options: &OpenOptions) -> Result<DataSet, StimuliError> {
    let mut parts = Vec::new();
    for (name, folder) in split_folders(root) {
        parts.push((name, images(&folder.join("images.npy"))?, folder.join("labels.npy")));
    }
    let labels = parts.iter().map(|(_, _, path)| read_labels(path)).collect::<Result<Vec<_>, _>>()?;
    let classes = class_names(&root.join("classes.txt"))?.unwrap_or_else(|| {
        let largest = labels.iter().flatten().copied().max().unwrap_or(0);
        // A label beyond any plausible class is left to the range check below.
        let n_classes = usize::try_from(largest + 1).unwrap_or(0).min(MOST_CLASSES);
        (0..n_classes).map(|class| class.to_string()).collect()
    });
    let size = resize::common_size(
        options.image_size,
        &root.display().to_string(),
        parts.iter().map(|(_, images, _)| images.stored),
    )?;
    let mut splits: BTreeMap<String, Arc<dyn Stimuli>> = BTreeMap::new();
    for ((name, images, labels_path), labels) in parts.into_iter().zip(labels) {
        if labels.len() != images.n {
            return Err(StimuliError::Shape {
                path: labels_path,
                key: String::new(),
                found: vec![labels.len()],
                expected: format!("[{}]", images.n),
            });
        }
        let labels = checked_labels(&labels, classes.len(), &labels_path, "")?;
        let Images { path, file, start, stored, .. } = images;
        let split = Split {
            name: name.clone(),
            path,
            file: Mutex::new(file),
            start,
            labels,
            stored,
            size,
            frame: options.frame,
        };
        splits.insert(name, Arc::new(split));
    }
    Ok(DataSet::new(crate::open::short_name(root), classes, size, splits, None))
}

struct Images {
    path: PathBuf,
    file: File,
    start: u64,
    n: usize,
    stored: (usize, usize),
}

fn images(path: &Path) -> Result<Images, StimuliError> {
    let mut file = opened(path)?;
    let header = NpyHeader::from_reader(&mut file).map_err(|error| damaged(path, &error))?;
    if kind(&header) != Some((TypeChar::Uint, 1)) {
        return Err(wrong_kind(path, &header, "uint8"));
    }
    let shape: Vec<usize> = header.shape().iter().map(|&n| n as usize).collect();
    let &[n, height, width, 3] = &shape[..] else {
        return Err(StimuliError::Shape {
            path: path.to_owned(),
            key: String::new(),
            found: shape,
            expected: "[image, height, width, 3]".into(),
        });
    };
    if header.order() == Order::Fortran {
        return Err(StimuliError::Array {
            path: path.to_owned(),
            reason: "it is in Fortran order; store `np.ascontiguousarray(images)`".into(),
        });
    }
    if n == 0 || height == 0 || width == 0 {
        return Err(StimuliError::NoImages { place: path.display().to_string() });
    }
    let failed = |source| StimuliError::Io { path: path.to_owned(), doing: "read", source };
    let start = file.stream_position().map_err(failed)?;
    let needed = start + (n * height * width * 3) as u64;
    let length = file.metadata().map_err(failed)?.len();
    if length < needed {
        return Err(StimuliError::Array {
            path: path.to_owned(),
            reason: format!("it is truncated: {length} bytes, its header promises {needed}"),
        });
    }
    Ok(Images { path: path.to_owned(), file, start, n, stored: (height, width) })
}

fn read_labels(path: &Path) -> Result<Vec<i128>, StimuliError> {
    let file = npyz::NpyFile::new(BufReader::new(opened(path)?)).map_err(|error| damaged(path, &error))?;
    if file.shape().len() != 1 {
        return Err(StimuliError::Shape {
            path: path.to_owned(),
            key: String::new(),
            found: file.shape().iter().map(|&n| n as usize).collect(),
            expected: "[image]".into(),
        });
    }
    macro_rules! read {
        ($kind:ty) => {
            file.into_vec::<$kind>().map(|values| values.into_iter().map(i128::from).collect())
        };
    }
    match kind(file.header()) {
        Some((TypeChar::Int, 1)) => read!(i8),
        Some((TypeChar::Int, 2)) => read!(i16),
        Some((TypeChar::Int, 4)) => read!(i32),
        Some((TypeChar::Int, 8)) => read!(i64),
        Some((TypeChar::Uint, 1)) => read!(u8),
        Some((TypeChar::Uint, 2)) => read!(u16),
        Some((TypeChar::Uint, 4)) => read!(u32),
        Some((TypeChar::Uint, 8)) => read!(u64),
        _ => return Err(wrong_kind(path, file.header(), "integer")),
    }
    .map_err(|error| damaged(path, &error))
}

fn class_names(path: &Path) -> Result<Option<Vec<String>>, StimuliError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(
            text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect(),
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StimuliError::Io { path: path.to_owned(), doing: "read", source }),
    }
}

fn kind(header: &NpyHeader) -> Option<(TypeChar, u64)> {
    match header.dtype() {
        DType::Plain(kind) => Some((kind.type_char(), kind.size_field())),
        _ => None,
    }
}

fn wrong_kind(path: &Path, header: &NpyHeader, expected: &'static str) -> StimuliError {
    let found = header.dtype().descr().trim_matches('\'').to_owned();
    StimuliError::ValueKind { path: path.to_owned(), key: String::new(), found, expected }
}

fn opened(path: &Path) -> Result<File, StimuliError> {
    File::open(path).map_err(|source| StimuliError::Io { path: path.to_owned(), doing: "open", source })
}

fn damaged(path: &Path, error: &std::io::Error) -> StimuliError {
    StimuliError::Array { path: path.to_owned(), reason: error.to_string() }
}
