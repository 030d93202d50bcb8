//! VGG-16: thirteen 3 × 3 convolutions and three matrices, without any normalisation.
//!
//! Reference: Simonyan & Zisserman (2015), ICLR; code torchvision 0.29.2,
//! `torchvision/models/vgg.py`.
//!
//! Taps are torchvision's modules. DIFFERENCE: training here has no dropout.

use redyn_engine::{Bias, Op, Shape};
use redyn_network::{Graph, Init, Kind, NetworkError, Role, Sketch};

use crate::published::Published;
use crate::settings::Scale;
use crate::spec::Spec;
use crate::torchvision::Classifier;
use crate::{Entry, Network, ZooError};

const CITATION: &str =
    "Simonyan & Zisserman (2015), Very deep convolutional networks for large-scale image recognition, ICLR";
const ORIGIN: &str = "torchvision 0.29.2, models/vgg.py";

/// VGG-16.
pub(crate) const VGG16: Entry = Entry {
    name: "vgg16",
    summary: "VGG-16, a deep feed-forward control without normalisation",
    family: "VGG",
    citation: CITATION,
    origin: ORIGIN,
    published: Published::pytorch(|evidence| evidence.classes(&["classifier.6.weight"])),
    settings: || Scale::settings(224, 1000),
    build,
};

fn build(spec: &Spec) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let classifier = Classifier {
        short: "VGG-16",
        citation: CITATION,
        origin: ORIGIN,
        area: "classifier.4",
        readout: "classifier.6",
    };
    classifier.network(spec, &scale, graph(&scale))
}

fn graph(scale: &Scale) -> Result<Graph, NetworkError> {
    /// Channels of the convolutions between two pools.
    const STAGES: [&[usize]; 5] = [&[64; 2], &[128; 2], &[256; 3], &[512; 3], &[512; 3]];
    let sketch = Sketch::new(Shape::map(scale.image_size, scale.image_size, 3), initial);
    let mut x = sketch.image().edge(Kind::BottomUp, "image", "features.30");
    let mut index = 0;
    let mut module = |signal| {
        index += 1;
        sketch.tap(&format!("features.{}", index - 1), signal)
    };
    let mut layer = 0;
    for stage in STAGES {
        for &channels in stage {
            x = module(x.conv(&format!("features.{layer}"), scale.channels(channels), 3, Bias::PerChannel));
            x = module(x.relu());
            layer += 2;
        }
        x = module(x.max_pool());
        layer += 1;
    }
    x = sketch.tap("avgpool", x.adaptive_average_pool(7, 7)).flatten();
    for index in [0, 3] {
        let name = format!("classifier.{index}");
        x = sketch.tap(&name, x.linear(&name, scale.channels(4096), Bias::PerChannel));
        x = sketch.tap(&format!("classifier.{}", index + 1), x.relu());
    }
    let logits = x.linear("classifier.6", scale.classes, Bias::PerChannel);
    sketch.tap("readout", logits.edge(Kind::BottomUp, "classifier.4", "readout"));
    sketch.finish()
}

/// He's normal start by what a channel sends for convolutions, a narrow normal one for
/// matrices, no biases.
fn initial(op: &Op, _: Shape, role: Role) -> Init {
    match (op, role) {
        (Op::Conv(conv), Role::Weight) => Init::he(conv.channels * conv.kernel * conv.kernel),
        (_, Role::Weight) => Init::Normal { deviation: 0.01 },
        _ => Init::Zeros,
    }
}
