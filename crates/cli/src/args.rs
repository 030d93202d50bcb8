//! What can be said on the command line; [`crate::commands`] does it.

// The comments here are the help texts that a terminal shows: no Markdown.
#![allow(clippy::doc_markdown)]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use redyn_burn::{Device, DeviceError};
use redyn_core::Shard;
use redyn_engine::Precision;
use redyn_network::Intervention;
use redyn_train::LossTiming;

use crate::category_args::CategoryArgs;
use crate::rdm_args::RdmArgs;

/// Watch a recurrent network, or a brain, make up its mind.
#[derive(Debug, Parser)]
#[command(name = "redyn", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
The way of the data:
  redyn train blt64:width=0.25,image_size=32 --data PHOTOS --out runs/LA
  redyn unroll runs/LA --split test --out stores/LA.zarr
  redyn unroll runs/LA --epoch -1 --split test --out stores/LA-untrained.zarr
  redyn analyze stores/*.zarr --out results
  redyn report results

Start with `redyn demo`: it does all of this on built-in stimuli, with nothing to download.
Data go to stdout, words to stderr. Exit status: 2 for a mistake in what was asked, 1 for a failure, 75 for
work that was stopped (Ctrl-C, SIGTERM, SIGUSR1) and that the same command continues.")]
pub struct Cli {
    /// Threads to compute on [default: RAYON_NUM_THREADS, or SLURM_CPUS_PER_TASK, or all cores]. No result
    /// depends on it
    #[arg(long, global = true, value_name = "N", env = "RAYON_NUM_THREADS", hide_env = true)]
    pub(crate) threads: Option<usize>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The whole way on built-in stimuli: train four networks, unroll, analyze, report
    Demo(DemoArgs),
    /// Do a published study again, from training to one page with all its figures
    Reproduce(ReproduceArgs),
    /// Train a network by back-propagation through time
    Train(TrainArgs),
    /// Record a network's trajectories: its areas and logits at every step
    Unroll(UnrollArgs),
    /// Whether steps draw nearby states together: the one-step Jacobians along trajectories
    Stability(StabilityArgs),
    /// Analyze trajectories: every number with an interval
    Analyze(AnalyzeArgs),
    /// Hold trajectories against the published claims: holds, reversed or undecided
    Claims(ClaimsArgs),
    /// Compare networks with brains: the RDMs of every area and step with those of subjects
    Compare(CompareArgs),
    /// Turn results into one page with figures
    Report(ReportArgs),
    /// The networks there are
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Image data: look at them, pack them, make them
    #[command(subcommand)]
    Data(DataCommand),
    /// The analyses there are
    #[command(subcommand)]
    Analyses(AnalysesCommand),
    /// Take in somebody else's weights, or a store of their trajectories
    Import(ImportArgs),
    /// Write a store in the layout of the published scripts
    Export(ExportArgs),
    /// What a store holds
    Store(StoreArgs),
    /// Join what was done in parts (`--shard`): complete a store, or an analysis
    Merge(MergeArgs),
    /// Print the script of a Slurm job array that records, or analyzes, in parts
    Slurm(SlurmArgs),
    /// Completions for a shell, on stdout
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder for runs, stores, results and the report; what is there already is not done again
    #[arg(long, default_value = "redyn-demo")]
    pub(crate) out: PathBuf,
    /// Seed of stimuli and networks
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Epochs of training
    #[arg(long, default_value_t = crate::commands::demo::EPOCHS)]
    pub(crate) epochs: usize,
    /// Seconds instead of minutes: take weights that were trained this way before
    #[arg(long, conflicts_with_all = ["seed", "epochs"])]
    pub(crate) pretrained: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReproduceArgs {
    /// The study [default: list them]
    pub(crate) name: Option<String>,
    /// Minutes instead of days: small networks, a short training, built-in stimuli unless --data is given
    #[arg(long)]
    pub(crate) quick: bool,
    /// Images: as for `redyn train`, with a split `test`
    #[arg(long)]
    pub(crate) data: Option<String>,
    /// Folder of trained weights, in files named as their authors name them: nothing is trained
    #[arg(long, value_name = "DIR")]
    pub(crate) weights: Option<PathBuf>,
    /// Folder for runs, stores, results and the report; what is there already is not done again
    /// [default: redyn-NAME]
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Print what it would take, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Seeds of every network: 1 to N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,
    /// Channels of the BLT networks, as a share of the published ones
    #[arg(long)]
    pub(crate) width: Option<f64>,
    /// Side to which images are brought
    #[arg(long)]
    pub(crate) image_size: Option<usize>,
    /// Passes over the training images
    #[arg(long)]
    pub(crate) epochs: Option<usize>,
    /// Images of one update
    #[arg(long)]
    pub(crate) batch: Option<usize>,
    /// Images run at once
    #[arg(long)]
    pub(crate) part: Option<usize>,
    /// Steps of the recurrent networks, in training and in recordings
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// Step size of Adam
    #[arg(long)]
    pub(crate) learning_rate: Option<f64>,
    /// Share of the step size left at the end, along a cosine
    #[arg(long)]
    pub(crate) final_rate: Option<f64>,
    /// Leave images as they are, instead of TrivialAugmentWide
    #[arg(long)]
    pub(crate) no_augmentation: bool,
    /// Memory for activations, and for decoded images as far as they all fit in
    #[arg(long, default_value = "4G", value_parser = memory)]
    pub(crate) memory: u64,
    /// How images are read
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The network: NAME or NAME:KEY=VALUE,... (`redyn models show NAME` lists the keys). The number of
    /// classes is the data's unless it is set
    pub(crate) model: String,
    /// Images: a folder SPLIT/CLASS/*, an HDF5 file in MiniEcoset's layout, a folder of arrays, or `builtin`
    #[arg(long)]
    pub(crate) data: String,
    /// Folder of the run
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Continue the run in that folder
    #[arg(long)]
    pub(crate) resume: bool,
    /// Passes over the training images
    #[arg(long, default_value_t = 60)]
    pub(crate) epochs: usize,
    /// Images of one update
    #[arg(long, default_value_t = 1024)]
    pub(crate) batch: usize,
    /// Images run at once: gradients of the parts of a batch are summed [default: 32 on cpu, the whole
    /// batch elsewhere]
    #[arg(long)]
    pub(crate) part: Option<usize>,
    /// Memory for activations, of as many parts side by side as it holds, and for decoded images as far
    /// as they all fit in: nothing but speed depends on it
    #[arg(long, default_value = "4G", value_parser = memory)]
    pub(crate) memory: u64,
    /// Make normalised and pooled maps anew on the way back, instead of keeping them: less than half the
    /// memory for some more time, and the same weights to the bit
    #[arg(long)]
    pub(crate) recompute: bool,
    /// Step size of Adam
    #[arg(long, default_value_t = 1e-3)]
    pub(crate) learning_rate: f64,
    /// Share of the step size left at the end, along a cosine; 1 keeps it constant
    #[arg(long, default_value_t = 1.0)]
    pub(crate) final_rate: f64,
    /// Steps to unroll for [default: as published]
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// When the loss is taken: `every` step (summed), the `last`, or one weight per step: `0,0.5,1`
    #[arg(long, default_value = "every")]
    pub(crate) loss: LossTiming,
    /// Leave images as they are, instead of TrivialAugmentWide
    #[arg(long)]
    pub(crate) no_augmentation: bool,
    /// Seed of initial weights, order of images and augmentation
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Keep the weights of every so many epochs
    #[arg(long, default_value_t = 30, value_name = "EPOCHS")]
    pub(crate) keep_every: usize,
    /// What computes
    #[command(flatten)]
    pub(crate) computing: ComputingArgs,
    /// How images are read
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
}

/// What computes.
#[derive(Clone, Debug, Args)]
pub(crate) struct ComputingArgs {
    /// What computes: cpu is the native engine; cuda, vulkan and metal are GPUs, of which the second is
    /// cuda:1, in builds that have them
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,
    /// What convolutions and matrix products are rounded to, on a GPU; the rest is f32
    #[arg(long, value_enum, default_value = "f32")]
    precision: PrecisionArg,
}

impl ComputingArgs {
    /// The device and the precision that were asked for.
    pub(crate) fn read(&self) -> Result<(Device, Precision), DeviceError> {
        let precision = match self.precision {
            PrecisionArg::F32 => Precision::F32,
            PrecisionArg::Bf16 => Precision::Bf16,
            PrecisionArg::F16 => Precision::F16,
        };
        Ok((self.device.parse()?, precision))
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PrecisionArg {
    /// Not at all
    F32,
    /// To 8 bits, in the range of f32
    Bf16,
    /// To 11 bits, in a small range: training scales the loss to stay in it
    F16,
}

/// How images are read.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReadingArgs {
    /// Leave out images that do not decode (named and counted), instead of stopping
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Class hierarchy (TSV: class, superordinate, basic, ...) [default: hierarchy.tsv beside the images]
    #[arg(long, value_name = "TSV")]
    pub(crate) hierarchy: Option<PathBuf>,
    /// Only these classes, relabelled in this order
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    pub(crate) only_classes: Option<Vec<String>>,
}

/// A network with weights, the images it is shown, and what is done to it.
#[derive(Debug, Args)]
pub(crate) struct SubjectArgs {
    /// A run folder, or a checkpoint (safetensors, PyTorch .pth, Keras .h5, TensorFlow .index)
    pub(crate) weights: PathBuf,
    /// Images [default: those the run was trained on]
    #[arg(long)]
    pub(crate) data: Option<String>,
    /// Split of the images
    #[arg(long, default_value = "test")]
    pub(crate) split: String,
    /// Kept epoch of the run; -1 is the untrained network [default: the last]
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) epoch: Option<i64>,
    /// What a checkpoint does not tell of its network: NAME or NAME:KEY=VALUE,...
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Cut an edge: EDGE, EDGE@3.. or EDGE@3..7 (steps from 0, the last excluded). May be repeated
    #[arg(long, value_name = "EDGE[@STEPS]")]
    pub(crate) cut: Vec<Intervention>,
    /// Scale an edge: EDGE=0.5 or EDGE=0.5@3... May be repeated
    #[arg(long, value_name = "EDGE=FACTOR[@STEPS]")]
    pub(crate) scale: Vec<Intervention>,
    /// How images are read
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UnrollArgs {
    /// Which network, and which images.
    #[command(flatten)]
    pub(crate) subject: SubjectArgs,
    /// The store to write: a folder ending in .zarr. One that was begun is continued
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Only so many images, spread evenly over the split
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Steps to unroll for; may go beyond training [default: as published]
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// Areas to record beside the one that is read out (`redyn models show` lists them)
    #[arg(long, value_delimiter = ',', value_name = "AREA,...")]
    pub(crate) areas: Vec<String>,
    /// Short name for legends [default: the network's letters]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Memory to stay within: 512M, 2G
    #[arg(long, default_value = "1G", value_parser = memory)]
    pub(crate) memory: u64,
    /// Record one of N parts, counted from 0, while others are recorded elsewhere; `slurm` takes it from
    /// the job array. `redyn merge` then completes the store, the same bytes whatever N
    #[arg(long, value_name = "I/N|slurm", value_parser = crate::slurm::shard)]
    pub(crate) shard: Option<Shard>,
    /// Print what it would take, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What computes
    #[command(flatten)]
    pub(crate) computing: ComputingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StabilityArgs {
    /// Which network, and which images.
    #[command(flatten)]
    pub(crate) subject: SubjectArgs,
    /// The file to write, for `redyn analyze --jacobians`. One that was begun is continued
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Only so many images, spread evenly over the split
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) limit: usize,
    /// Steps of the trajectories; there is a Jacobian between every two [default: as published]
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// Vectors of a Krylov basis, at most
    #[arg(long, default_value_t = 40)]
    pub(crate) vectors: usize,
    /// Residual at which a value counts as known, as a share of it
    #[arg(long, default_value_t = 1e-3)]
    pub(crate) tolerance: f64,
    /// Seed of the first vectors
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Memory to stay within: 512M, 2G
    #[arg(long, default_value = "1G", value_parser = memory)]
    pub(crate) memory: u64,
}

#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    /// Stores of trajectories, published .npz files, or manifests (.json) of other people's arrays, which
    /// are read as they lie. An untrained network (epoch -1) is paired with the trained ones of the same
    /// network and seed; stores of one step are feedforward controls of all that saw the same images,
    /// stores with edges cut or scaled are lesions of the same weights left intact
    #[arg(required = true)]
    pub(crate) stores: Vec<PathBuf>,
    /// Folder for results.json and one CSV per table
    #[arg(long, default_value = "results")]
    pub(crate) out: PathBuf,
    /// Jacobians of the same networks and images, as `redyn stability` writes them. May be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) jacobians: Vec<PathBuf>,
    /// Only these analyses (`redyn analyses list`)
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) only: Vec<String>,
    /// Table of image properties (`redyn data properties`), to predict the first distance to the boundary
    #[arg(long, value_name = "CSV")]
    pub(crate) properties: Option<PathBuf>,
    /// Read one of N parts of the images, counted from 0, while others are read elsewhere; `slurm` takes it
    /// from the job array. `redyn merge` then makes the results, the same bytes whatever N. A readout that a
    /// recording lacks is fitted to all of it in every part
    #[arg(long, value_name = "I/N|slurm", value_parser = crate::slurm::shard)]
    pub(crate) shard: Option<Shard>,
    /// Print what reading the trajectories would take, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What is measured, and how sure it is
    #[command(flatten)]
    pub(crate) statistics: StatisticsArgs,
    /// Also write the results to stdout as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ClaimsArgs {
    /// Stores of trajectories: of a network, its untrained twin, further seeds, a longer recording,
    /// feedforward controls; which is which they say themselves
    #[arg(required = true)]
    pub(crate) stores: Vec<PathBuf>,
    /// Write the claims here, as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Write everything to stdout as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// What is measured, and how sure it is
    #[command(flatten)]
    pub(crate) statistics: StatisticsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Stores of trajectories, published .npz files, or manifests (.json): all their areas are compared
    #[arg(required = true)]
    pub(crate) stores: Vec<PathBuf>,
    /// RDMs of the same images in the same order (.npy, or .npz with one set per array): FILE or
    /// FILE:AXIS,... where the axes before the two of images are subject, session or time. Of three axes
    /// the first is subjects. Sessions are averaged. May be repeated
    #[arg(long, required = true, value_name = "FILE[:AXIS,...]")]
    pub(crate) brain: Vec<String>,
    /// Times of the axis `time`, in a .npy file [default: 0, 1, 2, ...]
    #[arg(long, value_name = "NPY")]
    pub(crate) times: Option<PathBuf>,
    /// Only these areas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "AREA,...")]
    pub(crate) areas: Vec<String>,
    /// How maps become vectors
    #[arg(long, value_enum, default_value = "average")]
    pub(crate) spatial: SpatialArg,
    /// Folder for comparison.json, one CSV per table, and the figure
    #[arg(long, default_value = "comparison")]
    pub(crate) out: PathBuf,
    /// How RDMs are made and compared; --rdm-images is not heard: all images are compared
    #[command(flatten)]
    pub(crate) rdm: RdmArgs,
    /// How intervals are found.
    #[command(flatten)]
    pub(crate) resampling: ResamplingArgs,
    /// Also write the results to stdout as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How intervals are found, and in how much memory.
#[derive(Debug, Args)]
pub(crate) struct ResamplingArgs {
    /// Bootstrap replicates and permutations
    #[arg(long, default_value_t = 1000)]
    pub(crate) replicates: usize,
    /// Share of the bootstrap distribution inside an interval
    #[arg(long, default_value_t = 0.95)]
    pub(crate) level: f64,
    /// Seed of the bootstrap and of permutations
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Memory for trajectories: 512M, 2G. No result depends on it; an analysis that must hold more at once
    /// is refused before anything is read
    #[arg(long, default_value = "256M", value_parser = memory)]
    pub(crate) memory: u64,
}

/// What is measured, and how sure it is.
#[derive(Debug, Args)]
pub(crate) struct StatisticsArgs {
    /// Area to analyze [default: the one that is read out]
    #[arg(long)]
    pub(crate) area: Option<String>,
    /// How maps become vectors
    #[arg(long, value_enum, default_value = "average")]
    pub(crate) spatial: SpatialArg,
    /// Steps the final answer must last to count as stable: 2 as in the published code, 1 to drop the rule
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(crate) minimum_run: u8,
    /// Let an answer count as stable even if it was given, and left, before
    #[arg(long)]
    pub(crate) allow_return: bool,
    /// Whose claims are decided
    #[arg(long, value_enum, default_value = "thorat2023")]
    pub(crate) paper: PaperArg,
    /// How categories are compared
    #[command(flatten)]
    pub(crate) categories: CategoryArgs,
    /// How RDMs are made and compared
    #[command(flatten)]
    pub(crate) rdm: RdmArgs,
    /// Parts that the trials of each class are dealt into, where a recording has neither outputs nor a
    /// readout and gets cross-validated ones
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) folds: usize,
    /// How intervals are found.
    #[command(flatten)]
    pub(crate) resampling: ResamplingArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PaperArg {
    /// Thorat, Doerig & Kietzmann: stable steps, readout zones
    Thorat2023,
    /// Luo, Alvarez & Konkle: categories as geometry
    Luo2026,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SpatialArg {
    /// One unit per channel: the mean over the map
    Average,
    /// One unit per place and channel
    Flatten,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folders of `redyn analyze` and of `redyn compare`: one page shows what either holds
    #[arg(required = true)]
    pub(crate) results: Vec<PathBuf>,
    /// Folder for the page and its figures [default: RESULTS/report]
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Title of the page
    #[arg(long, default_value = "Representation dynamics")]
    pub(crate) title: String,
    /// Images for thumbnails, if they moved [default: as recorded in the stores]
    #[arg(long)]
    pub(crate) data: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the networks
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a network: areas, edges, parameters, multiplications
    Show {
        /// NAME or NAME:KEY=VALUE,...
        model: String,
        /// Steps to count multiplications for [default: as published]
        #[arg(long)]
        steps: Option<usize>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Show a data set: splits, classes, counts, statistics, a contact sheet
    Show {
        /// A folder, an HDF5 file, a folder of arrays, or `builtin[:KEY=VALUE,...]`
        data: String,
        /// Write a contact sheet of the images here, as PNG
        #[arg(long, value_name = "PNG")]
        sheet: Option<PathBuf>,
        /// Split of the contact sheet
        #[arg(long, default_value = "train")]
        split: String,
        /// Side to which images are brought
        #[arg(long)]
        image_size: Option<usize>,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// How images are read
        #[command(flatten)]
        reading: ReadingArgs,
    },
    /// Pack images into an HDF5 file in MiniEcoset's layout
    Pack {
        /// A folder SPLIT/CLASS/*, or any other data set
        data: String,
        /// The file to write
        out: PathBuf,
        /// Side to which images are brought
        #[arg(long)]
        image_size: Option<usize>,
        /// How images are read
        #[command(flatten)]
        reading: ReadingArgs,
    },
    /// Measure every image of a split: contrast, edges, spectrum, distance to its class; and the truth
    /// about built-in stimuli
    Properties {
        /// A folder, an HDF5 file, a folder of arrays, or `builtin[:KEY=VALUE,...]`
        data: String,
        /// Split to measure
        #[arg(long, default_value = "test")]
        split: String,
        /// The table to write, as CSV
        #[arg(long, value_name = "CSV")]
        out: PathBuf,
        /// Side to which images are brought
        #[arg(long)]
        image_size: Option<usize>,
        /// How images are read
        #[command(flatten)]
        reading: ReadingArgs,
    },
    /// Write built-in stimuli as a folder SPLIT/CLASS/*.png with their hierarchy
    Generate {
        /// The folder to write
        out: PathBuf,
        /// What to generate: `builtin:KEY=VALUE,...`
        #[arg(long, default_value = "builtin")]
        stimuli: String,
        /// Side of the images
        #[arg(long, default_value_t = 64)]
        image_size: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AnalysesCommand {
    /// List the analyses
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what an analysis means and where it comes from
    Show {
        /// Name of the analysis
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A checkpoint of weights (safetensors, PyTorch .pth, Keras .h5, TensorFlow .index); or
    /// trajectories: a .npz in the published scripts' layout, or a manifest (.json) naming arrays in
    /// safetensors, .npy or HDF5 files
    pub(crate) source: PathBuf,
    /// What to write: weights (.safetensors) of a checkpoint, a store (.zarr) of trajectories
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Of a checkpoint
    #[command(flatten)]
    pub(crate) checkpoint: CheckpointArgs,
    /// Of trajectories in a .npz: short name for legends
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Of trajectories: memory to stay within: 512M, 2G
    #[arg(long, default_value = "512M", value_parser = memory)]
    pub(crate) memory: u64,
}

/// How a checkpoint is read.
#[derive(Debug, Args)]
pub(crate) struct CheckpointArgs {
    /// Of a checkpoint: its network, NAME or NAME:KEY=VALUE,... [default: what keys, shapes and file name tell]
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Of a checkpoint: start parameters that it lacks at random (seed 1), instead of refusing it
    #[arg(long)]
    pub(crate) allow_missing: bool,
    /// Of a checkpoint: leave out tensors that its network does not have, instead of refusing it
    #[arg(long)]
    pub(crate) allow_unexpected: bool,
    /// Of a checkpoint: the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl CheckpointArgs {
    /// An option that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let options = [
            ("--model", self.model.is_some()),
            ("--allow-missing", self.allow_missing),
            ("--allow-unexpected", self.allow_unexpected),
            ("--json", self.json),
        ];
        options.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// The .npz file to write: representations_all, outputs_all, labels_all, readout_weight, readout_bias
    #[arg(long, value_name = "FILE")]
    pub(crate) npz: PathBuf,
    /// Area to export [default: the one that is read out]
    #[arg(long)]
    pub(crate) area: Option<String>,
    /// How maps become vectors
    #[arg(long, value_enum, default_value = "average")]
    pub(crate) spatial: SpatialArg,
    /// Memory to stay within: 512M, 2G
    #[arg(long, default_value = "512M", value_parser = memory)]
    pub(crate) memory: u64,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// What `--out` named when its parts were done: a store that was recorded, or a folder of results. Of
    /// results, run it in the folder in which the parts were run
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SlurmArgs {
    /// Tasks among which the images are divided
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) shards: u32,
    /// Processors of every task
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cpus: u32,
    /// Time limit of every task; what is not done by then goes on in another turn
    #[arg(long, default_value = "01:00:00", value_name = "HH:MM:SS")]
    pub(crate) time: String,
    /// Memory of every task [default: twice the command's]
    #[arg(long, value_parser = memory)]
    pub(crate) mem: Option<u64>,
    /// The command: -- unroll RUN --out STORE ..., or -- analyze STORE... --out RESULTS ...
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The store
    pub(crate) store: PathBuf,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Bytes, as people write them: `4096`, `512M`, `2G`, `1.5GiB`.
fn memory(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let power = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err("write a number with K, M, G or T: 512M".into()),
    };
    let number: f64 =
        digits.trim().parse().map_err(|_| "write a number with K, M, G or T: 512M".to_owned())?;
    let bytes = number * (1_u64 << power) as f64;
    if bytes >= 1.0 && bytes < u64::MAX as f64 {
        Ok(bytes as u64)
    } else {
        Err("it must be above zero".into())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn memory_is_read_as_people_write_it() {
        assert_eq!(memory("512M"), Ok(512 << 20));
        assert_eq!(memory("1.5GiB"), Ok(3 << 29));
        assert_eq!(memory("4096"), Ok(4096));
        assert!(memory("lots").is_err() && memory("0").is_err() && memory("-1G").is_err());
    }
}
