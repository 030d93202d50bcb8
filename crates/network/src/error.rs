//! What can be wrong with a network, a request or weights.

use redyn_core::{Diagnose, nearest};
use redyn_engine::OpError;

/// Why a network cannot be declared, planned or run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// An operation was given a signal it cannot take.
    #[error("`{name}`: {source}")]
    Operation {
        /// Layer or tap.
        name: String,
        /// What is wrong with it.
        source: OpError,
    },
    /// An area was declared with one shape and defined with another.
    #[error("area `{area}` was declared as {declared} and defined as {defined}")]
    AreaShape {
        /// The area.
        area: String,
        /// Shape declared.
        declared: String,
        /// Shape of the defining signal.
        defined: String,
    },
    /// An area was declared and never defined.
    #[error("area `{area}` was declared and never defined")]
    Undefined {
        /// The area.
        area: String,
    },
    /// Two taps or two different parameters of one name.
    #[error("the name `{name}` was given twice")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// No tap of that name.
    #[error("no tap named `{name}`")]
    UnknownTap {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// No edge of that name.
    #[error("no edge named `{name}`")]
    UnknownEdge {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// An intervention that cannot be read.
    #[error("cannot read the intervention `{text}`: {why}")]
    Intervention {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// An effect that an edge cannot have.
    #[error("edge `{edge}`: {why}")]
    Effect {
        /// The edge.
        edge: String,
        /// What is wrong.
        why: String,
    },
    /// A step beyond the last.
    #[error("step {step} was asked for, the last of {steps} is {}", steps - 1)]
    StepBeyond {
        /// The step.
        step: usize,
        /// Number of steps.
        steps: usize,
    },
    /// A network without recurrence was asked for its dynamics.
    #[error("the network has no recurrent connection, so no state that steps could change")]
    NoState,
    /// A signal that later steps read cannot be asked for.
    #[error("a signal that later steps read has no name")]
    StateWithoutName,
    /// No steps at all.
    #[error("a network runs for at least one step")]
    NoSteps,
    /// More steps than the network has parameters for.
    #[error(
        "{steps} steps were asked for, and the network has parameters of its own for each of {most} steps alone"
    )]
    StepsBeyondParameters {
        /// Number of steps asked for.
        steps: usize,
        /// Number of steps there are parameters for.
        most: usize,
    },
    /// A batch norm that several values of one pass share: their statistics would mix.
    #[error("the running average `{name}` would have to follow several statistics at once")]
    StatisticsTwice {
        /// The average.
        name: String,
    },
    /// A tap has no value at a step at which it must have one.
    #[error("`{tap}` has no value at step {step}: nothing reaches it")]
    NothingReaches {
        /// The tap.
        tap: String,
        /// The step.
        step: usize,
    },
    /// Weights that do not belong to the network.
    #[error("weights do not fit the network: {}", faults.join("; "))]
    Weights {
        /// One sentence for each key.
        faults: Vec<String>,
    },
    /// A weight that is not finite.
    #[error("weight `{name}` holds {count} values that are not finite, the first at index {first}")]
    WeightNotFinite {
        /// The weight.
        name: String,
        /// How many.
        count: usize,
        /// Index of the first.
        first: usize,
    },
}

impl Diagnose for NetworkError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownTap { name, known } | Self::UnknownEdge { name, known } => Some(
                nearest(name, known.iter().map(String::as_str))
                    .map_or_else(|| format!("there are {}", known.join(", ")), |near| format!("did you mean `{near}`?")),
            ),
            Self::Intervention { .. } => {
                Some("write EDGE, EDGE@3.. or EDGE@3..7 (steps from 0, the last excluded); with --scale, EDGE=0.5@3..".into())
            }
            Self::NoState => Some("choose a network with lateral or top-down connections".into()),
            Self::StepBeyond { steps, .. } => Some(format!("steps run from 0 to {}; ask for more with --steps", steps - 1)),
            Self::StepsBeyondParameters { most, .. } => Some(format!("ask for at most {most} steps")),
            Self::NothingReaches { .. } => Some("an intervention cut every path to it: cut fewer edges or from a later step".into()),
            Self::Weights { .. } => Some("`redyn models show` lists every key and shape of a network".into()),
            Self::WeightNotFinite { .. } => Some("the training that wrote it diverged: use an earlier checkpoint".into()),
            _ => None,
        }
    }
}
