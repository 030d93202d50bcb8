//! What is computed: operations with their shapes, weights and cost.

use crate::Shape;

/// A convolution with zero padding.
///
/// `y[o, Y, X] = b[o] + Σ_{i, ky, kx} W[o, i, ky, kx] · x[i, Y·stride + ky − padding, X·stride + kx − padding]`
///
/// Weights as checkpoints store them: `W [out, in, kernel, kernel]`, then `b [out]`
/// if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Channels of the output.
    pub channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Distance between neighbouring windows.
    pub stride: usize,
    /// Zeros added on every side.
    pub padding: usize,
    /// Whether a bias is added.
    pub bias: Bias,
}

/// A transposed convolution of stride 2 that doubles height and width: kernel
/// `2·padding + 1`, output padding 1 in `PyTorch`'s words.
///
/// `y[o, Y, X] = b[o] + Σ_{i, ky, kx} W[i, o, ky, kx] · x[i, (Y + p − ky) / 2, (X + p − kx) / 2]`,
/// only where both indices are whole and inside the map.
///
/// Weights as checkpoints store them: `W [in, out, kernel, kernel]`, then `b [out]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvTranspose {
    /// Channels of the output.
    pub channels: usize,
    /// Side of the square kernel: odd.
    pub kernel: usize,
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
    /// Largest value of windows of `size × size`, `size` apart; what is left over at
    /// the lower and right border is not looked at. A window's gradient goes to its
    /// first maximum in row-major order, as in `PyTorch`.
    MaxPool {
        /// Side and distance of the windows.
        size: usize,
    },
    /// Mean over all pixels: a vector.
    AveragePool,
    /// The first input combined with one or more others of the same shape.
    Combine(Interaction),
    /// `a((x − μ) / √(σ² + 1e-5) · γ + β)` with mean and biased variance over all
    /// values of an image, `γ` and `β` of the full shape (stored `[channels, height,
    /// width]`, or `[channels]` for a vector), and the activation `a`.
    LayerNorm(Activation),
    /// An activation alone.
    Activate(Activation),
    /// The value times a constant, given by its bits so that equal factors compare equal.
    Scale(ScaleFactor),
    /// A map of zeros; no input.
    Zeros(Shape),
}

/// A constant factor that can be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScaleFactor(u32);

impl ScaleFactor {
    /// The factor as a key.
    pub const fn new(factor: f32) -> Self {
        Self(factor.to_bits())
    }

    /// The factor as a number.
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
pub(crate) const LAYER_NORM_EPSILON: f64 = 1e-5;

impl Op {
    /// The name in messages and drawings.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::ConvTranspose(_) => "transposed conv",
            Self::Linear { .. } => "linear",
            Self::MaxPool { .. } => "max pool",
            Self::AveragePool => "average pool",
            Self::Combine(Interaction::Additive) => "add",
            Self::Combine(Interaction::Multiplicative) => "modulate",
            Self::LayerNorm(_) => "layer norm",
            Self::Activate(_) => "activation",
            Self::Scale(_) => "scale",
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
                let side = |side: usize| {
                    (side + 2 * conv.padding).checked_sub(conv.kernel).map(|rest| rest / conv.stride + 1)
                };
                match (side(x.height), side(x.width)) {
                    (Some(height), Some(width)) => Ok(Shape::map(height, width, conv.channels)),
                    _ => Err(OpError::Input { op, found: x, needs: "a map at least as large as the kernel" }),
                }
            }
            Self::ConvTranspose(conv) => {
                let x = one()?;
                Ok(Shape::map(2 * x.height, 2 * x.width, conv.channels))
            }
            Self::Linear { channels, .. } => {
                let x = one()?;
                if x.is_vector() {
                    Ok(Shape::vector(channels))
                } else {
                    Err(OpError::Input { op, found: x, needs: "a vector" })
                }
            }
            Self::MaxPool { size } => {
                let x = one()?;
                if x.height >= size && x.width >= size {
                    Ok(Shape::map(x.height / size, x.width / size, x.channels))
                } else {
                    Err(OpError::Input { op, found: x, needs: "a map at least as large as the window" })
                }
            }
            Self::AveragePool => Ok(Shape::vector(one()?.channels)),
            Self::Combine(_) => {
                let Some((&first, rest)) = inputs.split_first().filter(|(_, rest)| !rest.is_empty()) else {
                    return Err(OpError::Arity { op, found: inputs.len(), expected: "at least 2" });
                };
                match rest.iter().find(|&&other| other != first) {
                    Some(&other) => Err(OpError::Shapes { op, first, other }),
                    None => Ok(first),
                }
            }
            Self::LayerNorm(_) | Self::Activate(_) | Self::Scale(_) => one(),
            Self::Zeros(shape) => match inputs {
                [] => Ok(shape),
                _ => Err(OpError::Arity { op, found: inputs.len(), expected: "0" }),
            },
        }
    }

    /// Shapes of the weights, in order, as checkpoints store them.
    ///
    /// # Shapes
    /// - `input`: the first input's shape
    pub fn weights(&self, input: Shape) -> Vec<Vec<usize>> {
        let with_bias = |weight: Vec<usize>, channels: usize, bias: Bias| match bias {
            Bias::PerChannel => vec![weight, vec![channels]],
            Bias::Absent => vec![weight],
        };
        match *self {
            Self::Conv(Conv { channels, kernel, bias, .. }) => {
                with_bias(vec![channels, input.channels, kernel, kernel], channels, bias)
            }
            Self::ConvTranspose(ConvTranspose { channels, kernel, bias }) => {
                with_bias(vec![input.channels, channels, kernel, kernel], channels, bias)
            }
            Self::Linear { channels, bias } => with_bias(vec![channels, input.channels], channels, bias),
            Self::LayerNorm(_) => {
                let shape = if input.is_vector() {
                    vec![input.channels]
                } else {
                    vec![input.channels, input.height, input.width]
                };
                vec![shape.clone(), shape]
            }
            _ => Vec::new(),
        }
    }

    /// Multiply-accumulates for one image: every kernel tap of convolutions and
    /// matrix products, those on zero padding included; nothing else is counted.
    pub fn multiply_accumulates(&self, input: Shape, output: Shape) -> u64 {
        let (input, output) = match *self {
            Self::Conv(conv) => (conv.kernel * conv.kernel * input.channels, output.len()),
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
            | Self::MaxPool { .. }
            | Self::Combine(Interaction::Multiplicative)
            | Self::LayerNorm(_) => (true, false),
            Self::Activate(_) => (false, true),
            Self::AveragePool | Self::Combine(Interaction::Additive) | Self::Scale(_) | Self::Zeros(_) => {
                (false, false)
            }
        };
        Reads { inputs, output }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_those_of_the_published_layer_table() {
        let conv =
            |channels| Op::Conv(Conv { channels, kernel: 3, stride: 1, padding: 1, bias: Bias::Absent });
        let cost = |op: Op, input| op.multiply_accumulates(input, op.output(&[input]).unwrap());
        assert_eq!(cost(conv(64), Shape::map(64, 64, 32)), 75_497_472);
        assert_eq!(cost(conv(512), Shape::map(8, 8, 512)), 150_994_944);
        let top_down = Op::ConvTranspose(ConvTranspose { channels: 128, kernel: 3, bias: Bias::Absent });
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
