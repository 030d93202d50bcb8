//! Arrays that Python holds, read some images at a time.

use std::ops::Range;

use ndarray::ArrayD;
use numpy::PyReadonlyArrayDyn;
use pyo3::prelude::*;
use redyn::store::{Error, Values};

/// An object with a `name`, a `shape` and a method `read(first, end)`, which gives `float32`
/// arrays `[image, step, unit...]`: see `python/redyn/_arrays.py`.
pub(crate) struct Held {
    object: Py<PyAny>,
    name: String,
    shape: Vec<usize>,
}

impl Held {
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            name: object.getattr("name")?.extract()?,
            shape: object.getattr("shape")?.extract()?,
            object: object.clone().unbind(),
        })
    }
}

impl Values for Held {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn read(&self, images: Range<usize>) -> Result<ArrayD<f32>, Error> {
        let read = |py: Python<'_>| -> PyResult<ArrayD<f32>> {
            let part = self.object.bind(py).call_method1("read", (images.start, images.end))?;
            let part: PyReadonlyArrayDyn<'_, f32> = part.extract()?;
            Ok(part.as_array().as_standard_layout().into_owned())
        };
        Python::attach(read).map_err(|error| Error::InMemory {
            array: self.name.clone(),
            reason: format!("cannot be read: {error}"),
        })
    }
}
