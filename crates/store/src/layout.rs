//! Which Zarr arrays a store consists of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use zarrs::array::builder::ArrayBuilderFillValue;
use zarrs::array::codec::{BytesCodec, Crc32cCodec};
use zarrs::array::{
    Array, ArrayBuilder, ArrayMetadataOptions, ChunkKeySeparator, CodecOptions, DataType, data_type,
};
use zarrs::storage::store::MemoryStore;
use zarrs::storage::{ListableStorageTraits, ReadableStorageTraits};

use crate::header::Header;
use crate::{Error, StorePlan, Tap};

/// One array of a store.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// Its name, which is its folder: `taps/it`.
    pub(crate) name: String,
    kind: Kind,
    pub(crate) shape: Vec<u64>,
    pub(crate) chunk: Vec<u64>,
    dimensions: Vec<String>,
    attributes: Map<String, Value>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Float32,
    Int64,
    Text,
}

impl Spec {
    fn builder(&self) -> ArrayBuilder {
        // A chunk that is not there reads as NaN in other tools: never as a plausible zero.
        let (kind, fill): (DataType, ArrayBuilderFillValue) = match self.kind {
            Kind::Float32 => (data_type::float32(), f32::NAN.into()),
            Kind::Int64 => (data_type::int64(), (-1_i64).into()),
            Kind::Text => (data_type::string(), "".into()),
        };
        let mut builder = ArrayBuilder::new(self.shape.clone(), self.chunk.clone(), kind, fill);
        if !matches!(self.kind, Kind::Text) {
            builder.array_to_bytes_codec(Arc::new(BytesCodec::little()));
        }
        builder
            .bytes_to_bytes_codecs(vec![Arc::new(Crc32cCodec::new())])
            .chunk_key_encoding_default_separator(ChunkKeySeparator::Dot)
            .dimension_names(Some(self.dimensions.clone()))
            .attributes(self.attributes.clone());
        builder
    }

    /// The array, kept in `storage`. Its metadata are not written by this.
    pub(crate) fn on<S>(&self, storage: Arc<S>) -> Result<Array<S>, Error> {
        let array = self.builder().build(storage, &format!("/{}", self.name));
        array.map_err(|error| Error::plan(format!("array `{}`: {error}", self.name)))
    }

    fn metadata(&self) -> Result<Value, Error> {
        let array = self.on(Arc::new(MemoryStore::new()))?;
        let options = ArrayMetadataOptions::default().with_include_zarrs_metadata(false);
        serde_json::to_value(array.metadata_opt(&options)).map_err(|error| Error::plan(error.to_string()))
    }

    /// The key of the chunk that holds a block.
    pub(crate) fn chunk_key(&self, block: usize) -> String {
        let rest = ".0".repeat(self.shape.len() - 1);
        format!("{}/c.{block}{rest}", self.name)
    }

    /// Length of an encoded chunk of numbers, with its checksum.
    pub(crate) fn chunk_bytes(&self) -> u64 {
        self.chunk.iter().product::<u64>() * 4 + 4
    }
}

/// How chunks are written: all of them, also one that equals the fill value.
pub(crate) fn keep_everything() -> CodecOptions {
    CodecOptions::default().with_store_empty_chunks(true)
}

/// An array written once, as one chunk.
fn small(name: &str, kind: Kind, dimensions: &[(&str, usize)]) -> Spec {
    let shape: Vec<u64> = dimensions.iter().map(|&(_, size)| size as u64).collect();
    Spec {
        name: name.into(),
        kind,
        chunk: shape.clone(),
        shape,
        dimensions: dimensions.iter().map(|&(name, _)| name.to_owned()).collect(),
        attributes: Map::new(),
    }
}

impl Header {
    /// Labels: `labels`, i64 `[image]`.
    pub(crate) fn labels(&self) -> Spec {
        small("labels", Kind::Int64, &[("image", self.n_images)])
    }

    /// Names of the images: `image_id`, text `[image]`.
    pub(crate) fn image_ids(&self) -> Spec {
        small("image_id", Kind::Text, &[("image", self.n_images)])
    }

    /// Weight of the readout: `readout/weight`, f32 `[class, unit]`.
    pub(crate) fn readout_weight(&self) -> Option<Spec> {
        let place = self.readout.as_ref()?;
        let (n_classes, unit) = (self.about.classes.len(), format!("{}_unit", place.tap));
        let dimensions = [("class", n_classes), (unit.as_str(), place.n_units)];
        Some(small("readout/weight", Kind::Float32, &dimensions))
    }

    /// Bias of the readout: `readout/bias`, f32 `[class]`.
    pub(crate) fn readout_bias(&self) -> Option<Spec> {
        let place = self.readout.as_ref()?;
        let dimensions = [("class", self.about.classes.len())];
        place.has_bias.then(|| small("readout/bias", Kind::Float32, &dimensions))
    }

    /// An area: `taps/<area>`, f32 `[image, step, unit...]`.
    ///
    /// Dimensions that differ from area to area carry its name, as xarray wants sizes of one
    /// name to agree within a group: `it_unit`, and `it_step` where steps are missing.
    pub(crate) fn tap(&self, tap: &Tap) -> Spec {
        let axes = tap.shape.iter().map(|axis| (format!("{}_{}", tap.area, axis.name), axis.size));
        let mut spec = self.blocked(format!("taps/{}", tap.area), &tap.area, &tap.steps, axes);
        spec.attributes.insert("steps".into(), json!(tap.steps));
        spec.attributes.insert("depends_on_image_from".into(), json!(tap.depends_on_image_from));
        spec
    }

    /// The outputs: `logits` or `log_probs`, f32 `[image, step, class]`.
    pub(crate) fn outputs(&self) -> Spec {
        let name = self.outputs.array();
        let classes = [("class".to_owned(), self.about.classes.len())];
        let mut spec = self.blocked(name.into(), name, &self.output_steps, classes.into_iter());
        spec.attributes.insert("steps".into(), json!(self.output_steps));
        spec
    }

    fn blocked(
        &self,
        name: String,
        owner: &str,
        steps: &[usize],
        axes: impl Iterator<Item = (String, usize)>,
    ) -> Spec {
        let step = if steps.len() == self.n_steps { "step".into() } else { format!("{owner}_step") };
        let leading = [("image".to_owned(), self.n_images), (step, steps.len())];
        let (dimensions, shape): (Vec<String>, Vec<u64>) =
            leading.into_iter().chain(axes).map(|(name, size)| (name, size as u64)).unzip();
        let mut chunk = shape.clone();
        chunk[0] = self.block as u64;
        Spec { name, kind: Kind::Float32, shape, chunk, dimensions, attributes: Map::new() }
    }

    /// The arrays that are written block by block, in the order in which a block is written.
    pub(crate) fn blocked_arrays(&self) -> Vec<Spec> {
        self.taps.iter().map(|tap| self.tap(tap)).chain([self.outputs()]).collect()
    }

    /// All arrays.
    pub(crate) fn arrays(&self) -> Vec<Spec> {
        let once = [Some(self.labels()), Some(self.image_ids()), self.readout_weight(), self.readout_bias()];
        once.into_iter().flatten().chain(self.blocked_arrays()).collect()
    }

    /// The root's `zarr.json`, with the metadata of everything below consolidated.
    pub(crate) fn root_json(&self) -> Result<Vec<u8>, Error> {
        let below = self.metadata_below()?;
        let root = json!({
            "zarr_format": 3,
            "node_type": "group",
            "attributes": self,
            "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": below },
        });
        Ok(pretty(&root))
    }

    /// Metadata of every group and array below the root, by path.
    fn metadata_below(&self) -> Result<BTreeMap<String, Value>, Error> {
        let group = json!({ "zarr_format": 3, "node_type": "group", "attributes": {} });
        let mut below = BTreeMap::new();
        for array in self.arrays() {
            if let Some((parent, _)) = array.name.split_once('/') {
                below.insert(parent.to_owned(), group.clone());
            }
            below.insert(array.name.clone(), array.metadata()?);
        }
        Ok(below)
    }

    /// Every file but the root's metadata and the blocks, as (key, bytes).
    pub(crate) fn small_files(&self, plan: &StorePlan) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let memory = Arc::new(MemoryStore::new());
        let refused = |error: &dyn std::fmt::Display| Error::plan(error.to_string());
        let labels: Vec<i64> = plan.labels.iter().map(|&label| label.cast_signed() as i64).collect();
        let options = keep_everything();
        let stored = self.labels().on(memory.clone())?.store_chunk_opt(&[0], labels, &options);
        stored.map_err(|error| refused(&error))?;
        let stored =
            self.image_ids().on(memory.clone())?.store_chunk_opt(&[0], plan.image_ids.clone(), &options);
        stored.map_err(|error| refused(&error))?;
        if let (Some(weight), Some(planned)) = (self.readout_weight(), &plan.readout) {
            let values: Vec<f32> = planned.readout.weight.iter().copied().collect();
            let stored = weight.on(memory.clone())?.store_chunk_opt(&[0, 0], values, &options);
            stored.map_err(|error| refused(&error))?;
            if let (Some(spec), Some(bias)) = (self.readout_bias(), &planned.readout.bias) {
                let stored = spec.on(memory.clone())?.store_chunk_opt(&[0], bias.to_vec(), &options);
                stored.map_err(|error| refused(&error))?;
            }
        }
        let below = self.metadata_below()?;
        let mut files: Vec<(String, Vec<u8>)> =
            below.iter().map(|(name, metadata)| (format!("{name}/zarr.json"), pretty(metadata))).collect();
        for key in memory.list().map_err(|error| refused(&error))? {
            let bytes = memory.get(&key).map_err(|error| refused(&error))?.unwrap_or_default();
            files.push((key.as_str().to_owned(), bytes.to_vec()));
        }
        Ok(files)
    }
}

fn pretty(value: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("a JSON value is JSON")
}

/// An array as found on disk, checked against what the root says it is.
///
/// # Errors
/// Metadata that are missing, broken, or of another array.
pub(crate) fn open(
    spec: &Spec,
    files: &Arc<crate::files::Files>,
) -> Result<Array<crate::files::Files>, Error> {
    let path: PathBuf = files.path(&spec.name).join("zarr.json");
    let found = Array::open(files.clone(), &format!("/{}", spec.name))
        .map_err(|error| Error::Metadata { path: path.clone(), reason: error.to_string() })?;
    let expected = spec.on(files.clone())?;
    let chunk = |array: &Array<_>| array.chunk_shape(&vec![0; array.shape().len()]).ok();
    if found.shape() != expected.shape()
        || found.data_type() != expected.data_type()
        || chunk(&found) != chunk(&expected)
        || found.chunk_key(&vec![0; found.shape().len()]).as_str() != spec.chunk_key(0)
    {
        let reason = format!("an array of shape {:?}, the root says {:?}", found.shape(), expected.shape());
        return Err(Error::Metadata { path, reason });
    }
    Ok(found)
}
