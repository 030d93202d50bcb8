//! A writer is killed (`kill -9`) again and again, at any moment.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use redyn_core::random::Stream;
use redyn_store::{Spatial, Store};

use crate::common::{files_below, toy_plan, toy_value, write_toy};

/// Tells this program that it is the writer to be killed, and where it writes.
const CHILD: &str = "REDYN_STORE_TEST_WRITES";
const N_IMAGES: usize = 60;

/// Not a test of its own: the other one runs it in a second process.
#[test]
fn writer_to_be_killed() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    write_toy(&PathBuf::from(root), &toy_plan(N_IMAGES, 2));
}

#[test]
fn a_killed_run_continues_to_the_bytes_of_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.zarr");
    let begun = std::time::Instant::now();
    write_toy(&whole, &toy_plan(N_IMAGES, 2));
    let about = begun.elapsed();
    let expected = files_below(&whole);

    let mut stream = Stream::new(2, &[]);
    let (mut killed, mut inside) = (0, 0);
    for round in 0..4 {
        let root = folder.path().join(format!("{round}.zarr"));
        loop {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "kill::writer_to_be_killed", "--nocapture"])
                .env(CHILD, &root)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            // From "not even begun" to about a third of the work, so that every run is killed.
            std::thread::sleep(Duration::from_secs_f64(stream.between(0.0, 0.4 * about.as_secs_f64())));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                break;
            }
            child.kill().unwrap();
            let finished = child.wait().unwrap().success();
            if let Ok(store) = Store::open_partial(&root) {
                let images = 0..store.n_images();
                inside += usize::from(!images.is_empty() && images.end < N_IMAGES);
                let v2 = store.trajectories("v2", Spatial::Flatten).unwrap();
                let block = v2.read_images(images.clone()).unwrap();
                for ((image, place, unit), &value) in block.representations.indexed_iter() {
                    assert_eq!(value, toy_value(1, image, place + 1, unit));
                }
            }
            if finished {
                break;
            }
            killed += 1;
        }
        assert!(files_below(&root) == expected, "round {round}");
    }
    eprintln!("killed {killed} times, {inside} of them in the middle; a whole run takes {about:?}");
    assert!(killed > 0, "the writer was never killed: this test saw nothing");
}
