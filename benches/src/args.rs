//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use redyn_burn::{Device, Kind};
use redyn_engine::Precision;

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
    /// Forward passes and training steps against PyTorch, both on the CPU or both on a GPU
    Network(NetworkOptions),
    /// Published recurrent networks against their authors' loops in PyTorch
    Catalogue(NetworkOptions),
    /// Every analysis against loops and against vectorised `NumPy`
    Analyses(Options),
    /// Decoding and augmentation against training; the store against plain files
    Data(Options),
    /// RDMs, their comparisons and bootstraps against rsatoolbox
    Rdm(Options),
    /// One task in a process of its own, for its peak memory
    #[command(hide = true)]
    Child { task: String },
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

/// How to measure networks.
#[derive(Args)]
pub(crate) struct NetworkOptions {
    #[command(flatten)]
    pub(crate) common: Options,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Where both sides compute.
#[derive(Clone, Copy, Args)]
pub(crate) struct Place {
    /// cpu, or a GPU in builds that have it (`--features cuda`): cuda, vulkan, metal, cuda:1
    #[arg(long, default_value_t)]
    pub(crate) device: Device,
    /// f32, or what convolutions are rounded to: bf16 or f16; then PyTorch may use either
    #[arg(long, default_value_t)]
    pub(crate) precision: Precision,
}

impl Place {
    /// What the peer calls the device.
    pub(crate) fn peers(self) -> String {
        let index = self.device.index.map_or(String::new(), |index| format!(":{index}"));
        match self.device.kind {
            Kind::Cpu | Kind::Flex => "cpu".into(),
            // PyTorch has no Vulkan to speak of; on the same GPU it computes by CUDA or ROCm.
            Kind::Cuda | Kind::Vulkan => format!("cuda{index}"),
            Kind::Metal => "mps".into(),
        }
    }

    /// Whether both sides compute on the processor.
    pub(crate) fn is_cpu(self) -> bool {
        self.peers() == "cpu"
    }

    /// Modes of the peer that are tried without a compiler.
    pub(crate) fn peers_modes(self) -> Vec<String> {
        let rounding: &[&str] = match self.precision {
            Precision::F32 => &[""],
            Precision::Bf16 | Precision::F16 => &["+bf16", "+f16"],
        };
        let formats = ["eager", "channels_last"];
        rounding.iter().flat_map(|rounding| formats.map(|format| format!("{format}{rounding}"))).collect()
    }

    /// Compilers of the peer: the usual one and, on GPUs, the one that replays recorded launches.
    pub(crate) fn compilers(self) -> &'static [&'static str] {
        if self.is_cpu() { &["compiled"] } else { &["compiled", "graphs"] }
    }

    /// Parts of a batch that ours trains side by side.
    pub(crate) fn parts(self) -> usize {
        if self.device.kind == Kind::Cpu { rayon::current_num_threads() } else { 1 }
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
