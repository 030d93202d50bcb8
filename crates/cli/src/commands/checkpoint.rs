//! `redyn import` of weights.

use std::collections::HashMap;
use std::io::{self, Write};

use redyn_core::Bytes;
use redyn_network::Weights;
use redyn_zoo::{Fit, Key, Missing, Row, Status, Unexpected, digest, write_weights};
use serde_json::json;

use super::print_json;
use crate::Failure;
use crate::args::ImportArgs;
use crate::console::{Console, stdout};

/// Seed of parameters that a checkpoint lacks.
const SEED: u64 = 1;

pub(super) fn import(args: &ImportArgs, console: &Console) -> Result<(), Failure> {
    if args.name.is_some() {
        return Err(Failure::user("--name goes with trajectories, not with weights", "leave it out"));
    }
    let fit = Fit::of(&args.source, args.checkpoint.model.as_deref())?;
    let missing = if args.checkpoint.allow_missing { Missing::Start(SEED) } else { Missing::Refuse };
    let unexpected = if args.checkpoint.allow_unexpected { Unexpected::Ignore } else { Unexpected::Refuse };
    let weights = fit.load(missing, unexpected).inspect_err(|_| {
        // Whoever is refused wants to see all of it.
        let mut report = Vec::new();
        let _ = print(&fit, &mut report);
        console.say(String::from_utf8_lossy(&report).trim_end());
    })?;
    if let Some(folder) = args.out.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    }
    write_weights(&args.out, &weights, &notes(&fit))?;
    if args.checkpoint.json {
        print_json(&as_json(args, &fit, &weights))
    } else {
        stdout(|out| {
            print(&fit, out)?;
            writeln!(out, "written     {} ({})", args.out.display(), Bytes(4 * n_values(&weights)))
        })
    }
}

fn n_values(weights: &Weights) -> u64 {
    weights.0.values().map(|tensor| tensor.data.len() as u64).sum()
}

/// What the written file says of itself.
fn notes(fit: &Fit) -> HashMap<String, String> {
    let file = fit.checkpoint.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let random: Vec<&str> = fit
        .rows_with(Status::Missing)
        .filter_map(|row| row.parameter.as_ref().map(|parameter| parameter.name.as_str()))
        .collect();
    let mut notes = HashMap::from([
        ("network".to_owned(), fit.network.spec.to_string()),
        ("steps".to_owned(), fit.network.card.steps.to_string()),
        ("imported_from".to_owned(), file),
    ]);
    let mut note =
        |key: &str, value: Option<String>| notes.extend(value.map(|value| (key.to_owned(), value)));
    note("statistics", fit.checkpoint.notes.get("statistics").cloned());
    note("epoch", fit.epoch.map(|epoch| epoch.to_string()));
    note("seed", fit.seed.map(|seed| seed.to_string()));
    note("at_random", (!random.is_empty()).then(|| format!("seed {SEED}: {}", random.join(", "))));
    notes
}

const STATUSES: [(Status, &str); 6] = [
    (Status::Matched, "matched"),
    (Status::Renamed, "renamed"),
    (Status::Shape, "of another shape"),
    (Status::Missing, "missing"),
    (Status::Unexpected, "unexpected"),
    (Status::Skipped, "skipped"),
];

fn as_json(args: &ImportArgs, fit: &Fit, weights: &Weights) -> serde_json::Value {
    json!({
        "source": args.source,
        "format": fit.checkpoint.format.name(),
        "within": fit.checkpoint.within,
        "network": fit.network.spec.to_string(),
        "steps": fit.network.card.steps,
        "steps_told": fit.tells_steps,
        "epoch": fit.epoch,
        "keys": fit.rows,
        "out": args.out,
        "digest": digest(weights),
    })
}

fn print(fit: &Fit, out: &mut dyn Write) -> io::Result<()> {
    let Fit { checkpoint, network, .. } = fit;
    let within = checkpoint.within.as_ref().map_or_else(String::new, |key| format!(", in its `{key}`"));
    writeln!(out, "checkpoint  {} ({}{within})", checkpoint.path.display(), checkpoint.format.name())?;
    writeln!(out, "network     {} ({})", network.spec, network.card.short)?;
    let told = if fit.tells_steps { "" } else { ", as published: the file does not tell" };
    writeln!(out, "steps       {}{told}", network.card.steps)?;
    if let Some(epoch) = fit.epoch {
        writeln!(out, "epoch       {epoch}")?;
    }
    let count = |(status, name)| (fit.rows_with(status).count(), name);
    let counts = STATUSES.into_iter().map(count).filter(|(n, _)| *n > 0);
    let counts: Vec<String> = counts.map(|(n, name)| format!("{n} {name}")).collect();
    writeln!(out, "keys        {}\n", counts.join(", "))?;
    for row in &fit.rows {
        writeln!(out, "{}", line(row))?;
    }
    writeln!(out)
}

fn line(row: &Row) -> String {
    let told =
        |key: Option<&Key>| key.map_or_else(String::new, |key| format!("{} {:?}", key.name, key.shape));
    let (parameter, key) = (told(row.parameter.as_ref()), told(row.key.as_ref()));
    match row.status {
        Status::Matched => format!("matched     {parameter}"),
        Status::Renamed => format!("renamed     {parameter} is {key}"),
        Status::Shape => format!("SHAPE       {parameter} cannot be {key}"),
        Status::Missing => format!("MISSING     {parameter}"),
        Status::Unexpected => format!("UNEXPECTED  {key}"),
        Status::Skipped => format!("skipped     {key}, which is no parameter"),
    }
}
