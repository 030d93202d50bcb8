//! One step of a recurrent network: signals between areas.

use redyn_core::{Drawing, DrawnArea, DrawnEdge, Kind};
use redyn_engine::{Op, Shape};

use crate::{Init, NetworkError};

/// A network as it was declared: what every signal is made of, at any step.
///
/// Made by a [`Sketch`](crate::Sketch); read by the planner, the report's drawing and
/// whoever loads or writes weights.
#[derive(Clone, Debug)]
pub struct Graph {
    pub(crate) image: Shape,
    pub(crate) nodes: Vec<Node>,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) taps: Vec<Tap>,
    pub(crate) edges: Vec<Edge>,
}

/// Index of a node.
pub(crate) type NodeId = usize;

/// What a signal is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// The stimulus.
    Image,
    /// A declared area: the signal that defines it, once that is known.
    Area(Option<NodeId>),
    /// The signal one step ago; absent at the first step.
    Last(NodeId),
    /// An operation; absent as soon as an input is, but for combinations, which
    /// leave absent terms out.
    Apply { op: Op, weights: Vec<usize>, inputs: Vec<NodeId> },
    /// The signal as a named edge delivers it, where interventions act.
    Edge { edge: usize, input: NodeId },
    /// The signal as it is sent over a named edge, where it can be steered.
    Sent { edge: usize, input: NodeId },
    /// The signal, or zeros where it is absent.
    OrZeros(NodeId),
    /// The signal, or another one where it is absent.
    Or { signal: NodeId, other: NodeId },
    /// The signal where another one is there; absent where that is.
    Given { signal: NodeId, other: NodeId },
    /// The last of the signals whose step has come; absent before the first of them. From
    /// `end` on there is nothing that it could be, and the network cannot run.
    Switch { cases: Vec<(usize, NodeId)>, end: Option<usize> },
    /// The signal, which the published code computes once and not at every step.
    Once(NodeId),
}

/// A tensor of the checkpoints: trained, or averaged along the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name in the reference's own checkpoints.
    pub name: String,
    /// Shape: `[out, in, row, column]` or `[out, in]`, as `PyTorch` has it.
    pub shape: Vec<usize>,
    /// How it starts.
    pub init: Init,
    /// For a running average the share that a batch's statistic has in it at every update;
    /// `None` for what is trained.
    pub averaging: Option<f64>,
}

/// A signal that can be asked for by name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tap {
    pub(crate) name: String,
    pub(crate) node: NodeId,
}

/// A named connection between two areas.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) op: &'static str,
    /// Steps between sending and arriving.
    pub(crate) delay: usize,
}

impl Graph {
    /// Shape of the images it takes.
    pub fn image_shape(&self) -> Shape {
        self.image
    }

    /// All tensors of a checkpoint, trained and averaged, in the reference's order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Number of trained values: without running averages.
    pub fn n_parameters(&self) -> usize {
        let trained = self.parameters.iter().filter(|parameter| parameter.averaging.is_none());
        trained.map(|parameter| parameter.shape.iter().product::<usize>()).sum()
    }

    /// The most steps it can run for, if its parameters set an end.
    pub fn most_steps(&self) -> Option<usize> {
        let ends = self.nodes.iter().filter_map(|node| match node {
            Node::Switch { end, .. } => *end,
            _ => None,
        });
        ends.min()
    }

    /// Names and shapes of all taps, in the order of declaration.
    pub fn taps(&self) -> impl Iterator<Item = (&str, Shape)> {
        self.taps.iter().map(|tap| (tap.name.as_str(), self.shapes[tap.node]))
    }

    /// Names of all edges.
    pub fn edges(&self) -> impl Iterator<Item = &str> {
        self.edges.iter().map(|edge| edge.name.as_str())
    }

    /// Index of a tap.
    ///
    /// # Errors
    /// A name the graph does not have.
    pub(crate) fn tap(&self, name: &str) -> Result<usize, NetworkError> {
        self.taps.iter().position(|tap| tap.name == name).ok_or_else(|| NetworkError::UnknownTap {
            name: name.to_owned(),
            known: self.taps.iter().map(|tap| tap.name.clone()).collect(),
        })
    }

    /// Index of an edge.
    ///
    /// # Errors
    /// A name the graph does not have.
    pub(crate) fn edge(&self, name: &str) -> Result<usize, NetworkError> {
        self.edges.iter().position(|edge| edge.name == name).ok_or_else(|| NetworkError::UnknownEdge {
            name: name.to_owned(),
            known: self.edges.iter().map(|edge| edge.name.clone()).collect(),
        })
    }

    /// Shape of what is sent over an edge, if it can be steered.
    pub(crate) fn sent(&self, edge: usize) -> Option<Shape> {
        let sent = |node: &Node| matches!(node, Node::Sent { edge: here, .. } if *here == edge);
        self.nodes.iter().position(sent).map(|node| self.shapes[node])
    }

    /// The areas that edges connect, and the edges, to be drawn.
    pub fn drawing(&self) -> Drawing {
        let mut areas = vec![DrawnArea { name: "image".into(), shape: dims(self.image) }];
        for (name, shape) in self.taps() {
            if self.edges.iter().any(|edge| edge.to == name) {
                areas.push(DrawnArea { name: name.into(), shape: dims(shape) });
            }
        }
        let edges = self
            .edges
            .iter()
            .map(|edge| DrawnEdge {
                name: edge.name.clone(),
                kind: edge.kind,
                from: edge.from.clone(),
                to: edge.to.clone(),
                op: edge.op.to_owned(),
                delay: edge.delay,
            })
            .collect();
        Drawing { areas, edges }
    }
}

fn dims(shape: Shape) -> [usize; 3] {
    [shape.height, shape.width, shape.channels]
}
