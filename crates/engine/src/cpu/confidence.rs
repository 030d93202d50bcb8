//! The more confident of two vectors.

use super::Weight;

/// How confidence is measured.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    /// Factor of the values before the softmax.
    sharpness: f32,
    /// The most that counts.
    cap: f32,
}

impl Measure {
    pub(super) fn of(weights: &[&Weight]) -> Self {
        let cap = weights.get(1).map_or(f32::INFINITY, |cap| cap.values()[0]);
        Self { sharpness: weights[0].values()[0], cap }
    }

    /// Whether the second is more confident than the first. What is not a number is kept, so that it
    /// stays visible.
    pub(super) fn is_second(self, first: &[f32], second: &[f32]) -> bool {
        let [kept, other] = [first, second].map(|x| self.confidence(x));
        other > kept || (other.is_nan() && !kept.is_nan())
    }

    /// `max softmax(β x)`, in the precision of the values: where two are 1 to rounding, neither is
    /// more confident.
    fn confidence(self, x: &[f32]) -> f32 {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut most, mut sum) = (0.0_f64, 0.0);
        for &value in x {
            let share = f64::from((self.sharpness * (value - largest)).exp());
            most = most.max(share);
            sum += share;
        }
        let confidence = (most / sum) as f32;
        if confidence > self.cap { self.cap } else { confidence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_no_more_confident_is_not_chosen() {
        let plain = Measure { sharpness: 1.0, cap: f32::INFINITY };
        let (sure, surer) = ([9.0, 0.0], [30.0, 0.0]);
        assert!(plain.is_second(&sure, &surer) && !plain.is_second(&surer, &sure));
        assert!(!plain.is_second(&sure, &sure), "the first of equals");
        assert!(!plain.is_second(&surer, &[90.0, 0.0]), "both are 1 to rounding");
        assert!(!Measure { cap: 0.9, ..plain }.is_second(&sure, &surer), "both have crossed the threshold");
        assert!(Measure { cap: 0.9, ..plain }.is_second(&[0.1, 0.0], &sure));
    }

    #[test]
    fn what_is_not_a_number_stays_visible() {
        for cap in [0.9, f32::INFINITY] {
            let measure = Measure { sharpness: 1.0, cap };
            let (sure, nan) = ([9.0, 0.0], [f32::NAN, 0.0]);
            assert!(measure.is_second(&sure, &nan) && !measure.is_second(&nan, &sure));
        }
    }
}
