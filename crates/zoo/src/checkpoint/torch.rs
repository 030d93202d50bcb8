//! PyTorch's files of weights: zip archives since version 1.6, streams of pickles before.
//!
//! Both hold one pickle in which tensors refer to storages by key; the storages' bytes
//! follow. Layouts: `torch/serialization.py` and `caffe2/serialize/versions.h` of
//! PyTorch 2.9, checked with files that PyTorch 1.13 writes in both.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use zip::ZipArchive;

use super::pickle::{Id, Object, Pickle, Storage, View};
use super::span::{Check, Span};
use super::{Dtype, Fault, Found, Place, Stored};

/// The newest archive that is known: `kMaxSupportedFileFormatVersion`.
const ARCHIVE: u64 = 10;
/// What a legacy file begins with.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// The last version of the legacy format.
const PROTOCOL: i128 = 1001;
/// Keys under which training scripts keep weights, where a file has several dictionaries of tensors.
const WRAPPERS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// Whether a zip file is, or would be if it were whole, what `torch.save` writes: not one of
/// arrays.
pub(super) fn is_archive(path: &Path) -> bool {
    let archive = File::open(path).ok().and_then(|file| ZipArchive::new(BufReader::new(file)).ok());
    archive.is_none_or(|archive| archive.file_names().any(|name| name.ends_with("/data.pkl")))
}

/// A storage's bytes.
struct Bytes {
    start: u64,
    length: u64,
    check: Check,
    /// Only what is stored as it is can be read in place; PyTorch does not compress weights.
    compressed: bool,
}

/// An archive of `PREFIX/data.pkl`, `PREFIX/version` and storages `PREFIX/data/KEY`.
pub(super) fn open_archive(path: &Path) -> Result<Found, Fault> {
    let mut file = BufReader::new(File::open(path)?);
    let mut archive = ZipArchive::new(&mut file).map_err(|_| {
        Fault::Truncated("the list of its parts, which is at the end of an archive, is missing".into())
    })?;
    let mut members = HashMap::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(unreadable)?;
        let check = Check::Crc32(member.crc32());
        let compressed = member.compressed_size() != member.size();
        let bytes = Bytes { start: member.data_start(), length: member.size(), check, compressed };
        members.insert(member.name().to_owned(), bytes);
    }
    drop(archive);
    let name = members.keys().find(|name| name.ends_with("/data.pkl")).cloned();
    let name = name.ok_or_else(|| Fault::Malformed("an archive without `data.pkl`".into()))?;
    let prefix = name.trim_end_matches("data.pkl");
    if members.contains_key(&format!("{prefix}constants.pkl")) {
        return Err(Fault::Malformed("a TorchScript program; only files of weights are read".into()));
    }
    if let Some(name) = members.iter().find_map(|(name, bytes)| bytes.compressed.then_some(name)) {
        return Err(Fault::Malformed(format!("`{name}` is compressed, which PyTorch never does")));
    }
    let mut text = |name: &str| -> Result<Option<String>, Fault> {
        let Some(bytes) = members.get(&format!("{prefix}{name}")) else { return Ok(None) };
        file.seek(SeekFrom::Start(bytes.start))?;
        let mut text = String::new();
        (&mut file).take(bytes.length.min(64)).read_to_string(&mut text)?;
        Ok(Some(text.trim().to_owned()))
    };
    let version = text("version")?.and_then(|text| text.parse().ok());
    let version: u64 = version.ok_or_else(|| Fault::Malformed("an archive that tells no version".into()))?;
    if version > ARCHIVE {
        return Err(Fault::Newer { what: "PyTorch archive of version", found: version, reads: ARCHIVE });
    }
    if let Some(order) = text("byteorder")?.filter(|order| order != "little") {
        return Err(Fault::Malformed(format!("an archive in {order}-endian byte order")));
    }
    let whole = &members[&name];
    file.seek(SeekFrom::Start(whole.start))?;
    let pickle = Pickle::read(&mut (&mut file).take(whole.length))?;
    let find = |storage: &Storage| {
        let name = format!("{prefix}data/{}", storage.key);
        let bytes = members.get(&name);
        bytes.ok_or_else(|| Fault::Truncated(format!("the archive has no storage `{name}`")))
    };
    collect(&pickle, path, find)
}

fn unreadable(error: zip::result::ZipError) -> Fault {
    match error {
        zip::result::ZipError::Io(error) => error.into(),
        other => Fault::Malformed(format!("a damaged archive ({other})")),
    }
}

/// Pickles of a magic number, a version, the machine, the weights and the keys of their
/// storages; then each storage, its number of values first.
pub(super) fn open_legacy(path: &Path) -> Result<Found, Fault> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let magic = Pickle::read(&mut reader)?;
    if magic.get(magic.root) != &Object::Int(MAGIC) {
        return Err(Fault::Malformed("a pickle, but not one that PyTorch wrote".into()));
    }
    let version = Pickle::read(&mut reader)?;
    match version.get(version.root) {
        Object::Int(PROTOCOL) => {}
        Object::Int(found) if *found > PROTOCOL => {
            let found = u64::try_from(*found).unwrap_or(u64::MAX);
            return Err(Fault::Newer { what: "PyTorch file of protocol", found, reads: PROTOCOL as u64 });
        }
        _ => return Err(Fault::Malformed("a PyTorch file of no known protocol".into())),
    }
    let machine = Pickle::read(&mut reader)?;
    if machine.entry(machine.root, "little_endian") != Some(&Object::Int(1)) {
        return Err(Fault::Malformed("a PyTorch file in big-endian byte order".into()));
    }
    let pickle = Pickle::read(&mut reader)?;
    let kinds: HashMap<&str, Dtype> =
        pickle.storages().map(|storage| (storage.key.as_str(), storage.dtype)).collect();
    let keys = Pickle::read(&mut reader)?;
    let Object::List(listed) = keys.get(keys.root) else {
        return Err(Fault::Malformed("a PyTorch file without a list of storages".into()));
    };
    let mut storages = HashMap::new();
    for key in listed {
        let Object::Text(key) = keys.get(*key) else {
            return Err(Fault::Malformed("a PyTorch file with a storage without a name".into()));
        };
        let dtype = kinds.get(key.as_str()).copied();
        let dtype = dtype.ok_or_else(|| Fault::Malformed(format!("storage `{key}` belongs to no tensor")))?;
        let mut length = [0; 8];
        reader
            .read_exact(&mut length)
            .map_err(|_| Fault::Truncated(format!("storage `{key}` is missing")))?;
        let length = u64::from_le_bytes(length).saturating_mul(dtype.size() as u64);
        let start = reader.stream_position()?;
        if length > size - start {
            let there = size - start;
            return Err(Fault::Truncated(format!(
                "{there} bytes are there of the {length} of storage `{key}`"
            )));
        }
        reader.seek_relative(length as i64)?;
        storages.insert(key.clone(), Bytes { start, length, check: Check::Nothing, compressed: false });
    }
    let find = |storage: &Storage| {
        let bytes = storages.get(&storage.key);
        bytes.ok_or_else(|| Fault::Truncated(format!("the file has no storage `{}`", storage.key)))
    };
    collect(&pickle, path, find)
}

/// The tensors of a pickle, where their storages are found.
fn collect<'b>(
    pickle: &Pickle,
    path: &Path,
    find: impl Fn(&Storage) -> Result<&'b Bytes, Fault>,
) -> Result<Found, Fault> {
    let (dict, within) = state_dict(pickle)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in pickle.views(dict) {
        let bytes = find(&view.storage)?;
        let offset =
            view.storage.offset.checked_add(view.offset).and_then(|offset| usize::try_from(offset).ok());
        let span = Span {
            file: path.to_owned(),
            start: bytes.start,
            length: bytes.length,
            check: bytes.check,
            offset: offset.unwrap_or(usize::MAX),
            strides: Some(view.strides.clone()),
        };
        let dtype = view.storage.dtype;
        span.holds(&view.shape, dtype).map_err(|fault| fault.in_tensor(name))?;
        tensors
            .insert(name.to_owned(), Stored { shape: view.shape.clone(), dtype, place: Place::Span(span) });
    }
    Ok(Found { tensors, within, ..Found::default() })
}

/// The dictionary of tensors: the whole, or the entry of it that is one.
fn state_dict(pickle: &Pickle) -> Result<(Id, Option<String>), Fault> {
    if pickle.views(pickle.root).next().is_some() {
        return Ok((pickle.root, None));
    }
    let inner: Vec<(&str, Id)> =
        pickle.texts(pickle.root).filter(|&(_, value)| pickle.views(value).next().is_some()).collect();
    let usual = WRAPPERS.iter().find_map(|usual| inner.iter().find(|(name, _)| name == usual));
    match (&inner[..], usual) {
        ([(name, dict)], _) | (_, Some((name, dict))) => Ok((*dict, Some((*name).to_owned()))),
        ([], _) => Err(Fault::Malformed("a PyTorch file without a dictionary of tensors".into())),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
            Err(Fault::Malformed(format!(
                "several dictionaries of tensors ({}), none of them called `state_dict`",
                names.join(", ")
            )))
        }
    }
}

impl Pickle {
    /// Entries of a dictionary whose keys are texts; none of anything else.
    fn texts(&self, dict: Id) -> impl Iterator<Item = (&str, Id)> {
        let pairs = if let Object::Dict(pairs) = self.get(dict) { &pairs[..] } else { &[] };
        pairs.iter().filter_map(|&(key, value)| match self.get(key) {
            Object::Text(key) => Some((key.as_str(), value)),
            _ => None,
        })
    }

    /// The tensors that are entries of a dictionary.
    fn views(&self, dict: Id) -> impl Iterator<Item = (&str, &View)> {
        self.texts(dict).filter_map(|(key, value)| match self.get(value) {
            Object::View(view) => Some((key, view)),
            _ => None,
        })
    }
}
