//! Drawing one step of a network.

use std::cell::RefCell;

use redyn_core::Kind;
use redyn_engine::{Op, Shape};

use crate::dialect::{Dialect, Policy, Role};
use crate::graph::{Edge, Graph, Node, Parameter, Tap};
use crate::{NetworkError, Signal};

/// One step of a network being drawn.
///
/// Signals are drawn from left to right; a mistake (shapes that do not fit, a name
/// given twice) is kept and reported by [`Sketch::finish`], so that a drawing reads
/// without error handling in every line.
pub struct Sketch {
    pub(crate) graph: RefCell<Graph>,
    fault: RefCell<Option<NetworkError>>,
    dialect: Dialect,
}

/// An area named before it is defined, so that areas can feed one another.
#[derive(Clone, Copy)]
pub struct Area<'s>(Signal<'s>);

/// A named connection between two areas, where interventions act.
#[derive(Clone, Copy)]
pub struct Connection(pub(crate) usize);

impl Sketch {
    /// An empty drawing for images of one shape, with names and tensors as `PyTorch` has them
    /// and the model's way to start weights.
    pub fn new(image: Shape, policy: Policy) -> Self {
        Self::in_dialect(image, Dialect::pytorch(policy))
    }

    /// An empty drawing for images of one shape, in the dialect of the model's authors.
    pub fn in_dialect(image: Shape, dialect: Dialect) -> Self {
        let graph = Graph {
            image,
            nodes: vec![Node::Image],
            shapes: vec![image],
            parameters: Vec::new(),
            taps: Vec::new(),
            edges: Vec::new(),
        };
        Self { graph: RefCell::new(graph), fault: RefCell::new(None), dialect }
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

    /// A connection named `TO.KIND`, to be [left](Signal::leave) and [arrived](Signal::arrive) by.
    pub fn connect(&self, kind: Kind, from: &str, to: &str) -> Connection {
        self.connection(format!("{to}.{}", kind.word()), kind, from, to)
    }

    /// One of several connections of a kind to one area, named `TO.KIND.FROM`.
    pub fn connect_one_of(&self, kind: Kind, from: &str, to: &str) -> Connection {
        self.connection(format!("{to}.{}.{from}", kind.word()), kind, from, to)
    }

    fn connection(&self, name: String, kind: Kind, from: &str, to: &str) -> Connection {
        if self.graph.borrow().edges.iter().any(|edge| edge.name == name) {
            self.fail(NetworkError::NameTwice { name: name.clone() });
        }
        let mut graph = self.graph.borrow_mut();
        let (from, to) = (from.to_owned(), to.to_owned());
        graph.edges.push(Edge { name, kind, from, to, op: "identity", delay: 0 });
        Connection(graph.edges.len() - 1)
    }

    /// A parameter that the checkpoints hold and the network never uses.
    pub fn unused(&self, name: &str, op: &Op, input: Shape) {
        self.parameters(name, op, input);
    }

    /// A parameter as a signal, the same at every step and for every image.
    pub fn parameter(&self, name: &str, shape: Shape, role: Role) -> Signal<'_> {
        let op = Op::Parameter(shape);
        let dims = op.weights(shape).remove(0);
        let weight = self.name_parameter(self.dialect.parameter(name.to_owned(), dims, &op, shape, role));
        self.push(Node::Apply { op, weights: vec![weight], inputs: Vec::new() }, shape)
    }

    /// A map of zeros.
    pub fn zeros(&self, shape: Shape) -> Signal<'_> {
        self.push(Node::Apply { op: Op::Zeros(shape), weights: Vec::new(), inputs: Vec::new() }, shape)
    }

    /// Another signal at every step, the first of `signals` at step 0; the network cannot run
    /// for more steps than there are.
    pub fn step_by_step<'s>(&'s self, signals: &[Signal<'s>]) -> Signal<'s> {
        let cases = signals.iter().map(|signal| signal.node).enumerate().collect();
        self.push(Node::Switch { cases, end: Some(signals.len()) }, signals[0].shape())
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

    pub(crate) fn push(&self, node: Node, shape: Shape) -> Signal<'_> {
        let mut graph = self.graph.borrow_mut();
        graph.nodes.push(node);
        graph.shapes.push(shape);
        Signal { sketch: self, node: graph.nodes.len() - 1 }
    }

    pub(crate) fn fail(&self, error: NetworkError) {
        self.fault.borrow_mut().get_or_insert(error);
    }

    /// Indices of the parameters of an operation, new ones where the names are new.
    fn parameters(&self, layer: &str, op: &Op, input: Shape) -> Vec<usize> {
        let shapes = op.weights(input).into_iter().zip(Role::of(op));
        let parameters = shapes.map(|(dims, &role)| {
            let name = (self.dialect.name)(layer, op, role);
            self.name_parameter(self.dialect.parameter(name, dims, op, input, role))
        });
        parameters.collect()
    }

    fn name_parameter(&self, parameter: Parameter) -> usize {
        let mut graph = self.graph.borrow_mut();
        let known = graph.parameters.iter().position(|known| known.name == parameter.name);
        if let Some(index) = known {
            if graph.parameters[index].shape != parameter.shape {
                self.fail(NetworkError::NameTwice { name: parameter.name });
            }
            index
        } else {
            graph.parameters.push(parameter);
            graph.parameters.len() - 1
        }
    }

    pub(crate) fn apply(&self, name: &str, op: Op, inputs: &[Signal]) -> Signal<'_> {
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
