//! An analysis in parts: `redyn analyze --shard`, and what `redyn merge` makes of them.

use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use redyn_analysis::{Error, Part, Run, Subject, runs};
use redyn_core::{Shard, Stop};

use super::analyze::{How, asked, finish};
use super::networks::with_networks;
use super::{print_path, progress};
use crate::args::{AnalyzeArgs, Command};
use crate::console::{Console, stdout};
use crate::parts::PartsFolder;
use crate::{Cli, Failure, Forecast, Opened};

/// Read the rows of a shard, and keep them beside the results that will be made of them. `command` is that
/// of all shards.
pub(super) fn read_part(
    stores: &[Opened],
    how: &How,
    (shard, out): (Shard, &Path),
    command: &[String],
    console: &Console,
) -> Result<(), Failure> {
    with_networks(stores, how, |networks| {
        let parts = PartsFolder::begin(out, command, &runs(networks.subjects, Shard::WHOLE), shard)?;
        let (done, left): (Vec<Run>, Vec<Run>) =
            runs(networks.subjects, shard).into_iter().partition(|run| parts.has(run));
        let images = |runs: &[Run]| runs.iter().map(|run| run.images.len()).sum::<usize>();
        let (mut n_done, n_images) = (images(&done), images(&done) + images(&left));
        let bar = console.bar("analyze", n_images);
        let mut watch = progress(&bar);
        watch(n_done, n_images);
        for run in &left {
            let part = run.read(how.options.memory, &console.stop).map_err(|error| match error {
                Error::Stopped => Failure::stopped("the rows are kept: the same command continues it"),
                other => other.into(),
            })?;
            parts.keep(run, &part, shard)?;
            n_done += run.images.len();
            watch(n_done, n_images);
        }
        bar.finish_and_clear();
        Ok(())
    })?;
    console.say(format!("once all parts are there: redyn merge {}", out.display()));
    print_path(out)
}

/// Join the parts of an analysis, and do what spans them.
pub(super) fn merge(out: &Path, console: &Console) -> Result<(), Failure> {
    let parts = PartsFolder::open(out)?;
    let words: Vec<OsString> = parts.command().iter().map(OsString::from).collect();
    let Command::Analyze(args) = Cli::from_words(&words)?.command else {
        return Err(Failure::user(
            format!("{} holds parts of what is no analysis", out.display()),
            "remove the folder, and do the analysis again",
        ));
    };
    let args = AnalyzeArgs { out: out.to_owned(), ..args };
    let stores = Opened::all(&args.stores)?;
    asked(&args, Some(&parts), |how| {
        with_networks(&stores, how, |networks| {
            parts.complete(&runs(networks.subjects, Shard::WHOLE))?;
            finish(networks, how, &args, parts.command().to_vec(), console)
        })
    })
}

/// The rows of a shard, for whoever brings them together without a disk.
///
/// # Errors
/// As [`analyze_opened`](crate::analyze_opened).
pub fn parts_of(stores: &[Opened], how: &How, shard: Shard, console: &Console) -> Result<Vec<Part>, Failure> {
    with_networks(stores, how, |networks| {
        let mine = runs(networks.subjects, shard);
        Ok(mine.iter().map(|run| run.read(how.options.memory, &console.stop)).collect::<Result<_, _>>()?)
    })
}

/// Say what reading a shard would take.
pub(super) fn foreseen(stores: &[Opened], how: &How, shard: Shard) -> Result<(), Failure> {
    let memory = how.options.memory;
    let forecast = with_networks(stores, how, |networks| forecast(networks.subjects, shard, memory))?;
    stdout(|out| writeln!(out, "reading {forecast}; what spans images is computed after it"))
}

/// Runs of each network that are read for a forecast.
const TIMED_RUNS: usize = 4;

/// What the runs of a shard take within `memory` bytes of trajectories: some of them are read, and the rest
/// is multiplication. Rows are taken to be as large in memory as they are on disk, where they are text; of
/// a whole analysis all are held at once, of a shard those of a run.
fn forecast(subjects: &[Subject], shard: Shard, memory: usize) -> Result<Forecast, Failure> {
    let threads = rayon::current_num_threads();
    let mut forecast = Forecast { n_images: 0, memory: 0, disk: 0, threads, seconds: 0.0 };
    for of_one in runs(subjects, shard).chunk_by(|a, b| a.origin == b.origin) {
        let (mut timed_images, mut bytes, mut of_a_run) = (0, 0, 0);
        let begun = Instant::now();
        for run in of_one.iter().step_by(of_one.len().div_ceil(TIMED_RUNS)) {
            let part = run.read(memory, &Stop::default())?;
            let text = serde_json::to_vec(&part).expect("plain data").len();
            timed_images += run.images.len();
            bytes += text;
            of_a_run = of_a_run.max(run.bytes(memory) + 2 * text);
        }
        let n_images: usize = of_one.iter().map(|run| run.images.len()).sum();
        let times = n_images as f64 / timed_images as f64;
        forecast.n_images += n_images;
        forecast.seconds += times * begun.elapsed().as_secs_f64();
        forecast.disk += (times * bytes as f64) as u64;
        forecast.memory = forecast.memory.max(of_a_run as u64);
    }
    if shard.is_whole() {
        forecast.memory += forecast.disk;
    }
    Ok(forecast)
}
