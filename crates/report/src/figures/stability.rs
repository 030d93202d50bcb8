//! Growth of small changes of the state in one step.

use redyn_analysis::{Contrast, Stability};

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{arranged, contrast, intervals, missing, notes, table};
use crate::plot::{Curve, Look, Plot, Under};

pub(crate) fn figure(context: &Context) -> Figure {
    let mut panels = vec![Vec::new(), Vec::new(), Vec::new()];
    let mut lacking = Vec::new();
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<Stability>() else {
            lacking.push((name, missing(network, "stability")));
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        panels[0].push(growth(name, "largest singular value", &found.singular_contrast));
        panels[1].push(growth("", "spectral radius", &found.radius_contrast));
        panels[2].push(Panel::plot("", 200.0, shares(found), "no image was looked at"));
    }
    let mut tables: Vec<_> = table(context, "stability", "stability", "stability").into_iter().collect();
    tables.extend(table(context, "stability", "stability_groups", "stability_groups"));
    Figure {
        name: "stability",
        title: "Do steps draw states together, or apart?".into(),
        caption: format!(
            "The Jacobian of one step of the network, at each image's own state. Top: its largest singular value, the \
             growth of the most amplified small change in that step. Middle: its spectral radius, the growth per step if \
             the step were repeated for ever. Below: share of images for which either is below 1. Under the axes: \
             images behind each mean. Bands: {}",
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: contrast::key(),
        rows: arranged(panels),
        tables,
    }
}

fn growth(title: &str, label: &str, contrast: &Contrast) -> Panel {
    let mut plot = contrast::plot(label, contrast);
    plot.level(1.0, "no growth");
    Panel::plot(title, 230.0, plot, "no image is stably correct")
}

fn shares(found: &Stability) -> Plot {
    let y = Axis::new("images below 1 (%)", "").ticks(Ticks::Percent).including(0.0).including(1.0);
    let mut plot = Plot::new(Axis::steps(found.contracting.len()), y);
    for (index, (name, series)) in
        [("singular value", &found.contracting), ("spectral radius", &found.settling)].into_iter().enumerate()
    {
        let look = Look::of(index + 2);
        plot.curve(Curve::of_series(name, look, series).labelled(name));
        if index == 0 {
            plot.under.push(Under::sizes("n", look.ink, series));
        }
    }
    plot
}
