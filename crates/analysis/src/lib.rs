//! What representations do over time: one file per analysis, every number with an interval.
//!
//! [`analyse`] reads each network's trajectories once, block by block, into one row per image
//! ([`Rows`]), and hands the rows to the analyses of [`ANALYSES`]. Results do not depend on
//! blocks, threads or machines, to the last bit. Nothing here knows of files, clocks or
//! networks.
//!
//! [`judge`] holds several networks, each under several seeds, against what a paper says.

// What is not inlined into `numeric::vectorised` is not compiled for the processor's vector
// instructions.
#![allow(clippy::inline_always)]

mod accuracy;
mod between;
mod boundary;
mod categories;
mod category_orthogonality;
mod change;
mod claims;
mod contrast;
mod convergence;
mod curves;
mod decoded;
mod decomposition;
mod discriminant;
mod error;
mod estimate;
#[cfg(test)]
mod every_analysis;
mod feedforward_norm;
#[cfg(test)]
mod fixture;
mod future_class;
mod global_geometry;
mod image_properties;
mod judge;
mod knn_preservation;
pub mod krylov;
mod lesion;
mod local_geometry;
mod model_brain;
mod nearest_centroid;
mod now_correct;
mod numeric;
mod options;
mod participation_ratio;
mod parts;
mod patterns;
mod principal;
mod projection;
mod published;
mod published_geometry;
pub mod rdm;
mod rdm_movie;
mod reader;
mod readout_similarity;
mod readout_zone;
mod readout_zone_simulation;
mod registry;
mod replicates;
mod resample;
mod ridge;
mod rows;
mod run;
mod schematic;
mod seeds;
mod shared;
mod spearman;
mod stability;
mod stable_step;
mod sums;
mod table;
mod within_zone;
mod zone_membership;
mod zones;

pub use accuracy::{Accuracy, StepEstimate};
pub use between::{Between, BetweenStage, State};
pub use boundary::{Boundary, RelativeStep};
pub use categories::distribution::{Distribution, QUANTILES, Ridges};
pub use categories::mixed_model::MixedModel;
pub use categories::{CategoryOptions, Centroid, Stage, States};
pub use category_orthogonality::{CategoryOrthogonality, Orthogonality, OrthogonalityStage};
pub use change::{Change, ChangeGroup, ChangeGroupOfAll};
pub use claims::{
    Claim, Entry as ClaimEntry, Factor, Rule, Sampling, Verdict, claims_table, entries, factors_table,
};
pub use contrast::{Averages, Contrast};
pub use convergence::{Approach, Convergence, FLOOR, Recurrence, Settled};
pub use curves::{SeedCurve, curves_table};
pub use decoded::{Decoded, DecodingOptions};
pub use decomposition::{Decomposition, DecompositionGroup, Period, Shares};
pub use error::{Error, Role};
pub use estimate::{DEFINED_SHARE, Estimate, SMALLEST_GROUP, Series, Uncertainty};
pub use feedforward_norm::{ControlNorm, FeedforwardNorm, NormGroup};
pub use future_class::FutureClass;
pub use global_geometry::{GlobalGeometry, GlobalStage, PrototypeShift};
pub use image_properties::{Coefficient, ImageProperties, Properties, Regression};
pub use judge::{Against, Case, Judged, NetworkJudged, Paper, judge};
pub use knn_preservation::{KnnPreservation, KnnStage};
pub use lesion::{Lesion, LesionEffect};
pub use local_geometry::{LocalGeometry, LocalStage};
pub use model_brain::{BrainComparison, BrainRdms, Ceiling, Match, ModelRdms, compare_with_brains};
pub use nearest_centroid::{CentroidStage, NearestCentroid};
pub use now_correct::NowCorrect;
pub use options::Options;
pub use participation_ratio::{ParticipationRatio, ParticipationStage};
pub use parts::{KnownRows, Origin, Part, Parts, Run, runs};
pub use patterns::{Level, RdmOptions, Scaling};
pub use projection::{Plane, PlaneOptions, Projection, Shown, ZoneGrid};
pub use published::{Compared, published_table};
pub use rdm_movie::{Movie, RdmMovie, Reliability};
pub use readout_similarity::{HierarchyAgreement, Linkage, Merge, NormSpread, ReadoutSimilarity, Tree};
pub use readout_zone_simulation::{BiasEffect, ReadoutZoneSimulation, ZoneScene};
pub use registry::{ANALYSES, Analysis, Entry, Finding, find};
pub use rows::{Plan, Quantities, ReadoutRows, Rows};
pub use run::{
    Control, Lesioned, Material, NetworkResults, Omitted, Request, Results, Selection, Subject, analyse,
    sought,
};
pub use schematic::Schematic;
pub use shared::Shared;
pub use stability::{JacobianRows, Stability};
pub use stable_step::{
    ClassStable, Course, CourseShare, FirstOccurrence, MinimumRun, Outcome, StableRule, StableStep,
    counts_by_step, timesteps_analyse,
};
pub use table::{Cell, Column, Table};
pub use within_zone::{Within, WithinZone};
pub use zone_membership::{Membership, ZoneMembership};
pub use zones::{AgainstHierarchy, DistanceCount, Flow, HierarchyTransitions, Transition, Zones};
