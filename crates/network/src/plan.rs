//! What to compute, in which order, and when to let go of it.

use std::collections::BTreeMap;

use redyn_engine::{Op, Shape, Statistics};

use crate::NetworkError;
use crate::graph::Graph;
use crate::group::{Group, groups};
use crate::intervention::{Effect, Intervention};
use crate::unroll::{Key, Sharing, Unroll, Value, ValueId};

/// What is asked of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Number of steps.
    pub steps: usize,
    /// The signals asked for.
    pub taps: Vec<TapRequest>,
    /// What is done to the network's edges.
    pub interventions: Vec<Intervention>,
}

/// A signal that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapRequest {
    /// Name of the tap.
    pub name: String,
    /// At which steps.
    pub steps: Steps,
}

/// Which steps of a tap are asked for. Steps at which nothing has reached it are left
/// out of [`Steps::All`]; they are an error in the other two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steps {
    /// Every step at which it has a value.
    All,
    /// The last step alone.
    Last,
    /// These.
    These(Vec<usize>),
}

impl Request {
    /// The readout at every step.
    pub fn readout(steps: usize) -> Self {
        Self::taps(steps, ["readout"])
    }

    /// Some taps at every step.
    pub fn taps<'a>(steps: usize, names: impl IntoIterator<Item = &'a str>) -> Self {
        let taps =
            names.into_iter().map(|name| TapRequest { name: name.to_owned(), steps: Steps::All }).collect();
        Self { steps, taps, interventions: Vec::new() }
    }

    /// The readout at the last step alone.
    pub fn last_readout(steps: usize) -> Self {
        let readout = TapRequest { name: "readout".into(), steps: Steps::Last };
        Self { steps, taps: vec![readout], interventions: Vec::new() }
    }
}

/// A value somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// Index into the request's taps.
    pub(crate) tap: usize,
    pub(crate) step: usize,
    pub(crate) value: ValueId,
}

/// Multiply-accumulates of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// For every image.
    pub per_image: u64,
    /// Once for all images: what the stimulus has not reached.
    pub per_model: u64,
}

/// An unrolled network: the values to compute, in order.
///
/// The planner is exact: a planned run gives the same bits as the plain loop over the
/// same kernels, because the values it leaves out are equal to ones it keeps.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) values: Vec<Value>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) tap_names: Vec<String>,
    pub(crate) n_parameters: usize,
    /// What interventions steer to, by their place in the request.
    pub(crate) goals: BTreeMap<usize, Vec<f32>>,
    /// All values, in the groups and the order they are computed in.
    pub(crate) groups: Vec<Group>,
    /// For every group, the values that nobody reads any more after it.
    pub(crate) freed: Vec<Vec<ValueId>>,
    steps: usize,
}

impl Plan {
    /// Plan a request: every distinct value once, and only those that an answer needs.
    ///
    /// # Errors
    /// An unknown tap or edge, a step beyond the last, a tap that nothing reaches.
    pub fn new(graph: &Graph, request: &Request) -> Result<Self, NetworkError> {
        Self::unroll(graph, request, Sharing::Equal, Statistics::Running)
    }

    /// Plan a request for training: as [`Plan::new`], but batch norms use the statistics of the
    /// images that are computed together.
    ///
    /// # Errors
    /// As [`Plan::new`]; a batch norm that would have several statistics in one pass.
    pub fn training(graph: &Graph, request: &Request) -> Result<Self, NetworkError> {
        let plan = Self::unroll(graph, request, Sharing::Equal, Statistics::Batch)?;
        let mut used = vec![false; graph.parameters.len()];
        for (_, weights) in plan.values.iter().filter_map(Value::op) {
            for &index in weights.iter().filter(|&&index| graph.parameters[index].averaging.is_some()) {
                if std::mem::replace(&mut used[index], true) {
                    return Err(NetworkError::StatisticsTwice { name: graph.parameters[index].name.clone() });
                }
            }
        }
        Ok(plan)
    }

    /// The plain loop over the same operations, as the network's authors published
    /// it: every area at every step, every step anew. The twin that
    /// [`Plan::new`] is tested against and its savings are counted from.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn published(graph: &Graph, request: &Request) -> Result<Self, NetworkError> {
        Self::unroll(graph, request, Sharing::Published, Statistics::Running)
    }

    fn unroll(
        graph: &Graph,
        request: &Request,
        sharing: Sharing,
        statistics: Statistics,
    ) -> Result<Self, NetworkError> {
        if request.steps == 0 {
            return Err(NetworkError::NoSteps);
        }
        if let Some(most) = graph.most_steps().filter(|&most| request.steps > most) {
            return Err(NetworkError::StepsBeyondParameters { steps: request.steps, most });
        }
        let mut interventions = vec![Vec::new(); graph.edges.len()];
        for (place, intervention) in request.interventions.iter().enumerate() {
            let edge = graph.edge(&intervention.edge)?;
            intervention.check(graph.sent(edge))?;
            interventions[edge].push((place, intervention));
        }
        let mut unroll = Unroll::new(graph, (sharing, statistics), interventions);
        for step in 0..request.steps {
            if sharing == Sharing::Published {
                for tap in &graph.taps {
                    unroll.value(tap.node, step);
                }
            }
            for tap in &request.taps {
                unroll.value(graph.taps[graph.tap(&tap.name)?].node, step);
            }
        }
        let mut outputs = Vec::new();
        for (index, tap) in request.taps.iter().enumerate() {
            let node = graph.taps[graph.tap(&tap.name)?].node;
            let (steps, required): (Vec<usize>, bool) = match &tap.steps {
                Steps::All => ((0..request.steps).collect(), false),
                Steps::Last => (vec![request.steps - 1], true),
                Steps::These(steps) => (steps.clone(), true),
            };
            for step in steps {
                if step >= request.steps {
                    return Err(NetworkError::StepBeyond { step, steps: request.steps });
                }
                match unroll.value(node, step) {
                    Some(value) => outputs.push(Output { tap: index, step, value }),
                    None if required => {
                        return Err(NetworkError::NothingReaches { tap: tap.name.clone(), step });
                    }
                    None => {}
                }
            }
            if !outputs.iter().any(|output| output.tap == index) {
                return Err(NetworkError::NothingReaches { tap: tap.name.clone(), step: request.steps - 1 });
            }
        }
        let values = std::mem::take(&mut unroll.values);
        let keep_all = sharing == Sharing::Published;
        Ok(Self::compact(values, outputs, keep_all, graph, request))
    }

    /// Drop what no output needs and find every value's last reader.
    fn compact(
        values: Vec<Value>,
        mut outputs: Vec<Output>,
        keep_all: bool,
        graph: &Graph,
        request: &Request,
    ) -> Self {
        let mut needed = vec![keep_all; values.len()];
        for output in &outputs {
            needed[output.value] = true;
        }
        for id in (0..values.len()).rev() {
            if needed[id] {
                for &input in values[id].inputs() {
                    needed[input] = true;
                }
            }
        }
        let mut renamed = vec![ValueId::MAX; values.len()];
        let mut kept: Vec<Value> = Vec::new();
        for (id, mut value) in values.into_iter().enumerate().filter(|&(id, _)| needed[id]) {
            if let Key::Apply { inputs, .. } = &mut value.key {
                for input in inputs {
                    *input = renamed[*input];
                }
            }
            renamed[id] = kept.len();
            kept.push(value);
        }
        for output in &mut outputs {
            output.value = renamed[output.value];
        }
        let mut plan = Self {
            groups: (0..kept.len()).map(Group::One).collect(),
            values: kept,
            outputs,
            freed: Vec::new(),
            tap_names: request.taps.iter().map(|tap| tap.name.clone()).collect(),
            n_parameters: graph.parameters.len(),
            goals: goals(request),
            steps: request.steps,
        };
        if !keep_all {
            plan.groups = groups(&plan);
        }
        plan.freed = plan.freed_after_groups();
        plan
    }

    /// Reading is a matter of groups: a value may be computed before others of lower number.
    fn freed_after_groups(&self) -> Vec<Vec<ValueId>> {
        let mut last_group = vec![0; self.values.len()];
        for (index, group) in self.groups.iter().enumerate() {
            for id in group.values() {
                last_group[id] = index;
                self.values[id].inputs().iter().for_each(|&input| last_group[input] = index);
            }
        }
        let mut freed = vec![Vec::new(); self.groups.len()];
        last_group.iter().enumerate().for_each(|(id, &group)| freed[group].push(id));
        freed
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The steps at which each requested tap has a value, in the request's order.
    pub fn tap_steps(&self) -> Vec<Vec<usize>> {
        let mut steps = vec![Vec::new(); self.tap_names.len()];
        for output in &self.outputs {
            steps[output.tap].push(output.step);
        }
        steps
    }

    /// Shape of each requested tap, in the request's order.
    pub fn tap_shapes(&self) -> Vec<Shape> {
        let by_tap: BTreeMap<usize, Shape> =
            self.outputs.iter().map(|output| (output.tap, self.values[output.value].shape)).collect();
        by_tap.into_values().collect()
    }

    /// The first step at which each requested tap depends on the image, in the
    /// request's order; `None` where it never does.
    pub fn tap_reached(&self) -> Vec<Option<usize>> {
        let reached = |tap: usize| {
            let mut outputs = self.outputs.iter().filter(|output| output.tap == tap);
            outputs.find(|output| self.values[output.value].per_image).map(|output| output.step)
        };
        (0..self.tap_names.len()).map(reached).collect()
    }

    /// Multiply-accumulates.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        for value in &self.values {
            if let Key::Apply { op, inputs, .. } = &value.key {
                let input = inputs.first().map_or(value.shape, |&input| self.values[input].shape);
                let count = op.multiply_accumulates(input, value.shape);
                if value.per_image {
                    cost.per_image += count;
                } else {
                    cost.per_model += count;
                }
            }
        }
        cost
    }

    /// The values that the backward pass reads.
    pub(crate) fn kept_for_backward(&self) -> Vec<bool> {
        let mut kept = vec![false; self.values.len()];
        for id in (0..self.values.len()).filter(|&id| self.values[id].trained) {
            self.read_backwards(id).for_each(|read| kept[read] = true);
        }
        kept
    }

    /// What the backward pass of a value reads.
    pub(crate) fn read_backwards(&self, id: ValueId) -> impl Iterator<Item = ValueId> {
        let value = &self.values[id];
        let reads = value.op().map(|(op, _)| op.reads());
        let inputs = value.inputs().iter().copied().filter(move |_| reads.is_some_and(|reads| reads.inputs));
        inputs.chain(reads.is_some_and(|reads| reads.output).then_some(id))
    }
}

fn goals(request: &Request) -> BTreeMap<usize, Vec<f32>> {
    let goal = |(place, intervention): (usize, &Intervention)| match &intervention.effect {
        Effect::Steer { goal, .. } => Some((place, goal.clone())),
        _ => None,
    };
    request.interventions.iter().enumerate().filter_map(goal).collect()
}

impl Value {
    pub(crate) fn inputs(&self) -> &[ValueId] {
        match &self.key {
            Key::Image | Key::Goal(_) => &[],
            Key::Apply { inputs, .. } => inputs,
        }
    }

    pub(crate) fn op(&self) -> Option<(&Op, &[usize])> {
        match &self.key {
            Key::Image | Key::Goal(_) => None,
            Key::Apply { op, weights, .. } => Some((op, weights)),
        }
    }
}
