//! LRM nets: AlexNet with long-range modulatory feedback, run in passes over one image.
//!
//! A step is a pass. Sources are what they were in the pass before: normalised over all their
//! values, through tanh, resized to the destination's map, negatives and others times a learned
//! factor each, and by a 1 × 1 convolution to the destination's channels: the feedback `F`. At a
//! destination, a convolution with output `y`, `y ← ReLU(y + y · F)`; without feedback (the first
//! pass) `y` is left alone, the network's own ReLU follows anyway. LRM1 has the first of three
//! sets of connections, LRM2 two, LRM3 all.
//!
//! Reference: Konkle & Alvarez (2023), Cognitive steering in deep neural networks via long-range
//! modulatory feedback connections, NeurIPS; code `harvard-visionlab/lrm-steering` @03a78ce,
//! `lrm_models/`.
//!
//! As there: scale and shift of a source's normalisation are stored on the destination's map and
//! resampled to the source's; `features.12` is the pooled map. A source is steered
//! ([`Effect::Steer`](redyn_network::Effect)) where it is stored, all connections from one source
//! each by an intervention of its own; the strength is [`Effect::Amplify`](redyn_network::Effect).
//!
//! DIFFERENCE: a pass that computes what an earlier one did (the first convolution, before
//! feedback) is not repeated. Training has no dropout.
//!
//! LRA3, the additive control `y ← ReLU(y + F)`, is a *reconstruction*: no public code defines
//! it. Assumed of LRM3: connections, normalisation, tanh, resizing, factors, and the ReLU after
//! the sum, which acts in passes with feedback only. Its backbone is called `backbone`.

use redyn_engine::{Bias, Conv, Curve, Gain, Op, Padding, Shape};
use redyn_network::{Area, Graph, Init, Kind, NetworkError, Role, Signal, Sketch};

use crate::alexnet;
use crate::published::{Published, torch_parameter};
use crate::settings::{Scale, imagenet};
use crate::spec::Spec;
use crate::{Card, Entry, Network, Parity, ReadoutCard, ZooError};

const CITATION: &str = "Konkle & Alvarez (2023), Cognitive steering in deep neural networks via long-range modulatory feedback connections, NeurIPS";
const ORIGIN: &str = "harvard-visionlab/lrm-steering @03a78ce";

/// The authors' files have older names, which their own loader changes as is done here.
const PUBLISHED: Published = Published {
    parameter: |key| torch_parameter(&separated(key)),
    ..Published::pytorch(|evidence| {
        evidence.classes(&["feedforward.classifier.6.weight", "backbone.classifier.6.weight"])
    })
};

/// A module's name with an underscore before its index, where there is nothing: `features8`.
fn separated(key: &str) -> String {
    ["features", "classifier"].iter().fold(key.to_owned(), |key, module| {
        let mut parts = key.split(module);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |name, rest| {
            let gap = if rest.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
            name + module + gap + rest
        })
    })
}

/// One set of feedback.
pub(crate) const LRM1: Entry = Entry {
    name: "lrm1",
    summary: "AlexNet with one set of long-range modulatory feedback",
    family: "LRM",
    citation: CITATION,
    origin: ORIGIN,
    published: Published {
        parameter: |key| torch_parameter(&separated(key).replace("backbone.", "feedforward.")),
        ..PUBLISHED
    },
    settings: || Scale::settings(224, 1000),
    build: |spec| build(spec, Variant { short: "LRM1", sets: 1, feedback: Feedback::Modulates }),
};

/// Two sets.
pub(crate) const LRM2: Entry = Entry {
    name: "lrm2",
    summary: "AlexNet with two sets of long-range modulatory feedback",
    build: |spec| build(spec, Variant { short: "LRM2", sets: 2, feedback: Feedback::Modulates }),
    ..LRM1
};

/// Three sets.
pub(crate) const LRM3: Entry = Entry {
    name: "lrm3",
    summary: "AlexNet with three sets of long-range modulatory feedback",
    build: |spec| build(spec, Variant { short: "LRM3", sets: 3, feedback: Feedback::Modulates }),
    ..LRM1
};

/// The additive control.
pub(crate) const LRA3: Entry = Entry {
    name: "lra3",
    summary: "AlexNet with three sets of additive feedback: a reconstruction",
    origin: "no public code: reconstructed from harvard-visionlab/lrm-steering @03a78ce",
    published: PUBLISHED,
    build: |spec| build(spec, Variant { short: "LRA3", sets: 3, feedback: Feedback::Adds }),
    ..LRM1
};

#[derive(Clone, Copy)]
struct Variant {
    short: &'static str,
    /// Sets of connections.
    sets: usize,
    feedback: Feedback,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Feedback {
    Modulates,
    Adds,
}

/// Set, source and destination of every connection, in the order of the checkpoints.
const CONNECTIONS: [(usize, &str, &str); 5] = [
    (1, "classifier.6", "features.8"),
    (1, "features.9", "features.0"),
    (2, "classifier.6", "features.10"),
    (2, "features.12", "features.3"),
    (3, "classifier.2", "features.6"),
];

fn build(spec: &Spec, variant: Variant) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let graph =
        graph(&scale, variant).map_err(|source| ZooError::Network { network: spec.to_string(), source })?;
    let modulates = variant.feedback == Feedback::Modulates;
    let prefix = prefix(variant.feedback);
    let card = Card {
        network: spec.to_string(),
        short: variant.short.into(),
        citation: CITATION.into(),
        origin: if modulates { ORIGIN } else { LRA3.origin }.into(),
        parity: if modulates { Parity::Verified } else { Parity::Unverified },
        steps: 2,
        classes: scale.classes,
        image_size: scale.image_size,
        preprocessing: imagenet(scale.image_size),
        readout: ReadoutCard {
            tap: "readout".into(),
            area: "classifier.5".into(),
            delay: 0,
            weight: Some(format!("{prefix}classifier.6.weight")),
            bias: Some(format!("{prefix}classifier.6.bias")),
        },
        hoisted: Vec::new(),
    };
    Ok(Network { spec: spec.clone(), graph, card })
}

const fn prefix(feedback: Feedback) -> &'static str {
    match feedback {
        Feedback::Modulates => "feedforward.",
        Feedback::Adds => "backbone.",
    }
}

fn graph(scale: &Scale, variant: Variant) -> Result<Graph, NetworkError> {
    let plain = alexnet::graph(scale)?;
    let shape_of = |name: &str| {
        let name = if name == "classifier.6" { "readout" } else { name };
        plain.taps().find(|(tap, _)| *tap == name).expect("a module of AlexNet").1
    };
    let connections: Vec<_> = CONNECTIONS.iter().filter(|(set, ..)| *set <= variant.sets).collect();
    let sketch = Sketch::new(Shape::map(scale.image_size, scale.image_size, 3), Init::of_pytorch);
    let mut sources: Vec<(&str, Area)> = Vec::new();
    for &&(_, source, _) in &connections {
        if !sources.iter().any(|(known, _)| *known == source) {
            let tap = if source == "classifier.6" { "readout" } else { source };
            sources.push((source, sketch.declare(tap, shape_of(source))));
        }
    }
    let area_of = |name: &str| sources.iter().find(|(source, _)| *source == name).map(|(_, area)| *area);
    let image = sketch.image().edge(Kind::BottomUp, "image", "features.12");
    let logits = alexnet::layers(image, prefix(variant.feedback), scale, &mut |name, y| {
        if let Some(area) = area_of(name) {
            return area.define(y);
        }
        let Some((_, source, _)) = connections.iter().find(|(_, _, destination)| *destination == name) else {
            return sketch.tap(name, y);
        };
        let source_area = area_of(source).expect("declared above");
        sketch.tap(name, receive(y, source_area, (source, name), variant.feedback))
    });
    let logits = logits.edge(Kind::BottomUp, "classifier.5", "readout");
    match area_of("classifier.6") {
        Some(area) => area.define(logits),
        None => sketch.tap("readout", logits),
    };
    sketch.finish()
}

/// A destination: what its convolution gave, with the feedback from a source.
fn receive<'s>(y: Signal<'s>, source: Area<'s>, (from, to): (&str, &str), feedback: Feedback) -> Signal<'s> {
    let (sketch, map) = (y.sketch(), y.shape());
    let word = |name: &str| name.replace('.', "_");
    let block = format!("lrm.{}_modulation", word(to));
    let name = format!("{block}.from_{}_to_{}", word(from), word(to));
    let from_tap = if from == "classifier.6" { "readout" } else { from };
    let connection = sketch.connect(Kind::TopDown, from_tap, to);
    let stored = source.last().leave(connection);
    let shape = stored.shape();
    let norm = format!("{name}.rescale.norm");
    // Parameters in the order of the checkpoints.
    sketch.unused(&name, &Op::Gain(Gain::BySign), shape);
    let normed = if shape.is_vector() {
        stored.layer_norm(&norm)
    } else {
        let of_map = Shape { channels: shape.channels, ..map };
        let [scale, shift] = [("weight", Role::Weight), ("bias", Role::Bias)].map(|(word, role)| {
            let parameter = sketch.parameter(&format!("{norm}.{word}"), of_map, role);
            parameter.resize(shape.height, shape.width)
        });
        // The shift alone is no feedback.
        stored.standardise(1e-5).multiply(scale).plus(shift).given(stored)
    };
    let sent = normed.curve(Curve::Tanh);
    // A vector is spread over the map after the convolution: the same value everywhere.
    let sent = if shape.is_vector() { sent } else { sent.resize(map.height, map.width) };
    let scaled = sent.arrive(connection).gain(&name, Gain::BySign);
    let conv = Conv {
        channels: map.channels,
        kernel: 1,
        stride: 1,
        padding: Padding::NONE,
        groups: 1,
        bias: Bias::PerChannel,
    };
    let total = scaled.convolve(&format!("{name}.modulation"), conv).resize(map.height, map.width);
    let changed = match feedback {
        Feedback::Modulates => y.multiply(total.line(1.0, 1.0)),
        // What is modulated must be there: the sum is absent without feedback, and so is its ReLU.
        Feedback::Adds => y.plus(total).given(total),
    };
    sketch.tap(&format!("{block}.pre_mod_output"), y.from_step(1));
    sketch.tap(&format!("{block}.total_mod"), total);
    sketch.tap(&format!("{block}.post_mod_output"), changed);
    changed.relu().or(y)
}
