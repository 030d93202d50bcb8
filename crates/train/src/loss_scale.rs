//! Gradients within the range of f16.

use redyn_engine::Precision;
use serde::{Deserialize, Serialize};

/// A factor on the loss, so that gradients neither vanish nor overflow where products are
/// computed in f16: the loss is multiplied by it before it goes backwards, the gradients are
/// divided by it afterwards. A power of two, so that it rounds nothing by itself.
///
/// It is halved when a gradient overflowed, and that batch updates nothing; it is doubled
/// after 2000 updates without. In other precisions it is 1 and stays so.
///
/// Reference: Micikevicius et al. (2018); numbers as in `torch.amp.GradScaler`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    factor: f64,
    /// Updates since it changed.
    steady: u32,
    skipped: u64,
    varies: bool,
}

/// What to do with a batch's gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Update the weights.
    Use,
    /// Leave this batch out: the factor was too large for it.
    Skip,
    /// Stop: it is not the factor's fault.
    Diverged,
}

const FIRST: f64 = 65536.0;
const DOUBLED_AFTER: u32 = 2000;

/// Not scaled.
impl Default for LossScale {
    fn default() -> Self {
        Self { factor: 1.0, steady: 0, skipped: 0, varies: false }
    }
}

impl LossScale {
    /// The first one for a precision.
    pub fn first(precision: Precision) -> Self {
        match precision {
            Precision::F16 => Self { factor: FIRST, varies: true, ..Self::default() },
            Precision::F32 | Precision::Bf16 => Self::default(),
        }
    }

    /// The factor.
    pub const fn factor(&self) -> f64 {
        self.factor
    }

    /// How many batches updated nothing.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Adapt to a batch whose loss was finite, by whether its gradients were.
    pub fn adapt(&mut self, finite: bool) -> Verdict {
        match (finite, self.varies) {
            (true, false) => Verdict::Use,
            (true, true) => {
                self.steady += 1;
                if self.steady == DOUBLED_AFTER {
                    (self.factor, self.steady) = (2.0 * self.factor, 0);
                }
                Verdict::Use
            }
            (false, true) if self.factor > 1.0 => {
                (self.factor, self.steady) = (0.5 * self.factor, 0);
                self.skipped += 1;
                Verdict::Skip
            }
            (false, _) => Verdict::Diverged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_halved_at_an_overflow_and_doubled_after_two_thousand_updates() {
        let mut scale = LossScale::first(Precision::F16);
        assert_eq!(scale.adapt(false), Verdict::Skip);
        assert_eq!((scale.factor(), scale.skipped()), (32768.0, 1));
        for _ in 0..2000 {
            assert_eq!(scale.adapt(true), Verdict::Use);
        }
        assert_eq!(scale.factor(), 65536.0);
        assert_eq!(scale.adapt(true), Verdict::Use);
        assert_eq!(scale.factor(), 65536.0);
    }

    #[test]
    fn gradients_that_overflow_without_a_scale_are_a_divergence() {
        let mut scale = LossScale::first(Precision::F16);
        let skipped = (0..100).take_while(|_| scale.adapt(false) == Verdict::Skip).count();
        assert_eq!((skipped, scale.factor()), (16, 1.0));
        for precision in [Precision::F32, Precision::Bf16] {
            let mut scale = LossScale::first(precision);
            assert_eq!((scale.factor(), scale.adapt(true)), (1.0, Verdict::Use));
            assert_eq!(scale.adapt(false), Verdict::Diverged);
        }
    }
}
