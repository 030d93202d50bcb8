//! Exemplars around their prototypes: distances over steps, as ridges and as curves.

use redyn_analysis::{LocalGeometry, LocalStage, Stage};

use super::ridge::{self, Ridge, stage_words};
use crate::Context;
use crate::axis::Axis;
use crate::figure::{Figure, Key, Panel, Sign, panel_width};
use crate::figures::{arranged, finding, images, intervals, notes, table};
use crate::ink::Ink;
use crate::look::looks;
use crate::number::{probability, significant};
use crate::plot::{Curve, Look, Marker, Plot};
use crate::scene::Pattern;

const NAME: &str = "local_geometry";

/// Dash and marker of a stage; the hue is the network's.
pub(super) fn look(stage: Stage, ink: Ink) -> Look {
    match stage {
        Stage::Feature => Look { ink, dash: Pattern::Solid, marker: Marker::Circle },
        Stage::Decision => Look { ink, dash: Pattern::Dashed, marker: Marker::Square },
    }
}

/// The key of stages.
pub(super) fn stages_key() -> Vec<Key> {
    let key = |stage: Stage| Key {
        sign: Sign::Curve(look(stage, Ink::Text)),
        words: stage_words(stage).to_owned(),
    };
    Stage::ALL.map(key).to_vec()
}

pub(crate) fn figure(context: &Context) -> Figure {
    let width =
        panel_width(context.networks.len().min(4).max(if context.networks.len() == 1 { 3 } else { 1 }));
    let (mut panels, mut lacking) = (vec![Vec::new(), Vec::new(), Vec::new()], Vec::new());
    for (network, Look { ink, .. }) in context.networks.iter().zip(looks(&context.networks)) {
        let name = network.results.name.as_str();
        let Some(found) = finding::<LocalGeometry>(network, &mut panels, &mut lacking) else { continue };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        lacking.extend(found.stages.iter().filter_map(|one| Some((name, tested(one)?))));
        for (row, stage) in Stage::ALL.into_iter().enumerate() {
            let ridge = found.stages.iter().find(|one| one.stage == stage).map(|one| Ridge {
                found: &one.spread,
                base: found.states[0],
                ink,
                label: "distance to prototype (1 − cosine)",
                of: "images",
                mark: None,
            });
            panels[row].push(ridge::at_stage(name, stage, width, ridge.as_ref()));
        }
        panels[2].push(Panel::plot("", 200.0, curves(found, ink, network.results.n_steps), "no distances"));
    }
    Figure {
        name: NAME,
        title: "Exemplars around their prototypes".into(),
        caption: format!(
            "Cosine distance of images to the mean of their class at the same step ({}): how it is spread over \
             images (dark: up to the base; light: after; upright: mean), at the recorded features and at the logits, \
             and its mean over steps. Bands: {}",
            images(context),
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: stages_key(),
        rows: arranged(panels),
        tables: [NAME, "local_geometry_classes", "local_geometry_test"]
            .into_iter()
            .filter_map(|name| table(context, NAME, name, name))
            .filter(|table| !table.rows.is_empty())
            .collect(),
    }
}

fn curves(found: &LocalGeometry, ink: Ink, n_steps: usize) -> Plot {
    let mut plot = Plot::new(Axis::steps(n_steps), Axis::new("mean distance", "1 − cosine"));
    for one in &found.stages {
        plot.curve(Curve::of_series(stage_words(one.stage), look(one.stage, ink), &one.distance));
    }
    plot
}

/// The mixed model in words.
fn tested(one: &LocalStage) -> Option<String> {
    let test = one.test?;
    Some(format!(
        "at the {} distances change by {} from base to after (mixed model with intercepts per class: standard error \
         {}, p {} {})",
        stage_words(one.stage),
        significant(test.mean, 3),
        significant(test.standard_error, 2),
        if test.p < 1e-12 { "<" } else { "=" },
        if test.p < 1e-12 { "1e-12".to_owned() } else { probability(test.p) },
    ))
}
