//! Trajectories from other people's files.

mod array;
mod manifest;
mod number;
mod published;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Array3, ArrayD, ArrayView3, Axis, Dimension, Ix1, Ix2, Slice};
use redyn_core::{Hierarchy, Readout};
use sha2::{Digest, Sha256};

use self::array::StoredArray;
pub use self::manifest::{ArrayPlace, Manifest, Names, OutputsPlace, ReadoutPlaces};
pub use self::published::{Published, import_npz};
use crate::header::hex;
use crate::{
    About, BlockData, Error, Outputs, PlannedReadout, Store, StorePlan, StoreWriter, Tap, UnitAxis, Work,
};

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
    Import::of(&Manifest::read(manifest)?, manifest)?.write(out, work)
}

/// One array with images, steps and perhaps units, brought to `[image, step, unit...]`.
struct Activations {
    array: StoredArray,
    /// For each axis of the result, the axis of the file; none: one step is put in.
    from: Vec<Option<usize>>,
    image_axis: Axis,
    steps: Vec<usize>,
    units: Vec<UnitAxis>,
}

impl Activations {
    fn open(place: &ArrayPlace) -> Result<Self, Error> {
        let array = StoredArray::open(&place.file, place.key.as_deref())?;
        let Some(axes) = &place.axes else {
            return Err(
                array.refuse("the manifest must name its `axes`, such as [\"image\", \"step\", \"unit\"]")
            );
        };
        let shape = array.shape();
        if axes.len() != shape.len() {
            return Err(array.refuse_shape(format!("{} axes: {}", axes.len(), axes.join(", "))));
        }
        if let Some(twice) = (1..axes.len()).find(|&axis| axes[..axis].contains(&axes[axis])) {
            return Err(array.refuse(format!("two axes are called `{}`", axes[twice])));
        }
        let find = |name: &str| axes.iter().position(|axis| axis == name);
        let Some(image) = find("image") else {
            return Err(array.refuse(format!("no axis is called `image` (axes: {})", axes.join(", "))));
        };
        let step = find("step");
        let n_steps = step.map_or(1, |axis| shape[axis]);
        let steps = place.steps.clone().unwrap_or_else(|| (0..n_steps).collect());
        if steps.len() != n_steps {
            return Err(array.refuse(format!("{} `steps` are named, the array has {n_steps}", steps.len())));
        }
        let others: Vec<usize> =
            (0..axes.len()).filter(|&axis| axis != image && Some(axis) != step).collect();
        let mut units: Vec<UnitAxis> =
            others.iter().map(|&axis| UnitAxis { name: axes[axis].clone(), size: shape[axis] }).collect();
        if units.is_empty() {
            units.push(UnitAxis { name: "unit".into(), size: 1 });
        }
        let from = [Some(image), step].into_iter().chain(others.into_iter().map(Some)).collect();
        Ok(Self { image_axis: Axis(image), from, steps, units, array })
    }

    fn n_images(&self) -> usize {
        self.array.shape()[self.image_axis.index()]
    }

    fn n_values(&self) -> usize {
        self.steps.len() * self.units.iter().map(|axis| axis.size).product::<usize>()
    }

    /// `[image, step, unit...]` of some images, in standard layout, all finite.
    fn read(&self, images: std::ops::Range<usize>) -> Result<ArrayD<f32>, Error> {
        let first = images.start;
        let part: ArrayD<f32> = self.array.gather(self.image_axis, images)?;
        let axes: Vec<usize> = self.from.iter().copied().flatten().collect();
        let mut part = part.permuted_axes(axes);
        if self.from[1].is_none() {
            part.insert_axis_inplace(Axis(1));
        }
        if part.ndim() == 2 {
            part.insert_axis_inplace(Axis(2));
        }
        let part = if part.is_standard_layout() { part } else { part.as_standard_layout().into_owned() };
        self.check_finite(&part, first)?;
        Ok(part)
    }

    fn check_finite(&self, part: &ArrayD<f32>, first: usize) -> Result<(), Error> {
        if part.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        let mut values = part.indexed_iter();
        values.find(|(_, value)| !value.is_finite()).map_or(Ok(()), |(at, value)| {
            let (image, step) = (first + at[0], self.steps[at[1]]);
            Err(self.array.refuse(format!("image {image} has {value} at step {step}")))
        })
    }
}

/// Everything opened and found to fit together.
struct Import {
    plan: StorePlan,
    taps: Vec<Activations>,
    /// None: computed by the readout.
    outputs: Option<Activations>,
}

impl Import {
    fn of(manifest: &Manifest, path: &Path) -> Result<Self, Error> {
        let refused = |reason: String| Error::Manifest { path: path.to_owned(), reason };
        if manifest.taps.is_empty() {
            return Err(refused("`taps` names no area".into()));
        }
        let taps: BTreeMap<&String, Activations> = manifest
            .taps
            .iter()
            .map(|(area, place)| Ok((area, Activations::open(place)?)))
            .collect::<Result<_, Error>>()?;
        let outputs = manifest.outputs.as_ref().map(|place| Activations::open(&place.array)).transpose()?;
        let labels = StoredArray::open(&manifest.labels.file, manifest.labels.key.as_deref())?;
        let n_images = labels.shape().iter().product();
        for activations in taps.values().chain(&outputs) {
            if activations.n_images() != n_images {
                return Err(activations
                    .array
                    .refuse_shape(format!("{n_images} images, as there are labels")));
            }
        }
        let readout = manifest.readout.as_ref().map(read_readout).transpose()?.flatten();
        let read = match &readout {
            None => None,
            Some(planned) => Some(taps.get(&planned.tap).ok_or_else(|| {
                let known: Vec<&str> = taps.keys().map(|area| area.as_str()).collect();
                refused(format!("the readout reads `{}`, `taps` has {}", planned.tap, known.join(", ")))
            })?),
        };
        let (n_classes, output_steps) = match (&outputs, &readout, read) {
            (Some(outputs), ..) => match &outputs.units[..] {
                [axis] if axis.name == "class" => (axis.size, outputs.steps.clone()),
                _ => return Err(outputs.array.refuse("the axes of outputs are `image`, `step` and `class`")),
            },
            (None, Some(planned), Some(read)) => {
                let steps = read.steps.iter().map(|step| step + planned.delay).collect();
                (planned.readout.weight.nrows(), steps)
            }
            _ => return Err(refused("neither `outputs` nor a `readout` to compute them".into())),
        };
        let numbered = |n: usize| (0..n).map(|index| index.to_string()).collect::<Vec<_>>();
        let names = |names: &Option<Names>, what: &str, n: usize| {
            names.as_ref().map_or_else(|| Ok(numbered(n)), |names| names.load(what, n))
        };
        let classes = names(&manifest.classes, "classes", n_classes)?;
        let hierarchy = manifest.hierarchy.as_ref().map(|file| read_hierarchy(file, &classes)).transpose()?;
        let all_steps = taps.values().flat_map(|tap| &tap.steps).chain(&output_steps);
        let needed = all_steps.max().map_or(1, |step| step + 1);
        let digest = digest_of(&manifest.files())?;
        let plan = StorePlan {
            about: About {
                name: manifest.name.clone(),
                network: manifest.network.clone(),
                dataset_digest: Some(digest),
                schedule: manifest.schedule.clone(),
                seed: manifest.seed,
                epoch: manifest.epoch,
                kernel_path: "imported".into(),
                tool_version: env!("CARGO_PKG_VERSION").into(),
                classes,
                hierarchy,
                time: manifest.time.clone(),
                ..About::default()
            },
            labels: read_labels(&labels, n_classes)?,
            image_ids: names(&manifest.image_ids, "images", n_images)?,
            n_steps: manifest.n_steps.unwrap_or(needed),
            outputs: manifest.outputs.as_ref().map_or(Outputs::Logits, |outputs| outputs.kind),
            output_steps,
            taps: taps.iter().map(|(area, activations)| tap(area, activations)).collect(),
            readout,
            block: 1,
        };
        plan.check()?;
        Ok(Self { plan, taps: taps.into_values().collect(), outputs })
    }

    fn write(mut self, out: &Path, work: &Work<'_>) -> Result<Store, Error> {
        // Beside the numbers themselves, of the largest array: its bytes as they are in the
        // file, a copy with its axes in order, and one that is being encoded.
        let sizes = self.taps.iter().chain(&self.outputs).map(Activations::n_values);
        let largest = sizes.max().unwrap_or(0) as u64;
        let per_image = self.plan.bytes_per_image() + (8 + 4 + 4) * largest;
        if per_image > work.budget {
            return Err(Error::Memory { budget: work.budget, needed: per_image });
        }
        let batch = (work.budget / per_image).min(self.plan.n_images() as u64) as usize;
        self.plan.block = batch.min(256);
        let batch = batch / self.plan.block * self.plan.block;
        let mut writer = StoreWriter::create_or_resume(out, &self.plan)?;
        let n_images = self.plan.n_images();
        while let Some(next) = writer.next_block() {
            let first = next.start;
            let images = first..(first + batch).min(n_images);
            let taps = self.taps.iter().map(|tap| tap.read(images.clone())).collect::<Result<Vec<_>, _>>()?;
            let outputs = match &self.outputs {
                Some(outputs) => outputs.read(images.clone())?,
                None => self.computed_outputs(&taps)?.into_dyn(),
            };
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

    /// `W r + b` at every step of the area that the readout reads.
    fn computed_outputs(&self, taps: &[ArrayD<f32>]) -> Result<Array3<f32>, Error> {
        let planned = self.plan.readout.as_ref().ok_or_else(|| Error::plan("no outputs and no readout"))?;
        let index = self.plan.taps.iter().position(|tap| tap.area == planned.tap).unwrap_or_default();
        let (tap, read) = (&self.plan.taps[index], &taps[index]);
        let (n, n_steps, n_units) = (read.len_of(Axis(0)), tap.steps.len(), tap.n_units());
        if planned.readout.weight.ncols() != n_units {
            let reads = planned.readout.weight.ncols();
            let reason =
                format!("`outputs` cannot be computed: the readout reads {reads} of {n_units} units");
            return Err(Error::plan(reason));
        }
        let read = read.view().into_shape_with_order((n, n_steps, n_units));
        let read = read.map_err(|error| Error::plan(error.to_string()))?;
        let mut outputs = Array3::zeros((n, n_steps, self.plan.n_classes()));
        for (mut image, states) in outputs.outer_iter_mut().zip(read.outer_iter()) {
            for (mut scores, state) in image.outer_iter_mut().zip(states.outer_iter()) {
                scores.assign(&planned.readout.scores(&state).mapv(|score| score as f32));
            }
        }
        Ok(outputs)
    }
}

fn tap(area: &str, activations: &Activations) -> Tap {
    let steps = activations.steps.clone();
    Tap {
        area: area.to_owned(),
        shape: activations.units.clone(),
        depends_on_image_from: steps.first().copied().unwrap_or(0),
        steps,
    }
}

fn read_labels(array: &StoredArray, n_classes: usize) -> Result<Vec<usize>, Error> {
    let labels: ArrayD<f64> = array.whole()?;
    let label = |(image, &label): (usize, &f64)| {
        let fits = label.fract() == 0.0 && (0.0..n_classes as f64).contains(&label);
        let refused =
            || array.refuse(format!("image {image} has label {label}, there are {n_classes} classes"));
        fits.then_some(label as usize).ok_or_else(refused)
    };
    labels.iter().enumerate().map(label).collect()
}

/// A whole array without NaN or infinity.
fn finite(array: &StoredArray) -> Result<ArrayD<f32>, Error> {
    let values = array.whole::<f32>()?;
    match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some((at, value)) => Err(array.refuse(format!("{value} at {:?}", at.slice()))),
        None => Ok(values),
    }
}

/// A readout; an empty weight is none.
fn read_readout(places: &ReadoutPlaces) -> Result<Option<PlannedReadout>, Error> {
    let open = |place: &ArrayPlace| StoredArray::open(&place.file, place.key.as_deref());
    let array = open(&places.weight)?;
    if array.shape().contains(&0) {
        return Ok(None);
    }
    let weight = finite(&array)?.into_dimensionality::<Ix2>();
    let weight: Array2<f32> = weight.map_err(|_| array.refuse_shape("two axes: class, unit"))?;
    let axes: Vec<&str> = places.weight.axes.iter().flatten().map(String::as_str).collect();
    let weight = match axes[..] {
        [] | ["class", "unit"] => weight,
        ["unit", "class"] => weight.reversed_axes().as_standard_layout().into_owned(),
        _ => return Err(array.refuse("the axes of a readout's weight are `class` and `unit`")),
    };
    let bias = match &places.bias {
        None => None,
        Some(place) => {
            let array = open(place)?;
            let bias = finite(&array)?.into_dimensionality::<Ix1>();
            let bias: Array1<f32> = bias.map_err(|_| array.refuse_shape("one axis: class"))?;
            if !bias.is_empty() && bias.len() != weight.nrows() {
                return Err(array.refuse_shape(format!("{} classes, as the weight has", weight.nrows())));
            }
            (!bias.is_empty()).then_some(bias)
        }
    };
    Ok(Some(PlannedReadout {
        readout: Readout { weight, bias },
        tap: places.tap.clone(),
        delay: places.delay,
    }))
}

fn read_hierarchy(file: &Path, classes: &[String]) -> Result<Hierarchy, Error> {
    let text = std::fs::read_to_string(file).map_err(|error| Error::io("read", file, error))?;
    Hierarchy::from_tsv(&text, classes)
        .map_err(|error| Error::Manifest { path: file.to_owned(), reason: error.to_string() })
}

/// sha256 over the contents of the files, one after the other.
fn digest_of(files: &[PathBuf]) -> Result<String, Error> {
    let mut hash = Sha256::new();
    for path in files {
        let mut file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        std::io::copy(&mut file, &mut hash).map_err(|error| Error::io("read", path, error))?;
    }
    Ok(hex(&hash.finalize()))
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
    fn the_documented_manifest_is_one() {
        let manifest: Manifest = serde_json::from_str(include_str!("manifest.json")).unwrap();
        assert_eq!((manifest.taps.len(), manifest.files().len()), (2, 6));
    }
}
