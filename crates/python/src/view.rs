//! Trajectories of one area, wherever they are.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3, PyReadonlyArray1, ToPyArray};
use pyo3::prelude::*;
use redyn::analysis::DecodingOptions;
use redyn::core::TrajectorySource;
use redyn::store::{Arrays, Recording, Spatial, Store, Values, Work};
use redyn::{Failure, judged_trajectories};

use crate::errors::raised;
use crate::plan::{GivenReadout, plan};
use crate::values::Held;
use crate::work::detached;

/// One area of a recording.
#[pyclass(frozen, module = "redyn._redyn")]
pub(crate) struct View {
    pub(crate) recording: Arc<Recording>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) area: String,
    pub(crate) spatial: Spatial,
}

/// `[image, step, unit]` and `[image, step, class]` of some images.
type Read<'py> = (Bound<'py, PyArray3<f32>>, Bound<'py, PyArray3<f32>>);

/// `[class, unit]` and `[class]`.
type ReadoutArrays<'py> = (Bound<'py, PyArray2<f32>>, Option<Bound<'py, PyArray1<f32>>>);

impl View {
    /// What is there, whether or not anything tells what was said of it.
    pub(crate) fn representations(&self) -> Result<Box<dyn TrajectorySource + '_>, Failure> {
        Ok(self.recording.representations(&self.area, self.spatial)?)
    }

    /// What analyses read.
    pub(crate) fn judged(
        &self,
        decoding: &DecodingOptions,
    ) -> Result<Box<dyn TrajectorySource + '_>, Failure> {
        judged_trajectories(&self.recording, (&self.area, self.spatial), decoding)
    }

    fn of(
        py: Python<'_>,
        (recording, path): (Arc<Recording>, Option<PathBuf>),
        area: Option<String>,
        spatial: &str,
    ) -> PyResult<Self> {
        let spatial = match spatial {
            "average" => Spatial::Average,
            "flatten" => Spatial::Flatten,
            other => {
                let what = format!("`spatial` is `{other}`");
                return Err(raised(py, &Failure::user(what, "it is `average` or `flatten`")));
            }
        };
        let area = area.or_else(|| recording.main_area().map(str::to_owned)).unwrap_or_default();
        let view = Self { recording, path, area, spatial };
        view.representations().map_err(|failure| raised(py, &failure))?;
        Ok(view)
    }
}

#[pymethods]
impl View {
    /// A store, a published `.npz` or a manifest.
    #[staticmethod]
    #[pyo3(signature = (path, area, spatial, partial))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        area: Option<String>,
        spatial: &str,
        partial: bool,
    ) -> PyResult<Self> {
        let place = path.clone();
        let recording = detached(py, None, move |_| {
            Ok(if partial {
                Recording::Store(Store::open_partial(&place)?)
            } else {
                Recording::open(&place)?
            })
        })?;
        Self::of(py, (Arc::new(recording), Some(path)), area, spatial)
    }

    /// Arrays that Python holds.
    #[staticmethod]
    #[pyo3(signature = (words, labels, readout, taps, outputs, area, spatial, told))]
    #[expect(clippy::too_many_arguments, reason = "called from one place, in Python")]
    fn held(
        py: Python<'_>,
        words: &str,
        labels: PyReadonlyArray1<'_, i64>,
        readout: Option<GivenReadout<'_>>,
        taps: Vec<Bound<'_, PyAny>>,
        outputs: Option<Bound<'_, PyAny>>,
        area: Option<String>,
        spatial: &str,
        told: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let plan = plan(py, words, &labels, readout.as_ref())?;
        let held =
            |object: &Bound<'_, PyAny>| Held::new(object).map(|held| Box::new(held) as Box<dyn Values>);
        let taps = taps.iter().map(held).collect::<PyResult<Vec<_>>>()?;
        let outputs = outputs.as_ref().map(held).transpose()?;
        let arrays = detached(py, told.as_ref(), move |_| Ok(Arrays::in_memory(plan, taps, outputs)?))?;
        Self::of(py, (Arc::new(Recording::Arrays(arrays)), None), area, spatial)
    }

    /// The same recording, another area, or maps made vectors in another way.
    fn seen(&self, py: Python<'_>, area: Option<String>, spatial: &str) -> PyResult<Self> {
        Self::of(py, (self.recording.clone(), self.path.clone()), area, spatial)
    }

    /// The description of these trajectories, without readout and hierarchy, as JSON; with the areas
    /// there are and where they lie.
    fn about(&self, py: Python<'_>) -> PyResult<String> {
        let trajectories = self.representations().map_err(|failure| raised(py, &failure))?;
        let about = trajectories.description();
        let areas: Vec<&str> = self.recording.taps().iter().map(|tap| tap.area.as_str()).collect();
        Ok(serde_json::json!({
            "name": about.name, "network": about.network, "area": about.area,
            "epoch": about.epoch, "seed": about.seed, "digest": about.digest,
            "n_images": about.n_images, "n_steps": about.n_steps, "n_units": about.n_units,
            "classes": about.classes, "time": about.time, "has_readout": about.readout.is_some(), "is_judged": self.recording.is_judged(),
            "areas": areas, "path": self.path, "spatial": self.spatial,
        })
        .to_string())
    }

    /// True class of every image.
    fn labels<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        let labels = self.recording.labels().iter().map(|&label| label as i64);
        labels.collect::<Vec<_>>().into_pyarray(py)
    }

    /// Name of every image.
    fn image_ids(&self) -> Vec<String> {
        self.recording.image_ids().to_vec()
    }

    /// The readout of this area.
    fn readout<'py>(&self, py: Python<'py>) -> PyResult<Option<ReadoutArrays<'py>>> {
        let trajectories = self.representations().map_err(|failure| raised(py, &failure))?;
        Ok(trajectories.description().readout.as_ref().map(|readout| {
            (readout.weight.to_pyarray(py), readout.bias.as_ref().map(|bias| bias.to_pyarray(py)))
        }))
    }

    /// Representations and outputs of some consecutive images.
    fn read<'py>(&self, py: Python<'py>, first: usize, end: usize) -> PyResult<Read<'py>> {
        let (recording, area, spatial) = (self.recording.clone(), self.area.clone(), self.spatial);
        let block = detached(py, None, move |_| {
            let trajectories = recording.representations(&area, spatial)?;
            trajectories.read(first..end).map_err(|error| Failure::of(error.as_ref()))
        })?;
        Ok((block.representations.into_pyarray(py), block.logits.into_pyarray(py)))
    }

    /// Write arrays as a store.
    fn save(
        &self,
        py: Python<'_>,
        path: PathBuf,
        memory: u64,
        told: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let recording = self.recording.clone();
        detached(py, told.as_ref(), move |task| {
            let Recording::Arrays(arrays) = recording.as_ref() else {
                return Err(Failure::user("these trajectories are a store already", "copy its folder"));
            };
            let moved = |done: usize, _| task.set(done);
            arrays.save(&path, &Work { budget: memory, stop: task.stop.clone(), progress: &moved })?;
            Ok(())
        })
    }
}
