//! Motion within the zone, after the answer is right for good.

use redyn_analysis::{Within, WithinZone};

use crate::Context;
use crate::axis::{Axis, Ticks, spoken};
use crate::figure::{Figure, Panel};
use crate::figures::{arranged, finding, intervals, notes, table};
use crate::ink::BLUE;
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread, Under};
use crate::scene::Pattern;

const NAME: &str = "within_zone";

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut panels, mut lacking) = (vec![Vec::new(), Vec::new(), Vec::new()], Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = finding::<WithinZone>(network, &mut panels, &mut lacking) else { continue };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        if let Some(speed) = found.relative_speed.average {
            let words = spoken(speed.value, speed.interval());
            lacking.push((name, format!("on average an image moves by {words} of its length per step")));
        }
        let none = "no image is stably correct";
        panels[0].push(Panel::plot(
            name,
            210.0,
            plot(&found.relative_speed, "change / length", Zero::Limit),
            none,
        ));
        panels[1].push(match &found.depth_change {
            Some(depth) => Panel::plot("", 210.0, plot(depth, "gain in depth", Zero::Line), none),
            None => Panel::lacking("", "no depth without a linear readout"),
        });
        panels[2].push(Panel::plot(
            "",
            210.0,
            plot(&found.persistence, "persistence (cosine)", Zero::Line),
            none,
        ));
    }
    Figure {
        name: NAME,
        title: "After the answer is right for good".into(),
        caption: format!(
            "Stably correct images by steps since their stable step: how far they move per step as a share of their \
             length, how much farther from the boundary of their class's zone they get, and the cosine of \
             successive changes (1 straight on, 0 at right angles, −1 back). Under the axes: images behind each \
             mean. Bands: {}",
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: Vec::new(),
        rows: arranged(panels),
        tables: table(context, NAME, NAME, NAME).into_iter().collect(),
    }
}

/// What zero is on an axis.
#[derive(Clone, Copy, PartialEq)]
enum Zero {
    Limit,
    Line,
}

fn plot(within: &Within, label: &str, zero: Zero) -> Plot {
    let look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle };
    let x = Axis {
        label: "steps since stable step".into(),
        ticks: Ticks::Whole,
        ..Axis::steps(within.by_step.len())
    };
    let y = Axis::new(label, &within.unit);
    let mut plot = Plot::new(x, if zero == Zero::Limit { y.including(0.0) } else { y });
    if zero == Zero::Line {
        plot.level(0.0, "");
    }
    let sample = |(since, estimate): (usize, &Option<redyn_analysis::Estimate>)| {
        let place = format!("t − tₛ = {since}");
        estimate.as_ref().map(|value| Sample::of(&within.quantity, &place, since as f64, value))
    };
    plot.under.push(Under::sizes("n", look.ink, &within.by_step));
    plot.curve(Curve {
        label: within.quantity.clone(),
        labelled: Labelled::InKey,
        look,
        spread: Spread::Band,
        samples: within.by_step.iter().enumerate().map(sample).collect(),
    });
    plot
}
