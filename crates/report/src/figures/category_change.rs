//! Local against global: what recurrence does to categories, all networks side by side.

use redyn_analysis::{Estimate, GlobalGeometry, LocalGeometry, Stage};

use super::local_geometry::{look, stages_key};
use super::ridge::stage_words;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{intervals, missing, notes, rows_of, table};
use crate::look::{looks, shared_hues};
use crate::plot::{Curve, Labelled, Plot, Sample, Spread};
use crate::{Context, Network};

const NAME: &str = "category_change";

/// One number per network and stage.
struct Quantity {
    title: &'static str,
    label: &'static str,
    unit: &'static str,
    of: fn(&Network, Stage) -> Option<Estimate>,
}

const QUANTITIES: [Quantity; 4] = [
    Quantity {
        title: "Local: exemplars around prototypes",
        label: "cluster change",
        unit: "%",
        of: |network, stage| {
            let found = network.results.get::<LocalGeometry>()?;
            found.stages.iter().find(|one| one.stage == stage)?.cluster_percent
        },
    },
    Quantity {
        title: "Global: prototypes from where they were",
        label: "prototype shift",
        unit: "1 − cosine",
        of: |network, stage| global(network, stage)?.shift,
    },
    Quantity {
        title: "Global: centred prototypes from one another",
        label: "between change",
        unit: "%",
        of: |network, stage| global(network, stage)?.between,
    },
    Quantity {
        title: "Global: order of prototypes",
        label: "order kept",
        unit: "Spearman's ρ",
        of: |network, stage| global(network, stage)?.rho,
    },
];

fn global(network: &Network, stage: Stage) -> Option<&redyn_analysis::GlobalStage> {
    network.results.get::<GlobalGeometry>()?.stages.iter().find(|one| one.stage == stage)
}

pub(crate) fn figure(context: &Context) -> Figure {
    let names: Vec<String> = context.networks.iter().map(|network| network.results.name.clone()).collect();
    let lacking = context.networks.iter().map(|network| {
        let states = network.results.get::<LocalGeometry>().map(|found| found.states);
        let words = states.map_or_else(
            || missing(network, "local_geometry"),
            |[base, after]| format!("base t={base}, after t={after}"),
        );
        (network.results.name.as_str(), words)
    });
    let looks = looks(&context.networks);
    let panel = |quantity: &Quantity| {
        let x = Axis { label: String::new(), ticks: Ticks::Names(names.clone()), include: Vec::new() };
        let mut plot = Plot::new(x, Axis::new(quantity.label, quantity.unit));
        for (at, stage) in Stage::ALL.into_iter().enumerate() {
            for (index, network) in context.networks.iter().enumerate() {
                let Some(found) = (quantity.of)(network, stage) else { continue };
                let words = format!("{}, {}", network.results.name, stage_words(stage));
                let sample =
                    Sample::of(&words, quantity.label, index as f64 + 0.24 * (at as f64 - 0.5), &found);
                plot.curve(Curve {
                    label: words,
                    labelled: Labelled::InKey,
                    look: look(stage, looks[index].ink),
                    spread: Spread::Whiskers,
                    samples: vec![Some(sample)],
                });
            }
        }
        if quantity.label != "order kept" {
            plot.level(0.0, "");
        }
        Panel::plot(quantity.title, 240.0, plot, "with a single state nothing changes")
    };
    let panels: Vec<Panel> = QUANTITIES.iter().map(panel).collect();
    Figure {
        name: NAME,
        title: "Local and global geometry, network by network".into(),
        caption: format!(
            "From base to after, at the recorded features (circles) and the logits (squares): change of the cosine \
             distance of images to their prototype, in percent of the base (below 0: more compact); shift of the \
             prototypes; change of the distances between centred prototypes; rank correlation of raw distances. \
             Whiskers: {}",
            intervals(context),
        ),
        source: "",
        notes: shared_hues(&context.networks).into_iter().chain(notes(lacking)).collect(),
        key: stages_key(),
        rows: rows_of(&panels, 2),
        tables: [("local_geometry", NAME), ("global_geometry", "category_change_global")]
            .into_iter()
            .filter_map(|(from, to)| table(context, from, from, to))
            .filter(|table| !table.rows.is_empty())
            .collect(),
    }
}
