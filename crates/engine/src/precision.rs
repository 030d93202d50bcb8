//! How many bits a product is computed in.

use std::fmt;
use std::str::FromStr;

/// What the inputs of convolutions and matrix products are rounded to.
///
/// Everything else — sums of gradients, norms, softmax, loss, the weights an optimiser
/// keeps — is f32 or wider whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Not at all: 24 bits of significand.
    #[default]
    F32,
    /// 8 bits of significand, the range of f32.
    Bf16,
    /// 11 bits of significand, but nothing beyond 65504 and little below 6e-8: gradients
    /// must be scaled.
    F16,
}

impl Precision {
    /// All of them, in the order of help texts.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::F16];

    /// The name on command lines and in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == name);
        found.ok_or_else(|| format!("there are {}", Self::ALL.map(Self::name).join(", ")))
    }
}
