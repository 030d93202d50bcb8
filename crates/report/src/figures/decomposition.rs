//! In which direction representations move, by stable step.

use redyn_analysis::{Decomposition, Estimate, Period, Series, Shares};

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{intervals, missing, notes, table};
use crate::ink::Ink;
use crate::number::{count, percent, significant};
use crate::plot::{Curve, Look, Marker, Plot};
use crate::scene::Pattern;

const NAME: &str = "decomposition";

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut rows, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<Decomposition>() else {
            let reason = missing(network, NAME);
            rows.push(vec![Panel::lacking(name, &reason)]);
            lacking.push((name, reason));
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        lacking.extend(said(found).map(|words| (name, words)));
        let n_steps = network.results.n_steps;
        let panel = |title: &str, of: fn(&Shares) -> &Series, last: bool| {
            Panel::plot(title, 230.0, plot(found, n_steps, of, last), "no image is stably correct")
        };
        rows.push(vec![
            panel(&format!("{name}: along itself"), |shares| &shares.radial, false),
            panel("towards its class", |shares| &shares.towards, false),
            panel("neither", |shares| &shares.rest, true),
        ]);
    }
    Figure {
        name: NAME,
        title: "In which direction representations move".into(),
        caption: format!(
            "Each change from step t to t + 1 divided into parts at right angles: along the representation, along \
             the direction in which the readout vector of the true class lies from there, and the rest. Shares of \
             the squared length of the change, for groups of images that become correct for good at the same \
             stable step tₛ (numbers of images on the right). Dashed: a random direction. Bands: {}",
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: Vec::new(),
        rows,
        tables: [NAME, "decomposition_periods"]
            .into_iter()
            .filter_map(|name| table(context, NAME, name, name))
            .collect(),
    }
}

fn plot(found: &Decomposition, n_steps: usize, of: fn(&Shares) -> &Series, listed: bool) -> Plot {
    let y = Axis::new("share of squared change", "%").ticks(Ticks::Percent).including(0.0);
    let mut plot = Plot::new(Axis::steps(n_steps.saturating_sub(1)), y);
    for group in &found.groups {
        let step = group.stable_step;
        let look = Look { ink: Ink::ramp(step, n_steps), dash: Pattern::Solid, marker: Marker::of(step) };
        let curve = Curve::of_series(&format!("stable step tₛ={step}"), look, of(&group.shares));
        let words = format!("tₛ={step} · n {}", count(group.n));
        plot.curve(if listed { curve.listed(&words) } else { curve });
    }
    if !found.groups.is_empty() && !listed {
        plot.level(found.by_chance, "");
    }
    plot
}

/// The shares before and after the stable step, in words.
fn said(found: &Decomposition) -> Option<String> {
    let share = |estimate: Option<Estimate>| estimate.map(|estimate| percent(estimate.value));
    let words = |period: &Period| {
        let cosine = |cosine: Option<Estimate>| Some(significant(cosine?.value, 2));
        Some(format!(
            "{} along itself (cosine {}), {} towards its class (cosine {}), {} neither",
            share(period.radial)?,
            cosine(period.cosine_radial)?,
            share(period.towards)?,
            cosine(period.cosine_towards)?,
            share(period.rest)?
        ))
    };
    let before = words(&found.before).map(|words| format!("before the stable step {words}"));
    let after = words(&found.after).map(|words| format!("from it on {words}"));
    let both: Vec<String> = before.into_iter().chain(after).collect();
    (!both.is_empty()).then(|| both.join("; "))
}
