//! Figure 3A: the contrasts of figures 2B and 2C averaged over steps, network by network.

use redyn_analysis::{Cell, Estimate, FutureClass, NowCorrect, Table};

use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::contrast::{CORRECT, NOT_YET};
use crate::figures::future_class::{OTHER, OWN};
use crate::figures::{column, intervals};
use crate::plot::{Curve, Labelled, Look, Plot, Sample, Spread};
use crate::{Context, Network};

/// One network's pair of averages.
type Pair = [Option<Estimate>; 2];

struct Quantity {
    title: &'static str,
    axis: (&'static str, &'static str),
    groups: [(&'static str, Look); 2],
    of: fn(&Network) -> Option<Pair>,
}

const QUANTITIES: [Quantity; 3] = [
    Quantity {
        title: "Norm",
        axis: ("norm", "activation"),
        groups: [("correct now", CORRECT), ("not yet", NOT_YET)],
        of: |network| {
            let average = network.results.get::<NowCorrect>()?.norm.average;
            Some([average.correct, average.not_yet])
        },
    },
    Quantity {
        title: "Current class",
        axis: ("cosine", ""),
        groups: [("correct now", CORRECT), ("not yet", NOT_YET)],
        of: |network| {
            let average = network.results.get::<NowCorrect>()?.cosine.as_ref()?.average;
            Some([average.correct, average.not_yet])
        },
    },
    Quantity {
        title: "Future class",
        axis: ("cosine", ""),
        groups: [("own class", OWN), ("others' classes", OTHER)],
        of: |network| {
            let found = network.results.get::<FutureClass>()?;
            Some([found.average_own, found.average_other])
        },
    },
];

pub(crate) fn figure(context: &Context) -> Figure {
    let names: Vec<String> = context.networks.iter().map(|network| network.results.name.clone()).collect();
    let row = QUANTITIES
        .iter()
        .map(|quantity| {
            let x = Axis { label: String::new(), ticks: Ticks::Names(names.clone()), include: Vec::new() };
            let mut plot = Plot::new(x, Axis::new(quantity.axis.0, quantity.axis.1));
            for (which, (group, look)) in quantity.groups.into_iter().enumerate() {
                let sample = |(index, network): (usize, &Network)| {
                    let estimate = (quantity.of)(network)?[which]?;
                    let place = index as f64 + 0.24 * which as f64 - 0.12;
                    let label = format!("{}: {group}", network.results.name);
                    Some(Sample::of(&label, "mean over steps", place, &estimate))
                };
                plot.curve(Curve {
                    label: group.into(),
                    labelled: Labelled::InKey,
                    look,
                    spread: Spread::Whiskers,
                    samples: context.networks.iter().enumerate().map(sample).collect(),
                });
            }
            Panel::plot(quantity.title, 240.0, plot, "no averages exist")
        })
        .collect();
    let key = [
        ("correct now", CORRECT),
        ("not yet", NOT_YET),
        ("own future class", OWN),
        ("others' future classes", OTHER),
    ];
    Figure {
        name: "aggregate",
        title: "The same, averaged over steps".into(),
        caption: format!(
            "Unweighted means over the analysed steps at which both groups hold images: norm and cosine with the \
             current class for images correct now and not yet, and cosine with own and others' future classes for \
             images not yet correct. Whiskers: {}",
            intervals(context),
        ),
        source: "After figure 3A of Thorat et al. 2023, which draws points without intervals.",
        notes: Vec::new(),
        key: key.map(|(words, look)| Key { sign: Sign::Marker(look), words: words.into() }).into(),
        rows: vec![row],
        tables: vec![averages(context)],
    }
}

fn averages(context: &Context) -> Table {
    let mut table = Table {
        name: "aggregate".into(),
        columns: vec![
            column("network", "", "short name of the network"),
            column("quantity", "", "panel of the figure"),
            column("group", "", "images, or classes, that are averaged over"),
            column("unit", "", "unit of value, low and high; empty for cosines"),
            column(
                "value",
                "see column unit",
                "mean over the analysed steps at which both groups hold images",
            ),
            column(
                "low",
                "see column unit",
                "lower end of the bootstrap interval; empty where there is none",
            ),
            column(
                "high",
                "see column unit",
                "upper end of the bootstrap interval; empty where there is none",
            ),
            column("n", "images", "number of images that take part"),
        ],
        rows: Vec::new(),
    };
    for network in &context.networks {
        for quantity in &QUANTITIES {
            let Some(pair) = (quantity.of)(network) else { continue };
            for ((group, _), estimate) in quantity.groups.into_iter().zip(pair) {
                let keys = vec![
                    Cell::from(network.results.name.as_str()),
                    quantity.title.into(),
                    group.into(),
                    quantity.axis.1.into(),
                ];
                table.push_estimate(keys, estimate.as_ref());
            }
        }
    }
    table
}
