//! `redyn analyze`.

use std::path::{Path, PathBuf};

use redyn_analysis::{
    Against, Analysis, Convergence, DecodingOptions, FirstOccurrence, JacobianRows, Judged, MinimumRun,
    Options, RdmMovie, Request, Results, Selection, StableRule, Subject, Uncertainty, analyse,
};
use redyn_core::TrajectorySource;
use redyn_store::{Recording, Spatial};
use serde::{Deserialize, Serialize};

use super::companions::{Companions, companions};
use super::judge::{judge, write_judged};
use super::{command_line, print_json, print_path, write_file, write_table};
use crate::args::{AnalyzeArgs, SpatialArg, StatisticsArgs};
use crate::console::Console;
use crate::judged::judged_trajectories;
use crate::properties::PropertyTable;
use crate::{Failure, Jacobians};

/// Results and where they come from, as `results.json` holds them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Analyzed {
    pub(super) format: String,
    pub(super) version: String,
    pub(super) command: Vec<String>,
    /// One per network of the results.
    pub(super) sources: Vec<Source>,
    pub(super) results: Results,
    /// What became of the published claims; absent when single analyses were asked for.
    pub(crate) judged: Option<Judged>,
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
            uncertainty: Uncertainty { replicates: self.replicates, level: self.level, seed: self.seed },
            rdm: self.rdm.options(),
            decoding: DecodingOptions { folds: self.folds },
            memory: usize::try_from(self.memory).unwrap_or(usize::MAX),
            ..Options::default()
        }
    }
}

pub(super) fn run(args: &AnalyzeArgs, console: &Console) -> Result<(), Failure> {
    let statistics = &args.statistics;
    let only: Vec<&str> = args.only.iter().map(String::as_str).collect();
    let selection = if only.is_empty() { Selection::All } else { Selection::Named(&only) };
    let properties = args.properties.as_deref().map(PropertyTable::read).transpose()?;
    let how = How {
        area: statistics.area.as_deref(),
        spatial: statistics.spatial.into(),
        options: &statistics.options(),
        selection,
        long: &[],
        jacobians: &args.jacobians,
        properties: properties.as_ref(),
        claims: Claims { stores: &args.stores, against: Against::Other },
    };
    let analyzed = analyze(&args.stores, &how, &args.out, console)?;
    if args.json { print_json(&analyzed) } else { print_path(&args.out.join(RESULTS)) }
}

/// The file of results within their folder.
pub(super) const RESULTS: &str = "results.json";

/// What to analyze, and how.
pub(crate) struct How<'a> {
    pub(crate) area: Option<&'a str>,
    pub(crate) spatial: Spatial,
    pub(crate) options: &'a Options,
    pub(crate) selection: Selection<'a>,
    /// Properties of the images, by their ids.
    pub(crate) properties: Option<&'a PropertyTable>,
    /// Longer recordings of the same networks, on which convergence is looked at.
    pub(crate) long: &'a [PathBuf],
    /// Files of one-step Jacobians.
    pub(crate) jacobians: &'a [PathBuf],
    pub(crate) claims: Claims<'a>,
}

/// On which stores the published claims are decided.
#[derive(Clone, Copy)]
pub(crate) struct Claims<'a> {
    pub(crate) stores: &'a [PathBuf],
    pub(crate) against: Against,
}

/// Analyze stores, decide the claims, and write results and tables.
pub(crate) fn analyze(
    paths: &[PathBuf],
    how: &How,
    out: &Path,
    console: &Console,
) -> Result<Analyzed, Failure> {
    let (mut results, sources) = analyzed(paths, how, console)?;
    if !how.long.is_empty() {
        let only =
            How { selection: Selection::Named(&[Convergence::NAME]), long: &[], jacobians: &[], ..*how };
        let (long, _) = analyzed(how.long, &only, console)?;
        results.networks.iter_mut().for_each(|network| network.take_convergence(&long));
    }
    let judged = match how.selection {
        Selection::All => {
            let (stores, area) = (how.claims.stores, (how.area, how.spatial));
            Some(judge(stores, area, how.claims.against, how.options, console)?)
        }
        Selection::Named(_) => None,
    };
    let analyzed = Analyzed {
        format: "redyn.results".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        command: command_line(),
        sources,
        results,
        judged,
    };
    write_tables(&analyzed.results, out)?;
    if let Some(judged) = &analyzed.judged {
        write_judged(judged, &out.join("tables"))?;
    }
    let json = serde_json::to_vec(&analyzed).expect("plain data");
    write_file(&out.join(RESULTS), &json)?;
    Ok(analyzed)
}

/// The results of some stores, and where those of each network come from.
fn analyzed(paths: &[PathBuf], how: &How, console: &Console) -> Result<(Results, Vec<Source>), Failure> {
    let stores = paths.iter().map(Recording::open).collect::<Result<Vec<_>, _>>()?;
    let recurrent = stores.iter().any(several_steps);
    let trajectories = stores
        .iter()
        .map(|store| {
            // A feedforward control without the area asked for is represented by what is read out.
            let control = recurrent && !several_steps(store);
            let asked = how.area.filter(|area| !control || store.has_area(area));
            let area = asked.or(store.main_area()).unwrap_or_default();
            if matches!(how.selection, Selection::Named([RdmMovie::NAME])) {
                return Ok(store.representations(area, how.spatial)?);
            }
            judged_trajectories(store, (area, how.spatial), &how.options.decoding)
        })
        .collect::<Result<Vec<Box<dyn TrajectorySource + '_>>, Failure>>()?;
    let n_steps: Vec<usize> = trajectories.iter().map(|found| found.description().n_steps).collect();
    let (found, left) = companions(paths, &stores, &n_steps)?;
    for index in left {
        console.say(format!(
            "note: {} is untrained and belongs to none of the trained networks; it is left out",
            paths[index].display()
        ));
    }
    let source = |index: usize| &*trajectories[index];
    let controls: Vec<Vec<&dyn TrajectorySource>> =
        found.iter().map(|one| one.controls.iter().copied().map(source).collect()).collect();
    let jacobians = of_stores(how.jacobians, &found, &stores, &n_steps)?;
    let lesions: Vec<Vec<(String, &dyn TrajectorySource)>> = found
        .iter()
        .map(|one| one.lesions.iter().map(|(run, what)| (what.clone(), source(*run))).collect())
        .collect();
    let properties = found
        .iter()
        .map(|one| how.properties.map(|table| table.of(stores[one.subject].image_ids())).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    let subjects: Vec<Subject> = found
        .iter()
        .enumerate()
        .map(|(index, one)| Subject {
            trajectories: source(one.subject),
            untrained: one.untrained.map(source),
            controls: &controls[index],
            lesions: &lesions[index],
            properties: properties[index].as_ref(),
            jacobians: jacobians[index].as_ref(),
        })
        .collect();
    let bar = console.bar("analyze", subjects.len());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let request =
        Request { subjects: &subjects, analyses: how.selection, options: how.options, stop: &console.stop };
    let results = analyse(&request)?;
    bar.finish_and_clear();
    for (analysis, networks, reason) in left_out(&results) {
        console.say(format!("note: {analysis} is left out of {}: {reason}", networks.join(", ")));
    }
    let sources = found
        .iter()
        .map(|one| {
            let about = stores[one.subject].about();
            Source {
                store: paths[one.subject].clone(),
                untrained: one.untrained.map(|twin| paths[twin].clone()),
                controls: one.controls.iter().map(|&control| paths[control].clone()).collect(),
                lesions: one.lesions.iter().map(|(run, _)| paths[*run].clone()).collect(),
                model: about.model.clone(),
                weights_digest: about.weights_digest.clone(),
                dataset: about.dataset.clone(),
                dataset_digest: about.dataset_digest.clone(),
                kernels: about.kernel_path.clone(),
                hierarchy: about.hierarchy.clone(),
                image_ids: stores[one.subject].image_ids().to_vec(),
            }
        })
        .collect();
    Ok((results, sources))
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

/// For each network, the Jacobians in one of the files that are of its weights, images and edges.
fn of_stores(
    files: &[PathBuf],
    found: &[Companions],
    stores: &[Recording],
    n_steps: &[usize],
) -> Result<Vec<Option<JacobianRows>>, Failure> {
    let mut rows = vec![None; found.len()];
    for path in files {
        let jacobians = Jacobians::read(path)?;
        let mut belongs = false;
        for (one, rows) in found.iter().zip(&mut rows) {
            let (store, about) = (&stores[one.subject], stores[one.subject].about());
            let edges = serde_json::to_value(&jacobians.interventions).expect("plain data");
            let same = about.weights_digest.as_deref() == Some(jacobians.weights_digest.as_str())
                && about.dataset_digest.as_deref() == Some(jacobians.dataset_digest.as_str())
                && about.model.get("interventions") == Some(&edges);
            if same {
                *rows = Some(jacobians.of_store(path, store.image_ids(), n_steps[one.subject])?);
                belongs = true;
            }
        }
        if !belongs {
            return Err(Failure::user(
                format!("{} holds the Jacobians of none of these stores", path.display()),
                "compute them with the weights, images and cut edges of the store",
            ));
        }
    }
    Ok(rows)
}

fn several_steps(store: &Recording) -> bool {
    store.taps().iter().any(|tap| tap.steps.len() > 1)
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
