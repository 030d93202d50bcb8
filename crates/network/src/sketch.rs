//! Drawing one step of a network.

use std::cell::{Ref, RefCell};

use redyn_core::Kind;
use redyn_engine::{Activation, Bias, Conv, ConvTranspose, Interaction, Op, Shape};

use crate::NetworkError;
use crate::graph::{Edge, Graph, Node, NodeId, Parameter, Tap};

/// What a weight of an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Kernel or matrix, or a normalisation's gain.
    Weight,
    /// Bias, or a normalisation's shift.
    Bias,
}

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// Uniform in `[−bound, bound)`.
    Uniform {
        /// Largest magnitude.
        bound: f64,
    },
}

impl Init {
    /// Xavier's (Glorot's) uniform start: `bound = √(6 / (fan_in + fan_out))`.
    pub fn xavier(fan_in: usize, fan_out: usize) -> Self {
        Self::Uniform { bound: (6.0 / (fan_in + fan_out) as f64).sqrt() }
    }

    /// PyTorch's default start of weights and biases: `bound = 1 / √fan_in`.
    pub fn default_of(fan_in: usize) -> Self {
        Self::Uniform { bound: 1.0 / (fan_in as f64).sqrt() }
    }
}

/// How a model chooses the start of a weight: by operation, input shape and role.
type Policy = fn(&Op, Shape, Role) -> Init;

/// One step of a network being drawn.
///
/// Signals are drawn from left to right; a mistake (shapes that do not fit, a name
/// given twice) is kept and reported by [`Sketch::finish`], so that a drawing reads
/// without error handling in every line.
pub struct Sketch {
    graph: RefCell<Graph>,
    fault: RefCell<Option<NetworkError>>,
    policy: Policy,
}

/// A signal of one step.
#[derive(Clone, Copy)]
pub struct Signal<'s> {
    sketch: &'s Sketch,
    node: NodeId,
}

/// An area named before it is defined, so that areas can feed one another.
#[derive(Clone, Copy)]
pub struct Area<'s>(Signal<'s>);

impl Sketch {
    /// An empty drawing for images of one shape, with the model's way to start weights.
    pub fn new(image: Shape, policy: Policy) -> Self {
        let graph = Graph {
            image,
            nodes: vec![Node::Image],
            shapes: vec![image],
            parameters: Vec::new(),
            taps: Vec::new(),
            edges: Vec::new(),
        };
        Self { graph: RefCell::new(graph), fault: RefCell::new(None), policy }
    }

    /// The stimulus.
    pub fn image(&self) -> Signal<'_> {
        Signal { sketch: self, node: 0 }
    }

    /// Name an area that will be [defined](Area::define) later. It can be asked for as a tap.
    pub fn declare(&self, name: &str, shape: Shape) -> Area<'_> {
        let area = self.push(Node::Area(None), shape);
        self.tap(name, area);
        Area(area)
    }

    /// Let a signal be asked for by name.
    pub fn tap<'s>(&'s self, name: &str, signal: Signal<'s>) -> Signal<'s> {
        if self.graph.borrow().taps.iter().any(|tap| tap.name == name) {
            self.fail(NetworkError::NameTwice { name: name.to_owned() });
        }
        self.graph.borrow_mut().taps.push(Tap { name: name.to_owned(), node: signal.node });
        signal
    }

    /// A parameter that the checkpoints hold and the network never uses.
    pub fn unused(&self, name: &str, op: &Op, input: Shape) {
        self.parameters(name, op, input);
    }

    /// The finished graph.
    ///
    /// # Errors
    /// The first mistake made on the way.
    pub fn finish(self) -> Result<Graph, NetworkError> {
        if let Some(fault) = self.fault.into_inner() {
            return Err(fault);
        }
        let graph = self.graph.into_inner();
        match graph.taps.iter().find(|tap| graph.nodes[tap.node] == Node::Area(None)) {
            Some(tap) => Err(NetworkError::Undefined { area: tap.name.clone() }),
            None => Ok(graph),
        }
    }

    fn push(&self, node: Node, shape: Shape) -> Signal<'_> {
        let mut graph = self.graph.borrow_mut();
        graph.nodes.push(node);
        graph.shapes.push(shape);
        Signal { sketch: self, node: graph.nodes.len() - 1 }
    }

    fn fail(&self, error: NetworkError) {
        self.fault.borrow_mut().get_or_insert(error);
    }

    /// Indices of the parameters of an operation, new ones where the names are new.
    fn parameters(&self, name: &str, op: &Op, input: Shape) -> Vec<usize> {
        let shapes = op.weights(input);
        let roles = [("weight", Role::Weight), ("bias", Role::Bias)];
        let mut indices = Vec::with_capacity(shapes.len());
        for (shape, (word, role)) in shapes.into_iter().zip(roles) {
            let parameter =
                Parameter { name: format!("{name}.{word}"), shape, init: (self.policy)(op, input, role) };
            let mut graph = self.graph.borrow_mut();
            let known = graph.parameters.iter().position(|known| known.name == parameter.name);
            if let Some(index) = known {
                if graph.parameters[index].shape != parameter.shape {
                    self.fail(NetworkError::NameTwice { name: parameter.name });
                }
                indices.push(index);
            } else {
                graph.parameters.push(parameter);
                indices.push(graph.parameters.len() - 1);
            }
        }
        indices
    }

    fn apply(&self, name: &str, op: Op, inputs: &[Signal]) -> Signal<'_> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape()).collect();
        let output = op.output(&shapes).unwrap_or_else(|source| {
            self.fail(NetworkError::Operation { name: name.to_owned(), source });
            shapes[0]
        });
        let weights = self.parameters(name, &op, shapes[0]);
        self.push(
            Node::Apply { op, weights, inputs: inputs.iter().map(|input| input.node).collect() },
            output,
        )
    }
}

impl<'s> Area<'s> {
    /// What the area is, at every step.
    pub fn define(self, signal: Signal<'s>) -> Signal<'s> {
        let sketch = self.0.sketch;
        if signal.shape() != self.0.shape() {
            let graph = sketch.graph.borrow();
            let name = graph.taps.iter().find(|tap| tap.node == self.0.node).map(|tap| tap.name.clone());
            drop(graph);
            sketch.fail(NetworkError::AreaShape {
                area: name.unwrap_or_default(),
                declared: self.0.shape().to_string(),
                defined: signal.shape().to_string(),
            });
        }
        sketch.graph.borrow_mut().nodes[self.0.node] = Node::Area(Some(signal.node));
        self.0
    }

    /// The area at this step; only for signals drawn after its definition.
    pub fn now(self) -> Signal<'s> {
        self.0
    }

    /// The area one step ago; absent at the first step.
    pub fn last(self) -> Signal<'s> {
        self.0.last()
    }
}

impl<'s> Signal<'s> {
    /// Shape of one image's value.
    pub fn shape(self) -> Shape {
        self.sketch.graph.borrow().shapes[self.node]
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
        self.then(name, Op::Conv(Conv { channels, kernel, stride: 1, padding: kernel / 2, bias }))
    }

    /// Stride-2 transposed convolution that doubles height and width (odd kernel).
    #[must_use]
    pub fn conv_transpose(self, name: &str, channels: usize, kernel: usize, bias: Bias) -> Self {
        self.then(name, Op::ConvTranspose(ConvTranspose { channels, kernel, bias }))
    }

    /// Matrix product of a vector.
    #[must_use]
    pub fn linear(self, name: &str, channels: usize, bias: Bias) -> Self {
        self.then(name, Op::Linear { channels, bias })
    }

    /// Largest values of windows of 2 × 2.
    #[must_use]
    pub fn max_pool(self) -> Self {
        self.then("max pool", Op::MaxPool { size: 2 })
    }

    /// Mean over all pixels.
    #[must_use]
    pub fn average_pool(self) -> Self {
        self.then("average pool", Op::AveragePool)
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
        let name = format!("{to}.{}", kind.word());
        if self.sketch.graph.borrow().edges.iter().any(|edge| edge.name == name) {
            self.sketch.fail(NetworkError::NameTwice { name: name.clone() });
        }
        let (op, delay) = self.origin();
        let shape = self.shape();
        let edge = self.sketch.graph.borrow().edges.len();
        let drawn = Edge { name, kind, from: from.to_owned(), to: to.to_owned(), op, delay };
        self.sketch.graph.borrow_mut().edges.push(drawn);
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
                    node = inputs[0];
                }
                Node::Last(input) => {
                    delay += 1;
                    node = *input;
                }
                Node::OrZeros(input) | Node::Once(input) => node = *input,
                Node::Image | Node::Area(_) | Node::Edge { .. } => return (name, delay),
            }
        }
    }
}
