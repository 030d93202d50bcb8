//! TensorFlow's bundles, written from the description of their format: an index
//! (`tensorflow/core/lib/io/table_format.txt` of `BundleEntryProto`s) beside one shard of values.

use std::fs;
use std::path::Path;

/// A tensor as it goes into a bundle.
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// `DataType` of `types.proto`: 1 for f32, 9 for i64.
    pub(crate) kind: u64,
    /// Values, little end first.
    pub(crate) bytes: Vec<u8>,
}

/// Write `NAME.index` and `NAME.data-00000-of-00001`.
pub(crate) fn write(name: &Path, mut tensors: Vec<Tensor>) {
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut values = Vec::new();
    // One shard, values with the little end first, version 1.
    let header = [number(1, 1), message(3, &number(1, 1))].concat();
    let mut entries = vec![entry("", &header)];
    for tensor in &tensors {
        let dims: Vec<u8> =
            tensor.shape.iter().flat_map(|&length| message(2, &number(1, length as u64))).collect();
        let checksum = [vec![6 << 3 | 5], masked(&tensor.bytes).to_le_bytes().to_vec()].concat();
        let place = [number(4, values.len() as u64), number(5, tensor.bytes.len() as u64)].concat();
        let about = [number(1, tensor.kind), message(2, &dims), place, checksum].concat();
        entries.push(entry(&tensor.name, &about));
        values.extend(&tensor.bytes);
    }
    let mut table = Vec::new();
    let data = block(&mut table, &entries.concat());
    let nothing = block(&mut table, &[]);
    let last = tensors.last().expect("a bundle of something");
    let index = block(&mut table, &entry(&last.name, &data));
    let mut footer = [nothing, index].concat();
    footer.resize(40, 0);
    table.extend(footer);
    table.extend(0xdb47_7524_8b80_fb57_u64.to_le_bytes());
    let beside =
        |ending: &str| name.with_file_name(format!("{}.{ending}", name.file_name().unwrap().display()));
    fs::write(beside("index"), table).unwrap();
    fs::write(beside("data-00000-of-00001"), values).unwrap();
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field of a protocol buffer that holds a number.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field that holds a message.
fn message(field: u64, inside: &[u8]) -> Vec<u8> {
    [&varint(field << 3 | 2), &varint(inside.len() as u64), inside].concat()
}

/// A key, which shares nothing with the one before it, and its value.
fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    let lengths = [vec![0], varint(key.len() as u64), varint(value.len() as u64)].concat();
    [&lengths, key.as_bytes(), value].concat()
}

/// A block with its only restart, its kind and its checksum; returns its handle.
fn block(table: &mut Vec<u8>, entries: &[u8]) -> Vec<u8> {
    let start = table.len();
    let block = [entries, &0_u32.to_le_bytes(), &1_u32.to_le_bytes()].concat();
    table.extend(&block);
    table.push(0);
    table.extend(masked(&table[start..]).to_le_bytes());
    [varint(start as u64), varint(block.len() as u64)].concat()
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}
