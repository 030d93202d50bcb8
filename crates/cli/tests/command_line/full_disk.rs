//! A disk without room: what is there already stays, and is continued once there is room.
#![cfg(unix)]

use std::process::Command;

use crate::common::{DATA, NETWORK, Room, Said};

/// Run a shell script in the room; `$REDYN` is the program.
fn shell(room: &Room, script: &str, wrapper: &[&str]) -> Said {
    let words = [wrapper, &["sh", "-c", script]].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(room.path("")).env("REDYN", env!("CARGO_BIN_EXE_redyn"));
    Said::from(command.output().unwrap_or_else(|error| panic!("{}: {error}", words[0])))
}

/// The words before a command that may mount what only it sees, if this machine lets us.
fn mounting() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["unshare", "--mount"], &["unshare", "--mount", "--user", "--map-root-user"]];
    let works = |way: &&&[&str]| {
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    ways.into_iter().find(|way| works(&way))
}

#[test]
fn a_disk_that_fills_up_while_training_keeps_the_run_to_be_resumed() {
    let Some(mounting) = mounting() else {
        eprintln!("skipped: this machine does not let a test mount a small disk");
        return;
    };
    let room = Room::new();
    let train = |out: &str| {
        format!("train {NETWORK} --data {DATA} --out {out} --epochs 2 --batch 16 --steps 3 --keep-every 1")
    };
    room.fine(&train("whole"));
    std::fs::create_dir(room.path("disk")).unwrap();
    let run = train("disk/run");
    // Room for the first weights and the first checkpoint, not for the second beside it.
    let script = format!(
        "mount -t tmpfs -o size=2000k tmpfs disk && dd if=/dev/zero of=disk/other bs=1k count=1400 2> /dev/null
         $REDYN {run} 2> full.txt; echo $? > code.txt
         ls -A disk/run > left.txt; rm disk/other; $REDYN {run} --resume > /dev/null || exit 1
         cp disk/run/weights.safetensors disk/run/epoch_0.safetensors disk/run/metrics.csv ."
    );
    let said = shell(&room, &script, mounting);
    assert_eq!(said.code, Some(0), "{said:?}");
    let text = |name: &str| String::from_utf8(room.read(name)).unwrap();
    let full =
        Said { code: text("code.txt").trim().parse().ok(), stdout: said.stdout, stderr: text("full.txt") };
    let (error, hint) = full.refusal(1);
    assert!(error.ends_with(": No space left on device (os error 28)"), "{error}");
    assert!(error.contains("disk/run/"), "{error}");
    assert!(hint.starts_with("free some space"), "{hint}");
    let left = text("left.txt");
    assert!(left.lines().all(|name| !name.starts_with('.')), "no fragments: {left}");
    for name in ["weights.safetensors", "epoch_0.safetensors", "metrics.csv"] {
        assert_eq!(room.read(name), room.read(&format!("whole/{name}")), "{name}");
    }
}

#[test]
fn a_disk_too_small_for_a_store_or_an_export_is_noticed_before_anything_is_computed() {
    let Some(mounting) = mounting() else {
        eprintln!("skipped: this machine does not let a test mount a small disk");
        return;
    };
    let room = Room::with_store();
    std::fs::create_dir(room.path("disk")).unwrap();
    for line in ["unroll run --steps 3 --out disk/a.zarr", "export a.zarr --npz disk/a.npz"] {
        let script = format!(
            "mount -t tmpfs -o size=16k tmpfs disk && $REDYN {line}; code=$?; ls -A disk; exit $code"
        );
        let (error, hint) = shell(&room, &script, mounting).refusal(2);
        assert!(error.starts_with("`disk/a.") && error.contains("KiB more, the disk has 1"), "{error}");
        assert!(hint.starts_with("choose another disk"), "{hint}");
    }
}

#[test]
fn a_file_that_may_not_grow_stops_the_work_and_not_the_data() {
    let room = Room::with_store();
    room.fine("unroll run --split train --steps 3 --out whole.zarr");
    room.fine("export a.zarr --npz whole.npz");
    // A limit of 16 KiB on every file (blocks of 512 bytes), as a disk quota would set it.
    let limited = |line: &str| {
        let said = shell(&room, &format!("trap '' XFSZ; ulimit -f 32; exec $REDYN {line}"), &[]);
        let (error, hint) = said.refusal(1);
        assert!(error.starts_with("cannot write `") && error.contains("File too large"), "{error}");
        assert!(hint.starts_with("free some space and run the same command again"), "{hint}");
    };
    let unroll = "unroll run --split train --steps 3 --out b.zarr";
    limited(unroll);
    assert!(room.exists("b.zarr/zarr.json") && !room.exists("b.zarr/taps/gap/c.0.0.0"));
    room.fine(unroll);
    let arrays = |name: &str| {
        let mut files = room.files(name);
        assert!(files.remove("zarr.json").is_some(), "it records the command");
        files
    };
    assert_eq!(arrays("b.zarr"), arrays("whole.zarr"));
    limited("export a.zarr --npz a.npz");
    assert!(!room.exists("a.npz") && !room.exists("a.npz.part"));
    room.fine("export a.zarr --npz a.npz");
    assert_eq!(room.read("a.npz"), room.read("whole.npz"));
}

#[test]
fn a_full_stdout_is_a_failure_and_a_reader_that_has_seen_enough_is_none() {
    let room = Room::new();
    if std::path::Path::new("/dev/full").exists() {
        for line in ["models list", "models show blt64 --json", "completions bash", "analyses list"] {
            let (error, _) = shell(&room, &format!("$REDYN {line} > /dev/full"), &[]).refusal(1);
            assert_eq!(error, "standard output: No space left on device (os error 28)", "{line}");
        }
    } else {
        eprintln!("skipped: there is no /dev/full");
    }
    for line in ["models show blt64 --json", "completions bash"] {
        let said = shell(&room, &format!("{{ $REDYN {line}; echo $? >&2; }} | head -n 1"), &[]);
        assert_eq!((said.stderr.as_str(), said.stdout.lines().count()), ("0\n", 1), "{line}");
    }
}
