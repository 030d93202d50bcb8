//! `redyn report`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use redyn_analysis::{BrainComparison, NetworkResults, Results};
use redyn_report::{Context, Network, Provenance, Written, write};
use redyn_stimuli::generated::Specification;
use redyn_stimuli::{OpenOptions, open};
use redyn_zoo::{Card, build, entry};
use serde::de::DeserializeOwned;

use super::analyze::{Analyzed, RESULTS, Source};
use super::compare::COMPARISON;
use super::print_path;
use crate::Failure;
use crate::args::ReportArgs;
use crate::console::Console;
use crate::thumbnails::thumbnails;
use crate::trained::frame;

pub(super) fn run(args: &ReportArgs, console: &Console) -> Result<(), Failure> {
    let empty = |folder: &&PathBuf| [RESULTS, COMPARISON].iter().all(|file| !folder.join(file).exists());
    if let Some(folder) = args.results.iter().find(empty) {
        return Err(Failure::user(
            format!("{} holds no results", folder.display()),
            "make them with `redyn analyze STORE... --out FOLDER`, or beside brains with `redyn compare`",
        ));
    }
    let analyzed = only::<Analyzed>(&args.results, RESULTS, "redyn analyze")?;
    let compared = only::<BrainComparison>(&args.results, COMPARISON, "redyn compare")?;
    let mut context = match &analyzed {
        Some((_, analyzed)) => analyzed.context(&args.title, args.data.as_deref(), console)?,
        None => Context {
            title: args.title.clone(),
            provenance: vec![line("redyn", env!("CARGO_PKG_VERSION").into())],
            ..Context::default()
        },
    };
    if let Some((file, comparison)) = compared {
        context.provenance.push(line("comparison", file.display().to_string()));
        context.comparison = Some(comparison);
    }
    let out = args.out.clone().unwrap_or_else(|| args.results[0].join("report"));
    print_path(&write(&context, &out)?.page)
}

/// What a command wrote into one of some folders; none where it wrote into none of them.
fn only<T: DeserializeOwned>(
    folders: &[PathBuf],
    name: &str,
    command: &str,
) -> Result<Option<(PathBuf, T)>, Failure> {
    let files: Vec<PathBuf> =
        folders.iter().map(|folder| folder.join(name)).filter(|file| file.exists()).collect();
    let file = match &files[..] {
        [] => return Ok(None),
        [file] => file,
        [first, second, ..] => {
            return Err(Failure::user(
                format!("{} and {} cannot stand on one page", first.display(), second.display()),
                format!("make one of both: `{command}` takes all that is to be shown together"),
            ));
        }
    };
    let text = std::fs::read(file).map_err(|error| Failure::file(file, &error))?;
    let found = serde_json::from_slice(&text).map_err(|error| {
        Failure::user(
            format!("{}: {error}", file.display()),
            format!("it was written by another version of redyn, or is damaged: run `{command}` again"),
        )
    })?;
    Ok(Some((file.clone(), found)))
}

/// Write the report of some results.
pub(crate) fn report(
    analyzed: &Analyzed,
    title: &str,
    data: Option<&str>,
    out: &Path,
    console: &Console,
) -> Result<Written, Failure> {
    Ok(write(&analyzed.context(title, data, console)?, out)?)
}

impl Analyzed {
    /// What a report of these results shows; `data` names the images, if they moved.
    ///
    /// # Errors
    /// Images that are there and cannot be read.
    pub fn context(&self, title: &str, data: Option<&str>, console: &Console) -> Result<Context, Failure> {
        let challenged = self.challenged.as_ref();
        let first = self.sources.first();
        let split = first.and_then(|source| source.model.get("split")?.as_str());
        let stimuli = match (first.and_then(|source| source.dataset.as_deref()), split) {
            (Some(data), Some(split)) => format!("{}, split {split}", short(data)),
            _ => String::new(),
        };
        Ok(Context {
            title: title.to_owned(),
            stimuli,
            options: self.results.options.clone(),
            networks: networks(&self.results, &self.sources),
            challenged: challenged.map_or_else(Vec::new, |(results, sources)| networks(results, sources)),
            judged: self.judged.clone(),
            between: self.results.between.clone(),
            comparison: None,
            thumbnails: pictures(self, data, console)?,
            provenance: provenance(self),
        })
    }
}

/// Networks as the report shows them.
fn networks(results: &Results, sources: &[Source]) -> Vec<Network> {
    let network = |(results, source): (&NetworkResults, &Source)| {
        let built = card(source).and_then(|card| build(&card.network).ok());
        Network {
            results: results.clone(),
            hierarchy: source.hierarchy.clone(),
            family: built
                .as_ref()
                .and_then(|network| Some(entry(&network.spec.name).ok()?.family.to_owned())),
            drawing: built.map(|network| network.graph.drawing()),
            stimuli: controls(source),
        }
    };
    results.networks.iter().zip(sources).map(network).collect()
}

/// What was set about generated images.
fn controls(source: &Source) -> BTreeMap<String, f64> {
    let generated = source.dataset.as_deref().filter(|data| redyn_stimuli::is_builtin(data));
    let specification = generated.and_then(|data| data.parse::<Specification>().ok());
    let controls = |of: Specification| {
        let Specification { clutter, occlusion, contrast, noise, .. } = of;
        [("clutter", clutter), ("occlusion", occlusion), ("contrast", contrast), ("noise", noise)]
            .map(|(name, level)| (name.to_owned(), level))
            .into()
    };
    specification.map(controls).unwrap_or_default()
}

fn card(source: &Source) -> Option<Card> {
    serde_json::from_value(source.model.get("card")?.clone()).ok()
}

/// Thumbnails where the images can still be found; a note where not.
fn pictures(
    analyzed: &Analyzed,
    data: Option<&str>,
    console: &Console,
) -> Result<BTreeMap<usize, redyn_report::Thumbnail>, Failure> {
    let none = BTreeMap::new;
    let Some(source) = analyzed.sources.first() else { return Ok(none()) };
    if analyzed.sources.iter().any(|other| other.image_ids != source.image_ids) {
        console.say("note: the networks saw different images; the report shows no thumbnails");
        return Ok(none());
    }
    let (Some(name), Some(split), Some(card)) = (
        data.or(source.dataset.as_deref()),
        source.model.get("split").and_then(|value| value.as_str()),
        card(source),
    ) else {
        return Ok(none());
    };
    let options =
        OpenOptions { image_size: Some(card.image_size), frame: frame(&card), ..OpenOptions::default() };
    match open(name, &options) {
        Ok(images) => thumbnails(&analyzed.results, &source.image_ids, &images, split),
        Err(error) => {
            console.say(format!("note: no thumbnails: {error} (name the images with --data)"));
            Ok(none())
        }
    }
}

fn provenance(analyzed: &Analyzed) -> Vec<Provenance> {
    let mut lines = vec![
        line("redyn", analyzed.version.clone()),
        line("command", analyzed.command.join(" ")),
        line("bootstrap seed", analyzed.results.options.uncertainty.seed.to_string()),
    ];
    for (results, source) in analyzed.results.networks.iter().zip(&analyzed.sources) {
        let of = |what: &str| format!("{}: {what}", results.name);
        lines.push(line(&of("network"), results.network.clone()));
        lines.push(line(&of("store"), source.store.display().to_string()));
        if let Some(untrained) = &source.untrained {
            lines.push(line(&of("untrained store"), untrained.display().to_string()));
        }
        for control in &source.controls {
            lines.push(line(&of("feedforward control"), control.display().to_string()));
        }
        for lesion in &source.lesions {
            lines.push(line(&of("lesioned run"), lesion.display().to_string()));
        }
        for (what, value) in [
            ("seed", results.seed.map(|seed| seed.to_string())),
            ("epoch", results.epoch.map(|epoch| epoch.to_string())),
            ("weights digest", source.weights_digest.clone()),
            ("data digest", source.dataset_digest.clone()),
            ("kernels", Some(source.kernels.clone())),
        ] {
            lines.extend(value.map(|value| line(&of(what), value)));
        }
    }
    lines
}

fn line(key: &str, value: String) -> Provenance {
    Provenance { key: key.to_owned(), value }
}

/// A data set's name without the folders before it; built-in stimuli by what they are.
fn short(data: &str) -> String {
    if redyn_stimuli::is_builtin(data) {
        return "built-in stimuli".to_owned();
    }
    PathBuf::from(data)
        .file_name()
        .map_or_else(|| data.to_owned(), |name| name.to_string_lossy().into_owned())
}
