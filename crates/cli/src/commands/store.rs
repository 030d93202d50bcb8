//! `redyn store`.

use std::io::{self, Write};

use redyn_core::Bytes;
use redyn_store::{Store, StoreInfo};

use super::print_json;
use crate::Failure;
use crate::args::StoreArgs;
use crate::console::stdout;

pub(super) fn run(args: &StoreArgs) -> Result<(), Failure> {
    let info = Store::open_partial(&args.store)?.info()?;
    if args.json { print_json(&info) } else { stdout(|out| print(&info, out)) }
}

fn print(info: &StoreInfo, out: &mut dyn Write) -> io::Result<()> {
    let about = &info.about;
    writeln!(out, "{}", about.name)?;
    writeln!(out, "  network   {}", about.network)?;
    writeln!(out, "  weights   epoch {}, seed {}", or_unknown(about.epoch), or_unknown(about.seed))?;
    if let Some(dataset) = &about.dataset {
        writeln!(out, "  data      {dataset}")?;
    }
    writeln!(out, "  images    {} of {}", info.n_images_present, info.n_images)?;
    writeln!(out, "  steps     {}", info.n_steps)?;
    writeln!(out, "  classes   {}", about.classes.len())?;
    for tap in &info.taps {
        let shape: Vec<String> = tap.shape.iter().map(|axis| counted(axis.size, &axis.name)).collect();
        writeln!(
            out,
            "  area      {}: {} at {}",
            tap.area,
            shape.join(" x "),
            counted(tap.steps.len(), "step")
        )?;
    }
    if let Some(readout) = &info.readout {
        let when = match readout.delay {
            0 => "the same step".to_owned(),
            delay => format!("{} before", counted(delay, "step")),
        };
        writeln!(out, "  readout   of {} at {when}", readout.tap)?;
    }
    writeln!(out, "  size      {} an image", Bytes(info.bytes_per_image))?;
    writeln!(out, "  kernels   {}", about.kernel_path)?;
    if !about.command.is_empty() {
        writeln!(out, "  command   {}", about.command)?;
    }
    writeln!(out, "  digest    {}", info.digest)
}

/// `1 step`, `4 steps`.
fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 || !["unit", "channel", "step"].contains(&what) { "" } else { "s" })
}

fn or_unknown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}
