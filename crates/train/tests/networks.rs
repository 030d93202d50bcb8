//! The catalogue's networks against the outputs of their reference implementations.
//!
//! Cases, keys, versions of the references and the reasons for the limits are in
//! `tests/golden/README.md`.

mod closed_form;
mod goldens;

use closed_form::Input;
use goldens::{Golden, assert_close, channels_first, largest, norm};
use redyn_engine::{Cpu, Engine, Kernels, Shape};
use redyn_network::{Effect, Intervention, Plan, Request, Session};
use redyn_zoo::{Network, Parity};

/// Logits, representations and taps, relative to the largest magnitude of a step: about ten
/// times the distance of the reference's own float32 from float64.
const VALUES: f64 = 1e-5;
/// The same for Winograd's tiles of 4 × 4, which magnify rounding: the limit of the engine's own
/// tests against naive twins.
const TILES_OF_FOUR: f64 = 2e-5;

/// The order of the values of a tap in the reference's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    ChannelsFirst,
    ChannelsLast,
}

struct Case {
    golden: &'static str,
    spec: &'static str,
    steps: usize,
    /// The first step that is read out.
    first_read: usize,
    images: (usize, usize, usize),
    input: Input,
    /// Factor of all kernels and matrices.
    gain: f64,
    order: Order,
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
    first_read: 0,
    images: (2, 224, 16),
    input: Input::ImageNet,
    gain: 1.0,
    order: Order::ChannelsFirst,
    limit: |_| VALUES,
    theirs: |name, step| named(name, step, "fc"),
};

/// The same where there is no normalisation: the references' own float32 is as far as 2e-6 from
/// float64 there.
const WITHOUT_NORMS: f64 = 2e-5;
/// The same after feedback has passed through such a network.
const AFTER_FEEDBACK: f64 = 5e-5;

/// The same for every time that signals have gone down and up BLT-VS in sweeps, whose logits are 1.2e-6
/// from float64 at the first step and 1.8e-5 at the sixth; area by area it takes two steps to differ
/// as much, single values of its maps 1.5e-5 at the twelfth.
const DOWN_AND_UP: f64 = 3e-5;

const ALEXNET: Case = Case {
    golden: "alexnet",
    spec: "alexnet",
    gain: 1.5,
    limit: |_| WITHOUT_NORMS,
    theirs: |name, step| named(name, step, "classifier.6"),
    ..RESNET
};

const LRM3: Case = Case {
    golden: "lrm3_2pass",
    spec: "lrm3",
    steps: 2,
    limit: |step| if step == 0 { WITHOUT_NORMS } else { AFTER_FEEDBACK },
    ..ALEXNET
};

const CORNET_RT: Case = Case {
    golden: "cornet_rt_T5",
    spec: "cornet_rt",
    steps: 5,
    // The reference calls these layers only when there is an input, and counts calls.
    theirs: |name, step| {
        let later = name.ends_with("_input") && !name.starts_with("V1");
        (name.to_owned(), if later { step - 1 } else { step })
    },
    ..RESNET
};

/// The same names; what CORnet-S is after a loop its reference gives one name and a number.
const CORNET_S: Case = Case {
    golden: "cornet_s",
    spec: "cornet_s",
    theirs: |name, step| match name.rsplit_once('.') {
        Some((area, turn)) if turn.parse::<usize>().is_ok() => {
            (format!("{area}.output"), turn.parse().unwrap())
        }
        _ => (name.to_owned(), step),
    },
    ..RESNET
};

const BLT_VS: Case = Case {
    golden: "blt_vs_sweeps_T6",
    spec: "blt_vs",
    steps: 6,
    input: Input::PlusMinusOne,
    limit: |step| DOWN_AND_UP * (step + 1) as f64,
    theirs: |name, step| (name.to_owned(), step),
    ..RESNET
};

const BL: Case = Case {
    golden: "bl_T8",
    spec: "bl",
    steps: 8,
    images: (1, 128, 16),
    input: Input::PlusMinusOne,
    order: Order::ChannelsLast,
    ..RESNET
};

const RGC_SHALLOW: Case = Case {
    golden: "rgc_shallow_T16",
    spec: "rgc_shallow",
    steps: 16,
    order: Order::ChannelsLast,
    theirs: |name, step| named(name, step, "imnetds"),
    ..RESNET
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
    let first = case.first_read;
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
                let theirs = &theirs[(step - first) * ours.len()..][..ours.len()];
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
    // Every tap of the reference, and logits and representation at every step at which there are any.
    let expected = golden.n_taps() + 2 * (case.steps - first);
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
    let ours: Vec<f64> = match case.order {
        Order::ChannelsFirst => channels_first(whole(0), shape),
        Order::ChannelsLast => whole(0).iter().map(|&value| f64::from(value)).collect(),
    };
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

#[test]
fn alexnet_is_torchvisions() {
    check(&ALEXNET);
}

#[test]
fn lrm3_is_the_references() {
    check(&LRM3);
}

#[test]
fn cornet_rt_is_the_references() {
    check(&CORNET_RT);
}

#[test]
fn cornet_r_z_and_s_are_the_references() {
    check(&Case { golden: "cornet_r_T5", spec: "cornet_r", ..CORNET_RT });
    check(&Case { golden: "cornet_z", spec: "cornet_z", theirs: CORNET_S.theirs, ..RESNET });
    check(&CORNET_S);
}

#[test]
fn blt_vs_is_the_references() {
    check(&BLT_VS);
    let spec = "blt_vs:unroll=biological,classes=565";
    let golden = "blt_vs_biological_T12";
    let limit = |step: usize| DOWN_AND_UP * (step + 1) as f64 / 2.0;
    check(&Case { golden, spec, steps: 12, first_read: 4, limit, ..BLT_VS });
}

#[test]
fn bl_is_the_references() {
    check(&BL);
}

#[test]
fn b_is_the_references() {
    check(&Case { golden: "b", spec: "b", steps: 1, images: (2, 128, 16), gain: 1.5, ..BL });
}

#[test]
fn rgc_shallow_is_the_references() {
    check(&RGC_SHALLOW);
}

#[test]
fn rgc_intermediate_is_the_references() {
    let spec = "rgc_intermediate";
    check(&Case { golden: "rgc_intermediate_T17", spec, steps: 17, gain: 0.75, ..RGC_SHALLOW });
}

#[test]
fn lrm3_is_steered_as_the_references() {
    let network = redyn_zoo::build(LRM3.spec).unwrap();
    let weights = closed_form::weights(&network.graph, LRM3.gain);
    let (n, size, square) = LRM3.images;
    let images = closed_form::images(n, size, square, LRM3.input);
    let mut golden = Golden::open(LRM3.golden);
    let goal: Vec<f32> = closed_form::unit("steering_goal").take(1000).map(|u| u as f32).collect();
    let head: Vec<f64> = goal[..16].iter().map(|&value| f64::from(value)).collect();
    assert_eq!(head, golden.get("steered/goal_head"));
    let engine = Cpu::with(Kernels::Accurate);
    for (array, strength, share) in [("steered", [3.0, 3.0], 1.0), ("steered_alpha", [2.0, 0.5], 0.25)] {
        let mut request = Request::readout(LRM3.steps);
        for edge in ["features.8.top_down", "features.10.top_down"] {
            let [negative, positive] = strength;
            for effect in
                [Effect::Steer { goal: goal.clone(), share }, Effect::Amplify { negative, positive }]
            {
                request.interventions.push(Intervention { edge: edge.into(), effect, steps: 1..2 });
            }
        }
        let plan = Plan::new(&network.graph, &request).unwrap();
        let theirs = golden.get(&format!("{array}/logits"));
        let session = Session::new(&engine, &network.graph, plan, &weights).unwrap();
        session.run(&images, |emission| {
            let mut logits = vec![0.0; n * emission.shape.len()];
            engine.read(emission.value, &mut logits);
            let ours: Vec<f64> = logits.iter().map(|&value| f64::from(value)).collect();
            let theirs = &theirs[emission.step * ours.len()..][..ours.len()];
            let limit = (LRM3.limit)(emission.step) * largest(theirs);
            assert_close(&format!("{array} at {}", emission.step), &ours, theirs, limit);
        });
    }
}
