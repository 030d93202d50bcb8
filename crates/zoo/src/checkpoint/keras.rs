//! Weights in HDF5, as Keras 1 and 2 write them.
//!
//! The root, or the group `model_weights` of a whole model, lists its layers in the
//! attribute `layer_names`; each layer's group lists its tensors in `weight_names`, the
//! path of each from there. A list too long for one attribute goes on in `layer_names0`,
//! `layer_names1` and so on. A tensor is called `LAYER/VARIABLE` here, whatever lies between.

use std::path::Path;

use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, Hdf5File};

use super::{Dtype, Fault, Found, Place, Stored};

pub(super) fn open(path: &Path) -> Result<Found, Fault> {
    let file = Hdf5File::open(path).map_err(broken)?;
    let root = file.root_group().map_err(broken)?;
    let mut found = Found::default();
    let layers = match (names(&root, "layer_names")?, root.group("model_weights")) {
        (Some(layers), _) => layers,
        (None, Ok(whole)) => {
            found.within = Some("model_weights".into());
            names(&whole, "layer_names")?.ok_or_else(unknown)?
        }
        // Keras 3 numbers the variables of each layer instead.
        (None, Err(_))
            if root.group("layers").is_ok() || root.group("_layer_checkpoint_dependencies").is_ok() =>
        {
            return Err(Fault::Newer { what: "weights of Keras", found: 3, reads: 2 });
        }
        (None, Err(_)) => return Err(unknown()),
    };
    let top = found.within.as_ref().map_or_else(String::new, |group| format!("{group}/"));
    for layer in layers {
        let group = file.group(&format!("{top}{layer}")).map_err(broken)?;
        for weight in names(&group, "weight_names")?.unwrap_or_default() {
            let dataset = file.dataset(&format!("{top}{layer}/{weight}")).map_err(broken)?;
            let variable = weight.rsplit('/').next().unwrap_or(&weight).trim_end_matches(":0");
            let name = format!("{layer}/{variable}");
            let dtype = match dataset.dtype() {
                Datatype::FloatingPoint { size: 2, .. } => Dtype::F16,
                Datatype::FloatingPoint { size: 4, .. } => Dtype::F32,
                Datatype::FloatingPoint { size: 8, .. } => Dtype::F64,
                Datatype::FixedPoint { size, .. } => Dtype::Whole(*size),
                other => return Err(Fault::Malformed(format!("`{name}` holds {other:?}, not numbers"))),
            };
            let shape = dataset.shape().iter().map(|&length| length as usize).collect();
            let stored = Stored { shape, dtype, place: Place::Hdf5(Box::new(dataset)) };
            if found.tensors.insert(name.clone(), stored).is_some() {
                return Err(Fault::Malformed(format!("two tensors are called `{name}`")));
            }
        }
    }
    Ok(found)
}

/// The values of a tensor, in row-major order.
pub(super) fn read(dataset: &Dataset, dtype: Dtype) -> Result<Vec<f32>, Fault> {
    let mut bytes = dataset.read_native_bytes().map_err(broken)?;
    if cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    }
    dtype.decode(&bytes).ok_or_else(|| dtype.no_fraction())
}

fn broken(error: impl std::fmt::Display) -> Fault {
    Fault::Malformed(format!("not a whole HDF5 file of weights ({error})"))
}

fn unknown() -> Fault {
    Fault::Malformed("an HDF5 file without `layer_names`: not weights that Keras wrote".into())
}

/// A list of names in an attribute, or in as many as it takes; none if there is no such attribute.
fn names(group: &Group, attribute: &str) -> Result<Option<Vec<String>>, Fault> {
    let attributes = group.attributes().map_err(broken)?;
    let list = |name: &str| {
        let attribute = attributes.iter().find(|attribute| attribute.name == name)?;
        Some(match attribute.num_elements() {
            // NumPy keeps an empty list as an array of fractions.
            Ok(0) => Ok(Vec::new()),
            _ => attribute.read_strings().map_err(broken),
        })
    };
    if let Some(names) = list(attribute) {
        return names.map(Some);
    }
    let parts = (0..).map_while(|part| list(&format!("{attribute}{part}")));
    let names = parts.collect::<Result<Vec<_>, _>>()?.concat();
    Ok((!names.is_empty()).then_some(names))
}
