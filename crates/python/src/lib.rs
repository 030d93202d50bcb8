//! The Python door. What is here turns Python's arrays, errors and signals into Rust's; all else
//! is in the rooms below, and what people see of it in `python/redyn`.
//!
//! Results cross as JSON, which holds every finite number to the bit; arrays cross as `NumPy`'s.

// Python's calling convention hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

mod analyses;
mod compare;
mod errors;
mod examine;
mod plan;
mod program;
mod values;
mod view;
mod work;
mod writer;

/// The extension module; `python/redyn` is what people import.
#[pyo3::pymodule]
mod _redyn {
    #[pymodule_export]
    use crate::analyses::{analyse, analyses};
    #[pymodule_export]
    use crate::compare::{compare, rdms};
    #[pymodule_export]
    use crate::examine::{Examined, examine, judge, rows};
    #[pymodule_export]
    use crate::program::main;
    #[pymodule_export]
    use crate::view::View;
    #[pymodule_export]
    use crate::writer::Writer;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
