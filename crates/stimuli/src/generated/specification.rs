//! The knobs of the generator, and how they are written on a command line.

use std::fmt;
use std::str::FromStr;

use redyn_core::nearest;
use serde::{Deserialize, Serialize};

use crate::StimuliError;

/// Names of the options, as `builtin:NAME=VALUE,...` takes them.
pub const OPTIONS: [&str; 8] = ["seed", "train", "val", "test", "clutter", "occlusion", "contrast", "noise"];

/// What to generate.
///
/// Each knob from 0 to 1 bounds what single images draw evenly, so that a set holds
/// easy and hard ones: clutter, occlusion and noise lie between 0 and their knob,
/// contrast between its knob and 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Specification {
    /// Another seed, other images.
    pub seed: u64,
    /// Number of images of `train`.
    pub n_train: usize,
    /// Number of images of `val`.
    pub n_val: usize,
    /// Number of images of `test`.
    pub n_test: usize,
    /// Most clutter an image may have.
    pub clutter: f64,
    /// Largest part of an object that occluders aim to hide.
    pub occlusion: f64,
    /// Least contrast an image may have.
    pub contrast: f64,
    /// Most noise an image may have.
    pub noise: f64,
}

impl Default for Specification {
    fn default() -> Self {
        Self {
            seed: 1,
            n_train: 16_000,
            n_val: 1_600,
            n_test: 3_200,
            clutter: 0.5,
            occlusion: 0.3,
            contrast: 0.6,
            noise: 0.2,
        }
    }
}

impl fmt::Display for Specification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, n_train, n_val, n_test, clutter, occlusion, contrast, noise } = self;
        write!(f, "builtin:seed={seed},train={n_train},val={n_val},test={n_test}")?;
        write!(f, ",clutter={clutter},occlusion={occlusion},contrast={contrast},noise={noise}")
    }
}

impl FromStr for Specification {
    type Err = StimuliError;

    /// Read `builtin` or `builtin:seed=7,train=2000,clutter=0.3`.
    fn from_str(text: &str) -> Result<Self, StimuliError> {
        let mut specification = Self::default();
        let options = text.strip_prefix("builtin").unwrap_or(text).trim_start_matches(':');
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let (name, value) = (name.trim(), value.trim());
            match name {
                "seed" => specification.seed = number(name, value, "a whole number")?,
                "train" => specification.n_train = count(name, value)?,
                "val" => specification.n_val = count(name, value)?,
                "test" => specification.n_test = count(name, value)?,
                "clutter" => specification.clutter = fraction(name, value)?,
                "occlusion" => specification.occlusion = fraction(name, value)?,
                "contrast" => specification.contrast = fraction(name, value)?,
                "noise" => specification.noise = fraction(name, value)?,
                _ => {
                    return Err(StimuliError::UnknownOption {
                        name: name.to_owned(),
                        nearest: nearest(name, OPTIONS),
                    });
                }
            }
        }
        if specification.n_train + specification.n_val + specification.n_test == 0 {
            return Err(StimuliError::NoImages { place: text.to_owned() });
        }
        if specification.contrast == 0.0 {
            return Err(wrong("contrast", "0", "more than 0, at most 1"));
        }
        Ok(specification)
    }
}

fn number<T: FromStr>(option: &str, value: &str, expected: &str) -> Result<T, StimuliError> {
    value.parse().map_err(|_| wrong(option, value, expected))
}

fn count(option: &str, value: &str) -> Result<usize, StimuliError> {
    let count: u32 = number(option, value, "a number of images, at most 4294967295")?;
    Ok(count as usize)
}

fn fraction(option: &str, value: &str) -> Result<f64, StimuliError> {
    let expected = "a number from 0 to 1";
    let number: f64 = number(option, value, expected)?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err(wrong(option, value, expected)) }
}

fn wrong(option: &str, value: &str, expected: &str) -> StimuliError {
    StimuliError::OptionValue {
        option: option.to_owned(),
        value: value.to_owned(),
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::Diagnose;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let some = Specification { seed: 7, n_val: 3, clutter: 0.125, ..Specification::default() };
        assert_eq!(some.to_string().parse::<Specification>().unwrap(), some);
        assert_eq!("builtin".parse::<Specification>().unwrap(), Specification::default());
    }

    #[test]
    fn a_misspelt_option_offers_its_neighbour() {
        let error = "builtin:cluter=1".parse::<Specification>().unwrap_err();
        assert_eq!(error.to_string(), "built-in stimuli have no option `cluter`");
        assert_eq!(error.hint().unwrap(), "did you mean `clutter`?");
    }

    #[test]
    fn values_outside_their_range_are_refused() {
        for bad in
            ["noise=1.5", "noise=nan", "noise", "contrast=0", "train=-1", "seed=x", "train=0,val=0,test=0"]
        {
            assert!(format!("builtin:{bad}").parse::<Specification>().is_err(), "{bad}");
        }
    }
}
