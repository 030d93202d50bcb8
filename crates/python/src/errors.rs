//! Each error as the exception that says whose mistake it is.

use pyo3::prelude::*;
use redyn::Failure;
use redyn::core::Fault;

/// `redyn.InputError` for a mistake of the user's, `redyn.RedynError` for a failure of the work,
/// each with its sentence and its hint.
pub(crate) fn raised(py: Python<'_>, failure: &Failure) -> PyErr {
    let class = match failure.fault() {
        Fault::User => "InputError",
        Fault::Failure | Fault::Stopped => "RedynError",
    };
    let made = py
        .import("redyn._errors")
        .and_then(|errors| errors.getattr(class))
        .and_then(|class| class.call1((failure.message(), failure.hint())));
    made.map_or_else(|error| error, PyErr::from_value)
}
