//! Signals of one step, from left to right.

use std::cell::Ref;

use redyn_core::Kind;
use redyn_engine::{
    Activation, Bias, Confidence, Constant, Conv, ConvTranspose, Curve, Gain, Interaction, Op, Rescaling,
    Shape, Statistics, Windows,
};

use crate::Sketch;
use crate::graph::{Node, NodeId};
use crate::sketch::Connection;

/// A signal of one step.
#[derive(Clone, Copy)]
pub struct Signal<'s> {
    pub(crate) sketch: &'s Sketch,
    pub(crate) node: NodeId,
}

impl<'s> Signal<'s> {
    /// Shape of one image's value.
    pub fn shape(self) -> Shape {
        self.sketch.graph.borrow().shapes[self.node]
    }

    /// The drawing it belongs to.
    pub fn sketch(self) -> &'s Sketch {
        self.sketch
    }

    fn node(&self) -> Ref<'s, Node> {
        Ref::map(self.sketch.graph.borrow(), |graph| &graph.nodes[self.node])
    }

    fn then(self, name: &str, op: Op) -> Self {
        self.sketch.apply(name, op, &[self])
    }

    /// Stride-1 convolution with zero padding that keeps height and width (odd kernel).
    #[must_use]
    pub fn conv(self, name: &str, channels: usize, kernel: usize, bias: Bias) -> Self {
        self.convolve(name, Conv::same(channels, kernel, bias))
    }

    /// Convolution of any kind.
    #[must_use]
    pub fn convolve(self, name: &str, conv: Conv) -> Self {
        self.then(name, Op::Conv(conv))
    }

    /// Stride-2 transposed convolution that doubles height and width (odd kernel).
    #[must_use]
    pub fn conv_transpose(self, name: &str, channels: usize, kernel: usize, bias: Bias) -> Self {
        self.convolve_transposed(name, ConvTranspose { channels, kernel, stride: 2, bias })
    }

    /// Transposed convolution of any kind.
    #[must_use]
    pub fn convolve_transposed(self, name: &str, conv: ConvTranspose) -> Self {
        self.then(name, Op::ConvTranspose(conv))
    }

    /// Matrix product of a vector.
    #[must_use]
    pub fn linear(self, name: &str, channels: usize, bias: Bias) -> Self {
        self.then(name, Op::Linear { channels, bias })
    }

    /// Largest values of windows of 2 × 2.
    #[must_use]
    pub fn max_pool(self) -> Self {
        self.max_of(Windows::tiling(2))
    }

    /// Largest values of windows of any kind.
    #[must_use]
    pub fn max_of(self, windows: Windows) -> Self {
        self.then("max pool", Op::MaxPool(windows))
    }

    /// Mean over all pixels.
    #[must_use]
    pub fn average_pool(self) -> Self {
        self.then("average pool", Op::AveragePool)
    }

    /// Means over `height × width` windows that cover the map; a map of that size as it is.
    #[must_use]
    pub fn adaptive_average_pool(self, height: usize, width: usize) -> Self {
        let shape = self.shape();
        if (shape.height, shape.width) == (height, width) {
            return self;
        }
        self.then("average pool", Op::AdaptiveAveragePool { height, width })
    }

    /// Bilinear interpolation, corners on corners; a map of that size as it is.
    #[must_use]
    pub fn resize(self, height: usize, width: usize) -> Self {
        let shape = self.shape();
        if (shape.height, shape.width) == (height, width) {
            return self;
        }
        self.then("resize", Op::Resize { height, width })
    }

    /// The map as a vector, channel by channel.
    #[must_use]
    pub fn flatten(self) -> Self {
        self.then("flatten", Op::Flatten)
    }

    /// Group norm with one scale and shift per channel.
    #[must_use]
    pub fn group_norm(self, name: &str, groups: usize, epsilon: f32) -> Self {
        let epsilon = Constant::new(epsilon);
        self.then(name, Op::GroupNorm { groups, epsilon, rescaling: Rescaling::PerChannel })
    }

    /// Every image standardised over all its values, without scale and shift.
    #[must_use]
    pub fn standardise(self, epsilon: f32) -> Self {
        let epsilon = Constant::new(epsilon);
        self.then("standardise", Op::GroupNorm { groups: 1, epsilon, rescaling: Rescaling::Absent })
    }

    /// Batch norm: by running averages, or by the batch's own statistics where it is
    /// [planned for training](crate::Plan::training).
    #[must_use]
    pub fn batch_norm(self, name: &str, epsilon: f32) -> Self {
        let epsilon = Constant::new(epsilon);
        self.then(name, Op::BatchNorm { epsilon, statistics: Statistics::Running })
    }

    /// `max(x, 0)`
    #[must_use]
    pub fn relu(self) -> Self {
        self.activate(Activation::Relu)
    }

    /// A smooth function of every value.
    #[must_use]
    pub fn curve(self, curve: Curve) -> Self {
        self.then("curve", Op::Curve(curve))
    }

    /// `offset + factor · x`
    #[must_use]
    pub fn line(self, factor: f32, offset: f32) -> Self {
        self.then("line", Op::Line { factor: Constant::new(factor), offset: Constant::new(offset) })
    }

    /// The signal times a learned factor.
    #[must_use]
    pub fn gain(self, name: &str, gain: Gain) -> Self {
        self.then(name, Op::Gain(gain))
    }

    /// The product with another signal, value by value.
    #[must_use]
    pub fn multiply(self, other: Self) -> Self {
        self.sketch.apply("multiply", Op::Multiply, &[self, other])
    }

    /// The sum with another signal; of either alone where the other is absent.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.combine(Interaction::Additive, &[Some(other)])
    }

    /// This vector, or another one where that is more confident.
    #[must_use]
    pub fn or_more_confident(self, other: Self, name: &str, how: Confidence) -> Self {
        self.sketch.apply(name, Op::MoreConfident(how), &[self, other])
    }

    /// Further channels on top of this signal's.
    #[must_use]
    pub fn concat(self, others: &[Self]) -> Self {
        let inputs: Vec<Self> = std::iter::once(self).chain(others.iter().copied()).collect();
        self.sketch.apply("concatenate", Op::Concat, &inputs)
    }

    /// `count` channels from `from` on.
    #[must_use]
    pub fn channels(self, from: usize, count: usize) -> Self {
        self.then("channels", Op::Channels { from, count })
    }

    /// Layer norm over all values of an image.
    #[must_use]
    pub fn layer_norm(self, name: &str) -> Self {
        self.then(name, Op::LayerNorm(Activation::Identity))
    }

    /// An activation; one that follows a layer norm becomes part of it, so that the
    /// map is read once.
    #[must_use]
    pub fn activate(self, activation: Activation) -> Self {
        let newest = self.node + 1 == self.sketch.graph.borrow().nodes.len();
        let normed = matches!(&*self.node(), Node::Apply { op: Op::LayerNorm(Activation::Identity), .. });
        let fused = normed && newest && !self.is_tapped();
        if fused {
            if let Node::Apply { op, .. } = &mut self.sketch.graph.borrow_mut().nodes[self.node] {
                *op = Op::LayerNorm(activation);
            }
            return self;
        }
        self.then("activation", Op::Activate(activation))
    }

    fn is_tapped(self) -> bool {
        self.sketch.graph.borrow().taps.iter().any(|tap| tap.node == self.node)
    }

    /// This signal combined with recurrent ones; what is absent is left out.
    #[must_use]
    pub fn combine(self, interaction: Interaction, others: &[Option<Self>]) -> Self {
        let others: Vec<Self> = others.iter().copied().flatten().collect();
        if others.is_empty() {
            return self;
        }
        let inputs: Vec<Self> = std::iter::once(self).chain(others).collect();
        self.sketch.apply("combine", Op::Combine(interaction), &inputs)
    }

    /// The signal one step ago; absent at the first step.
    #[must_use]
    pub fn last(self) -> Self {
        let shape = self.shape();
        self.sketch.push(Node::Last(self.node), shape)
    }

    /// The signal, or zeros where it is absent.
    ///
    /// Before an operation it makes the operation see zeros (its bias still acts);
    /// after it, the operation's result is zero.
    #[must_use]
    pub fn or_zeros(self) -> Self {
        let shape = self.shape();
        self.sketch.push(Node::OrZeros(self.node), shape)
    }

    /// The signal, or another one where it is absent.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let shape = self.shape();
        self.sketch.push(Node::Or { signal: self.node, other: other.node }, shape)
    }

    /// The signal where another one is there; absent where that is.
    #[must_use]
    pub fn given(self, other: Self) -> Self {
        let shape = self.shape();
        self.sketch.push(Node::Given { signal: self.node, other: other.node }, shape)
    }

    /// The signal from a step on; absent before.
    #[must_use]
    pub fn from_step(self, step: usize) -> Self {
        let shape = self.shape();
        self.sketch.push(Node::Switch { cases: vec![(step, self.node)], end: None }, shape)
    }

    /// The signal before a step, another one from then on.
    #[must_use]
    pub fn until(self, step: usize, then: Self) -> Self {
        let shape = self.shape();
        self.sketch.push(Node::Switch { cases: vec![(0, self.node), (step, then.node)], end: None }, shape)
    }

    /// The signal, marked as computed once in the published code: the plain loop
    /// does the same, so that it counts what its authors' code really does.
    #[must_use]
    pub fn once(self) -> Self {
        let shape = self.shape();
        self.sketch.push(Node::Once(self.node), shape)
    }

    /// The signal on a connection named `TO.KIND`, where interventions act.
    #[must_use]
    pub fn edge(self, kind: Kind, from: &str, to: &str) -> Self {
        self.arrive(self.sketch.connect(kind, from, to))
    }

    /// The signal as it is sent over a connection: where it can be steered.
    #[must_use]
    pub fn leave(self, connection: Connection) -> Self {
        let shape = self.shape();
        self.sketch.push(Node::Sent { edge: connection.0, input: self.node }, shape)
    }

    /// The signal as a connection delivers it: where it is cut, scaled and amplified.
    #[must_use]
    pub fn arrive(self, connection: Connection) -> Self {
        let (op, delay) = self.origin();
        let shape = self.shape();
        let edge = connection.0;
        if let Some(drawn) = self.sketch.graph.borrow_mut().edges.get_mut(edge) {
            (drawn.op, drawn.delay) = (op, delay);
        }
        self.sketch.push(Node::Edge { edge, input: self.node }, shape)
    }

    /// The last operation on the way here, and the steps the signal waited.
    fn origin(self) -> (&'static str, usize) {
        let graph = self.sketch.graph.borrow();
        let (mut node, mut name, mut delay) = (self.node, "identity", 0);
        loop {
            match &graph.nodes[node] {
                Node::Apply { op, inputs, .. } => {
                    if name == "identity" {
                        name = op.name();
                    }
                    match inputs.first() {
                        Some(&input) => node = input,
                        None => return (name, delay),
                    }
                }
                Node::Last(input) => {
                    delay += 1;
                    node = *input;
                }
                Node::OrZeros(input)
                | Node::Once(input)
                | Node::Sent { input, .. }
                | Node::Or { signal: input, .. }
                | Node::Given { signal: input, .. } => node = *input,
                Node::Switch { cases, .. } => node = cases[0].1,
                Node::Image | Node::Area(_) | Node::Edge { .. } => return (name, delay),
            }
        }
    }
}
