//! Accuracy over steps, all networks in one frame.

use redyn_analysis::Accuracy;

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{images, intervals, missing, notes, table};
use crate::look::looks;
use crate::plot::{Curve, Plot};

pub(crate) fn figure(context: &Context) -> Figure {
    let n_steps = context.networks.iter().map(|network| network.results.n_steps).max().unwrap_or(1);
    let y = Axis::new("images classified correctly (%)", "").ticks(Ticks::Percent).including(0.0);
    let mut plot = Plot::new(Axis::steps(n_steps), y);
    let mut chances: Vec<f64> = Vec::new();
    let mut lacking = Vec::new();
    for (network, look) in context.networks.iter().zip(looks(&context.networks)) {
        let name = network.results.name.as_str();
        if let Some(accuracy) = network.results.get::<Accuracy>() {
            plot.curve(Curve::of_series(name, look, &accuracy.per_step).labelled(name));
            if !chances.contains(&accuracy.chance) {
                chances.push(accuracy.chance);
            }
        } else {
            lacking.push((name, missing(network, "accuracy")));
        }
    }
    for chance in chances {
        plot.level(chance, "chance");
    }
    Figure {
        name: "accuracy",
        title: "Accuracy over steps".into(),
        caption: format!(
            "Share of images whose largest logit is that of their true class, at every step ({}). Bands: {} \
             Dashed: guessing.",
            images(context),
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: Vec::new(),
        rows: vec![vec![Panel::plot("", 330.0, plot, "no accuracy was computed")]],
        tables: table(context, "accuracy", "accuracy", "accuracy").into_iter().collect(),
    }
}
