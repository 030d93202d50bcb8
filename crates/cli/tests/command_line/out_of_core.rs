//! Stores far larger than memory are analyzed within a budget.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ndarray::{Array3, ArrayD};
use redyn::core::Shard;
use redyn::store::{About, BlockData, Outputs, StorePlan, StoreWriter, Tap, complete};

use crate::common::{Room, Said};

/// What the program takes before it reads anything, lists of images included: 25 MiB, and room for the
/// allocator.
const PROGRAM: usize = 64 << 20;

/// A store of so many images, `[channel, height, width]` of ten steps each, in chunks of one image. All of
/// them are the same chunk under many names, so that it takes no more disk than one.
fn store(path: &Path, n_images: usize, maps: [usize; 3]) {
    let steps: Vec<usize> = (0..10).collect();
    let plan = StorePlan {
        about: About {
            name: "large".into(),
            network: "large".into(),
            classes: vec!["pug".into(), "mug".into()],
            ..About::default()
        },
        labels: (0..n_images).map(|image| image % 2).collect(),
        image_ids: (0..n_images).map(|image| image.to_string()).collect(),
        n_steps: 10,
        outputs: Outputs::Logits,
        output_steps: steps.clone(),
        taps: vec![Tap::maps("v1", maps, steps)],
        readout: None,
        block: 1,
    };
    // The disk would not hold all of it: a part of one image.
    let one = Shard::new(0, n_images).unwrap();
    let mut writer = StoreWriter::create_or_resume_part(path, &plan, one).unwrap();
    let shape = [1, 10, maps[0], maps[1], maps[2]];
    let mut values = ArrayD::<f32>::zeros(&shape[..]);
    values.iter_mut().enumerate().for_each(|(place, value)| *value = (place % 1009) as f32 / 64.0);
    let outputs = Array3::from_shape_fn((1, 10, 2), |(_, step, class)| ((step + class) % 3) as f32);
    writer.write(&BlockData { images: 0..1, outputs: outputs.view(), taps: vec![values.view()] }).unwrap();
    writer.finish().unwrap();
    for image in 1..n_images {
        fs::hard_link(path.join("taps/v1/c.0.0.0.0.0"), path.join(format!("taps/v1/c.{image}.0.0.0.0")))
            .unwrap();
        fs::hard_link(path.join("logits/c.0.0.0"), path.join(format!("logits/c.{image}.0.0"))).unwrap();
    }
    complete(path).unwrap();
}

/// Run what must succeed; gives the most memory it had.
fn peak(command: &mut Command) -> usize {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
        peak = peak.max(1024 * found.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    peak
}

#[test]
fn a_shard_of_a_hundred_gigabytes_is_read_within_the_budget() {
    let room = Room::new();
    // 16 MB an image, 100 GB in all.
    store(&room.path("large.zarr"), 6250, [128, 56, 56]);
    let line = "analyze large.zarr --area v1 --spatial flatten --only change --memory 128M --out results";
    // 640 MB of it.
    let shard = format!("{line} --shard 7/156");
    let told = room.fine(&format!("{shard} --dry-run"));
    assert!(told.starts_with("reading 40 images: about "), "{told}");
    let words: Vec<&str> = told.split(' ').collect();
    let place = words.iter().position(|word| *word == "of").unwrap();
    assert_eq!(words[place - 1], "MiB", "{told}");
    let told: f64 = words[place - 2].parse().unwrap();
    assert!(told <= 129.0, "{told} MiB are told");
    let found = peak(room.command(&shard).env("RAYON_NUM_THREADS", "4"));
    assert!(found < (128 << 20) + PROGRAM, "{} MiB of memory", found >> 20);
    assert!(found > 48 << 20, "{} MiB: it was not looked at", found >> 20);
}

#[test]
fn an_analysis_holds_a_part_of_the_trajectories_at_a_time() {
    let room = Room::new();
    // 320 MB.
    store(&room.path("large.zarr"), 2000, [16, 16, 16]);
    let line = "analyze large.zarr --memory 16M --replicates 20 --out results";
    let found = peak(room.command(line).env("RAYON_NUM_THREADS", "4"));
    // What spans images comes to the budget, but far less than all trajectories.
    assert!(found < 160 << 20, "{} MiB of memory", found >> 20);
    assert!(room.exists("results/tables/large/change.csv"));
    let (said, hint) = room.refused(2, "analyze large.zarr --memory 512K --out small");
    assert!(said.ends_with("`global_geometry` holds 630.0 KiB at once, 512.0 KiB are allowed"), "{said}");
    assert_eq!(hint, "give --memory 1M, or name other analyses with --only");
    assert!(!room.exists("small"));
}
