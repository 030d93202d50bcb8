//! `redyn analyze`.

use std::path::{Path, PathBuf};

use redyn_analysis::{
    Against, Analysis, Convergence, DecodingOptions, FirstOccurrence, Judged, KnownRows, MinimumRun, Options,
    Paper, Request, Results, Selection, StableRule, Uncertainty, analyse,
};
use redyn_core::Shard;
use redyn_store::Spatial;
use serde::{Deserialize, Serialize};

use super::companions::Companions;
use super::in_parts::{foreseen, read_part};
use super::judge::{judge, judge_networks, write_judged};
use super::networks::{Networks, with_networks};
use super::{print_json, print_path, write_file, write_table};
use crate::args::{AnalyzeArgs, PaperArg, ResamplingArgs, SpatialArg, StatisticsArgs};
use crate::console::Console;
use crate::properties::PropertyTable;
use crate::undivided::undivided;
use crate::{Failure, Opened};

/// Results and where they come from, as `results.json` holds them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Analyzed {
    pub(super) format: String,
    pub(super) version: String,
    pub(super) command: Vec<String>,
    /// One per network of the results.
    pub(super) sources: Vec<Source>,
    /// What was found.
    pub results: Results,
    /// Networks again, on harder images.
    #[serde(default)]
    pub(super) challenged: Option<(Results, Vec<Source>)>,
    /// What became of the published claims; absent when single analyses were asked for.
    pub judged: Option<Judged>,
}

/// The store, or the other file, behind the results of one network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(super) store: PathBuf,
    pub(super) untrained: Option<PathBuf>,
    /// Stores of one step of the same images.
    #[serde(default)]
    pub(super) controls: Vec<PathBuf>,
    /// Stores of the same weights with edges cut or scaled.
    #[serde(default)]
    pub(super) lesions: Vec<PathBuf>,
    /// What the store says of the network: card, split, interventions.
    pub(super) model: serde_json::Value,
    pub(super) weights_digest: Option<String>,
    /// The data set, as it was named.
    pub(super) dataset: Option<String>,
    pub(super) dataset_digest: Option<String>,
    pub(super) kernels: String,
    pub(super) hierarchy: Option<redyn_core::Hierarchy>,
    /// Ids of the images, in order.
    pub(super) image_ids: Vec<String>,
}

impl From<SpatialArg> for Spatial {
    fn from(arg: SpatialArg) -> Self {
        match arg {
            SpatialArg::Average => Self::Average,
            SpatialArg::Flatten => Self::Flatten,
        }
    }
}

impl From<PaperArg> for Paper {
    fn from(arg: PaperArg) -> Self {
        match arg {
            PaperArg::Thorat2023 => Self::Thorat2023,
            PaperArg::Luo2026 => Self::Luo2026,
        }
    }
}

impl ResamplingArgs {
    pub(super) fn uncertainty(&self) -> Uncertainty {
        Uncertainty { replicates: self.replicates, level: self.level, seed: self.seed }
    }

    /// Bytes for trajectories: all there are, where an address cannot say as many.
    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.memory).unwrap_or(usize::MAX)
    }
}

impl StatisticsArgs {
    /// Every choice they stand for.
    pub(super) fn options(&self) -> Options {
        Options {
            stable: StableRule {
                minimum_run: if self.minimum_run == 1 { MinimumRun::One } else { MinimumRun::Two },
                first_occurrence: if self.allow_return {
                    FirstOccurrence::Ignored
                } else {
                    FirstOccurrence::Required
                },
            },
            uncertainty: self.resampling.uncertainty(),
            rdm: self.rdm.options(),
            decoding: DecodingOptions { folds: self.folds },
            categories: self.categories.options(),
            paper: self.paper.into(),
            memory: self.resampling.bytes(),
            ..Options::default()
        }
    }
}

pub(super) fn run(args: &AnalyzeArgs, console: &Console) -> Result<(), Failure> {
    let stores = Opened::all(&args.stores)?;
    let command = undivided(&console.command);
    asked(args, None, |how| match args.shard {
        _ if args.dry_run => foreseen(&stores, how, args.shard.unwrap_or(Shard::WHOLE)),
        Some(shard) => read_part(&stores, how, (shard, &args.out), &command, console),
        None => with_networks(&stores, how, |networks| finish(networks, how, args, command, console)),
    })
}

/// What the words of a command ask for.
pub(super) fn asked(
    args: &AnalyzeArgs,
    known: Option<&dyn KnownRows>,
    act: impl FnOnce(&How) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let statistics = &args.statistics;
    let only: Vec<&str> = args.only.iter().map(String::as_str).collect();
    let properties = args.properties.as_deref().map(PropertyTable::read).transpose()?;
    act(&How {
        area: statistics.area.as_deref(),
        spatial: statistics.spatial.into(),
        selection: if only.is_empty() { Selection::All } else { Selection::Named(&only) },
        jacobians: &args.jacobians,
        properties: properties.as_ref(),
        known,
        ..How::of(&statistics.options())
    })
}

/// Analyze, write, and say where it is.
pub(super) fn finish(
    networks: &Networks,
    how: &How,
    args: &AnalyzeArgs,
    command: Vec<String>,
    console: &Console,
) -> Result<(), Failure> {
    let analyzed = Analyzed { command, ..analyze_networks(networks, how, console)? };
    analyzed.write(&args.out)?;
    if args.json { print_json(&analyzed) } else { print_path(&args.out.join(RESULTS)) }
}

/// The file of results within their folder.
pub(super) const RESULTS: &str = "results.json";

/// What to analyze, and how.
pub struct How<'a> {
    /// The area (default: the one that is read out).
    pub area: Option<&'a str>,
    /// How its maps become vectors.
    pub spatial: Spatial,
    /// Every choice behind the numbers.
    pub options: &'a Options,
    /// Which analyses. With all of them the published claims are decided, too.
    pub selection: Selection<'a>,
    /// Properties of the images, by their ids.
    pub properties: Option<&'a PropertyTable>,
    /// Longer recordings of the same networks, on which convergence is looked at.
    pub long: &'a [PathBuf],
    /// Files of one-step Jacobians.
    pub jacobians: &'a [PathBuf],
    /// What stores of one step are beside those of several.
    pub feedforward: Feedforward,
    /// Networks again, on harder images.
    pub challenged: Challenged<'a>,
    /// On what the claims are decided.
    pub claims: Claims<'a>,
    /// The claims, where they are decided already.
    pub judged: Option<&'a Judged>,
    /// Rows that were read before.
    pub known: Option<&'a dyn KnownRows>,
}

impl<'a> How<'a> {
    /// All analyses of what is read out, with these options.
    pub fn of(options: &'a Options) -> Self {
        Self {
            area: None,
            spatial: Spatial::Average,
            options,
            selection: Selection::All,
            properties: None,
            long: &[],
            jacobians: &[],
            feedforward: Feedforward::Controls,
            challenged: Challenged { stores: &[], analyses: &[] },
            claims: Claims { stores: None, against: Against::Other },
            judged: None,
            known: None,
        }
    }

    /// A few analyses of other images of the same networks, alike in all else.
    fn only(&self, selection: Selection<'a>) -> Self {
        Self { selection, long: &[], jacobians: &[], properties: None, ..*self }
    }
}

/// What stores of one step are beside those of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedforward {
    /// Controls of the recurrent networks.
    Controls,
    /// Networks of their own.
    Networks,
}

/// Recordings of networks on harder images.
#[derive(Clone, Copy)]
pub struct Challenged<'a> {
    /// The stores.
    pub stores: &'a [PathBuf],
    /// What is asked of them.
    pub analyses: &'a [&'a str],
}

/// On which trajectories the published claims are decided.
#[derive(Clone, Copy)]
pub struct Claims<'a> {
    /// Stores (default: what is analyzed).
    pub stores: Option<&'a [PathBuf]>,
    /// Whose weights and images they are.
    pub against: Against,
}

/// Analyze stores, decide the claims, and write results and tables.
pub(crate) fn analyze(
    paths: &[PathBuf],
    how: &How,
    out: &Path,
    console: &Console,
) -> Result<Analyzed, Failure> {
    let analyzed = analyze_opened(&Opened::all(paths)?, how, console)?;
    analyzed.write(out)?;
    Ok(analyzed)
}

/// Analyze trajectories that are open, and decide the claims.
///
/// # Errors
/// Trajectories that do not belong together or cannot be read, an analysis asked for that they do not
/// allow, an option that makes no sense, a request to stop.
pub fn analyze_opened(stores: &[Opened], how: &How, console: &Console) -> Result<Analyzed, Failure> {
    with_networks(stores, how, |networks| analyze_networks(networks, how, console))
}

/// Analyze networks among stores, and decide the claims.
fn analyze_networks(networks: &Networks, how: &How, console: &Console) -> Result<Analyzed, Failure> {
    let analyzed_stores = |paths: &[PathBuf], how: &How| {
        with_networks(&Opened::all(paths)?, how, |networks| analyzed(networks, how, console))
    };
    let (mut results, sources) = analyzed(networks, how, console)?;
    if !how.long.is_empty() {
        let (long, _) = analyzed_stores(how.long, &how.only(Selection::Named(&[Convergence::NAME])))?;
        results.networks.iter_mut().for_each(|network| network.take_convergence(&long));
    }
    let judged = match (how.selection, how.judged) {
        (Selection::All, Some(judged)) => Some(judged.clone()),
        (Selection::All, None) => {
            let judged = match how.claims.stores {
                Some(others) => judge(&Opened::all(others)?, how, console)?,
                None => judge_networks(networks, how, console)?,
            };
            Some(judged)
        }
        (Selection::Named(_) | Selection::Allowed(_), _) => None,
    };
    let Challenged { stores: harder, analyses } = how.challenged;
    let challenged = if harder.is_empty() {
        None
    } else {
        Some(analyzed_stores(harder, &how.only(Selection::Allowed(analyses)))?)
    };
    Ok(Analyzed {
        format: "redyn.results".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        command: console.command.clone(),
        sources,
        results,
        challenged,
        judged,
    })
}

impl Analyzed {
    /// Write `results.json` and one CSV per table into a folder.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn write(&self, out: &Path) -> Result<(), Failure> {
        write_tables(&self.results, out)?;
        if let Some(judged) = &self.judged {
            write_judged(judged, &out.join("tables"))?;
        }
        let json = serde_json::to_vec(self).expect("plain data");
        write_file(&out.join(RESULTS), &json)
    }
}

/// The results of some networks, and where those of each come from.
fn analyzed(networks: &Networks, how: &How, console: &Console) -> Result<(Results, Vec<Source>), Failure> {
    let Networks { stores, subjects, companions, left, .. } = *networks;
    for &index in left {
        console.say(format!(
            "note: {} is untrained and belongs to none of the trained networks; it is left out",
            stores[index].path.display()
        ));
    }
    let bar = console.bar("analyze", subjects.len());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let (options, stop) = (how.options, &console.stop);
    let results = analyse(&Request { subjects, analyses: how.selection, options, stop })?;
    bar.finish_and_clear();
    for (analysis, networks, reason) in left_out(&results) {
        console.say(format!("note: {analysis} is left out of {}: {reason}", networks.join(", ")));
    }
    Ok((results, companions.iter().map(|one| source_of(one, stores)).collect()))
}

/// Where the results of a network come from.
fn source_of(one: &Companions, stores: &[Opened]) -> Source {
    let about = stores[one.subject].recording.about();
    Source {
        store: stores[one.subject].path.clone(),
        untrained: one.untrained.map(|twin| stores[twin].path.clone()),
        controls: one.controls.iter().map(|&control| stores[control].path.clone()).collect(),
        lesions: one.lesions.iter().map(|(run, _)| stores[*run].path.clone()).collect(),
        model: about.model.clone(),
        weights_digest: about.weights_digest.clone(),
        dataset: about.dataset.clone(),
        dataset_digest: about.dataset_digest.clone(),
        kernels: about.kernel_path.clone(),
        hierarchy: about.hierarchy.clone(),
        image_ids: stores[one.subject].recording.image_ids().to_vec(),
    }
}

/// Analyses that the data do not allow, each with the networks it is missing of, and why it is of
/// the first of them.
fn left_out(results: &Results) -> Vec<(&str, Vec<&str>, &str)> {
    let mut all: Vec<(&str, Vec<&str>, &str)> = Vec::new();
    for network in &results.networks {
        for omitted in &network.omitted {
            match all.iter_mut().find(|(analysis, ..)| *analysis == omitted.analysis) {
                Some((_, networks, _)) => networks.push(&network.name),
                None => all.push((&omitted.analysis, vec![&network.name], &omitted.reason)),
            }
        }
    }
    all
}

/// One CSV per table, and what its columns mean beside it.
fn write_tables(results: &Results, out: &Path) -> Result<(), Failure> {
    for network in &results.networks {
        let folder = out.join("tables").join(network.name.replace([' ', '/'], "-"));
        for table in network.findings.iter().flat_map(redyn_analysis::Finding::tables) {
            write_table(&table, &folder)?;
        }
    }
    for table in results.between.iter().flat_map(redyn_analysis::Between::tables) {
        write_table(&table, &out.join("tables"))?;
    }
    Ok(())
}
