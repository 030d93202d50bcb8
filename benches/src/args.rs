//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use redyn_engine::Kernels;

use crate::measure::Effort;

/// redyn against PyTorch and NumPy on this machine.
#[derive(Parser)]
#[command(name = "redyn-benches")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Forward passes and training steps against PyTorch
    Network(Options),
    /// Every analysis against loops and against vectorised `NumPy`
    Analyses(Options),
    /// Decoding and augmentation against training; the store against plain files
    Data(Options),
    /// One task in a process of its own, for its peak memory
    #[command(hide = true)]
    Child { task: String },
    /// One convolution again and again, for counting its instructions
    #[command(hide = true)]
    Convolution { kernels: KernelsArg, times: usize },
}

/// How to measure, and where to write it down.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// `tiny` shows that everything works and measures nothing
    #[arg(long, value_enum, default_value_t = Size::Full)]
    pub(crate) size: Size,
    /// Only the cases whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) only: String,
    /// Whether the peer may try `torch.compile`, which takes minutes
    #[arg(long, value_enum, default_value_t = Compile::Try)]
    pub(crate) compile: Compile,
    /// File for the record; default: `benches/runs/` and the name of the command
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

impl Options {
    pub(crate) fn effort(&self) -> Effort {
        if self.quick || self.size == Size::Tiny { Effort::QUICK } else { Effort::FULL }
    }

    pub(crate) fn wants(&self, case: &str) -> bool {
        case.contains(&self.only)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Size {
    Full,
    Tiny,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compile {
    Try,
    Skip,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KernelsArg {
    Direct,
    Accurate,
    Fast,
}

impl From<KernelsArg> for Kernels {
    fn from(arg: KernelsArg) -> Self {
        match arg {
            KernelsArg::Direct => Self::Direct,
            KernelsArg::Accurate => Self::Accurate,
            KernelsArg::Fast => Self::Fast,
        }
    }
}
