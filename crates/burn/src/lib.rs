//! Burn's devices as a second engine under the same plans.
//!
//! [`Device`] is a name on the command line: `cpu` is the native engine, the others are
//! Burn's, each behind a feature of the same name, so that a build without them takes
//! nothing of Burn in. [`run_on`] carries out a [`Job`] on whichever was asked for.
//!
//! A value stays on its device, in `[image, row, column, channel]`; what leaves it is what
//! somebody reads.
//!
//! # What is weaker than on the native engine
//!
//! Burn chooses kernels by timing them as it runs and by the size of the batch, and a GPU
//! adds in the order its threads finish. So the same command run twice agrees to rounding,
//! not to the bit; so does one image alone and within a batch, and a value planned once for
//! all images and the same value computed for each. Every value is within the tolerances of
//! the golden tests. A run or store says on which device it was computed and is
//! continued on no other; one that was interrupted is as good as, but not the same bytes
//! as, one that was not.

mod device;
#[cfg(feature = "burn")]
mod engine;
#[cfg(feature = "burn")]
mod kernel;
#[cfg(feature = "burn")]
mod norm;
#[cfg(feature = "burn")]
mod open;
#[cfg(feature = "burn")]
mod pointwise;
#[cfg(feature = "burn")]
mod pool;

pub use device::{Device, DeviceError, Job, Kind, run_on};
#[cfg(feature = "burn")]
pub use engine::{Burn, Gradient, Value, Weight};
