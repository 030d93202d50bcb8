//! The loss of the published recipe: likelihood of the clamped softmax, over steps.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The smallest probability the published networks report.
const FLOOR: f64 = 1e-10;

/// At which steps the loss is taken.
///
/// `loss = Σ_t weight(t) · mean_n −ln p_n(t)[y_n]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossTiming {
    /// At every step with weight 1: a sum, not a mean, as published.
    #[default]
    EveryStep,
    /// At the last step alone.
    LastStep,
    /// With one weight per step.
    Weighted(Vec<f64>),
}

impl LossTiming {
    /// Weight of a step.
    pub fn weight(&self, step: usize, steps: usize) -> f64 {
        match self {
            Self::EveryStep => 1.0,
            Self::LastStep => f64::from(u8::from(step + 1 == steps)),
            Self::Weighted(weights) => weights[step],
        }
    }

    /// The losses of all steps, weighted and summed.
    pub(crate) fn total(&self, losses: &[f64]) -> f64 {
        losses.iter().enumerate().map(|(step, loss)| self.weight(step, losses.len()) * loss).sum()
    }
}

/// `every`, `last`, or weights: `0,0.5,1`.
impl FromStr for LossTiming {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "every" => Ok(Self::EveryStep),
            "last" => Ok(Self::LastStep),
            _ => text
                .split(',')
                .map(|word| {
                    word.trim().parse().ok().filter(|weight: &f64| weight.is_finite() && *weight >= 0.0)
                })
                .collect::<Option<Vec<f64>>>()
                .filter(|weights| weights.iter().any(|&weight| weight > 0.0))
                .map(Self::Weighted)
                .ok_or_else(|| {
                    "loss timing is `every`, `last` or one weight per step such as `0,0.5,1`".to_owned()
                }),
        }
    }
}

/// `ln(clamp(softmax(logits), 1e-10, 1))` of one image, in f64.
///
/// Differs from a log-softmax below 1e-10, as the published networks do.
pub fn log_probabilities(logits: &[f32]) -> Vec<f64> {
    probabilities(logits).into_iter().map(|p| p.clamp(FLOOR, 1.0).ln()).collect()
}

fn probabilities(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().fold(f64::NEG_INFINITY, |largest, &x| largest.max(f64::from(x)));
    let weights: Vec<f64> = logits.iter().map(|&x| (f64::from(x) - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Loss of a batch at one step, and its gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct StepLoss {
    /// Sum over images of `−ln p[y]`.
    pub sum: f64,
    /// Images whose largest logit (the first, if several) is their class's.
    pub correct: usize,
    /// `scale · ∂sum/∂logits`, `[image, class]`.
    pub gradient: Vec<f32>,
}

/// `−ln p[y]` summed over images, and its gradient times `scale`.
///
/// Where the clamp is active the gradient is zero.
///
/// # Shapes
/// - `logits`: `[image, class]`
/// - `labels`: `[image]`
pub fn negative_log_likelihood(logits: &[f32], labels: &[usize], scale: f64) -> StepLoss {
    let classes = logits.len() / labels.len();
    let mut loss = StepLoss { sum: 0.0, correct: 0, gradient: Vec::with_capacity(logits.len()) };
    for (logits, &label) in logits.chunks_exact(classes).zip(labels) {
        let p = probabilities(logits);
        loss.sum -= p[label].clamp(FLOOR, 1.0).ln();
        loss.correct += usize::from(first_maximum(logits) == label);
        let active = if p[label] < FLOOR { 0.0 } else { scale };
        let gradient = |class: usize| active * (p[class] - f64::from(u8::from(class == label)));
        loss.gradient.extend((0..classes).map(|class| gradient(class) as f32));
    }
    loss
}

fn first_maximum(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let logits = [0.3_f32, -1.2, 2.0, 0.1, 0.7, -0.4];
        let labels = [2, 0];
        let loss = negative_log_likelihood(&logits, &labels, 0.5);
        for index in 0..logits.len() {
            let at = |shift: f32| {
                let mut moved = logits;
                moved[index] += shift;
                negative_log_likelihood(&moved, &labels, 0.5).sum
            };
            let slope = 0.5 * (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!((slope - f64::from(loss.gradient[index])).abs() < 1e-4, "{index}: {slope}");
        }
        assert_eq!(loss.correct, 1);
    }

    #[test]
    fn a_clamped_probability_has_no_gradient() {
        let loss = negative_log_likelihood(&[60.0, 0.0], &[1], 1.0);
        assert_eq!(loss.sum, -(FLOOR.ln()));
        assert_eq!(loss.gradient, [0.0, 0.0]);
        assert_eq!(log_probabilities(&[60.0, 0.0])[1], FLOOR.ln());
    }

    #[test]
    fn timings_are_read() {
        assert_eq!("every".parse(), Ok(LossTiming::EveryStep));
        assert_eq!("0,1".parse::<LossTiming>().unwrap().weight(1, 2), 1.0);
        assert_eq!(LossTiming::LastStep.weight(8, 10), 0.0);
        assert!("often".parse::<LossTiming>().is_err());
        assert!("0,0".parse::<LossTiming>().is_err());
    }
}
