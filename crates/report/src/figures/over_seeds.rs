//! Figures 2, 3A and 7 once more, averaged over the seeds of each network.

use redyn_analysis::{NetworkJudged, SeedCurve, Series, curves_table};

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::contrast::{CORRECT, NOT_YET};
use crate::figures::future_class::{OTHER, OWN};
use crate::figures::{arranged, intervals};
use crate::ink::{self, Ink};
use crate::plot::{Curve, Look, Marker, Plot};
use crate::scene::{Paint, Pattern};

/// A panel: which quantity, under which title, on which axis, with which groups.
struct Quantity {
    name: &'static str,
    title: &'static str,
    axis: (&'static str, &'static str),
    ticks: Option<Ticks>,
    groups: &'static [(&'static str, &'static str, Look)],
}

const TRAINED: Look = Look { ink: ink::BLUE, dash: Pattern::Solid, marker: Marker::Circle };
const UNTRAINED: Look = Look { ink: ink::VERMILLION, dash: Pattern::Dashed, marker: Marker::Square };

const QUANTITIES: &[Quantity] = &[
    Quantity {
        name: "accuracy",
        title: "Accuracy",
        axis: ("images classified correctly (%)", ""),
        ticks: Some(Ticks::Percent),
        groups: &[("all", "", TRAINED)],
    },
    Quantity {
        name: "change",
        title: "Change per step",
        axis: ("change", "activation"),
        ticks: None,
        groups: &[("trained", "trained", TRAINED), ("untrained", "untrained", UNTRAINED)],
    },
    Quantity {
        name: "norm",
        title: "Norm",
        axis: ("norm", "activation"),
        ticks: None,
        groups: &[("correct", "correct now", CORRECT), ("not_yet", "not yet", NOT_YET)],
    },
    Quantity {
        name: "cosine",
        title: "Current class",
        axis: ("cosine", ""),
        ticks: None,
        groups: &[("correct", "correct now", CORRECT), ("not_yet", "not yet", NOT_YET)],
    },
    Quantity {
        name: "future_class",
        title: "Future class",
        axis: ("cosine", ""),
        ticks: None,
        groups: &[("own", "own future class", OWN), ("other", "others' future classes", OTHER)],
    },
    Quantity {
        name: "relative_change",
        title: "Left running",
        axis: ("relative change", "log10"),
        ticks: None,
        groups: &[("trained", "trained", TRAINED), ("untrained", "untrained", UNTRAINED)],
    },
];

pub(crate) fn figure(context: &Context) -> Figure {
    let several: Vec<&NetworkJudged> = context
        .judged
        .iter()
        .flat_map(|judged| &judged.networks)
        .filter(|network| network.seeds.len() > 1)
        .collect();
    let panels: Vec<Vec<Panel>> = QUANTITIES
        .iter()
        .filter(|quantity| several.iter().any(|network| curves(network, quantity).next().is_some()))
        .map(|quantity| several.iter().map(|network| panel(network, quantity)).collect())
        .collect();
    let mut key = vec![
        ("trained; all images", Sign::Curve(TRAINED)),
        ("untrained", Sign::Curve(UNTRAINED)),
        ("correct now", Sign::Curve(CORRECT)),
        ("not yet", Sign::Curve(NOT_YET)),
        ("own future class", Sign::Curve(OWN)),
        ("others' future classes", Sign::Curve(OTHER)),
        ("single seeds", Sign::Line(Paint::line(Ink::Axis, 1.0))),
    ];
    let mut notes = Vec::new();
    if several.is_empty() {
        key.clear();
        notes.push("every network was given under one seed only".into());
    }
    let seeds: Vec<String> =
        several.iter().map(|network| format!("{}: {} seeds", network.name, network.seeds.len())).collect();
    Figure {
        name: "over_seeds",
        title: "The same over several seeds".into(),
        caption: format!(
            "Curves of every seed, and their mean with an interval over seeds and, within them, images ({}). Each \
             seed has its own groups of images; `n` is that of the smallest. With few seeds the interval is \
             hardly more than their range. {}",
            seeds.join(", "),
            intervals(context),
        ),
        source: "After figures 2, 3A and 7 of Thorat et al. 2023, which show one network of each kind.",
        notes,
        key: key.into_iter().map(|(words, sign)| Key { sign, words: words.into() }).collect(),
        rows: if several.is_empty() { Vec::new() } else { arranged(panels) },
        tables: several
            .first()
            .map(|_| {
                curves_table(several.iter().map(|one| (one.name.as_str(), &one.seeds[..], &one.curves[..])))
            })
            .into_iter()
            .collect(),
    }
}

/// The curves of a quantity, with their words and looks.
fn curves<'a>(
    network: &'a NetworkJudged,
    quantity: &'a Quantity,
) -> impl Iterator<Item = (&'a SeedCurve, &'static str, Look)> {
    quantity.groups.iter().filter_map(move |&(group, words, look)| {
        let wanted = |curve: &&SeedCurve| curve.quantity == quantity.name && curve.group == group;
        Some((network.curves.iter().find(wanted)?, words, look))
    })
}

fn panel(network: &NetworkJudged, quantity: &Quantity) -> Panel {
    let n_steps = curves(network, quantity).map(|(curve, ..)| curve.first_step + curve.mean.len()).max();
    let mut y = Axis::new(quantity.axis.0, quantity.axis.1);
    if let Some(ticks) = &quantity.ticks {
        y = y.ticks(ticks.clone());
    }
    let mut plot = Plot::new(Axis::steps(n_steps.unwrap_or(1)), y);
    for (curve, words, look) in curves(network, quantity) {
        for (seed, series) in network.seeds.iter().zip(&curve.by_seed) {
            let seed = seed.map_or_else(|| "a seed".into(), |seed| format!("seed {seed}"));
            let grey = Look { ink: Ink::Axis, ..look };
            plot.curve(shifted(
                &format!("{words} {seed}"),
                grey,
                &without_intervals(series),
                curve.first_step,
            ));
        }
        plot.curve(shifted(&format!("{words}, mean over seeds"), look, &curve.mean, curve.first_step));
    }
    let title = format!("{}: {}", network.name, quantity.title);
    Panel::plot(&title, 210.0, plot, "no curves exist")
}

/// A curve whose first value is at a later step than 0.
fn shifted(label: &str, look: Look, series: &Series, first_step: usize) -> Curve {
    let padded: Series = vec![None; first_step].into_iter().chain(series.iter().copied()).collect();
    Curve::of_series(label.trim_start(), look, &padded)
}

fn without_intervals(series: &Series) -> Series {
    let point =
        |estimate: redyn_analysis::Estimate| redyn_analysis::Estimate::point(estimate.value, estimate.n);
    series.iter().map(|estimate| estimate.map(point)).collect()
}
