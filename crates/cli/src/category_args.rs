//! How categories are compared, as it is said on the command line.

// The comments here are the help texts that a terminal shows: no Markdown.
#![allow(clippy::doc_markdown)]

use clap::{Args, ValueEnum};
use redyn_analysis::{CategoryOptions, Centroid, States};

/// How categories are compared.
#[derive(Clone, Debug, Args)]
pub(crate) struct CategoryArgs {
    /// Step that categories are compared from [default: the first]
    #[arg(long, value_name = "STEP")]
    base: Option<usize>,
    /// Step that categories are compared to [default: the last]
    #[arg(long, value_name = "STEP")]
    after: Option<usize>,
    /// Whether an image counts towards the centroid it is compared to
    #[arg(long, value_enum, default_value = "leave-one-out", value_name = "CENTROID")]
    centroid: CentroidArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CentroidArg {
    /// It does not: the share is that of new images
    LeaveOneOut,
    /// It does, as published
    Whole,
}

impl CategoryArgs {
    /// Every choice they stand for.
    pub(crate) fn options(&self) -> CategoryOptions {
        CategoryOptions {
            states: States { base: self.base, after: self.after },
            centroid: match self.centroid {
                CentroidArg::LeaveOneOut => Centroid::LeaveOneOut,
                CentroidArg::Whole => Centroid::Whole,
            },
            ..CategoryOptions::default()
        }
    }
}
