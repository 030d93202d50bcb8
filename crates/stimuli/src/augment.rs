//! TrivialAugmentWide, as torchvision applies it to `uint8` tensors.
//!
//! Müller and Hutter (2021), *TrivialAugment: tuning-free yet state-of-the-art data
//! augmentation*; torchvision's `TrivialAugmentWide` with its defaults (31 bins,
//! nearest neighbour, black beyond the edge). The operations give the same bytes as
//! torchvision's; which operation an image gets is drawn from our own [`Stream`].

mod colour;
mod geometry;

use redyn_core::random::Stream;

use crate::Image;

/// Number of magnitudes of an operation.
pub const BINS: usize = 31;

/// What may be done to an image, in torchvision's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Nothing.
    Identity,
    /// Shear along rows, up to 0.99.
    ShearX,
    /// Shear along columns, up to 0.99.
    ShearY,
    /// Shift along rows, up to 32 pixels.
    TranslateX,
    /// Shift along columns, up to 32 pixels.
    TranslateY,
    /// Rotate about the centre, up to 135 degrees.
    Rotate,
    /// Towards black or twice as bright.
    Brightness,
    /// Towards grey or twice as saturated.
    Color,
    /// Towards the mean grey or twice as far from it.
    Contrast,
    /// Towards blurred or sharpened.
    Sharpness,
    /// Keep 8 to 2 bits of each channel.
    Posterize,
    /// Invert what is at least as bright as a threshold, 255 to 0.
    Solarize,
    /// Stretch each channel to the whole range.
    AutoContrast,
    /// Flatten each channel's histogram.
    Equalize,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Identity,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
        Self::Rotate,
        Self::Brightness,
        Self::Color,
        Self::Contrast,
        Self::Sharpness,
        Self::Posterize,
        Self::Solarize,
        Self::AutoContrast,
        Self::Equalize,
    ];

    /// Whether a magnitude is negated with probability ½.
    pub fn is_signed(self) -> bool {
        self as usize >= Self::ShearX as usize && self as usize <= Self::Sharpness as usize
    }

    /// Whether the operation has magnitudes at all.
    pub fn has_magnitude(self) -> bool {
        !matches!(self, Self::Identity | Self::AutoContrast | Self::Equalize)
    }

    /// The magnitude of a bin, before its sign: `torch.linspace` in `f32`.
    pub fn magnitude(self, bin: usize) -> f64 {
        match self {
            Self::Identity | Self::AutoContrast | Self::Equalize => 0.0,
            Self::ShearX
            | Self::ShearY
            | Self::Brightness
            | Self::Color
            | Self::Contrast
            | Self::Sharpness => linspace(0.0, 0.99, bin),
            Self::TranslateX | Self::TranslateY => linspace(0.0, 32.0, bin),
            Self::Rotate => linspace(0.0, 135.0, bin),
            // Halves (bins 5k/2 of 30/6 = 5) do not occur, so any rounding is torch's.
            Self::Posterize => 8.0 - (bin as f64 / 5.0).round(),
            Self::Solarize => linspace(255.0, 0.0, bin),
        }
    }
}

/// `torch.linspace(start, end, 31)`: counted from the start in the first sixteen, from
/// the end in the others, with one rounding (fused), as torch's vector code on x86-64
/// does. Other builds of torch may differ from it, and from us, in the last bit.
fn linspace(start: f32, end: f32, bin: usize) -> f64 {
    let step = (end - start) / (BINS - 1) as f32;
    f64::from(if bin < 16 {
        step.mul_add(bin as f32, start)
    } else {
        (-step).mul_add((BINS - 1 - bin) as f32, end)
    })
}

/// One drawn operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrivialAugmentWide {
    /// What to do.
    pub operation: Operation,
    /// How much, with its sign.
    pub magnitude: f64,
}

impl TrivialAugmentWide {
    /// Draw an operation, then its bin, then its sign, each evenly.
    pub fn draw(stream: &mut Stream) -> Self {
        let operation = Operation::ALL[stream.below(Operation::ALL.len())];
        let bin = if operation.has_magnitude() { stream.below(BINS) } else { 0 };
        let sign = if operation.is_signed() && stream.coin() { -1.0 } else { 1.0 };
        Self { operation, magnitude: sign * operation.magnitude(bin) }
    }

    /// The image after the operation, of the same size.
    pub fn apply(&self, image: &Image) -> Image {
        let (image, amount) = (image, self.magnitude);
        match self.operation {
            Operation::Identity => image.clone(),
            Operation::ShearX => geometry::shear_x(image, amount),
            Operation::ShearY => geometry::shear_y(image, amount),
            Operation::TranslateX => geometry::translate(image, amount.trunc(), 0.0),
            Operation::TranslateY => geometry::translate(image, 0.0, amount.trunc()),
            Operation::Rotate => geometry::rotate(image, amount),
            Operation::Brightness => colour::brightness(image, 1.0 + amount),
            Operation::Color => colour::saturation(image, 1.0 + amount),
            Operation::Contrast => colour::contrast(image, 1.0 + amount),
            Operation::Sharpness => colour::sharpness(image, 1.0 + amount),
            Operation::Posterize => colour::posterise(image, amount as u32),
            Operation::Solarize => colour::solarise(image, amount),
            Operation::AutoContrast => colour::auto_contrast(image),
            Operation::Equalize => colour::equalise(image),
        }
    }
}
