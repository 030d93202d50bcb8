//! Stores held against a paper's claims.

use std::path::Path;

use redyn_analysis::{
    Against, Case, Judged, Selection, Subject, Table, claims_table, curves_table, factors_table,
    published_table,
};
use redyn_core::TrajectorySource;

use super::analyze::How;
use super::cases::{Seed, seeds};
use super::networks::{Networks, with_networks};
use super::write_table;
use crate::console::Console;
use crate::{Failure, Opened};

/// Decide every claim that some trajectories allow.
///
/// # Errors
/// Data that are damaged or do not fit together, an option that makes no sense, a request to stop.
pub fn judge(stores: &[Opened], how: &How, console: &Console) -> Result<Judged, Failure> {
    let how = How { selection: Selection::Named(&[]), jacobians: &[], properties: None, ..*how };
    with_networks(stores, &how, |networks| judge_networks(networks, &how, console))
}

/// Decide every claim that networks among stores allow.
pub(super) fn judge_networks(networks: &Networks, how: &How, console: &Console) -> Result<Judged, Failure> {
    let seeds = seeds(networks.companions, networks.stores);
    let controls: Vec<Vec<&dyn TrajectorySource>> = seeds
        .iter()
        .map(|seed| seed.controls.iter().map(|&control| networks.source(control)).collect())
        .collect();
    let cases: Vec<Case> =
        seeds.iter().zip(&controls).map(|(seed, controls)| case(seed, controls, networks)).collect();
    let bar = console.bar("claims", cases.len());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let judged = redyn_analysis::judge(&cases, how.claims.against, how.options, &console.stop)?;
    bar.finish_and_clear();
    Ok(judged)
}

fn case<'a>(seed: &Seed, controls: &'a [&'a dyn TrajectorySource], networks: &'a Networks<'a>) -> Case<'a> {
    let subject = |place: usize| networks.subjects[place];
    // No claim is about lesions.
    let main = Subject { controls, lesions: &[], ..subject(seed.main) };
    let readout = |place: usize| subject(place).trajectories;
    Case {
        network: seed.network.clone(),
        subject: main,
        long: seed.long.map(|place| Subject { controls: &[], lesions: &[], ..subject(place) }),
        with_bias: seed.with_bias.map(readout),
        bias_removed: seed.bias_removed.map(readout),
        random: networks.companions[seed.main].random.iter().map(|&random| networks.source(random)).collect(),
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
