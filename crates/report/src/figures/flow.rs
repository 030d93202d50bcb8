//! How many images enter their true class, leave it, or wander between wrong ones.

use redyn_analysis::Zones;

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::{arranged, images, intervals, missing, notes, table};
use crate::ink::{BLUE, Ink, VERMILLION};
use crate::plot::{Curve, Look, Marker, Plot};
use crate::scene::Pattern;

const TO: Look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Triangle };
const FROM: Look = Look { ink: VERMILLION, dash: Pattern::Dashed, marker: Marker::Down };
const BETWEEN: Look = Look { ink: Ink::Muted, dash: Pattern::Dotted, marker: Marker::Square };

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(zones) = network.results.get::<Zones>() else {
            let reason = missing(network, "zones");
            panels.push(Panel::lacking(name, &reason));
            lacking.push((name, reason));
            continue;
        };
        let x = Axis {
            label: "from step t to t + 1".into(),
            ticks: Ticks::Whole,
            ..Axis::steps(network.results.n_steps.saturating_sub(1))
        };
        let mut plot = Plot::new(x, Axis::new("images (%)", "").ticks(Ticks::Percent).including(0.0));
        for (words, look, series) in [
            ("into the true class", TO, &zones.flow.to_correct),
            ("out of the true class", FROM, &zones.flow.from_correct),
            ("between wrong classes", BETWEEN, &zones.flow.between_wrong),
        ] {
            plot.curve(Curve::of_series(words, look, series));
        }
        panels.push(Panel::plot(name, 210.0, plot, "there is one step only"));
    }
    let mut tables: Vec<_> = table(context, "zones", "flow", "flow").into_iter().collect();
    tables.extend(table(context, "zones", "summary", "flow_summary"));
    let key =
        [("into the true class", TO), ("out of the true class", FROM), ("between wrong classes", BETWEEN)];
    Figure {
        name: "flow",
        title: "Into and out of the true class".into(),
        caption: format!(
            "Share of images ({}) that change their class between two steps, by where they go. Bands: {}",
            images(context),
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: key.map(|(words, look)| Key { sign: Sign::Curve(look), words: words.into() }).into(),
        rows: arranged(vec![panels]),
        tables,
    }
}
