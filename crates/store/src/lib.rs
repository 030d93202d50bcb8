//! Trajectories on disk: a Zarr group written in order, read lazily.

mod digest;
mod error;
mod estimate;
mod export;
mod files;
mod header;
mod import;
mod layout;
mod lock;
mod plan;
mod store;
mod trajectories;
mod work;
mod writer;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use estimate::{Estimate, estimate};
pub use export::export_npz;
pub use header::ReadoutPlace;
pub use import::{ArrayPlace, Manifest, Names, OutputsPlace, Published, ReadoutPlaces, import, import_npz};
pub use plan::{About, Outputs, PlannedReadout, StorePlan, Tap, UnitAxis};
pub use store::{Store, StoreInfo};
pub use trajectories::{Spatial, StoreTrajectories};
pub use work::Work;
pub use writer::{BlockData, StoreWriter};
