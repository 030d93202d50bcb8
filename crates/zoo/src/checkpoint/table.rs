//! Sorted tables of keys and values, as TensorFlow keeps the index of a checkpoint.
//!
//! The format of `LevelDB`: blocks of entries whose keys share beginnings, each block with its
//! kind and a checksum behind it; an index block of the blocks; a footer with the place of
//! the index. (`tensorflow/core/lib/io/table_format.txt`)

use super::Fault;

/// The end of every table.
pub(super) const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// Bytes of the footer: two handles, filled up, and the end.
const FOOTER: usize = 48;

/// A key and its value.
pub(super) type Entry<'t> = (Vec<u8>, &'t [u8]);

/// All entries of a table, in order.
pub(super) fn entries(table: &[u8]) -> Result<Vec<Entry<'_>>, Fault> {
    let footer = table.len().checked_sub(FOOTER).map(|at| &table[at..]);
    let Some((mut handles, MAGIC)) = footer.map(|footer| {
        let (handles, magic) = footer.split_at(FOOTER - 8);
        (handles, u64::from_le_bytes(magic.try_into().expect("eight bytes")))
    }) else {
        return Err(Fault::Truncated("its end, which says where the index begins, is missing".into()));
    };
    handle(&mut handles)?;
    let index = block(table, handle(&mut handles)?)?;
    let mut all = Vec::new();
    for (_, mut place) in in_block(index)? {
        all.extend(in_block(block(table, handle(&mut place)?)?)?);
    }
    Ok(all)
}

fn damaged() -> Fault {
    Fault::Malformed("a damaged index".into())
}

/// A number in groups of seven bits, the lowest first.
pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or_else(damaged)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(damaged())
}

/// Where a block begins, and its length.
fn handle(bytes: &mut &[u8]) -> Result<(u64, u64), Fault> {
    Ok((varint(bytes)?, varint(bytes)?))
}

fn block(table: &[u8], (start, length): (u64, u64)) -> Result<&[u8], Fault> {
    let end = start
        .checked_add(length)
        .filter(|end| end.checked_add(5).is_some_and(|end| end <= table.len() as u64));
    let (start, end) = (start as usize, end.ok_or_else(damaged)? as usize);
    let sum = u32::from_le_bytes(table[end + 1..end + 5].try_into().expect("four bytes"));
    if masked(crc32c::crc32c(&table[start..=end])) != sum {
        return Err(Fault::Malformed("a damaged index: a block does not have its checksum".into()));
    }
    match table[end] {
        0 => Ok(&table[start..end]),
        kind => Err(Fault::Malformed(format!(
            "an index with compressed blocks (kind {kind}), which TensorFlow does not write"
        ))),
    }
}

/// CRC-32C as it is kept beside what it is of: turned and shifted, so that the checksum of
/// something with a checksum in it is not weak.
pub(super) fn masked(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

fn in_block(block: &[u8]) -> Result<Vec<Entry<'_>>, Fault> {
    let (before, count) = block.split_last_chunk::<4>().ok_or_else(damaged)?;
    let restarts = (u32::from_le_bytes(*count) as usize).checked_mul(4).ok_or_else(damaged)?;
    let mut rest = &before[..before.len().checked_sub(restarts).ok_or_else(damaged)?];
    let (mut entries, mut key): (Vec<Entry>, Vec<u8>) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let lengths = [varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?];
        let [shared, added, value] = lengths.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if shared > key.len() {
            return Err(damaged());
        }
        key.truncate(shared);
        let (more, after) = rest.split_at_checked(added).ok_or_else(damaged)?;
        let (value, after) = after.split_at_checked(value).ok_or_else(damaged)?;
        key.extend(more);
        entries.push((key.clone(), value));
        rest = after;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of one block, as the format says.
    fn table(block: &[u8]) -> Vec<u8> {
        let mut table = Vec::new();
        let put = |table: &mut Vec<u8>, block: &[u8]| {
            let start = table.len() as u8;
            table.extend(block);
            table.push(0);
            table.extend(masked(crc32c::crc32c(&table[start.into()..])).to_le_bytes());
            [start, block.len() as u8]
        };
        let data = put(&mut table, block);
        let index = put(&mut table, &[&[0, 1, 2, b'z'], &data[..], &[0, 0, 0, 0, 1, 0, 0, 0]].concat());
        let mut footer = [&[0, 0][..], &index].concat();
        footer.resize(FOOTER - 8, 0);
        table.extend(footer);
        table.extend(MAGIC.to_le_bytes());
        table
    }

    #[test]
    fn keys_are_put_together_from_what_they_share() {
        let block = b"\x00\x03\x01abcX\x02\x01\x02dYZ\x00\x00\x00\x00\x01\x00\x00\x00";
        let table = table(block);
        let found = entries(&table).unwrap();
        assert_eq!(found, [(b"abc".to_vec(), &b"X"[..]), (b"abd".to_vec(), &b"YZ"[..])]);
    }

    #[test]
    fn every_damaged_byte_and_every_cut_is_noticed() {
        let whole = table(b"\x00\x03\x01abcX\x00\x00\x00\x00\x01\x00\x00\x00");
        for place in (0..whole.len() - FOOTER).chain(whole.len() - 8..whole.len()) {
            let mut table = whole.clone();
            table[place] ^= 1;
            assert!(entries(&table).is_err(), "{place}");
        }
        for length in 0..whole.len() {
            assert!(entries(&whole[..length]).is_err(), "{length}");
        }
    }
}
