//! Pickles that hold tensors, read by a machine that cannot run anything.
//!
//! A pickle is a program for a stack machine. This one knows the instructions that
//! containers, numbers, texts and tensors need, and the few imports that checkpoints of
//! weights make: `OrderedDict`, the functions that rebuild tensors, and the names of
//! storages. Any other import ends the reading and is named; no import is ever carried
//! out. Instructions: `pickletools` of Python 3.13, protocols 2 to 5.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use super::{Dtype, Fault};

/// Where an object is in [`Pickle::objects`].
pub(super) type Id = usize;

/// Something a pickle builds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object {
    None,
    Int(i128),
    /// A fraction, bytes, or anything else whose value no weight depends on.
    Other,
    Text(String),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Import(Import),
    Storage(Storage),
    View(View),
}

/// What a checkpoint of weights may import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Import {
    OrderedDict,
    Size,
    /// `_rebuild_tensor`, `_rebuild_tensor_v2`: storage, offset, shape, strides, and what
    /// training needs.
    Tensor,
    Parameter,
    Storage(Dtype),
}

/// Numbers that are elsewhere in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) dtype: Dtype,
    /// Number of values.
    pub(super) length: u64,
    /// Where a view of it begins.
    pub(super) offset: u64,
}

/// A tensor: which values of a storage, in which order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) storage: Storage,
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Everything a pickle built, and the object it is about.
#[derive(Debug)]
pub(super) struct Pickle {
    objects: Vec<Object>,
    pub(super) root: Id,
}

impl Pickle {
    /// Read one pickle; the reader is left behind its last instruction.
    pub(super) fn read(reader: &mut impl BufRead) -> Result<Self, Fault> {
        let mut machine = Machine {
            reader,
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = machine.run()?;
        Ok(Self { objects: machine.objects, root })
    }

    pub(super) fn get(&self, id: Id) -> &Object {
        &self.objects[id]
    }

    /// All storages that it names.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.objects.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// The value of a text key of a dictionary.
    pub(super) fn entry(&self, dict: Id, key: &str) -> Option<&Object> {
        let Object::Dict(pairs) = self.get(dict) else { return None };
        let found =
            pairs.iter().find(|(name, _)| matches!(self.get(*name), Object::Text(text) if text == key));
        found.map(|&(_, value)| self.get(value))
    }
}

struct Machine<'r, R> {
    reader: &'r mut R,
    objects: Vec<Object>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

fn malformed(why: &str) -> Fault {
    Fault::Malformed(format!("its pickle {why}"))
}

impl<R: BufRead> Machine<'_, R> {
    fn run(&mut self) -> Result<Id, Fault> {
        loop {
            match self.byte()? {
                0x80 => {
                    let [protocol] = self.bytes()?;
                    if protocol > 5 {
                        return Err(Fault::Newer {
                            what: "pickle protocol",
                            found: protocol.into(),
                            reads: 5,
                        });
                    }
                }
                0x95 => drop(self.bytes::<8>()?),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'N' => self.push(Object::None),
                0x88 => self.push(Object::Int(1)),
                0x89 => self.push(Object::Int(0)),
                b'J' => {
                    let value = i32::from_le_bytes(self.bytes()?);
                    self.push(Object::Int(value.into()));
                }
                b'K' => {
                    let value = self.byte()?;
                    self.push(Object::Int(value.into()));
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.bytes()?);
                    self.push(Object::Int(value.into()));
                }
                0x8a => {
                    let length = self.byte()?.into();
                    let value = whole(&self.some(length)?);
                    self.push(value);
                }
                b'G' => {
                    self.bytes::<8>()?;
                    self.push(Object::Other);
                }
                // Python 2 pickled names as strings of bytes.
                b'X' | b'T' => {
                    let length = u32::from_le_bytes(self.bytes()?);
                    self.text(length.into())?;
                }
                0x8c | b'U' => {
                    let length = self.byte()?;
                    self.text(length.into())?;
                }
                0x8d => {
                    let length = u64::from_le_bytes(self.bytes()?);
                    self.text(length)?;
                }
                b'C' => {
                    let length = self.byte()?.into();
                    self.other(length)?;
                }
                b'B' => {
                    let length = u32::from_le_bytes(self.bytes()?);
                    self.other(length.into())?;
                }
                b'}' => self.push(Object::Dict(Vec::new())),
                b']' => self.push(Object::List(Vec::new())),
                b')' => self.push(Object::Tuple(Vec::new())),
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::Tuple(items));
                }
                code @ 0x85..=0x87 => {
                    let n = usize::from(code - 0x84);
                    let first = self
                        .stack
                        .len()
                        .checked_sub(n)
                        .ok_or_else(|| malformed("takes from an empty stack"))?;
                    let items = self.stack.split_off(first);
                    self.push(Object::Tuple(items));
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set(&items)?;
                }
                b'q' => {
                    let place = self.byte()?;
                    self.remember(place.into())?;
                }
                b'r' => {
                    let place = u32::from_le_bytes(self.bytes()?);
                    self.remember(place)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let place = self.byte()?;
                    self.recall(place.into())?;
                }
                b'j' => {
                    let place = u32::from_le_bytes(self.bytes()?);
                    self.recall(place)?;
                }
                // Also the instruction that imports and calls at once.
                code @ (b'c' | b'i') => {
                    let (module, name) = (self.line()?, self.line()?);
                    let import = import(&module, &name)?;
                    if code == b'i' {
                        return Err(malformed("makes an instance of what it imports"));
                    }
                    self.push(Object::Import(import));
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Object::Text(module), Object::Text(name)) =
                        (&self.objects[module], &self.objects[name])
                    else {
                        return Err(malformed("imports something without a name"));
                    };
                    let import = import(module, name)?;
                    self.push(Object::Import(import));
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id)?;
                    self.push(Object::Storage(storage));
                }
                b'R' | 0x81 => {
                    let (arguments, called) = (self.pop()?, self.pop()?);
                    let made = self.call(called, arguments)?;
                    self.stack.push(made);
                }
                // The attributes of a dictionary: versions of modules, of no weight.
                b'b' => {
                    let (_, of) = (self.pop()?, self.top()?);
                    if !matches!(self.objects[of], Object::Dict(_)) {
                        return Err(malformed("sets attributes of something that is no dictionary"));
                    }
                }
                code => {
                    return Err(malformed(&format!(
                        "holds instruction {code:#04x}, which tensors do not need"
                    )));
                }
            }
        }
    }

    fn push(&mut self, object: Object) {
        self.objects.push(object);
        self.stack.push(self.objects.len() - 1);
    }

    fn top(&self) -> Result<Id, Fault> {
        self.stack.last().copied().ok_or_else(|| malformed("takes from an empty stack"))
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(|| malformed("has no mark where one is needed"))?))
    }

    fn append(&mut self, mut items: Vec<Id>) -> Result<(), Fault> {
        let list = self.top()?;
        let Object::List(list) = &mut self.objects[list] else {
            return Err(malformed("appends to something that is no list"));
        };
        list.append(&mut items);
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<(), Fault> {
        let dict = self.top()?;
        let (Object::Dict(pairs), true) = (&mut self.objects[dict], items.len().is_multiple_of(2)) else {
            return Err(malformed("sets entries of something that is no dictionary"));
        };
        pairs.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        Ok(())
    }

    fn remember(&mut self, place: u32) -> Result<(), Fault> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), Fault> {
        let id = self.memo.get(&place).ok_or_else(|| malformed("recalls what it never remembered"))?;
        self.stack.push(*id);
        Ok(())
    }

    /// What a call of an import gives, from its arguments alone.
    fn call(&mut self, called: Id, arguments: Id) -> Result<Id, Fault> {
        let (Object::Import(import), Object::Tuple(arguments)) =
            (&self.objects[called], &self.objects[arguments])
        else {
            return Err(malformed("calls something that it did not import"));
        };
        let object = match (import, &arguments[..]) {
            (Import::OrderedDict, []) => Object::Dict(Vec::new()),
            (Import::OrderedDict, [pairs]) => Object::Dict(self.pairs(*pairs)?),
            (Import::Size, [dims]) | (Import::Parameter, [dims, ..]) => return Ok(*dims),
            (Import::Tensor, [storage, offset, shape, strides, ..]) => {
                Object::View(self.view(*storage, *offset, *shape, *strides)?)
            }
            _ => return Err(malformed(&format!("calls {import:?} with {} arguments", arguments.len()))),
        };
        self.objects.push(object);
        Ok(self.objects.len() - 1)
    }

    /// A list of pairs, as Python 2 wrote ordered dictionaries.
    fn pairs(&self, list: Id) -> Result<Vec<(Id, Id)>, Fault> {
        let Object::List(items) = &self.objects[list] else {
            return Err(malformed("makes a dictionary of something that is no list"));
        };
        let pair = |item: &Id| match &self.objects[*item] {
            Object::List(pair) | Object::Tuple(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
            _ => Err(malformed("makes a dictionary of something that is no pair")),
        };
        items.iter().map(pair).collect()
    }

    /// `('storage', kind, key, device, length)`, in old files with a view of it at the end.
    fn storage(&self, id: Id) -> Result<Storage, Fault> {
        let fault = || malformed("names a storage in a way of its own");
        let Object::Tuple(parts) = &self.objects[id] else { return Err(fault()) };
        let objects: Vec<&Object> = parts.iter().map(|part| &self.objects[*part]).collect();
        let [
            Object::Text(what),
            Object::Import(Import::Storage(dtype)),
            Object::Text(key),
            _,
            Object::Int(length),
            view @ ..,
        ] = &objects[..]
        else {
            return Err(fault());
        };
        if what != "storage" {
            return Err(fault());
        }
        let offset = match view {
            [] | [Object::None] => 0,
            [Object::Tuple(view)] => self.number(*view.get(1).ok_or_else(fault)?)?,
            _ => return Err(fault()),
        };
        let length = u64::try_from(*length).map_err(|_| fault())?;
        Ok(Storage { key: key.clone(), dtype: *dtype, length, offset })
    }

    fn view(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<View, Fault> {
        let Object::Storage(storage) = &self.objects[storage] else {
            return Err(malformed("makes a tensor of something that is no storage"));
        };
        let numbers = |id: Id| match &self.objects[id] {
            Object::Tuple(items) | Object::List(items) => {
                items.iter().map(|item| Ok(self.number(*item)? as usize)).collect::<Result<Vec<_>, Fault>>()
            }
            _ => Err(malformed("makes a tensor without a shape")),
        };
        let (shape, strides) = (numbers(shape)?, numbers(strides)?);
        if shape.len() != strides.len() {
            return Err(malformed("makes a tensor with a shape and strides that do not go together"));
        }
        Ok(View { storage: storage.clone(), offset: self.number(offset)?, shape, strides })
    }

    fn number(&self, id: Id) -> Result<u64, Fault> {
        let number =
            if let Object::Int(value) = &self.objects[id] { u64::try_from(*value).ok() } else { None };
        number.ok_or_else(|| malformed("has something else where a count is needed"))
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.bytes::<1>()?[0])
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// So many bytes, kept only as they arrive: the length may be a lie.
    fn some(&mut self, length: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        self.reader.take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == length {
            Ok(bytes)
        } else {
            Err(Fault::Truncated("inside its pickle".into()))
        }
    }

    fn text(&mut self, length: u64) -> Result<(), Fault> {
        let bytes = self.some(length)?;
        let text = String::from_utf8(bytes).map_or(Object::Other, Object::Text);
        self.push(text);
        Ok(())
    }

    fn other(&mut self, length: u64) -> Result<(), Fault> {
        self.some(length)?;
        self.push(Object::Other);
        Ok(())
    }

    fn line(&mut self) -> Result<String, Fault> {
        let mut line = Vec::new();
        self.reader.take(256).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(malformed("has a line without an end"));
        }
        String::from_utf8(line).map_err(|_| malformed("imports a name that is no text"))
    }
}

/// A whole number from its little-endian bytes, in two's complement.
fn whole(bytes: &[u8]) -> Object {
    let negative = bytes.last().is_some_and(|last| last & 0x80 > 0);
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    let Some(low) = wide.get_mut(..bytes.len()) else { return Object::Other };
    low.copy_from_slice(bytes);
    Object::Int(i128::from_le_bytes(wide))
}

fn import(module: &str, name: &str) -> Result<Import, Fault> {
    let storage = |name: &str| {
        Some(match name.strip_suffix("Storage")? {
            "Half" => Dtype::F16,
            "BFloat16" => Dtype::Bf16,
            "Float" => Dtype::F32,
            "Double" => Dtype::F64,
            "Long" => Dtype::Whole(8),
            "Int" => Dtype::Whole(4),
            "Short" => Dtype::Whole(2),
            "Char" | "Byte" | "Bool" => Dtype::Whole(1),
            _ => return None,
        })
    };
    let known = match (module, name) {
        ("collections", "OrderedDict") => Some(Import::OrderedDict),
        ("torch", "Size") => Some(Import::Size),
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Import::Tensor),
        ("torch._utils", "_rebuild_parameter") => Some(Import::Parameter),
        ("torch" | "torch.cuda", name) => storage(name).map(Import::Storage),
        _ => None,
    };
    known.ok_or_else(|| Fault::Import(format!("{module}.{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Pickle, Fault> {
        Pickle::read(&mut &bytes[..])
    }

    #[test]
    fn containers_numbers_and_texts_are_built() {
        // pickle.dumps({'a': [1, -2, 300, 2**40, 0.5, None, True], 'b': ('x',)}, protocol=4)
        let bytes = b"\x80\x04\x95.\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xffM,\x01\x8a\x06\x00\x00\x00\x00\x00\x01G?\xe0\x00\x00\x00\x00\x00\x00N\x88e\x8c\x01b\x94\x8c\x01x\x94\x85\x94u.";
        let pickle = read(bytes).unwrap();
        let Some(Object::List(items)) = pickle.entry(pickle.root, "a") else { panic!("{pickle:?}") };
        let items: Vec<&Object> = items.iter().map(|item| pickle.get(*item)).collect();
        let numbers = [1, -2, 300, 1 << 40].map(Object::Int);
        assert_eq!(items[..4], numbers.iter().collect::<Vec<_>>());
        assert_eq!(items[4..], [&Object::Other, &Object::None, &Object::Int(1)]);
        assert!(matches!(pickle.entry(pickle.root, "b"), Some(Object::Tuple(items)) if items.len() == 1));
    }

    #[test]
    fn an_import_that_tensors_do_not_need_is_named_in_every_spelling() {
        for bytes in [
            // pickle.dumps of an object whose __reduce__ gives (os.system, ('true',)), protocols 0, 2 and 4.
            &b"cposix\nsystem\np0\n(Vtrue\np1\ntp2\nRp3\n."[..],
            b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.",
            b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
            // Import and call in one instruction.
            b"(iposix\nsystem\n.",
        ] {
            assert!(matches!(read(bytes), Err(Fault::Import(name)) if name == "posix.system"));
        }
    }

    #[test]
    fn a_machine_that_is_misled_says_so() {
        for bytes in [
            &b"."[..],
            b"K\x01e.",
            b"(K\x01u.",
            b"h\x07.",
            b"K\x01K\x02R.",
            b"N}b.",
            b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
            b"(i",
            b"\xff",
        ] {
            assert!(matches!(read(bytes), Err(Fault::Malformed(_) | Fault::Truncated(_))), "{bytes:?}");
        }
        assert!(matches!(read(b"\x80\x06."), Err(Fault::Newer { found: 6, .. })));
        // A text that is said to be 4 GB long.
        assert!(matches!(read(b"X\xff\xff\xff\xffab"), Err(Fault::Truncated(_))));
    }

    #[test]
    fn whole_numbers_of_any_length_keep_their_sign() {
        assert_eq!(whole(&[]), Object::Int(0));
        assert_eq!(whole(&[0xff]), Object::Int(-1));
        assert_eq!(whole(&[0xff, 0]), Object::Int(255));
        assert_eq!(whole(&[1; 17]), Object::Other);
    }
}
