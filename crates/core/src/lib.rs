//! The words every room of redyn shares: what a trajectory is, how classes are
//! related, how an error tells a person what to do next, how a seed becomes numbers.

mod arrays;
mod bytes;
mod diagnose;
mod drawing;
mod files;
mod hierarchy;
pub mod random;
mod shard;
mod stop;
mod trajectory;

pub use arrays::{Trajectories, TrajectoriesError};
pub use bytes::Bytes;
pub use diagnose::{Diagnose, Fault, file_fault, file_hint, nearest};
pub use drawing::{Drawing, DrawnArea, DrawnEdge, Kind};
pub use files::{replace_file, replace_file_as};
pub use hierarchy::{Hierarchy, HierarchyError};
pub use shard::Shard;
pub use stop::Stop;
pub use trajectory::{Block, Description, FoldReadouts, Readout, ReadoutError, TimeAxis, TrajectorySource};
