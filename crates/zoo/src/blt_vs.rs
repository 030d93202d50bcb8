//! BLT-VS: the areas of the ventral stream, each with a stream up and a stream down.
//!
//! With `B` what the area below and a skip connection drive, `T` the same from above, `lb` and `lt`
//! what the streams were a step ago: `up = N(ReLU(B + lb) · 2σ(T))`, `down = N(ReLU(T + lt) · 2σ(B))`,
//! `N` a group norm of one group. What is absent is left out of sums, and no factor; a stream that
//! nothing drives is a norm of zeros as soon as the other is there. Laterals are depthwise and 1 × 1
//! convolutions. A convolution of the top area is read out by its mean, and begins the way down.
//!
//! `unroll` is one of two. `sweeps`: in a step the stream up is computed from bottom to top, then the
//! stream down from top to bottom. `biological`: every area reads what its neighbours were a step ago,
//! so that the image climbs an area a step (and, by the skip from V1, reaches V4 before V3); the
//! readout is there once the image has reached the top.
//!
//! Reference: Thorat & Kietzmann (2024); code `KietzmannLab/BLT-VS` @032a4d9, `blt_vs_model/blt_vs.py`.
//!
//! As published: with `sweeps` the skip from V4 to V1 is never used, and the way down sees the areas
//! below without their skip. Images of 128 pixels (here: or fewer) have smaller kernels; sides are
//! multiples of 32, so that the way down meets the maps of the way up.
//!
//! DIFFERENCE: the retina's stream down, which nothing reads, is not computed.

use redyn_engine::{Bias, Constant, Conv, ConvTranspose, Curve, Interaction, Op, Rescaling, Shape};
use redyn_network::{Area, Connection, Graph, Init, Kind, NetworkError, Signal, Sketch};

use crate::published::{Evidence, Inference, Published, Undecided};
use crate::settings::{Scale, setting};
use crate::spec::{Setting, Spec};
use crate::{Card, Crop, Entry, Network, Parity, Preprocessing, ReadoutCard, Values, ZooError};

const CITATION: &str = "Thorat & Kietzmann (2024), BLT-VS: a recurrent, columnar, model of the ventral stream, github.com/KietzmannLab/BLT-VS";
const ORIGIN: &str = "KietzmannLab/BLT-VS @032a4d9";

/// Both ways of unrolling it.
pub(crate) const BLT_VS: Entry = Entry {
    name: "blt_vs",
    summary: "BLT-VS: the ventral stream from retina to LOC, streams up and down",
    family: "BLT",
    citation: CITATION,
    origin: ORIGIN,
    published: Published::pytorch(infer),
    settings,
    build,
};

const AREAS: [&str; 8] = ["Retina", "LGN", "V1", "V2", "V3", "V4", "LOC", "Readout"];
const CHANNELS: [usize; 7] = [32, 32, 576, 480, 352, 256, 352];
const STRIDES: [usize; 8] = [2, 2, 2, 1, 1, 1, 2, 2];
const V1: usize = 2;
const V4: usize = 5;
const LOC: usize = 6;
const READOUT: usize = 7;
/// Mean and variance of an image over all values, one scale and shift per channel.
const NORM: Op =
    Op::GroupNorm { groups: 1, epsilon: Constant::new(EPSILON), rescaling: Rescaling::PerChannel };
const EPSILON: f32 = 1e-5;
/// Channels of the readout beside the classes.
const ADDED: usize = 100;

fn settings() -> Vec<Setting> {
    let mut settings = Scale::settings(224, 1000);
    settings.push(setting("unroll", "sweeps", "sweeps or biological", "how a step goes through the areas"));
    settings
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unroll {
    Sweeps,
    Biological,
}

fn build(spec: &Spec) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let unroll = spec.get("unroll", |text| match text {
        "sweeps" => Some(Unroll::Sweeps),
        "biological" => Some(Unroll::Biological),
        _ => None,
    })?;
    let graph = BltVs::new(&scale).graph(unroll);
    let graph = graph.map_err(|source| ZooError::Network { network: spec.to_string(), source })?;
    let card = Card {
        network: spec.to_string(),
        short: "BLT-VS".into(),
        citation: CITATION.into(),
        origin: ORIGIN.into(),
        parity: Parity::Verified,
        steps: if unroll == Unroll::Sweeps { 6 } else { 12 },
        classes: scale.classes,
        image_size: scale.image_size,
        preprocessing: Preprocessing {
            crop: Crop::ShortSide { side: scale.image_size },
            values: Values::PlusMinusOne,
        },
        readout: ReadoutCard {
            tap: "readout".into(),
            area: "LOC.mean".into(),
            delay: 0,
            // A convolution and the mean of what it gives: no matrix.
            weight: None,
            bias: None,
        },
        hoisted: vec!["Retina".into()],
    };
    Ok(Network { spec: spec.clone(), graph, card })
}

/// `blt_vs_slt_111_biounroll_{0|1}_t_{steps}_readout_multi_dataset_{name}_num_{id}.pth`: the way it is
/// unrolled is in the name alone.
fn infer(evidence: &Evidence) -> Inference {
    let mut settings = Vec::new();
    let mut tell = |key, value: Option<String>| settings.extend(value.map(|value| (key, value)));
    let width =
        evidence.length("connections.Retina.bu_conv.weight", 0).map(|n| n as f64 / CHANNELS[0] as f64);
    let size = |kernel| if kernel == 7 { "224".to_owned() } else { "128".to_owned() };
    tell("width", width.map(|width| width.to_string()));
    tell("image_size", evidence.length("connections.Retina.bu_conv.weight", 2).map(size));
    let channels = evidence.length("connections.Readout.readout_conv.weight", 0);
    let added = width.map(|width| (ADDED as f64 * width).round() as usize);
    let classes = channels.zip(added).and_then(|(channels, added)| channels.checked_sub(added));
    tell("classes", classes.map(|classes| classes.to_string()));
    let mut undecided = Vec::new();
    match evidence.part("_biounroll_") {
        Some("0") => tell("unroll", Some("sweeps".into())),
        Some("1") => tell("unroll", Some("biological".into())),
        _ => undecided.push(Undecided {
            setting: "unroll",
            why: "it is in no key, and the file's name has no part `biounroll_0` or `biounroll_1`".into(),
            example: "sweeps",
        }),
    }
    Inference {
        settings,
        undecided,
        steps: evidence.part("_t_").and_then(|steps| steps.parse().ok()),
        number: evidence.part("_num_").and_then(|number| number.parse().ok()),
        ..Inference::default()
    }
}

/// Sizes of one member of the family.
struct BltVs {
    image_size: usize,
    classes: usize,
    /// Of all areas, the readout with what it has beside the classes.
    channels: [usize; 8],
    kernels: [usize; 8],
    lateral_kernel: usize,
    skip_kernel: usize,
}

/// The two streams of an area.
#[derive(Clone, Copy)]
struct Streams<'s> {
    up: Area<'s>,
    down: Area<'s>,
}

/// The connections of an area, one for both of its streams unless said.
#[derive(Clone, Copy)]
struct Connections {
    bottom_up: Connection,
    top_down: Connection,
    /// Of the stream up, and of the stream down.
    lateral: Option<[Connection; 2]>,
    skip: Option<Connection>,
}

impl BltVs {
    fn new(scale: &Scale) -> Self {
        let large = scale.image_size > 128;
        let mut channels = [scale.classes + scale.channels(ADDED); 8];
        for (channels, published) in channels.iter_mut().zip(CHANNELS) {
            *channels = scale.channels(published);
        }
        Self {
            image_size: scale.image_size,
            classes: scale.classes,
            channels,
            kernels: if large { [7, 7, 5, 1, 5, 3, 3, 5] } else { [5, 3, 3, 1, 3, 3, 3, 3] },
            lateral_kernel: if large { 5 } else { 3 },
            skip_kernel: if large { 7 } else { 5 },
        }
    }

    fn graph(&self, unroll: Unroll) -> Result<Graph, NetworkError> {
        let sketch = Sketch::new(Shape::map(self.image_size, self.image_size, 3), Init::of_pytorch);
        let maps = self.declare_parameters(&sketch);
        let image = sketch.image().convolve(&named(0, "bu_conv"), self.bottom_up(0));
        let retina = image.edge(Kind::BottomUp, "image", "Retina").relu();
        let retina = retina.group_norm(&named(0, "layer_norm_bu"), 1, EPSILON).once();
        sketch.tap("Retina", retina);
        let areas: Vec<(Streams, Connections)> = (1..=LOC)
            .map(|area| (streams(&sketch, area, maps[area]), connections(&sketch, area, unroll)))
            .collect();
        let up = |area: usize| areas[area - 1].0.up;
        let below = |area: usize| if area == 1 { retina } else { up(area - 1).now() };
        let top = sketch.declare("Readout.td", maps[READOUT]);
        let above = |area: usize| if area == LOC { top } else { areas[area].0.down };
        match unroll {
            Unroll::Sweeps => {
                for area in 1..=LOC {
                    let (streams, links) = areas[area - 1];
                    let from_above = self.drive_from_above(area, above(area).last(), links);
                    let drive = self.drive_from_below(area, below(area), links);
                    let lateral = self.lateral(area, 0, streams.up.last(), links);
                    let skip = (area == V4).then(|| self.skip(V4, up(V1).now(), links));
                    let all = plus(drive, [lateral, skip]);
                    streams.up.define(settle(all, from_above, &named(area, "layer_norm_bu")));
                }
                self.read(up(LOC).now(), top);
                for area in (1..=LOC).rev() {
                    let (streams, links) = areas[area - 1];
                    let from_below = self.drive_from_below(area, below(area), links);
                    let drive = self.drive_from_above(area, above(area).now(), links);
                    let lateral = self.lateral(area, 1, streams.down.last(), links);
                    let all = plus(drive, [lateral, None]);
                    streams.down.define(settle(all, from_below, &named(area, "layer_norm_td")));
                }
            }
            Unroll::Biological => {
                for area in 1..=LOC {
                    let (streams, links) = areas[area - 1];
                    let from_below = self.drive_from_below(area, below(area).last(), links);
                    let from_above = self.drive_from_above(area, above(area).last(), links);
                    let [skip_up, skip_down] = match area {
                        V4 => [Some(self.skip(V4, up(V1).last(), links)), None],
                        V1 => [None, Some(self.skip(V1, areas[V4 - 1].0.down.last(), links))],
                        _ => [None, None],
                    };
                    let lateral = self.lateral(area, 0, streams.up.last(), links);
                    let (drive, gate) = (plus(from_below, [lateral, skip_up]), plus(from_above, [skip_down]));
                    streams.up.define(settle(drive, gate, &named(area, "layer_norm_bu")));
                    let lateral = self.lateral(area, 1, streams.down.last(), links);
                    let (drive, gate) = (plus(from_above, [lateral, skip_down]), plus(from_below, [skip_up]));
                    streams.down.define(settle(drive, gate, &named(area, "layer_norm_td")));
                }
                self.read(up(LOC).now(), top);
            }
        }
        sketch.finish()
    }

    /// The readout, and what it sends down.
    fn read<'s>(&self, loc: Signal<'s>, top: Area<'s>) {
        let sketch = loc.sketch();
        sketch.tap("LOC.mean", loc.average_pool());
        let read = loc.convolve(&named(READOUT, "readout_conv"), self.bottom_up(READOUT));
        let read = read.edge(Kind::BottomUp, "LOC", "readout");
        sketch.tap("readout", read.average_pool().channels(0, self.classes));
        top.define(read.relu().group_norm(&named(READOUT, "layer_norm_td"), 1, EPSILON));
    }

    fn drive_from_below<'s>(&self, area: usize, below: Signal<'s>, links: Connections) -> Signal<'s> {
        below.convolve(&named(area, "bu_conv"), self.bottom_up(area)).arrive(links.bottom_up)
    }

    fn drive_from_above<'s>(&self, area: usize, above: Signal<'s>, links: Connections) -> Signal<'s> {
        above.convolve_transposed(&named(area, "td_conv"), self.top_down(area)).arrive(links.top_down)
    }

    fn lateral<'s>(
        &self,
        area: usize,
        stream: usize,
        before: Signal<'s>,
        links: Connections,
    ) -> Option<Signal<'s>> {
        let link = links.lateral?[stream];
        let word = ["bu", "td"][stream];
        let wide =
            before.convolve(&named(area, &format!("{word}_l_conv_depthwise")), self.lateral_conv(area));
        let mixed = wide.convolve(&named(area, &format!("{word}_l_conv_pointwise")), self.pointwise(area));
        Some(mixed.arrive(link))
    }

    fn skip<'s>(&self, area: usize, from: Signal<'s>, links: Connections) -> Signal<'s> {
        let word = if area == V4 { "bu" } else { "td" };
        let wide = from.convolve(&named(area, &format!("skip_{word}_depthwise")), self.skip_conv(area));
        let mixed = wide.convolve(&named(area, &format!("skip_{word}_pointwise")), self.pointwise(area));
        mixed.arrive(links.skip.expect("an area with a skip"))
    }

    /// All parameters in the order of the checkpoints, those that are never used with them, and the
    /// shapes of the areas.
    fn declare_parameters(&self, sketch: &Sketch) -> Vec<Shape> {
        let mut below = Shape::map(self.image_size, self.image_size, 3);
        let mut maps = Vec::new();
        for area in 0..READOUT {
            let conv = Op::Conv(self.bottom_up(area));
            let map = conv.output(&[below]).expect("padding leaves room for the kernel");
            maps.push(map);
            let declare = |word: &str, op: &Op, input: Shape| sketch.unused(&named(area, word), op, input);
            let pointwise = Op::Conv(self.pointwise(area));
            declare("bu_conv", &conv, below);
            if has_lateral(area) {
                declare("bu_l_conv_depthwise", &Op::Conv(self.lateral_conv(area)), map);
                declare("bu_l_conv_pointwise", &pointwise, map);
            }
            if area > 0 {
                let above = Shape { channels: self.channels[area + 1], ..map };
                declare("td_conv", &Op::ConvTranspose(self.top_down(area)), above);
            }
            if has_lateral(area) {
                declare("td_l_conv_depthwise", &Op::Conv(self.lateral_conv(area)), map);
                declare("td_l_conv_pointwise", &pointwise, map);
            }
            if let Some((word, from)) = skip_of(area) {
                let from = Shape { channels: self.channels[from], ..map };
                declare(&format!("skip_{word}_depthwise"), &Op::Conv(self.skip_conv(area)), from);
                declare(&format!("skip_{word}_pointwise"), &pointwise, map);
            }
            declare("layer_norm_bu", &NORM, map);
            declare("layer_norm_td", &NORM, map);
            below = map;
        }
        let readout = Op::Conv(self.bottom_up(READOUT)).output(&[below]);
        maps.push(readout.expect("padding leaves room for the kernel"));
        maps
    }

    const fn bottom_up(&self, area: usize) -> Conv {
        let kernel = self.kernels[area];
        Conv { stride: STRIDES[area], ..Conv::same(self.channels[area], kernel, Bias::PerChannel) }
    }

    const fn top_down(&self, area: usize) -> ConvTranspose {
        ConvTranspose {
            channels: self.channels[area],
            kernel: self.kernels[area + 1],
            stride: STRIDES[area + 1],
            bias: Bias::PerChannel,
        }
    }

    const fn lateral_conv(&self, area: usize) -> Conv {
        let channels = self.channels[area];
        Conv { groups: channels, ..Conv::same(channels, self.lateral_kernel, Bias::PerChannel) }
    }

    const fn pointwise(&self, area: usize) -> Conv {
        Conv::same(self.channels[area], 1, Bias::PerChannel)
    }

    const fn skip_conv(&self, area: usize) -> Conv {
        let kernel = if area == V4 { self.skip_kernel } else { 3 };
        let groups = common_divisor(self.channels[V1], self.channels[V4]);
        Conv { groups, ..Conv::same(self.channels[area], kernel, Bias::PerChannel) }
    }
}

/// Name of a layer in the checkpoints.
fn named(area: usize, word: &str) -> String {
    format!("connections.{}.{word}", AREAS[area])
}

const fn has_lateral(area: usize) -> bool {
    area >= V1 && area <= LOC
}

/// The word of an area's skip connection, and the area it comes from.
const fn skip_of(area: usize) -> Option<(&'static str, usize)> {
    match area {
        V4 => Some(("bu", V1)),
        V1 => Some(("td", V4)),
        _ => None,
    }
}

fn streams(sketch: &Sketch, area: usize, map: Shape) -> Streams<'_> {
    let name = AREAS[area];
    Streams { up: sketch.declare(name, map), down: sketch.declare(&format!("{name}.td"), map) }
}

fn connections(sketch: &Sketch, area: usize, unroll: Unroll) -> Connections {
    let name = AREAS[area];
    let lateral = || {
        [name.to_owned(), format!("{name}.td")].map(|from| sketch.connect_one_of(Kind::Lateral, &from, name))
    };
    let used = unroll == Unroll::Biological || area == V4;
    let skip = skip_of(area).filter(|_| used).map(|(word, from)| {
        let kind = if word == "bu" { Kind::BottomUp } else { Kind::TopDown };
        sketch.connect_one_of(kind, AREAS[from], name)
    });
    Connections {
        bottom_up: sketch.connect(Kind::BottomUp, AREAS[area - 1], name),
        top_down: sketch.connect(Kind::TopDown, if area == LOC { "readout" } else { AREAS[area + 1] }, name),
        lateral: has_lateral(area).then(lateral),
        skip,
    }
}

/// The sum of a drive and others, from left to right.
fn plus<'s, const N: usize>(drive: Signal<'s>, others: [Option<Signal<'s>>; N]) -> Signal<'s> {
    drive.combine(Interaction::Additive, &others)
}

/// `N(ReLU(drive) · 2σ(gate))`.
fn settle<'s>(drive: Signal<'s>, gate: Signal<'s>, norm: &str) -> Signal<'s> {
    let open = drive.relu();
    let gated = open.multiply(gate.curve(Curve::Sigmoid).line(2.0, 0.0));
    // A stream that nothing drives is silent where the other one is there.
    let silent = drive.sketch().zeros(drive.shape()).given(gate);
    gated.or(open).or(silent).group_norm(norm, 1, EPSILON)
}

const fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
