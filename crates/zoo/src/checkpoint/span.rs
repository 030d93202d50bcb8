//! Values that lie in a row in a file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::table::masked;
use super::{Dtype, Fault};

/// Some bytes of a file, and which of their values make a tensor.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) file: PathBuf,
    /// First byte.
    pub(super) start: u64,
    /// Number of bytes.
    pub(super) length: u64,
    pub(super) check: Check,
    /// The tensor's first value, counted in values.
    pub(super) offset: usize,
    /// Values from one entry of a dimension to the next; none: in row-major order.
    pub(super) strides: Option<Vec<usize>>,
}

/// What the bytes are checked against.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check {
    Nothing,
    /// CRC-32 as in zip archives.
    Crc32(u32),
    /// CRC-32C as in TensorFlow's bundles.
    Crc32c(u32),
}

impl Span {
    /// Check that a tensor of this shape lies within the bytes.
    pub(super) fn holds(&self, shape: &[usize], dtype: Dtype) -> Result<(), Fault> {
        let strides = self.strides.clone().or_else(|| row_major(shape));
        let last = strides.and_then(|strides| {
            let reach = |at: usize, (&length, stride): (&usize, usize)| {
                at.checked_add(length.saturating_sub(1).checked_mul(stride)?)
            };
            shape.iter().zip(strides).try_fold(self.offset, reach)
        });
        let values = self.length / dtype.size() as u64;
        if shape.contains(&0) || last.is_some_and(|last| (last as u64) < values) {
            return Ok(());
        }
        Err(Fault::Malformed(format!("has shape {shape:?} and lies in a storage of {values} values")))
    }

    /// The values of a tensor of this shape, in row-major order.
    pub(super) fn read(&self, shape: &[usize], dtype: Dtype) -> Result<Vec<f32>, Fault> {
        self.holds(shape, dtype)?;
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut bytes = Vec::new();
        file.take(self.length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != self.length {
            let (found, length) = (bytes.len(), self.length);
            return Err(Fault::Truncated(format!("{found} bytes are there of {length}")));
        }
        let whole = match self.check {
            Check::Nothing => true,
            Check::Crc32(sum) => crc32fast::hash(&bytes) == sum,
            Check::Crc32c(sum) => masked(crc32c::crc32c(&bytes)) == sum,
        };
        if !whole {
            return Err(Fault::Malformed(
                "is damaged: its bytes do not have the checksum they were saved with".into(),
            ));
        }
        let values = dtype.decode(&bytes).ok_or_else(|| dtype.no_fraction())?;
        drop(bytes);
        let n: usize = shape.iter().product();
        match &self.strides {
            Some(strides) if row_major(shape).as_ref() != Some(strides) => {
                Ok(places(shape, strides).map(|place| values[self.offset + place]).collect())
            }
            _ if values.len() == n => Ok(values),
            _ => Ok(values[self.offset..self.offset + n].to_vec()),
        }
    }
}

/// Strides of a tensor in row-major order; none where their product overflows.
pub(super) fn row_major(shape: &[usize]) -> Option<Vec<usize>> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].checked_mul(shape[axis])?;
    }
    Some(strides)
}

/// Places of a tensor's values in row-major order of its indices.
fn places(shape: &[usize], strides: &[usize]) -> impl Iterator<Item = usize> {
    let n: usize = shape.iter().product();
    (0..n).map(move |index| {
        let mut rest = index;
        let along = |(&length, &stride): (&usize, &usize)| {
            let at = rest % length;
            rest /= length;
            at * stride
        };
        shape.iter().zip(strides).rev().map(along).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(n: usize, offset: usize, strides: Option<Vec<usize>>) -> (tempfile::NamedTempFile, Span) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..n).flat_map(|value| (value as f32).to_le_bytes()).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        let (path, length) = (file.path().to_owned(), bytes.len() as u64);
        let check = Check::Crc32(crc32fast::hash(&bytes));
        (file, Span { file: path, start: 0, length, check, offset, strides })
    }

    #[test]
    fn views_are_read_in_the_order_of_their_indices() {
        // numpy 2.4: np.arange(12.).reshape(3, 4).T[1:, :2].ravel() has strides (1, 4) and offset 1.
        let (_file, view) = span(12, 1, Some(vec![1, 4]));
        assert_eq!(view.read(&[3, 2], Dtype::F32).unwrap(), [1., 5., 2., 6., 3., 7.]);
        let (_file, part) = span(12, 4, Some(vec![4, 1]));
        assert_eq!(part.read(&[2, 4], Dtype::F32).unwrap(), [4., 5., 6., 7., 8., 9., 10., 11.]);
        // A scalar, and one value expanded.
        let (_file, scalar) = span(12, 4, Some(vec![]));
        assert_eq!(scalar.read(&[], Dtype::F32).unwrap(), [4.]);
        let (_file, expanded) = span(1, 0, Some(vec![0]));
        assert_eq!(expanded.read(&[3], Dtype::F32).unwrap(), [0., 0., 0.]);
    }

    #[test]
    fn a_tensor_beyond_its_storage_or_in_damaged_bytes_is_refused() {
        let (file, view) = span(12, 1, Some(vec![4, 1]));
        assert!(view.read(&[3, 4], Dtype::F32).is_err());
        assert!(view.read(&[usize::MAX, 2], Dtype::F32).is_err());
        assert!(view.read(&[2, 4], Dtype::F32).is_ok());
        std::fs::write(file.path(), [1; 48]).unwrap();
        assert!(
            matches!(view.read(&[2, 4], Dtype::F32), Err(Fault::Malformed(why)) if why.contains("checksum"))
        );
        std::fs::write(file.path(), [1; 47]).unwrap();
        assert!(matches!(view.read(&[2, 4], Dtype::F32), Err(Fault::Truncated(_))));
    }
}
