//! `redyn compare`.

use redyn_analysis::{
    BrainComparison, BrainRdms, Error as AnalysisError, Level, ModelRdms, Options, compare_with_brains,
};
use redyn_store::Spatial;

use super::{print_json, print_path, write_file, write_table};
use crate::args::CompareArgs;
use crate::brains::{read_brains, read_times};
use crate::console::Console;
use crate::{Failure, Opened};

/// The file of a comparison within its folder.
pub(super) const COMPARISON: &str = "comparison.json";

pub(super) fn run(args: &CompareArgs, console: &Console) -> Result<(), Failure> {
    let options = Options {
        rdm: args.rdm.options(),
        uncertainty: args.resampling.uncertainty(),
        memory: args.resampling.bytes(),
        ..Options::default()
    };
    options.check()?;
    let times = args.times.as_deref().map(read_times).transpose()?;
    let mut brains = Vec::new();
    for named in &args.brain {
        brains.extend(read_brains(named, times.as_deref())?);
    }
    let areas = Areas { only: &args.areas, spatial: args.spatial.into() };
    let found = compare_opened(&Opened::all(&args.stores)?, &areas, &brains, &options, console)?;
    for table in found.tables() {
        write_table(&table, &args.out.join("tables"))?;
    }
    redyn_report::write_comparison(&found, &args.out.join("figures"))?;
    let file = args.out.join(COMPARISON);
    write_file(&file, &serde_json::to_vec(&found).expect("plain data"))?;
    summarise(&found, console);
    if args.json { print_json(&found) } else { print_path(&file) }
}

/// The areas to compare.
pub struct Areas<'a> {
    /// Only these; all, where none is named.
    pub only: &'a [String],
    /// How their maps become vectors, where that was not chosen for the trajectories.
    pub spatial: Spatial,
}

/// Compare areas of trajectories that are open with brains.
///
/// # Errors
/// An area that is not there, or without RDMs where it was asked for; as [`compare_with_brains`].
pub fn compare_opened(
    stores: &[Opened],
    areas: &Areas,
    brains: &[BrainRdms],
    options: &Options,
    console: &Console,
) -> Result<BrainComparison, Failure> {
    let models = read_models(stores, areas, options, console)?;
    let bar = console.bar("compare", models.len());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let found = compare_with_brains(&models, brains, options)?;
    bar.finish_and_clear();
    Ok(found)
}

/// The RDMs of every area of all trajectories.
fn read_models(
    stores: &[Opened],
    areas: &Areas,
    options: &Options,
    console: &Console,
) -> Result<Vec<ModelRdms>, Failure> {
    let mut models = Vec::new();
    for store in stores {
        let (_, spatial) = store.place(None, areas.spatial);
        let all = store.recording.taps().iter().map(|tap| tap.area.clone());
        let wanted: Vec<String> = if areas.only.is_empty() { all.collect() } else { areas.only.to_vec() };
        for area in wanted {
            let trajectories = store.recording.representations(&area, spatial)?;
            match ModelRdms::read(&*trajectories, Level::Images, options) {
                Ok(model) => {
                    if let Some(note) = &model.note {
                        console.say(format!("note: {}, {area}: {note}", model.network));
                    }
                    models.push(model);
                }
                // An area that says nothing of the images is no reason to give up the others.
                Err(error @ AnalysisError::RdmAbsent { .. }) if areas.only.is_empty() => {
                    console.say(format!("note: {area}: {error}"));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    if models.is_empty() {
        return Err(Failure::user(
            "no area of these stores has RDMs",
            "record areas with `redyn unroll --areas`, or choose another --rdm-metric",
        ));
    }
    Ok(models)
}

/// The best step of every area for every brain, in words.
fn summarise(found: &BrainComparison, console: &Console) {
    for (best, estimate) in found.best() {
        let interval =
            estimate.interval().map_or_else(String::new, |(low, high)| format!(" [{low:.3}, {high:.3}]"));
        let time = best.time.map_or_else(String::new, |time| format!(" at {time}"));
        console.say(format!(
            "{} {} and {}{time}: {:.3}{interval} at t={}",
            best.network, best.area, best.brain, estimate.value, best.step
        ));
    }
}
