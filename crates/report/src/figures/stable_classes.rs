//! When the images of each class are settled on.

use redyn_analysis::{ClassStable, StableStep};

use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{in_order, intervals, missing, notes, table};
use crate::ink::BLUE;
use crate::number::percent;
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;
use crate::{Context, Network};

const NAME: &str = "stable_classes";
/// Of more classes the latest and earliest are drawn.
const MOST: usize = 48;
const LOOK: Look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle };

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut rows, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<StableStep>() else {
            let reason = missing(network, "stable_step");
            rows.push(vec![Panel::lacking(name, &reason)]);
            lacking.push((name, reason));
            continue;
        };
        let shown = shown(network, found);
        if shown.len() < found.by_class.len() {
            let left = found.by_class.len() - shown.len();
            lacking.push((
                name,
                format!("{left} classes that are neither early nor late are in the data, not in the picture"),
            ));
        }
        rows.push(vec![Panel::plot(name, 230.0, plot(network, &shown), "no image is stably correct")]);
    }
    Figure {
        name: NAME,
        title: "When each class is settled on".into(),
        caption: format!(
            "Mean stable step of the stably correct images of each class (its time, in recordings), classes in the \
             order of the hierarchy. Hints say what share of the class's images that is. Whiskers: {}",
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: Vec::new(),
        rows,
        tables: table(context, "stable_step", NAME, NAME).into_iter().collect(),
    }
}

/// Classes in the order of the hierarchy; of many the earliest and the latest.
fn shown<'a>(network: &Network, found: &'a StableStep) -> Vec<&'a ClassStable> {
    let find = |class: usize| {
        let name = &network.results.classes[class];
        found.by_class.iter().find(|one| one.class == *name)
    };
    let all: Vec<&ClassStable> = in_order(network).into_iter().filter_map(find).collect();
    if all.len() <= MOST {
        return all;
    }
    let mut steps: Vec<f64> = all.iter().filter_map(|one| one.step.map(|step| step.value)).collect();
    steps.sort_by(f64::total_cmp);
    let few = (MOST / 2).min(steps.len());
    let (early, late) = (steps.get(few.saturating_sub(1)), steps.get(steps.len() - few));
    let extreme = |one: &&ClassStable| {
        let step = one.step.map(|step| step.value);
        step.is_some_and(|step| {
            early.is_some_and(|&early| step <= early) || late.is_some_and(|&late| step >= late)
        })
    };
    all.into_iter().filter(extreme).take(MOST).collect()
}

fn plot(network: &Network, shown: &[&ClassStable]) -> Plot {
    let names = shown.iter().map(|one| one.class.clone()).collect();
    let y = match &network.results.time {
        Some(time) => Axis::new("mean stable time", &time.unit),
        None => Axis::new("mean stable step", ""),
    };
    let mut plot = Plot::new(Axis::new("", "").ticks(Ticks::Names(names)), y);
    let sample = |(at, one): (usize, &&ClassStable)| {
        let estimate = one.time.or(one.step)?;
        let mut sample = Sample::of(&one.class, "stable at", at as f64, &estimate);
        sample.tip.extend(
            one.correct.map(|share| format!("\n{} of its images are stably correct", percent(share.value))),
        );
        Some(sample)
    };
    plot.curve(Curve {
        label: "stable step".into(),
        labelled: Labelled::InKey,
        look: LOOK,
        spread: Spread::Whiskers,
        samples: shown.iter().enumerate().map(sample).collect(),
    });
    plot
}
