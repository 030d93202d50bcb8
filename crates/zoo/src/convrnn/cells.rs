//! The other cells that were compared with reciprocal gated ones, in the same two frames.
//!
//! With `x` what enters a cell, `s`, `c` and `h` its states from the step before (zeros at first),
//! `W ∗ [·, ·]` a convolution with bias of channels on top of each other, `f` a forget bias:
//!
//! - time decay: `s′ = m s + x`, one learned `m` per node
//! - simple RNN: `s′ = ELU(N(Wx ∗ x + Ws ∗ s))`, `N` a layer norm in the shallow network
//! - GRU: `[r, z] = W ∗ [x, s]`, `s′ = σ(z) s + (1 − σ(z)) tanh(V ∗ [x, σ(r + f) s])`
//! - LSTM: `[i, j, g, o] = W ∗ [x, h]`, `c′ = σ(g + f) c + σ(i) tanh j`, `h′ = σ(o) tanh c′`
//! - UGRNN: `[g, c] = W ∗ [x, s]`, `s′ = σ(g + f) s + (1 − σ(g + f)) tanh c`
//! - intersection RNN: `[a, h, b, y] = W ∗ [x, s]`, `s′ = σ(a + f) s + (1 − σ(a + f)) tanh h`, and
//!   the output is `σ(b + f) x + (1 − σ(b + f)) ReLU(y)`
//!
//! The shallow LSTM normalises each of `i`, `j`, `g`, `o` and `c′`, and in conv4 adds learned
//! weights times the old `c` to `i`, `g` and `o`. In the shallow network what enters a cell has no
//! ELU; in the intermediate one a second convolution, the node's own input and an ELU follow.
//!
//! Limits: on its initial weights, whose biases are 0, the shallow LSTM cannot be trained in f32: its
//! norms (ε of 10⁻¹²) of maps that no image has reached have slopes of 10⁶, one after another.
//!
//! No outputs of the reference are at hand for these: they are built from its equations.
//! DIFFERENCE: biases of the gates of a GRU start at 0 here, at 1 there.

use redyn_engine::{Bias, Confidence, Curve, Gain, Op, Shape};
use redyn_network::{Area, Graph, Kind, NetworkError, Role, Signal};

use super::{Depth, RGC_SHALLOW, Reading, frames, halved, same, settings, sketch, stateless};
use crate::settings::Scale;
use crate::spec::Spec;
use crate::{Entry, Network, Parity, ZooError};

/// What a node remembers with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    TimeDecay,
    SimpleRnn,
    Gru,
    Lstm,
    Ugrnn,
    Intersection,
}

macro_rules! entries {
    ($($id:ident $name:literal $summary:literal $cell:ident $depth:ident $steps:literal $off:literal $decoder:expr;)*) => {
        $(
            #[doc = $summary]
            pub(crate) const $id: Entry = Entry {
                name: $name,
                summary: $summary,
                settings: || settings($off),
                build: |spec| {
                    let reading = Reading { steps: $steps, decoder: $decoder };
                    build(spec, Cell::$cell, Depth::$depth, reading)
                },
                ..RGC_SHALLOW
            };
        )*
    };
}

entries! {
    TIMEDECAY_SHALLOW "timedecay_shallow" "ConvRNN of 5 layers whose states decay" TimeDecay Shallow 16 "12" None;
    SIMPLERNN_SHALLOW "simplernn_shallow" "ConvRNN of 5 layers with plain recurrence" SimpleRnn Shallow 16 "12" None;
    GRU_SHALLOW "gru_shallow" "ConvRNN of 5 layers with gated recurrent units" Gru Shallow 16 "12" None;
    LSTM_SHALLOW "lstm_shallow" "ConvRNN of 5 layers with long short-term memory" Lstm Shallow 16 "12" None;
    UGRNN_SHALLOW "ugrnn_shallow" "ConvRNN of 5 layers with one gate per cell" Ugrnn Shallow 16 "12" None;
    INTERSECTIONRNN_SHALLOW "intersectionrnn_shallow" "ConvRNN of 5 layers gated through time and depth" Intersection Shallow 16 "12" None;
    TIMEDECAY_INTERMEDIATE "timedecay_intermediate" "ConvRNN of 10 layers whose states decay" TimeDecay Intermediate 17 "12" None;
    SIMPLERNN_INTERMEDIATE "simplernn_intermediate" "ConvRNN of 10 layers with plain recurrence" SimpleRnn Intermediate 17 "12" None;
    GRU_INTERMEDIATE "gru_intermediate" "ConvRNN of 10 layers with gated recurrent units" Gru Intermediate 17 "12" None;
    LSTM_INTERMEDIATE "lstm_intermediate" "ConvRNN of 10 layers with long short-term memory" Lstm Intermediate 17 "12" None;
    UGRNN_INTERMEDIATE "ugrnn_intermediate" "ConvRNN of 10 layers with one gate per cell" Ugrnn Intermediate 17 "12" None;
    INTERSECTIONRNN_INTERMEDIATE "intersectionrnn_intermediate" "ConvRNN of 10 layers gated through time and depth" Intersection Intermediate 17 "12" None;
    UGRNN_INTERMEDIATE_T30 "ugrnn_intermediate_t30" "ConvRNN of 10 layers with one gate per cell, 30 steps of an image that stays" Ugrnn Intermediate 30 "never" None;
    UGRNN_INTERMEDIATE_T30_TMAXCONF "ugrnn_intermediate_t30_tmaxconf" "The same, read out at its most confident step" Ugrnn Intermediate 30 "never" Some(Confidence::Whole);
    UGRNN_INTERMEDIATE_T30_DTHRESH "ugrnn_intermediate_t30_dthresh" "The same, read out at its first confident step" Ugrnn Intermediate 30 "never" Some(Confidence::Capped);
}

fn build(spec: &Spec, cell: Cell, depth: Depth, reading: Reading) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let image_off = super::image_off(spec)?;
    let drawn = match depth {
        Depth::Shallow => shallow(&scale, image_off, cell),
        Depth::Intermediate => intermediate(&scale, image_off, cell, reading.decoder),
    };
    super::network(spec, &scale, (depth, reading), Parity::Unverified, drawn)
}

/// A cell of one node.
struct Node<'a> {
    name: &'a str,
    cell: Cell,
    channels: usize,
    kernel: usize,
    forget: f32,
    layer_norm: bool,
    peepholes: bool,
}

impl Node<'_> {
    /// What the cell gives, its state tapped.
    fn output<'s>(&self, x: Signal<'s>) -> Signal<'s> {
        let map = Shape { channels: self.channels, ..x.shape() };
        match self.cell {
            Cell::TimeDecay => {
                let (state, before) = self.state("state", x.shape(), x);
                state.define(before.gain(&format!("{}/", self.name), Gain::Common).plus(x))
            }
            Cell::SimpleRnn => {
                let (state, before) = self.state("state", map, x);
                let sum = self.conv(x, "ConvNormBasicCell/i/", 1).plus(self.conv(
                    before,
                    "ConvNormBasicCell/s/",
                    1,
                ));
                let sum = if self.layer_norm { self.norm(sum, "ConvNormBasicCell/layer_norm/") } else { sum };
                state.define(sum.curve(Curve::Elu))
            }
            Cell::Gru => {
                let (state, before) = self.state("state", map, x);
                let gates = self.conv(x.concat(&[before]), "ConvGRUCell/gates/", 2);
                let reset = self.part(gates, 0).line(1.0, self.forget).curve(Curve::Sigmoid);
                let update = self.part(gates, 1).curve(Curve::Sigmoid);
                let candidate = self.conv(x.concat(&[reset.multiply(before)]), "ConvGRUCell/candidates/", 1);
                state.define(blend(update, before, candidate.curve(Curve::Tanh)))
            }
            Cell::Lstm => self.lstm(x, map),
            Cell::Ugrnn => {
                let (state, before) = self.state("state", map, x);
                let both = self.conv(x.concat(&[before]), "ConvUGRNNCell/", 2);
                let gate = self.part(both, 0).line(1.0, self.forget).curve(Curve::Sigmoid);
                state.define(blend(gate, before, self.part(both, 1).curve(Curve::Tanh)))
            }
            Cell::Intersection => {
                let (state, before) = self.state("state", map, x);
                let all = self.conv(x.concat(&[before]), "ConvIntersectionRNNCell/", 4);
                let gate = |index| self.part(all, index).line(1.0, self.forget).curve(Curve::Sigmoid);
                state.define(blend(gate(0), before, self.part(all, 1).curve(Curve::Tanh)));
                blend(gate(2), x, self.part(all, 3).relu())
            }
        }
    }

    fn lstm<'s>(&self, x: Signal<'s>, map: Shape) -> Signal<'s> {
        let (cell, c) = self.state("cell", map, x);
        let (out, h) = self.state("out", map, x);
        let all = self.conv(x.concat(&[h]), "ConvLSTMCell/", 4);
        let part = |index: usize, name: &str| {
            let part = self.part(all, index);
            if self.layer_norm { self.norm(part, &format!("ConvLSTMCell/{name}/")) } else { part }
        };
        let [i, j, g, o] = [(0, "input"), (1, "transform"), (2, "forget"), (3, "output")]
            .map(|(index, name)| part(index, name));
        // The old state, also for the output gate.
        let peep = |gate: Signal<'s>, name: &str| {
            if !self.peepholes {
                return gate;
            }
            let name = format!("tnn_model/{}/ConvLSTMCell/peepholes/w_{name}_diag", self.name);
            gate.plus(x.sketch().parameter(&name, map, Role::Bias).multiply(c))
        };
        let kept = peep(g.line(1.0, self.forget), "f").curve(Curve::Sigmoid).multiply(c);
        let entering = peep(i, "i").curve(Curve::Sigmoid).multiply(j.curve(Curve::Tanh));
        let next = kept.plus(entering);
        let next = if self.layer_norm { self.norm(next, "ConvLSTMCell/state/") } else { next };
        cell.define(next);
        out.define(peep(o, "o").curve(Curve::Sigmoid).multiply(next.curve(Curve::Tanh)))
    }

    /// A state, and what it was a step ago.
    fn state<'s>(&self, part: &str, shape: Shape, x: Signal<'s>) -> (Area<'s>, Signal<'s>) {
        let tap = format!("{}.{part}", self.name);
        let area = x.sketch().declare(&tap, shape);
        let connection = x.sketch().connect_one_of(Kind::Lateral, &tap, self.name);
        (area, area.last().arrive(connection).or_zeros())
    }

    fn conv<'s>(&self, x: Signal<'s>, scope: &str, parts: usize) -> Signal<'s> {
        let conv = same(x, parts * self.channels, self.kernel, 1, Bias::PerChannel);
        x.convolve(&format!("{}/{scope}", self.name), conv)
    }

    fn norm<'s>(&self, x: Signal<'s>, scope: &str) -> Signal<'s> {
        x.group_norm(&format!("{}/{scope}", self.name), 1, 1e-12)
    }

    fn part<'s>(&self, x: Signal<'s>, index: usize) -> Signal<'s> {
        x.channels(index * self.channels, self.channels)
    }
}

/// `gate · a + (1 − gate) · b`
fn blend<'s>(gate: Signal<'s>, a: Signal<'s>, b: Signal<'s>) -> Signal<'s> {
    gate.multiply(a).plus(gate.line(-1.0, 1.0).multiply(b))
}

fn shallow(scale: &Scale, image_off: Option<usize>, cell: Cell) -> Result<Graph, NetworkError> {
    let sketch = sketch(scale);
    let mut below = frames(&sketch, image_off);
    let mut from = "image".to_owned();
    for (index, channels) in [64, 128, 256, 256, 512].into_iter().enumerate() {
        let node = format!("conv{}", index + 1);
        let x = below.edge(Kind::BottomUp, &from, &node).or_zeros();
        let (kernel, stride) = if index == 0 { (7, 2) } else { (3, 1) };
        let conv = same(x, scale.channels(channels), kernel, stride, Bias::PerChannel);
        let state = if index < 2 {
            stateless(x, &node, conv, Depth::Shallow)
        } else {
            // Depth, kernel and forget bias of the cells in conv3, conv4 and conv5.
            let (depth, kernel, forget) = match (cell, index) {
                (Cell::SimpleRnn, 2) => (128, 3, 1.0),
                (Cell::Lstm, 2) => (128, 2, 1.356_175_5),
                (Cell::Lstm, 3) => (256, 3, 0.977_962_9),
                (Cell::Lstm, _) => (256, 4, 0.924_928),
                (Cell::SimpleRnn, _) => (256, 3, 1.0),
                _ => (channels, 3, 1.0),
            };
            let node = Node {
                name: &node,
                cell,
                channels: scale.channels(depth),
                kernel,
                forget,
                layer_norm: matches!(cell, Cell::SimpleRnn | Cell::Lstm),
                peepholes: cell == Cell::Lstm && index == 3,
            };
            node.output(x.convolve(&format!("{}/pre_0/", node.name), conv))
        };
        let pooled = halved(state);
        let area = sketch.declare(&node, pooled.shape());
        area.define(pooled);
        (below, from) = (area.last(), node);
        if index == 4 {
            sketch.tap("conv5.mean", area.now().average_pool());
        }
    }
    super::decode_shallow(below.edge(Kind::BottomUp, &from, "readout").or_zeros(), scale.classes);
    sketch.finish()
}

fn intermediate(
    scale: &Scale,
    image_off: Option<usize>,
    cell: Cell,
    decoder: Option<Confidence>,
) -> Result<Graph, NetworkError> {
    /// Channels of the nodes, and whether a pool follows.
    const NODES: [(usize, bool); 10] = [
        (64, true),
        (64, false),
        (64, false),
        (128, true),
        (128, false),
        (256, true),
        (256, true),
        (512, false),
        (512, false),
        (512, true),
    ];
    let sketch = sketch(scale);
    let mut below = frames(&sketch, image_off);
    let mut from = "image".to_owned();
    for (index, (channels, pooled)) in NODES.into_iter().enumerate() {
        let node = format!("conv{}", index + 1);
        let channels = scale.channels(channels);
        let x = below.edge(Kind::BottomUp, &from, &node).or_zeros();
        let (kernel, stride) = if index == 0 { (7, 2) } else { (3, 1) };
        let conv = same(x, channels, kernel, stride, Bias::PerChannel);
        let out = if index == 0 {
            stateless(x, &node, conv, Depth::Intermediate)
        } else {
            let driven = x.convolve(&format!("{node}/pre_0/"), conv).curve(Curve::Elu);
            let remembered = if index < 3 {
                sketch.unused(&format!("{node}/"), &Op::Gain(Gain::Common), driven.shape());
                driven
            } else {
                let (name, layer_norm, peepholes) = (&node[..], false, false);
                Node { name, cell, channels, kernel: 3, forget: 1.0, layer_norm, peepholes }.output(driven)
            };
            let second = remembered.conv(&format!("{node}/post_0/"), channels, 3, Bias::PerChannel);
            let residual = if x.shape().channels == channels {
                x
            } else {
                x.conv(&format!("{node}/post_1/residual_add_"), channels, 1, Bias::Absent)
            };
            second.plus(residual).curve(Curve::Elu)
        };
        let out = if pooled { halved(out) } else { out };
        let area = sketch.declare(&node, out.shape());
        area.define(out);
        (below, from) = (area.last(), node);
        if index == 9 {
            sketch.tap("conv10.mean", area.now().average_pool());
        }
    }
    let top = below.edge(Kind::BottomUp, &from, "readout").or_zeros();
    super::decode_intermediate(top, scale.classes, decoder);
    sketch.finish()
}

#[cfg(test)]
mod tests {
    use redyn_engine::{Cpu, Engine};
    use redyn_network::{Plan, Request, Session, Weights};

    use super::*;

    const N: usize = 3;

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    /// The equations at the top for two steps on a map of one pixel, where kernels have one tap.
    fn twin(cell: Cell, weights: &Weights, x: &[f64]) -> Vec<f64> {
        let conv = |scope: &str, input: &[f64]| -> Vec<f64> {
            let [w, b] =
                ["weights", "bias"].map(|word| &weights.0[&format!("tnn_model/n/{scope}/{word}")].data);
            let row = |o: usize| -> f64 {
                let taps =
                    input.iter().enumerate().map(|(i, x)| f64::from(w[(o * input.len() + i) * 9 + 4]) * x);
                f64::from(b[o]) + taps.sum::<f64>()
            };
            (0..b.len()).map(row).collect()
        };
        let (mut s, mut c, mut out) = (vec![0.0; N], vec![0.0; N], Vec::new());
        for _ in 0..2 {
            let joined = [x, &s].concat();
            match cell {
                Cell::TimeDecay => {
                    let m = f64::from(weights.0["tnn_model/n/memory_decay"].data[0]);
                    s = (0..N).map(|k| m * s[k] + x[k]).collect();
                }
                Cell::SimpleRnn => {
                    let (i, r) = (conv("ConvNormBasicCell/i", x), conv("ConvNormBasicCell/s", &s));
                    let sum = (0..N).map(|k| i[k] + r[k]);
                    s = sum.map(|y| if y > 0.0 { y } else { y.exp() - 1.0 }).collect();
                }
                Cell::Gru => {
                    let g = conv("ConvGRUCell/gates", &joined);
                    let kept: Vec<f64> = (0..N).map(|k| sigmoid(g[k] + 1.0) * s[k]).collect();
                    let v = conv("ConvGRUCell/candidates", &[x, &kept].concat());
                    let z = |k: usize| sigmoid(g[N + k]);
                    s = (0..N).map(|k| z(k) * s[k] + (1.0 - z(k)) * v[k].tanh()).collect();
                }
                Cell::Lstm => {
                    let a = conv("ConvLSTMCell", &joined);
                    let next =
                        |k: usize| sigmoid(a[2 * N + k] + 1.0) * c[k] + sigmoid(a[k]) * a[N + k].tanh();
                    c = (0..N).map(next).collect();
                    s = (0..N).map(|k| sigmoid(a[3 * N + k]) * c[k].tanh()).collect();
                }
                Cell::Ugrnn | Cell::Intersection => {
                    let scope = if cell == Cell::Ugrnn { "ConvUGRNNCell" } else { "ConvIntersectionRNNCell" };
                    let a = conv(scope, &joined);
                    let g = |k: usize| sigmoid(a[k] + 1.0);
                    s = (0..N).map(|k| g(k) * s[k] + (1.0 - g(k)) * a[N + k].tanh()).collect();
                    if cell == Cell::Intersection {
                        let g = |k: usize| sigmoid(a[2 * N + k] + 1.0);
                        out = (0..N).map(|k| g(k) * x[k] + (1.0 - g(k)) * a[3 * N + k].max(0.0)).collect();
                    }
                }
            }
        }
        if cell == Cell::Intersection { out } else { s }
    }

    #[test]
    fn every_cell_does_what_its_equations_say() {
        let cells =
            [Cell::TimeDecay, Cell::SimpleRnn, Cell::Gru, Cell::Lstm, Cell::Ugrnn, Cell::Intersection];
        for (index, cell) in cells.into_iter().enumerate() {
            let dialect = redyn_network::Dialect {
                name: super::super::name,
                init: |_, _, _| redyn_network::Init::Uniform { bound: 0.9 },
                averaging: 0.01,
            };
            let sketch = redyn_network::Sketch::in_dialect(Shape::vector(N), dialect);
            let node = Node {
                name: "n",
                cell,
                channels: N,
                kernel: 3,
                forget: 1.0,
                layer_norm: false,
                peepholes: false,
            };
            sketch.tap("given", node.output(sketch.image()));
            let graph = sketch.finish().unwrap();
            let weights = Weights::initial(&graph, 7);
            let plan = Plan::new(&graph, &Request::taps(2, ["given"])).unwrap();
            let (cpu, x) = (Cpu::new(), [0.7_f32, -0.4, 1.1]);
            let expected = twin(cell, &weights, &x.map(f64::from));
            let mut found = [0.0; N];
            Session::new(&cpu, &graph, plan, &weights)
                .unwrap()
                .run(&x, |emission| cpu.read(emission.value, &mut found));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-6, "cell {index}: {found} {expected}");
            }
        }
    }
}
