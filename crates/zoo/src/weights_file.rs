//! Weights on disk: safetensors under the reference's own key names.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use redyn_core::replace_file;
use redyn_network::{Tensor, Weights};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use crate::ZooError;

/// Read weights and the file's own notes.
///
/// # Errors
/// A file that cannot be read, is no safetensors file, or holds a tensor that is not f32.
pub fn read_weights(path: &Path) -> Result<(Weights, HashMap<String, String>), ZooError> {
    let bytes = std::fs::read(path).map_err(|source| ZooError::File { path: path.to_owned(), source })?;
    let fault = |why: String| ZooError::Format { path: path.to_owned(), why };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| fault(explain(&error)))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| fault(explain(&error)))?;
    let mut weights = Weights::default();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(fault(format!("`{name}` holds {:?} values, not f32", view.dtype())));
        }
        let data =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        weights.0.insert(name, Tensor { shape: view.shape().to_vec(), data });
    }
    Ok((weights, header.metadata().clone().unwrap_or_default()))
}

fn explain(error: &safetensors::SafeTensorError) -> String {
    format!("not a whole safetensors file ({error})")
}

/// Write weights and notes; the file appears whole or not at all.
///
/// # Errors
/// A folder that cannot be written to, a full disk.
pub fn write_weights(
    path: &Path,
    weights: &Weights,
    notes: &HashMap<String, String>,
) -> Result<(), ZooError> {
    let failed = |source: std::io::Error| ZooError::File { path: path.to_owned(), source };
    let bytes: Vec<(&String, &Tensor, Vec<u8>)> = weights
        .0
        .iter()
        .map(|(name, tensor)| {
            (name, tensor, tensor.data.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views: Vec<(&String, TensorView)> = bytes
        .iter()
        .map(|(name, tensor, bytes)| {
            let view =
                TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).expect("shape and data agree");
            (*name, view)
        })
        .collect();
    let bare = safetensors::serialize(views, None)
        .map_err(|error| ZooError::Format { path: path.to_owned(), why: error.to_string() })?;
    let whole = with_notes(&bare, notes);
    replace_file(path, &whole).map_err(failed)
}

/// A file without notes, with notes in the order of their names.
///
/// The safetensors crate writes them in the order of a hash map, which is another one every
/// time: the same weights would not give the same file.
fn with_notes(bare: &[u8], notes: &HashMap<String, String>) -> Vec<u8> {
    let (length, rest) = bare.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
    let (header, values) = rest.split_at(length);
    let ordered: BTreeMap<&String, &String> = notes.iter().collect();
    let mut noted = br#"{"__metadata__":"#.to_vec();
    noted.extend(serde_json::to_vec(&ordered).expect("plain text"));
    let tensors = header[1..].trim_ascii();
    if tensors != b"}" {
        noted.push(b',');
    }
    noted.extend(tensors);
    noted.resize(noted.len().next_multiple_of(8), b' ');
    [&(noted.len() as u64).to_le_bytes(), &noted[..], values].concat()
}

/// SHA-256 over names, shapes and values, in hexadecimal: the same for the same
/// weights in whatever file.
pub fn digest(weights: &Weights) -> String {
    let mut hasher = Sha256::new();
    for (name, tensor) in &weights.0 {
        hasher.update(format!("{name} {:?}\n", tensor.shape));
        for value in &tensor.data {
            hasher.update(value.to_le_bytes());
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Weights {
        let network = crate::build("blt64:width=0.05,image_size=8,classes=3").unwrap();
        Weights::initial(&network.graph, 1)
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.safetensors");
        let notes = HashMap::from([("spec".to_owned(), "blt64".to_owned())]);
        write_weights(&path, &weights(), &notes).unwrap();
        let (read, noted) = read_weights(&path).unwrap();
        assert_eq!(read, weights());
        assert_eq!(noted, notes);
        assert_eq!(digest(&read), digest(&weights()));
    }

    #[test]
    fn the_same_weights_and_notes_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |weights: &Weights, n_notes: usize| {
            let path = folder.path().join("net.safetensors");
            // Two hash maps of equal content hand out their entries in different orders.
            let notes: HashMap<_, _> = (0..n_notes).map(|n| (format!("note {n}"), format!("{n}"))).collect();
            write_weights(&path, weights, &notes).unwrap();
            let (read, noted) = read_weights(&path).unwrap();
            assert_eq!((&read, noted), (weights, notes));
            std::fs::read(path).unwrap()
        };
        for (weights, n_notes) in [(weights(), 20), (weights(), 0), (Weights::default(), 20)] {
            assert_eq!(write(&weights, n_notes), write(&weights, n_notes));
        }
    }

    #[test]
    fn a_truncated_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.safetensors");
        write_weights(&path, &weights(), &HashMap::new()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        let message = read_weights(&path).unwrap_err().to_string();
        assert!(message.contains("net.safetensors: not a whole safetensors file"), "{message}");
    }

    #[test]
    fn one_changed_value_changes_the_digest() {
        let mut changed = weights();
        changed.0.get_mut("readout.weight").unwrap().data[0] += 1e-3;
        assert_ne!(digest(&changed), digest(&weights()));
    }
}
