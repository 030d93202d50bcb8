//! Carrying out a plan on an engine.

use std::collections::BTreeMap;

use redyn_engine::{Engine, Shape};

use crate::NetworkError;
use crate::graph::Graph;
use crate::group::{Group, Stage};
use crate::memory::Keeping;
use crate::plan::Plan;
use crate::unroll::{Key, ValueId};
use crate::weights::Weights;

/// A plan with weights on an engine, ready for any number of batches.
///
/// What the stimulus does not reach is computed once, at the first batch, as a batch
/// of one.
pub struct Session<'e, E: Engine> {
    pub(crate) engine: &'e E,
    pub(crate) plan: Plan,
    /// By parameter; only those the plan uses.
    pub(crate) weights: Vec<Option<E::Weight>>,
    shapes: Vec<Vec<usize>>,
    names: Vec<String>,
    averaged: Vec<bool>,
    image: Shape,
    constants: BTreeMap<ValueId, E::Value>,
    pub(crate) keeping: Keeping,
}

/// A requested value as it comes about.
pub struct Emission<'v, V> {
    /// Index of the tap in the request.
    pub tap: usize,
    /// Step, from 0.
    pub step: usize,
    /// Shape of one image's value.
    pub shape: Shape,
    /// The batch.
    pub value: &'v V,
}

impl<'e, E: Engine> Session<'e, E> {
    /// Put a plan and weights on an engine.
    ///
    /// # Errors
    /// Weights that do not fit the graph.
    pub fn new(engine: &'e E, graph: &Graph, plan: Plan, weights: &Weights) -> Result<Self, NetworkError> {
        weights.check(graph)?;
        let mut session = Self {
            engine,
            plan,
            weights: Vec::new(),
            shapes: graph.parameters().iter().map(|parameter| parameter.shape.clone()).collect(),
            names: graph.parameters().iter().map(|parameter| parameter.name.clone()).collect(),
            averaged: graph.parameters().iter().map(|parameter| parameter.averaging.is_some()).collect(),
            image: graph.image_shape(),
            constants: BTreeMap::new(),
            keeping: Keeping::All,
        };
        session.load(weights);
        Ok(session)
    }

    /// What forward passes of training keep for the way back.
    #[must_use]
    pub fn keeping(self, keeping: Keeping) -> Self {
        Self { keeping, ..self }
    }

    /// Replace the weights by others of the same network.
    pub fn load(&mut self, weights: &Weights) {
        let mut used = vec![false; self.plan.n_parameters];
        for (_, indices) in self.plan.values.iter().filter_map(crate::unroll::Value::op) {
            for &index in indices {
                used[index] = true;
            }
        }
        self.weights = used
            .iter()
            .enumerate()
            .map(|(index, used)| {
                used.then(|| self.engine.weight(&self.shapes[index], &weights.0[&self.names[index]].data))
            })
            .collect();
        self.constants = self.constants();
    }

    /// For every parameter whether it is a running average: [`Session::backward`] gives no
    /// gradient in its place, but the statistic of the images.
    pub fn averaged(&self) -> &[bool] {
        &self.averaged
    }

    /// The engine.
    pub fn engine(&self) -> &'e E {
        self.engine
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the stimulus does not reach, as far as something that it reaches, the
    /// caller or a backward pass reads it.
    fn constants(&self) -> BTreeMap<ValueId, E::Value> {
        let mut constants = BTreeMap::new();
        for (id, value) in self.plan.values.iter().enumerate() {
            if !value.per_image {
                let inputs: Vec<&E::Value> = value.inputs().iter().map(|input| &constants[input]).collect();
                let result = match value.key {
                    Key::Goal(place) => self.engine.value(value.shape, 1, &self.plan.goals[&place]),
                    _ => self.apply(id, &inputs),
                };
                constants.insert(id, result);
            }
        }
        let read_by_images = |id: ValueId| {
            let read = |value: &crate::unroll::Value| value.per_image && value.inputs().contains(&id);
            self.plan.values.iter().any(read) || self.plan.outputs.iter().any(|output| output.value == id)
        };
        let kept = self.plan.kept_for_backward();
        constants.retain(|&id, _| kept[id] || read_by_images(id));
        constants
    }

    /// Values of one image.
    pub(crate) fn image_len(&self) -> usize {
        self.image.len()
    }

    pub(crate) fn apply(&self, id: ValueId, inputs: &[&E::Value]) -> E::Value {
        let (op, weights) = self.plan.values[id].op().expect("the image is not computed");
        self.engine.forward(op, &self.weights_of(weights), inputs)
    }

    pub(crate) fn weights_of(&self, indices: &[usize]) -> Vec<&E::Weight> {
        indices.iter().map(|&index| self.weights[index].as_ref().expect("loaded")).collect()
    }

    /// Run a batch of images; `sink` receives every requested value as soon as it is
    /// known, values that several steps share once for each step.
    ///
    /// # Shapes
    /// - `images`: `[batch, height, width, channels]`
    ///
    /// # Panics
    /// If `images` is not a whole number of images.
    pub fn run(&self, images: &[f32], sink: impl FnMut(Emission<E::Value>)) {
        self.forward(images, sink, &vec![false; self.plan.values.len()]);
    }

    /// Run forward, freeing each value after its last reader unless it is `kept`; returns
    /// what is left.
    pub(crate) fn forward(
        &self,
        images: &[f32],
        mut sink: impl FnMut(Emission<E::Value>),
        kept: &[bool],
    ) -> Vec<Option<E::Value>> {
        let plan = &self.plan;
        assert_eq!(images.len() % self.image.len(), 0, "a whole number of images");
        let batch = images.len() / self.image.len();
        let mut alive: Vec<Option<E::Value>> = plan.values.iter().map(|_| None).collect();
        for (group, freed) in plan.groups.iter().zip(&plan.freed) {
            match group {
                Group::One(id) if !plan.values[*id].per_image => {}
                Group::One(id) => {
                    let planned = &plan.values[*id];
                    alive[*id] = Some(if planned.key == Key::Image {
                        self.engine.value(self.image, batch, images)
                    } else {
                        self.apply(*id, &self.inputs(&alive, *id))
                    });
                }
                Group::Stage(stage) => self.stage(stage, &mut alive, kept),
            }
            for id in group.values() {
                for output in plan.outputs.iter().filter(|output| output.value == id) {
                    sink(Emission {
                        tap: output.tap,
                        step: output.step,
                        shape: plan.values[id].shape,
                        value: self.held(&alive, id),
                    });
                }
            }
            for &freed in freed {
                if !kept[freed] {
                    alive[freed] = None;
                }
            }
        }
        alive
    }

    fn stage(&self, stage: &Stage, alive: &mut [Option<E::Value>], kept: &[bool]) {
        let (_, weights) = self.plan.values[stage.normalised].op().expect("a layer norm");
        let first = stage.combined.map_or(stage.normalised, |(value, _)| value);
        let keep_combined = stage.combined.is_some_and(|(value, _)| kept[value]);
        let staged = self.engine.stage(&redyn_engine::Stage {
            combine: stage.combined.map(|(_, how)| how),
            inputs: self.inputs(alive, first),
            activation: stage.activation,
            affine: [0, 1].map(|index| self.weights[weights[index]].as_ref().expect("loaded")),
            pool: stage.pooled.map(|(_, size)| size),
            keep_combined,
        });
        if let Some((value, _)) = stage.combined {
            alive[value] = staged.combined;
        }
        alive[stage.normalised] = Some(staged.normalised);
        if let Some((value, _)) = stage.pooled {
            alive[value] = staged.pooled;
        }
    }

    fn inputs<'a>(&'a self, alive: &'a [Option<E::Value>], id: ValueId) -> Vec<&'a E::Value> {
        self.plan.values[id].inputs().iter().map(|&input| self.held(alive, input)).collect()
    }

    /// Make a value, if it was not kept, and what it is made of.
    pub(crate) fn recall(&self, alive: &mut [Option<E::Value>], id: ValueId) {
        if alive[id].is_none() && self.plan.values[id].per_image {
            self.plan.values[id].inputs().iter().for_each(|&input| self.recall(alive, input));
            alive[id] = Some(self.apply(id, &self.inputs(alive, id)));
        }
    }

    pub(crate) fn held<'a>(&'a self, alive: &'a [Option<E::Value>], id: ValueId) -> &'a E::Value {
        alive[id].as_ref().or_else(|| self.constants.get(&id)).expect("the plan keeps what is still read")
    }
}
