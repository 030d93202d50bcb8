//! A published study, done again in small.

use crate::common::{DATA, Room};

const STUDY: &str =
    "reproduce thorat2023 --image-size 16 --width 0.0625 --epochs 1 --batch 16 --steps 3 --seeds 1";

#[test]
fn the_studies_there_are_are_listed_and_a_misspelt_one_meets_its_neighbour() {
    let room = Room::new();
    assert!(room.fine("reproduce").starts_with("thorat2023 "));
    let hint = room.mistake("reproduce thorat2032 --quick", "no reproduction named `thorat2032`");
    assert_eq!(hint, "did you mean `thorat2023`?");
    let hint = room.mistake("reproduce thorat2023", "nothing says which images to reproduce the study on");
    assert!(hint.contains("--quick"), "{hint}");
}

#[test]
fn too_few_steps_for_a_stable_answer_are_refused() {
    let room = Room::new();
    let hint = room.mistake(
        &format!("{} --data {DATA}", STUDY.replace("--steps 3", "--steps 2")),
        "with 2 steps an image cannot become correct and stay so",
    );
    assert!(hint.ends_with("--steps 3 or more"), "{hint}");
}

#[test]
fn a_dry_run_tells_what_it_would_take_and_does_nothing() {
    let room = Room::new();
    let said = room.say(&format!("{STUDY} --data {DATA} --out study --dry-run"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains(" of memory, ") && said.stderr.contains(" of disk"), "{said:?}");
    assert!(!room.exists("study"));
}

#[test]
fn a_study_ends_in_a_page_and_is_not_done_twice() {
    let room = Room::new();
    let study = format!("{STUDY} --data {DATA} --out study");
    room.fine(&study);
    let before = room.files("study/runs");
    for name in ["LA", "TA", "LM", "TM", "BNet", "ResNet18", "LA-bias"] {
        assert!(before.contains_key(&format!("{name}-1/weights.safetensors")), "{name}: {:?}", before.keys());
        assert!(room.exists(&format!("study/stores/{name}-1-untrained.zarr/zarr.json")), "{name}");
    }
    for store in ["LA-1-long", "TM-1-untrained-long", "LA-1-cut1", "LA-bias-1-removed"] {
        assert!(room.exists(&format!("study/stores/{store}.zarr/zarr.json")), "{store}");
    }
    assert!(String::from_utf8(room.read("study/report/report.html")).unwrap().contains("Thorat"));
    // Every part of the paper finds what it needs but enough steps of training.
    let results: serde_json::Value =
        serde_json::from_slice(&room.read("study/results/results.json")).unwrap();
    let found = results["results"]["networks"][0]["findings"].as_array().unwrap();
    for analysis in ["stability", "image_properties"] {
        assert!(found.iter().any(|finding| finding["analysis"] == analysis), "{analysis}");
    }
    let judged = results["judged"]["networks"].as_array().unwrap();
    let names: Vec<&str> = judged.iter().map(|network| network["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["LA", "TA", "LM", "TM"]);
    for id in ["bias_can_be_removed", "random_bnet_says_nothing", "comes_to_rest", "untrained_rests_too"] {
        let claim = judged[0]["claims"].as_array().unwrap().iter().find(|claim| claim["id"] == id).unwrap();
        let reason = claim["reason"].as_str().unwrap_or_default();
        assert!(!reason.contains("given") && !reason.contains("unrolled"), "{claim}");
    }
    // On harder images every curve is found again, of the recurrent networks.
    let harder = results["challenged"][0]["networks"].as_array().unwrap();
    assert_eq!(harder.len(), 4 * 8);
    assert!(harder.iter().all(|network| network["findings"].as_array().unwrap().len() == 8), "{harder:?}");
    let curves = String::from_utf8(room.read("study/report/data/robustness_curves.csv")).unwrap();
    assert!(curves.contains("\nTM contrast0.2,contrast,0.2,change per step,activation,1,"), "{curves}");
    // Another recipe is another study.
    let (error, _) = room.refused(2, &format!("{study} --learning-rate 0.5"));
    assert!(error.contains("holds another run: the recipe was"), "{error}");
    std::fs::remove_dir_all(room.path("study/stores/LA-1.zarr")).unwrap();
    room.fine(&study);
    assert!(room.exists("study/stores/LA-1.zarr/zarr.json"));
    assert_eq!(room.files("study/runs"), before);
}
