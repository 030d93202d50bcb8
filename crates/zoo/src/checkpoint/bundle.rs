//! TensorFlow's bundles: an index (`NAME.index`) beside shards of values
//! (`NAME.data-00000-of-00001`).
//!
//! The index is a sorted table from names to `BundleEntryProto` (kind, shape, shard, place
//! and checksum); its first entry, without a name, is the `BundleHeaderProto`. Read by a
//! reader of our own, of the few fields there are. Layout:
//! `tensorflow/core/protobuf/tensor_bundle.proto` of TensorFlow 2.15.

use std::path::{Path, PathBuf};

use super::span::{Check, Span};
use super::table::{self, varint};
use super::{Dtype, Fault, Found, Place, Stored};

/// `kTensorBundleVersion`: what a file may ask its reader to know.
const VERSION: u64 = 1;

/// The index that a path means: itself, or the one beside it of the same name.
pub(super) fn index_of(path: &Path) -> Option<PathBuf> {
    let text = path.to_str()?;
    let shard = text.rsplit_once(".data-").map(|(name, _)| name);
    let name = text.strip_suffix(".index").or(text.strip_suffix(".meta")).or(shard).unwrap_or(text);
    let index = PathBuf::from(format!("{name}.index"));
    index.is_file().then_some(index)
}

pub(super) fn open(index: &Path) -> Result<Found, Fault> {
    let bytes = std::fs::read(index)?;
    let entries = table::entries(&bytes)?;
    let header = entries.first().filter(|(name, _)| name.is_empty());
    let (_, header) = header.ok_or_else(|| Fault::Malformed("an index without a header".into()))?;
    let header = Fields::of(header)?;
    if header.number(2) != 0 {
        return Err(Fault::Malformed("a bundle in big-endian byte order".into()));
    }
    let asks = header.message(3)?.number(2);
    if asks > VERSION {
        return Err(Fault::Newer { what: "TensorFlow bundle of version", found: asks, reads: VERSION });
    }
    let shards = header.number(1);
    let mut found = Found::default();
    for (name, entry) in &entries[1..] {
        let name = String::from_utf8_lossy(name).into_owned();
        let entry = Fields::of(entry)?;
        // Texts and references hold no weights.
        let Some(dtype) = dtype(entry.number(1)) else { continue };
        if entry.all(7).next().is_some() {
            return Err(Fault::Malformed(format!("`{name}` is divided into slices, which are not read")));
        }
        let mut shape = Vec::new();
        for dim in entry.message(2)?.all(2) {
            shape.push(Fields::of(dim.bytes())?.number(1) as usize);
        }
        let file = shard(index, entry.number(3), shards);
        let (start, length) = (entry.number(4), entry.number(5));
        let there = std::fs::metadata(&file).map(|about| about.len()).ok();
        let there =
            there.ok_or_else(|| Fault::Truncated(format!("`{}` is not beside it", name_of(&file))))?;
        if start.checked_add(length).is_none_or(|end| end > there) {
            let shard = name_of(&file);
            return Err(Fault::Truncated(format!("`{shard}` ends before `{name}` does, at byte {there}")));
        }
        let check = Check::Crc32c(entry.number(6) as u32);
        let span = Span { file, start, length, check, offset: 0, strides: None };
        span.holds(&shape, dtype).map_err(|fault| fault.in_tensor(&name))?;
        found.tensors.insert(name, Stored { shape, dtype, place: Place::Span(span) });
    }
    Ok(found)
}

fn shard(index: &Path, shard: u64, of: u64) -> PathBuf {
    index.with_extension(format!("data-{shard:05}-of-{of:05}"))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// `DataType` of `types.proto`, where it is of numbers that are read.
fn dtype(number: u64) -> Option<Dtype> {
    Some(match number {
        1 => Dtype::F32,
        2 => Dtype::F64,
        14 => Dtype::Bf16,
        19 => Dtype::F16,
        4 | 6 | 10 => Dtype::Whole(1),
        5 | 17 => Dtype::Whole(2),
        3 | 22 => Dtype::Whole(4),
        9 | 23 => Dtype::Whole(8),
        _ => return None,
    })
}

/// The fields of a protocol buffer's message.
struct Fields<'b>(Vec<(u64, Value<'b>)>);

#[derive(Clone, Copy)]
enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

impl<'b> Value<'b> {
    fn bytes(self) -> &'b [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }
}

impl<'b> Fields<'b> {
    fn of(mut message: &'b [u8]) -> Result<Self, Fault> {
        let damaged = || Fault::Malformed("a damaged index: an entry is no message".into());
        let take = |length: usize, message: &mut &'b [u8]| -> Result<&'b [u8], Fault> {
            let (taken, rest) = message.split_at_checked(length).ok_or_else(damaged)?;
            *message = rest;
            Ok(taken)
        };
        let mut fields = Vec::new();
        while !message.is_empty() {
            let tag = varint(&mut message)?;
            let value = match tag & 7 {
                0 => Value::Number(varint(&mut message)?),
                1 => Value::Bytes(take(8, &mut message)?),
                2 => {
                    let length = varint(&mut message)?;
                    Value::Bytes(take(usize::try_from(length).unwrap_or(usize::MAX), &mut message)?)
                }
                5 => {
                    let word = take(4, &mut message)?.try_into().expect("four bytes");
                    Value::Number(u32::from_le_bytes(word).into())
                }
                _ => return Err(damaged()),
            };
            fields.push((tag >> 3, value));
        }
        Ok(Self(fields))
    }

    fn all(&self, field: u64) -> impl Iterator<Item = Value<'b>> {
        self.0.iter().filter(move |(number, _)| *number == field).map(|(_, value)| *value)
    }

    /// A number; 0 where it is left out, as the format says.
    fn number(&self, field: u64) -> u64 {
        self.all(field).last().map_or(0, |value| if let Value::Number(number) = value { number } else { 0 })
    }

    /// A message inside; an empty one where it is left out.
    fn message(&self, field: u64) -> Result<Fields<'b>, Fault> {
        Self::of(self.all(field).last().map_or(&[][..], Value::bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_apart() {
        // Field 1: 300; field 6: a word of four bytes; field 2: a message with field 1: 7.
        let message = Fields::of(b"\x08\xac\x02\x35\x01\x00\x00\x00\x12\x02\x08\x07").unwrap();
        assert_eq!((message.number(1), message.number(6), message.number(9)), (300, 1, 0));
        assert_eq!(message.message(2).unwrap().number(1), 7);
        assert!(Fields::of(b"\x12\x05\x08").is_err() && Fields::of(b"\x0b").is_err());
    }
}
