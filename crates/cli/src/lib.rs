//! **redyn**: watch a recurrent network, or a brain, make up its mind.
//!
//! This crate is the front door: the rooms under their short names, [`unroll()`], which
//! joins them from images to a store of trajectories, and the command line.
//!
//! | room | holds |
//! |---|---|
//! | [`stimuli`] | images on their way to a network |
//! | [`zoo`] | published networks, one file each |
//! | [`network`] | declare, plan, run |
//! | [`engine`] | the operations and the native CPU engine |
//! | [`burn`] | Burn's devices, GPUs among them, as an engine |
//! | [`train`] | back-propagation through time |
//! | [`store`] | trajectories on disk |
//! | [`analysis`] | what representations do over time |
//! | [`report`] | figures and the page |

pub use redyn_analysis as analysis;
pub use redyn_burn as burn;
pub use redyn_core as core;
pub use redyn_engine as engine;
pub use redyn_network as network;
pub use redyn_report as report;
pub use redyn_stimuli as stimuli;
pub use redyn_store as store;
pub use redyn_train as train;
pub use redyn_zoo as zoo;

mod args;
mod brain_axes;
mod brains;
mod category_args;
mod commands;
mod console;
mod failure;
mod judged;
mod opened;
mod parts;
mod program;
mod properties;
mod rdm_args;
mod reproductions;
mod slurm;
mod stability;
mod study;
mod thumbnails;
mod trained;
mod undivided;
mod unroll;
mod usage;

pub use args::Cli;
pub use brain_axes::BrainAxes;
pub use brains::{brain_rdms, read_brains};
pub use commands::{
    Analyzed, Areas, Challenged, Claims, Feedforward, How, analyze_opened, compare_opened, judge,
    judged_tables, parts_of, run,
};
pub use console::Console;
pub use failure::Failure;
pub use judged::judged_trajectories;
pub use opened::Opened;
pub use program::main_with;
pub use properties::PropertyTable;
pub use stability::{Jacobians, StabilityError, StabilityOptions, stability};
pub use trained::{Normalised, Trained, TrainedError};
pub use unroll::{Forecast, UnrollError, UnrollOptions, Unrolled, forecast, unroll};
