//! RDMs of networks, and beside those of brains: what `redyn compare` does.

use ndarray::{Array2, ArrayD};
use numpy::{IntoPyArray, PyArray2, PyReadonlyArrayDyn};
use pyo3::prelude::*;
use redyn::analysis::{BrainRdms, Level, ModelRdms};
use redyn::store::Spatial;
use redyn::{Areas, BrainAxes, Failure, brain_rdms, compare_opened, read_brains};
use serde_json::json;

use crate::analyses::options_of;
use crate::errors::raised;
use crate::examine::{heard, opened};
use crate::view::View;
use crate::work::detached;

/// A name, an array with the names of its first axes, and times; without an array, the name is of a file.
type GivenBrain<'py> = (String, Option<PyReadonlyArrayDyn<'py, f64>>, Option<String>, Option<Vec<f64>>);

/// The same, for a thread of its own.
struct Brain {
    name: String,
    array: Option<ArrayD<f64>>,
    axes: Option<String>,
    times: Option<Vec<f64>>,
}

impl Brain {
    fn of((name, array, axes, times): GivenBrain<'_>) -> Self {
        Self { name, array: array.map(|array| array.as_array().to_owned()), axes, times }
    }

    fn rdms(self) -> Result<Vec<BrainRdms>, Failure> {
        let times = self.times.as_deref();
        let Some(array) = self.array else { return read_brains(&self.name, times) };
        let axes = self.axes.as_deref().map(str::parse::<BrainAxes>).transpose()?.unwrap_or_default();
        Ok(vec![brain_rdms(&self.name, array, &axes, times)?])
    }
}

/// Compare trajectories with brains; gives results and tables as JSON, and what is to be told.
#[pyfunction]
#[pyo3(signature = (views, areas, brains, options, told))]
pub(crate) fn compare(
    py: Python<'_>,
    views: Vec<Py<View>>,
    areas: Vec<String>,
    brains: Vec<GivenBrain<'_>>,
    options: &str,
    told: Option<Bound<'_, PyAny>>,
) -> PyResult<(String, Vec<String>)> {
    let (options, stores) = (options_of(py, options)?, opened(&views));
    let brains: Vec<Brain> = brains.into_iter().map(Brain::of).collect();
    detached(py, told.as_ref(), move |task| {
        let mut rdms = Vec::new();
        for brain in brains {
            rdms.extend(brain.rdms()?);
        }
        let areas = Areas { only: &areas, spatial: Spatial::Average };
        let (found, notes) =
            heard(task, |console| compare_opened(&stores, &areas, &rdms, &options, console))?;
        Ok((json!({ "found": found, "tables": found.tables() }).to_string(), notes))
    })
}

/// Steps, items, and RDMs `[step, pair]`; and which steps have none, and why.
type FoundRdms<'py> = (Vec<usize>, Vec<usize>, Bound<'py, PyArray2<f64>>, Option<String>);

/// The RDMs of all images, or of all classes, at every step.
#[pyfunction]
#[pyo3(signature = (of, items, options))]
pub(crate) fn rdms<'py>(
    py: Python<'py>,
    of: Py<View>,
    items: &str,
    options: &str,
) -> PyResult<FoundRdms<'py>> {
    let options = options_of(py, options)?;
    let level = match items {
        "images" => Level::Images,
        "classes" => Level::Classes,
        other => {
            let what = format!("`items` is `{other}`");
            return Err(raised(py, &Failure::user(what, "it is `images` or `classes`")));
        }
    };
    let found =
        detached(py, None, move |_| Ok(ModelRdms::read(&*of.get().representations()?, level, &options)?))?;
    let values: Vec<f64> = found.rdms.iter().flatten().copied().collect();
    let shape = (found.rdms.len(), found.rdms.n_pairs());
    let values = Array2::from_shape_vec(shape, values).expect("as many as there are pairs");
    Ok((found.steps, found.items, values.into_pyarray(py), found.note))
}
