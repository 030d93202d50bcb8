//! Stores as other processes meet them: killed while writing, read by other tools.

mod common;
mod kill;
mod python;
