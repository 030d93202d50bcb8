//! Results become figures, and figures one page that needs nothing but a browser.
//!
//! [`write()`] takes what [`redyn_analysis`] found and puts into a folder: `report.html` (all
//! figures, interactive, nothing loaded from anywhere), `figures/NAME.svg` and `.pdf`,
//! `data/NAME.csv` with `data/columns.tsv` saying what every column is, and `report.json`,
//! the context itself. Nothing is computed here but where ink goes, and the same context
//! gives the same bytes.
//!
//! ```no_run
//! use std::path::Path;
//! use redyn_report::{Context, Network, write};
//!
//! # fn example(results: redyn_analysis::Results) -> Result<(), redyn_report::Error> {
//! let network = |results| Network {
//!     results,
//!     hierarchy: None,
//!     family: None,
//!     drawing: None,
//!     stimuli: Default::default(),
//! };
//! let context = Context {
//!     title: "Two networks and what they do".into(),
//!     stimuli: "photographs, split test".into(),
//!     options: results.options,
//!     networks: results.networks.into_iter().map(network).collect(),
//!     challenged: Vec::new(),
//!     judged: None,
//!     between: results.between,
//!     comparison: None,
//!     thumbnails: std::collections::BTreeMap::new(),
//!     provenance: Vec::new(),
//! };
//! let written = write(&context, Path::new("report"))?;
//! println!("open {}", written.page.display());
//! # Ok(())
//! # }
//! ```

#[cfg(test)]
extern crate self as redyn_report;

mod axis;
mod context;
mod error;
mod figure;
mod figures;
mod font;
mod ink;
mod look;
mod number;
mod page;
mod pdf;
mod plot;
mod scene;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
mod svg;
mod write;

pub use context::{Context, Network, Provenance, Thumbnail};
pub use error::Error;
pub use redyn_core::{Drawing, DrawnArea, DrawnEdge, Kind};
pub use write::{Written, WrittenFigure, page, write, write_comparison};
