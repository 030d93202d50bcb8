//! A data set to one HDF5 file in MiniEcoset's layout.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use redyn_core::Stop;
use serde::Serialize;

use crate::hdf5_file::{Array, Groups, Kind, headers};
use crate::{DataSet, StimuliError};

/// What [`pack`] wrote.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Packed {
    /// The file.
    pub path: PathBuf,
    /// Names of the splits and their numbers of images.
    pub splits: Vec<(String, usize)>,
    /// Size of the file.
    pub bytes: u64,
}

/// Images held in memory at a time.
const BLOCK: usize = 256;

/// Write a data set, at its image size, as one contiguous HDF5 file in MiniEcoset's
/// layout, with its hierarchy table as `OUT.hierarchy.tsv` beside it.
///
/// Images pass through in blocks of 256, so a set of any size needs little memory.
/// The file appears under its name only when it is complete.
///
/// # Errors
/// Something exists at `out`, an image cannot be read, the disk refuses, or `stop`
/// was requested; nothing is left behind then.
pub fn pack(set: &DataSet, out: &Path, stop: &Stop) -> Result<Packed, StimuliError> {
    if out.exists() {
        return Err(StimuliError::Exists { path: out.to_owned() });
    }
    let mut part = out.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = write(set, &part, stop)
        .and_then(|packed| std::fs::rename(&part, out).map(|()| packed).map_err(refused(out)));
    match written {
        Ok((bytes, splits)) => {
            if let Some(hierarchy) = &set.hierarchy {
                let mut table = out.as_os_str().to_owned();
                table.push(".hierarchy.tsv");
                let table = PathBuf::from(table);
                std::fs::write(&table, hierarchy.to_tsv(&set.classes)).map_err(refused(&table))?;
            }
            Ok(Packed { path: out.to_owned(), splits, bytes })
        }
        Err(error) => {
            // Whatever keeps the fragment from being removed, the first error is the one to report.
            let _ = std::fs::remove_file(&part);
            Err(error)
        }
    }
}

fn refused(path: &Path) -> impl FnOnce(std::io::Error) -> StimuliError {
    let path = path.to_owned();
    move |source| StimuliError::Io { path, doing: "write", source }
}

/// The file's size, and name and length of each split.
type Written = (u64, Vec<(String, usize)>);

fn write(set: &DataSet, path: &Path, stop: &Stop) -> Result<Written, StimuliError> {
    let statistics = set.statistics()?;
    let text = set.classes.iter().map(String::len).max().unwrap_or(0).max(1);
    let array =
        |name: &str, kind, shape: &[usize]| Array { name: name.to_owned(), kind, shape: shape.to_vec() };
    let mut groups: Groups = Vec::new();
    let mut splits = Vec::new();
    for name in set.split_names() {
        let n = set.split(name)?.len();
        splits.push((name.to_owned(), n));
        let data = array("data", Kind::U8, &[n, set.image_size, set.image_size, 3]);
        groups.push((name.to_owned(), vec![array("labels", Kind::I64, &[n]), data]));
    }
    groups.push((
        String::new(),
        vec![
            array("categories", Kind::Text(text), &[set.classes.len()]),
            array("train_img_mean_channels", Kind::F64, &[3]),
            array("train_img_std_channels", Kind::F64, &[3]),
        ],
    ));
    let before = headers(&groups);
    let bytes =
        before.len() as u64 + groups.iter().flat_map(|(_, arrays)| arrays).map(Array::n_bytes).sum::<u64>();

    let mut file = BufWriter::new(File::create(path).map_err(refused(path))?);
    let mut put = |bytes: &[u8]| file.write_all(bytes).map_err(refused(path));
    put(&before)?;
    for (name, n) in &splits {
        let split = set.split(name)?;
        for label in split.labels() {
            put(&(label as u64).to_le_bytes())?;
        }
        let indices: Vec<usize> = (0..*n).collect();
        for block in indices.chunks(BLOCK) {
            if stop.requested() {
                return Err(StimuliError::Stopped);
            }
            for image in split.images(block)? {
                put(&image.pixels)?;
            }
        }
    }
    for class in &set.classes {
        let mut padded = class.clone().into_bytes();
        padded.resize(text, 0);
        put(&padded)?;
    }
    for value in statistics.mean.iter().chain(&statistics.std) {
        put(&value.to_le_bytes())?;
    }
    let file = file.into_inner().map_err(|error| refused(path)(error.into_error()))?;
    file.sync_all().map_err(refused(path))?;
    Ok((bytes, splits))
}
