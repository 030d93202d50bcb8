//! How many bytes of values a plan has alive at once, and what training keeps of them.

use crate::plan::Plan;
use crate::unroll::ValueId;

/// What a forward pass keeps for the backward pass. The gradients are the same bits either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeping {
    /// Every value that the backward pass reads.
    #[default]
    All,
    /// Of those, only what it takes to make the rest anew without a single multiply-accumulate:
    /// of an area its drives, but neither the normalised nor the pooled map.
    Drives,
}

impl Plan {
    /// The values that must survive the forward pass.
    pub(crate) fn kept(&self, keeping: Keeping) -> Vec<bool> {
        let read = self.kept_for_backward();
        let recomputed = |id: ValueId| {
            let value = &self.values[id];
            let Some(((op, _), &first)) = value.op().zip(value.inputs().first()) else { return false };
            let cheap = op.multiply_accumulates(self.values[first].shape, value.shape) == 0;
            let at_hand = |&input: &ValueId| read[input] || !self.values[input].per_image;
            value.per_image && cheap && value.inputs().iter().all(at_hand)
        };
        (0..read.len()).map(|id| read[id] && (keeping == Keeping::All || !recomputed(id))).collect()
    }

    /// Bytes of values that are alive at once, at most, for every image of a batch.
    ///
    /// What an engine needs beside (packed weights, scratch of a kernel) is not in it.
    pub fn memory_per_image(&self) -> usize {
        let mut ledger = Ledger::new(self);
        ledger.forward(&vec![false; self.values.len()]);
        ledger.most
    }

    /// Bytes of values and gradients of values that are alive at once, at most, for every image
    /// of a training batch, if each requested value has a gradient.
    ///
    /// What an engine needs beside (packed weights and their gradients, scratch of a kernel) is
    /// not in it.
    pub fn training_memory_per_image(&self, keeping: Keeping) -> usize {
        let mut ledger = Ledger::new(self);
        ledger.forward(&self.kept(keeping));
        ledger.backward();
        ledger.most
    }
}

/// What is alive while a plan is carried out, step by step as [`Session`](crate::Session) does.
struct Ledger<'p> {
    plan: &'p Plan,
    /// Of every value, whether it is alive; then the same of its gradient.
    alive: Vec<bool>,
    now: usize,
    most: usize,
}

impl<'p> Ledger<'p> {
    fn new(plan: &'p Plan) -> Self {
        Self { plan, alive: vec![false; 2 * plan.values.len()], now: 0, most: 0 }
    }

    fn gradient_of(&self, id: ValueId) -> usize {
        self.plan.values.len() + id
    }

    /// Bytes of a value or gradient; what is the same for all images costs an image nothing.
    fn bytes(&self, place: usize) -> usize {
        let value = &self.plan.values[place % self.plan.values.len()];
        if value.per_image { 4 * value.shape.len() } else { 0 }
    }

    fn make(&mut self, place: usize) {
        let bytes = self.bytes(place);
        // What is added to something that is there already is gone right afterwards.
        self.most = self.most.max(self.now + bytes);
        if !std::mem::replace(&mut self.alive[place], true) {
            self.now += bytes;
        }
    }

    fn free(&mut self, place: usize) {
        if std::mem::take(&mut self.alive[place]) {
            self.now -= self.bytes(place);
        }
    }

    fn forward(&mut self, kept: &[bool]) {
        for (group, freed) in self.plan.groups.iter().zip(&self.plan.freed) {
            group.results().for_each(|id| self.make(id));
            group.values().filter(|&id| kept[id]).for_each(|id| self.make(id));
            freed.iter().filter(|&&id| !kept[id]).for_each(|&id| self.free(id));
        }
    }

    fn backward(&mut self) {
        let plan = self.plan;
        plan.outputs.iter().for_each(|output| self.make(self.gradient_of(output.value)));
        for (id, value) in plan.values.iter().enumerate().rev() {
            if self.alive[self.gradient_of(id)] {
                plan.read_backwards(id).for_each(|read| self.recall(read));
                let trained = value.inputs().iter().filter(|&&input| plan.values[input].trained);
                trained.for_each(|&input| self.make(self.gradient_of(input)));
            }
            self.free(self.gradient_of(id));
            self.free(id);
        }
    }

    fn recall(&mut self, id: ValueId) {
        if !self.alive[id] && self.plan.values[id].per_image {
            self.plan.values[id].inputs().iter().for_each(|&input| self.recall(input));
            self.make(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use redyn_engine::{
        Activation, Bias, Cpu, Engine, Interaction, Op, Saved, Shape, Stage, Staged, Windows,
    };

    use super::Keeping;
    use crate::{Graph, Init, OutputGradient, Plan, Request, Session, Signal, Sketch, Weights};

    const IMAGES: usize = 2;
    const STEPS: usize = 4;

    /// The native engine, counting the bytes of the values it has lent.
    #[derive(Default)]
    struct Counting {
        cpu: Cpu,
        bytes: Arc<Bytes>,
    }

    #[derive(Default)]
    struct Bytes {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    struct Counted {
        value: <Cpu as Engine>::Value,
        shape: Shape,
        held: usize,
        bytes: Arc<Bytes>,
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.bytes.now.fetch_sub(self.held, Ordering::Relaxed);
        }
    }

    impl Counting {
        /// What all images share is not counted.
        fn count(&self, value: <Cpu as Engine>::Value, shape: Shape) -> Counted {
            let batch = self.cpu.batch(&value);
            let held = if batch == 1 { 0 } else { 4 * batch * shape.len() };
            let now = self.bytes.now.fetch_add(held, Ordering::Relaxed) + held;
            self.bytes.most.fetch_max(now, Ordering::Relaxed);
            Counted { value, shape, held, bytes: Arc::clone(&self.bytes) }
        }
    }

    impl Engine for Counting {
        type Value = Counted;
        type Weight = <Cpu as Engine>::Weight;
        type Gradient = <Cpu as Engine>::Gradient;

        fn path(&self) -> String {
            self.cpu.path()
        }

        fn value(&self, shape: Shape, batch: usize, data: &[f32]) -> Counted {
            self.count(self.cpu.value(shape, batch, data), shape)
        }

        fn read(&self, value: &Counted, out: &mut [f32]) {
            self.cpu.read(&value.value, out);
        }

        fn batch(&self, value: &Counted) -> usize {
            self.cpu.batch(&value.value)
        }

        fn weight(&self, shape: &[usize], data: &[f32]) -> Self::Weight {
            self.cpu.weight(shape, data)
        }

        fn forward(&self, op: &Op, weights: &[&Self::Weight], inputs: &[&Counted]) -> Counted {
            let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape).collect();
            let inputs: Vec<_> = inputs.iter().map(|input| &input.value).collect();
            self.count(self.cpu.forward(op, weights, &inputs), op.output(&shapes).unwrap())
        }

        fn stage(&self, stage: &Stage<Counted, Self::Weight>) -> Staged<Counted> {
            let shape = stage.inputs[0].shape;
            let staged = self.cpu.stage(&Stage {
                combine: stage.combine,
                inputs: stage.inputs.iter().map(|input| &input.value).collect(),
                activation: stage.activation,
                affine: stage.affine,
                pool: stage.pool,
                keep_combined: stage.keep_combined,
            });
            Staged {
                combined: staged.combined.map(|value| self.count(value, shape)),
                normalised: self.count(staged.normalised, shape),
                pooled: staged.pooled.zip(stage.pool).map(|(value, size)| {
                    self.count(value, Op::MaxPool(Windows::tiling(size)).output(&[shape]).unwrap())
                }),
            }
        }

        fn gradient(&self, weight: &Self::Weight) -> Self::Gradient {
            self.cpu.gradient(weight)
        }

        fn backward(
            &self,
            op: &Op,
            weights: &[&Self::Weight],
            saved: &Saved<Counted>,
            output_gradient: Counted,
            wanted: &[bool],
            gradients: &mut [&mut Self::Gradient],
        ) -> Vec<Option<Counted>> {
            let inner = Saved {
                inputs: saved.inputs.iter().map(|input| input.map(|input| &input.value)).collect(),
                output: saved.output.map(|output| &output.value),
                shapes: saved.shapes.clone(),
                batches: saved.batches.clone(),
            };
            let mut data = vec![0.0; self.batch(&output_gradient) * output_gradient.shape.len()];
            self.read(&output_gradient, &mut data);
            let gradient = self.cpu.value(output_gradient.shape, self.batch(&output_gradient), &data);
            let found = self.cpu.backward(op, weights, &inner, gradient, wanted, gradients);
            let counted = found.into_iter().zip(&saved.shapes);
            counted.map(|(value, &shape)| value.map(|value| self.count(value, shape))).collect()
        }

        fn add(&self, value: &mut Counted, other: &Counted) {
            self.cpu.add(&mut value.value, &other.value);
        }

        fn finish(&self, gradient: Self::Gradient) -> Vec<f32> {
            self.cpu.finish(gradient)
        }
    }

    fn settle<'s>(drive: Signal<'s>, norm: &str) -> Signal<'s> {
        drive.layer_norm(norm).activate(Activation::Relu)
    }

    /// Two areas with every kind of connection.
    fn graph(interaction: Interaction) -> Graph {
        let sketch = Sketch::new(Shape::map(16, 16, 3), |_, _, _| Init::default_of(9));
        let low = sketch.declare("low", Shape::map(16, 16, 8));
        let high = sketch.declare("high", Shape::map(8, 8, 12));
        let drive = sketch.image().conv("low.bottom_up", 8, 3, Bias::PerChannel).combine(
            interaction,
            &[
                Some(low.last().conv("low.lateral", 8, 3, Bias::Absent)),
                Some(high.last().conv_transpose("low.top_down", 8, 3, Bias::Absent)),
            ],
        );
        low.define(settle(drive, "low_norm"));
        let drive = low
            .now()
            .max_pool()
            .conv("high.bottom_up", 12, 3, Bias::Absent)
            .combine(interaction, &[Some(high.last().conv("high.lateral", 12, 3, Bias::Absent))]);
        high.define(settle(drive, "high_norm"));
        sketch.tap("readout", high.now().average_pool().linear("readout", 5, Bias::PerChannel));
        sketch.finish().unwrap()
    }

    /// The gradients' bits, and the bytes per image that their way there took at most.
    fn trained(graph: &Graph, keeping: Keeping) -> (Vec<u32>, usize) {
        let engine = Counting::default();
        let plan = Plan::new(graph, &Request::readout(STEPS)).unwrap();
        let weights = Weights::initial(graph, 1);
        let session = Session::new(&engine, graph, plan, &weights).unwrap().keeping(keeping);
        let images: Vec<f32> = (0..IMAGES * 16 * 16 * 3).map(|index| (index as f32 * 0.7).sin()).collect();
        let tape = session.record(&images, |_| {});
        let gradient = |step| OutputGradient { tap: 0, step, gradient: vec![0.3; IMAGES * 5] };
        let gradients = session.backward(tape, (0..STEPS).map(gradient).collect());
        let bits = gradients.into_iter().flatten().flatten().map(f32::to_bits).collect();
        (bits, engine.bytes.most.load(Ordering::Relaxed) / IMAGES)
    }

    #[test]
    fn what_is_made_anew_gives_the_same_bits_and_takes_less_memory() {
        for interaction in [Interaction::Additive, Interaction::Multiplicative] {
            let graph = graph(interaction);
            let ((all, most), (drives, less)) =
                (trained(&graph, Keeping::All), trained(&graph, Keeping::Drives));
            assert!(all == drives, "{interaction:?}");
            assert!(10 * less < 7 * most, "{interaction:?}: {less} of {most} bytes");
        }
    }

    #[test]
    fn the_plan_knows_the_memory_of_its_training() {
        for interaction in [Interaction::Additive, Interaction::Multiplicative] {
            let graph = graph(interaction);
            let plan = Plan::new(&graph, &Request::readout(STEPS)).unwrap();
            for keeping in [Keeping::All, Keeping::Drives] {
                let planned = plan.training_memory_per_image(keeping);
                assert_eq!(planned, trained(&graph, keeping).1, "{interaction:?} {keeping:?}");
            }
        }
    }
}
