//! Distance and angle to the boundary of readout zones.

use redyn_analysis::Boundary;

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{arranged, contrast, finding, intervals, notes, table};
use crate::ink::BLUE;
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread, Under};
use crate::scene::Pattern;

pub(crate) fn figure(context: &Context) -> Figure {
    let mut panels = vec![Vec::new(), Vec::new(), Vec::new()];
    let mut lacking = Vec::new();
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = finding::<Boundary>(network, &mut panels, &mut lacking) else { continue };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        panels[0].push(Panel::plot(name, 230.0, relative(found), "no image is stably correct"));
        panels[1].push(contrast::panel("", "distance to leaving zone", &found.margin));
        panels[2].push(match &found.angle {
            Some(angle) => contrast::panel("", "angle to true class's zone", angle),
            None => Panel::lacking("", "no angle: with a bias, zones are no cones"),
        });
    }
    let mut tables: Vec<_> = table(context, "boundary", "boundary", "boundary").into_iter().collect();
    tables.extend(table(context, "boundary", "relative", "boundary_relative"));
    Figure {
        name: "boundary",
        title: "Distance to the boundary of the zone".into(),
        caption: format!(
            "Top: exact signed distance to the boundary of the true class's readout zone (positive inside) against \
             steps from the stable step, stably correct images. Middle: exact distance to leaving the zone the \
             image is in. Below: signed angle to the boundary of the true class's zone, seen from the origin. \
             Under the axes: images behind each mean. Bands: {}",
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: contrast::key(),
        rows: arranged(panels),
        tables,
    }
}

fn relative(found: &Boundary) -> Plot {
    let look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle };
    let sample = |at: &redyn_analysis::RelativeStep| {
        let place = format!("t − tₛ = {}", at.offset).replace('-', "−");
        at.depth.as_ref().map(|depth| Sample::of("depth", &place, at.offset as f64, depth))
    };
    let samples: Vec<Option<Sample>> = found.relative.iter().map(sample).collect();
    let sizes = found
        .relative
        .iter()
        .filter_map(|at| at.depth.as_ref().map(|depth| (at.offset as f64, crate::number::count(depth.n))));
    let x = Axis { label: "steps from stable step".into(), ticks: Ticks::Whole, ..Axis::steps(1) };
    let mut plot = Plot::new(x, Axis::new("depth in true zone", "activation"));
    plot.level(0.0, "boundary");
    plot.under.push(Under { label: "n".into(), ink: BLUE, values: sizes.collect() });
    plot.curve(Curve {
        label: "depth".into(),
        labelled: Labelled::InKey,
        look,
        spread: Spread::Band,
        samples,
    });
    plot
}
