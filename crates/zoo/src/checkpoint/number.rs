//! Kinds of numbers in checkpoints, and their way to `f32`.

use std::fmt;

use super::Fault;

/// Kind of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// 16 bits: 5 of exponent, 10 of fraction.
    F16,
    /// 16 bits: 8 of exponent, 7 of fraction.
    Bf16,
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
    /// A whole number or truth value of so many bytes: counters, never weights.
    Whole(u8),
}

impl Dtype {
    /// Bytes of one value.
    pub fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Whole(size) => size.into(),
        }
    }

    /// What is wrong with weights of a kind that [`Dtype::decode`] does not take.
    pub(super) fn no_fraction(self) -> Fault {
        Fault::Malformed(format!("holds {self}, where weights are fractions"))
    }

    /// Values of little-endian bytes as `f32`: exact from 16 and 32 bits, rounded to the
    /// nearest from 64. None for whole numbers.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<Vec<f32>> {
        Some(match self {
            Self::F16 => bytes.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            Self::Bf16 => {
                bytes.as_chunks().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect()
            }
            Self::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Self::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
            Self::Whole(_) => return None,
        })
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::F16 => f.write_str("float16"),
            Self::Bf16 => f.write_str("bfloat16"),
            Self::F32 => f.write_str("float32"),
            Self::F64 => f.write_str("float64"),
            Self::Whole(size) => write!(f, "whole numbers of {} bits", 8 * usize::from(*size)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_decodes_to_the_number_it_means() {
        // numpy 2.4: np.float16(-1.5).tobytes() and so on; bfloat16 is the upper half of a float32.
        assert_eq!(Dtype::F16.decode(&[0x00, 0xbe]), Some(vec![-1.5]));
        assert_eq!(Dtype::Bf16.decode(&[0xc0, 0xbf]), Some(vec![-1.5]));
        assert_eq!(Dtype::F32.decode(&(-1.5_f32).to_le_bytes()), Some(vec![-1.5]));
        assert_eq!(Dtype::F64.decode(&0.1_f64.to_le_bytes()), Some(vec![0.1]));
        assert_eq!(Dtype::Whole(8).decode(&[0; 8]), None);
    }
}
