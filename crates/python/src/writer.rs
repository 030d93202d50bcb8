//! A store that Python feeds.

use std::path::PathBuf;

use ndarray::ArrayViewD;
use numpy::{PyReadonlyArray1, PyReadonlyArray3, PyReadonlyArrayDyn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use redyn::Failure;
use redyn::store::BatchWriter;

use crate::errors::raised;
use crate::plan::{GivenReadout, plan};

/// A store being written, batch by batch.
#[pyclass(module = "redyn._redyn")]
pub(crate) struct Writer(Option<BatchWriter>);

impl Writer {
    fn open(&self) -> PyResult<&BatchWriter> {
        self.0.as_ref().ok_or_else(|| PyValueError::new_err("the store is closed"))
    }

    fn open_mut(&mut self) -> PyResult<&mut BatchWriter> {
        self.0.as_mut().ok_or_else(|| PyValueError::new_err("the store is closed"))
    }
}

#[pymethods]
impl Writer {
    /// Begin a store, or go on with one, in blocks of which one fits in `memory` bytes.
    #[new]
    #[pyo3(signature = (path, words, labels, readout, memory))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        words: &str,
        labels: PyReadonlyArray1<'_, i64>,
        readout: Option<GivenReadout<'_>>,
        memory: u64,
    ) -> PyResult<Self> {
        let plan = plan(py, words, &labels, readout.as_ref())?;
        let writer = py.detach(|| -> Result<_, Failure> {
            Ok(BatchWriter::create_or_resume(path, &plan.with_block_in(memory)?)?)
        });
        writer.map(|writer| Self(Some(writer))).map_err(|failure| raised(py, &failure))
    }

    /// Images on disk, counted from the first.
    #[getter]
    fn n_done(&self) -> PyResult<usize> {
        Ok(self.open()?.n_images_done())
    }

    /// Images given, counted from the first.
    #[getter]
    fn n_seen(&self) -> PyResult<usize> {
        Ok(self.open()?.n_images_seen())
    }

    /// Count images that are on disk as given.
    fn skip(&mut self, py: Python<'_>, n: usize) -> PyResult<()> {
        self.open_mut()?.skip(n).map_err(|error| raised(py, &error.into()))
    }

    /// Take a batch; what makes whole blocks is written while Python goes on.
    fn push(
        &mut self,
        py: Python<'_>,
        taps: Vec<PyReadonlyArrayDyn<'_, f32>>,
        outputs: PyReadonlyArray3<'_, f32>,
    ) -> PyResult<()> {
        let writer = self.open_mut()?;
        let taps: Vec<ArrayViewD<'_, f32>> = taps.iter().map(PyReadonlyArrayDyn::as_array).collect();
        let outputs = outputs.as_array().into_dyn();
        let mut from = 0;
        while from < outputs.shape()[0] {
            let taken = writer.take(&taps, &outputs, from);
            from += taken.map_err(|error| raised(py, &error.into()))?;
            if writer.is_full() {
                py.detach(|| writer.flush()).map_err(|error| raised(py, &error.into()))?;
            }
        }
        Ok(())
    }

    /// Mark the store complete.
    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        let Some(writer) = self.0.take() else { return Ok(()) };
        py.detach(|| writer.finish()).map_err(|error| raised(py, &error.into()))
    }

    /// Let go of the store; another call goes on where this ended.
    fn close(&mut self) {
        self.0 = None;
    }
}
