//! ConvRNNs with reciprocal gated cells: feed-forward areas whose maps have two gated states.
//!
//! Every node reads what its predecessors gave a step ago, zeros at the first, so that an image
//! takes a step to climb a node; until it arrives, nodes compute on zeros, biases and all. The
//! shallow network has two convolutions and three cells; the intermediate one three convolutions
//! and seven cells with five long feedback connections among them.
//!
//! With `u` what a node's convolution makes of its input `x`, states cell `c` and output `h`, all
//! on the right-hand sides from the step before:
//!
//! - shallow: `c′ = ELU((1 − σ(Wcc ∗ c)) c + (1 − σ(Wch ∗ h)) (Wcu ∗ u))`,
//!   `h′ = ELU((1 − σ(Whh ∗ h)) h + (1 − σ(Whc ∗ c + Wgx ∗ x)) u)`;
//! - intermediate: `c′ = ELU(τ (1 − σ(D(c))) c + γ (1 − tanh D(h)) i)`,
//!   `h′ = ELU(τ (1 − σ(D(h))) h + γ (1 − tanh D(c)) o)`, `i` and `o` convolutions of `u`, `o` with
//!   the input and the feedback added, and `D` 7 × 7 depthwise and 1 × 1 convolutions.
//!
//! Reference: Nayebi, Sagastuy-Brena, Bear et al. (2022), Recurrent connections in the primate
//! ventral visual stream mediate a trade-off between task performance and network size during core
//! object recognition, Neural Computation 34(8); code `neuroailab/convrnns` @b76a44d.
//!
//! As published: the shallow cells have no biases; `tau_bias` and `gate_bias` of the intermediate
//! network's configuration are not applied; a decoder begins a step after an image can have arrived,
//! and of equally confident steps takes the first; the blank after the image is 0.5 in normalised space,
//! which is no grey. `memory_decay` is 0, frozen and of no effect.
//!
//! With a decoder the readout of a step is what the network would answer if it ended there: the logits
//! of the most confident step so far (`_tmaxconf`), or of the first whose confidence, the largest
//! softmax, reaches a threshold (`_dthresh`; while none has, the most confident). The logits of the
//! step itself are the tap `imnetds`.
//!
//! DIFFERENCE: a batch of one image works. Steps count from the first, which no image has reached. The
//! sharpness of a decoder, which no gradient reaches there either, starts at 1 and not at random.

pub(crate) mod cells;

use redyn_engine::{Bias, Confidence, Conv, Curve, Gain, Op, Padding, Shape, Windows};
use redyn_network::{Area, Dialect, Graph, Init, Kind, NetworkError, Role, Signal, Sketch};

use crate::published::Published;
use crate::settings::{Scale, imagenet, setting};
use crate::spec::{Setting, Spec};
use crate::{Card, Entry, Network, Parity, ReadoutCard, ZooError};

const CITATION: &str = "Nayebi, Sagastuy-Brena, Bear et al. (2022), Recurrent connections in the primate ventral visual stream mediate a trade-off between task performance and network size during core object recognition, Neural Computation 34(8)";
const ORIGIN: &str = "neuroailab/convrnns @b76a44d";

/// Factors of the intermediate cells' old states and of what enters them.
const TAU: f32 = 0.921_934_8;
const GAMMA: f32 = 0.700_656_7;

/// Five layers.
pub(crate) const RGC_SHALLOW: Entry = Entry {
    name: "rgc_shallow",
    summary: "ConvRNN of 5 layers with reciprocal gated cells",
    family: "ConvRNN",
    citation: CITATION,
    origin: ORIGIN,
    published: Published::tensorflow(|evidence| {
        evidence.classes(&["tnn_model/imnetds/pre_1/weights", "tnn_model/imnetds/pre_3/weights"])
    }),
    settings: || settings("12"),
    build: |spec| build(spec, Depth::Shallow, Reading::steps(16)),
};

/// Ten layers.
pub(crate) const RGC_INTERMEDIATE: Entry = Entry {
    name: "rgc_intermediate",
    summary: "ConvRNN of 10 layers with reciprocal gated cells and long feedback",
    build: |spec| build(spec, Depth::Intermediate, Reading::steps(17)),
    ..RGC_SHALLOW
};

/// Ten layers, trained on images that stay.
pub(crate) const RGC_INTERMEDIATE_T22: Entry = Entry {
    name: "rgc_intermediate_t22",
    summary: "rgc_intermediate for 22 steps, the image there at all of them",
    settings: || settings("never"),
    build: |spec| build(spec, Depth::Intermediate, Reading::steps(22)),
    ..RGC_SHALLOW
};

/// Ten layers, read where they are most confident.
pub(crate) const RGC_INTERMEDIATE_TMAXCONF: Entry = Entry {
    name: "rgc_intermediate_tmaxconf",
    summary: "rgc_intermediate, read out at its most confident step",
    build: |spec| build(spec, Depth::Intermediate, Reading::steps(17).by(Confidence::Whole)),
    ..RGC_SHALLOW
};

/// The same on images that stay.
pub(crate) const RGC_INTERMEDIATE_T22_TMAXCONF: Entry = Entry {
    name: "rgc_intermediate_t22_tmaxconf",
    summary: "rgc_intermediate_t22, read out at its most confident step",
    build: |spec| build(spec, Depth::Intermediate, Reading::steps(22).by(Confidence::Whole)),
    ..RGC_INTERMEDIATE_T22
};

/// Ten layers, read as soon as they are confident.
pub(crate) const RGC_INTERMEDIATE_DTHRESH: Entry = Entry {
    name: "rgc_intermediate_dthresh",
    summary: "rgc_intermediate, read out at its first confident step",
    build: |spec| build(spec, Depth::Intermediate, Reading::steps(17).by(Confidence::Capped)),
    ..RGC_SHALLOW
};

fn settings(image_off: &str) -> Vec<Setting> {
    let mut settings = Scale::settings(224, 1000);
    let allowed = "a step above 0, or never";
    settings.push(setting("image_off", image_off, allowed, "step at which the image gives way to a blank"));
    settings
}

/// The step at which the image gives way to the blank, if it does.
fn image_off(spec: &Spec) -> Result<Option<usize>, ZooError> {
    spec.get("image_off", |text| match text {
        "never" => Some(None),
        _ => text.parse().ok().filter(|&step: &usize| step > 0).map(Some),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Shallow,
    Intermediate,
}

/// How long a network runs, and what of its logits is read.
#[derive(Clone, Copy)]
struct Reading {
    steps: usize,
    /// By which confidence a step is chosen; none: every step is read as it is.
    decoder: Option<Confidence>,
}

impl Reading {
    const fn steps(steps: usize) -> Self {
        Self { steps, decoder: None }
    }

    const fn by(self, confidence: Confidence) -> Self {
        Self { decoder: Some(confidence), ..self }
    }
}

fn build(spec: &Spec, depth: Depth, reading: Reading) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let image_off = image_off(spec)?;
    let drawn = match depth {
        Depth::Shallow => shallow(&scale, image_off),
        Depth::Intermediate => intermediate(&scale, image_off, reading.decoder),
    };
    let parity = if reading.decoder.is_none() { Parity::Verified } else { Parity::Unverified };
    network(spec, &scale, (depth, reading), parity, drawn)
}

/// A drawn network with its card.
fn network(
    spec: &Spec,
    scale: &Scale,
    (depth, reading): (Depth, Reading),
    parity: Parity,
    drawn: Result<Graph, NetworkError>,
) -> Result<Network, ZooError> {
    let graph = drawn.map_err(|source| ZooError::Network { network: spec.to_string(), source })?;
    let (last, readout) = match depth {
        // A convolution and the mean of what it gives: no matrix.
        Depth::Shallow => ("conv5", None),
        // With a decoder the logits may be those of an earlier step.
        Depth::Intermediate => ("conv10", reading.decoder.is_none().then_some("tnn_model/imnetds/pre_3/")),
    };
    let card = Card {
        network: spec.to_string(),
        short: spec.name.clone(),
        citation: CITATION.into(),
        origin: ORIGIN.into(),
        parity,
        steps: reading.steps,
        classes: scale.classes,
        image_size: scale.image_size,
        preprocessing: imagenet(scale.image_size),
        readout: ReadoutCard {
            tap: "readout".into(),
            area: format!("{last}.mean"),
            delay: 1,
            weight: readout.map(|scope| format!("{scope}weights")),
            bias: readout.map(|scope| format!("{scope}bias")),
        },
        hoisted: Vec::new(),
    };
    Ok(Network { spec: spec.clone(), graph, card })
}

/// Variables of TensorFlow: the scope with its separator, then the word; the bias of a
/// separable convolution stands beside its two kernels.
fn name(scope: &str, op: &Op, role: Role) -> String {
    match role {
        Role::Weight if matches!(op, Op::GroupNorm { .. }) => format!("tnn_model/{scope}gamma"),
        Role::Bias if matches!(op, Op::GroupNorm { .. }) => format!("tnn_model/{scope}beta"),
        Role::Gain => format!("tnn_model/{scope}memory_decay"),
        Role::Sharpness => format!("tnn_model/{scope}softmax_beta"),
        Role::Threshold => "tnn_model/decoder_threshold".to_owned(),
        Role::Bias => format!("tnn_model/{}bias", scope.trim_end_matches("pointwise_")),
        _ if scope.ends_with("pre_0/") => format!("tnn_model/{scope}weights_basenet"),
        _ => format!("tnn_model/{scope}weights"),
    }
}

/// Xavier-uniform kernels, no biases, no memory; decoders as they are where they are not trained.
fn initial(op: &Op, input: Shape, role: Role) -> Init {
    match (op, role) {
        (Op::Conv(conv), Role::Weight) => {
            let taps = conv.kernel * conv.kernel;
            Init::xavier(input.channels / conv.groups * taps, conv.channels / conv.groups * taps)
        }
        (Op::Linear { channels, .. }, Role::Weight) => Init::xavier(input.channels, *channels),
        (Op::GroupNorm { .. }, Role::Weight) | (_, Role::Sharpness) => Init::Ones,
        (_, Role::Threshold) => Init::Constant { value: 0.9 },
        _ => Init::Zeros,
    }
}

/// The image until it gives way to the blank, 0.5 everywhere.
fn frames(sketch: &Sketch, image_off: Option<usize>) -> Signal<'_> {
    let image = sketch.image();
    let blank = sketch.zeros(image.shape()).line(1.0, 0.5);
    image_off.map_or(image, |step| image.until(step, blank))
}

/// A convolution padded as TensorFlow's `SAME`.
fn same(x: Signal<'_>, channels: usize, kernel: usize, stride: usize, bias: Bias) -> Conv {
    Conv {
        channels,
        kernel,
        stride,
        padding: Padding::same(x.shape().height, kernel, stride),
        groups: 1,
        bias,
    }
}

fn halved(x: Signal<'_>) -> Signal<'_> {
    x.max_of(Windows { size: 2, stride: 2, padding: Padding::same(x.shape().height, 2, 2) })
}

/// `1 − f(x)`, times a factor.
fn closing(x: Signal<'_>, curve: Curve, factor: f32) -> Signal<'_> {
    x.curve(curve).line(-factor, factor)
}

/// `ELU(conv(x) + b)`.
fn drive<'s>(x: Signal<'s>, node: &str, conv: Conv) -> Signal<'s> {
    x.convolve(&format!("{node}/pre_0/"), conv).curve(Curve::Elu)
}

/// A node without a cell. Its state is what the convolution gives; in the shallow network the
/// ELU comes before it is stored, in the intermediate one after.
fn stateless<'s>(x: Signal<'s>, node: &str, conv: Conv, depth: Depth) -> Signal<'s> {
    let sketch = x.sketch();
    let raw = x.convolve(&format!("{node}/pre_0/"), conv);
    let out = raw.curve(Curve::Elu);
    sketch.tap(&format!("{node}.state"), if depth == Depth::Shallow { out } else { raw });
    sketch.unused(&format!("{node}/"), &Op::Gain(Gain::Common), out.shape());
    out
}

fn sketch(scale: &Scale) -> Sketch {
    let dialect = Dialect { name, init: initial, averaging: 0.01 };
    Sketch::in_dialect(Shape::map(scale.image_size, scale.image_size, 3), dialect)
}

/// The two states of a cell.
struct States<'s> {
    cell: Area<'s>,
    out: Area<'s>,
}

impl<'s> States<'s> {
    fn new(sketch: &'s Sketch, node: &str, map: Shape, cell_channels: usize) -> Self {
        let cell = sketch.declare(&format!("{node}.cell"), Shape { channels: cell_channels, ..map });
        Self { cell, out: sketch.declare(&format!("{node}.out"), map) }
    }

    /// Both as they were a step ago, zeros at the first. What a node says to itself passes its
    /// lateral connection.
    fn before(&self, node: &str) -> [Signal<'s>; 2] {
        let sketch = self.cell.now().sketch();
        let lateral = |state: Area<'s>, part: &str| {
            state
                .last()
                .arrive(sketch.connect_one_of(Kind::Lateral, &format!("{node}.{part}"), node))
                .or_zeros()
        };
        [lateral(self.cell, "cell"), lateral(self.out, "out")]
    }

    /// Define both, and give the output.
    fn settle(&self, node: &str, cell: Signal<'s>, out: Signal<'s>) -> Signal<'s> {
        let (cell, out) = (self.cell.define(cell.curve(Curve::Elu)), self.out.define(out.curve(Curve::Elu)));
        out.sketch().tap(&format!("{node}.state"), cell.concat(&[out]));
        out
    }
}

fn shallow(scale: &Scale, image_off: Option<usize>) -> Result<Graph, NetworkError> {
    let sketch = sketch(scale);
    let mut below = frames(&sketch, image_off);
    let mut from = "image".to_owned();
    for (index, channels) in [64, 128, 256, 256, 512].into_iter().enumerate() {
        let node = format!("conv{}", index + 1);
        let channels = scale.channels(channels);
        let x = below.edge(Kind::BottomUp, &from, &node).or_zeros();
        let (kernel, stride) = if index == 0 { (7, 2) } else { (3, 1) };
        let conv = same(x, channels, kernel, stride, Bias::PerChannel);
        let state =
            if index < 2 { stateless(x, &node, conv, Depth::Shallow) } else { shallow_cell(x, &node, conv) };
        let pooled = halved(state);
        let area = sketch.declare(&node, pooled.shape());
        area.define(pooled);
        (below, from) = (area.last(), node);
        if index == 4 {
            sketch.tap("conv5.mean", area.now().average_pool());
        }
    }
    decode_shallow(below.edge(Kind::BottomUp, &from, "readout").or_zeros(), scale.classes);
    sketch.finish()
}

/// The mean of what a 2 × 2 convolution of the last map gives.
fn decode_shallow(x: Signal<'_>, classes: usize) {
    let conv = Conv {
        channels: classes,
        kernel: 2,
        stride: 1,
        padding: Padding::NONE,
        groups: 1,
        bias: Bias::PerChannel,
    };
    decode(x.convolve("imnetds/pre_1/", conv).average_pool(), None);
}

/// The linear readout of the last map's mean.
fn decode_intermediate(x: Signal<'_>, classes: usize, decoder: Option<Confidence>) {
    decode(x.average_pool().linear("imnetds/pre_3/", classes, Bias::PerChannel), decoder);
}

/// The first of a decoder's steps in the intermediate networks: as published, the one at which an
/// image first arrives is left out.
const DECODED_FROM: usize = 11;

/// The logits of every step, or with a decoder those of the most confident step so far.
fn decode(logits: Signal<'_>, decoder: Option<Confidence>) {
    let (sketch, shape) = (logits.sketch(), logits.shape());
    sketch.unused("imnetds/", &Op::Gain(Gain::Common), shape);
    let Some(confidence) = decoder else {
        sketch.tap("readout", logits);
        return;
    };
    // Of a summary that the published code computes and does not use.
    for scope in ["probs/", "alpha/"] {
        sketch.unused(scope, &Op::MoreConfident(Confidence::Whole), shape);
    }
    sketch.tap("imnetds", logits);
    let readout = sketch.declare("readout", shape);
    let now = logits.from_step(DECODED_FROM);
    readout.define(readout.last().or_more_confident(now, "normalize/", confidence).or(now));
}

fn shallow_cell<'s>(x: Signal<'s>, node: &str, conv: Conv) -> Signal<'s> {
    let sketch = x.sketch();
    let u = drive(x, node, conv);
    let states = States::new(sketch, node, u.shape(), conv.channels);
    let [c, h] = states.before(node);
    let by = |x: Signal<'s>, scope: &str| {
        x.conv(&format!("{node}/ReciprocalGateCell/{scope}/"), conv.channels, 3, Bias::Absent)
    };
    let closed = |x: Signal<'s>| closing(x, Curve::Sigmoid, 1.0);
    let entering = by(u, "cell/input_to_cell");
    let cell = closed(by(c, "cell/tau")).multiply(c).plus(closed(by(h, "cell/gate")).multiply(entering));
    let kept = closed(by(h, "out/tau")).multiply(h);
    let gate = by(c, "out/gate").plus(by(x, "out/residual_to_out_gate"));
    states.settle(node, cell, kept.plus(closed(gate).multiply(u)))
}

/// Channels, whether a pool follows, and the nodes that feed back, of the intermediate network.
const INTERMEDIATE: [(usize, bool, &[usize]); 10] = [
    (64, true, &[]),
    (128, false, &[]),
    (128, false, &[]),
    (128, true, &[]),
    (128, false, &[8]),
    (256, true, &[7, 9]),
    (256, true, &[10]),
    (256, false, &[]),
    (512, false, &[10]),
    (512, true, &[]),
];

fn intermediate(
    scale: &Scale,
    image_off: Option<usize>,
    decoder: Option<Confidence>,
) -> Result<Graph, NetworkError> {
    let sketch = sketch(scale);
    let mut side = scale.image_size.div_ceil(2);
    let mut areas = Vec::new();
    for (index, (channels, pooled, _)) in INTERMEDIATE.into_iter().enumerate() {
        side = if pooled { side.div_ceil(2) } else { side };
        let shape = Shape::map(side, side, scale.channels(channels));
        areas.push(sketch.declare(&format!("conv{}", index + 1), shape));
    }
    let mut below = frames(&sketch, image_off);
    let mut from = "image".to_owned();
    for (index, (channels, pooled, feedback)) in INTERMEDIATE.into_iter().enumerate() {
        let node = format!("conv{}", index + 1);
        let x = below.edge(Kind::BottomUp, &from, &node).or_zeros();
        let (kernel, stride) = if index == 0 { (7, 2) } else { (3, 1) };
        let conv = same(x, scale.channels(channels), kernel, stride, Bias::PerChannel);
        let state = if index < 3 {
            stateless(x, &node, conv, Depth::Intermediate)
        } else {
            let sources: Vec<(String, Area)> =
                feedback.iter().map(|&source| (format!("conv{source}"), areas[source - 1])).collect();
            intermediate_cell(x, &node, conv, (&sources, scale.channels(64)))
        };
        areas[index].define(if pooled { halved(state) } else { state });
        (below, from) = (areas[index].last(), node);
    }
    sketch.tap("conv10.mean", areas[9].now().average_pool());
    decode_intermediate(below.edge(Kind::BottomUp, &from, "readout").or_zeros(), scale.classes, decoder);
    sketch.finish()
}

fn intermediate_cell<'s>(
    x: Signal<'s>,
    node: &str,
    conv: Conv,
    (sources, cell_channels): (&[(String, Area<'s>)], usize),
) -> Signal<'s> {
    let sketch = x.sketch();
    let map = x.shape();
    let scope = |part: &str| format!("{node}/ReciprocalGateCell/{part}");
    let u = drive(x, node, conv);
    let states = States::new(sketch, node, u.shape(), cell_channels);
    let [c, h] = states.before(node);
    let separable = |x: Signal<'s>, part: &str, channels: usize| {
        let depthwise =
            Conv { groups: x.shape().channels, ..Conv::same(x.shape().channels, 7, Bias::Absent) };
        let x = x.convolve(&scope(&format!("{part}/depthwise_")), depthwise);
        x.conv(&scope(&format!("{part}/pointwise_")), channels, 1, Bias::PerChannel)
    };
    let entering = u.convolve(&scope("cell/input_to_cell_"), same(u, cell_channels, 2, 1, Bias::PerChannel));
    let kept = closing(separable(c, "cell/tau", cell_channels), Curve::Sigmoid, TAU).multiply(c);
    let gate = closing(separable(h, "cell/out_to_cell", cell_channels), Curve::Tanh, GAMMA);
    let cell = kept.plus(gate.multiply(entering));

    let mut driven = u.conv(&scope("out/input_to_out_"), conv.channels, 3, Bias::PerChannel);
    let residual = if map.channels == conv.channels {
        x
    } else {
        x.conv(&scope("out/residual_add_"), conv.channels, 1, Bias::Absent)
    };
    driven = driven.plus(residual);
    let fed_back: Vec<Signal> = sources
        .iter()
        .map(|(from, area)| {
            let sent = area.last().resize(map.height, map.width);
            sent.arrive(sketch.connect_one_of(Kind::TopDown, from, node)).or_zeros()
        })
        .collect();
    if let Some((first, others)) = fed_back.split_first() {
        let all = if others.is_empty() { *first } else { first.concat(others) };
        driven = driven.plus(all.conv(&scope("out/feedback_to_out_"), conv.channels, 1, Bias::PerChannel));
    }
    let kept = closing(separable(h, "out/tau", conv.channels), Curve::Sigmoid, TAU).multiply(h);
    let gate = closing(separable(c, "out/gate", conv.channels), Curve::Tanh, GAMMA);
    states.settle(node, cell, kept.plus(gate.multiply(driven)))
}
