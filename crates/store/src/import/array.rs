//! Arrays in other people's files, read some images at a time.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use hdf5_reader::{Dataset, Datatype, Hdf5File, SliceInfo, SliceInfoElem};
use ndarray::{ArrayD, Axis, IxDyn};
use npyz::npz::{NpzArchive, file_name_from_array_name};
use npyz::zip::CompressionMethod;
use npyz::{DType, NpyHeader, Order, TypeChar};
use safetensors::tensor::{Dtype, Metadata};

use super::arrays::is_zip;
use super::checksum::Checksum;
use super::number::{Endian, Kind, Number, beyond, decode};
use crate::Error;

/// Bytes that are read and turned into numbers before the next: few enough to stay in a core's cache between.
const PIECE: usize = 256 << 10;

/// All arrays of numbers in a `.npy` or `.npz` file, each under its name; the name of a `.npy`
/// file's array is the file's.
///
/// # Errors
/// A file that cannot be read, or that holds something else than numbers.
pub fn read_arrays(path: impl AsRef<Path>) -> Result<Vec<(String, ArrayD<f64>)>, Error> {
    let path = path.as_ref();
    let keys = if is_zip(path)? {
        let archive = NpzArchive::open(path).map_err(|error| broken(path, "", &error))?;
        archive.array_names().map(|name| Some(name.to_owned())).collect()
    } else {
        vec![None]
    };
    let read = |key: Option<String>| {
        let array = StoredArray::open(path, key.as_deref())?;
        Ok((array.key.clone(), array.whole()?))
    };
    keys.into_iter().map(read).collect()
}

/// An array in a `.npy`, `.npz`, `.safetensors` or HDF5 file.
pub(crate) struct StoredArray {
    path: PathBuf,
    key: String,
    shape: Vec<usize>,
    place: Place,
}

enum Place {
    /// Plain numbers within a file.
    Plain(Plain),
    /// A data set of an HDF5 file.
    Hdf5 { dataset: Box<Dataset>, kind: Kind },
}

/// Plain numbers from a byte of a file on: a file of its own, a stored member of a zip file, or
/// a compressed one that was unpacked.
struct Plain {
    file: File,
    offset: u64,
    numbers: Numbers,
    /// The checksum of the zip member, its header included, and where in the file it begins.
    checksum: Option<(Checksum, u64)>,
}

#[derive(Clone, Copy)]
struct Numbers {
    kind: Kind,
    endian: Endian,
    order: Axes,
}

/// Which axis of an array runs slowest in its file.
#[derive(Clone, Copy, PartialEq)]
enum Axes {
    FirstSlowest,
    LastSlowest,
}

impl StoredArray {
    /// Find an array; the file's kind is told from its content. `key` is not needed where
    /// the file holds one array.
    ///
    /// # Errors
    /// A file that cannot be read or is none of these kinds, an array that is not in it, or
    /// whose elements are not numbers.
    pub(crate) fn open(path: &Path, key: Option<&str>) -> Result<Self, Error> {
        let mut magic = [0; 8];
        let mut file = open_file(path)?;
        let length = file.read(&mut magic).map_err(|error| Error::io("read", path, error))?;
        match &magic[..length] {
            start if start.starts_with(b"\x93NUMPY") => Self::open_npy(path),
            start if start.starts_with(b"PK") => Self::open_npz(path, key),
            start if start.starts_with(b"\x89HDF") => Self::open_hdf5(path, key),
            _ => Self::open_safetensors(path, key),
        }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// An error about this array.
    pub(crate) fn refuse(&self, reason: impl std::fmt::Display) -> Error {
        Error::ImportArray { path: self.path.clone(), key: self.key.clone(), reason: reason.to_string() }
    }

    /// An error about the shape of this array.
    pub(crate) fn refuse_shape(&self, expected: impl Into<String>) -> Error {
        let (path, key, found) = (self.path.clone(), self.key.clone(), self.shape.clone());
        Error::ImportShape { path, key, found, expected: expected.into() }
    }

    fn open_npy(path: &Path) -> Result<Self, Error> {
        let file = open_file(path)?;
        let key = path.file_stem().unwrap_or_default().display().to_string();
        let (header, offset) = npy_header(&file, 0).map_err(|error| broken(path, &key, &error))?;
        Self::of_npy(path, key, &header, |numbers| Plain { file, offset, numbers, checksum: None })
    }

    /// A stored member of the zip file is read where it lies; a compressed one is unpacked first,
    /// into a temporary file that has no name and goes with this value.
    fn open_npz(path: &Path, key: Option<&str>) -> Result<Self, Error> {
        let mut archive = NpzArchive::open(path).map_err(|error| broken(path, "", &error))?;
        let known: Vec<String> = archive.array_names().map(str::to_owned).collect();
        let key = choose_key(path, key, &known)?;
        if !known.contains(&key) {
            return Err(missing_key(path, &key, &known));
        }
        let refused = |error: &dyn std::fmt::Display| broken(path, &key, error);
        let name = file_name_from_array_name(&key);
        let mut member = archive.zip_archive().by_name(&name).map_err(|error| refused(&error))?;
        let (file, start, checksum) = if member.compression() == CompressionMethod::Stored {
            let checksum = Checksum::new(member.crc32(), member.size());
            (open_file(path)?, member.data_start(), Some(checksum))
        } else {
            (unpacked(&mut member).map_err(|error| refused(&error))?, 0, None)
        };
        let (header, offset) = npy_header(&file, start).map_err(|error| refused(&error))?;
        let checksum = checksum.map(|checksum| (checksum, start));
        let plain = |numbers| Plain { file, offset, numbers, checksum };
        let array = Self::of_npy(path, key.clone(), &header, plain)?;
        if let Place::Plain(plain) = &array.place {
            // The checksum is over the header, too.
            plain
                .read(start, &mut vec![0; (offset - start) as usize])
                .map_err(|error| array.refuse(error))?;
        }
        Ok(array)
    }

    fn of_npy(
        path: &Path,
        key: String,
        header: &NpyHeader,
        place: impl FnOnce(Numbers) -> Plain,
    ) -> Result<Self, Error> {
        let DType::Plain(element) = header.dtype() else {
            return Err(not_numbers(path, key, &header.dtype().descr()));
        };
        let kind = match (element.type_char(), element.size_field()) {
            (TypeChar::Bool | TypeChar::Uint, 1) => Kind::U8,
            (TypeChar::Int, 1) => Kind::I8,
            (TypeChar::Uint, 2) => Kind::U16,
            (TypeChar::Int, 2) => Kind::I16,
            (TypeChar::Uint, 4) => Kind::U32,
            (TypeChar::Int, 4) => Kind::I32,
            (TypeChar::Uint, 8) => Kind::U64,
            (TypeChar::Int, 8) => Kind::I64,
            (TypeChar::Float, 2) => Kind::F16,
            (TypeChar::Float, 4) => Kind::F32,
            (TypeChar::Float, 8) => Kind::F64,
            _ => return Err(not_numbers(path, key, &element.to_string())),
        };
        let endian = match element.endianness() {
            npyz::Endianness::Big => Endian::Big,
            _ => Endian::Little,
        };
        let order = match header.order() {
            Order::C => Axes::FirstSlowest,
            Order::Fortran => Axes::LastSlowest,
        };
        let shape = header.shape().iter().map(|&size| size as usize).collect();
        Self::plain(path, key, shape, place(Numbers { kind, endian, order }))
    }

    /// An array of plain numbers; refused where the file is too short for it, before hours of work.
    fn plain(path: &Path, key: String, shape: Vec<usize>, plain: Plain) -> Result<Self, Error> {
        let length = plain.file.metadata().map_err(|error| Error::io("read", path, error))?.len();
        let size = plain.numbers.kind.size() as u64;
        let size = shape.iter().try_fold(size, |size, &axis| size.checked_mul(axis as u64));
        let fits = size.and_then(|size| size.checked_add(plain.offset)).is_some_and(|end| end <= length);
        let array = Self { path: path.to_owned(), key, shape, place: Place::Plain(plain) };
        if fits {
            Ok(array)
        } else {
            Err(array.refuse(format!("shape {:?} does not fit in {length} bytes: truncated", array.shape)))
        }
    }

    fn open_safetensors(path: &Path, key: Option<&str>) -> Result<Self, Error> {
        let unknown = |reason: String| Error::ImportArray {
            path: path.to_owned(),
            key: key.unwrap_or_default().to_owned(),
            reason: format!("the file is neither npy, npz, HDF5 nor safetensors ({reason})"),
        };
        let mut file = open_file(path)?;
        let length = file.metadata().map_err(|error| Error::io("read", path, error))?.len();
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(|error| unknown(error.to_string()))?;
        let size = u64::from_le_bytes(size);
        if size > length.saturating_sub(8) {
            return Err(unknown("its header would be longer than the file".into()));
        }
        let mut header = vec![0; size as usize];
        file.read_exact(&mut header).map_err(|error| Error::io("read", path, error))?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| unknown(error.to_string()))?;
        let known = metadata.offset_keys();
        let key = choose_key(path, key, &known)?;
        let info = metadata.info(&key).ok_or_else(|| missing_key(path, &key, &known))?;
        let kind = match info.dtype {
            Dtype::BOOL | Dtype::U8 => Kind::U8,
            Dtype::I8 => Kind::I8,
            Dtype::U16 => Kind::U16,
            Dtype::I16 => Kind::I16,
            Dtype::U32 => Kind::U32,
            Dtype::I32 => Kind::I32,
            Dtype::U64 => Kind::U64,
            Dtype::I64 => Kind::I64,
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::Bf16,
            Dtype::F32 => Kind::F32,
            Dtype::F64 => Kind::F64,
            other => return Err(not_numbers(path, key, &format!("{other:?}"))),
        };
        let offset = 8 + size + info.data_offsets.0 as u64;
        let numbers = Numbers { kind, endian: Endian::Little, order: Axes::FirstSlowest };
        Self::plain(path, key, info.shape.clone(), Plain { file, offset, numbers, checksum: None })
    }

    fn open_hdf5(path: &Path, key: Option<&str>) -> Result<Self, Error> {
        let name = key.unwrap_or_default();
        let failed = |error: hdf5_reader::error::Error| broken(path, name, &error);
        let file = Hdf5File::open(path).map_err(failed)?;
        let known = file.root_group().and_then(|root| root.member_names()).map_err(failed)?.1;
        let key = choose_key(path, key, &known)?;
        let dataset = match file.dataset(&key) {
            Ok(dataset) => dataset,
            Err(_) if !key.contains('/') && !known.contains(&key) => {
                return Err(missing_key(path, &key, &known));
            }
            Err(error) => return Err(broken(path, &key, &error)),
        };
        let kind = match dataset.dtype() {
            Datatype::FixedPoint { size: 1, signed: false, .. } => Kind::U8,
            Datatype::FixedPoint { size: 1, .. } => Kind::I8,
            Datatype::FixedPoint { size: 2, signed: false, .. } => Kind::U16,
            Datatype::FixedPoint { size: 2, .. } => Kind::I16,
            Datatype::FixedPoint { size: 4, signed: false, .. } => Kind::U32,
            Datatype::FixedPoint { size: 4, .. } => Kind::I32,
            Datatype::FixedPoint { size: 8, signed: false, .. } => Kind::U64,
            Datatype::FixedPoint { size: 8, .. } => Kind::I64,
            Datatype::FloatingPoint { size: 4, .. } => Kind::F32,
            Datatype::FloatingPoint { size: 8, .. } => Kind::F64,
            other => return Err(not_numbers(path, key, &format!("{other:?}"))),
        };
        let shape = dataset.shape().iter().map(|&size| size as usize).collect();
        let place = Place::Hdf5 { dataset: Box::new(dataset), kind };
        Ok(Self { path: path.to_owned(), key, shape, place })
    }

    /// The whole array.
    ///
    /// # Errors
    /// As [`StoredArray::gather`].
    pub(crate) fn whole<T: Number>(&self) -> Result<ArrayD<T>, Error> {
        self.gather(Axis(0), 0..self.shape.first().copied().unwrap_or(1))
    }

    /// The places `range` of one axis, which comes first, and all places of the others, in their
    /// order. An array of no axes has one place.
    ///
    /// Of plain numbers, only these are read; HDF5 chunks are read where they overlap. Once all
    /// of a zip member has been read, in whatever order, its checksum is compared.
    ///
    /// # Errors
    /// A file that ends early, does not decode or is damaged; a value that `T` cannot hold.
    pub(crate) fn gather<T: Number>(&self, axis: Axis, range: Range<usize>) -> Result<ArrayD<T>, Error> {
        match &self.place {
            Place::Plain(plain) => self.gather_plain(plain, axis, range),
            Place::Hdf5 { dataset, kind } => self.gather_hdf5(dataset, *kind, axis, range),
        }
    }

    fn gather_plain<T: Number>(
        &self,
        plain: &Plain,
        axis: Axis,
        range: Range<usize>,
    ) -> Result<ArrayD<T>, Error> {
        let Numbers { kind, endian, order } = plain.numbers;
        let mut shape = if self.shape.is_empty() { vec![1] } else { self.shape.clone() };
        let mut axis = axis.index();
        if order == Axes::LastSlowest {
            shape.reverse();
            axis = shape.len() - 1 - axis;
        }
        // In the file: [outer, axis, inner]; here: [axis, outer, inner].
        let outer: usize = shape[..axis].iter().product();
        let inner: usize = shape[axis + 1..].iter().product();
        let (rows, row) = if outer == 1 { (1, range.len() * inner) } else { (range.len(), inner) };
        let mut values = vec![T::near(0.0); outer * range.len() * inner];
        let (size, most) = (kind.size(), PIECE / kind.size());
        let mut piece = vec![0; most.min(rows * row) * size];
        for index in 0..outer {
            let place = (index * shape[axis] + range.start) * inner;
            for (rows, within) in pieces(rows, row, most) {
                let bytes = &mut piece[..rows.len() * within.len() * size];
                let at = plain.offset + ((place + rows.start * row + within.start) * size) as u64;
                plain.read(at, bytes).map_err(|error| self.refuse(error))?;
                for (bytes, row_at) in bytes.chunks_exact(within.len() * size).zip(rows) {
                    let into = &mut values[(row_at * outer + index) * row..][within.clone()];
                    decode(bytes, kind, endian, into)
                        .map_err(|value| self.refuse(format!("{value} does not fit in 32 bits")))?;
                }
            }
        }
        shape.remove(axis);
        shape.insert(0, range.len());
        let array = ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|error| self.refuse(error))?;
        let others = 1..shape.len();
        Ok(match order {
            Axes::FirstSlowest => array,
            Axes::LastSlowest => {
                array.permuted_axes(std::iter::once(0).chain(others.rev()).collect::<Vec<_>>())
            }
        })
    }

    fn gather_hdf5<T: Number>(
        &self,
        dataset: &Dataset,
        kind: Kind,
        axis: Axis,
        range: Range<usize>,
    ) -> Result<ArrayD<T>, Error> {
        let mut selection = SliceInfo::all(self.shape.len());
        if let Some(chosen) = selection.selections.get_mut(axis.index()) {
            *chosen = SliceInfoElem::Slice { start: range.start as u64, end: range.end as u64, step: 1 };
        }
        macro_rules! read {
            ($kind:ty, $convert:expr) => {{
                let stored = dataset.read_slice::<$kind>(&selection).map_err(|error| self.refuse(error))?;
                let shape = stored.raw_dim();
                let near = |&value: &$kind| -> f64 { $convert(value) };
                if let Some(value) = beyond::<T>(stored.iter().map(near)) {
                    return Err(self.refuse(format!("{value} does not fit in 32 bits")));
                }
                let values = stored.iter().map(|value| T::near(near(value))).collect();
                let array = ArrayD::from_shape_vec(shape, values).map_err(|error| self.refuse(error))?;
                let others = (0..array.ndim()).filter(|&other| other != axis.index());
                let order: Vec<usize> = std::iter::once(axis.index()).chain(others).collect();
                Ok(array.permuted_axes(order))
            }};
        }
        match kind {
            Kind::U8 => read!(u8, f64::from),
            Kind::I8 => read!(i8, f64::from),
            Kind::U16 => read!(u16, f64::from),
            Kind::I16 => read!(i16, f64::from),
            Kind::U32 => read!(u32, f64::from),
            Kind::I32 => read!(i32, f64::from),
            Kind::U64 => read!(u64, |value| value as f64),
            Kind::I64 => read!(i64, |value| value as f64),
            Kind::F64 => read!(f64, f64::from),
            Kind::F32 | Kind::F16 | Kind::Bf16 => read!(f32, f64::from),
        }
    }
}

/// Rows of `row` numbers in pieces of at most `most` that lie together: several whole rows, or a part of one.
fn pieces(rows: usize, row: usize, most: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let (together, part) = ((most / row.max(1)).max(1), most.min(row).max(1));
    (0..rows).step_by(together).flat_map(move |first| {
        let starts = (0..row).step_by(part);
        starts.map(move |start| (first..rows.min(first + together), start..row.min(start + part)))
    })
}

impl Plain {
    /// Fill `bytes` from a place in the file: any thread at any time.
    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        read_exact_at(&self.file, at, bytes)?;
        match &self.checksum {
            Some((checksum, start)) => checksum.add(at - start, bytes).map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut at: u64, mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => (at, bytes) = (at + n as u64, &mut bytes[n..]),
        }
    }
    Ok(())
}

fn open_file(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|error| Error::io("open", path, error))
}

/// The header of the `.npy` that begins at `start`, and where its numbers begin.
fn npy_header(mut file: &File, start: u64) -> io::Result<(NpyHeader, u64)> {
    file.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::new(file);
    let header = NpyHeader::from_reader(&mut reader)?;
    Ok((header, reader.stream_position()?))
}

/// A member of a zip file, decompressed and checked into a file that nobody else sees.
fn unpacked(member: &mut impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(member, &mut file)?;
    Ok(file)
}

/// The array asked for, or the only one there is.
fn choose_key(path: &Path, key: Option<&str>, known: &[String]) -> Result<String, Error> {
    match (key, known) {
        (Some(key), _) => Ok(key.to_owned()),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(missing_key(path, "", known)),
    }
}

fn missing_key(path: &Path, key: &str, known: &[String]) -> Error {
    let mut known = known.to_vec();
    known.sort();
    Error::MissingKey { path: path.to_owned(), key: key.to_owned(), known }
}

fn not_numbers(path: &Path, key: String, dtype: &str) -> Error {
    let reason = format!("elements of type {dtype} are not numbers known here");
    Error::ImportArray { path: path.to_owned(), key, reason }
}

fn broken(path: &Path, key: &str, error: &dyn std::fmt::Display) -> Error {
    Error::ImportArray { path: path.to_owned(), key: key.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use ndarray::Dimension;
    use npyz::WriterBuilder;

    use super::*;

    fn value(index: &[usize]) -> f64 {
        index.iter().fold(0.0, |sum, &i| sum * 10.0 + i as f64)
    }

    fn write_npy(path: &Path, shape: &[usize], order: Order) {
        let mut file = File::create(path).unwrap();
        let sizes: Vec<u64> = shape.iter().map(|&size| size as u64).collect();
        let options = npyz::WriteOptions::<f64>::new().default_dtype().shape(&sizes).order(order);
        let mut writer = options.writer(&mut file).begin_nd().unwrap();
        let array =
            ArrayD::from_shape_fn(IxDyn(shape), |index| value(index.as_array_view().as_slice().unwrap()));
        match order {
            Order::C => writer.extend(array).unwrap(),
            Order::Fortran => writer.extend(array.reversed_axes().as_standard_layout().to_owned()).unwrap(),
        }
        writer.finish().unwrap();
    }

    #[test]
    fn any_part_along_any_axis_is_that_part_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        for order in [Order::C, Order::Fortran] {
            write_npy(&path, &[3, 4, 2], order);
            let array = StoredArray::open(&path, None).unwrap();
            for axis in 0..3 {
                for start in 0..array.shape()[axis] {
                    let part: ArrayD<f32> = array.gather(Axis(axis), start..start + 1).unwrap();
                    for (index, &found) in part.indexed_iter() {
                        let mut index = index.as_array_view().to_vec();
                        let place = index.remove(0);
                        index.insert(axis, start + place);
                        assert_eq!(f64::from(found), value(&index));
                    }
                }
            }
        }
    }

    /// Rows of which many are read at a time, and rows that are read in parts.
    #[test]
    fn parts_that_are_read_piece_by_piece_are_those_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        for shape in [[2, 3, PIECE / 5], [2, PIECE / 5, 3], [PIECE / 5, 2, 3]] {
            write_npy(&path, &shape, Order::C);
            let array = StoredArray::open(&path, None).unwrap();
            for axis in 0..3 {
                let part: ArrayD<f32> = array.gather(Axis(axis), 1..shape[axis]).unwrap();
                for (index, &found) in part.indexed_iter() {
                    let mut index = index.as_array_view().to_vec();
                    let place = index.remove(0);
                    index.insert(axis, 1 + place);
                    assert_eq!(found, value(&index) as f32);
                }
            }
        }
    }

    #[test]
    fn a_truncated_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        write_npy(&path, &[3, 4], Order::C);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = StoredArray::open(&path, None).err().unwrap();
        assert!(error.to_string().ends_with("bytes: truncated"), "{error}");
        std::fs::write(&path, &bytes[..20]).unwrap();
        assert!(matches!(StoredArray::open(&path, None), Err(Error::ImportArray { .. })));
    }

    #[test]
    fn what_is_no_array_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        File::create(&path).unwrap().write_all(b"one, two, three").unwrap();
        let error = StoredArray::open(&path, Some("x")).err().unwrap();
        assert!(error.to_string().contains("neither npy, npz, HDF5 nor safetensors"), "{error}");
        File::create(&path).unwrap();
        assert!(StoredArray::open(&path, None).is_err());
    }
}
