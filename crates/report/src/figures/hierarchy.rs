//! Whether transitions stay among relatives.

use redyn_analysis::{AgainstHierarchy, HierarchyTransitions, Zones};

use crate::Context;
use crate::axis::{Axis, Ticks, spoken};
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::{arranged, missing, notes, table};
use crate::ink::{BLUE, Ink};
use crate::number::{count, probability, significant};
use crate::plot::{Bar, Mark, Plot};
use crate::scene::Paint;

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let found = network.results.get::<Zones>().and_then(|zones| zones.hierarchy.as_ref());
        let Some(found) = found else {
            let reason = match network.results.get::<Zones>() {
                Some(_) => "no category hierarchy was given".to_owned(),
                None => missing(network, "zones"),
            };
            panels.push(Panel::lacking(name, &reason));
            lacking.push((name, reason));
            continue;
        };
        lacking.extend(said(found).map(|words| (name, words)));
        panels.push(Panel::plot(name, 220.0, plot(found), "no image changes its class"));
    }
    Figure {
        name: "hierarchy",
        title: "Do transitions stay among relatives?".into(),
        caption:
            "Transitions from one class to another by how many levels of the category hierarchy the two \
                  classes part in (0: siblings), against the mean over hierarchies with shuffled classes."
                .into(),
        source: "",
        notes: notes(lacking),
        key: vec![
            Key { sign: Sign::Box(observed()), words: "observed".into() },
            Key { sign: Sign::Box(shuffled()), words: "classes shuffled in the hierarchy".into() },
        ],
        rows: arranged(vec![panels]),
        tables: table(context, "zones", "by_distance", "hierarchy").into_iter().collect(),
    }
}

fn observed() -> Paint {
    Paint::fill(BLUE, 0.9)
}

fn shuffled() -> Paint {
    Paint::fill(Ink::Ground, 1.0).with_line(Ink::Muted, 1.4)
}

fn plot(found: &HierarchyTransitions) -> Plot {
    let names = found.by_distance.iter().map(|count| count.distance.to_string()).collect();
    let x = Axis { label: "levels apart".into(), ticks: Ticks::Names(names), include: Vec::new() };
    let mut plot = Plot::new(x, Axis::new("transitions", "").including(0.0));
    if found.by_distance.iter().all(|count| count.n == 0) {
        return plot;
    }
    for (index, at) in found.by_distance.iter().enumerate() {
        let mut bar = |offset: f64, to: f64, paint, words: &str, value: String| {
            let tip = format!("{words}, {} levels apart\n{value} transitions", at.distance);
            plot.marks.push(Mark::Bar(Bar {
                x: index as f64 + offset,
                width: 0.34,
                from: 0.0,
                to,
                paint,
                tip,
            }));
        };
        bar(-0.19, at.n as f64, observed(), "observed", count(at.n));
        if let Some(mean) = at.shuffled {
            bar(0.19, mean, shuffled(), "shuffled", significant(mean, 4));
        }
    }
    plot
}

/// Mean distance and approach, against shuffled classes, in words.
fn said(found: &HierarchyTransitions) -> Option<String> {
    let words = |against: AgainstHierarchy| {
        let observed = against.observed;
        let shuffled = against.shuffled.map(|mean| format!("shuffled {}", significant(mean, 3)));
        let p = against.p.map(|p| format!("p = {}", probability(p)));
        let known: Vec<String> =
            shuffled.into_iter().chain(p).chain([format!("n = {}", count(observed.n))]).collect();
        format!("{} ({})", spoken(observed.value, observed.interval()), known.join(", "))
    };
    let distance = found.distance.map(words)?;
    let approach = found.approach.map_or_else(String::new, |approach| {
        format!(
            "; those between two wrong classes come nearer to the true class by {} levels",
            words(approach)
        )
    });
    Some(format!("transitions part in {distance} levels on average{approach}"))
}
