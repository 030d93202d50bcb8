//! ResNets: feed-forward controls, blocks of convolutions around which a skip connection leads.
//!
//! A stem (7 × 7 convolution of stride 2, pool of stride 2), four stages of blocks that halve the
//! map from the second stage on, the average of the last one, read out linearly. Every
//! convolution is followed by a batch norm. ResNet-18 has blocks of two 3 × 3 convolutions,
//! ResNet-50 and -101 bottlenecks of 1 × 1, 3 × 3 and 1 × 1.
//!
//! Reference: He, Zhang, Ren & Sun (2016), CVPR; code torchvision 0.29.2,
//! `torchvision/models/resnet.py`.
//!
//! As there, the stride of a bottleneck is that of its 3 × 3 convolution ("V1.5"), and nothing
//! of the first layer changes for small images.

use redyn_engine::{Bias, Conv, Op, Padding, Shape, Windows};
use redyn_network::{Graph, Init, Kind, NetworkError, Role, Signal, Sketch};

use crate::published::Published;
use crate::settings::Scale;
use crate::spec::Spec;
use crate::torchvision::Classifier;
use crate::{Entry, Network, ZooError};

const CITATION: &str = "He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition, CVPR";
const ORIGIN: &str = "torchvision 0.29.2, models/resnet.py";

/// 18 layers.
pub(crate) const RESNET18: Entry = Entry {
    name: "resnet18",
    summary: "ResNet-18, a feed-forward control with skip connections",
    family: "ResNet",
    citation: CITATION,
    origin: ORIGIN,
    published: Published::pytorch(|evidence| evidence.classes(&["fc.weight"])),
    settings: || Scale::settings(224, 1000),
    build: |spec| build(spec, &ResNet { name: "ResNet-18", block: Block::Basic, blocks: [2, 2, 2, 2] }),
};

/// 50 layers.
pub(crate) const RESNET50: Entry = Entry {
    name: "resnet50",
    summary: "ResNet-50, with bottlenecks",
    build: |spec| build(spec, &ResNet { name: "ResNet-50", block: Block::Bottleneck, blocks: [3, 4, 6, 3] }),
    ..RESNET18
};

/// 101 layers.
pub(crate) const RESNET101: Entry = Entry {
    name: "resnet101",
    summary: "ResNet-101, with bottlenecks",
    build: |spec| {
        build(spec, &ResNet { name: "ResNet-101", block: Block::Bottleneck, blocks: [3, 4, 23, 3] })
    },
    ..RESNET18
};

struct ResNet {
    name: &'static str,
    block: Block,
    /// Blocks of each stage.
    blocks: [usize; 4],
}

#[derive(Clone, Copy)]
enum Block {
    /// Two 3 × 3 convolutions.
    Basic,
    /// 1 × 1, 3 × 3, and 1 × 1 to four times the channels.
    Bottleneck,
}

fn build(spec: &Spec, resnet: &ResNet) -> Result<Network, ZooError> {
    let scale = Scale::read(spec)?;
    let classifier =
        Classifier { short: resnet.name, citation: CITATION, origin: ORIGIN, area: "avgpool", readout: "fc" };
    classifier.network(spec, &scale, resnet.graph(&scale))
}

impl ResNet {
    fn graph(&self, scale: &Scale) -> Result<Graph, NetworkError> {
        let sketch = Sketch::new(Shape::map(scale.image_size, scale.image_size, 3), initial);
        let image = sketch.image().edge(Kind::BottomUp, "image", "maxpool");
        let stem = convolve(image, "conv1", "bn1", (scale.channels(64), 7, 2)).relu();
        sketch.tap("relu", stem);
        let mut x = stem.max_of(Windows { size: 3, stride: 2, padding: Padding::even(1) });
        sketch.tap("maxpool", x);
        let mut from = "maxpool".to_owned();
        for (index, blocks) in self.blocks.into_iter().enumerate() {
            let stage = format!("layer{}", index + 1);
            let channels = scale.channels(64 << index);
            x = x.edge(Kind::BottomUp, &from, &stage);
            for block in 0..blocks {
                let stride = if index > 0 && block == 0 { 2 } else { 1 };
                x = self.block(x, &format!("{stage}.{block}"), channels, stride);
            }
            sketch.tap(&stage, x);
            from = stage;
        }
        let pooled = x.average_pool().edge(Kind::BottomUp, &from, "avgpool");
        sketch.tap("avgpool", pooled);
        let readout = pooled.linear("fc", scale.classes, Bias::PerChannel);
        sketch.tap("readout", readout.edge(Kind::BottomUp, "avgpool", "readout"));
        sketch.finish()
    }

    fn block<'s>(&self, x: Signal<'s>, name: &str, channels: usize, stride: usize) -> Signal<'s> {
        let layer = |x: Signal<'s>, index: usize, (channels, kernel, stride)| {
            let (conv, norm) = (format!("{name}.conv{index}"), format!("{name}.bn{index}"));
            convolve(x, &conv, &norm, (channels, kernel, stride))
        };
        let (drive, out) = match self.block {
            Block::Basic => {
                let inner = layer(x, 1, (channels, 3, stride)).relu();
                (layer(inner, 2, (channels, 3, 1)), channels)
            }
            Block::Bottleneck => {
                let inner = layer(x, 1, (channels, 1, 1)).relu();
                let inner = layer(inner, 2, (channels, 3, stride)).relu();
                (layer(inner, 3, (4 * channels, 1, 1)), 4 * channels)
            }
        };
        let skip = if stride == 1 && x.shape().channels == out {
            x
        } else {
            let (conv, norm) = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
            let skip = convolve(x, &conv, &norm, (out, 1, stride));
            x.sketch().tap(&format!("{name}.downsample"), skip)
        };
        x.sketch().tap(name, drive.plus(skip).relu())
    }
}

/// A convolution without bias and its batch norm, both tapped.
fn convolve<'s>(
    x: Signal<'s>,
    name: &str,
    norm: &str,
    (channels, kernel, stride): (usize, usize, usize),
) -> Signal<'s> {
    let padding = Padding::even(kernel / 2);
    let conv = Conv { channels, kernel, stride, padding, groups: 1, bias: Bias::Absent };
    let drive = x.sketch().tap(name, x.convolve(name, conv));
    x.sketch().tap(norm, drive.batch_norm(norm, 1e-5))
}

/// He's normal start by what a channel sends; PyTorch's default for the readout.
fn initial(op: &Op, input: Shape, role: Role) -> Init {
    match op {
        Op::Conv(conv) => Init::he(conv.channels * conv.kernel * conv.kernel),
        _ => Init::of_pytorch(op, input, role),
    }
}
