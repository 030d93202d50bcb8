//! Prototypes among one another: how far they shift, and whether their order stays.

use redyn_analysis::{GlobalGeometry, Series, Stage};

use super::local_geometry::{look, stages_key};
use super::ridge::{self, Ridge, stage_words};
use crate::Context;
use crate::axis::Axis;
use crate::figure::{Figure, Panel, panel_width};
use crate::figures::{arranged, finding, images, intervals, notes, table};
use crate::look::looks;
use crate::number::probability;
use crate::plot::{Curve, Look, Plot};

const NAME: &str = "global_geometry";

pub(crate) fn figure(context: &Context) -> Figure {
    let n = context.networks.len();
    let width = panel_width(if n == 1 { 4 } else { n.min(4) });
    let (mut panels, mut lacking) = (vec![Vec::new(); 4], Vec::new());
    for (network, Look { ink, .. }) in context.networks.iter().zip(looks(&context.networks)) {
        let name = network.results.name.as_str();
        let Some(found) = finding::<GlobalGeometry>(network, &mut panels, &mut lacking) else { continue };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        lacking.extend(found.stages.iter().filter_map(|one| {
            let (shift, between) = (one.shift_p?, one.between_p?);
            let words = format!(
                "exchanging base and after image by image gives such a shift of prototypes with p = {}, such a \
                 change between them with p = {} ({})",
                probability(shift),
                probability(between),
                stage_words(one.stage)
            );
            Some((name, words))
        }));
        for (row, stage) in Stage::ALL.into_iter().enumerate() {
            let ridge = found.stages.iter().find(|one| one.stage == stage).map(|one| Ridge {
                found: &one.spread,
                base: found.states[0],
                ink,
                label: "between centred prototypes (1 − cosine)",
                of: "pairs",
                mark: None,
            });
            panels[row].push(ridge::at_stage(name, stage, width, ridge.as_ref()));
        }
        let curves = |of: fn(&redyn_analysis::GlobalStage) -> &Series, y: Axis| {
            let mut plot = Plot::new(Axis::steps(network.results.n_steps), y);
            for one in &found.stages {
                plot.curve(Curve::of_series(stage_words(one.stage), look(one.stage, ink), of(one)));
            }
            plot
        };
        let y = Axis::new("shift of prototypes", "1 − cosine").including(0.0);
        panels[2].push(Panel::plot("", 200.0, curves(|one| &one.shift_from_base, y), "no shift"));
        let y = Axis::new("order as at base", "Spearman's ρ").including(1.0);
        panels[3].push(Panel::plot("", 200.0, curves(|one| &one.rho_from_base, y), "no order"));
    }
    Figure {
        name: NAME,
        title: "Prototypes among one another".into(),
        caption: format!(
            "Means of classes at the recorded features and at the logits ({}). Ridges: cosine distances between all \
             pairs once the mean of all prototypes is taken away (dark: up to the base; light: after). Curves: mean \
             shift of a prototype from where it was at the base, and rank correlation of the raw distances with \
             those at the base. Bands: {}",
            images(context),
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: stages_key(),
        rows: arranged(panels),
        tables: [NAME, "global_geometry_test"]
            .into_iter()
            .filter_map(|name| table(context, NAME, name, name))
            .filter(|table| !table.rows.is_empty())
            .collect(),
    }
}
