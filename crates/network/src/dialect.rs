//! How a network's authors name and start their tensors.

use redyn_engine::{Conv, Op, Shape};

use crate::graph::Parameter;

/// What a weight of an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Kernel or matrix, or a normalisation's gain.
    Weight,
    /// Bias, or a normalisation's shift.
    Bias,
    /// The running average of a batch norm's means.
    RunningMean,
    /// The running average of a batch norm's variances.
    RunningVariance,
    /// The factor of all values of a learned gain.
    Gain,
    /// The factor of values below 0 of a learned gain.
    NegativeGain,
    /// The factor of the others.
    PositiveGain,
    /// The factor of values before the softmax that measures confidence.
    Sharpness,
    /// The confidence beyond which there is none.
    Threshold,
}

impl Role {
    /// The roles of an operation's weights, in their order.
    pub(crate) const fn of(op: &Op) -> &'static [Self] {
        match op {
            Op::BatchNorm { .. } => &[Self::Weight, Self::Bias, Self::RunningMean, Self::RunningVariance],
            Op::Gain(redyn_engine::Gain::Common) => &[Self::Gain],
            Op::Gain(redyn_engine::Gain::BySign) => &[Self::NegativeGain, Self::PositiveGain],
            Op::MoreConfident(_) => &[Self::Sharpness, Self::Threshold],
            _ => &[Self::Weight, Self::Bias],
        }
    }

    const fn is_average(self) -> bool {
        matches!(self, Self::RunningMean | Self::RunningVariance)
    }
}

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// All alike.
    Constant {
        /// The value.
        value: f32,
    },
    /// Uniform in `[−bound, bound)`.
    Uniform {
        /// Largest magnitude.
        bound: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// Standard deviation.
        deviation: f64,
    },
}

impl Init {
    /// Xavier's (Glorot's) uniform start: `bound = √(6 / (fan_in + fan_out))`.
    pub fn xavier(fan_in: usize, fan_out: usize) -> Self {
        Self::Uniform { bound: (6.0 / (fan_in + fan_out) as f64).sqrt() }
    }

    /// PyTorch's default start of weights and biases: `bound = 1 / √fan_in`.
    pub fn default_of(fan_in: usize) -> Self {
        Self::Uniform { bound: 1.0 / (fan_in as f64).sqrt() }
    }

    /// He's normal start before a ReLU, by what a channel gives or receives: `√(2 / fan)`.
    pub fn he(fan: usize) -> Self {
        Self::Normal { deviation: (2.0 / fan as f64).sqrt() }
    }

    /// How `PyTorch` starts the weights of an operation when nothing else is said.
    pub fn of_pytorch(op: &Op, input: Shape, role: Role) -> Self {
        match (op, role) {
            (Op::Conv(Conv { kernel, groups, .. }), _) => {
                Self::default_of(input.channels / groups * kernel * kernel)
            }
            // The fan-in is taken from the second dimension.
            (Op::ConvTranspose(conv), _) => Self::default_of(conv.channels * conv.kernel * conv.kernel),
            (Op::Linear { .. }, _) => Self::default_of(input.channels),
            (_, Role::Bias | Role::RunningMean) => Self::Zeros,
            _ => Self::Ones,
        }
    }
}

/// How a model chooses the start of a weight: by operation, input shape and role.
pub type Policy = fn(&Op, Shape, Role) -> Init;

/// How a network's authors name and start their tensors.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// The name of a layer's weight.
    pub name: fn(&str, &Op, Role) -> String,
    /// How weights start.
    pub init: Policy,
    /// Share of a batch's statistics in the running averages of a batch norm.
    pub averaging: f64,
}

impl Dialect {
    /// `LAYER.weight` and so on, a share of a tenth.
    pub const fn pytorch(init: Policy) -> Self {
        Self { name: pytorch_name, init, averaging: 0.1 }
    }

    pub(crate) fn parameter(
        &self,
        name: String,
        shape: Vec<usize>,
        op: &Op,
        input: Shape,
        role: Role,
    ) -> Parameter {
        let averaging = role.is_average().then_some(self.averaging);
        Parameter { name, shape, init: (self.init)(op, input, role), averaging }
    }
}

fn pytorch_name(layer: &str, _: &Op, role: Role) -> String {
    let word = match role {
        Role::Weight => "weight",
        Role::Bias => "bias",
        Role::RunningMean => "running_mean",
        Role::RunningVariance => "running_var",
        Role::Gain => "scale",
        Role::NegativeGain => "neg_scale",
        Role::PositiveGain => "pos_scale",
        Role::Sharpness => "beta",
        Role::Threshold => "threshold",
    };
    format!("{layer}.{word}")
}
