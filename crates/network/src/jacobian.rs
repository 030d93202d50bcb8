//! How a small change of a network's state grows or shrinks in one step.
//!
//! The state of a network at step `t`, `s(t)`, is whatever later steps read of it: for a BLT
//! network the maps of V2, V4 and IT and the pooled vector. One step takes it to
//! `s(t+1) = F(image, s(t))`, and `J(t) = ∂F/∂s` at `s(t)` is that step's Jacobian. It is never
//! written down: a [`Linearised`] run multiplies it with vectors from the right (a change carried
//! forward) and from the left (a gradient carried back).
//!
//! Every step is computed anew ([`Plan::published`]): a value that two steps share would make
//! the state of one step a part of the next one's drive. An area must be a value of its own: one
//! defined as the stimulus itself cannot be told from it.

use redyn_engine::{Saved, Shape, Tangents};

use crate::graph::{Graph, Node};
use crate::plan::{Plan, Request};
use crate::session::Session;
use crate::unroll::ValueId;
use crate::{Intervention, NetworkError, Tape, Weights};

impl Graph {
    /// Names of the signals that later steps read: together the state of the network. None for a
    /// network without recurrence.
    ///
    /// # Errors
    /// A signal that later steps read has no name.
    pub fn states(&self) -> Result<Vec<&str>, NetworkError> {
        let mut names: Vec<&str> = Vec::new();
        for node in &self.nodes {
            let Node::Last(signal) = node else { continue };
            let tap = self.taps.iter().find(|tap| tap.node == *signal);
            let name = &tap.ok_or(NetworkError::StateWithoutName)?.name;
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// A network whose steps can be linearised.
pub struct Dynamics<'e, E: Tangents> {
    session: Session<'e, E>,
}

/// Some images' run through a network, with all that its derivatives need.
pub struct Linearised<'d, 'e, E: Tangents> {
    session: &'d Session<'e, E>,
    tape: Tape<E::Value>,
    batch: usize,
}

impl<'e, E: Tangents> Dynamics<'e, E> {
    /// Prepare a network for runs of `steps` steps.
    ///
    /// # Errors
    /// A network without recurrence, or one whose state has no name; what [`Plan::published`] and
    /// [`Session::new`] refuse.
    pub fn new(
        engine: &'e E,
        graph: &Graph,
        weights: &Weights,
        steps: usize,
        interventions: &[Intervention],
    ) -> Result<Self, NetworkError> {
        let states = graph.states()?;
        if states.is_empty() {
            return Err(NetworkError::NoState);
        }
        let request = Request { interventions: interventions.to_vec(), ..Request::taps(steps, states) };
        let plan = Plan::published(graph, &request)?;
        Ok(Self { session: Session::new(engine, graph, plan, weights)? })
    }

    /// Values of the state of one image: all its parts one after the other, zeros where a part has
    /// no value yet.
    pub fn n_state(&self) -> usize {
        self.session.plan.tap_shapes().iter().map(|shape| shape.len()).sum()
    }

    /// Bytes that one image of a [`Linearised`] run takes.
    pub fn memory_per_image(&self) -> usize {
        self.session
            .plan
            .values
            .iter()
            .filter(|value| value.per_image)
            .map(|value| 4 * value.shape.len())
            .sum()
    }

    /// Run images forward and keep everything.
    ///
    /// # Shapes
    /// - `images`: `[batch, height, width, channels]`
    pub fn linearise(&self, images: &[f32]) -> Linearised<'_, 'e, E> {
        let session = &self.session;
        let alive = session.forward(images, |_| {}, &vec![true; session.plan.values.len()]);
        let batch = images.len() / session.image_len();
        Linearised { session, tape: Tape { alive }, batch }
    }
}

/// A part of the state at a step: its value, if it has one there, and its shape.
type Part = (Option<ValueId>, Shape);

/// The parts of the state at a step, in the order of the request.
fn parts(plan: &Plan, step: usize) -> Vec<Part> {
    assert!(step < plan.steps(), "step {step} of {}", plan.steps());
    let value = |tap: usize| {
        let here = plan.outputs.iter().find(|output| output.tap == tap && output.step == step);
        here.map(|output| output.value)
    };
    plan.tap_shapes().into_iter().enumerate().map(|(tap, shape)| (value(tap), shape)).collect()
}

fn holds(parts: &[Part], id: ValueId) -> bool {
    parts.iter().any(|&(value, _)| value == Some(id))
}

impl<E: Tangents> Linearised<'_, '_, E> {
    /// Number of images.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// `J(step) · v`: how the state at `step + 1` changes when that at `step` does.
    ///
    /// # Shapes
    /// - `change`: `[batch, n_state]`
    /// - returns: `[batch, n_state]`
    ///
    /// # Panics
    /// If there is no step after `step`, or `change` has another length.
    pub fn forward(&self, step: usize, change: &[f32]) -> Vec<f32> {
        let plan = &self.session.plan;
        let (from, to) = (parts(plan, step), parts(plan, step + 1));
        let mut changes: Vec<Option<E::Value>> = plan.values.iter().map(|_| None).collect();
        self.scatter(&from, change, |id, value| changes[id] = Some(value));
        let last = to.iter().filter_map(|&(id, _)| id).max().unwrap_or(0);
        for id in 0..=last {
            let Some((op, weights)) = plan.values[id].op().filter(|_| changes[id].is_none()) else {
                continue;
            };
            let inputs = plan.values[id].inputs();
            let tangents: Vec<Option<&E::Value>> =
                inputs.iter().map(|&input| changes[input].as_ref()).collect();
            if tangents.iter().all(Option::is_none) {
                continue;
            }
            let values: Vec<&E::Value> = inputs.iter().map(|&input| self.value(input)).collect();
            let weights = self.session.weights_of(weights);
            let change = self.session.engine.tangent(op, &weights, &values, &tangents);
            changes[id] = Some(change);
        }
        self.gather(&to, |id| changes[id].as_ref())
    }

    /// `J(step)ᵀ · u`: the gradient with respect to the state at `step` of a function of the state
    /// at `step + 1` whose gradient is `u`.
    ///
    /// # Shapes
    /// - `gradient`: `[batch, n_state]`
    /// - returns: `[batch, n_state]`
    ///
    /// # Panics
    /// If there is no step after `step`, or `gradient` has another length.
    pub fn backward(&self, step: usize, gradient: &[f32]) -> Vec<f32> {
        let (plan, engine) = (&self.session.plan, self.session.engine);
        let (from, to) = (parts(plan, step), parts(plan, step + 1));
        let mut gradients: Vec<Option<E::Value>> = plan.values.iter().map(|_| None).collect();
        self.scatter(&to, gradient, |id, value| gradients[id] = Some(value));
        // What the state at `step` does not reach leads nowhere.
        let mut reached = vec![false; plan.values.len()];
        for id in 0..plan.values.len() {
            reached[id] = holds(&from, id) || plan.values[id].inputs().iter().any(|&input| reached[input]);
        }
        for id in (0..plan.values.len()).rev() {
            if holds(&from, id) || !reached[id] {
                continue;
            }
            let (Some(gradient), Some((op, weights))) = (gradients[id].take(), plan.values[id].op()) else {
                continue;
            };
            let inputs = plan.values[id].inputs();
            let reads = op.reads();
            let saved = Saved {
                inputs: inputs.iter().map(|&input| reads.inputs.then(|| self.value(input))).collect(),
                output: reads.output.then(|| self.value(id)),
                shapes: inputs.iter().map(|&input| plan.values[input].shape).collect(),
                // Also what all images share changes for each of them by itself.
                batches: vec![self.batch; inputs.len()],
            };
            let wanted: Vec<bool> = inputs.iter().map(|&input| reached[input]).collect();
            let weights = self.session.weights_of(weights);
            let mut unused: Vec<E::Gradient> = weights.iter().map(|weight| engine.gradient(weight)).collect();
            let mut unused: Vec<&mut E::Gradient> = unused.iter_mut().collect();
            let of_inputs = engine.backward(op, &weights, &saved, gradient, &wanted, &mut unused);
            for (&input, gradient) in inputs.iter().zip(of_inputs) {
                match (&mut gradients[input], gradient) {
                    (Some(sum), Some(gradient)) => engine.add(sum, &gradient),
                    (empty, Some(gradient)) => *empty = Some(gradient),
                    (_, None) => {}
                }
            }
        }
        self.gather(&from, |id| gradients[id].as_ref())
    }

    fn value(&self, id: ValueId) -> &E::Value {
        self.session.held(&self.tape.alive, id)
    }

    /// `[batch, all parts]` to one value for each part.
    fn scatter(&self, parts: &[Part], all: &[f32], mut each: impl FnMut(ValueId, E::Value)) {
        let n: usize = parts.iter().map(|(_, shape)| shape.len()).sum();
        assert_eq!(all.len(), self.batch * n, "a change of {n} values for each of {} images", self.batch);
        let mut first = 0;
        for &(id, shape) in parts {
            if let Some(id) = id {
                let of_image = |image: &[f32]| image[first..first + shape.len()].to_vec();
                let part: Vec<f32> = all.chunks_exact(n).flat_map(of_image).collect();
                each(id, self.session.engine.value(shape, self.batch, &part));
            }
            first += shape.len();
        }
    }

    /// One value for each part, zeros where there is none, to `[batch, all parts]`.
    fn gather<'v>(&self, parts: &[Part], of: impl Fn(ValueId) -> Option<&'v E::Value>) -> Vec<f32>
    where
        E::Value: 'v,
    {
        let n: usize = parts.iter().map(|(_, shape)| shape.len()).sum();
        let mut all = vec![0.0; self.batch * n];
        let mut first = 0;
        for &(id, shape) in parts {
            if let Some(value) = id.and_then(&of) {
                let mut part = vec![0.0; self.batch * shape.len()];
                self.session.engine.read(value, &mut part);
                for (all, part) in all.chunks_exact_mut(n).zip(part.chunks_exact(shape.len())) {
                    all[first..first + shape.len()].copy_from_slice(part);
                }
            }
            first += shape.len();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use redyn_core::Kind;
    use redyn_core::random::Stream;
    use redyn_engine::{Activation, Bias, Cpu, Interaction, Kernels};

    use super::*;
    use crate::{Init, Sketch};

    /// Two areas that feed one another, the lower one with itself as well.
    fn two_areas(interaction: Interaction) -> Graph {
        let sketch = Sketch::new(Shape::map(8, 8, 3), |_, _, _| Init::Uniform { bound: 0.4 });
        let low = sketch.declare("low", Shape::map(8, 8, 4));
        let high = sketch.declare("high", Shape::map(4, 4, 5));
        let drive = sketch.image().conv("low.drive", 4, 3, Bias::PerChannel);
        let lateral = low.last().conv("low.lateral", 4, 3, Bias::Absent).edge(Kind::Lateral, "low", "low");
        let above = high.last().conv_transpose("low.top_down", 4, 3, Bias::Absent);
        let above = above.edge(Kind::TopDown, "high", "low");
        let combined = drive.combine(interaction, &[Some(lateral), Some(above)]);
        low.define(combined.layer_norm("low.norm").activate(Activation::Relu));
        high.define(low.now().max_pool().conv("high.drive", 5, 3, Bias::PerChannel));
        sketch.tap("readout", high.now().average_pool().linear("readout", 3, Bias::Absent));
        sketch.finish().unwrap()
    }

    fn random(n: usize, stream: &mut Stream) -> Vec<f32> {
        (0..n).map(|_| stream.between(-1.0, 1.0) as f32).collect()
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    #[test]
    fn the_state_is_what_later_steps_read() {
        assert_eq!(two_areas(Interaction::Additive).states().unwrap(), ["low", "high"]);
    }

    #[test]
    fn both_products_are_of_one_matrix() {
        // Rounding of f32 sums over some hundred terms, and of layer norms.
        const ROUNDING: f64 = 1e-5;
        for interaction in [Interaction::Additive, Interaction::Multiplicative] {
            let graph = two_areas(interaction);
            let (cpu, weights) = (Cpu::with(Kernels::Accurate), Weights::initial(&graph, 3));
            let dynamics = Dynamics::new(&cpu, &graph, &weights, 4, &[]).unwrap();
            let mut stream = Stream::new(1, &[]);
            let run = dynamics.linearise(&random(2 * 8 * 8 * 3, &mut stream));
            for step in 0..3 {
                let change = random(2 * dynamics.n_state(), &mut stream);
                let gradient = random(2 * dynamics.n_state(), &mut stream);
                let (carried, back) = (run.forward(step, &change), run.backward(step, &gradient));
                let size = dot(&carried, &carried).sqrt() * dot(&gradient, &gradient).sqrt();
                let difference = dot(&carried, &gradient) - dot(&change, &back);
                assert!(difference.abs() < ROUNDING * size, "step {step}: {difference}");
                assert!(dot(&carried, &carried) > 0.0);
            }
        }
    }

    #[test]
    fn a_change_carried_forward_is_the_slope_of_one_step() {
        let sketch = Sketch::new(Shape::vector(6), |_, _, _| Init::Uniform { bound: 0.8 });
        let area = sketch.declare("area", Shape::vector(6));
        let recurrent = area.last().linear("area.lateral", 6, Bias::Absent);
        let drive = sketch.image().combine(Interaction::Multiplicative, &[Some(recurrent)]);
        // A value of its own also at the first step, when it is nothing but the image.
        area.define(drive.activate(Activation::Identity));
        let graph = sketch.finish().unwrap();
        let (cpu, weights) = (Cpu::default(), Weights::initial(&graph, 5));
        let dynamics = Dynamics::new(&cpu, &graph, &weights, 2, &[]).unwrap();
        let mut stream = Stream::new(2, &[]);
        let (image, change) = (random(6, &mut stream), random(6, &mut stream));
        let carried = dynamics.linearise(&image).forward(0, &change);
        // s(0) = x, s(1) = x · (1 + W s(0)): the slope in s(0) is x · (W v).
        let matrix = &weights.0["area.lateral.weight"].data;
        for unit in 0..6 {
            let product: f32 = (0..6).map(|from| matrix[unit * 6 + from] * change[from]).sum();
            assert!((carried[unit] - image[unit] * product).abs() < 1e-5);
        }
    }

    #[test]
    fn cut_edges_carry_nothing() {
        let graph = two_areas(Interaction::Additive);
        let (cpu, weights) = (Cpu::default(), Weights::initial(&graph, 3));
        let cuts = ["low.lateral", "low.top_down"].map(|edge| edge.parse().unwrap());
        let dynamics = Dynamics::new(&cpu, &graph, &weights, 3, &cuts).unwrap();
        let mut stream = Stream::new(3, &[]);
        let run = dynamics.linearise(&random(8 * 8 * 3, &mut stream));
        let change = random(dynamics.n_state(), &mut stream);
        assert!(run.forward(1, &change).iter().all(|&value| value == 0.0));
    }

    #[test]
    fn a_network_without_recurrence_has_no_dynamics() {
        let sketch = Sketch::new(Shape::vector(3), |_, _, _| Init::Zeros);
        sketch.tap("readout", sketch.image().linear("readout", 2, Bias::Absent));
        let graph = sketch.finish().unwrap();
        let weights = Weights::initial(&graph, 1);
        let found = Dynamics::new(&Cpu::default(), &graph, &weights, 3, &[]).err();
        assert_eq!(found, Some(NetworkError::NoState));
    }
}
