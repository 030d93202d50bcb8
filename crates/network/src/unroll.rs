//! Unroll a graph symbolically, giving equal values one name.

use std::collections::HashMap;

use redyn_engine::{Activation, Constant, Interaction, Op, Shape, Statistics};

use crate::graph::{Graph, Node, NodeId};
use crate::intervention::{Effect, Intervention};

/// Index of a value.
pub(crate) type ValueId = usize;

/// How a value comes about: equal keys are equal values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// The stimulus.
    Image,
    /// The goal of an intervention of the request, by its place there.
    Goal(usize),
    /// An operation on values that are already known.
    Apply { op: Op, weights: Vec<usize>, inputs: Vec<ValueId> },
}

/// One value of the unrolled network.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) key: Key,
    pub(crate) shape: Shape,
    /// Whether the stimulus has reached it; if not it is the same for every image.
    pub(crate) per_image: bool,
    /// Whether a trained parameter takes part in it.
    pub(crate) trained: bool,
}

/// Whether equal values share one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Every distinct value is computed once.
    Equal,
    /// As the published loops do: every step computes everything anew, but for what
    /// the publication itself computes once.
    Published,
}

/// A graph on its way through time.
pub(crate) struct Unroll<'g> {
    graph: &'g Graph,
    sharing: Sharing,
    /// By what batch norms normalise.
    statistics: Statistics,
    /// Interventions by edge, each with its place in the request.
    interventions: Vec<Vec<(usize, &'g Intervention)>>,
    pub(crate) values: Vec<Value>,
    known: HashMap<Key, ValueId>,
    /// `at[step][node]`, as far as it has been asked for.
    at: Vec<Vec<Found>>,
}

/// What is known of a node at a step.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// Nobody asked yet.
    Unasked,
    /// It has no value there.
    Absent,
    /// Its value.
    Value(ValueId),
}

impl<'g> Unroll<'g> {
    pub(crate) fn new(
        graph: &'g Graph,
        (sharing, statistics): (Sharing, Statistics),
        interventions: Vec<Vec<(usize, &'g Intervention)>>,
    ) -> Self {
        let image = Value { key: Key::Image, shape: graph.image, per_image: true, trained: false };
        let known = HashMap::from([(Key::Image, 0)]);
        Self { graph, sharing, statistics, interventions, values: vec![image], known, at: Vec::new() }
    }

    /// The value of a node at a step, if it has one; earlier steps come first.
    pub(crate) fn value(&mut self, node: NodeId, step: usize) -> Option<ValueId> {
        if self.at.len() <= step {
            self.at.resize(step + 1, vec![Found::Unasked; self.graph.nodes.len()]);
        }
        match self.at[step][node] {
            Found::Unasked => {}
            Found::Absent => return None,
            Found::Value(value) => return Some(value),
        }
        let graph = self.graph;
        let value = match &graph.nodes[node] {
            Node::Image => Some(0),
            Node::Area(definition) => definition.and_then(|signal| self.value(signal, step)),
            Node::Last(signal) => step.checked_sub(1).and_then(|before| self.value(*signal, before)),
            Node::OrZeros(signal) => {
                Some(self.value(*signal, step).unwrap_or_else(|| self.zeros(graph.shapes[node])))
            }
            Node::Or { signal, other } => self.value(*signal, step).or_else(|| self.value(*other, step)),
            Node::Given { signal, other } => self.value(*other, step).and_then(|_| self.value(*signal, step)),
            Node::Switch { cases, .. } => {
                let case = cases.iter().rev().find(|(from, _)| *from <= step);
                case.and_then(|&(_, signal)| self.value(signal, step))
            }
            Node::Once(signal) => {
                let first = if self.sharing == Sharing::Published { 0 } else { step };
                self.value(*signal, first)
            }
            Node::Edge { edge, input } => {
                let carried = self.value(*input, step);
                self.intervene(*edge, carried, step)
            }
            Node::Sent { edge, input } => {
                let sent = self.value(*input, step);
                self.steer(*edge, sent, graph.shapes[node], step)
            }
            Node::Apply { op, weights, inputs } => {
                let present: Vec<Option<ValueId>> =
                    inputs.iter().map(|&input| self.value(input, step)).collect();
                self.apply(op.normalising_by(self.statistics), weights, &present)
            }
        };
        self.at[step][node] = value.map_or(Found::Absent, Found::Value);
        value
    }

    fn apply(&mut self, op: Op, weights: &[usize], inputs: &[Option<ValueId>]) -> Option<ValueId> {
        let present: Vec<ValueId> = inputs.iter().copied().flatten().collect();
        let complete = present.len() == inputs.len();
        match op {
            // What modulates needs something to modulate; a sum does without any of its terms.
            Op::Combine(Interaction::Multiplicative) if inputs[0].is_none() => None,
            Op::Combine(_) if present.len() < 2 => present.first().copied(),
            Op::Combine(_) => Some(self.name(op, weights, present)),
            _ if complete => Some(self.name(op, weights, present)),
            _ => None,
        }
    }

    fn intervene(&mut self, edge: usize, carried: Option<ValueId>, step: usize) -> Option<ValueId> {
        let mut carried = carried?;
        for (_, intervention) in self.interventions[edge].clone() {
            match intervention.effect {
                _ if !intervention.acts_at(step) => {}
                Effect::Cut => return None,
                Effect::Scale(factor) => carried = self.scale(factor, carried),
                Effect::Amplify { negative, positive } => {
                    let turned = self.scale(-1.0, carried);
                    let [above, below] = [carried, turned]
                        .map(|half| self.name(Op::Activate(Activation::Relu), &[], vec![half]));
                    let terms = vec![self.scale(positive, above), self.scale(-negative, below)];
                    carried = self.name(Op::Combine(Interaction::Additive), &[], terms);
                }
                // Acts where the signal is sent.
                Effect::Steer { .. } => {}
            }
        }
        Some(carried)
    }

    fn steer(&mut self, edge: usize, sent: Option<ValueId>, shape: Shape, step: usize) -> Option<ValueId> {
        let mut sent = sent;
        for (place, intervention) in self.interventions[edge].clone() {
            if let Effect::Steer { share, .. } = intervention.effect
                && intervention.acts_at(step)
            {
                let goal = self.value_of(Key::Goal(place), shape, (false, false));
                sent = match sent {
                    Some(sent) if share < 1.0 => {
                        let terms = vec![self.scale(share, goal), self.scale(1.0 - share, sent)];
                        Some(self.name(Op::Combine(Interaction::Additive), &[], terms))
                    }
                    _ => Some(goal),
                };
            }
        }
        sent
    }

    fn scale(&mut self, factor: f32, value: ValueId) -> ValueId {
        self.name(Op::Scale(Constant::new(factor)), &[], vec![value])
    }

    fn zeros(&mut self, shape: Shape) -> ValueId {
        self.name(Op::Zeros(shape), &[], Vec::new())
    }

    /// The name of a value: the one it has, or a new one.
    fn name(&mut self, op: Op, weights: &[usize], inputs: Vec<ValueId>) -> ValueId {
        let shapes: Vec<Shape> = inputs.iter().map(|&input| self.values[input].shape).collect();
        let shape = op.output(&shapes).expect("the sketch checked every operation");
        let per_image = inputs.iter().any(|&input| self.values[input].per_image);
        let trained = !weights.is_empty() || inputs.iter().any(|&input| self.values[input].trained);
        self.value_of(Key::Apply { op, weights: weights.to_vec(), inputs }, shape, (per_image, trained))
    }

    fn value_of(&mut self, key: Key, shape: Shape, (per_image, trained): (bool, bool)) -> ValueId {
        if self.sharing == Sharing::Equal
            && let Some(&known) = self.known.get(&key)
        {
            return known;
        }
        self.values.push(Value { key: key.clone(), shape, per_image, trained });
        let id = self.values.len() - 1;
        self.known.insert(key, id);
        id
    }
}
