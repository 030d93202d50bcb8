//! Trajectories on disk: a Zarr group written in order, read lazily.

mod digest;
mod error;
mod estimate;
mod files;
mod header;
mod layout;
mod lock;
mod plan;
mod store;
mod trajectories;
mod writer;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use estimate::{Estimate, estimate};
pub use header::ReadoutPlace;
pub use plan::{About, Outputs, PlannedReadout, StorePlan, Tap, UnitAxis};
pub use store::{Store, StoreInfo};
pub use trajectories::{Spatial, StoreTrajectories};
pub use writer::{BlockData, StoreWriter};
