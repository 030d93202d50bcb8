//! Devices beside the native engine, shown on the one that every machine has.

use redyn::train::read_record;

use crate::common::{DATA, NETWORK, Room};

const TRAIN: &str = "--epochs 1 --batch 16 --steps 3";

/// What the store says of the kernels that computed it.
fn kernels(room: &Room, store: &str) -> String {
    let about: serde_json::Value =
        serde_json::from_str(&room.fine(&format!("store {store} --json"))).unwrap();
    about["kernel_path"].as_str().unwrap().to_owned()
}

#[test]
fn a_device_that_cannot_compute_is_refused_in_one_sentence_with_a_way_out() {
    let room = Room::with_run();
    let train = |device: &str| format!("train {NETWORK} --data {DATA} --out other {TRAIN} --device {device}");
    for (line, sentence, hint) in [
        (
            train("cdua"),
            "no device is called `cdua`: there are cpu, cuda, vulkan, metal and flex, and cuda:1 is the second",
            "did you mean `cuda`?",
        ),
        (
            train("metal"),
            "this build of redyn has no metal",
            "build it in: cargo install --path crates/cli --features metal (Rust 1.95 or later)",
        ),
        (
            "unroll run --out a.zarr --device cuda:1".into(),
            "this build of redyn has no cuda",
            "build it in: cargo install --path crates/cli --features cuda (Rust 1.95 or later)",
        ),
        (train("cpu --precision bf16"), "cpu does not compute in bf16", "use --precision f32"),
    ] {
        assert_eq!(room.mistake(&line, sentence), hint, "{line}");
    }
    assert!(!room.exists("other") && !room.exists("a.zarr"));
}

#[test]
fn a_network_is_trained_and_unrolled_on_a_device_and_both_records_say_so() {
    let room = Room::new();
    for precision in ["f32", "bf16", "f16"] {
        let device = format!("--device flex --precision {precision}");
        room.fine(&format!("train {NETWORK} --data {DATA} --out {precision} {TRAIN} {device}"));
        let path = format!("burn 0.22 flex (Burn's CPU) {precision}");
        assert_eq!(read_record(&room.path(precision)).unwrap().kernels, path);
        room.fine(&format!("unroll {precision} --steps 3 --out {precision}.zarr {device}"));
        assert_eq!(kernels(&room, &format!("{precision}.zarr")), path);
    }
}

#[test]
fn nothing_is_continued_on_another_device() {
    let room = Room::with_store();
    let (error, _) = room.refused(2, "unroll run --steps 3 --out a.zarr --device flex");
    assert!(error.starts_with("`a.zarr` was begun with `kernel_path` \"cpu "), "{error}");
    let resume = format!("train {NETWORK} --data {DATA} --out run {TRAIN} --resume --device flex --part 32");
    let (error, _) = room.refused(2, &resume);
    assert!(error.starts_with("run holds another run: the kernels was cpu "), "{error}");
}
