//! An analysis in parts, on whichever machines, is the analysis in one piece.
#![cfg(unix)]

use std::collections::BTreeMap;

use crate::common::{Room, Said, signalled, wait_for};
use crate::slurm::Slurm;

const ANALYZE: &str = "analyze a.zarr untrained.zarr --replicates 20 --out results";

fn room() -> Room {
    room_with(256)
}

/// A room with a network and its untrained twin, recorded in small blocks.
fn room_with(images: usize) -> Room {
    let room = Room::with_run_on(&format!("builtin:seed=1,train=64,val=32,test={images}"));
    room.fine("unroll run --steps 3 --memory 48K --out a.zarr");
    room.fine("unroll run --epoch -1 --steps 3 --memory 48K --out untrained.zarr");
    room
}

fn part(shard: &str) -> String {
    format!("{ANALYZE} --shard {shard}")
}

/// The files of results, without the parts that they were made of.
fn results(room: &Room) -> BTreeMap<String, Vec<u8>> {
    let mut files = room.files("results");
    files.retain(|name, _| !name.starts_with("parts/"));
    files
}

/// The results in one piece; they are removed again.
fn whole(room: &Room) -> BTreeMap<String, Vec<u8>> {
    room.fine(ANALYZE);
    let files = room.files("results");
    std::fs::remove_dir_all(room.path("results")).unwrap();
    files
}

#[test]
fn parts_of_any_number_are_merged_into_the_bytes_of_one_piece() {
    let room = room();
    let expected = whole(&room);
    assert!(
        expected.contains_key("tables/claims.csv") && !expected.keys().any(|name| name.contains("parts"))
    );
    for of in [2, 5] {
        let mut parts: Vec<_> = (0..of).map(|index| room.begin(&part(&format!("{index}/{of}")))).collect();
        // One is killed, whenever that is, and goes back into the queue.
        parts[0].kill().unwrap();
        for child in parts {
            child.wait_with_output().unwrap();
        }
        // What is done is not done again.
        let before = room.files("results");
        assert_eq!(room.fine(&part(&format!("1/{of}"))), "results\n");
        assert!(room.files("results") == before);
        room.fine(&part(&format!("0/{of}")));
        assert_eq!(room.fine("merge results"), "results/results.json\n");
        assert!(results(&room) == expected, "{of} parts");
        // Merged again, a part run again: the same.
        room.fine("merge results");
        room.fine(&part(&format!("1/{of}")));
        assert!(results(&room) == expected, "{of} parts, again");
        std::fs::remove_dir_all(room.path("results")).unwrap();
    }
    // Parts of different numbers, and more of them than there are pieces.
    for shard in ["0/2", "4/8", "5/8", "75/100"] {
        room.fine(&part(shard));
    }
    room.fine(&part("3/4"));
    room.fine("merge results");
    assert!(results(&room) == expected);
}

#[test]
fn missing_parts_are_named_with_the_command_that_makes_them() {
    let room = room();
    let expected = whole(&room);
    room.fine(&part("1/4"));
    let (error, hint) = room.refused(1, "merge results");
    // Whole blocks of the store are read: the images of a quarter are a few more or less.
    let lacks = "images 0..60, 132..256";
    assert_eq!(error, format!("results/parts lacks the rows of LA: {lacks}; LA untrained: {lacks}"));
    let all = format!("{ANALYZE} --shard 0/1");
    assert!(hint.ends_with(&format!("or do all that is left at once: redyn {all}")), "{hint}");
    assert!(!room.exists("results/results.json"));
    room.fine(&all);
    room.fine("merge results");
    assert!(results(&room) == expected);
}

#[test]
fn a_scheduler_ends_a_part_politely_and_it_goes_on() {
    // Enough for the signal to come in between.
    let room = room_with(2048);
    let expected = whole(&room);
    for signal in ["-USR1", "-TERM"] {
        let mut child = room.begin(&part("0/2"));
        wait_for(&mut child, || room.exists("results/parts/analysis.json"));
        let (error, hint) = signalled(signal, child).refusal(75);
        assert_eq!((&*error, &*hint), ("stopped", "the rows are kept: the same command continues it"));
        room.fine(&part("0/2"));
        room.fine(&part("1/2"));
        room.fine("merge results");
        assert!(results(&room) == expected, "{signal}");
        std::fs::remove_dir_all(room.path("results")).unwrap();
    }
}

#[test]
fn parts_of_something_else_are_refused() {
    let room = room();
    room.fine(&part("0/2"));
    // Another command.
    let hint = room.mistake(
        "analyze a.zarr --replicates 20 --out results --shard 1/2",
        &format!("results/parts was begun by another command: redyn {ANALYZE}"),
    );
    assert_eq!(hint, "give every shard the same words, or name another --out");
    // The same command on another recording.
    std::fs::remove_dir_all(room.path("untrained.zarr")).unwrap();
    room.fine("unroll run --epoch -1 --steps 3 --memory 64K --out untrained.zarr");
    let other = "results/parts was begun when the trajectories were others";
    assert!(room.mistake(&part("1/2"), other).contains("remove the folder and run all shards again"));
    room.mistake("merge results", other);
    // Files that somebody changed.
    std::fs::remove_dir_all(room.path("results")).unwrap();
    room.fine(&part("0/1"));
    let parts = room.files("results/parts");
    let name = parts.keys().find(|name| name.contains("-all/0-")).unwrap();
    let kept = format!("results/parts/{name}");
    room.write(&kept, "{}");
    let (error, hint) = room.refused(1, "merge results");
    assert!(error.contains(&format!("{kept} cannot be read: missing field `origin`")), "{error}");
    assert!(hint.starts_with("remove the file and run the shards again"), "{hint}");
    let text = String::from_utf8(parts["analysis.json"].clone()).unwrap();
    room.write("results/parts/analysis.json", text.replace(env!("CARGO_PKG_VERSION"), "0.0.1"));
    let hint = room.mistake(
        "merge results",
        &format!("results/parts was begun by redyn 0.0.1, this is {}", env!("CARGO_PKG_VERSION")),
    );
    assert!(hint.contains("run all shards again"), "{hint}");
    for shard in ["4/4", "5/4", "0/0", "half"] {
        assert!(!room.refused(2, &part(shard)).1.is_empty());
    }
}

#[test]
fn the_script_of_a_job_array_analyzes_in_parts() {
    let room = room();
    let expected = whole(&room);
    let slurm = Slurm::of(&room);
    room.write("job.sh", room.fine(&format!("slurm --shards 3 --cpus 2 --time 00:10:00 -- {ANALYZE}")));
    let script = String::from_utf8(room.read("job.sh")).unwrap();
    // Twice the memory of the command.
    for line in ["#SBATCH --array=0-2", "#SBATCH --mem=512M", "#SBATCH --job-name=redyn-results"] {
        assert!(script.contains(&format!("{line}\n")), "{script}");
    }
    let merge = "--cpus-per-task=2 --mem=512M --time=00:10:00 --wrap 'redyn merge results'";
    assert!(script.contains(merge), "{script}");
    for index in 0..3 {
        assert_eq!(slurm.task("job.sh", index).code, Some(0), "task {index}");
    }
    room.fine("merge results");
    assert!(results(&room) == expected);
}

#[test]
fn what_a_part_will_take_is_told_before_anything_is_written() {
    let room = room();
    let said = |line: &str| {
        let mut command = room.command(&format!("{line} --dry-run"));
        let said = Said::from(
            command.env("SLURM_CPUS_PER_TASK", "3").env_remove("RAYON_NUM_THREADS").output().unwrap(),
        );
        let told = said.stdout.strip_suffix("; what spans images is computed after it\n");
        told.unwrap_or_else(|| panic!("{said:?}")).to_owned()
    };
    let whole = said(ANALYZE);
    assert!(whole.starts_with("reading 512 images: about ") && whole.contains(" on 3 threads, "), "{whole}");
    let half = said(&part("1/2"));
    assert!(half.starts_with("reading 248 images: about ") && half.ends_with(" of disk"), "{half}");
    assert!(!room.exists("results"));
    // Told and true: the text of a few runs speaks for that of all, to a fifth.
    room.fine(&part("1/2"));
    let found: usize = room
        .files("results/parts")
        .iter()
        .filter(|(name, _)| name.contains('-'))
        .map(|(_, file)| file.len())
        .sum();
    let words: Vec<&str> = half.split(' ').collect();
    let disk: f64 = words[words.len() - 4].parse().unwrap();
    assert_eq!(words[words.len() - 3], "KiB");
    assert!((disk * 1024.0 / found as f64 - 1.0).abs() < 0.2, "{half} {found}");
}
