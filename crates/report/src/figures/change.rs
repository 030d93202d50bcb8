//! Figure 2A: how far representations move, by stable step, trained and untrained.

use redyn_analysis::{Change, Series};

use crate::Context;
use crate::axis::Axis;
use crate::figure::{Body, Figure, Panel};
use crate::figures::{intervals, missing, notes, table};
use crate::ink::Ink;
use crate::number::{count, significant};
use crate::plot::{Curve, Look, Marker, Plot};
use crate::scene::Pattern;

/// Ranges that differ by more than this get axes of their own, with a note.
const COMMON: f64 = 6.0;

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut rows, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(change) = network.results.get::<Change>() else {
            let reason = missing(network, "change");
            rows.push(vec![Panel::lacking(name, &reason)]);
            lacking.push((name, reason));
            continue;
        };
        lacking.extend(change.notes.iter().map(|note| (name, note.clone())));
        let n_steps = network.results.n_steps;
        let trained = plot(change, n_steps, |group| Some(&group.0));
        let untrained = plot(change, n_steps, |group| group.1.as_ref());
        let mut row =
            vec![Panel::plot(&format!("{name}, trained"), 250.0, trained, "no image is stably correct")];
        row.push(match &change.untrained {
            Some(twin) => Panel::plot(twin, 250.0, untrained, "no image is stably correct"),
            None => Panel::words(&format!("{name}, untrained"), 250.0, "no untrained twin was given"),
        });
        if let Some(note) = share_axis(&mut row) {
            lacking.push((name, note));
        }
        rows.push(row);
    }
    Figure {
        name: "change",
        title: "How far representations move".into(),
        caption: format!(
            "Mean Euclidean distance between the representations of an image at steps t and t + 1, for groups of \
             images that become correct for good at the same stable step tₛ (numbers of images at the curves). \
             Right: the same groups of images in the untrained network. Bands: {}",
            intervals(context),
        ),
        source: "After figure 2A of Thorat et al. 2023, whose axis counts steps from 1; here from t = 0.",
        notes: notes(lacking),
        key: Vec::new(),
        rows,
        tables: table(context, "change", "change", "change").into_iter().collect(),
    }
}

type Twin = (Series, Option<Series>);

fn plot(change: &Change, n_steps: usize, series: impl for<'a> Fn(&'a Twin) -> Option<&'a Series>) -> Plot {
    let y = Axis::new("change to next step", "activation").including(0.0);
    let mut plot = Plot::new(Axis::steps(n_steps.saturating_sub(1)), y);
    for group in &change.groups {
        let twin = (group.trained.clone(), group.untrained.clone());
        let Some(series) = series(&twin) else { continue };
        let step = group.stable_step;
        let look = Look { ink: Ink::ramp(step, n_steps), dash: Pattern::Solid, marker: Marker::of(step) };
        let words = format!("tₛ={step} · n {}", count(group.n));
        plot.curve(Curve::of_series(&format!("stable step tₛ={step}"), look, series).listed(&words));
    }
    plot
}

/// Give both panels one vertical axis, unless that would flatten one of them.
fn share_axis(row: &mut [Panel]) -> Option<String> {
    let mut plots: Vec<&mut Plot> = row
        .iter_mut()
        .filter_map(|panel| match &mut panel.body {
            Body::Plot(plot) => Some(plot.as_mut()),
            _ => None,
        })
        .collect();
    let tops: Vec<f64> = plots.iter().map(|plot| plot.y_range()[1]).collect();
    let [trained, untrained] = tops[..] else { return None };
    let (high, low) = (trained.max(untrained), trained.min(untrained));
    if high > COMMON * low {
        let times = significant(high / low, 2);
        return Some(format!(
            "the axes of trained and untrained differ, their ranges being {times} times apart"
        ));
    }
    for plot in &mut plots {
        plot.y.include.push(high);
    }
    None
}
