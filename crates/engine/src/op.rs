//! What is computed: operations with their shapes, weights and cost.

use crate::Shape;

/// A convolution with zero padding.
///
/// `y[o, Y, X] = b[o] + Σ_{i, ky, kx} W[o, i, ky, kx] · x[i, Y·stride + ky − before, X·stride + kx − before]`
///
/// With `groups`, channels of input and output are divided into as many runs of neighbours,
/// and an output channel sees the inputs of its own run alone; as many groups as channels
/// make a depthwise convolution.
///
/// Weights: `W [out, in / groups, kernel, kernel]`, then `b [out]` if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Channels of the output.
    pub channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Distance between neighbouring windows.
    pub stride: usize,
    /// Zeros around the map.
    pub padding: Padding,
    /// Runs of channels that keep to themselves: divides both numbers of channels.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: Bias,
}

impl Conv {
    /// A convolution of stride 1 that keeps height and width: an odd kernel, half of it as padding.
    pub const fn same(channels: usize, kernel: usize, bias: Bias) -> Self {
        Self { channels, kernel, stride: 1, padding: Padding::even(kernel / 2), groups: 1, bias }
    }
}

/// Rows above and below a map, and columns left and right of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Padding {
    /// Above and on the left.
    pub before: usize,
    /// Below and on the right.
    pub after: usize,
}

impl Padding {
    /// Nothing.
    pub const NONE: Self = Self::even(0);

    /// The same on every side.
    pub const fn even(padding: usize) -> Self {
        Self { before: padding, after: padding }
    }

    /// What TensorFlow calls `SAME`: `⌈side / stride⌉` windows, the smaller half of what
    /// that takes comes first.
    pub const fn same(side: usize, window: usize, stride: usize) -> Self {
        let total = ((side.div_ceil(stride) - 1) * stride + window).saturating_sub(side);
        Self { before: total / 2, after: total - total / 2 }
    }

    /// Number of windows along a side, if there is room for one.
    const fn windows(self, side: usize, window: usize, stride: usize) -> Option<usize> {
        match (side + self.before + self.after).checked_sub(window) {
            Some(rest) => Some(rest / stride + 1),
            None => None,
        }
    }
}

/// Windows that slide over a map; what of them lies outside is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Windows {
    /// Side of the square windows.
    pub size: usize,
    /// Distance between neighbouring windows.
    pub stride: usize,
    /// Places around the map that windows may reach into: less than `size` on each side.
    pub padding: Padding,
}

impl Windows {
    /// Windows beside one another; what is left over below and on the right is not looked at.
    pub const fn tiling(size: usize) -> Self {
        Self { size, stride: size, padding: Padding::NONE }
    }

    /// The side of windows that lie beside one another, as [`Windows::tiling`] makes them.
    pub fn tile(self) -> Option<usize> {
        (self == Self::tiling(self.size)).then_some(self.size)
    }
}

/// A transposed convolution that multiplies height and width by its stride: kernel
/// `2·padding + 1`, output padding `stride − 1` in `PyTorch`'s words.
///
/// `y[o, Y, X] = b[o] + Σ_{i, ky, kx} W[i, o, ky, kx] · x[i, (Y + p − ky) / stride, (X + p − kx) / stride]`,
/// only where both indices are whole and inside the map.
///
/// Weights as checkpoints store them: `W [in, out, kernel, kernel]`, then `b [out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvTranspose {
    /// Channels of the output.
    pub channels: usize,
    /// Side of the square kernel: odd.
    pub kernel: usize,
    /// Distance between what neighbours are spread over.
    pub stride: usize,
    /// Whether a bias is added.
    pub bias: Bias,
}

/// Whether a layer adds a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bias {
    /// One value per output channel.
    PerChannel,
    /// None.
    Absent,
}

/// What follows a normalisation, value by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`; its derivative at 0 is 0. NaN stays NaN.
    Relu,
}

/// A smooth function of every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// `x` above 0, `eˣ − 1` below.
    Elu,
    /// `1 / (1 + e⁻ˣ)`
    Sigmoid,
    /// `tanh x`
    Tanh,
}

/// Which statistics a batch norm uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Statistics {
    /// The running averages among its weights: every image by itself.
    Running,
    /// Mean and biased variance of the images that are computed together, as in training.
    /// The one case in which an image's result depends on the others.
    Batch,
}

/// Whether a normalisation scales and shifts what it has normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rescaling {
    /// By one scale and one shift per channel.
    PerChannel,
    /// It does not.
    Absent,
}

/// What a learned gain depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gain {
    /// Nothing: one factor.
    Common,
    /// The sign: a factor for values below 0, then one for the others.
    BySign,
}

/// How far confidence counts in a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confidence {
    /// All the way.
    Whole,
    /// Up to a learned threshold: nothing is more confident than what has reached it.
    Capped,
}

/// How recurrent drives meet the bottom-up drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interaction {
    /// `(b + l) + t`: from left to right.
    Additive,
    /// `b · ((1 + l) + t)`.
    Multiplicative,
}

/// One operation on one or more values.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Op {
    /// Convolution: weight, then bias.
    Conv(Conv),
    /// Transposed convolution: weight, then bias.
    ConvTranspose(ConvTranspose),
    /// Product with a matrix `W [out, in]`, then bias, of a vector.
    Linear {
        /// Length of the output.
        channels: usize,
        /// Whether a bias is added.
        bias: Bias,
    },
    /// Largest value of windows. A window's gradient goes to its first maximum in
    /// row-major order, as in `PyTorch`.
    MaxPool(Windows),
    /// Mean over all pixels: a vector.
    AveragePool,
    /// Means over `height × width` windows that cover the map, window `i` of `n` from row
    /// `⌊i·rows / n⌋` to row `⌈(i + 1)·rows / n⌉`, and so on for columns.
    AdaptiveAveragePool {
        /// Rows that come out.
        height: usize,
        /// Columns that come out.
        width: usize,
    },
    /// The first input combined with one or more others of the same shape.
    Combine(Interaction),
    /// `a((x − μ) / √(σ² + 1e-5) · γ + β)` with mean and biased variance over all
    /// values of an image, `γ` and `β` of the full shape (stored `[channels, height,
    /// width]`, or `[channels]` for a vector), and the activation `a`.
    LayerNorm(Activation),
    /// `(x − μ) / √(σ² + ε) [· γ + β]` with mean and biased variance over the pixels and the
    /// channels of a group, neighbours in number; `γ [channels]` and `β [channels]`.
    GroupNorm {
        /// Number of groups: divides the number of channels.
        groups: usize,
        /// The divisor's guard `ε`.
        epsilon: Constant,
        /// Whether there are `γ` and `β`.
        rescaling: Rescaling,
    },
    /// `(x − μ) / √(σ² + ε) · γ + β` channel by channel, with the running averages of mean and
    /// variance or those of the batch. Weights, `[channels]` each: `γ`, `β`, running mean,
    /// running variance.
    ///
    /// The running averages have no gradient. With [`Statistics::Batch`] their place among the
    /// gradients takes what the batch itself has: its mean and its variance over `n − 1`, by
    /// which whoever trains moves the averages.
    BatchNorm {
        /// The divisor's guard `ε`.
        epsilon: Constant,
        /// Which mean and variance.
        statistics: Statistics,
    },
    /// An activation alone.
    Activate(Activation),
    /// A smooth function of every value.
    Curve(Curve),
    /// The value times a constant.
    Scale(Constant),
    /// `offset + factor · x`
    Line {
        /// What is multiplied by.
        factor: Constant,
        /// What is added to the product.
        offset: Constant,
    },
    /// `m · x` with learned factors, each a weight of one value.
    Gain(Gain),
    /// The product of two inputs of one shape, value by value.
    Multiply,
    /// Of two vectors the more confident one, image by image; the first if both are alike.
    ///
    /// The confidence of `x` is `max softmax(β x)` in f32, above `θ` where that is
    /// [capped](Confidence::Capped) it is `θ`. Weights: `β [1]`, then `θ [1]` if there is one. They
    /// have no gradient: the choice changes with them in jumps.
    MoreConfident(Confidence),
    /// Maps of one height and width on top of each other: channels in the order of the inputs.
    Concat,
    /// `count` channels from `from` on.
    Channels {
        /// The first channel.
        from: usize,
        /// Number of channels.
        count: usize,
    },
    /// Bilinear interpolation between pixels, corners on corners: row `i` of `n` lies at
    /// `i · (rows − 1) / (n − 1)` of the input.
    Resize {
        /// Rows that come out.
        height: usize,
        /// Columns that come out.
        width: usize,
    },
    /// A map as a vector, `[channel, row, column]`.
    Flatten,
    /// A weight as a value, the same for every image; no input. Stored `[channels, height,
    /// width]`, or `[channels]` for a vector.
    Parameter(Shape),
    /// A map of zeros; no input.
    Zeros(Shape),
}

/// A constant that can be a key: equal bits are equal constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Constant(u32);

impl Constant {
    /// The constant as a key.
    pub const fn new(value: f32) -> Self {
        Self(value.to_bits())
    }

    /// The constant as a number.
    pub const fn value(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl Eq for Op {}

/// What an operation's backward pass must still have in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The inputs.
    pub inputs: bool,
    /// The output.
    pub output: bool,
}

/// Why an operation cannot be applied.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpError {
    /// Another number of inputs than the operation takes.
    #[error("{op} takes {expected} inputs, not {found}")]
    Arity {
        /// Name of the operation.
        op: &'static str,
        /// Inputs given.
        found: usize,
        /// Inputs taken.
        expected: &'static str,
    },
    /// Inputs whose shapes do not belong together.
    #[error("{op}: inputs of shapes {first} and {other} do not fit together")]
    Shapes {
        /// Name of the operation.
        op: &'static str,
        /// Shape of the first input.
        first: Shape,
        /// Shape that differs.
        other: Shape,
    },
    /// An input the operation cannot take.
    #[error("{op}: cannot take an input of shape {found}: {needs}")]
    Input {
        /// Name of the operation.
        op: &'static str,
        /// Shape given.
        found: Shape,
        /// What it needs, in words.
        needs: &'static str,
    },
}

/// The divisor's guard in every layer norm here, as in `PyTorch`.
pub const LAYER_NORM_EPSILON: f64 = 1e-5;

impl Op {
    /// The name in messages and drawings.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::ConvTranspose(_) => "transposed conv",
            Self::Linear { .. } => "linear",
            Self::MaxPool(_) => "max pool",
            Self::AveragePool | Self::AdaptiveAveragePool { .. } => "average pool",
            Self::Combine(Interaction::Additive) => "add",
            Self::Combine(Interaction::Multiplicative) => "modulate",
            Self::LayerNorm(_) => "layer norm",
            Self::GroupNorm { .. } => "group norm",
            Self::BatchNorm { .. } => "batch norm",
            Self::Activate(_) => "activation",
            Self::Curve(Curve::Elu) => "elu",
            Self::Curve(Curve::Sigmoid) => "sigmoid",
            Self::Curve(Curve::Tanh) => "tanh",
            Self::Scale(_) | Self::Line { .. } => "scale",
            Self::Gain(_) => "gain",
            Self::Multiply => "multiply",
            Self::MoreConfident(_) => "more confident",
            Self::Concat => "concatenate",
            Self::Channels { .. } => "channels",
            Self::Resize { .. } => "resize",
            Self::Flatten => "flatten",
            Self::Parameter(_) => "parameter",
            Self::Zeros(_) => "zeros",
        }
    }

    /// The shape that comes out.
    ///
    /// # Errors
    /// A number or shape of inputs the operation cannot take.
    pub fn output(&self, inputs: &[Shape]) -> Result<Shape, OpError> {
        let op = self.name();
        let one = || match inputs {
            [shape] => Ok(*shape),
            _ => Err(OpError::Arity { op, found: inputs.len(), expected: "1" }),
        };
        match *self {
            Self::Conv(conv) => {
                let x = one()?;
                if !x.channels.is_multiple_of(conv.groups) || !conv.channels.is_multiple_of(conv.groups) {
                    return Err(OpError::Input { op, found: x, needs: "channels that its groups divide" });
                }
                let side = |side| conv.padding.windows(side, conv.kernel, conv.stride);
                match (side(x.height), side(x.width)) {
                    (Some(height), Some(width)) => Ok(Shape::map(height, width, conv.channels)),
                    _ => Err(OpError::Input { op, found: x, needs: "a map at least as large as the kernel" }),
                }
            }
            Self::ConvTranspose(conv) => {
                let x = one()?;
                Ok(Shape::map(conv.stride * x.height, conv.stride * x.width, conv.channels))
            }
            Self::Linear { channels, .. } => {
                let x = one()?;
                if x.is_vector() {
                    Ok(Shape::vector(channels))
                } else {
                    Err(OpError::Input { op, found: x, needs: "a vector" })
                }
            }
            Self::MaxPool(Windows { size, stride, padding }) => {
                let x = one()?;
                let side = |side| padding.windows(side, size, stride);
                match (side(x.height), side(x.width)) {
                    (Some(height), Some(width)) => Ok(Shape::map(height, width, x.channels)),
                    _ => Err(OpError::Input { op, found: x, needs: "a map at least as large as the window" }),
                }
            }
            Self::AveragePool => Ok(Shape::vector(one()?.channels)),
            Self::AdaptiveAveragePool { height, width } | Self::Resize { height, width } => {
                Ok(Shape::map(height, width, one()?.channels))
            }
            Self::Combine(_) => {
                let Some((&first, rest)) = inputs.split_first().filter(|(_, rest)| !rest.is_empty()) else {
                    return Err(OpError::Arity { op, found: inputs.len(), expected: "at least 2" });
                };
                match rest.iter().find(|&&other| other != first) {
                    Some(&other) => Err(OpError::Shapes { op, first, other }),
                    None => Ok(first),
                }
            }
            Self::Multiply | Self::MoreConfident(_) => match *inputs {
                [first, other] if first == other => Ok(first),
                [first, other] => Err(OpError::Shapes { op, first, other }),
                _ => Err(OpError::Arity { op, found: inputs.len(), expected: "2" }),
            },
            Self::Concat => {
                let Some(&first) = inputs.first() else {
                    return Err(OpError::Arity { op, found: 0, expected: "at least 1" });
                };
                match inputs.iter().find(|x| (x.height, x.width) != (first.height, first.width)) {
                    Some(&other) => Err(OpError::Shapes { op, first, other }),
                    None => Ok(Shape { channels: inputs.iter().map(|x| x.channels).sum(), ..first }),
                }
            }
            Self::Channels { from, count } => {
                let x = one()?;
                if from + count <= x.channels {
                    Ok(Shape { channels: count, ..x })
                } else {
                    Err(OpError::Input { op, found: x, needs: "as many channels as are taken" })
                }
            }
            Self::Flatten => Ok(Shape::vector(one()?.len())),
            Self::GroupNorm { groups, .. } => {
                let x = one()?;
                if x.channels.is_multiple_of(groups) {
                    Ok(x)
                } else {
                    Err(OpError::Input { op, found: x, needs: "channels that its groups divide" })
                }
            }
            Self::LayerNorm(_)
            | Self::BatchNorm { .. }
            | Self::Activate(_)
            | Self::Curve(_)
            | Self::Scale(_)
            | Self::Line { .. }
            | Self::Gain(_) => one(),
            Self::Zeros(shape) | Self::Parameter(shape) => match inputs {
                [] => Ok(shape),
                _ => Err(OpError::Arity { op, found: inputs.len(), expected: "0" }),
            },
        }
    }

    /// Shapes of the weights, in order, in the layout of `PyTorch`'s checkpoints.
    ///
    /// # Shapes
    /// - `input`: the first input's shape; the output's for an operation without inputs
    pub fn weights(&self, input: Shape) -> Vec<Vec<usize>> {
        let with_bias = |weight: Vec<usize>, channels: usize, bias: Bias| match bias {
            Bias::PerChannel => vec![weight, vec![channels]],
            Bias::Absent => vec![weight],
        };
        match *self {
            Self::Conv(Conv { channels, kernel, groups, bias, .. }) => {
                with_bias(vec![channels, input.channels / groups, kernel, kernel], channels, bias)
            }
            Self::ConvTranspose(ConvTranspose { channels, kernel, bias, .. }) => {
                with_bias(vec![input.channels, channels, kernel, kernel], channels, bias)
            }
            Self::Linear { channels, bias } => with_bias(vec![channels, input.channels], channels, bias),
            Self::LayerNorm(_) => vec![channels_first(input); 2],
            Self::Parameter(shape) => vec![channels_first(shape)],
            Self::GroupNorm { rescaling: Rescaling::PerChannel, .. } => vec![vec![input.channels]; 2],
            Self::BatchNorm { .. } => vec![vec![input.channels]; 4],
            Self::Gain(Gain::Common) | Self::MoreConfident(Confidence::Whole) => vec![vec![1]],
            Self::Gain(Gain::BySign) | Self::MoreConfident(Confidence::Capped) => vec![vec![1]; 2],
            _ => Vec::new(),
        }
    }

    /// The same operation; a batch norm by these statistics.
    #[must_use]
    pub const fn normalising_by(self, statistics: Statistics) -> Self {
        match self {
            Self::BatchNorm { epsilon, .. } => Self::BatchNorm { epsilon, statistics },
            op => op,
        }
    }

    /// Multiply-accumulates for one image: every kernel tap of convolutions and
    /// matrix products, those on zero padding included; nothing else is counted.
    pub fn multiply_accumulates(&self, input: Shape, output: Shape) -> u64 {
        let (input, output) = match *self {
            Self::Conv(conv) => (conv.kernel * conv.kernel * input.channels / conv.groups, output.len()),
            Self::ConvTranspose(conv) => (input.len(), conv.channels * conv.kernel * conv.kernel),
            Self::Linear { channels, .. } => (input.channels, channels),
            _ => (0, 0),
        };
        input as u64 * output as u64
    }

    /// What the backward pass must still have in hand.
    pub const fn reads(&self) -> Reads {
        let (inputs, output) = match self {
            Self::Conv(_)
            | Self::ConvTranspose(_)
            | Self::Linear { .. }
            | Self::MaxPool(_)
            | Self::Combine(Interaction::Multiplicative)
            | Self::Multiply
            | Self::MoreConfident(_)
            | Self::Gain(_)
            | Self::LayerNorm(_)
            | Self::GroupNorm { .. }
            | Self::BatchNorm { .. } => (true, false),
            Self::Activate(_) | Self::Curve(_) => (false, true),
            Self::AveragePool
            | Self::AdaptiveAveragePool { .. }
            | Self::Combine(Interaction::Additive)
            | Self::Scale(_)
            | Self::Line { .. }
            | Self::Concat
            | Self::Channels { .. }
            | Self::Resize { .. }
            | Self::Flatten
            | Self::Parameter(_)
            | Self::Zeros(_) => (false, false),
        };
        Reads { inputs, output }
    }
}

/// Dimensions of a value as checkpoints store it.
fn channels_first(shape: Shape) -> Vec<usize> {
    if shape.is_vector() { vec![shape.channels] } else { vec![shape.channels, shape.height, shape.width] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_is_tensorflows() {
        let pads = |side, window, stride| {
            let Padding { before, after } = Padding::same(side, window, stride);
            (before, after)
        };
        assert_eq!(pads(224, 7, 2), (2, 3));
        assert_eq!(pads(56, 2, 1), (0, 1));
        assert_eq!(pads(7, 4, 1), (1, 2));
        assert_eq!(pads(7, 2, 2), (0, 1));
        assert_eq!(pads(8, 2, 2), (0, 0));
    }

    #[test]
    fn costs_are_those_of_the_published_layer_table() {
        let conv = |channels| Op::Conv(Conv::same(channels, 3, Bias::Absent));
        let cost = |op: Op, input| op.multiply_accumulates(input, op.output(&[input]).unwrap());
        assert_eq!(cost(conv(64), Shape::map(64, 64, 32)), 75_497_472);
        assert_eq!(cost(conv(512), Shape::map(8, 8, 512)), 150_994_944);
        let top_down =
            Op::ConvTranspose(ConvTranspose { channels: 128, kernel: 3, stride: 2, bias: Bias::Absent });
        assert_eq!(cost(top_down, Shape::map(16, 16, 256)), 75_497_472);
        assert_eq!(cost(Op::Linear { channels: 100, bias: Bias::Absent }, Shape::vector(512)), 51_200);
    }

    #[test]
    fn an_input_that_does_not_fit_is_named() {
        let error =
            Op::Linear { channels: 3, bias: Bias::Absent }.output(&[Shape::map(2, 2, 4)]).unwrap_err();
        assert_eq!(error.to_string(), "linear: cannot take an input of shape 2x2x4: a vector");
        let error = Op::Combine(Interaction::Additive).output(&[Shape::vector(4)]).unwrap_err();
        assert_eq!(error.to_string(), "add takes at least 2 inputs, not 1");
    }
}
