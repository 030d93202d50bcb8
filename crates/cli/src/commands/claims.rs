//! `redyn claims`.

use std::io::{self, Write};

use redyn_analysis::{Claim, Judged, Sampling, claims_table};

use super::analyze::How;
use super::judge::judge;
use super::{print_json, write_file};
use crate::args::ClaimsArgs;
use crate::console::{Console, stdout};
use crate::{Failure, Opened};

pub(super) fn run(args: &ClaimsArgs, console: &Console) -> Result<(), Failure> {
    let statistics = &args.statistics;
    let options = statistics.options();
    let (area, spatial) = (statistics.area.as_deref(), statistics.spatial.into());
    let how = How { area, spatial, ..How::of(&options) };
    let judged = judge(&Opened::all(&args.stores)?, &how, console)?;
    if let Some(file) = &args.csv {
        let networks = judged.networks.iter().map(|network| (network.name.as_str(), &network.claims[..]));
        let table = claims_table(networks.chain([("all", &judged.across[..])]));
        write_file(file, table.to_csv().as_bytes())?;
    }
    if args.json { print_json(&judged) } else { stdout(|out| print(&judged, out)) }
}

fn print(judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
    for network in &judged.networks {
        let seeds: Vec<String> = network.seeds.iter().flatten().map(u64::to_string).collect();
        let seeds = match &seeds[..] {
            [] => String::new(),
            [one] => format!(", seed {one}"),
            several => format!(", seeds {}", several.join(", ")),
        };
        writeln!(out, "{} ({}{seeds}, {} images)", network.name, network.network, network.n_images)?;
        network.claims.iter().try_for_each(|claim| line(claim, out))?;
        writeln!(out)?;
    }
    writeln!(out, "all networks")?;
    judged.across.iter().try_for_each(|claim| line(claim, out))
}

/// Verdict, figure and claim; then what decided, or why nothing did.
fn line(claim: &Claim, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {:<9} {:<14} {}", claim.verdict.word(), claim.figure, claim.wording)?;
    let mut found = Vec::new();
    if let Some(effect) = claim.effect {
        let interval =
            effect.interval().map_or_else(String::new, |(low, high)| format!(" [{low:.4}, {high:.4}]"));
        let unit = if claim.unit.is_empty() { String::new() } else { format!(" {}", claim.unit) };
        let what = match claim.sampling {
            Sampling::Images => "images".to_owned(),
            Sampling::Classes => "classes".to_owned(),
            Sampling::Repeats => "draws".to_owned(),
            Sampling::Seeds(n) => format!("in the smallest group of {n} seeds"),
            Sampling::RandomWeights(n) => format!("images beside {n} random weights"),
        };
        found.push(format!("{:.4}{interval}{unit}, must be {}", effect.value, claim.rule));
        found.push(format!("n = {} {what}", effect.n));
        found.extend(claim.p.map(|p| format!("p = {p:.3}")));
    }
    found.extend(claim.reason.clone());
    writeln!(out, "  {:<24} {}", "", found.join("; "))
}
