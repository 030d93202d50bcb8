//! CORnets: four areas V1, V2, V4 and IT, named after the ventral stream.
//!
//! CORnet-RT and -R share one block: `d = ReLU(norm(conv(input)))`,
//! `s(t) = ReLU(norm(conv(d + s(t − 1))))` with group norms of 32 groups; before an area has an
//! input, `d` is zero as such, not a norm of zeros. In RT ("biological time") every area reads
//! what the one below was a step ago, so that a signal climbs one area per step; in R it reads
//! what the one below is, but for the first step. CORnet-Z is one convolution and a pool per
//! area; CORnet-S runs bottlenecks several times over in every area, each time with batch norms
//! of its own, all within one step here.
//!
//! References: Kubilius et al. (2018), bioRxiv 408385; Kubilius, Schrimpf et al. (2019), NeurIPS;
//! code `dicarlolab/CORnet` @d0cc17d, `cornet/`.
//!
//! DIFFERENCE: the logits of RT and R are there at every step (the reference reads IT of the
//! last one). Narrower networks than the published have as many groups as 32 and their channels
//! have in common.

use redyn_engine::{Bias, Conv, Op, Padding, Shape, Windows};
use redyn_network::{Graph, Init, Kind, NetworkError, Role, Signal, Sketch};

use crate::published::Published;
use crate::settings::{Scale, imagenet};
use crate::spec::Spec;
use crate::{Card, Entry, Network, Parity, ReadoutCard, ZooError};

const CITATION: &str = "Kubilius et al. (2018), CORnet: modeling the neural mechanisms of core object recognition, bioRxiv 408385";
const ORIGIN: &str = "dicarlolab/CORnet @d0cc17d";
const AREAS: [&str; 4] = ["V1", "V2", "V4", "IT"];
const CHANNELS: [usize; 4] = [64, 128, 256, 512];

/// Biological time.
pub(crate) const CORNET_RT: Entry = Entry {
    name: "cornet_rt",
    summary: "CORnet-RT: recurrent areas, a signal climbs one of them per step",
    family: "CORnet",
    citation: CITATION,
    origin: ORIGIN,
    published: Published::pytorch(|evidence| evidence.classes(&["decoder.linear.weight"])),
    settings: || Scale::settings(224, 1000),
    build: |spec| build(spec, Variant::Rt),
};

/// Engineering time.
pub(crate) const CORNET_R: Entry = Entry {
    name: "cornet_r",
    summary: "CORnet-R: as CORnet-RT, but a signal climbs all areas within a step",
    build: |spec| build(spec, Variant::R),
    ..CORNET_RT
};

/// No recurrence.
pub(crate) const CORNET_Z: Entry = Entry {
    name: "cornet_z",
    summary: "CORnet-Z: the feed-forward member of its family",
    build: |spec| build(spec, Variant::Z),
    ..CORNET_RT
};

/// Recurrence within areas.
pub(crate) const CORNET_S: Entry = Entry {
    name: "cornet_s",
    summary: "CORnet-S: areas that run several times over before the next one begins",
    citation: "Kubilius, Schrimpf et al. (2019), Brain-like object recognition with high-performing shallow recurrent ANNs, NeurIPS",
    build: |spec| build(spec, Variant::S),
    ..CORNET_RT
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Rt,
    R,
    Z,
    S,
}

fn build(spec: &Spec, variant: Variant) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let graph = match variant {
        Variant::Rt | Variant::R => recurrent(&scale, variant),
        Variant::Z => feed_forward(&scale),
        Variant::S => looped(&scale),
    };
    let graph = graph.map_err(|source| ZooError::Network { network: spec.to_string(), source })?;
    let (short, steps) = match variant {
        Variant::Rt => ("CORnet-RT", 5),
        Variant::R => ("CORnet-R", 5),
        Variant::Z => ("CORnet-Z", 1),
        Variant::S => ("CORnet-S", 1),
    };
    let card = Card {
        network: spec.to_string(),
        short: short.into(),
        citation: if variant == Variant::S { CORNET_S.citation } else { CITATION }.into(),
        origin: ORIGIN.into(),
        parity: Parity::Verified,
        steps,
        classes: scale.classes,
        image_size: scale.image_size,
        preprocessing: imagenet(scale.image_size),
        readout: ReadoutCard {
            tap: "readout".into(),
            area: "decoder.avgpool".into(),
            delay: 0,
            weight: Some("decoder.linear.weight".into()),
            bias: Some("decoder.linear.bias".into()),
        },
        hoisted: Vec::new(),
    };
    Ok(Network { spec: spec.clone(), graph, card })
}

/// The average of IT and its linear readout.
fn decode(it: Signal, classes: usize) {
    let sketch = it.sketch();
    let pooled =
        sketch.tap("decoder.avgpool", it.average_pool().edge(Kind::BottomUp, "IT", "decoder.avgpool"));
    let logits = pooled.linear("decoder.linear", classes, Bias::PerChannel);
    sketch.tap("readout", logits.edge(Kind::BottomUp, "decoder.avgpool", "readout"));
}

/// RT and R.
fn recurrent(scale: &Scale, variant: Variant) -> Result<Graph, NetworkError> {
    let sketch = Sketch::new(Shape::map(scale.image_size, scale.image_size, 3), Init::of_pytorch);
    let mut side = scale.image_size;
    let mut input = None;
    let mut below = "image";
    for (index, name) in AREAS.into_iter().enumerate() {
        let channels = scale.channels(CHANNELS[index]);
        let (kernel, stride) = if index == 0 { (7, 4) } else { (3, 2) };
        let padding = Padding::even(kernel / 2);
        side = (side + 2 * padding.before - kernel) / stride + 1;
        let area = sketch.declare(name, Shape::map(side, side, channels));
        let groups = common_divisor(32, channels);
        let part = |part: &str| format!("{name}.{part}");
        let conv = Conv { channels, kernel, stride, padding, groups: 1, bias: Bias::PerChannel };
        let drive = input.unwrap_or(sketch.image()).convolve(&part("conv_input"), conv);
        sketch.tap(&part("conv_input"), drive);
        let drive = sketch.tap(&part("norm_input"), drive.group_norm(&part("norm_input"), groups, 1e-5));
        let drive = drive.relu().edge(Kind::BottomUp, below, name);
        let before = area.last().edge(Kind::Lateral, name, name);
        let state = drive.or_zeros().plus(before).conv(&part("conv1"), channels, 3, Bias::Absent);
        sketch.tap(&part("conv1"), state);
        let state = sketch.tap(&part("norm1"), state.group_norm(&part("norm1"), groups, 1e-5));
        area.define(state.relu());
        // At the first step only V1 has an input, whichever the time.
        input = Some(if variant == Variant::Rt { area.last() } else { area.now().from_step(1) });
        below = name;
        if index == 3 {
            decode(area.now(), scale.classes);
        }
    }
    sketch.finish()
}

fn feed_forward(scale: &Scale) -> Result<Graph, NetworkError> {
    let sketch = Sketch::new(Shape::map(scale.image_size, scale.image_size, 3), xavier);
    let mut x = sketch.image();
    let mut below = "image";
    for (index, name) in AREAS.into_iter().enumerate() {
        let (kernel, stride) = if index == 0 { (7, 2) } else { (3, 1) };
        let channels = scale.channels(CHANNELS[index]);
        let padding = Padding::even(kernel / 2);
        let conv = Conv { channels, kernel, stride, padding, groups: 1, bias: Bias::PerChannel };
        let drive = x.edge(Kind::BottomUp, below, name).convolve(&format!("{name}.conv"), conv);
        sketch.tap(&format!("{name}.conv"), drive);
        x = sketch.tap(name, drive.relu().max_of(POOL));
        below = name;
    }
    decode(x, scale.classes);
    sketch.finish()
}

const POOL: Windows = Windows { size: 3, stride: 2, padding: Padding::even(1) };

fn looped(scale: &Scale) -> Result<Graph, NetworkError> {
    let sketch = Sketch::new(Shape::map(scale.image_size, scale.image_size, 3), normal_by_output);
    let size = |kernel: usize, stride: usize, channels: usize| Conv {
        channels,
        kernel,
        stride,
        padding: Padding::even(kernel / 2),
        groups: 1,
        bias: Bias::Absent,
    };
    let channels = scale.channels(CHANNELS[0]);
    let image = sketch.image().edge(Kind::BottomUp, "image", "V1");
    let x = image.convolve("V1.conv1", size(7, 2, channels)).batch_norm("V1.norm1", 1e-5).relu();
    let x = x.max_of(POOL).convolve("V1.conv2", size(3, 1, channels)).batch_norm("V1.norm2", 1e-5);
    let mut x = sketch.tap("V1", x.relu());
    for (index, loops) in [(1, 2), (2, 4), (3, 2)] {
        let (name, channels) = (AREAS[index], scale.channels(CHANNELS[index]));
        let part = |part: &str| format!("{name}.{part}");
        x = x.edge(Kind::BottomUp, AREAS[index - 1], name);
        x = x.convolve(&part("conv_input"), size(1, 1, channels));
        for turn in 0..loops {
            let norm = |layer: usize| part(&format!("norm{layer}_{turn}"));
            let (stride, skip) = if turn == 0 {
                (2, x.convolve(&part("skip"), size(1, 2, channels)).batch_norm(&part("norm_skip"), 1e-5))
            } else {
                (1, x)
            };
            let wide = x.convolve(&part("conv1"), size(1, 1, 4 * channels)).batch_norm(&norm(1), 1e-5).relu();
            let wide = wide
                .convolve(&part("conv2"), size(3, stride, 4 * channels))
                .batch_norm(&norm(2), 1e-5)
                .relu();
            let narrow = wide.convolve(&part("conv3"), size(1, 1, channels)).batch_norm(&norm(3), 1e-5);
            x = sketch.tap(&part(&turn.to_string()), narrow.plus(skip).relu());
        }
        x = sketch.tap(name, x);
    }
    decode(x, scale.classes);
    sketch.finish()
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Xavier-uniform weights, no biases.
fn xavier(op: &Op, input: Shape, role: Role) -> Init {
    let (channels, taps) = match op {
        Op::Conv(conv) => (conv.channels, conv.kernel * conv.kernel),
        Op::Linear { channels, .. } => (*channels, 1),
        _ => return Init::of_pytorch(op, input, role),
    };
    if role == Role::Weight { Init::xavier(input.channels * taps, channels * taps) } else { Init::Zeros }
}

/// Normal convolutions by what a channel sends; PyTorch's default for the rest.
fn normal_by_output(op: &Op, input: Shape, role: Role) -> Init {
    match op {
        Op::Conv(conv) => Init::he(conv.kernel * conv.kernel * conv.channels),
        _ => Init::of_pytorch(op, input, role),
    }
}
