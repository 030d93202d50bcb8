//! A part of a batch: forward through time, the loss at every step, and back.
//!
//! A batch norm knows the images of its part alone, as each device of a training on several
//! does: a part's gradient is that of the part's images among themselves.
//!
//! Parts are independent of each other, so several run side by side, each on a thread of
//! its own and with the memory of its own activations. What they give is summed in their
//! order: neither their number at once nor the number of threads changes a bit.

use rayon::prelude::*;
use redyn_engine::Engine;
use redyn_network::{OutputGradient, Session};

use crate::metrics::Sums;
use crate::{Recipe, negative_log_likelihood};

/// Losses of a batch, and the gradients of their weighted sum.
pub struct BatchGradients {
    pub(crate) sums: Sums,
    /// By parameter of the graph, in its shape in checkpoints, flattened; `None` where no
    /// output depends on it. In the place of a running average is the statistic of the batch:
    /// the mean over its parts, weighted by their images.
    pub gradients: Vec<Option<Vec<f32>>>,
}

/// How a batch is run through the network.
#[derive(Clone, Copy, Debug)]
pub struct Passes {
    /// Parts that run side by side; no bit depends on it.
    pub at_once: usize,
    /// A power of two that the loss is multiplied by on its way back, and the gradients are
    /// divided by: 1 but for products in f16.
    pub loss_scale: f64,
}

impl Passes {
    /// So many parts side by side, with the loss as it is.
    pub const fn unscaled(at_once: usize) -> Self {
        Self { at_once, loss_scale: 1.0 }
    }
}

/// Losses and gradients of a batch: `∂/∂w Σ_t weight(t) · mean_n −ln p_n(t)[y_n]`.
///
/// The batch is divided into parts as the recipe says.
///
/// # Shapes
/// - `images`: `[image, row, column, channel]`
/// - `labels`: `[image]`
///
/// # Panics
/// If there is no image.
pub fn batch_gradients<E: Engine>(
    session: &Session<E>,
    recipe: &Recipe,
    (images, labels): (&[f32], &[usize]),
    passes: Passes,
) -> BatchGradients {
    let mut total = None::<BatchGradients>;
    for side_by_side in Part::divide(images, labels, recipe.part).chunks(passes.at_once) {
        let run = |part: &Part| part.run(session, recipe, passes, labels.len());
        for next in side_by_side.par_iter().map(run).collect::<Vec<_>>() {
            match &mut total {
                Some(total) => total.add(next),
                none => *none = Some(next),
            }
        }
    }
    total.expect("a batch has images")
}

/// Images that run through the network at once, and their classes.
#[derive(Clone, Copy)]
struct Part<'a> {
    images: &'a [f32],
    labels: &'a [usize],
}

impl<'a> Part<'a> {
    /// A batch divided into parts of `size` images; the last one may have fewer.
    fn divide(images: &'a [f32], labels: &'a [usize], size: usize) -> Vec<Self> {
        let pixels = images.len() / labels.len();
        let parts = images.chunks(size * pixels).zip(labels.chunks(size));
        parts.map(|(images, labels)| Self { images, labels }).collect()
    }

    /// Loss and gradients, as those of a mean over `batch` images.
    fn run<E: Engine>(
        self,
        session: &Session<E>,
        recipe: &Recipe,
        Passes { loss_scale, .. }: Passes,
        batch: usize,
    ) -> BatchGradients {
        let mut sums = Sums::new(recipe.steps);
        let mut outputs = Vec::with_capacity(recipe.steps);
        let tape = session.record(self.images, |emission| {
            let mut logits = vec![0.0; self.labels.len() * emission.shape.len()];
            session.engine().read(emission.value, &mut logits);
            let weight = recipe.loss.weight(emission.step, recipe.steps);
            let step = negative_log_likelihood(&logits, self.labels, weight * loss_scale / batch as f64);
            sums.loss[emission.step] += step.sum;
            sums.correct[emission.step] += step.correct;
            if weight > 0.0 {
                outputs.push(OutputGradient {
                    tap: emission.tap,
                    step: emission.step,
                    gradient: step.gradient,
                });
            }
        });
        sums.n += self.labels.len();
        let mut gradients = session.backward(tape, outputs);
        // Gradients are those of a mean over the batch already, but for the scale; statistics
        // become so here, and were not scaled.
        let share = self.labels.len() as f32 / batch as f32;
        let back = (1.0 / loss_scale) as f32;
        for (gradient, averaged) in gradients.iter_mut().zip(session.averaged()) {
            let factor = if *averaged { share } else { back };
            if factor != 1.0 {
                gradient.iter_mut().flatten().for_each(|value| *value *= factor);
            }
        }
        BatchGradients { sums, gradients }
    }
}

impl BatchGradients {
    /// The weighted sum over steps of the mean losses, in nats.
    pub fn loss(&self, recipe: &Recipe) -> f64 {
        recipe.loss.total(&self.sums.loss) / self.sums.n as f64
    }

    /// Add the part that comes next.
    fn add(&mut self, next: Self) {
        self.sums.add(&next.sums);
        for (total, part) in self.gradients.iter_mut().zip(next.gradients) {
            match (total, part) {
                (Some(total), Some(part)) => {
                    total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
                }
                (total, Some(part)) => *total = Some(part),
                (_, None) => {}
            }
        }
    }
}
