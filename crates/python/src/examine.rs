//! Several trajectories at once: what `redyn analyze`, `redyn claims` and `redyn report` do.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use redyn::analysis::{Between, Finding, KnownRows, Options, Part, Parts, Selection, Table};
use redyn::core::Shard;
use redyn::{
    Analyzed, Console, Failure, How, Opened, PropertyTable, analyze_opened, judged_tables, parts_of,
};
use serde_json::json;

use crate::analyses::options_of;
use crate::errors::raised;
use crate::view::View;
use crate::work::{Task, detached};

/// Everything found about several networks.
#[pyclass(frozen, module = "redyn._redyn")]
pub(crate) struct Examined(Arc<Analyzed>);

/// Which analyses, with what beside the trajectories.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked {
    only: Vec<String>,
    jacobians: Vec<PathBuf>,
    properties: Option<PathBuf>,
}

impl Asked {
    fn how<T>(
        &self,
        options: &Options,
        known: Option<&dyn KnownRows>,
        act: impl FnOnce(&How) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let only: Vec<&str> = self.only.iter().map(String::as_str).collect();
        let properties = self.properties.as_deref().map(PropertyTable::read).transpose()?;
        act(&How {
            selection: if only.is_empty() { Selection::All } else { Selection::Named(&only) },
            properties: properties.as_ref(),
            jacobians: &self.jacobians,
            known,
            ..How::of(options)
        })
    }
}

/// Analyze trajectories, some of whose rows may be known: what [`rows`] gave for each of several shards.
/// Gives what was found and what is to be told of it.
#[pyfunction]
#[pyo3(signature = (views, asked, options, known, told))]
pub(crate) fn examine(
    py: Python<'_>,
    views: Vec<Py<View>>,
    asked: Asked,
    options: &str,
    known: Vec<String>,
    told: Option<Bound<'_, PyAny>>,
) -> PyResult<(Examined, Vec<String>)> {
    let (options, stores) = (options_of(py, options)?, opened(&views));
    let (analyzed, notes) = detached(py, told.as_ref(), move |task| {
        let unreadable = |error: serde_json::Error| {
            Failure::user(format!("rows cannot be read: {error}"), "read them with the same version of redyn")
        };
        let parts = known.iter().map(|text| serde_json::from_str::<Vec<Part>>(text).map_err(unreadable));
        let parts: Parts = parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let examine = |how: &How| heard(task, |console| analyze_opened(&stores, how, console));
        asked.how(&options, Some(&parts).filter(|_| !known.is_empty()).map(|parts| parts as _), examine)
    })?;
    Ok((Examined(Arc::new(analyzed)), notes))
}

/// Read the rows that analyses begin with, of one of `of` shards; gives them as JSON.
#[pyfunction]
#[pyo3(signature = (views, asked, options, shard, of))]
pub(crate) fn rows(
    py: Python<'_>,
    views: Vec<Py<View>>,
    asked: Asked,
    options: &str,
    shard: usize,
    of: usize,
) -> PyResult<String> {
    let (options, stores) = (options_of(py, options)?, opened(&views));
    let none =
        || raised(py, &Failure::user(format!("there is no shard {shard} of {of}"), "they count from 0"));
    let shard = Shard::new(shard, of).ok_or_else(none)?;
    detached(py, None, move |task| {
        let read = |how: &How| heard(task, |console| parts_of(&stores, how, shard, console));
        let (parts, _) = asked.how(&options, None, read)?;
        Ok(serde_json::to_string(&parts).expect("plain data"))
    })
}

/// Hold trajectories against the published claims; gives verdicts and tables as JSON.
#[pyfunction]
#[pyo3(signature = (views, options, told))]
pub(crate) fn judge(
    py: Python<'_>,
    views: Vec<Py<View>>,
    options: &str,
    told: Option<Bound<'_, PyAny>>,
) -> PyResult<String> {
    let (options, stores) = (options_of(py, options)?, opened(&views));
    detached(py, told.as_ref(), move |task| {
        let judge = |console: &Console| redyn::judge(&stores, &How::of(&options), console);
        let (judged, _) = heard(task, judge)?;
        Ok(json!({ "judged": judged, "tables": judged_tables(&judged) }).to_string())
    })
}

#[pymethods]
impl Examined {
    /// Results, tables, comparisons between networks and claims as JSON.
    fn results(&self) -> String {
        let networks = self.0.results.networks.iter();
        let tables: Vec<Vec<Vec<Table>>> =
            networks.map(|network| network.findings.iter().map(Finding::tables).collect()).collect();
        let judged = self.0.judged.as_ref();
        let judged = judged.map(|judged| json!({ "judged": judged, "tables": judged_tables(judged) }));
        let between: Vec<Table> = self.0.results.between.iter().flat_map(Between::tables).collect();
        json!({ "results": self.0.results, "tables": tables, "between": between, "judged": judged })
            .to_string()
    }

    /// Write results and tables into a folder.
    fn save(&self, py: Python<'_>, folder: PathBuf) -> PyResult<()> {
        let analyzed = self.0.clone();
        detached(py, None, move |_| analyzed.write(&folder))
    }

    /// Write the report, as one page where the path ends in `.html`, else as a folder; gives the page.
    fn report(&self, py: Python<'_>, path: PathBuf, title: String) -> PyResult<PathBuf> {
        let analyzed = self.0.clone();
        detached(py, None, move |task| {
            let (context, _) = heard(task, |console| analyzed.context(&title, None, console))?;
            if path.extension().is_none_or(|extension| extension != "html") {
                return Ok(redyn::report::write(&context, &path)?.page);
            }
            let page = redyn::report::page(&context)?;
            written(&path, page.as_bytes())?;
            Ok(path)
        })
    }
}

fn written(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    redyn::core::replace_file(path, bytes).map_err(|error| Failure::file(path, &error))
}

pub(crate) fn opened(views: &[Py<View>]) -> Vec<Opened> {
    let one = |view: &Py<View>| {
        let view = view.get();
        let name = || PathBuf::from(&view.recording.about().name);
        Opened {
            path: view.path.clone().unwrap_or_else(name),
            recording: view.recording.clone(),
            chosen: Some((view.area.clone(), view.spatial)),
        }
    };
    views.iter().map(one).collect()
}

/// Do work whose news are kept, and given back with what it found.
pub(crate) fn heard<T>(
    task: &Task,
    work: impl FnOnce(&Console) -> Result<T, Failure>,
) -> Result<(T, Vec<String>), Failure> {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let kept = notes.clone();
    let hearer = move |line: &str| {
        if let Ok(mut notes) = kept.lock() {
            notes.push(line.strip_prefix("note: ").unwrap_or(line).to_owned());
        }
    };
    let console = Console::heard_by(Box::new(hearer), task.stop.clone(), vec!["redyn, from Python".into()]);
    let found = work(&console)?;
    drop(console);
    let notes = notes.lock().map(|mut notes| std::mem::take(&mut *notes)).unwrap_or_default();
    Ok((found, notes))
}
