//! What the commands do, one file each.

mod analyses;
mod analyze;
mod cases;
mod checkpoint;
mod claims;
mod companions;
mod compare;
mod data;
pub(crate) mod demo;
mod import;
mod in_parts;
mod judge;
mod merge;
mod models;
mod networks;
mod report;
mod reproduce;
mod slurm;
pub(crate) mod stability;
mod store;
mod subject;
pub(crate) mod train;
pub(crate) mod unroll;

pub(crate) use analyze::analyze;
pub use analyze::{Analyzed, Challenged, Claims, Feedforward, How, analyze_opened};
pub use compare::{Areas, compare_opened};
pub use in_parts::parts_of;
pub use judge::{judge, judged_tables};
pub(crate) use report::report;

use std::path::Path;

use clap::CommandFactory;
use redyn_analysis::Table;
use redyn_core::replace_file;
use redyn_stimuli::{BadImages, DataSet, Frame, OpenOptions, open};
use redyn_zoo::Card;

use crate::args::{Command, ReadingArgs};
use crate::console::{Console, stdout};
use crate::trained::frame;
use crate::{Cli, Failure};

/// Do what a command line says; `command` is what was typed.
///
/// # Errors
/// The one sentence that says why not.
pub fn run(cli: Cli, command: Vec<String>) -> Result<(), Failure> {
    if let Some(threads) = cli.threads.or_else(crate::slurm::processors) {
        // Before the first parallel work, so it cannot have been built yet.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
    let console = Console::new(command)?;
    // On a thread of the pool: from outside, every operation of a network would cost two switches
    // between threads.
    rayon::scope(|_| dispatch(cli.command, &console))
}

fn dispatch(command: Command, console: &Console) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::run(&args, console),
        Command::Train(args) => train::run(&args, console),
        Command::Unroll(args) => unroll::run(&args, console),
        Command::Stability(args) => stability::run(&args, console),
        Command::Analyze(args) => analyze::run(&args, console),
        Command::Compare(args) => compare::run(&args, console),
        Command::Claims(args) => claims::run(&args, console),
        Command::Reproduce(args) => reproduce::run(&args, console),
        Command::Report(args) => report::run(&args, console),
        Command::Models(command) => models::run(&command),
        Command::Data(command) => data::run(&command, console),
        Command::Analyses(command) => analyses::run(&command),
        Command::Import(args) => import::import(&args, console),
        Command::Export(args) => import::export(&args, console),
        Command::Store(args) => store::run(&args),
        Command::Merge(args) => merge::run(&args, console),
        Command::Slurm(args) => slurm::run(&args),
        Command::Completions { shell } => {
            // Written at once: the generators panic where a pipe is closed.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "redyn", &mut script);
            stdout(|out| out.write_all(&script))
        }
    }
}

/// What a bar is told: so much of so much is done. Its rate leaves out what was done before.
fn progress(bar: &indicatif::ProgressBar) -> impl FnMut(usize, usize) + use<'_> {
    let mut begun = false;
    move |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
        if !begun {
            bar.reset_eta();
            begun = true;
        }
    }
}

/// Open image data at a size, and tell what opening noticed.
pub(crate) fn open_data(
    specification: &str,
    image_size: Option<usize>,
    reading: &ReadingArgs,
    console: &Console,
) -> Result<DataSet, Failure> {
    open_framed(specification, image_size, Frame::Fill, reading, console)
}

/// Open image data as a network takes them, and tell what opening noticed.
pub(crate) fn open_data_for(
    card: &Card,
    specification: &str,
    reading: &ReadingArgs,
    console: &Console,
) -> Result<DataSet, Failure> {
    open_framed(specification, Some(card.image_size), frame(card), reading, console)
}

fn open_framed(
    specification: &str,
    image_size: Option<usize>,
    frame: Frame,
    reading: &ReadingArgs,
    console: &Console,
) -> Result<DataSet, Failure> {
    let options = OpenOptions {
        image_size,
        bad_images: if reading.skip_bad { BadImages::Skip } else { BadImages::Refuse },
        hierarchy: reading.hierarchy.clone(),
        classes: reading.only_classes.clone(),
        frame,
    };
    let data = open(specification, &options)?;
    for note in &data.notes {
        console.say(format!("note: {note}"));
    }
    if !data.skipped.is_empty() {
        let n = data.skipped.len();
        console.say(format!("note: {n} {} left out:", if n == 1 { "image was" } else { "images were" }));
        for skipped in &data.skipped {
            console.say(format!("  {}: {}", skipped.id, skipped.reason));
        }
    }
    Ok(data)
}

/// Write a file that appears whole or not at all.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    replace_file(path, bytes).map_err(failed)
}

/// A table as CSV in a folder, and beside it what its columns mean.
fn write_table(table: &Table, folder: &Path) -> Result<(), Failure> {
    write_file(&folder.join(format!("{}.csv", table.name)), table.to_csv().as_bytes())?;
    let mut companion = String::from("column\tunit\tmeaning\n");
    for column in &table.columns {
        companion.push_str(&format!("{}\t{}\t{}\n", column.name, column.unit, column.description));
    }
    write_file(&folder.join(format!("{}.columns.tsv", table.name)), companion.as_bytes())
}

/// JSON on stdout.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).expect("plain data");
    stdout(|out| writeln!(out, "{text}"))
}

/// The path of what was written, on stdout.
fn print_path(path: &Path) -> Result<(), Failure> {
    stdout(|out| writeln!(out, "{}", path.display()))
}
