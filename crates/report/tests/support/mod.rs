//! Synthetic networks, analysed for real: what the report's tests and example show.
//!
//! Every image starts near a relative of its class and drifts to its own readout vector, at a
//! pace of its own; some lose their way, some never leave. Nothing here claims to be a brain.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use ndarray::{Array2, Array3, s};
use redyn_analysis::{
    Against, Case, JacobianRows, Options, Projection, Properties, Request, Selection, Subject, Uncertainty,
    analyse, judge,
};
use redyn_core::random::Stream;
use redyn_core::{Description, Hierarchy, Readout, Stop, Trajectories, TrajectorySource};
use redyn_report::{Context, Drawing, DrawnArea, DrawnEdge, Kind, Network, Provenance, Thumbnail};

const TABLE: &str = "class\tsuperordinate\tbasic
beagle\tanimal\tdog
husky\tanimal\tdog
tabby\tanimal\tcat
siamese\tanimal\tcat
robin\tanimal\tbird
owl\tanimal\tbird
trout\tanimal\tfish
perch\tanimal\tfish
oak\tplant\ttree
birch\tplant\ttree
rose\tplant\tflower
tulip\tplant\tflower
mug\tartefact\tvessel
teapot\tartefact\tvessel
sedan\tartefact\tcar
van\tartefact\tcar
";

const N_UNITS: usize = 48;

/// How large, and how well known.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) images: usize,
    pub(crate) steps: usize,
    pub(crate) replicates: usize,
}

/// A network's character.
struct Character {
    name: &'static str,
    pace: f64,
    gain: f64,
    noise: f64,
    lost: f64,
    lateral: bool,
    top_down: bool,
}

const CHARACTERS: [Character; 4] = [
    Character { name: "LA", pace: 1.5, gain: 0.35, noise: 0.34, lost: 0.10, lateral: true, top_down: false },
    Character { name: "LM", pace: 0.95, gain: 0.12, noise: 0.40, lost: 0.18, lateral: true, top_down: false },
    Character { name: "TA", pace: 1.15, gain: 0.22, noise: 0.37, lost: 0.14, lateral: false, top_down: true },
    Character { name: "TM", pace: 0.7, gain: 0.05, noise: 0.44, lost: 0.24, lateral: false, top_down: true },
];

/// The names of the classes, and how they are related.
pub(crate) fn classes() -> (Vec<String>, Hierarchy) {
    let names: Vec<String> =
        TABLE.lines().skip(1).filter_map(|line| line.split('\t').next()).map(str::to_owned).collect();
    let hierarchy = Hierarchy::from_tsv(TABLE, &names).expect("the table is sound");
    (names, hierarchy)
}

/// What is left out of a context, to see what the report does without it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    Nothing,
    Readout,
}

/// Four networks with their untrained twins, analysed.
pub(crate) fn context(size: Size) -> Context {
    context_without(size, Without::Nothing, 4)
}

/// The first few networks, perhaps without a readout.
pub(crate) fn context_without(size: Size, without: Without, n_networks: usize) -> Context {
    let (names, hierarchy) = classes();
    let twins: Vec<(Trajectories, Trajectories)> = CHARACTERS[..n_networks]
        .iter()
        .enumerate()
        .map(|(index, character)| {
            (trained(index, character, size, without), untrained(index, character, size))
        })
        .collect();
    let controls =
        [("BNet", 0.8), ("BNet untrained", 0.0)].map(|(name, by)| feedforward(name, by, &twins[0].0));
    let controls: Vec<&dyn TrajectorySource> = controls.iter().map(|control| control as _).collect();
    let lesioned: Vec<[Trajectories; 2]> =
        twins.iter().map(|(trained, _)| [1, 3].map(|from| lesioned(trained, from))).collect();
    let lesions: Vec<Vec<(String, &dyn TrajectorySource)>> = lesioned
        .iter()
        .map(|runs| runs.iter().map(|run| (run.description().name.clone(), run as _)).collect())
        .collect();
    let properties = properties(&twins[0].0);
    let jacobians: Vec<JacobianRows> = (0..n_networks).map(|index| jacobians(index, size)).collect();
    let subjects: Vec<Subject> = twins
        .iter()
        .enumerate()
        .map(|(index, (trained, untrained))| Subject {
            trajectories: trained,
            untrained: Some(untrained),
            controls: &controls,
            lesions: &lesions[index],
            properties: Some(&properties),
            jacobians: Some(&jacobians[index]),
            known: None,
        })
        .collect();
    let options = Options {
        uncertainty: Uncertainty { replicates: size.replicates, ..Uncertainty::default() },
        ..Options::default()
    };
    let request =
        Request { subjects: &subjects, analyses: Selection::All, options: &options, stop: &Stop::default() };
    let results = analyse(&request).expect("the synthetic networks are sound");
    let second: Vec<Trajectories> = CHARACTERS[..n_networks]
        .iter()
        .enumerate()
        .map(|(index, character)| trained(index + CHARACTERS.len(), character, size, without))
        .collect();
    let seeds = subjects.iter().copied().chain(second.iter().map(|network| Subject::of(network)));
    let cases: Vec<Case> = seeds
        .zip(CHARACTERS[..n_networks].iter().cycle())
        .map(|(subject, character)| Case {
            network: character.name.into(),
            subject,
            long: None,
            with_bias: None,
            bias_removed: None,
            random: Vec::new(),
            factors: Vec::new(),
        })
        .collect();
    let judged =
        judge(&cases, Against::Other, &options, &Stop::default()).expect("seeds see the same images");
    let networks: Vec<Network> = results
        .networks
        .into_iter()
        .zip(&CHARACTERS)
        .map(|(results, character)| Network {
            results,
            hierarchy: Some(hierarchy.clone()),
            family: Some("BLT".into()),
            drawing: Some(drawing(character)),
            stimuli: BTreeMap::new(),
        })
        .collect();
    let shown: BTreeSet<(usize, usize)> = networks
        .iter()
        .filter_map(|network| network.results.get::<Projection>())
        .flat_map(|projection| projection.shown.iter().map(|shown| (shown.image, shown.label)))
        .collect();
    let thumbnails: BTreeMap<usize, Thumbnail> =
        shown.into_iter().map(|(image, label)| (image, thumbnail(image, label))).collect();
    let line = |key: &str, value: &str| Provenance { key: key.into(), value: value.into() };
    Context {
        title: "How four recurrent networks make up their mind".into(),
        stimuli: format!("synthetic trajectories of {} classes", names.len()),
        options,
        networks,
        challenged: Vec::new(),
        judged: Some(judged),
        between: results.between,
        comparison: None,
        thumbnails,
        provenance: vec![
            line("made by", "crates/report/examples/synthetic.rs"),
            line("what it is", "invented trajectories, to try the report; no network was trained"),
        ],
    }
}

fn labels(n_images: usize, n_classes: usize) -> Vec<usize> {
    (0..n_images).map(|image| image % n_classes).collect()
}

fn readout(index: usize) -> Array2<f32> {
    let (names, hierarchy) = classes();
    let mut drawn: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut stream = Stream::new(17, &[index as u64]);
    let mut part = |name: &str| -> Vec<f64> {
        drawn
            .entry(name.to_owned())
            .or_insert_with(|| (0..N_UNITS).map(|_| stream.between(-1.0, 1.0)).collect())
            .clone()
    };
    let mut weight = Array2::zeros((names.len(), N_UNITS));
    for (class, name) in names.iter().enumerate() {
        let (wide, narrow, own) =
            (part(&hierarchy.groups[class][0]), part(&hierarchy.groups[class][1]), part(name));
        for unit in 0..N_UNITS {
            weight[[class, unit]] = (0.55 * wide[unit] + 0.6 * narrow[unit] + 0.55 * own[unit]) as f32;
        }
    }
    weight
}

fn trained(index: usize, character: &Character, size: Size, without: Without) -> Trajectories {
    let (names, hierarchy) = classes();
    let weight = readout(index);
    let labels = labels(size.images, names.len());
    let mut representations = Array3::zeros((size.images, size.steps, N_UNITS));
    let mut logits = Array3::zeros((size.images, size.steps, names.len()));
    for (image, &label) in labels.iter().enumerate() {
        let mut stream = Stream::new(23, &[index as u64, image as u64]);
        let relatives: Vec<usize> =
            (0..names.len()).filter(|&other| hierarchy.distance(other, label) <= 1).collect();
        let from = if stream.unit() < 0.75 {
            relatives[stream.below(relatives.len())]
        } else {
            stream.below(names.len())
        };
        let to =
            if stream.unit() < character.lost { relatives[stream.below(relatives.len())] } else { label };
        let pace = character.pace * stream.between(0.15, 1.6);
        let wobble: Vec<f64> = (0..N_UNITS).map(|_| stream.between(-1.0, 1.0)).collect();
        for step in 0..size.steps {
            let share = 1.0 - (-pace * (step as f64 + 0.35) / 2.2).exp();
            let length = 1.0 + character.gain * share;
            for unit in 0..N_UNITS {
                let drift =
                    (1.0 - share) * f64::from(weight[[from, unit]]) + share * f64::from(weight[[to, unit]]);
                let jitter =
                    character.noise * (2.2 * wobble[unit] + stream.between(-1.0, 1.0) / (1.0 + step as f64));
                representations[[image, step, unit]] = (length * (drift + 0.8 * jitter)).max(-0.2) as f32;
            }
            for class in 0..names.len() {
                let products = weight
                    .row(class)
                    .iter()
                    .zip(representations.slice(s![image, step, ..]))
                    .map(|(w, r)| w * r)
                    .sum();
                logits[[image, step, class]] = products;
            }
        }
    }
    let readout = (without != Without::Readout).then_some(Readout { weight, bias: None });
    let about = describe(character.name, character.name, size, readout);
    Trajectories::new(about, labels, representations, logits).expect("the shapes fit")
}

fn untrained(index: usize, character: &Character, size: Size) -> Trajectories {
    let n_classes = classes().0.len();
    let mut representations = Array3::zeros((size.images, size.steps, N_UNITS));
    for image in 0..size.images {
        let mut stream = Stream::new(29, &[index as u64, image as u64]);
        let (from, to): (Vec<f64>, Vec<f64>) =
            (0..N_UNITS).map(|_| (stream.between(0.0, 1.5), stream.between(0.0, 1.5))).unzip();
        for step in 0..size.steps {
            let share = 1.0 - (-0.7 * step as f64).exp();
            for unit in 0..N_UNITS {
                representations[[image, step, unit]] = ((1.0 - share) * from[unit] + share * to[unit]) as f32;
            }
        }
    }
    let logits = Array3::zeros((size.images, size.steps, n_classes));
    let about = describe(&format!("{} untrained", character.name), character.name, size, None);
    Trajectories::new(about, labels(size.images, n_classes), representations, logits).expect("the shapes fit")
}

/// A network that sees each image once; an image is longer by up to a share, the longer
/// another network spends in the zone of its class.
fn feedforward(name: &str, by: f64, quick: &Trajectories) -> Trajectories {
    let block = quick.read(0..quick.labels().len()).expect("it is in memory");
    let (n_images, n_steps, n_classes) = block.logits.dim();
    let mut representations = Array3::zeros((n_images, 1, N_UNITS));
    for (image, &label) in block.labels.iter().enumerate() {
        let correct = |step: &usize| {
            let logits = block.logits.slice(s![image, *step, ..]);
            logits.iter().all(|&logit| logit <= logits[label])
        };
        let length = 1.0 + by * (0..n_steps).filter(correct).count() as f64 / n_steps as f64;
        let mut stream = Stream::new(37, &[image as u64, name.len() as u64]);
        for unit in 0..N_UNITS {
            representations[[image, 0, unit]] = (length * stream.between(0.0, 1.2)) as f32;
        }
    }
    let size = Size { images: n_images, steps: 1, replicates: 0 };
    let about = describe(name, "feedforward", size, None);
    let logits = Array3::zeros((n_images, 1, n_classes));
    Trajectories::new(about, block.labels, representations, logits).expect("the shapes fit")
}

/// Steps that amplify less and less: first growth, then decay.
fn jacobians(index: usize, size: Size) -> JacobianRows {
    let images: Vec<usize> = (0..size.images).collect();
    let array = |scale: f64| {
        Array2::from_shape_fn((images.len(), size.steps - 1), |(image, step)| {
            let spread = 1.0 + 0.2 * (image as f64 * 1.7).sin() + 0.05 * index as f64;
            scale * spread * (0.5 + 1.0 / (1.0 + step as f64))
        })
    };
    JacobianRows {
        singular: array(1.2),
        eigenvalue_real: array(0.7),
        eigenvalue_imaginary: array(0.1),
        singular_residual: array(1e-5),
        eigenvalue_residual: array(1e-5),
        tolerance: 1e-3,
        images,
    }
}

/// A network whose answers stay what they were, for every other image, once it is cut.
fn lesioned(intact: &Trajectories, from: usize) -> Trajectories {
    let mut block = intact.read(0..intact.labels().len()).expect("it is in memory");
    let (n_images, n_steps, _) = block.logits.dim();
    for image in (0..n_images).step_by(2) {
        for step in from + 1..n_steps {
            let held = block.logits.slice(s![image, from, ..]).to_owned();
            block.logits.slice_mut(s![image, step, ..]).assign(&held);
        }
    }
    let about =
        Description { name: format!("it.lateral@{from}.."), readout: None, ..intact.description().clone() };
    Trajectories::new(about, block.labels, block.representations, block.logits).expect("the shapes fit")
}

/// Invented properties, of which the first goes with the length of the first representation.
fn properties(of: &Trajectories) -> Properties {
    let block = of.read(0..of.labels().len()).expect("it is in memory");
    let value = |(image, property): (usize, usize)| {
        let mut stream = Stream::new(41, &[image as u64, property as u64]);
        let first = block.representations.slice(s![image, 0, ..]);
        let length: f32 = first.iter().map(|value| value * value).sum();
        Some(stream.normal() + if property == 0 { f64::from(length) } else { 0.0 })
    };
    let names = ["contrast", "clutter", "object_size"].map(str::to_owned).into();
    Properties { names, values: Array2::from_shape_fn((block.labels.len(), 3), value) }
}

fn describe(name: &str, network: &str, size: Size, readout: Option<Readout>) -> Description {
    let (names, hierarchy) = classes();
    Description {
        name: name.into(),
        network: format!("synthetic {network}"),
        area: "gap".into(),
        epoch: Some(if name.ends_with("untrained") { -1 } else { 12 }),
        seed: Some(0),
        n_images: size.images,
        n_steps: size.steps,
        n_units: N_UNITS,
        classes: names,
        hierarchy: Some(hierarchy),
        readout,
        time: None,
        digest: format!("{:016x}", redyn_core::random::mix(name.len() as u64)),
    }
}

fn drawing(character: &Character) -> Drawing {
    let area = |name: &str, shape| DrawnArea { name: name.into(), shape };
    let mut edges = Vec::new();
    let mut edge = |kind: Kind, from: &str, to: &str, op: &str, delay| {
        let name = format!("{to}.{}", kind.word());
        edges.push(DrawnEdge { name, kind, from: from.into(), to: to.into(), op: op.into(), delay });
    };
    let chain = ["image", "retina", "v1", "v2", "v4", "it", "gap", "readout"];
    for pair in chain.windows(2) {
        let op = match pair[1] {
            "gap" => "average pool",
            "readout" => "linear",
            _ => "conv",
        };
        edge(Kind::BottomUp, pair[0], pair[1], op, 0);
    }
    if character.lateral {
        for name in ["v2", "v4", "it", "gap"] {
            edge(Kind::Lateral, name, name, "conv", 1);
        }
    }
    if character.top_down {
        edge(Kind::TopDown, "v4", "v2", "transposed conv", 1);
        edge(Kind::TopDown, "it", "v4", "transposed conv", 1);
    }
    Drawing {
        areas: vec![
            area("image", [64, 64, 3]),
            area("retina", [64, 64, 8]),
            area("v1", [64, 64, 16]),
            area("v2", [32, 32, 32]),
            area("v4", [16, 16, 64]),
            area("it", [8, 8, 128]),
            area("gap", [1, 1, 128]),
            area("readout", [1, 1, 16]),
        ],
        edges,
    }
}

/// A disc, ring or square in a class's own colours, where the image's number puts it.
fn thumbnail(image: usize, label: usize) -> Thumbnail {
    const SIDE: u32 = 48;
    let mut stream = Stream::new(31, &[image as u64]);
    let (x, y, r) = (stream.between(16.0, 32.0), stream.between(16.0, 32.0), stream.between(9.0, 15.0));
    let tone = |phase: f64| (128.0 + 100.0 * (label as f64 * 2.4 + phase).cos()) as u8;
    let body = image::Rgb([tone(0.0), tone(2.1), tone(4.2)]);
    let (shade, kind) = (stream.below(60) as u8, label % 3);
    let picture = image::RgbImage::from_fn(SIDE, SIDE, |column, row| {
        let (dx, dy) = (f64::from(column) - x, f64::from(row) - y);
        let inside = match kind {
            0 => dx.hypot(dy) < r,
            1 => (0.5 * r..r).contains(&dx.hypot(dy)),
            _ => dx.abs().max(dy.abs()) < 0.85 * r,
        };
        let ground = 90 + shade + (row / 2) as u8 + (column / 3) as u8;
        if inside { body } else { image::Rgb([ground, ground, ground.saturating_add(12)]) }
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("memory takes any picture");
    Thumbnail::new(bytes.into_inner()).expect("it is a PNG")
}
