//! The plan walked backwards: back-propagation through time.

use redyn_engine::{Engine, Saved};

use crate::session::{Emission, Session};
use crate::unroll::ValueId;

/// A forward pass with what its backward pass reads, or what it takes to make that anew.
pub struct Tape<V> {
    pub(crate) alive: Vec<Option<V>>,
}

/// The gradient of one requested value.
pub struct OutputGradient {
    /// Index of the tap in the request.
    pub tap: usize,
    /// Step, from 0.
    pub step: usize,
    /// `[batch, ...]`, in the layout of values.
    pub gradient: Vec<f32>,
}

impl<E: Engine> Session<'_, E> {
    /// Run a batch forward and keep what [`Session::backward`] needs.
    ///
    /// # Shapes
    /// - `images`: `[batch, height, width, channels]`
    pub fn record(&self, images: &[f32], sink: impl FnMut(Emission<E::Value>)) -> Tape<E::Value> {
        Tape { alive: self.forward(images, sink, &self.plan.kept(self.keeping)) }
    }

    /// The gradients of all parameters, given those of the requested values.
    ///
    /// Gradients of a value that several steps share are summed, latest step first.
    /// `None` for a parameter that no output depends on. In the place of a running average is
    /// the statistic of these images, if the plan is [for training](crate::Plan::training).
    ///
    /// # Shapes
    /// - returns, for each parameter: its shape in checkpoints, flattened
    pub fn backward(&self, mut tape: Tape<E::Value>, outputs: Vec<OutputGradient>) -> Vec<Option<Vec<f32>>> {
        let plan = &self.plan;
        let engine = self.engine;
        let mut gradients: Vec<Option<E::Value>> = plan.values.iter().map(|_| None).collect();
        let mut sorted = outputs;
        sorted.sort_by_key(|output| std::cmp::Reverse((output.step, output.tap)));
        for OutputGradient { tap, step, gradient } in sorted {
            let output = plan.outputs.iter().find(|output| output.tap == tap && output.step == step);
            let id = output.expect("a gradient of a requested value").value;
            let shape = plan.values[id].shape;
            let value = engine.value(shape, gradient.len() / shape.len(), &gradient);
            self.collect(&mut gradients, id, value);
        }
        let mut of_weights: Vec<Option<E::Gradient>> = self.weights.iter().map(|_| None).collect();
        for id in (0..plan.values.len()).rev() {
            let (Some(gradient), Some((op, weights))) = (gradients[id].take(), plan.values[id].op()) else {
                tape.alive[id] = None;
                continue;
            };
            plan.read_backwards(id).for_each(|read| self.recall(&mut tape.alive, read));
            let inputs = plan.values[id].inputs();
            let reads = op.reads();
            let batch = engine.batch(&gradient);
            let saved = Saved {
                inputs: inputs
                    .iter()
                    .map(|&input| reads.inputs.then(|| self.held(&tape.alive, input)))
                    .collect(),
                output: reads.output.then(|| self.held(&tape.alive, id)),
                shapes: inputs.iter().map(|&input| plan.values[input].shape).collect(),
                batches: inputs
                    .iter()
                    .map(|&input| if plan.values[input].per_image { batch } else { 1 })
                    .collect(),
            };
            let wanted: Vec<bool> = inputs.iter().map(|&input| plan.values[input].trained).collect();
            let mut borrowed: Vec<E::Gradient> = weights
                .iter()
                .zip(self.weights_of(weights))
                .map(|(&index, weight)| of_weights[index].take().unwrap_or_else(|| engine.gradient(weight)))
                .collect();
            let mut borrows: Vec<&mut E::Gradient> = borrowed.iter_mut().collect();
            let of_inputs =
                engine.backward(op, &self.weights_of(weights), &saved, gradient, &wanted, &mut borrows);
            for (&index, gradient) in weights.iter().zip(borrowed) {
                of_weights[index] = Some(gradient);
            }
            for (&input, gradient) in inputs.iter().zip(of_inputs) {
                if let Some(gradient) = gradient {
                    self.collect(&mut gradients, input, gradient);
                }
            }
            tape.alive[id] = None;
        }
        of_weights.into_iter().map(|gradient| gradient.map(|gradient| engine.finish(gradient))).collect()
    }

    fn collect(&self, gradients: &mut [Option<E::Value>], id: ValueId, gradient: E::Value) {
        match &mut gradients[id] {
            Some(sum) => self.engine.add(sum, &gradient),
            empty => *empty = Some(gradient),
        }
    }
}
