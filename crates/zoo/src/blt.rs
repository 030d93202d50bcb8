//! BLT networks: bottom-up, lateral and top-down connections, added or multiplied.
//!
//! Four areas, V1 to IT, above a retina; convolutions of stride 1 halved by pooling
//! between areas, layer norm over the whole map, ReLU. The average of IT (`gap`) has a
//! lateral matrix of its own and is read out linearly at every step. Lateral and
//! top-down signals come from the step before; at the first step they are absent.
//!
//! Reference: Thorat, Doerig & Kietzmann (2023), arXiv:2308.12435; code
//! `KietzmannLab/BLT-pytorch-CCN23` @f8505a9, `BLT_train/models/BLT_net.py`.
//!
//! As published: V1 owns lateral and top-down weights that are never used; they are
//! kept in checkpoints. `interaction` multiplies unless it is exactly `additive`.
//!
//! DIFFERENCE: a batch of one image works (the reference's squeeze removes the batch
//! axis), and the 128-pixel network without norm, which the reference cannot run, is
//! built as its 64-pixel sister is.

mod checkpoint;

use redyn_engine::{Activation, Bias, ConvTranspose, Interaction, Op, Shape};
use redyn_network::{Graph, Init, Kind, NetworkError, Role, Signal, Sketch};

use crate::published::Published;
use crate::settings::{setting, switch};
use crate::spec::{Setting, Spec};
use crate::{Card, Crop, Entry, Network, Parity, Preprocessing, ReadoutCard, Values, ZooError};

const CITATION: &str = "Thorat, Doerig & Kietzmann (2023), Characterising representation dynamics in recurrent neural networks for object recognition, arXiv:2308.12435";
const ORIGIN: &str = "KietzmannLab/BLT-pytorch-CCN23 @f8505a9";

const PUBLISHED: Published = Published::pytorch(checkpoint::infer);

/// 64 pixels, 3 × 3 kernels.
pub(crate) const BLT64: Entry = Entry {
    name: "blt64",
    summary: "BLT network for 64-pixel images: lateral and top-down connections, added or multiplied",
    family: "BLT",
    citation: CITATION,
    origin: ORIGIN,
    settings: || settings("64"),
    published: PUBLISHED,
    build: |spec| build(spec, 3),
};

/// 128 pixels, 5 × 5 kernels.
pub(crate) const BLT128: Entry = Entry {
    name: "blt128",
    summary: "BLT network for 128-pixel images, with 5x5 kernels",
    family: "BLT",
    citation: CITATION,
    origin: ORIGIN,
    settings: || settings("128"),
    published: PUBLISHED,
    build: |spec| build(spec, 5),
};

fn settings(image_size: &str) -> Vec<Setting> {
    vec![
        setting("lateral", "1", "0 or 1", "lateral connections in V2, V4, IT and the pooled average"),
        setting("top_down", "0", "0 or 1", "top-down connections to V2 and V4"),
        setting("interaction", "additive", "additive or multiplicative", "how they meet the bottom-up drive"),
        setting("position", "all", "all or last", "`last` leaves only the lateral of the pooled average"),
        setting("norm", "LN", "LN or None", "layer norm in every area, or biases instead"),
        setting("classifier_bias", "0", "0 or 1", "a bias in the readout"),
        setting("width", "1", "a number above 0", "channels, as a share of the published ones"),
        setting("image_size", image_size, "a multiple of 8", "side of the images in pixels"),
        setting("classes", "100", "a whole number above 1", "number of classes"),
    ]
}

/// The published flags, read.
#[expect(clippy::struct_excessive_bools, reason = "the publication's own switches")]
struct Blt {
    lateral: bool,
    top_down: bool,
    interaction: Interaction,
    /// Recurrence in the areas, not in the pooled average alone.
    everywhere: bool,
    layer_norm: bool,
    readout_bias: Bias,
    /// Channels of retina, V1, V2, V4 and IT.
    channels: [usize; 5],
    image_size: usize,
    classes: usize,
    kernel: usize,
}

fn build(spec: &Spec, kernel: usize) -> Result<Network, ZooError> {
    let width =
        spec.get("width", |text| text.parse().ok().filter(|&width: &f64| width > 0.0 && width <= 64.0))?;
    let blt = Blt {
        lateral: spec.get("lateral", switch)?,
        top_down: spec.get("top_down", switch)?,
        interaction: spec.get("interaction", |text| match text {
            "additive" => Some(Interaction::Additive),
            "multiplicative" => Some(Interaction::Multiplicative),
            _ => None,
        })?,
        everywhere: spec.get("position", |text| match text {
            "all" => Some(true),
            "last" => Some(false),
            _ => None,
        })?,
        layer_norm: spec.get("norm", |text| match text {
            "LN" => Some(true),
            "None" => Some(false),
            _ => None,
        })?,
        readout_bias: if spec.get("classifier_bias", switch)? { Bias::PerChannel } else { Bias::Absent },
        channels: [32, 64, 128, 256, 512]
            .map(|channels| ((f64::from(channels) * width).round() as usize).max(1)),
        image_size: spec
            .get("image_size", |text| text.parse().ok().filter(|&size: &usize| size >= 8 && size % 8 == 0))?,
        classes: spec.get("classes", |text| text.parse().ok().filter(|&classes: &usize| classes > 1))?,
        kernel,
    };
    let graph = blt.graph().map_err(|source| ZooError::Network { network: spec.to_string(), source })?;
    let bias = blt.readout_bias == Bias::PerChannel;
    let card = Card {
        network: spec.to_string(),
        short: blt.short(),
        citation: CITATION.to_owned(),
        origin: ORIGIN.to_owned(),
        parity: Parity::Verified,
        preprocessing: Preprocessing { crop: Crop::Whole, values: Values::StandardisedByData },
        steps: if blt.lateral || blt.top_down { 10 } else { 1 },
        classes: blt.classes,
        image_size: blt.image_size,
        readout: ReadoutCard {
            tap: "readout".into(),
            area: "gap".into(),
            delay: 0,
            weight: Some("readout.weight".into()),
            bias: bias.then(|| "readout.bias".into()),
        },
        hoisted: vec!["retina".into()],
    };
    Ok(Network { spec: spec.clone(), graph, card })
}

impl Blt {
    /// The paper's letters: L lateral, T top-down, A additive, M multiplicative.
    fn short(&self) -> String {
        let letter = |on: bool, letter: &'static str| if on { letter } else { "" };
        if !self.lateral && !self.top_down {
            return "BNet".into();
        }
        let how = if self.interaction == Interaction::Additive { "A" } else { "M" };
        format!("{}{}{how}", letter(self.lateral, "L"), letter(self.top_down, "T"))
    }

    fn graph(&self) -> Result<Graph, NetworkError> {
        let size = self.image_size;
        let sketch = Sketch::new(Shape::map(size, size, 3), initial);
        let bias = if self.layer_norm { Bias::Absent } else { Bias::PerChannel };
        let k = self.kernel;

        let retina = sketch.image().conv("retina", self.channels[0], k, Bias::PerChannel);
        let retina = retina.edge(Kind::BottomUp, "image", "retina").activate(Activation::Relu).once();
        sketch.tap("retina", retina);

        let names = ["v1", "v2", "v4", "it"];
        let shapes: Vec<Shape> =
            (0..4).map(|area| Shape::map(size >> area, size >> area, self.channels[area + 1])).collect();
        let areas: Vec<_> =
            names.iter().zip(&shapes).map(|(name, &shape)| sketch.declare(name, shape)).collect();

        for (index, name) in names.into_iter().enumerate() {
            let channels = shapes[index].channels;
            let (below, from) = if index == 0 {
                (retina, "retina")
            } else {
                (areas[index - 1].now().max_pool(), names[index - 1])
            };
            let bottom_up =
                below.conv(&format!("{name}.bottom_up"), channels, k, bias).edge(Kind::BottomUp, from, name);
            let has_lateral = self.lateral && self.everywhere;
            let has_top_down = self.top_down && self.everywhere && index < 3;
            let (lateral, top_down) = if index == 0 {
                // V1 owns recurrent weights and never uses them.
                self.unused_recurrence(&sketch, has_lateral, has_top_down, &shapes);
                (None, None)
            } else {
                let lateral = has_lateral.then(|| {
                    let drive = areas[index].last().conv(&format!("{name}.lateral"), channels, k, bias);
                    drive.edge(Kind::Lateral, name, name)
                });
                let top_down = has_top_down.then(|| {
                    let above = areas[index + 1].last();
                    let drive = above.conv_transpose(&format!("{name}.top_down"), channels, k, bias);
                    drive.edge(Kind::TopDown, names[index + 1], name)
                });
                (lateral, top_down)
            };
            let drive = bottom_up.combine(self.interaction, &[lateral, top_down]);
            sketch.tap(&format!("{name}.drive"), drive);
            areas[index].define(self.settle(drive, &format!("{name}_ln")));
        }

        let gap = sketch.declare("gap", Shape::vector(self.channels[4]));
        let pooled = areas[3].now().average_pool().edge(Kind::BottomUp, "it", "gap");
        let lateral = self.lateral.then(|| {
            gap.last().linear("gap.lateral", self.channels[4], bias).edge(Kind::Lateral, "gap", "gap")
        });
        let drive = pooled.combine(self.interaction, &[lateral]);
        sketch.tap("gap.drive", drive);
        gap.define(self.settle(drive, "gap_ln"));

        let readout = gap.now().linear("readout", self.classes, self.readout_bias);
        sketch.tap("readout", readout.edge(Kind::BottomUp, "gap", "readout"));
        sketch.finish()
    }

    fn settle<'s>(&self, drive: Signal<'s>, norm: &str) -> Signal<'s> {
        let normed = if self.layer_norm { drive.layer_norm(norm) } else { drive };
        normed.activate(Activation::Relu)
    }

    fn unused_recurrence(&self, sketch: &Sketch, lateral: bool, top_down: bool, shapes: &[Shape]) {
        let bias = if self.layer_norm { Bias::Absent } else { Bias::PerChannel };
        let (channels, kernel) = (shapes[0].channels, self.kernel);
        if lateral {
            let conv = redyn_engine::Conv::same(channels, kernel, bias);
            sketch.unused("v1.lateral", &Op::Conv(conv), shapes[0]);
        }
        if top_down {
            sketch.unused(
                "v1.top_down",
                &Op::ConvTranspose(ConvTranspose { channels, kernel, stride: 2, bias }),
                shapes[1],
            );
        }
    }
}

/// Xavier-uniform convolutions and matrices; PyTorch's default for the rest, which the
/// reference leaves as it is: transposed convolutions (fan-in taken from the second
/// dimension) and biases.
fn initial(op: &Op, input: Shape, role: Role) -> Init {
    match (*op, role) {
        (Op::Conv(conv), Role::Weight) => {
            let taps = conv.kernel * conv.kernel;
            Init::xavier(input.channels * taps, conv.channels * taps)
        }
        (Op::Linear { channels, .. }, Role::Weight) => Init::xavier(input.channels, channels),
        _ => Init::of_pytorch(op, input, role),
    }
}
