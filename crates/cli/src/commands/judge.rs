//! Stores held against a paper's claims.

use std::path::Path;

use redyn_analysis::{
    Against, Case, Judged, KnownRows, Subject, Table, claims_table, curves_table, factors_table,
    published_table,
};
use redyn_core::TrajectorySource;

use super::analyze::How;
use super::write_table;
use crate::cases::{Companions, companions};
use crate::console::Console;
use crate::judged::judged_trajectories;
use crate::{Failure, Opened};

/// Decide every claim that some trajectories allow.
///
/// # Errors
/// Data that are damaged or do not fit together, an option that makes no sense, a request to stop.
pub fn judge(stores: &[Opened], how: &How, console: &Console) -> Result<Judged, Failure> {
    let trajectories = stores
        .iter()
        .map(|store| {
            // Another network need not have the area asked for: then it is represented by what is read out.
            let asked = how.area.filter(|area| stores.len() == 1 || store.recording.has_area(area));
            judged_trajectories(&store.recording, store.place(asked, how.spatial), &how.options.decoding)
        })
        .collect::<Result<Vec<Box<dyn TrajectorySource + '_>>, Failure>>()?;
    let (found, _) = companions(stores);
    let source = |index: usize| &*trajectories[index];
    let controls: Vec<Vec<&dyn TrajectorySource>> =
        found.iter().map(|one| one.controls.iter().copied().map(source).collect()).collect();
    let cases: Vec<Case> =
        found.iter().zip(&controls).map(|(one, controls)| case(one, controls, how.known, source)).collect();
    let bar = console.bar("claims", cases.len());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let judged = redyn_analysis::judge(&cases, how.claims.against, how.options, &console.stop)?;
    bar.finish_and_clear();
    Ok(judged)
}

fn case<'a>(
    one: &Companions,
    controls: &'a [&'a dyn TrajectorySource],
    known: Option<&'a dyn KnownRows>,
    source: impl Fn(usize) -> &'a dyn TrajectorySource,
) -> Case<'a> {
    let pair = |main: usize, untrained: Option<usize>| Subject {
        untrained: untrained.map(&source),
        known,
        ..Subject::of(source(main))
    };
    Case {
        network: one.network.clone(),
        subject: Subject { controls, ..pair(one.main, one.untrained) },
        long: one.long.map(|(long, untrained)| pair(long, untrained)),
        with_bias: one.with_bias.map(&source),
        bias_removed: one.bias_removed.map(&source),
        factors: Vec::new(),
    }
}

/// Claims, curves over seeds and published numbers as tables.
pub fn judged_tables(judged: &Judged) -> Vec<Table> {
    let networks = &judged.networks;
    let claims = networks.iter().map(|one| (one.name.as_str(), &one.claims[..]));
    let curves = networks.iter().map(|one| (one.name.as_str(), &one.seeds[..], &one.curves[..]));
    let numbers = networks.iter().map(|one| (one.name.as_str(), &one.published[..]));
    let mut tables = vec![
        claims_table(claims.chain([("all", &judged.across[..])])),
        curves_table(curves),
        published_table(numbers, judged.against == Against::Published),
    ];
    if !judged.factors.is_empty() {
        tables.push(factors_table(&judged.factors));
    }
    tables
}

/// The tables as CSV, and what their columns mean.
pub(crate) fn write_judged(judged: &Judged, folder: &Path) -> Result<(), Failure> {
    judged_tables(judged).iter().try_for_each(|table| write_table(table, folder))
}
