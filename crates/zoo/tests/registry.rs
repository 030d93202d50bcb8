//! Every network of the catalogue, small: what all of them must do.

use std::collections::BTreeMap;

use redyn_core::Diagnose;
use redyn_engine::{Cpu, Engine};
use redyn_network::{NetworkError, Plan, Request, Session, Weights};
use redyn_zoo::{NETWORKS, Network, build};

type Values = BTreeMap<(usize, usize), Vec<f32>>;

/// Every network, and one that a setting makes another.
fn names() -> impl Iterator<Item = &'static str> {
    NETWORKS.iter().map(|entry| entry.name).chain(["blt_vs:unroll=biological"])
}

/// A small member of every family, at the smallest size that leaves a map to its last layer.
fn small(name: &str) -> Network {
    let (name, settings) = name.split_once(':').unwrap_or((name, ""));
    let size = match name {
        "blt64" | "blt128" => "width=0.1,image_size=16",
        "blt_vs" => "width=0.06,image_size=32",
        "bl" | "b" | "b_k" | "b_f" | "b_d" => "width=0.04,image_size=64",
        "lrm1" | "lrm2" | "lrm3" | "lra3" | "alexnet" => "width=0.03,image_size=64",
        "vgg16" => "width=0.03,image_size=32",
        _ if name.ends_with("_shallow") => "width=0.06,image_size=72",
        _ => "width=0.06,image_size=48",
    };
    build(&format!("{name}:{settings},{size},classes=5")).unwrap()
}

/// Smooth images that differ from one another.
fn images(n: usize, side: usize) -> Vec<f32> {
    (0..n * side * side * 3).map(|i| ((i as f32) * 0.37).sin() + ((i / 7) as f32 * 0.11).cos()).collect()
}

/// Every tap at every step at which it has a value.
fn run(network: &Network, plan: Plan, weights: &Weights, images: &[f32]) -> Values {
    let engine = Cpu::new();
    let session = Session::new(&engine, &network.graph, plan, weights).unwrap();
    let batch = images.len() / network.graph.image_shape().len();
    let mut values = BTreeMap::new();
    session.run(images, |emission| {
        let mut value = vec![0.0; batch * emission.shape.len()];
        engine.read(emission.value, &mut value);
        values.insert((emission.tap, emission.step), value);
    });
    values
}

#[test]
fn every_network_is_planned_exactly_and_image_by_image() {
    for name in names() {
        let network = small(name);
        let (graph, card) = (&network.graph, &network.card);
        let weights = Weights::initial(graph, 3);
        let taps: Vec<&str> = graph.taps().map(|(name, _)| name).collect();
        let request = Request::taps(card.steps, taps.iter().copied());
        let three = images(3, card.image_size);
        let planned = run(&network, Plan::new(graph, &request).unwrap(), &weights, &three);
        let published = run(&network, Plan::published(graph, &request).unwrap(), &weights, &three);
        assert!(planned == published, "{name}: the plan gives the bits of the plain loop");
        for (&(tap, step), values) in &planned {
            let finite = values.iter().all(|value| value.is_finite());
            assert!(finite, "{name}: `{}` at {step}", taps[tap]);
        }
        for needed in [&card.readout.tap, &card.readout.area] {
            let tap = taps.iter().position(|tap| tap == needed).expect("a tap of the card");
            let first = (0..card.steps).find(|&step| planned.contains_key(&(tap, step)));
            let first = first.unwrap_or_else(|| panic!("{name}: no `{needed}`"));
            let begun = (first..card.steps).all(|step| planned.contains_key(&(tap, step)));
            assert!(begun, "{name}: `{needed}` at every step from {first} on");
            // Most are read from the first step on.
            let late = name.ends_with("thresh") || name.ends_with("maxconf") || name.ends_with("biological");
            assert!(first == 0 || late, "{name}: `{needed}` from {first} on");
        }
        let length = graph.image_shape().len();
        for image in [0, 2] {
            let plan = Plan::new(graph, &request).unwrap();
            let alone = run(&network, plan, &weights, &three[image * length..][..length]);
            for (key, values) in &alone {
                let together = &planned[key][image * values.len()..][..values.len()];
                assert!(values == together, "{name}: `{}`, image {image}", taps[key.0]);
            }
        }
        let plan = Plan::new(graph, &request).unwrap();
        let reached = plan.tap_reached();
        let readout = taps.iter().position(|tap| *tap == card.readout.tap).unwrap();
        let from = reached[readout].unwrap_or_else(|| panic!("{name}: no image reaches the readout"));
        let last = &planned[&(readout, card.steps - 1)];
        assert!(from < card.steps && last[..5] != last[5..10], "{name}: images differ");
    }
}

#[test]
fn further_steps_begin_with_the_published_ones_or_are_refused() {
    for name in names() {
        let network = small(name);
        let (graph, steps) = (&network.graph, network.card.steps);
        let longer = Request::readout(steps + 2);
        match graph.most_steps() {
            None => {
                let weights = Weights::initial(graph, 3);
                let image = images(1, network.card.image_size);
                let short = Plan::new(graph, &Request::readout(steps)).unwrap();
                let short = run(&network, short, &weights, &image);
                let long = run(&network, Plan::new(graph, &longer).unwrap(), &weights, &image);
                assert!(short.iter().all(|(key, values)| long[key] == *values), "{name}");
                assert_eq!(long.len(), short.len() + 2, "{name}");
            }
            Some(most) => {
                let error = Plan::new(graph, &longer).unwrap_err();
                assert_eq!(error, NetworkError::StepsBeyondParameters { steps: steps + 2, most });
                assert_eq!(error.hint().unwrap(), format!("ask for at most {most} steps"));
            }
        }
    }
}

#[test]
fn every_network_can_be_trained() {
    for name in names() {
        let network = small(name);
        let (graph, steps) = (&network.graph, network.card.steps);
        let mut weights = Weights::initial(graph, 3);
        // Away from zero: the shallow LSTM's norms of a map of zeros have a slope of a million, and
        // the steps before an image multiply several of them.
        for (parameter, tensor) in &mut weights.0 {
            let trained = graph.parameters().iter().any(|p| p.name == *parameter && p.averaging.is_none());
            if trained && tensor.data.iter().all(|&value| value == 0.0) {
                (0_u16..).zip(&mut tensor.data).for_each(|(n, value)| *value = 0.1 * f32::from(n).sin());
            }
        }
        let cpu = Cpu::new();
        let plan = Plan::training(graph, &Request::last_readout(steps)).unwrap();
        let session = Session::new(&cpu, graph, plan, &weights).unwrap();
        let tape = session.record(&images(2, network.card.image_size), |_| {});
        let gradient = (0..10).map(|index| (index as f32).sin()).collect();
        let output = redyn_network::OutputGradient { tap: 0, step: steps - 1, gradient };
        let gradients = session.backward(tape, vec![output]);
        let moved = gradients.iter().flatten().flatten();
        assert!(moved.clone().all(|value| value.is_finite()), "{name}");
        assert!(moved.clone().any(|&value| value != 0.0), "{name}");
    }
}

#[test]
fn connections_are_cut_and_cannot_be_steered_unless_they_say_so() {
    let network = small("lrm3");
    let mut request = Request::readout(2);
    for edge in network.graph.edges().filter(|edge| edge.ends_with("top_down")) {
        request.interventions.push(edge.parse().unwrap());
    }
    let weights = Weights::initial(&network.graph, 1);
    let image = images(1, 64);
    let cut = run(&network, Plan::new(&network.graph, &request).unwrap(), &weights, &image);
    assert_eq!(cut[&(0, 0)], cut[&(0, 1)], "without feedback every pass is the first");
    let steer = |network: &Network, edge: &str, goal: Vec<f32>| {
        let effect = redyn_network::Effect::Steer { goal, share: 1.0 };
        let intervention = redyn_network::Intervention { edge: edge.into(), effect, steps: 1..2 };
        let request = Request { interventions: vec![intervention], ..Request::readout(2) };
        Plan::new(&network.graph, &request).unwrap_err().to_string()
    };
    assert_eq!(
        steer(&network, "features.8.top_down", vec![0.0; 3]),
        "edge `features.8.top_down`: the goal has 3 values, 5 are sent over it"
    );
    assert_eq!(
        steer(&small("blt64"), "v2.lateral", vec![0.0; 3]),
        "edge `v2.lateral`: what is sent over it cannot be steered"
    );
}
