//! What a store or some arrays are of, as Python says it.

use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use redyn::Failure;
use redyn::core::Readout;
use redyn::store::{About, Outputs, PlannedReadout, StorePlan, Tap};
use serde::Deserialize;

use crate::errors::raised;

/// The words, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    about: About,
    n_steps: usize,
    outputs: Outputs,
    output_steps: Vec<usize>,
    taps: Vec<Tap>,
    image_ids: Vec<String>,
}

/// Weight, bias, area and delay of a readout.
pub(crate) type GivenReadout<'py> =
    (PyReadonlyArray2<'py, f32>, Option<PyReadonlyArray1<'py, f32>>, String, usize);

/// The plan, in blocks of one image.
pub(crate) fn plan(
    py: Python<'_>,
    words: &str,
    labels: &PyReadonlyArray1<'_, i64>,
    readout: Option<&GivenReadout<'_>>,
) -> PyResult<StorePlan> {
    let mistake = |what: String| raised(py, &Failure::user(what, "check what was said of the arrays"));
    let words: Words = serde_json::from_str(words).map_err(|error| mistake(error.to_string()))?;
    let n_classes = words.about.classes.len();
    let label = |(image, &label): (usize, &i64)| {
        usize::try_from(label).map_err(|_| {
            mistake(format!("image {image} has label {label}, but there are {n_classes} classes"))
        })
    };
    Ok(StorePlan {
        labels: labels.as_array().iter().enumerate().map(label).collect::<PyResult<_>>()?,
        about: words.about,
        image_ids: words.image_ids,
        n_steps: words.n_steps,
        outputs: words.outputs,
        output_steps: words.output_steps,
        taps: words.taps,
        readout: readout.map(|(weight, bias, tap, delay)| PlannedReadout {
            readout: Readout {
                weight: weight.as_array().to_owned(),
                bias: bias.as_ref().map(|bias| bias.as_array().to_owned()),
            },
            tap: tap.clone(),
            delay: *delay,
        }),
        block: 1,
    })
}
