//! Other people's arrays, opened.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, Array3, ArrayD, Axis, Dimension, Ix1, Ix2};
use npyz::zip::ZipArchive;
use redyn_core::{Hierarchy, Readout};
use sha2::{Digest, Sha256};

use super::array::StoredArray;
use super::manifest::{ArrayPlace, Manifest, Names, ReadoutPlaces};
use super::memory::Values;
use super::number::all_finite;
use super::published::Published;
use super::source::ArrayTrajectories;
use crate::header::hex;
use crate::{About, Error, Outputs, PlannedReadout, Spatial, StorePlan, Tap, UnitAxis};

/// One array with images, steps and perhaps units, brought to `[image, step, unit...]`.
pub(super) struct Activations {
    pub(super) array: StoredArray,
    /// For each axis of the result, the axis of what is read, images first; none: one step is put in.
    from: Vec<Option<usize>>,
    image_axis: Axis,
    steps: Vec<usize>,
    units: Vec<UnitAxis>,
    /// `[image, step, unit...]`.
    shape: Vec<usize>,
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
        let shape = [array.shape()[image], n_steps].into_iter().chain(units.iter().map(|axis| axis.size));
        let shape = shape.collect();
        let read = |axis: usize| if axis < image { axis + 1 } else { axis };
        let from =
            [Some(0), step.map(read)].into_iter().chain(others.into_iter().map(|axis| Some(read(axis))));
        let from = from.collect();
        Ok(Self { image_axis: Axis(image), from, steps, units, shape, array })
    }

    fn check_finite(&self, part: &ArrayD<f32>, first: usize) -> Result<(), Error> {
        position_of_infinite(part).map_or(Ok(()), |(image, step, value)| {
            let (image, step) = (first + image, self.steps[step]);
            Err(self.array.refuse(format!("image {image} has {value} at step {step}")))
        })
    }
}

impl Values for Activations {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All finite.
    fn read(&self, images: Range<usize>) -> Result<ArrayD<f32>, Error> {
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
}

/// Image, place among the steps and value of the first number that is not finite.
pub(super) fn position_of_infinite(part: &ArrayD<f32>) -> Option<(usize, usize, f32)> {
    if part.as_slice().is_some_and(all_finite) {
        return None;
    }
    let mut values = part.indexed_iter();
    values.find(|(_, value)| !value.is_finite()).map(|(at, &value)| (at[0], at[1], value))
}

/// Other people's arrays, opened and found to fit together: to be imported, or analysed as they
/// lie, in files or in memory.
pub struct Arrays {
    pub(super) path: PathBuf,
    /// Of the files, or of the numbers in memory.
    pub(super) digest: String,
    pub(super) plan: StorePlan,
    pub(super) taps: Vec<Box<dyn Values>>,
    /// None: computed by the readout.
    pub(super) outputs: Option<Box<dyn Values>>,
}

impl Arrays {
    /// Open a published `.npz` (the layout of [`crate::export_npz`]), or what a manifest (a JSON
    /// file, see [`Manifest`]) describes. Numbers are read when they are asked for.
    ///
    /// # Errors
    /// Files that cannot be read; arrays that are missing, of other shapes than the others ask
    /// for, or not numbers.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if is_zip(path)? {
            Self::published(path, &Published::default())
        } else {
            Self::of(&Manifest::read(path)?, path)
        }
    }

    /// Names, provenance, classes.
    pub fn about(&self) -> &About {
        &self.plan.about
    }

    /// True class of every image.
    pub fn labels(&self) -> &[usize] {
        &self.plan.labels
    }

    /// Name of every image.
    pub fn image_ids(&self) -> &[String] {
        &self.plan.image_ids
    }

    /// The areas.
    pub fn taps(&self) -> &[Tap] {
        &self.plan.taps
    }

    /// The tap of an area.
    ///
    /// # Errors
    /// An area that is not there.
    pub fn tap(&self, area: &str) -> Result<&Tap, Error> {
        self.position(area).map(|at| &self.plan.taps[at])
    }

    pub(super) fn area(&self, area: &str) -> Result<&dyn Values, Error> {
        self.position(area).map(|at| self.taps[at].as_ref())
    }

    fn position(&self, area: &str) -> Result<usize, Error> {
        self.plan.taps.iter().position(|tap| tap.area == area).ok_or_else(|| Error::Area {
            area: area.into(),
            path: self.path.clone(),
            known: self.plan.taps.iter().map(|tap| tap.area.clone()).collect(),
        })
    }

    /// One area's trajectories with the outputs, read where they lie. The steps are paired as
    /// those of [`crate::Store::trajectories`], and the numbers are those of the store that an
    /// import would write. Where nothing tells what was said ([`Arrays::is_judged`]), logits are
    /// zeros.
    ///
    /// # Errors
    /// An area that is not there, or that shares no step with the outputs.
    pub fn trajectories(&self, area: &str, spatial: Spatial) -> Result<ArrayTrajectories<'_>, Error> {
        ArrayTrajectories::new(self, self.tap(area)?, spatial)
    }

    /// Whether anything tells what was said about the images: outputs, or a readout that gives them.
    pub fn is_judged(&self) -> bool {
        self.outputs.is_some() || self.plan.readout.is_some()
    }

    /// Refuse arrays of which nothing tells what was said.
    pub(crate) fn need_judged(&self) -> Result<(), Error> {
        if self.is_judged() {
            return Ok(());
        }
        let reason = "neither `outputs` nor a `readout` to compute them".into();
        Err(Error::Manifest { path: self.path.clone(), reason })
    }

    /// The readout, the area it reads and its delay.
    pub fn readout(&self) -> Option<(&Readout, &str, usize)> {
        self.plan.readout.as_ref().map(|of| (&of.readout, of.tap.as_str(), of.delay))
    }

    pub(super) fn of(manifest: &Manifest, path: &Path) -> Result<Self, Error> {
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
            if activations.shape[0] != n_images {
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
            _ => {
                let n_classes = match &manifest.classes {
                    Some(names) => names.count()?,
                    None => largest(&labels)? + 1,
                };
                let mut steps: Vec<usize> = taps.values().flat_map(|tap| tap.steps.clone()).collect();
                steps.sort_unstable();
                steps.dedup();
                (n_classes, steps)
            }
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
                dataset_digest: Some(digest.clone()),
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
        let boxed = |activations| Box::new(activations) as Box<dyn Values>;
        let (taps, outputs) = (taps.into_values().map(boxed).collect(), outputs.map(boxed));
        Ok(Self { path: path.to_owned(), digest, plan, taps, outputs })
    }

    /// `[image, step, class]` of some images, given the activations of the area `area`.
    pub(super) fn read_outputs(
        &self,
        images: Range<usize>,
        area: &str,
        read: &ArrayD<f32>,
    ) -> Result<ArrayD<f32>, Error> {
        match (&self.outputs, &self.plan.readout) {
            (Some(outputs), _) => outputs.read(images),
            (None, Some(planned)) if planned.tap == area => self.computed_outputs(planned, read),
            (None, Some(planned)) => self.computed_outputs(planned, &self.area(&planned.tap)?.read(images)?),
            (None, None) => {
                let shape = [images.len(), self.plan.output_steps.len(), self.plan.n_classes()];
                Ok(ArrayD::zeros(&shape[..]))
            }
        }
    }

    /// Whether the readout can compute the outputs.
    pub(super) fn check_computed_outputs(&self) -> Result<(), Error> {
        let Some(planned) = &self.plan.readout else { return Err(Error::plan("no outputs and no readout")) };
        let n_units = self.tap(&planned.tap)?.n_units();
        let reads = planned.readout.weight.ncols();
        if reads != n_units {
            let reason =
                format!("`outputs` cannot be computed: the readout reads {reads} of {n_units} units");
            return Err(Error::plan(reason));
        }
        Ok(())
    }

    /// `W r + b` at every step of the area that the readout reads.
    fn computed_outputs(&self, planned: &PlannedReadout, read: &ArrayD<f32>) -> Result<ArrayD<f32>, Error> {
        self.check_computed_outputs()?;
        let tap = self.tap(&planned.tap)?;
        let (n, n_steps, n_units) = (read.len_of(Axis(0)), tap.steps.len(), tap.n_units());
        let read = read.view().into_shape_with_order((n, n_steps, n_units));
        let read = read.map_err(|error| Error::plan(error.to_string()))?;
        let readout = &planned.readout;
        let mut outputs = Array3::zeros((n, n_steps, self.plan.n_classes()));
        outputs.outer_iter_mut().into_par_iter().zip(read.outer_iter().into_par_iter()).for_each(
            |(mut image, states)| {
                for (mut scores, state) in image.outer_iter_mut().zip(states.outer_iter()) {
                    scores.assign(&readout.scores(&state).mapv(|score| score as f32));
                }
            },
        );
        Ok(outputs.into_dyn())
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

/// The largest label.
fn largest(array: &StoredArray) -> Result<usize, Error> {
    let labels: ArrayD<f64> = array.whole()?;
    Ok(labels.iter().fold(0.0, |largest: f64, &label| largest.max(label)) as usize)
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

/// sha256 over the files, one after the other: over the contents, or, of a zip file, over one
/// line per member, `name length crc32`, as its directory lists them. Data that no longer match
/// their checksum are found when they are read, not here.
fn digest_of(files: &[PathBuf]) -> Result<String, Error> {
    let mut hash = Sha256::new();
    for path in files {
        let mut file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let failed = |error| Error::io("read", path, error);
        if is_zip(path)? {
            let mut archive = ZipArchive::new(file).map_err(|error| failed(error.into()))?;
            for index in 0..archive.len() {
                let member = archive.by_index_raw(index).map_err(|error| failed(error.into()))?;
                hash.update(format!("{} {} {:08x}\n", member.name(), member.size(), member.crc32()));
            }
        } else {
            std::io::copy(&mut file, &mut hash).map_err(failed)?;
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Whether a file is a zip file, as `.npz` files are.
pub(crate) fn is_zip(path: &Path) -> Result<bool, Error> {
    let mut magic = Vec::new();
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    file.take(2).read_to_end(&mut magic).map_err(|error| Error::io("read", path, error))?;
    Ok(magic == b"PK")
}
