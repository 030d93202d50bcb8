//! One-step Jacobians, from the weights to the results.

use crate::common::{DATA, Room};

#[test]
fn jacobians_are_computed_continued_and_analyzed() {
    let room = Room::with_store();
    room.fine("stability run --steps 3 --limit 20 --out whole.json");
    // Stopped in between: what is there is continued to the same values.
    let whole: serde_json::Value = serde_json::from_slice(&room.read("whole.json")).unwrap();
    let mut part = whole.clone();
    for key in
        ["singular", "eigenvalue_real", "eigenvalue_imaginary", "singular_residual", "eigenvalue_residual"]
    {
        let array = &mut part["rows"][key];
        array["data"].as_array_mut().unwrap().truncate(16 * 2);
        array["dim"][0] = 16.into();
    }
    part["rows"]["images"].as_array_mut().unwrap().truncate(16);
    std::fs::write(room.path("part.json"), part.to_string()).unwrap();
    room.fine("stability run --steps 3 --limit 20 --out part.json");
    let continued: serde_json::Value = serde_json::from_slice(&room.read("part.json")).unwrap();
    assert_eq!(continued["rows"], whole["rows"]);
    // What is done is not done again.
    let done = room.read("whole.json");
    room.fine("stability run --steps 3 --limit 20 --out whole.json");
    assert_eq!(room.read("whole.json"), done);

    room.fine("analyze a.zarr --jacobians whole.json --only stability --out results");
    let results: serde_json::Value = serde_json::from_slice(&room.read("results/results.json")).unwrap();
    let found = &results["results"]["networks"][0]["findings"][0];
    assert_eq!(found["analysis"], "stability");
    let mean = found["singular"][1]["value"].as_f64().unwrap();
    let values: Vec<f64> =
        (0..20).map(|image| whole["rows"]["singular"]["data"][2 * image + 1].as_f64().unwrap()).collect();
    assert!((mean - values.iter().sum::<f64>() / 20.0).abs() < 1e-12);
    assert!(values.iter().all(|&value| value > 0.0));
}

#[test]
fn jacobians_of_something_else_are_refused() {
    let room = Room::with_store();
    room.fine("stability run --steps 2 --limit 4 --out two.json");
    let hint = room.mistake(
        "stability run --steps 3 --limit 4 --out two.json",
        "two.json holds Jacobians of another run: its number of steps differs",
    );
    assert_eq!(hint, "choose another --out");
    let hint = room.mistake(
        "analyze a.zarr --jacobians two.json --out results",
        "two.json holds Jacobians along 2 steps, the store has 3",
    );
    assert_eq!(hint, "compute them with --steps 3");
    room.fine("stability run --steps 3 --limit 4 --epoch -1 --out untrained.json");
    room.mistake(
        "analyze a.zarr --jacobians untrained.json --out results",
        "untrained.json holds the Jacobians of none of these stores",
    );
    room.mistake("stability run --steps 1 --out one.json", "a Jacobian needs two steps, not 1");
    let bnet = format!(
        "train blt64:width=0.0625,image_size=16,lateral=0 --data {DATA} --out bnet --epochs 1 --batch 16 --steps 2"
    );
    room.fine(&bnet);
    room.mistake(
        "stability bnet --steps 2 --out bnet.json",
        "the network has no recurrent connection, so no state that steps could change",
    );
}
