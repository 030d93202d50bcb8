//! Work that is killed or stopped, at any moment, ends where uninterrupted work does.
#![cfg(unix)]

use std::process::Child;
use std::time::{Duration, Instant};

use redyn::core::random::Stream;

use crate::common::{NETWORK, Room, signalled, wait_for};

const DATA: &str = "builtin:seed=1,train=256,val=32,test=256";

fn train(out: &str) -> String {
    format!("train {NETWORK} --data {DATA} --out {out} --epochs 4 --batch 16 --steps 3 --keep-every 2")
}

/// Many small blocks, so that there are many moments.
const UNROLL: &str = "unroll run --steps 3 --memory 48K --out a.zarr";

/// Kill at a moment between the beginning and a part of `whole`; whether it came in time.
fn kill_within(mut child: Child, whole: Duration, stream: &mut Stream) -> bool {
    std::thread::sleep(Duration::from_secs_f64(stream.between(0.0, 0.6 * whole.as_secs_f64())));
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn a_run_killed_again_and_again_ends_with_the_same_metrics_and_weights() {
    let room = Room::new();
    let begun = Instant::now();
    room.fine(&train("run"));
    let whole = begun.elapsed();
    let expected = room.files("run");
    assert!(expected.contains_key("metrics.csv") && expected.contains_key("epoch_1.safetensors"));

    let interrupted = Room::new();
    let mut stream = Stream::new(3, &[]);
    let mut killed = 0;
    // Once with a record and no checkpoint yet.
    let mut child = interrupted.begin(&train("run"));
    wait_for(&mut child, || interrupted.exists("run/record.json"));
    child.kill().unwrap();
    child.wait().unwrap();
    let go_on = || {
        let begun = interrupted.exists("run/checkpoint.safetensors");
        format!("{}{}", train("run"), if begun { " --resume" } else { "" })
    };
    // Then with a checkpoint and no update yet.
    let mut child = interrupted.begin(&go_on());
    wait_for(&mut child, || interrupted.exists("run/checkpoint.safetensors"));
    child.kill().unwrap();
    child.wait().unwrap();
    // Then at any moment.
    for _ in 0..8 {
        killed += usize::from(kill_within(interrupted.begin(&go_on()), whole, &mut stream));
    }
    interrupted.fine(&go_on());
    assert!(killed > 0, "it was never killed: this test saw nothing");
    let found = interrupted.files("run");
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{name} differs after {killed} kills");
    }
}

#[test]
fn a_run_stopped_with_ctrl_c_says_how_to_go_on_and_goes_on() {
    let room = Room::new();
    room.fine(&train("run"));
    let stopped = Room::new();
    let mut child = stopped.begin(&train("run"));
    // After the first epoch, in the middle of the next ones.
    let epochs =
        || std::fs::read_to_string(stopped.path("run/metrics.csv")).is_ok_and(|text| text.contains("\n0,"));
    wait_for(&mut child, epochs);
    let said = signalled("-INT", child);
    let (error, hint) = said.refusal(75);
    assert_eq!(error, "stopped");
    assert_eq!(hint, "the run is saved: the same command with --resume continues it");
    assert!(said.stderr.contains("stopping at the next safe point; once more to stop at once"), "{said:?}");
    assert!(!stopped.exists("run/weights.safetensors"), "it was stopped too late");
    stopped.mistake(&train("run"), "run already holds a run");
    stopped.mistake("unroll run --out a.zarr", "the run in run is not finished");
    let (error, _) = stopped.refused(2, &format!("{} --resume --learning-rate 0.1", train("run")));
    assert!(error.starts_with("run holds another run: the recipe was "), "{error}");

    stopped.fine(&format!("{} --resume", train("run")));
    assert_eq!(stopped.files("run"), room.files("run"));
    // Resuming a finished run changes nothing.
    stopped.fine(&format!("{} --resume", train("run")));
    assert_eq!(stopped.files("run"), room.files("run"));
}

#[test]
fn a_store_killed_again_and_again_has_the_bytes_of_an_uninterrupted_one() {
    let room = Room::new();
    room.fine(&train("run"));
    let begun = Instant::now();
    room.fine(UNROLL);
    let whole = begun.elapsed();
    let expected = room.files("a.zarr");
    assert!(expected.len() > 40, "{} files: too few blocks to be killed between", expected.len());

    let mut stream = Stream::new(4, &[]);
    let (mut killed, mut inside) = (0, 0);
    for round in 0..3 {
        std::fs::remove_dir_all(room.path("a.zarr")).unwrap();
        for _ in 0..4 {
            killed += usize::from(kill_within(room.begin(UNROLL), whole, &mut stream));
            let chunk = |block: usize| room.exists(&format!("a.zarr/logits/c.{block}.0.0"));
            inside += usize::from(chunk(0) && room.exists("a.zarr/.redyn"));
        }
        room.fine(UNROLL);
        assert!(room.files("a.zarr") == expected, "round {round}");
    }
    eprintln!("killed {killed} times, {inside} of them in the middle; a whole run takes {whole:?}");
    assert!(killed > 0, "it was never killed: this test saw nothing");
}

#[test]
fn a_store_stopped_with_ctrl_c_says_how_to_go_on_and_goes_on() {
    let room = Room::new();
    room.fine(&train("run"));
    room.fine(UNROLL);
    let expected = room.files("a.zarr");
    std::fs::remove_dir_all(room.path("a.zarr")).unwrap();
    let mut child = room.begin(UNROLL);
    wait_for(&mut child, || room.exists("a.zarr/logits/c.1.0.0"));
    let (error, hint) = signalled("-INT", child).refusal(75);
    assert_eq!(
        (error.as_str(), hint.as_str()),
        ("stopped", "the store is kept: the same command continues it")
    );
    let done = room.fine("store a.zarr --json");
    let done: serde_json::Value = serde_json::from_str(&done).unwrap();
    let present = done["n_images_present"].as_u64().unwrap();
    assert!((1..256).contains(&present), "{present} of 256 images: stopped too early or too late");
    room.fine(UNROLL);
    assert_eq!(room.files("a.zarr"), expected);
}
