//! Safetensors files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Dtype as Kind, Metadata};

use super::span::{Check, Span};
use super::{Dtype, Fault, Found, Place, Stored};

pub(super) fn open(path: &Path) -> Result<Found, Fault> {
    let partly =
        |why: &dyn std::fmt::Display| Fault::Malformed(format!("not a whole safetensors file ({why})"));
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut size = [0; 8];
    file.read_exact(&mut size)?;
    let size = u64::from_le_bytes(size);
    if size > length.saturating_sub(8) {
        return Err(partly(&"its header would be longer than the file"));
    }
    let mut header = Vec::new();
    file.take(size).read_to_end(&mut header)?;
    let header: Metadata = serde_json::from_slice(&header).map_err(|error| partly(&error))?;
    let promised = header.tensors().values().map(|info| info.data_offsets.1 as u64).max().unwrap_or_default();
    if promised != length - 8 - size {
        return Err(partly(&format!(
            "{} bytes of values, its header promises {promised}",
            length - 8 - size
        )));
    }
    let mut found = Found::default();
    for (name, info) in header.tensors() {
        let dtype = match info.dtype {
            Kind::F16 => Dtype::F16,
            Kind::BF16 => Dtype::Bf16,
            Kind::F32 => Dtype::F32,
            Kind::F64 => Dtype::F64,
            Kind::BOOL | Kind::U8 | Kind::I8 => Dtype::Whole(1),
            Kind::U16 | Kind::I16 => Dtype::Whole(2),
            Kind::U32 | Kind::I32 => Dtype::Whole(4),
            Kind::U64 | Kind::I64 => Dtype::Whole(8),
            other => {
                return Err(Fault::Malformed(format!("`{name}` holds {other:?} values, which are not read")));
            }
        };
        let (start, end) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
        let span = Span {
            file: path.to_owned(),
            start: 8 + size + start,
            length: end.saturating_sub(start),
            check: Check::Nothing,
            offset: 0,
            strides: None,
        };
        span.holds(&info.shape, dtype).map_err(|fault| fault.in_tensor(&name))?;
        found.tensors.insert(name, Stored { shape: info.shape.clone(), dtype, place: Place::Span(span) });
    }
    found.notes.extend(header.metadata().clone().unwrap_or_default());
    Ok(found)
}
