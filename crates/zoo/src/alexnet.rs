//! AlexNet: five convolutions and three matrices, without any normalisation.
//!
//! Reference: Krizhevsky (2014), One weird trick for parallelizing convolutional neural
//! networks, arXiv:1404.5997 (the variant in one piece); code torchvision 0.29.2,
//! `torchvision/models/alexnet.py`.
//!
//! Taps are torchvision's modules. Dropout is left out: it is nothing outside of training.
//! DIFFERENCE: training here has no dropout either.

use redyn_engine::{Bias, Conv, Padding, Shape, Windows};
use redyn_network::{Graph, Init, Kind, NetworkError, Signal, Sketch};

use crate::published::Published;
use crate::settings::Scale;
use crate::spec::Spec;
use crate::torchvision::Classifier;
use crate::{Entry, Network, ZooError};

const CITATION: &str =
    "Krizhevsky (2014), One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997";
const ORIGIN: &str = "torchvision 0.29.2, models/alexnet.py";

/// AlexNet.
pub(crate) const ALEXNET: Entry = Entry {
    name: "alexnet",
    summary: "AlexNet, a feed-forward control without normalisation",
    family: "AlexNet",
    citation: CITATION,
    origin: ORIGIN,
    published: Published::pytorch(|evidence| evidence.classes(&["classifier.6.weight"])),
    settings: || Scale::settings(224, 1000),
    build,
};

fn build(spec: &Spec) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let classifier = Classifier {
        short: "AlexNet",
        citation: CITATION,
        origin: ORIGIN,
        area: "classifier.5",
        readout: "classifier.6",
    };
    classifier.network(spec, &scale, graph(&scale))
}

/// One pass.
pub(crate) fn graph(scale: &Scale) -> Result<Graph, NetworkError> {
    let sketch = Sketch::new(Shape::map(scale.image_size, scale.image_size, 3), Init::of_pytorch);
    let image = sketch.image().edge(Kind::BottomUp, "image", "features.12");
    let logits = layers(image, "", scale, &mut |name, signal| sketch.tap(name, signal));
    sketch.tap("readout", logits.edge(Kind::BottomUp, "classifier.5", "readout"));
    sketch.finish()
}

/// All layers, up to the logits. Parameters are those of the modules under `prefix`; `module`
/// hears what every module gives, in their order, and says what goes on from there. The logits
/// are not among them.
pub(crate) fn layers<'s>(
    image: Signal<'s>,
    prefix: &str,
    scale: &Scale,
    module: &mut dyn FnMut(&str, Signal<'s>) -> Signal<'s>,
) -> Signal<'s> {
    /// Index of a convolution, its channels, kernel, stride and padding, and whether a pool follows.
    const CONVOLUTIONS: [(usize, usize, [usize; 3], bool); 5] = [
        (0, 64, [11, 4, 2], true),
        (3, 192, [5, 1, 2], true),
        (6, 384, [3, 1, 1], false),
        (8, 256, [3, 1, 1], false),
        (10, 256, [3, 1, 1], true),
    ];
    let pool = Windows { size: 3, stride: 2, padding: Padding::NONE };
    let mut x = image;
    for (index, channels, [kernel, stride, padding], pooled) in CONVOLUTIONS {
        let (channels, padding) = (scale.channels(channels), Padding::even(padding));
        let conv = Conv { channels, kernel, stride, padding, groups: 1, bias: Bias::PerChannel };
        let name = format!("features.{index}");
        x = module(&name, x.convolve(&format!("{prefix}{name}"), conv));
        x = module(&format!("features.{}", index + 1), x.relu());
        if pooled {
            x = module(&format!("features.{}", index + 2), x.max_of(pool));
        }
    }
    x = module("avgpool", x.adaptive_average_pool(6, 6));
    x = module("classifier.0", x.flatten());
    for (index, dropout) in [(1, Some(3)), (4, None)] {
        let name = format!("classifier.{index}");
        x = module(&name, x.linear(&format!("{prefix}{name}"), scale.channels(4096), Bias::PerChannel));
        x = module(&format!("classifier.{}", index + 1), x.relu());
        if let Some(dropout) = dropout {
            x = module(&format!("classifier.{dropout}"), x);
        }
    }
    x.linear(&format!("{prefix}classifier.6"), scale.classes, Bias::PerChannel)
}
