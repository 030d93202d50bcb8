//! Trajectories from other people's files, written into a store.

mod array;
mod arrays;
mod checksum;
mod manifest;
mod memory;
mod number;
mod published;
mod source;

use std::path::Path;

use ndarray::{ArrayView3, Axis, Slice};

pub use self::array::read_arrays;
pub use self::arrays::Arrays;
pub use self::manifest::{ArrayPlace, Manifest, Names, OutputsPlace, ReadoutPlaces};
pub use self::memory::Values;
pub(crate) use self::number::all_finite;
pub use self::published::{Published, import_npz};
pub use self::source::ArrayTrajectories;
use crate::{BlockData, Error, Store, StoreWriter, Work};

/// Write the trajectories that a manifest (a JSON file, see [`Manifest`]) describes into a
/// store at `out`. Stopped or killed, it continues when called again.
///
/// Files are read some images at a time, within the budget. Values of 64 bits are rounded
/// to the nearest of 32.
///
/// # Errors
/// Files that cannot be read; arrays that are missing, of other shapes than the others ask
/// for, or not numbers; values that are not finite; whatever keeps a store from being
/// written.
pub fn import(manifest: &Path, out: &Path, work: &Work<'_>) -> Result<Store, Error> {
    Arrays::of(&Manifest::read(manifest)?, manifest)?.save(out, work)
}

impl Arrays {
    /// Write them into a store at `out`, some images at a time. Stopped or killed, it continues
    /// when called again.
    ///
    /// # Errors
    /// Arrays that cannot be read, whatever keeps a store from being written, a request to stop.
    pub fn save(&self, out: &Path, work: &Work<'_>) -> Result<Store, Error> {
        self.need_judged()?;
        let mut plan = self.plan.clone();
        // Beside the numbers themselves, of the largest array: its bytes as they are in the
        // file, a copy with its axes in order, and one that is being encoded.
        let sizes = self.taps.iter().chain(&self.outputs).map(|of| of.shape()[1..].iter().product::<usize>());
        let largest = sizes.max().unwrap_or(0) as u64;
        let per_image = plan.bytes_per_image() + (8 + 4 + 4) * largest;
        if per_image > work.budget {
            return Err(Error::Memory { budget: work.budget, needed: per_image });
        }
        let n_images = plan.n_images();
        let batch = (work.budget / per_image).min(n_images as u64) as usize;
        plan = plan.with_block_in(work.budget)?;
        plan.block = plan.block.min(batch);
        let batch = batch / plan.block * plan.block;
        let mut writer = StoreWriter::create_or_resume(out, &plan)?;
        while let Some(next) = writer.next_block() {
            let first = next.start;
            let images = first..(first + batch).min(n_images);
            let taps = self.taps.iter().map(|tap| tap.read(images.clone())).collect::<Result<Vec<_>, _>>()?;
            let outputs = self.read_outputs(images.clone(), &plan.taps[0].area, &taps[0])?;
            while let Some(block) = writer.next_block().filter(|block| block.end <= images.end) {
                work.check()?;
                let part = Slice::from(block.start - first..block.end - first);
                let outputs = outputs.slice_axis(Axis(0), part);
                let outputs: ArrayView3<f32> =
                    outputs.into_dimensionality().map_err(|error| Error::plan(error.to_string()))?;
                let taps = taps.iter().map(|tap| tap.slice_axis(Axis(0), part)).collect();
                (work.progress)(block.end, n_images);
                writer.write(&BlockData { images: block, outputs, taps })?;
            }
        }
        writer.finish()?;
        Store::open(out)
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::{Diagnose, TrajectorySource};
    use safetensors::tensor::{Dtype, TensorView};
    use serde_json::{Value, json};

    use super::*;
    use crate::Spatial;

    fn write_tensors(path: &Path, tensors: &[(&str, &[usize], Vec<f32>)]) {
        let bytes: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect())
            .collect();
        let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
            (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views, None, path).unwrap();
    }

    /// Four images, two steps, three units, two classes.
    fn folder() -> (tempfile::TempDir, Value) {
        let folder = tempfile::tempdir().unwrap();
        let range = |n: usize| (0..n).map(|value| value as f32).collect::<Vec<_>>();
        write_tensors(
            &folder.path().join("all.safetensors"),
            &[
                ("it", &[3, 4, 2], range(24)),
                ("once", &[4], range(4)),
                ("logits", &[4, 2, 2], range(16)),
                ("labels", &[4], vec![0.0, 1.0, 1.0, 0.0]),
                ("weight", &[3, 2], range(6)),
                ("bias", &[2], vec![0.5, -0.5]),
                ("none", &[0], vec![]),
            ],
        );
        let place = |key: &str, axes: &[&str]| json!({ "file": "all.safetensors", "key": key, "axes": axes });
        let manifest = json!({
            "name": "toy", "network": "somebody's",
            "taps": { "it": place("it", &["unit", "image", "step"]) },
            "outputs": place("logits", &["image", "step", "class"]),
            "labels": { "file": "all.safetensors", "key": "labels" },
            "readout": {
                "tap": "it",
                "weight": place("weight", &["unit", "class"]),
                "bias": { "file": "all.safetensors", "key": "bias" },
            },
            "classes": ["pug", "mug"],
        });
        (folder, manifest)
    }

    fn attempt(folder: &tempfile::TempDir, manifest: &Value) -> Result<Store, Error> {
        let path = folder.path().join("manifest.json");
        std::fs::write(&path, manifest.to_string()).unwrap();
        let out = folder.path().join("out.zarr");
        let _ = std::fs::remove_dir_all(&out);
        import(&path, &out, &Work::within(1 << 20))
    }

    fn refusal(change: impl Fn(&mut Value)) -> String {
        let (folder, mut manifest) = folder();
        change(&mut manifest);
        let text = attempt(&folder, &manifest).unwrap_err().to_string();
        text.replace(&folder.path().display().to_string(), "F")
    }

    #[test]
    fn axes_come_in_the_order_the_manifest_says() {
        let (folder, manifest) = folder();
        let store = attempt(&folder, &manifest).unwrap();
        let it = store.trajectories("it", Spatial::Flatten).unwrap();
        let block = it.read_images(0..4).unwrap();
        for ((image, step, unit), &value) in block.representations.indexed_iter() {
            assert_eq!(value, (unit * 8 + image * 2 + step) as f32);
        }
        assert_eq!(block.logits[[3, 1, 0]], 14.0);
        assert_eq!(block.labels, [0, 1, 1, 0]);
        let readout = it.description().readout.as_ref().unwrap();
        assert_eq!(readout.weight, ndarray::array![[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]);
        assert_eq!(readout.bias, Some(ndarray::array![0.5, -0.5]));
        assert_eq!(store.image_ids(), ["0", "1", "2", "3"]);
    }

    #[test]
    fn absent_outputs_are_computed_by_the_readout() {
        let (folder, mut manifest) = folder();
        manifest.as_object_mut().unwrap().remove("outputs");
        manifest["readout"]["delay"] = 1.into();
        let store = attempt(&folder, &manifest).unwrap();
        let it = store.trajectories("it", Spatial::Flatten).unwrap();
        assert_eq!(it.steps(), [0, 1]);
        assert_eq!(store.info().unwrap().output_steps, [1, 2]);
        let block = it.read_images(0..4).unwrap();
        for ((image, step, class), &value) in block.logits.indexed_iter() {
            let unit = |unit: usize| (unit * 8 + image * 2 + step) as f32 * (2 * unit + class) as f32;
            assert_eq!(value, (0..3).map(unit).sum::<f32>() + [0.5, -0.5][class]);
        }
    }

    #[test]
    fn an_array_without_steps_or_units_has_one() {
        let (folder, mut manifest) = folder();
        let once = json!({ "file": "all.safetensors", "key": "once", "axes": ["image"], "steps": [1] });
        manifest["taps"] = json!({ "once": once });
        manifest.as_object_mut().unwrap().remove("readout");
        let store = attempt(&folder, &manifest).unwrap();
        let once = store.trajectories("once", Spatial::Flatten).unwrap();
        let block = once.read_images(0..4).unwrap();
        assert_eq!((once.steps(), block.representations.dim()), (vec![1], (4, 1, 1)));
        assert_eq!((block.representations[[3, 0, 0]], block.logits[[3, 0, 1]]), (3.0, 15.0));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(
            refusal(|m| m["labels"]["key"] = "lables".into()),
            "`F/all.safetensors` has no array `lables`"
        );
        assert_eq!(
            refusal(|m| m["labels"]["key"] = "bias".into()),
            "`F/all.safetensors`, `it` has shape [3, 4, 2], expected 2 images, as there are labels"
        );
        assert_eq!(
            refusal(|m| m["labels"]["key"] = "once".into()),
            "`F/all.safetensors`, `once`: image 2 has label 2, there are 2 classes"
        );
        assert_eq!(
            refusal(|m| m["taps"]["it"]["axes"] = json!(["unit", "step", "image"])),
            "`F/all.safetensors`, `it` has shape [3, 4, 2], expected 4 images, as there are labels"
        );
        assert_eq!(
            refusal(|m| m["taps"]["it"]["axes"] = json!(["unit", "image"])),
            "`F/all.safetensors`, `it` has shape [3, 4, 2], expected 2 axes: unit, image"
        );
        assert_eq!(
            refusal(|m| m["taps"]["it"]["axes"] = json!(["unit", "pictures", "step"])),
            "`F/all.safetensors`, `it`: no axis is called `image` (axes: unit, pictures, step)"
        );
        assert!(refusal(|m| m["classes"] = json!(["pug"])).contains("1 names of classes, the arrays have 2"));
        assert!(refusal(|m| m["readout"]["tap"] = "v9".into()).contains("`v9`"));
        assert!(refusal(|m| m["classses"] = json!([])).contains("unknown field `classses`"));
        assert!(refusal(|m| m["labels"]["file"] = "gone.npy".into()).contains("cannot open `F/gone.npy`"));
        let (folder, mut manifest) = folder();
        manifest["labels"]["key"] = "lables".into();
        assert!(attempt(&folder, &manifest).unwrap_err().hint().unwrap().contains("did you mean `labels`?"));
    }

    #[test]
    fn a_value_that_is_not_finite_is_found_in_its_file() {
        let (folder, manifest) = folder();
        let path = folder.path().join("all.safetensors");
        let whole = std::fs::read(&path).unwrap();
        let refusal = |value: f32, by: f32| {
            // The last place of that value: values of other arrays before it are equal.
            let found = whole.windows(4).rposition(|bytes| bytes == value.to_le_bytes()).unwrap();
            let mut bytes = whole.clone();
            bytes[found..found + 4].copy_from_slice(&by.to_le_bytes());
            std::fs::write(&path, bytes).unwrap();
            let text = attempt(&folder, &manifest).unwrap_err().to_string();
            text.replace(&folder.path().display().to_string(), "F")
        };
        assert_eq!(refusal(23.0, f32::NAN), "`F/all.safetensors`, `it`: image 3 has NaN at step 1");
        assert_eq!(refusal(15.0, f32::INFINITY), "`F/all.safetensors`, `logits`: image 3 has inf at step 1");
        assert_eq!(refusal(-0.5, f32::NAN), "`F/all.safetensors`, `bias`: NaN at [1]");
    }

    #[test]
    fn without_outputs_and_readout_there_are_trajectories_but_no_store() {
        let (folder, mut manifest) = folder();
        for key in ["outputs", "readout", "classes"] {
            manifest.as_object_mut().unwrap().remove(key);
        }
        let message = attempt(&folder, &manifest).unwrap_err().to_string();
        assert!(message.ends_with("neither `outputs` nor a `readout` to compute them"), "{message}");
        let recording = crate::Recording::open(folder.path().join("manifest.json")).unwrap();
        assert!(!recording.is_judged() && recording.trajectories("it", Spatial::Flatten).is_err());
        let it = recording.representations("it", Spatial::Flatten).unwrap();
        assert_eq!((it.description().classes.len(), it.description().n_steps), (2, 2));
        let block = it.read(1..3).unwrap();
        assert_eq!(block.representations[[1, 1, 2]], (2 * 8 + 2 * 2 + 1) as f32);
        assert!(block.logits.iter().all(|&logit| logit == 0.0));
    }

    #[test]
    fn the_documented_manifest_is_one() {
        let manifest: Manifest = serde_json::from_str(include_str!("manifest.json")).unwrap();
        assert_eq!((manifest.taps.len(), manifest.files().len()), (2, 6));
    }
}
