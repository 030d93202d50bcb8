//! RDMs of brains, from files and from arrays.

use std::path::Path;

use ndarray::{ArrayD, Axis};
use redyn_analysis::BrainRdms;
use redyn_analysis::rdm::Rdms;
use redyn_store::read_arrays;

use crate::Failure;
use crate::brain_axes::{BrainAxes, BrainAxis, BrainFile};

/// Every set of RDMs in a file, which is said as `FILE` or `FILE:AXIS,...`.
///
/// # Errors
/// As [`brain_rdms`]; a file that cannot be read.
pub fn read_brains(file: &str, times: Option<&[f64]>) -> Result<Vec<BrainRdms>, Failure> {
    let BrainFile { path, axes } = file.parse()?;
    let read = |(name, array): (String, ArrayD<f64>)| {
        let called = format!("`{name}` in {}", path.display());
        let axes = axes.of(&called, array.shape())?;
        arranged(&name, array, &axes, times)
    };
    read_arrays(&path)?.into_iter().map(read).collect()
}

/// RDMs from an array whose last two axes are images, and whose first are `axes`; without names, one
/// axis before those of images is subjects. Sessions are averaged. Times are numbered where none are given.
///
/// # Errors
/// RDMs that are not square, not symmetric or not finite; axes or times of another number.
pub fn brain_rdms(
    name: &str,
    array: ArrayD<f64>,
    axes: &BrainAxes,
    times: Option<&[f64]>,
) -> Result<BrainRdms, Failure> {
    let axes = axes.of(&format!("`{name}`"), array.shape())?;
    arranged(name, array, &axes, times)
}

/// The times in a file.
pub(crate) fn read_times(path: &Path) -> Result<Vec<f64>, Failure> {
    let arrays = read_arrays(path)?;
    match &arrays[..] {
        [(_, times)] if times.ndim() == 1 => Ok(times.iter().copied().collect()),
        _ => Err(Failure::user(
            format!("{} holds no single list of times", path.display()),
            "give a .npy file with one axis",
        )),
    }
}

/// RDMs with sessions averaged, by time and subject.
fn arranged(
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
            format!("`{name}` has RDMs of {n_times} times, {} times are named", times.len()),
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
        let axes = "subject,time,session".parse().unwrap();
        let found = brain_rdms("it", array, &axes, Some(&[-5.0, 0.0, 5.0])).unwrap();
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
        let error = brain_rdms("it", array, &"time".parse().unwrap(), Some(&[1.0])).unwrap_err();
        assert_eq!(error.message(), "`it` has RDMs of 3 times, 1 times are named");
    }
}
