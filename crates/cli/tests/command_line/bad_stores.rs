//! Stores that are damaged, newer, unfinished, or somebody else's at the moment.

use std::fs::{self, File};

use crate::common::{Room, UNROLL, flip};

const READERS: [&str; 2] = ["analyze a.zarr --replicates 10", "export a.zarr --npz a.npz"];

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let room = Room::with_store();
    let text = String::from_utf8(room.read("a.zarr/zarr.json")).unwrap();
    assert!(text.contains("\"version\": 1"));
    room.write("a.zarr/zarr.json", text.replacen("\"version\": 1", "\"version\": 2", 1));
    let before = room.files("a.zarr");
    for line in READERS.into_iter().chain(["store a.zarr", UNROLL]) {
        let hint = room.mistake(line, "`a.zarr` has format version 2, this redyn reads up to version 1");
        assert_eq!(hint, "update redyn");
    }
    assert_eq!(room.files("a.zarr"), before);
}

#[test]
fn a_flipped_byte_is_found_and_repaired_as_the_hint_says() {
    let room = Room::with_store();
    let before = room.files("a.zarr");
    let chunk = "a.zarr/taps/gap/c.0.0.0";
    flip(&room.path(chunk), 17);
    for line in READERS {
        let (error, hint) = room.refused(1, line);
        assert!(error.contains("chunk `a.zarr/taps/gap/c.0.0.0` is damaged: "), "{error}");
        assert!(
            hint.starts_with("delete this file and run the command that wrote the store again"),
            "{hint}"
        );
    }
    assert!(!room.exists("results") && !room.exists("a.npz"));
    fs::remove_file(room.path(chunk)).unwrap();
    room.fine(UNROLL);
    assert_eq!(room.files("a.zarr"), before);
}

#[test]
fn a_missing_chunk_is_found_and_computed_again() {
    let room = Room::with_store();
    let before = room.files("a.zarr");
    fs::remove_file(room.path("a.zarr/logits/c.0.0.0")).unwrap();
    for line in READERS {
        let (error, hint) = room.refused(1, line);
        assert_eq!(error, "chunk `a.zarr/logits/c.0.0.0` is missing");
        assert!(hint.starts_with("run the command that wrote the store again"), "{hint}");
    }
    room.fine(UNROLL);
    assert_eq!(room.files("a.zarr"), before);
}

#[test]
fn a_second_writer_is_refused_and_the_first_loses_nothing() {
    let room = Room::with_run();
    fs::create_dir_all(room.path("a.zarr/.redyn")).unwrap();
    let held = File::create(room.path("a.zarr/.redyn/lock")).unwrap();
    held.lock().unwrap();
    let hint = room.mistake(UNROLL, "another process is writing `a.zarr`");
    assert_eq!(hint, "wait for it, or choose another name");
    assert_eq!(room.files("a.zarr").len(), 1);
    drop(held);
    room.fine(UNROLL);
}

#[test]
fn a_store_is_not_continued_with_other_settings_and_stays_as_it_is() {
    let room = Room::with_store();
    let before = room.files("a.zarr");
    let (error, hint) = room.refused(2, "unroll run --steps 4 --out a.zarr");
    assert_eq!(error, "`a.zarr` was begun with `n_steps` 3, this run has 4");
    assert_eq!(hint, "choose another name for this run, or delete the store");
    let (error, _) = room.refused(2, "unroll run --epoch -1 --steps 3 --out a.zarr");
    assert!(error.starts_with("`a.zarr` was begun with `"), "{error}");
    let (error, _) = room.refused(2, "unroll run --steps 3 --out run");
    assert!(error.starts_with("`run` is not a trajectory store: it holds `"), "{error}");
    assert_eq!(room.files("a.zarr"), before);
}

#[test]
fn a_store_does_not_depend_on_how_a_path_was_typed() {
    let room = Room::with_run();
    room.fine(&format!("data generate photos --stimuli {} --image-size 16", crate::common::DATA));
    let store = |weights: &str, photos: &str| {
        room.fine(&format!("unroll {weights} --data {photos} --steps 3 --out a.zarr"));
        let (mut files, root) = (room.files("a.zarr"), room.path("a.zarr/zarr.json"));
        let mut root: serde_json::Value = serde_json::from_slice(&fs::read(root).unwrap()).unwrap();
        // The record of what was typed is what may differ.
        for typed in ["command", "dataset"] {
            assert!(root["attributes"][typed].take().is_string(), "{typed}");
        }
        files.insert("zarr.json".into(), root.to_string().into());
        files
    };
    let first = store("run/weights.safetensors", "photos");
    let absolute = room.path("run").join("weights.safetensors").display().to_string();
    assert_eq!(store(&absolute, "./photos"), first, "continued");
    fs::remove_dir_all(room.path("a.zarr")).unwrap();
    assert_eq!(store(&absolute, "run/../photos/"), first, "begun");
}

#[test]
fn an_unfinished_store_says_how_far_it_is() {
    let room = Room::with_store();
    let text = String::from_utf8(room.read("a.zarr/zarr.json")).unwrap();
    room.write("a.zarr/zarr.json", text.replacen("\"complete\": true", "\"complete\": false", 1));
    fs::remove_file(room.path("a.zarr/logits/c.0.0.0")).unwrap();
    for line in READERS {
        let hint = room.mistake(line, "`a.zarr` is incomplete: 0 of 32 images are there");
        assert!(hint.starts_with("run the command that wrote it again: it continues"), "{hint}");
    }
    assert!(room.fine("store a.zarr").contains("images    0 of 32"));
}
