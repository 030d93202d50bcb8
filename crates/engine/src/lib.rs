//! The few operations recurrent vision networks are made of, and what runs them.
//!
//! An [`Op`] says what is computed, on shapes that are known beforehand. An
//! [`Engine`] computes it on a batch of values, forward and backward; [`Cpu`] is
//! the native one. This room knows nothing of networks, steps or files.
//!
//! Values are f32 maps in the order `[image, row, column, channel]`; a vector is a
//! map of one pixel. A value that is the same for every image of a batch may be held
//! once, as a batch of one, and meets the others by broadcasting.

pub mod cpu;
mod engine;
mod op;
mod precision;
mod shape;

pub use cpu::{Cpu, Kernels};
pub use engine::{Engine, Saved, Stage, Staged, Tangents};
pub use op::{
    Activation, Bias, Confidence, Constant, Conv, ConvTranspose, Curve, Gain, Interaction,
    LAYER_NORM_EPSILON, Op, OpError, Padding, Reads, Rescaling, Statistics, Windows,
};
pub use precision::Precision;
pub use shape::Shape;
