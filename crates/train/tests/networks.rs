//! The catalogue's networks against the outputs of their reference implementations.
//!
//! Cases, keys, versions of the references and the reasons for the limits are in
//! `tests/golden/README.md`.

mod closed_form;
mod goldens;

use closed_form::Input;
use goldens::{Golden, assert_close, channels_first, largest, norm};
use redyn_engine::{Cpu, Engine, Kernels, Shape};
use redyn_network::{Plan, Request, Session};
use redyn_zoo::{Network, Parity};

/// Logits, representations and taps, relative to the largest magnitude of a step: about ten
/// times the distance of the reference's own float32 from float64.
const VALUES: f64 = 1e-5;
/// The same for Winograd's tiles of 4 × 4, which magnify rounding: the limit of the engine's own
/// tests against naive twins.
const TILES_OF_FOUR: f64 = 2e-5;

struct Case {
    golden: &'static str,
    spec: &'static str,
    steps: usize,
    images: (usize, usize, usize),
    input: Input,
    /// Factor of all kernels and matrices.
    gain: f64,
    /// Limit by step.
    limit: fn(usize) -> f64,
    /// The reference's name and index of one of our taps at one of our steps.
    theirs: fn(&str, usize) -> (String, usize),
}

/// The same names at the same steps; the readout has its reference's own.
fn named(name: &str, step: usize, readout: &str) -> (String, usize) {
    (if name == "readout" { readout } else { name }.to_owned(), step)
}

const RESNET: Case = Case {
    golden: "resnet18",
    spec: "resnet18",
    steps: 1,
    images: (2, 224, 16),
    input: Input::ImageNet,
    gain: 1.0,
    limit: |_| VALUES,
    theirs: |name, step| named(name, step, "fc"),
};

/// Compare logits, representation and every tap at every step, none left out on either side.
fn check(case: &Case) {
    check_with(case, Kernels::Accurate);
}

fn check_with(case: &Case, kernels: Kernels) {
    let network = redyn_zoo::build(case.spec).unwrap();
    assert_eq!(network.card.parity, Parity::Verified, "{}", case.spec);
    let weights = closed_form::weights(&network.graph, case.gain);
    let (n, size, square) = case.images;
    let images = closed_form::images(n, size, square, case.input);
    let mut golden = Golden::open(case.golden);
    let engine = Cpu::with(kernels);
    let names = taps(&network);
    let request = Request::taps(case.steps, names.iter().map(String::as_str));
    let plan = Plan::new(&network.graph, &request).unwrap();
    let session = Session::new(&engine, &network.graph, plan, &weights).unwrap();
    let (mut compared, mut worst) = (0, 0.0_f64);
    session.run(&images, |emission| {
        let (name, step, shape) = (names[emission.tap].as_str(), emission.step, emission.shape);
        let mut values = vec![0.0; n * shape.len()];
        engine.read(emission.value, &mut values);
        let magnified = if kernels == Kernels::Fast { TILES_OF_FOUR / VALUES } else { 1.0 };
        let limit = (case.limit)(step) * magnified;
        for (array, tap) in [("logits", &network.card.readout.tap), ("rep", &network.card.readout.area)] {
            if name == tap {
                let ours: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
                let theirs = golden.get(array);
                let theirs = &theirs[step * ours.len()..][..ours.len()];
                assert_close(
                    &format!("{} {array} at {step}", case.golden),
                    &ours,
                    theirs,
                    limit * largest(theirs),
                );
                compared += 1;
            }
        }
        let (theirs, index) = (case.theirs)(name, step);
        if golden.has(&format!("tap/{theirs}/{index}/norm")) {
            let key = format!("tap/{theirs}/{index}");
            worst = worst.max(compare_tap(case, &key, &mut golden, (&values, shape), limit));
            compared += 1;
        }
    });
    // Every tap of the reference, and logits and representation at every step.
    let expected = golden.n_taps() + 2 * case.steps;
    assert_eq!(compared, expected, "{}: comparisons", case.golden);
    println!("ran {}: {compared} comparisons, worst tap norm {worst:.1e} ({})", case.golden, engine.path());
}

fn compare_tap(
    case: &Case,
    key: &str,
    golden: &mut Golden,
    (values, shape): (&[f32], Shape),
    limit: f64,
) -> f64 {
    let mut worst = 0.0_f64;
    let whole = |image: usize| &values[image * shape.len()..][..shape.len()];
    for (image, theirs) in golden.get(&format!("{key}/norm")).into_iter().enumerate() {
        let ours = norm(whole(image).iter().map(|&value| f64::from(value)));
        let distance = if theirs == 0.0 { ours } else { (ours / theirs - 1.0).abs() };
        assert!(distance <= limit, "{} {key}/norm of image {image}: {ours} instead of {theirs}", case.golden);
        worst = worst.max(distance);
    }
    let head = golden.get(&format!("{key}/head"));
    let ours = channels_first(whole(0), shape);
    let scale = largest(&head).max(norm(ours.iter().copied()) / (shape.len() as f64).sqrt());
    assert_close(&format!("{} {key}/head", case.golden), &ours[..head.len()], &head, limit * scale);
    worst
}

fn taps(network: &Network) -> Vec<String> {
    network.graph.taps().map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn resnet18_is_torchvisions() {
    check(&RESNET);
    let small = Case {
        golden: "resnet18_64px_100",
        spec: "resnet18:image_size=64,classes=100",
        images: (2, 64, 8),
        ..RESNET
    };
    for kernels in [Kernels::Direct, Kernels::Accurate, Kernels::Fast] {
        check_with(&small, kernels);
    }
}
