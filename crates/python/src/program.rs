//! The command line, started by Python's launcher.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Do what the words of a command line say, the first being the program's name; gives the exit
/// status. Ctrl-C belongs to the program then, not to Python.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, words: Vec<OsString>) -> u8 {
    py.detach(|| redyn::main_with(words))
}
