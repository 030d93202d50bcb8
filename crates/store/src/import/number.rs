//! Numbers as files hold them, turned into the two kinds this crate works with.

use half::{bf16, f16};

/// How one number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    Bf16,
    F32,
    F64,
}

/// Byte order of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl Kind {
    pub(crate) fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// What a stored number becomes: activations `f32`, labels `f64`.
pub(crate) trait Number: Copy + 'static {
    /// The nearest number of this kind; infinity where a value is beyond all of them.
    fn near(value: f64) -> Self;

    /// Whether it is neither NaN nor infinite.
    fn is_finite(self) -> bool;
}

impl Number for f64 {
    fn near(value: f64) -> Self {
        value
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Number for f32 {
    fn near(value: f64) -> Self {
        value as Self
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

/// The first value that is finite, but not as a `T`.
pub(crate) fn beyond<T: Number>(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    values.into_iter().find(|&value| value.is_finite() && !T::near(value).is_finite())
}

/// Fill `into` with the numbers in `bytes`, of which there are as many.
///
/// # Errors
/// The first value that is too large for `T`.
pub(crate) fn decode<T: Number>(bytes: &[u8], kind: Kind, endian: Endian, into: &mut [T]) -> Result<(), f64> {
    macro_rules! each {
        ($kind:ty, $convert:expr) => {{
            let stored = bytes.as_chunks::<{ size_of::<$kind>() }>().0.iter();
            let little = |&bytes: &_| -> f64 { $convert(<$kind>::from_le_bytes(bytes)) };
            let big = |&bytes: &_| -> f64 { $convert(<$kind>::from_be_bytes(bytes)) };
            match endian {
                Endian::Little => {
                    into.iter_mut().zip(stored.clone()).for_each(|(to, bytes)| *to = T::near(little(bytes)));
                }
                Endian::Big => {
                    into.iter_mut().zip(stored.clone()).for_each(|(to, bytes)| *to = T::near(big(bytes)));
                }
            }
            // Looked for only where something is amiss: the plain conversion is vectorised.
            if !all_finite(into) {
                let beyond = match endian {
                    Endian::Little => beyond::<T>(stored.map(little)),
                    Endian::Big => beyond::<T>(stored.map(big)),
                };
                beyond.map_or(Ok(()), Err)?;
            }
        }};
    }
    match kind {
        Kind::U8 => each!(u8, f64::from),
        Kind::I8 => each!(i8, f64::from),
        Kind::U16 => each!(u16, f64::from),
        Kind::I16 => each!(i16, f64::from),
        Kind::U32 => each!(u32, f64::from),
        Kind::I32 => each!(i32, f64::from),
        Kind::U64 => each!(u64, |value| value as f64),
        Kind::I64 => each!(i64, |value| value as f64),
        Kind::F16 => each!(f16, f64::from),
        Kind::Bf16 => each!(bf16, f64::from),
        Kind::F32 => each!(f32, f64::from),
        Kind::F64 => each!(f64, f64::from),
    }
    Ok(())
}

/// Whether all values are finite; all are looked at, many at a time.
pub(crate) fn all_finite<T: Number>(values: &[T]) -> bool {
    values.chunks(1024).all(|values| values.iter().fold(true, |finite, value| finite & value.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one<T: Number>(bytes: &[u8], kind: Kind, endian: Endian) -> Result<T, f64> {
        let mut into = [T::near(0.0)];
        decode(bytes, kind, endian, &mut into)?;
        Ok(into[0])
    }

    #[test]
    fn every_kind_is_decoded() {
        assert_eq!(one(&[0xfe], Kind::I8, Endian::Little), Ok(-2.0_f64));
        assert_eq!(one(&[0xfe], Kind::U8, Endian::Little), Ok(254.0_f64));
        assert_eq!(one(&[1, 2], Kind::U16, Endian::Big), Ok(258.0_f64));
        assert_eq!(one(&[0xff, 0xfe], Kind::I16, Endian::Big), Ok(-2.0_f64));
        assert_eq!(one(&[1, 0, 0, 0], Kind::U32, Endian::Little), Ok(1.0_f32));
        assert_eq!(one(&(-7_i32).to_be_bytes(), Kind::I32, Endian::Big), Ok(-7.0_f32));
        assert_eq!(one(&(1_u64 << 40).to_le_bytes(), Kind::U64, Endian::Little), Ok((1_u64 << 40) as f64));
        assert_eq!(one(&(-1_i64).to_le_bytes(), Kind::I64, Endian::Little), Ok(-1.0_f64));
        assert_eq!(one(&[0x00, 0x3e], Kind::F16, Endian::Little), Ok(1.5_f32));
        assert_eq!(one(&[0xc0, 0x3f], Kind::Bf16, Endian::Little), Ok(1.5_f32));
        assert_eq!(one(&0.1_f32.to_le_bytes(), Kind::F32, Endian::Little), Ok(0.1_f32));
        assert_eq!(one(&0.1_f64.to_be_bytes(), Kind::F64, Endian::Big), Ok(0.1_f64));
    }

    #[test]
    fn a_value_beyond_f32_is_reported_and_nan_is_kept() {
        assert_eq!(one::<f32>(&1e300_f64.to_le_bytes(), Kind::F64, Endian::Little), Err(1e300));
        assert!(one::<f32>(&f64::NAN.to_le_bytes(), Kind::F64, Endian::Little).unwrap().is_nan());
    }
}
