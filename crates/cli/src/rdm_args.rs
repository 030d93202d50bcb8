//! How RDMs are made and compared, as it is said on the command line.

// The comments here are the help texts that a terminal shows: no Markdown.
#![allow(clippy::doc_markdown)]

use clap::{Args, ValueEnum};
use redyn_analysis::rdm::{Comparison, Metric};
use redyn_analysis::{RdmOptions, Scaling};

/// How RDMs are made and compared.
#[derive(Clone, Debug, Args)]
pub(crate) struct RdmArgs {
    /// How unlike two patterns are
    #[arg(long = "rdm-metric", value_enum, default_value = "correlation", value_name = "METRIC")]
    metric: MetricArg,
    /// What is done to each unit before patterns are compared
    #[arg(long = "rdm-scaling", value_enum, default_value = "raw", value_name = "SCALING")]
    scaling: ScalingArg,
    /// How alike two RDMs are
    #[arg(long = "rdm-comparison", value_enum, default_value = "spearman", value_name = "COMPARISON")]
    comparison: ComparisonArg,
    /// Images of an RDM of images, balanced over classes
    #[arg(long = "rdm-images", default_value_t = RdmOptions::default().n_images, value_name = "N")]
    images: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MetricArg {
    /// One minus Pearson's correlation over units
    Correlation,
    /// One minus the cosine
    Cosine,
    /// Squared Euclidean distance over the number of units
    Euclidean,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScalingArg {
    /// Nothing
    Raw,
    /// Mean 0 and deviation 1 over all items and steps together
    OverSteps,
    /// Mean 0 and deviation 1 over the items of each step
    WithinStep,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ComparisonArg {
    /// Spearman's rank correlation
    Spearman,
    /// Pearson's correlation
    Pearson,
    /// Kendall's tau-a
    Kendall,
    /// The cosine
    Cosine,
}

impl RdmArgs {
    /// Every choice they stand for.
    pub(crate) fn options(&self) -> RdmOptions {
        RdmOptions {
            metric: match self.metric {
                MetricArg::Correlation => Metric::Correlation,
                MetricArg::Cosine => Metric::Cosine,
                MetricArg::Euclidean => Metric::Euclidean,
            },
            scaling: match self.scaling {
                ScalingArg::Raw => Scaling::Raw,
                ScalingArg::OverSteps => Scaling::OverSteps,
                ScalingArg::WithinStep => Scaling::WithinStep,
            },
            comparison: match self.comparison {
                ComparisonArg::Spearman => Comparison::Spearman,
                ComparisonArg::Pearson => Comparison::Pearson,
                ComparisonArg::Kendall => Comparison::KendallTauA,
                ComparisonArg::Cosine => Comparison::Cosine,
            },
            n_images: self.images,
        }
    }
}
