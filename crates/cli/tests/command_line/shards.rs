//! A recording in parts, on whichever machines, is the recording in one piece.
#![cfg(unix)]

use crate::common::{Room, Said, signalled, wait_for};
use crate::slurm::Slurm;

/// Many small blocks, so that there are parts with several of them.
const UNROLL: &str = "unroll run --steps 3 --memory 48K --out a.zarr";

fn room() -> Room {
    room_with(256)
}

/// A room with a trained network, and so many images to record.
fn room_with(images: usize) -> Room {
    Room::with_run_on(&format!("builtin:seed=1,train=64,val=32,test={images}"))
}

fn part(shard: &str) -> String {
    format!("{UNROLL} --shard {shard}")
}

/// The bytes of the store in one piece; it is removed again.
fn whole(room: &Room) -> std::collections::BTreeMap<String, Vec<u8>> {
    room.fine(UNROLL);
    let files = room.files("a.zarr");
    std::fs::remove_dir_all(room.path("a.zarr")).unwrap();
    files
}

#[test]
fn parts_of_any_number_are_merged_into_the_bytes_of_one_piece() {
    let room = room();
    let expected = whole(&room);
    for of in [2, 5] {
        let mut parts: Vec<_> = (0..of).map(|index| room.begin(&part(&format!("{index}/{of}")))).collect();
        // One is killed, whenever that is, and goes back into the queue.
        parts[0].kill().unwrap();
        for child in parts {
            child.wait_with_output().unwrap();
        }
        // What is done is not done again.
        let before = room.files("a.zarr").len();
        room.fine(&part(&format!("1/{of}")));
        assert_eq!(room.files("a.zarr").len(), before);
        room.fine(&part(&format!("0/{of}")));
        assert_eq!(room.fine("merge a.zarr"), "a.zarr\n");
        assert!(room.files("a.zarr") == expected, "{of} parts");
        // Merged again, recorded again: the same.
        room.fine("merge a.zarr");
        room.fine(&part(&format!("1/{of}")));
        room.fine(UNROLL);
        assert!(room.files("a.zarr") == expected, "{of} parts, again");
        std::fs::remove_dir_all(room.path("a.zarr")).unwrap();
    }
}

#[test]
fn a_part_may_be_finished_by_whoever_records_the_rest() {
    let room = room();
    let expected = whole(&room);
    // Blocks in the middle and at the end are there: what is left lies in between.
    room.fine(&part("1/4"));
    room.fine(&part("3/4"));
    room.fine(UNROLL);
    assert!(room.files("a.zarr") == expected);
}

#[test]
fn a_store_with_parts_missing_says_which_images() {
    let room = room();
    room.fine(&part("1/4"));
    let (error, hint) = room.refused(1, "merge a.zarr");
    assert!(error.starts_with("`a.zarr` lacks images 0..") && error.ends_with("..256 of 256"), "{error}");
    assert_eq!(hint, "run the shards that were not finished again: each goes on where it was");
    room.mistake(
        "merge nothing.zarr",
        "cannot read `nothing.zarr/zarr.json`: No such file or directory (os error 2)",
    );
}

#[test]
fn a_scheduler_ends_a_part_politely_and_it_goes_on() {
    // Enough for the signal to come in between.
    let room = room_with(2048);
    let expected = whole(&room);
    for signal in ["-USR1", "-TERM"] {
        let mut child = room.begin(&part("0/2"));
        wait_for(&mut child, || room.exists("a.zarr/logits/c.0.0.0"));
        let (error, hint) = signalled(signal, child).refusal(75);
        assert_eq!((&*error, &*hint), ("stopped", "the store is kept: the same command continues it"));
        room.fine(&part("0/2"));
        room.fine(&part("1/2"));
        room.fine("merge a.zarr");
        assert!(room.files("a.zarr") == expected, "{signal}");
        std::fs::remove_dir_all(room.path("a.zarr")).unwrap();
    }
}

#[test]
fn what_a_part_will_take_is_told_before_anything_is_written() {
    let room = room();
    let said = room.fine(&format!("{UNROLL} --dry-run"));
    assert!(!room.exists("a.zarr"), "nothing is written");
    let bytes: usize = whole(&room).values().map(Vec::len).sum();
    let disk = redyn::core::Bytes(bytes as u64);
    assert!(said.starts_with("256 images: about ") && said.ends_with(&format!("{disk} of disk\n")), "{said}");
    let quarter = room.fine(&format!("{} --dry-run", part("0/4")));
    let n: usize = quarter.split(' ').next().unwrap().parse().unwrap();
    assert!((32..=96).contains(&n), "{quarter}");
    // Threads are those of the job, unless somebody says otherwise.
    let threads = |settings: &[(&str, &str)], options: &str| {
        let mut command = room.command(&format!("{options} {UNROLL} --dry-run"));
        command.env_remove("RAYON_NUM_THREADS").envs(settings.iter().copied());
        let said = Said::from(command.output().unwrap()).stdout;
        let words: Vec<&str> = said.split(' ').collect();
        let place = words.iter().position(|word| word.starts_with("thread")).unwrap();
        words[place - 1].parse::<usize>().unwrap()
    };
    assert_eq!(threads(&[("SLURM_CPUS_PER_TASK", "3")], ""), 3);
    assert_eq!(threads(&[("SLURM_CPUS_PER_TASK", "3"), ("RAYON_NUM_THREADS", "5")], ""), 5);
    assert_eq!(threads(&[("SLURM_CPUS_PER_TASK", "3")], "--threads 4"), 4);
}

#[test]
fn the_script_of_a_job_array_runs_its_parts_and_sends_back_who_was_stopped() {
    let room = room();
    let expected = whole(&room);
    let slurm = Slurm::of(&room);
    room.write(
        "job.sh",
        room.fine(&format!("slurm --shards 3 --cpus 2 --time 00:10:00 --mem 1G -- {UNROLL}")),
    );
    let script = String::from_utf8(room.read("job.sh")).unwrap();
    for line in ["--array=0-2", "--cpus-per-task=2", "--time=00:10:00", "--mem=1024M", "--signal=USR1@120"] {
        assert!(script.contains(&format!("#SBATCH {line}\n")), "{script}");
    }
    assert!(script.contains("--wrap 'redyn merge a.zarr'"), "{script}");
    for index in 0..3 {
        assert_eq!(slurm.task("job.sh", index).code, Some(0), "task {index}");
    }
    room.fine("merge a.zarr");
    assert!(room.files("a.zarr") == expected);
    assert!(!room.exists("requeued"));
    slurm.program("redyn", "exit 75");
    assert_eq!(slurm.task("job.sh", 1).code, Some(75));
    assert_eq!(room.read("requeued"), b"requeue 7_1\n");
}

#[test]
fn parts_that_are_none_are_refused() {
    let room = Room::new();
    let (error, _) = room.refused(2, &part("4/4"));
    assert!(error.contains("parts are counted from 0: the last of 4 is 3/4"), "{error}");
    let (error, _) = room.refused(2, &part("slurm"));
    assert!(error.contains("this is no task of a Slurm job array"), "{error}");
    let hint = room
        .mistake("slurm --shards 4 -- report results", "only `unroll` and `analyze` are divided into parts");
    assert!(hint.contains("-- unroll RUN --out STORE"), "{hint}");
    room.mistake(
        &format!("slurm --shards 4 -- {}", part("0/4")),
        "the command has --shard or --dry-run already",
    );
    let (error, _) = room.refused(2, "slurm --shards 4 -- unroll run");
    assert!(error.starts_with("`unroll run` cannot be read: "), "{error}");
}
