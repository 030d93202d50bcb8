//! The demo without its training.

use std::path::Path;

use redyn::zoo::{digest, read_weights};

use crate::common::Room;

const NETWORKS: [&str; 4] = ["LA", "TA", "LM", "TM"];

#[test]
fn the_weights_kept_are_those_that_were_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pretrained");
    let told = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for name in NETWORKS {
        let (weights, notes) = read_weights(&folder.join(format!("{name}.safetensors"))).unwrap();
        assert!(told.contains(&format!("| {name} | {} |", digest(&weights))), "{name}: {}", digest(&weights));
        assert!(
            notes.contains_key("statistics") && notes["epoch"] == "6" && notes["seed"] == "1",
            "{notes:?}"
        );
    }
}

#[test]
fn the_whole_analysis_is_shown_from_weights_that_are_kept() {
    let room = Room::new();
    let begun = std::time::Instant::now();
    room.fine("demo --pretrained --out demo");
    eprintln!("{:.0} s", begun.elapsed().as_secs_f64());
    assert!(!room.exists("demo/runs"), "nothing is trained");
    let results: serde_json::Value = serde_json::from_slice(&room.read("demo/results/results.json")).unwrap();
    for (network, name) in results["results"]["networks"].as_array().unwrap().iter().zip(NETWORKS) {
        assert_eq!(network["name"], name);
        let findings = network["findings"].as_array().unwrap();
        let accuracy = findings.iter().find(|finding| finding["analysis"] == "accuracy").unwrap();
        // Sixteen classes: guessing is right in one of sixteen.
        assert!(accuracy["best"]["estimate"]["value"].as_f64().unwrap() > 0.5, "{name}: {accuracy}");
    }
    let networks = results["judged"]["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 4);
    assert!(networks.iter().all(|network| network["claims"].as_array().unwrap().len() > 20));
    let hint = room.refused(2, "demo --pretrained --seed 2").1;
    assert!(hint.contains("redyn demo --help"), "{hint}");
}
