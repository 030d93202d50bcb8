//! Decoders over time against their rules, applied to the logits of every step.

use std::collections::BTreeMap;

use redyn_engine::{Cpu, Engine};
use redyn_network::{Plan, Request, Session, Weights};
use redyn_zoo::build;

/// The published window begins a step after an image can have arrived: ten nodes, then the readout.
const FROM: usize = 11;
const STEPS: usize = 17;
const CLASSES: usize = 5;
const IMAGES: usize = 6;

/// What is read out, and the logits themselves, by step: `[image, class]`.
fn run(spec: &str, sharpness: f32, threshold: Option<f32>) -> [BTreeMap<usize, Vec<f32>>; 2] {
    let network = build(&format!("{spec}:width=0.06,image_size=48,classes={CLASSES}")).unwrap();
    let mut weights = Weights::initial(&network.graph, 3);
    let mut set = |name: &str, value: f32| {
        weights.0.get_mut(&format!("tnn_model/{name}")).unwrap().data = vec![value];
    };
    set("normalize/softmax_beta", sharpness);
    if let Some(threshold) = threshold {
        set("decoder_threshold", threshold);
    }
    let images: Vec<f32> = (0..IMAGES * 48 * 48 * 3)
        .map(|i| (i as f32 * 0.37).sin() + (i as f32 / 900.0).cos() * (i / 6912) as f32)
        .collect();
    let cpu = Cpu::new();
    let plan = Plan::new(&network.graph, &Request::taps(STEPS, ["readout", "imnetds"])).unwrap();
    let mut found = [BTreeMap::new(), BTreeMap::new()];
    Session::new(&cpu, &network.graph, plan, &weights).unwrap().run(&images, |emission| {
        let mut values = vec![0.0; IMAGES * CLASSES];
        cpu.read(emission.value, &mut values);
        found[emission.tap].insert(emission.step, values);
    });
    found
}

/// `max softmax(β x)` of an image.
fn confidence(logits: &[f32], sharpness: f32) -> f64 {
    let shares: Vec<f64> = logits.iter().map(|&x| (f64::from(sharpness) * f64::from(x)).exp()).collect();
    shares.iter().copied().fold(0.0, f64::max) / shares.iter().sum::<f64>()
}

#[test]
fn the_readout_is_what_the_published_rules_choose() {
    let sharpness = 3.0;
    let [_, logits] = run("rgc_intermediate_tmaxconf", sharpness, None);
    let of = |step: usize, image: usize| &logits[&step][image * CLASSES..][..CLASSES];
    let mut all: Vec<f64> = (FROM..STEPS)
        .flat_map(|step| (0..IMAGES).map(move |image| (step, image)))
        .map(|(step, image)| confidence(of(step, image), sharpness))
        .collect();
    all.sort_by(f64::total_cmp);
    let threshold = all[all.len() / 2] as f32;
    let mut chosen = Vec::new();
    for (spec, threshold) in
        [("rgc_intermediate_tmaxconf", None), ("rgc_intermediate_dthresh", Some(threshold))]
    {
        let [readout, raw] = run(spec, sharpness, threshold);
        assert_eq!(readout.keys().copied().collect::<Vec<_>>(), (FROM..STEPS).collect::<Vec<_>>());
        assert_eq!(raw, logits, "{spec}: the decoder changes no logits");
        for image in 0..IMAGES {
            for end in FROM..STEPS {
                let confidences: Vec<(usize, f64)> =
                    (FROM..=end).map(|step| (step, confidence(of(step, image), sharpness))).collect();
                let most = confidences.iter().map(|(_, confidence)| *confidence).fold(0.0, f64::max);
                let enough = threshold.map_or(most, |threshold| most.min(threshold.into()));
                let first = confidences.iter().find(|(_, confidence)| *confidence >= enough).unwrap().0;
                let found = &readout[&end][image * CLASSES..][..CLASSES];
                assert_eq!(found, of(first, image), "{spec}: image {image} read at {end}");
                chosen.push((threshold.is_some(), end, first));
            }
        }
    }
    let last: Vec<_> = chosen.iter().filter(|(_, end, _)| *end == STEPS - 1).collect();
    let (by_most, by_threshold) = last.split_at(IMAGES);
    assert!(by_most.iter().any(|(_, end, first)| first < end), "some image is surest before the end");
    let differ = by_most.iter().zip(by_threshold).any(|(most, threshold)| most.2 != threshold.2);
    assert!(differ, "the threshold ends some image earlier");
}
