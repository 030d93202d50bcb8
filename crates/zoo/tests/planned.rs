//! A planned run gives the bits of the plain loop, and interventions do what they say.

use std::collections::BTreeMap;

use redyn_engine::{Cpu, Engine};
use redyn_network::{Plan, Request, Session, Weights};
use redyn_zoo::{Network, build};

const SPECS: [&str; 7] = [
    "blt64:width=0.1,image_size=16,classes=5",
    "blt64:top_down=1,width=0.1,image_size=16,classes=5",
    "blt64:top_down=1,interaction=multiplicative,width=0.1,image_size=16,classes=5",
    "blt64:lateral=0,top_down=1,interaction=multiplicative,width=0.1,image_size=16,classes=5",
    "blt64:position=last,width=0.1,image_size=16,classes=5",
    "blt64:top_down=1,norm=None,classifier_bias=1,width=0.1,image_size=16,classes=5",
    "blt128:top_down=1,width=0.1,image_size=16,classes=5",
];
const STEPS: usize = 4;

/// Smooth images that differ from one another.
fn images(n: usize, side: usize) -> Vec<f32> {
    (0..n * side * side * 3).map(|i| ((i as f32) * 0.37).sin() + ((i / 7) as f32 * 0.11).cos()).collect()
}

/// Every value of every tap at every step, by name and step.
fn run(
    network: &Network,
    plan: Plan,
    names: &[String],
    images: &[f32],
) -> BTreeMap<(String, usize), Vec<f32>> {
    let weights = Weights::initial(&network.graph, 3);
    let engine = Cpu::new();
    let session = Session::new(&engine, &network.graph, plan, &weights).unwrap();
    let batch = images.len() / network.graph.image_shape().len();
    let mut values = BTreeMap::new();
    session.run(images, |emission| {
        let mut value = vec![0.0; batch * emission.shape.len()];
        engine.read(emission.value, &mut value);
        values.insert((names[emission.tap].clone(), emission.step), value);
    });
    values
}

fn all_taps(network: &Network) -> Vec<String> {
    network.graph.taps().map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn a_planned_run_is_the_plain_loop_to_the_last_bit() {
    for spec in SPECS {
        let network = build(spec).unwrap();
        let names = all_taps(&network);
        let request = Request::taps(STEPS, names.iter().map(String::as_str));
        let images = images(3, 16);
        let planned = run(&network, Plan::new(&network.graph, &request).unwrap(), &names, &images);
        let published = run(&network, Plan::published(&network.graph, &request).unwrap(), &names, &images);
        assert_eq!(planned.len(), names.len() * STEPS, "{spec}");
        assert!(planned == published, "{spec}");
        assert!(planned.values().flatten().all(|value| value.is_finite()), "{spec}");
        let first = &planned[&("gap".to_owned(), 0)];
        let lateral_only_in_gap = spec.contains("position=last");
        let moved = planned[&("gap".to_owned(), STEPS - 1)] != *first;
        assert!(moved, "{spec}: recurrence does something");
        let it_moved = planned[&("it".to_owned(), STEPS - 1)] != planned[&("it".to_owned(), 0)];
        assert_eq!(it_moved, !lateral_only_in_gap, "{spec}");
    }
}

#[test]
fn an_image_is_the_same_in_any_batch() {
    for spec in SPECS {
        let network = build(spec).unwrap();
        let names = vec!["readout".to_owned()];
        let plan = || Plan::new(&network.graph, &Request::readout(STEPS)).unwrap();
        let five = images(5, 16);
        let together = run(&network, plan(), &names, &five);
        for image in 0..5 {
            let alone = run(&network, plan(), &names, &five[image * 768..][..768]);
            for (key, value) in &alone {
                assert!(*value == together[key][image * 5..][..5], "{spec}, image {image}, step {}", key.1);
            }
        }
    }
}

#[test]
fn a_longer_run_begins_with_the_shorter_one() {
    let network = build(SPECS[1]).unwrap();
    let names = all_taps(&network);
    let request = |steps| Request::taps(steps, names.iter().map(String::as_str));
    let short = run(&network, Plan::new(&network.graph, &request(3)).unwrap(), &names, &images(2, 16));
    let long = run(&network, Plan::new(&network.graph, &request(7)).unwrap(), &names, &images(2, 16));
    assert!(short.iter().all(|(key, value)| long[key] == *value));
}

#[test]
fn cutting_every_recurrent_edge_leaves_the_first_step() {
    let network = build(SPECS[2]).unwrap();
    let names = vec!["readout".to_owned()];
    let cut = |from: usize| {
        let mut request = Request::readout(STEPS);
        for edge in
            network.graph.edges().filter(|edge| edge.ends_with("lateral") || edge.ends_with("top_down"))
        {
            request.interventions.push(format!("{edge}@{from}..").parse().unwrap());
        }
        run(&network, Plan::new(&network.graph, &request).unwrap(), &names, &images(2, 16))
    };
    let intact =
        run(&network, Plan::new(&network.graph, &Request::readout(STEPS)).unwrap(), &names, &images(2, 16));
    let at = |values: &BTreeMap<(String, usize), Vec<f32>>, step: usize| {
        values[&("readout".to_owned(), step)].clone()
    };
    let never = cut(0);
    for step in 1..STEPS {
        assert_eq!(at(&never, step), at(&never, 0), "without recurrence every step is the first");
    }
    let late = cut(2);
    assert_eq!(at(&late, 1), at(&intact, 1), "nothing changes before the lesion");
    assert_ne!(at(&late, 2), at(&intact, 2));
    // What is cut for good lets the planner leave the later steps out altogether.
    let mut request = Request::readout(STEPS);
    request.interventions = network
        .graph
        .edges()
        .filter(|edge| edge.ends_with("lateral") || edge.ends_with("top_down"))
        .map(|edge| edge.parse().unwrap())
        .collect();
    let once = Plan::new(&network.graph, &Request::readout(1)).unwrap().cost();
    assert_eq!(Plan::new(&network.graph, &request).unwrap().cost(), once);
}

#[test]
fn an_edge_scaled_by_zero_adds_nothing() {
    let network = build(SPECS[0]).unwrap();
    let names = vec!["readout".to_owned()];
    let with = |interventions: &[&str]| {
        let mut request = Request::readout(STEPS);
        request.interventions = interventions.iter().map(|text| text.parse().unwrap()).collect();
        run(&network, Plan::new(&network.graph, &request).unwrap(), &names, &images(2, 16))
    };
    let edges = ["v2.lateral", "v4.lateral", "it.lateral", "gap.lateral"];
    let scaled: Vec<String> = edges.iter().map(|edge| format!("{edge}=0")).collect();
    let scaled: Vec<&str> = scaled.iter().map(String::as_str).collect();
    assert_eq!(with(&scaled), with(&edges), "additive: 0 times the lateral is no lateral");
}

#[test]
fn a_lesion_that_leaves_nothing_is_refused() {
    let network = build(SPECS[0]).unwrap();
    let mut request = Request::last_readout(STEPS);
    request.interventions = vec!["retina.bottom_up".parse().unwrap()];
    let error = Plan::new(&network.graph, &request).unwrap_err().to_string();
    assert_eq!(error, "`readout` has no value at step 3: nothing reaches it");
    request.interventions = vec!["v4.latreal".parse().unwrap()];
    let error = Plan::new(&network.graph, &request).unwrap_err();
    assert_eq!(error.to_string(), "no edge named `v4.latreal`");
    assert_eq!(redyn_core::Diagnose::hint(&error).unwrap(), "did you mean `v4.lateral`?");
}

#[test]
fn weights_at_fault_are_all_listed() {
    let network = build(SPECS[0]).unwrap();
    let mut weights = Weights::initial(&network.graph, 1);
    let readout = weights.0.remove("readout.weight").unwrap();
    weights.0.insert("read_out.weight".into(), readout);
    weights.0.get_mut("retina.bias").unwrap().shape = vec![1, 3];
    let message = weights.check(&network.graph).unwrap_err().to_string();
    for part in
        ["missing `readout.weight` [5, 51]", "unexpected `read_out.weight`", "`retina.bias` has shape [1, 3]"]
    {
        assert!(message.contains(part), "{message}");
    }
}
