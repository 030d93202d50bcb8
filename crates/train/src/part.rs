//! A part of a batch: forward through time, the loss at every step, and back.
//!
//! Parts are independent of each other, so several run side by side, each on a thread of
//! its own and with the memory of its own activations. What they give is summed in their
//! order: neither their number at once nor the number of threads changes a bit.

use redyn_engine::Engine;
use redyn_network::{OutputGradient, Session};

use crate::metrics::Sums;
use crate::{Recipe, negative_log_likelihood};

/// Images that run through the network at once, and their classes.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    /// `[image, row, column, channel]`
    pub(crate) images: &'a [f32],
    pub(crate) labels: &'a [usize],
}

/// What a part adds to its batch's loss and gradients.
pub(crate) struct Contribution {
    pub(crate) sums: Sums,
    /// By parameter of the graph.
    pub(crate) gradients: Vec<Option<Vec<f32>>>,
}

impl<'a> Part<'a> {
    /// A batch divided into parts of `size` images; the last one may have fewer.
    pub(crate) fn divide(images: &'a [f32], labels: &'a [usize], size: usize) -> Vec<Self> {
        let pixels = images.len() / labels.len();
        let parts = images.chunks(size * pixels).zip(labels.chunks(size));
        parts.map(|(images, labels)| Self { images, labels }).collect()
    }

    /// Loss and gradients, as those of a mean over `batch` images.
    pub(crate) fn run<E: Engine>(self, session: &Session<E>, recipe: &Recipe, batch: usize) -> Contribution {
        let mut sums = Sums::new(recipe.steps);
        let mut outputs = Vec::with_capacity(recipe.steps);
        let tape = session.record(self.images, |emission| {
            let mut logits = vec![0.0; self.labels.len() * emission.shape.len()];
            session.engine().read(emission.value, &mut logits);
            let weight = recipe.loss.weight(emission.step, recipe.steps);
            let step = negative_log_likelihood(&logits, self.labels, weight / batch as f64);
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
        Contribution { sums, gradients: session.backward(tape, outputs) }
    }
}

impl Contribution {
    /// Add the part that comes next.
    pub(crate) fn add(&mut self, next: Self) {
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
