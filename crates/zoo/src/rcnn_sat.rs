//! BL and B: seven layers with lateral connections, and their feed-forward control.
//!
//! `a(t, n) = ReLU(norm(n, t)(conv(below) + lateral(a(t − 1, n))))`: `below` is the image or the
//! pooled layer below at the same step, the lateral term is absent at the first step. Every layer
//! has a batch norm *of its own for every step*, so BL cannot run for more steps than it has
//! norms for. The average of the last layer is read out linearly at every step. B is the same
//! without laterals, a single step; B-K has larger kernels, B-F twice the channels and B-D every
//! layer twice, to match BL's number of parameters.
//!
//! Reference: Spoerer, Kietzmann, Mehrer, Charest & Kriegeskorte (2020), PLoS Comput Biol; code
//! `cjspoerer/rcnn-sat` @dc33c73, `rcnn_sat/`.
//!
//! As published, `cumulative` sums the logits of all steps so far (not their mean, and before the
//! softmax). B-K, B-F and B-D are not in the published code: their layers are named as B's.

use redyn_engine::{Bias, Conv, Op, Shape};
use redyn_network::{Dialect, Graph, Init, Kind, NetworkError, Role, Signal, Sketch};

use crate::published::{Evidence, Inference, Published};
use crate::settings::{Scale, setting, switch};
use crate::spec::{Setting, Spec};
use crate::{Card, Crop, Entry, Network, Parity, Preprocessing, ReadoutCard, Values, ZooError};

const CITATION: &str = "Spoerer, Kietzmann, Mehrer, Charest & Kriegeskorte (2020), Recurrent neural networks can explain flexible trading of speed and accuracy in biological vision, PLoS Comput Biol 16(10): e1008215";
const ORIGIN: &str = "cjspoerer/rcnn-sat @dc33c73";
const EPSILON: f32 = 1e-3;

/// With laterals.
pub(crate) const BL: Entry = Entry {
    name: "bl",
    summary: "BL: seven layers with lateral connections, a batch norm for every layer and step",
    family: "rcnn-sat",
    citation: CITATION,
    origin: ORIGIN,
    published: Published::tensorflow(infer),
    settings: bl_settings,
    build: build_bl,
};

/// The classes, and of BL the steps that have batch norms of their own.
fn infer(evidence: &Evidence) -> Inference {
    let mut told = evidence.classes(&["ReadoutDense/kernel"]);
    let norm = |step: usize| format!("BatchNorm_Layer_0_Time_{step}/gamma");
    let norms = (0..evidence.shapes.len()).take_while(|&step| evidence.has(&norm(step))).count();
    if norms > 0 {
        told.settings.push(("norms", norms.to_string()));
    }
    told
}

/// Feed-forward.
pub(crate) const B: Entry = Entry {
    name: "b",
    summary: "B: BL without its lateral connections",
    settings: || Scale::settings(128, 1000),
    build: |spec| build_b(spec, &Control { name: "B", ..Control::B }),
    ..BL
};

/// Larger kernels.
pub(crate) const B_K: Entry = Entry {
    name: "b_k",
    summary: "B-K: B with larger kernels, as many parameters as BL",
    build: |spec| build_b(spec, &Control { name: "B-K", kernels: [11, 7, 5, 5, 5, 5, 3], ..Control::B }),
    ..B
};

/// More channels.
pub(crate) const B_F: Entry = Entry {
    name: "b_f",
    summary: "B-F: B with twice the channels, more parameters than BL",
    build: |spec| build_b(spec, &Control { name: "B-F", features: 2, ..Control::B }),
    ..B
};

/// More layers.
pub(crate) const B_D: Entry = Entry {
    name: "b_d",
    summary: "B-D: B with every layer twice, as many parameters as BL",
    build: |spec| build_b(spec, &Control { name: "B-D", copies: 2, ..Control::B }),
    ..B
};

/// A feed-forward control, against B.
struct Control {
    name: &'static str,
    kernels: [usize; 7],
    /// Times the channels.
    features: usize,
    /// Layers for each of B's.
    copies: usize,
}

impl Control {
    const B: Self = Self { name: "B", kernels: KERNELS, features: 1, copies: 1 };
}

const KERNELS: [usize; 7] = [7, 5, 3, 3, 3, 3, 1];
const CHANNELS: [usize; 7] = [96, 128, 192, 256, 512, 1024, 2048];

fn bl_settings() -> Vec<Setting> {
    let mut settings = Scale::settings(128, 1000);
    settings.push(setting(
        "norms",
        "8",
        "a whole number above 0",
        "steps that have batch norms of their own",
    ));
    settings.push(setting("cumulative", "0", "0 or 1", "logits summed over steps"));
    settings
}

fn sketch(scale: &Scale) -> Sketch {
    let dialect = Dialect { name: keras_name, init: glorot, averaging: 0.01 };
    Sketch::in_dialect(Shape::map(scale.image_size, scale.image_size, 3), dialect)
}

fn keras_name(layer: &str, op: &Op, role: Role) -> String {
    let word = match (op, role) {
        (Op::BatchNorm { .. }, Role::Weight) => "gamma",
        (Op::BatchNorm { .. }, Role::Bias) => "beta",
        (_, Role::RunningMean) => "moving_mean",
        (_, Role::RunningVariance) => "moving_variance",
        (_, Role::Bias) => "bias",
        _ => "kernel",
    };
    format!("{layer}/{word}")
}

/// Xavier-uniform (Glorot's) weights, no biases.
fn glorot(op: &Op, input: Shape, role: Role) -> Init {
    match (op, role) {
        (Op::Conv(conv), Role::Weight) => {
            let taps = conv.kernel * conv.kernel;
            Init::xavier(input.channels * taps, conv.channels * taps)
        }
        (Op::Linear { channels, .. }, Role::Weight) => Init::xavier(input.channels, *channels),
        (Op::Linear { .. }, _) => Init::Zeros,
        _ => Init::of_pytorch(op, input, role),
    }
}

fn build_bl(spec: &Spec) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let norms = spec.get("norms", |text| text.parse().ok().filter(|&norms: &usize| norms > 0))?;
    let cumulative = spec.get("cumulative", switch)?;
    let graph = bl_graph(&scale, norms, cumulative)
        .map_err(|source| ZooError::Network { network: spec.to_string(), source })?;
    let card = card(spec, &scale, "BL", norms, Parity::Verified);
    Ok(Network { spec: spec.clone(), graph, card })
}

fn bl_graph(scale: &Scale, norms: usize, cumulative: bool) -> Result<Graph, NetworkError> {
    let sketch = sketch(scale);
    let mut side = scale.image_size;
    let (mut below, mut from) = (sketch.image(), "image".to_owned());
    for index in 0..7 {
        let (channels, kernel) = (scale.channels(CHANNELS[index]), KERNELS[index]);
        let name = format!("RCL_{index}");
        let area = sketch.declare(&name, Shape::map(side, side, channels));
        let drive = below.conv(&format!("{name}_BConv"), channels, kernel, Bias::Absent);
        // The published code computes what the image alone drives once.
        let drive = if index == 0 { drive.once() } else { drive };
        let lateral = area.last().conv(&format!("{name}_LConv"), channels, kernel, Bias::Absent);
        let lateral = lateral.edge(Kind::Lateral, &name, &name);
        let sum = drive.edge(Kind::BottomUp, &from, &name).plus(lateral);
        let norm = |step| sum.batch_norm(&format!("BatchNorm_Layer_{index}_Time_{step}"), EPSILON);
        let normed = sketch.step_by_step(&(0..norms).map(norm).collect::<Vec<_>>());
        area.define(normed.relu());
        (side, below, from) = (side / 2, area.now(), name);
        if index < 6 {
            below = below.max_pool();
        }
    }
    let pooled = sketch.tap("gap", below.average_pool().edge(Kind::BottomUp, &from, "gap"));
    let logits = pooled.linear("ReadoutDense", scale.classes, Bias::PerChannel);
    let logits = logits.edge(Kind::BottomUp, "gap", "readout");
    if cumulative {
        let readout = sketch.declare("readout", logits.shape());
        readout.define(logits.plus(readout.last()));
    } else {
        sketch.tap("readout", logits);
    }
    sketch.finish()
}

fn build_b(spec: &Spec, control: &Control) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let graph =
        b_graph(&scale, control).map_err(|source| ZooError::Network { network: spec.to_string(), source })?;
    let parity = if control.name == "B" { Parity::Verified } else { Parity::Unverified };
    let card = card(spec, &scale, control.name, 1, parity);
    Ok(Network { spec: spec.clone(), graph, card })
}

fn b_graph(scale: &Scale, control: &Control) -> Result<Graph, NetworkError> {
    let sketch = sketch(scale);
    let mut x = sketch.image();
    let mut from = "image".to_owned();
    for index in 0..7 * control.copies {
        let stage = index / control.copies;
        let name = format!("Layer_{index}");
        let channels = scale.channels(CHANNELS[stage] * control.features);
        if index > 0 && index.is_multiple_of(control.copies) {
            x = x.max_pool();
        }
        let conv = Conv::same(channels, control.kernels[stage], Bias::Absent);
        let drive = x.convolve(&format!("Conv_{name}"), conv).edge(Kind::BottomUp, &from, &name);
        x = sketch.tap(&name, drive.batch_norm(&format!("BatchNorm_{name}"), EPSILON).relu());
        from = name;
    }
    let pooled = sketch.tap("gap", x.average_pool().edge(Kind::BottomUp, &from, "gap"));
    let logits: Signal = pooled.linear("ReadoutDense", scale.classes, Bias::PerChannel);
    sketch.tap("readout", logits.edge(Kind::BottomUp, "gap", "readout"));
    sketch.finish()
}

fn card(spec: &Spec, scale: &Scale, short: &str, steps: usize, parity: Parity) -> Card {
    Card {
        network: spec.to_string(),
        short: short.into(),
        citation: CITATION.into(),
        origin: ORIGIN.into(),
        parity,
        steps,
        classes: scale.classes,
        image_size: scale.image_size,
        preprocessing: Preprocessing { crop: Crop::CentreSquare, values: Values::PlusMinusOne },
        readout: ReadoutCard {
            tap: "readout".into(),
            area: "gap".into(),
            delay: 0,
            weight: Some("ReadoutDense/kernel".into()),
            bias: Some("ReadoutDense/bias".into()),
        },
        hoisted: if steps > 1 { vec!["RCL_0.bottom_up".into()] } else { Vec::new() },
    }
}
