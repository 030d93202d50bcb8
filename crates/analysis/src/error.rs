//! Why an analysis cannot be done, and what to do about it.

use std::ops::Range;

use redyn_core::{Bytes, Diagnose, Fault, ReadoutError};

/// Why an analysis cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No analysis has this name.
    #[error("no analysis named `{name}`")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The most similar name.
        nearest: Option<&'static str>,
    },
    /// The analysis reads a linear readout and the trajectories come without one.
    #[error("`{trajectories}` has no linear readout, which `{analysis}` reads")]
    ReadoutAbsent {
        /// Name of the trajectories.
        trajectories: String,
        /// Name of the analysis.
        analysis: &'static str,
    },
    /// The readout does not fit the data.
    #[error("`{trajectories}`: {source}")]
    ReadoutUnfit {
        /// Name of the trajectories.
        trajectories: String,
        /// What does not fit.
        source: ReadoutError,
    },
    /// The readout chooses other classes than the logits do.
    #[error(
        "`{trajectories}`: readout and logits choose different classes in {found} of {total} image-steps"
    )]
    ReadoutDisagrees {
        /// Name of the trajectories.
        trajectories: String,
        /// Image-steps in which they differ.
        found: usize,
        /// All image-steps.
        total: usize,
    },
    /// A readout vector of length zero points nowhere.
    #[error("`{trajectories}`: the readout vector of class `{class}` is zero and has no direction")]
    ZeroReadout {
        /// Name of the trajectories.
        trajectories: String,
        /// The class.
        class: String,
    },
    /// The hierarchy is of other classes.
    #[error("`{trajectories}`: the hierarchy places {found} classes, the data have {expected}")]
    Hierarchy {
        /// Name of the trajectories.
        trajectories: String,
        /// Classes of the hierarchy.
        found: usize,
        /// Classes of the data.
        expected: usize,
    },
    /// Fewer steps than the analysis needs.
    #[error("`{trajectories}` has {found} steps, `{analysis}` needs at least {needed}")]
    TooFewSteps {
        /// Name of the trajectories.
        trajectories: String,
        /// Name of the analysis.
        analysis: &'static str,
        /// Steps there are.
        found: usize,
        /// Steps it takes.
        needed: usize,
    },
    /// More has to be held at once than is allowed.
    #[error("`{trajectories}`: `{analysis}` holds {needed} at once, {allowed} are allowed")]
    Memory {
        /// Name of the trajectories.
        trajectories: String,
        /// Name of the analysis.
        analysis: &'static str,
        /// What it holds.
        needed: Bytes,
        /// [`Options::memory`](crate::Options::memory).
        allowed: Bytes,
    },
    /// There is nothing to analyse.
    #[error("`{trajectories}` holds no {what}")]
    Empty {
        /// Name of the trajectories.
        trajectories: String,
        /// `images`, `steps`, `units` or `classes`.
        what: &'static str,
    },
    /// What the trajectories are to be compared to is not of the same images, or of other steps.
    #[error("`{companion}` cannot be the {role} of `{trajectories}`: {what} {found}, expected {expected}")]
    Companion {
        /// Name of the trajectories.
        trajectories: String,
        /// Name of what they are to be compared to.
        companion: String,
        /// What it was to be.
        role: Role,
        /// What differs.
        what: &'static str,
        /// As the companion has it.
        found: String,
        /// As it must be.
        expected: String,
    },
    /// Two controls that tables and figures could not tell apart.
    #[error("two feedforward controls of `{trajectories}` are named `{name}`")]
    ControlTwice {
        /// Name of the trajectories.
        trajectories: String,
        /// Name of both.
        name: String,
    },
    /// The analysis compares with other trajectories and there are none.
    #[error("`{trajectories}` comes without a {role}, which `{analysis}` compares it to")]
    CompanionAbsent {
        /// Name of the trajectories.
        trajectories: String,
        /// Name of the analysis.
        analysis: &'static str,
        /// What the other trajectories are.
        role: Role,
    },
    /// The analysis reads properties of the images and none were given.
    #[error("`{trajectories}` comes without properties of its images, which `{analysis}` reads")]
    PropertiesAbsent {
        /// Name of the trajectories.
        trajectories: String,
        /// Name of the analysis.
        analysis: &'static str,
    },
    /// The properties are of other images.
    #[error("`{trajectories}`: properties of {found} images, the data have {expected}")]
    Properties {
        /// Name of the trajectories.
        trajectories: String,
        /// Images with properties.
        found: usize,
        /// Images of the data.
        expected: usize,
    },
    /// The analysis reads one-step Jacobians and there are none.
    #[error("`{trajectories}` comes without the Jacobians of its steps")]
    JacobianAbsent {
        /// Name of the trajectories.
        trajectories: String,
    },
    /// The Jacobians are of other images or steps.
    #[error(
        "`{trajectories}`: its Jacobians are not {} images with {} steps each, in the order of the images",
        expected.0, expected.1
    )]
    JacobianUnfit {
        /// Name of the trajectories.
        trajectories: String,
        /// Images looked at, and their steps but for the last.
        expected: (usize, usize),
    },
    /// A label names no class.
    #[error("`{trajectories}`, image {image}: label {label}, but there are {n_classes} classes")]
    Label {
        /// Name of the trajectories.
        trajectories: String,
        /// Index of the image.
        image: usize,
        /// Its label.
        label: usize,
        /// Number of classes.
        n_classes: usize,
    },
    /// A block has another shape than the description promises.
    #[error(
        "`{trajectories}`, images {images:?}: {what} have shape {found:?}, the description says {expected:?}"
    )]
    Shape {
        /// Name of the trajectories.
        trajectories: String,
        /// The images asked for.
        images: Range<usize>,
        /// `labels`, `representations` or `logits`.
        what: &'static str,
        /// Shape found.
        found: Vec<usize>,
        /// Shape promised.
        expected: Vec<usize>,
    },
    /// NaN or infinity.
    #[error("`{trajectories}`, image {image}, t={step}: {what} holds a value that is not finite")]
    NotFinite {
        /// Name of the trajectories.
        trajectories: String,
        /// `representation` or `logits`.
        what: &'static str,
        /// Index of the image.
        image: usize,
        /// Step, from 0.
        step: usize,
    },
    /// An option that makes no sense.
    #[error("option `{option}` is {found}, but must be {needs}")]
    Setting {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        needs: &'static str,
    },
    /// The table of rows was merged from parts that do not follow one another.
    #[error("partial rows do not join: a part begins at image {found}, expected image {expected}")]
    Parts {
        /// First image of the part.
        found: usize,
        /// Image after the last of the part before.
        expected: usize,
    },
    /// Rows that were read before are not of the trajectories they are given for.
    #[error("`{trajectories}`, images {images:?}: the rows that were read before are of something else")]
    OtherPart {
        /// Name of the trajectories.
        trajectories: String,
        /// The images.
        images: Range<usize>,
    },
    /// Too few items for an RDM to hold more than one number.
    #[error("an RDM of {found} items has nothing to compare")]
    RdmItems {
        /// Number of items.
        found: usize,
    },
    /// RDMs of other items.
    #[error("RDMs of {found} items cannot be compared with RDMs of {expected}")]
    RdmOtherItems {
        /// Items of one.
        found: usize,
        /// Items of the other.
        expected: usize,
    },
    /// Values that do not fill RDMs, or patterns that are not of the items.
    #[error("an RDM of {n_items} items has {expected} values, {found} were given")]
    RdmPairs {
        /// Number of items.
        n_items: usize,
        /// Values of one RDM.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// NaN, infinity, or a negative value where a distance is needed.
    #[error("RDM {rdm}: the dissimilarity of items {first} and {second} is {value}")]
    RdmValue {
        /// Index of the RDM.
        rdm: usize,
        /// One item.
        first: usize,
        /// The other.
        second: usize,
        /// Their dissimilarity.
        value: f64,
    },
    /// A square matrix with different entries on both sides of its diagonal.
    #[error(
        "RDM {rdm} is not symmetric: items {first} and {second} have {above} above the diagonal, {below} below"
    )]
    RdmAsymmetric {
        /// Index of the RDM.
        rdm: usize,
        /// One item.
        first: usize,
        /// The other.
        second: usize,
        /// Entry above the diagonal.
        above: f64,
        /// Entry below.
        below: f64,
    },
    /// A pattern has no dissimilarity to others.
    #[error("RDM {rdm}: the pattern of item {item} {reason}")]
    RdmUndefined {
        /// Index of the RDM.
        rdm: usize,
        /// The item.
        item: usize,
        /// `is zero`, `does not vary over units`, `is not finite`.
        reason: &'static str,
    },
    /// Nothing of the trajectories has an RDM.
    #[error("`{trajectories}` has no RDMs to compare: {reason}")]
    RdmAbsent {
        /// Name of the trajectories.
        trajectories: String,
        /// Why.
        reason: String,
    },
    /// A class has too few trials for a readout to be fitted to some and to judge others.
    #[error(
        "`{trajectories}`: `{}` has {} trial{}, a cross-validated readout needs 2 of every class",
        class.0, class.1, if class.1 == 1 { "" } else { "s" }
    )]
    TooFewTrials {
        /// Name of the trajectories.
        trajectories: String,
        /// The class, and its number of trials.
        class: (String, usize),
    },
    /// A noise ceiling of one subject.
    #[error("one subject has no noise ceiling")]
    OneSubject,
    /// The source of the trajectories failed.
    #[error("`{trajectories}`, images {images:?}: {cause}")]
    Source {
        /// Name of the trajectories.
        trajectories: String,
        /// The images asked for.
        images: Range<usize>,
        /// Why it failed.
        cause: Box<dyn Diagnose + Send + Sync>,
    },
    /// Somebody asked to stop.
    #[error("stopped before the analyses were done")]
    Stopped,
}

/// What other trajectories are to those analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The same network before training.
    UntrainedTwin,
    /// A network that sees each image once.
    FeedforwardControl,
    /// The same network with another readout.
    ReadoutVariant,
    /// The same network with some of its connections cut.
    LesionedRun,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UntrainedTwin => "untrained twin",
            Self::FeedforwardControl => "feedforward control",
            Self::ReadoutVariant => "sister with a bias in the readout",
            Self::LesionedRun => "lesioned run",
        })
    }
}

impl Error {
    /// Whether the data are sound, but do not have what this analysis needs.
    pub fn is_inapplicable(&self) -> bool {
        matches!(
            self,
            Self::ReadoutAbsent { .. }
                | Self::ReadoutDisagrees { .. }
                | Self::ZeroReadout { .. }
                | Self::TooFewSteps { .. }
                | Self::JacobianAbsent { .. }
                | Self::CompanionAbsent { .. }
                | Self::PropertiesAbsent { .. }
                | Self::RdmAbsent { .. }
        )
    }
}

impl Diagnose for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { nearest: Some(name), .. } => {
                format!("did you mean `{name}`? `redyn analyses list` shows all")
            }
            Self::Unknown { nearest: None, .. } => "`redyn analyses list` shows all".into(),
            Self::ReadoutAbsent { .. } => {
                "record the area that the readout reads, or give `readout/weight` when importing".into()
            }
            Self::ReadoutDisagrees { .. } => {
                "the readout must turn this area into the logits of the same step; check its bias, the area, \
                 and whether the readout reads an earlier step"
                    .into()
            }
            Self::ZeroReadout { .. } => "leave out the class, or import the readout that was trained".into(),
            Self::Hierarchy { .. } => "give the hierarchy table one line per class of the data".into(),
            Self::Memory { needed, .. } => {
                format!("give --memory {}M, or name other analyses with --only", needed.0.div_ceil(1 << 20))
            }
            Self::TooFewSteps { needed, .. } => format!("unroll with `--steps {needed}` or more"),
            Self::Companion { role: Role::UntrainedTwin, .. } => {
                "unroll the untrained network (epoch -1) on the same images and steps".into()
            }
            Self::Companion { role: Role::ReadoutVariant | Role::LesionedRun, .. } => {
                "unroll it on the same images and steps, with the same --split and --limit".into()
            }
            Self::Companion { role: Role::FeedforwardControl, .. } => {
                "unroll the control for one step on the same images, with the same --split and --limit".into()
            }
            Self::ControlTwice { .. } => "unroll one of them with another --name".into(),
            Self::CompanionAbsent { role, .. } => match role {
                Role::UntrainedTwin => "analyze it together with `redyn unroll --epoch -1`".into(),
                Role::ReadoutVariant => {
                    "analyze it together with the same network trained with a readout bias".into()
                }
                Role::FeedforwardControl => {
                    "analyze it together with networks unrolled on the same images with `--steps 1`".into()
                }
                Role::LesionedRun => {
                    "analyze it together with itself, unrolled on the same images with `--cut EDGE@3..`"
                        .into()
                }
            },
            Self::PropertiesAbsent { .. } | Self::Properties { .. } => {
                "measure them with `redyn data properties DATA --out FILE`, and give --properties FILE".into()
            }
            Self::JacobianAbsent { .. } => {
                "compute them with `redyn stability` and give the file to `redyn analyze --jacobians`".into()
            }
            Self::JacobianUnfit { .. } => "compute them for the images and steps of the store".into(),
            Self::Label { .. } => "labels are indices into the list of classes, from 0".into(),
            Self::NotFinite { .. } => {
                "look at the network's training record, or unroll again: the activations are damaged".into()
            }
            Self::RdmItems { .. } => "an RDM needs three items or more".into(),
            Self::RdmOtherItems { .. } => "RDMs must be of the same items in the same order".into(),
            Self::RdmPairs { .. } => {
                "give whole RDMs: n (n - 1) / 2 values each, or n x n as square matrices".into()
            }
            Self::RdmValue { .. } => "leave out items whose dissimilarities are not known".into(),
            Self::RdmAsymmetric { .. } => {
                "average both sides of the diagonal if they are two measurements".into()
            }
            Self::RdmUndefined { .. } => "leave out the item, or take the Euclidean metric".into(),
            Self::RdmAbsent { .. } => {
                "record more images or classes, or choose another metric with --rdm-metric".into()
            }
            Self::TooFewTrials { .. } => {
                "give single trials, not their means; or outputs, or a readout, in the manifest".into()
            }
            Self::OneSubject => "give the RDM of every subject, not their mean".into(),
            Self::Parts { .. } => "merge parts in the order of their images, without gaps".into(),
            Self::OtherPart { .. } => "remove them, and run the shards again".into(),
            Self::Source { cause, .. } => return cause.hint(),
            Self::ReadoutUnfit { source, .. } => return source.hint(),
            Self::Setting { .. } => "`redyn analyze --help` tells what each option may be".into(),
            Self::Stopped => "run the same command again: results are written when all are known".into(),
            Self::Empty { .. } | Self::Shape { .. } => return None,
        })
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Source { cause, .. } => cause.fault(),
            Self::Shape { .. } | Self::Parts { .. } => Fault::Failure,
            Self::Stopped => Fault::Stopped,
            _ => Fault::User,
        }
    }
}
