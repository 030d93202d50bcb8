//! Trajectories on disk: a Zarr group written in order, read lazily.
//!
//! ```text
//! NAME.zarr/          attributes: format "redyn.trajectories", version, complete, and all of
//!                     the plan: names, model card, digests, schedule, steps, classes, taps
//!   labels            i64  [image]
//!   image_id          text [image]
//!   logits            f32  [image, step, class], or log_probs
//!   taps/<area>       f32  [image, step, unit...]
//!   readout/weight    f32  [class, unit]
//!   readout/bias      f32  [class], where there is one
//! ```
//!
//! The group is Zarr version 3 with consolidated metadata: zarr-python and xarray open it as
//! it is. Activations are chunked by blocks of images, all steps of an image together, every
//! chunk with its crc32c. What is absent is not there: a step without a value is not among an
//! area's steps, a chunk that was not written reads as NaN in other tools and is an error here.
//!
//! - [`StorePlan`] says what is going to be written, [`estimate()`] what it will take,
//!   [`StoreWriter`] writes it, block after block, and continues what was interrupted;
//!   [`BatchWriter`] makes the blocks of whatever batches a loop hands out.
//! - [`Store`] reads it: [`Store::trajectories`] is what analyses take.
//! - [`export_npz`] and [`import_npz`] speak the layout of the published scripts;
//!   [`import()`] reads other people's arrays as a [`Manifest`] describes them.
//! - [`Arrays`] reads both where they lie, without an import, and arrays that are in memory;
//!   [`Recording`] is a store or such arrays.

mod batches;
mod digest;
mod error;
mod estimate;
mod export;
mod files;
mod header;
mod import;
mod layout;
mod lock;
mod pairing;
mod plan;
mod recording;
mod store;
mod trajectories;
mod work;
mod writer;

// The fixture that the tests from outside use, too: for it, this crate has its public name.
#[cfg(test)]
extern crate self as redyn_store;
#[cfg(test)]
#[path = "../tests/store/common.rs"]
mod tests;

pub use batches::BatchWriter;
pub use error::Error;
pub use estimate::{Estimate, estimate};
pub use export::export_npz;
pub use header::ReadoutPlace;
pub use import::{
    ArrayPlace, ArrayTrajectories, Arrays, Manifest, Names, OutputsPlace, Published, ReadoutPlaces, Values,
    import, import_npz, read_arrays,
};
pub use pairing::Spatial;
pub use plan::{About, Outputs, PlannedReadout, StorePlan, Tap, UnitAxis};
pub use recording::Recording;
pub use store::{Store, StoreInfo};
pub use trajectories::StoreTrajectories;
pub use work::Work;
pub use writer::{BlockData, StoreWriter, complete};
