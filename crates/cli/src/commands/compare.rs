//! `redyn compare`.

use std::path::Path;

use ndarray::{ArrayD, Axis};
use redyn_analysis::rdm::Rdms;
use redyn_analysis::{
    BrainComparison, BrainRdms, Error as AnalysisError, ModelRdms, Options, compare_with_brains,
};
use redyn_store::{Recording, read_arrays};

use super::{print_json, print_path, write_file, write_table};
use crate::Failure;
use crate::args::CompareArgs;
use crate::brain_axes::{BrainAxis, BrainFile};
use crate::console::Console;

pub(super) fn run(args: &CompareArgs, console: &Console) -> Result<(), Failure> {
    let options = Options {
        rdm: args.rdm.options(),
        uncertainty: args.resampling.uncertainty(),
        memory: args.resampling.bytes(),
        ..Options::default()
    };
    options.check()?;
    let times = args.times.as_deref().map(times).transpose()?;
    let mut brains = Vec::new();
    for named in &args.brain {
        brains.extend(read_brains(&named.parse()?, times.as_deref())?);
    }
    let models = read_models(args, &options, console)?;
    let bar = console.bar("compare", models.len());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let found = compare_with_brains(&models, &brains, &options)?;
    bar.finish_and_clear();
    for table in found.tables() {
        write_table(&table, &args.out.join("tables"))?;
    }
    let file = args.out.join("comparison.json");
    write_file(&file, &serde_json::to_vec(&found).expect("plain data"))?;
    summarise(&found, console);
    if args.json { print_json(&found) } else { print_path(&file) }
}

/// The RDMs of every area of every store.
fn read_models(args: &CompareArgs, options: &Options, console: &Console) -> Result<Vec<ModelRdms>, Failure> {
    let mut models = Vec::new();
    for path in &args.stores {
        let store = Recording::open(path)?;
        let all = store.taps().iter().map(|tap| tap.area.clone());
        let areas: Vec<String> = if args.areas.is_empty() { all.collect() } else { args.areas.clone() };
        for area in areas {
            let trajectories = store.representations(&area, args.spatial.into())?;
            match ModelRdms::read(&*trajectories, options) {
                Ok(model) => {
                    if let Some(note) = &model.note {
                        console.say(format!("note: {}, {area}: {note}", model.network));
                    }
                    models.push(model);
                }
                // An area that says nothing of the images is no reason to give up the others.
                Err(error @ AnalysisError::RdmAbsent { .. }) if args.areas.is_empty() => {
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

fn times(path: &Path) -> Result<Vec<f64>, Failure> {
    let arrays = read_arrays(path)?;
    match &arrays[..] {
        [(_, times)] if times.ndim() == 1 => Ok(times.iter().copied().collect()),
        _ => Err(Failure::user(
            format!("{} holds no single list of times", path.display()),
            "give a .npy file with one axis",
        )),
    }
}

/// Every set of RDMs in a file.
fn read_brains(file: &BrainFile, times: Option<&[f64]>) -> Result<Vec<BrainRdms>, Failure> {
    read_arrays(&file.path)?
        .into_iter()
        .map(|(name, array)| {
            let axes = file.axes_of(&name, array.shape())?;
            brain(&name, array, &axes, times)
        })
        .collect()
}

/// RDMs with sessions averaged, by time and subject.
fn brain(
    name: &str,
    array: ArrayD<f64>,
    axes: &[BrainAxis],
    times: Option<&[f64]>,
) -> Result<BrainRdms, Failure> {
    let find = |wanted: BrainAxis, axes: &[BrainAxis]| axes.iter().position(|&axis| axis == wanted);
    let (mut array, mut axes) = (array, axes.to_vec());
    if let Some(session) = find(BrainAxis::Session, &axes) {
        array = array.mean_axis(Axis(session)).expect("an axis of a file has a place");
        axes.remove(session);
    }
    for wanted in [BrainAxis::Subject, BrainAxis::Time] {
        if find(wanted, &axes).is_none() {
            array.insert_axis_inplace(Axis(0));
            axes.insert(0, wanted);
        }
    }
    if axes == [BrainAxis::Subject, BrainAxis::Time] {
        array.swap_axes(0, 1);
    }
    let n_times = array.len_of(Axis(0));
    if let Some(times) = times.filter(|times| times.len() != n_times && n_times > 1) {
        return Err(Failure::user(
            format!("`{name}` has RDMs of {n_times} times, --times names {}", times.len()),
            "name one time for each place of the axis `time`",
        ));
    }
    let time = |at: usize| (n_times > 1).then(|| times.map_or(at as f64, |times| times[at]));
    let n_items = array.shape()[2];
    let subjects = array
        .outer_iter()
        .map(|rdms| Rdms::from_squares(n_items, &rdms.iter().copied().collect::<Vec<f64>>()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(BrainRdms { name: name.to_owned(), times: (0..n_times).map(time).collect(), subjects })
}

/// The best step of every area for every brain, in words.
fn summarise(found: &BrainComparison, console: &Console) {
    let value =
        |at: usize| found.matches[at].over_images.map_or(f64::NEG_INFINITY, |estimate| estimate.value);
    let all: Vec<usize> = (0..found.matches.len()).collect();
    let same = |a: &usize, b: &usize| {
        let (a, b) = (&found.matches[*a], &found.matches[*b]);
        (&a.network, &a.area, &a.brain) == (&b.network, &b.area, &b.brain)
    };
    for group in all.chunk_by(same) {
        let best = group.iter().copied().max_by(|&a, &b| value(a).total_cmp(&value(b)));
        let Some((best, estimate)) =
            best.and_then(|best| Some((&found.matches[best], found.matches[best].over_images?)))
        else {
            continue;
        };
        let interval =
            estimate.interval().map_or_else(String::new, |(low, high)| format!(" [{low:.3}, {high:.3}]"));
        let time = best.time.map_or_else(String::new, |time| format!(" at {time}"));
        console.say(format!(
            "{} {} and {}{time}: {:.3}{interval} at t={}",
            best.network, best.area, best.brain, estimate.value, best.step
        ));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    fn square(n: usize, of: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        (0..n * n)
            .map(|at| if at / n == at % n { 0.0 } else { of((at / n).min(at % n), (at / n).max(at % n)) })
            .collect()
    }

    #[test]
    fn subjects_times_and_sessions_come_in_any_order() {
        let value = |subject: usize, time: usize, session: usize| {
            square(4, |a, b| (100 * subject + 10 * time + session) as f64 + 0.1 * (4 * a + b) as f64)
        };
        let mut array = Array4::zeros((2, 3, 2, 16));
        for ((subject, time, session, pair), cell) in array.indexed_iter_mut() {
            *cell = value(subject, time, session)[pair];
        }
        let array = array.into_shape_with_order((2, 3, 2, 4, 4)).unwrap().into_dyn();
        let axes = [BrainAxis::Subject, BrainAxis::Time, BrainAxis::Session];
        let found = brain("it", array, &axes, Some(&[-5.0, 0.0, 5.0])).unwrap();
        assert_eq!(found.times, [Some(-5.0), Some(0.0), Some(5.0)]);
        for (time, subjects) in found.subjects.iter().enumerate() {
            for subject in 0..2 {
                let mean: Vec<f64> =
                    value(subject, time, 0).iter().map(|x| if *x == 0.0 { 0.0 } else { x + 0.5 }).collect();
                for (found, expected) in subjects.square(subject).into_iter().zip(mean) {
                    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn another_number_of_times_is_refused() {
        let array = ArrayD::zeros(&[3, 4, 4][..]);
        let error = brain("it", array, &[BrainAxis::Time], Some(&[1.0])).unwrap_err();
        assert_eq!(error.message(), "`it` has RDMs of 3 times, --times names 1");
    }
}
