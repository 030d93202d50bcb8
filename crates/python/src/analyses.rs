//! Analyses by their names.

use std::ops::Range;
use std::path::PathBuf;

use pyo3::prelude::*;
use redyn::analysis::{ANALYSES, Finding, Options, Properties, Request, Selection, Subject, Table};
use redyn::core::{Block, Description, Diagnose, FoldReadouts, TrajectorySource};
use redyn::{Failure, Jacobians, PropertyTable};
use serde::Deserialize;
use serde_json::json;

use crate::errors::raised;
use crate::view::View;
use crate::work::{Task, detached};

/// Every analysis there is: name, title, summary, description and reference, as JSON.
#[pyfunction]
pub(crate) fn analyses() -> String {
    let entry = |entry: &redyn::analysis::Entry| {
        json!({
            "name": entry.name, "title": entry.title, "summary": entry.summary,
            "description": entry.description, "reference": entry.reference,
        })
    };
    json!(ANALYSES.iter().map(entry).collect::<Vec<_>>()).to_string()
}

/// What trajectories are compared to, and with what.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Beside {
    untrained: Option<Py<View>>,
    controls: Vec<Py<View>>,
    lesions: Vec<(String, Py<View>)>,
    jacobians: Option<PathBuf>,
    properties: Option<PathBuf>,
    /// Properties of the images, as JSON.
    measured: Option<String>,
}

/// Properties of images that Python measured.
#[derive(Deserialize)]
struct Measured {
    names: Vec<String>,
    /// One row per image.
    values: Vec<Vec<Option<f64>>>,
}

/// Run one analysis; gives results and tables as JSON.
#[pyfunction]
#[pyo3(signature = (name, of, beside, options, told))]
pub(crate) fn analyse(
    py: Python<'_>,
    name: String,
    of: Py<View>,
    beside: Beside,
    options: &str,
    told: Option<Bound<'_, PyAny>>,
) -> PyResult<String> {
    let options = options_of(py, options)?;
    detached(py, told.as_ref(), move |task| one(&name, of.get(), &beside, &options, task))
}

/// Every choice, as Python says it.
pub(crate) fn options_of(py: Python<'_>, options: &str) -> PyResult<Options> {
    serde_json::from_str(options)
        .map_err(|error| raised(py, &Failure::user(error.to_string(), "check the options")))
}

fn one(name: &str, of: &View, beside: &Beside, options: &Options, task: &Task) -> Result<String, Failure> {
    let watched = |view| Watched::new(view, options, task);
    let main = watched(of)?;
    let untrained = beside.untrained.as_ref().map(|view| watched(view.get())).transpose()?;
    let controls = beside.controls.iter().map(|view| watched(view.get())).collect::<Result<Vec<_>, _>>()?;
    let lesions =
        beside.lesions.iter().map(|(_, view)| watched(view.get())).collect::<Result<Vec<_>, _>>()?;
    let controls: Vec<&dyn TrajectorySource> = controls.iter().map(|one| one as _).collect();
    let lesions: Vec<(String, &dyn TrajectorySource)> =
        beside.lesions.iter().zip(&lesions).map(|((what, _), run)| (what.clone(), run as _)).collect();
    let ids = of.recording.image_ids();
    let jacobians = beside.jacobians.as_ref().map(|path| -> Result<_, Failure> {
        Ok(Jacobians::read(path)?.of_store(path, ids, main.description().n_steps)?)
    });
    let jacobians = jacobians.transpose()?;
    let properties = match (&beside.properties, &beside.measured) {
        (Some(path), _) => Some(PropertyTable::read(path)?.of(ids)?),
        (None, Some(measured)) => Some(properties(measured)?),
        (None, None) => None,
    };
    let subject = Subject {
        untrained: untrained.as_ref().map(|twin| twin as _),
        controls: &controls,
        lesions: &lesions,
        properties: properties.as_ref(),
        jacobians: jacobians.as_ref(),
        ..Subject::of(&main)
    };
    let request =
        Request { subjects: &[subject], analyses: Selection::Named(&[name]), options, stop: &task.stop };
    let results = redyn::analysis::analyse(&request)?;
    let findings = results.networks.iter().flat_map(|network| &network.findings);
    let tables: Vec<Vec<Table>> = findings.map(Finding::tables).collect();
    Ok(json!({ "results": results, "tables": tables }).to_string())
}

fn properties(measured: &str) -> Result<Properties, Failure> {
    let wrong = |what: String| Failure::user(what, "give one number, or None, per image and property");
    let Measured { names, values } =
        serde_json::from_str(measured).map_err(|error| wrong(error.to_string()))?;
    let shape = (values.len(), names.len());
    let values = ndarray::Array2::from_shape_vec(shape, values.into_iter().flatten().collect());
    Ok(Properties { values: values.map_err(|error| wrong(error.to_string()))?, names })
}

/// Trajectories of which every read is counted.
struct Watched<'a> {
    source: Box<dyn TrajectorySource + 'a>,
    task: &'a Task,
}

impl<'a> Watched<'a> {
    fn new(view: &'a View, options: &Options, task: &'a Task) -> Result<Self, Failure> {
        Ok(Self { source: view.judged(&options.decoding)?, task })
    }
}

impl TrajectorySource for Watched<'_> {
    fn description(&self) -> &Description {
        self.source.description()
    }

    fn labels(&self) -> &[usize] {
        self.source.labels()
    }

    fn folds(&self) -> Option<&FoldReadouts> {
        self.source.folds()
    }

    fn read(&self, images: Range<usize>) -> Result<Block, Box<dyn Diagnose + Send + Sync>> {
        self.task.add(images.len());
        self.source.read(images)
    }

    fn images_in(&self, bytes: usize) -> usize {
        self.source.images_in(bytes)
    }

    fn bytes_of(&self, n_images: usize) -> usize {
        self.source.bytes_of(n_images)
    }
}
