//! Writing HDF5 files of contiguous arrays, in one pass and without holding the data.
//!
//! The format's parts that h5py needs and no others (HDF5 File Format Specification,
//! version 3.0): a version 2 superblock, version 2 object headers, groups with compact
//! links, contiguous layouts. All shapes are known beforehand, so every address is,
//! and the arrays follow the headers in the order they were declared.

use hdf5_core::jenkins_lookup3;

/// Kind of an array's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    U8,
    I64,
    F64,
    /// Text padded with zeros to so many bytes; UTF-8.
    Text(usize),
}

/// An array to be written.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) shape: Vec<usize>,
}

impl Array {
    pub(crate) fn n_bytes(&self) -> u64 {
        let width = match self.kind {
            Kind::U8 => 1,
            Kind::I64 | Kind::F64 => 8,
            Kind::Text(width) => width as u64,
        };
        self.shape.iter().map(|&length| length as u64).product::<u64>() * width
    }
}

/// Groups of arrays; the group with an empty name is the root.
pub(crate) type Groups = Vec<(String, Vec<Array>)>;

const UNDEFINED: u64 = u64::MAX;
const SUPERBLOCK: u64 = 48;

/// Everything that comes before the arrays; they follow without gaps, in order.
pub(crate) fn headers(groups: &Groups) -> Vec<u8> {
    // Headers have the same length wherever their addresses point: lay out once with
    // zeros to learn the lengths, then with the addresses.
    let length = SUPERBLOCK + lay_out(groups, 0).iter().map(|header| header.len() as u64).sum::<u64>();
    let headers = lay_out(groups, length);
    let end = length + groups.iter().flat_map(|(_, arrays)| arrays).map(Array::n_bytes).sum::<u64>();
    let mut file = b"\x89HDF\r\n\x1a\n".to_vec();
    file.extend([2, 8, 8, 0]);
    // The root group's header is laid out last.
    let root = length - headers.last().map_or(0, |header| header.len() as u64);
    for address in [0, UNDEFINED, end, root] {
        file.extend(address.to_le_bytes());
    }
    file.extend(jenkins_lookup3(&file).to_le_bytes());
    file.extend(headers.into_iter().flatten());
    file
}

/// Object headers in file order: each group's arrays, then the group; the root last.
fn lay_out(groups: &Groups, data: u64) -> Vec<Vec<u8>> {
    let (mut headers, mut at, mut data) = (Vec::new(), SUPERBLOCK, data);
    let mut root_links = Vec::new();
    let mut put = |header: Vec<u8>, headers: &mut Vec<Vec<u8>>| {
        let address = at;
        at += header.len() as u64;
        headers.push(header);
        address
    };
    for (group, arrays) in groups {
        let mut links = Vec::new();
        for array in arrays {
            let address = put(array_header(array, data), &mut headers);
            data += array.n_bytes();
            links.push((array.name.as_str(), address));
        }
        if group.is_empty() {
            root_links.extend(links);
        } else {
            root_links.push((group, put(group_header(&links), &mut headers)));
        }
    }
    put(group_header(&root_links), &mut headers);
    headers
}

fn group_header(links: &[(&str, u64)]) -> Vec<u8> {
    let mut link_info = vec![0, 0];
    link_info.extend(UNDEFINED.to_le_bytes());
    link_info.extend(UNDEFINED.to_le_bytes());
    let mut messages = vec![(0x02, link_info), (0x0a, vec![0, 0])];
    for (name, address) in links {
        // Flags: two-byte name length, a character set (1: UTF-8) is stated.
        let mut link = vec![1, 0x11, 1];
        link.extend((name.len() as u16).to_le_bytes());
        link.extend(name.as_bytes());
        link.extend(address.to_le_bytes());
        messages.push((0x06, link));
    }
    object_header(&messages)
}

fn array_header(array: &Array, data: u64) -> Vec<u8> {
    let mut space = vec![2, array.shape.len() as u8, 0, 1];
    for &length in &array.shape {
        space.extend((length as u64).to_le_bytes());
    }
    let mut layout = vec![3, 1];
    layout.extend(data.to_le_bytes());
    layout.extend(array.n_bytes().to_le_bytes());
    // Fill value: space allocated late, written if set, none set.
    object_header(&[(0x01, space), (0x03, kind_message(array.kind)), (0x05, vec![3, 0x0a]), (0x08, layout)])
}

/// The datatype message: class and version, bit field, size, properties.
fn kind_message(kind: Kind) -> Vec<u8> {
    let (head, width, properties): ([u8; 4], u32, Vec<u8>) = match kind {
        Kind::U8 => ([0x10, 0, 0, 0], 1, vec![0, 0, 8, 0]),
        Kind::I64 => ([0x10, 0x08, 0, 0], 8, vec![0, 0, 64, 0]),
        Kind::F64 => {
            let mut properties = vec![0, 0, 64, 0, 52, 11, 0, 52];
            properties.extend(1023_u32.to_le_bytes());
            ([0x11, 0x20, 63, 0], 8, properties)
        }
        Kind::Text(width) => ([0x13, 0x11, 0, 0], width as u32, Vec::new()),
    };
    let mut message = head.to_vec();
    message.extend(width.to_le_bytes());
    message.extend(properties);
    message
}

fn object_header(messages: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let length: usize = messages.iter().map(|(_, body)| 4 + body.len()).sum();
    // Flags: a four-byte length of the messages.
    let mut header = b"OHDR\x02\x02".to_vec();
    header.extend((length as u32).to_le_bytes());
    for (number, body) in messages {
        header.push(*number);
        header.extend((body.len() as u16).to_le_bytes());
        header.push(0);
        header.extend(body);
    }
    header.extend(jenkins_lookup3(&header).to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let array =
            |name: &str, kind, shape: &[usize]| Array { name: name.into(), kind, shape: shape.to_vec() };
        let groups = vec![
            ("a".to_owned(), vec![array("x", Kind::U8, &[2, 3]), array("y", Kind::I64, &[2])]),
            (String::new(), vec![array("z", Kind::F64, &[1]), array("t", Kind::Text(4), &[2])]),
        ];
        let mut file = headers(&groups);
        file.extend([1, 2, 3, 4, 5, 6]);
        file.extend((-5_i64).to_le_bytes());
        file.extend(7_i64.to_le_bytes());
        file.extend(2.5_f64.to_le_bytes());
        file.extend(b"ab\0\0\xc3\xa9\0\0");
        let file = hdf5_reader::Hdf5File::from_bytes(&file).unwrap();
        let dataset = |key: &str| file.dataset(key).unwrap();
        assert_eq!(dataset("a/x").shape(), [2, 3]);
        assert_eq!(
            dataset("a/x").read_array::<u8>().unwrap().into_iter().collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6]
        );
        assert_eq!(dataset("a/y").read_array::<i64>().unwrap().into_iter().collect::<Vec<_>>(), [-5, 7]);
        assert_eq!(dataset("z").read_array::<f64>().unwrap().into_iter().collect::<Vec<_>>(), [2.5]);
        assert_eq!(dataset("t").read_strings().unwrap(), ["ab", "é"]);
    }
}
