//! Orthogonality of categories: distances between prototypes against 1.

use redyn_analysis::{CategoryOrthogonality, OrthogonalityStage, Stage};

use super::ridge::{self, Ridge};
use crate::Context;
use crate::axis::Axis;
use crate::figure::{Figure, Key, Panel, Sign, panel_width};
use crate::figures::{arranged, finding, images, intervals, notes, table};
use crate::ink::Ink;
use crate::look::looks;
use crate::number::significant;
use crate::plot::{Curve, Look, Marker, Plot};
use crate::scene::{Paint, Pattern};

const NAME: &str = "category_orthogonality";
const UNTRAINED: Look = Look { ink: Ink::Hue(7), dash: Pattern::Dotted, marker: Marker::Down };

pub(crate) fn figure(context: &Context) -> Figure {
    let n = context.networks.len();
    let width = panel_width(if n == 1 { 4 } else { n.min(4) });
    let (mut panels, mut lacking) = (vec![Vec::new(); 4], Vec::new());
    for (network, Look { ink, .. }) in context.networks.iter().zip(looks(&context.networks)) {
        let name = network.results.name.as_str();
        let Some(found) = finding::<CategoryOrthogonality>(network, &mut panels, &mut lacking) else {
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        let decision = found.stages.iter().find(|one| one.stage == Stage::Decision);
        for (row, stage) in [Stage::Decision, Stage::Feature].into_iter().enumerate() {
            let ridge = found.stages.iter().find(|one| one.stage == stage).map(|one| Ridge {
                found: &one.trained.spread,
                base: found.states[0],
                ink,
                label: "between prototypes (1 − cosine)",
                of: "pairs",
                mark: Some(1.0),
            });
            panels[row].push(ridge::at_stage(name, stage, width, ridge.as_ref()));
        }
        let n_steps = network.results.n_steps;
        panels[2].push(Panel::plot("", 200.0, means(decision, ink, n_steps), ridge::NO_DIRECTIONS));
        panels[3].push(Panel::plot("", 200.0, shares(decision, ink, n_steps), ridge::NO_DIRECTIONS));
    }
    let near = context
        .networks
        .iter()
        .find_map(|network| Some(network.results.get::<CategoryOrthogonality>()?.near));
    let (words, dash) = ("orthogonal", Paint::line(Ink::Text, 1.2).dashed(Pattern::Dashed));
    let trained = Look { ink: Ink::Text, dash: Pattern::Solid, marker: Marker::Circle };
    Figure {
        name: NAME,
        title: "Orthogonality of categories".into(),
        caption: format!(
            "Cosine distances between the means of all pairs of classes, raw ({}): 0 the same direction, 1 \
             orthogonal, 2 opposite. Ridges over pairs at the logits and at the features (dark: up to the base; \
             light: after), the mean at the logits over steps, and the share of pairs within {} of 1. Bands: {}",
            images(context),
            near.map_or_else(|| "some".to_owned(), |near| significant(near, 2)),
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: vec![
            Key { sign: Sign::Line(dash), words: words.into() },
            Key { sign: Sign::Curve(trained), words: "network".into() },
            Key { sign: Sign::Curve(UNTRAINED), words: "its untrained twin".into() },
        ],
        rows: arranged(panels),
        tables: table(context, NAME, NAME, NAME).into_iter().collect(),
    }
}

fn means(decision: Option<&OrthogonalityStage>, ink: Ink, n_steps: usize) -> Plot {
    let mut plot = Plot::new(Axis::steps(n_steps), Axis::new("mean at logits", "1 − cosine"));
    if let Some(one) = decision {
        if let Some(untrained) = &one.untrained {
            plot.curve(Curve::of_series("untrained", UNTRAINED, &untrained.mean));
        }
        plot.curve(Curve::of_series("trained", solid(ink), &one.trained.mean));
    }
    plot.level(1.0, "orthogonal");
    plot
}

fn shares(decision: Option<&OrthogonalityStage>, ink: Ink, n_steps: usize) -> Plot {
    let y = Axis::new("pairs nearly orthogonal", "%").ticks(crate::axis::Ticks::Percent).including(0.0);
    let mut plot = Plot::new(Axis::steps(n_steps), y);
    if let Some(one) = decision {
        if let Some(untrained) = &one.untrained {
            plot.curve(Curve::of_series("untrained", UNTRAINED, &untrained.near));
        }
        plot.curve(Curve::of_series("trained", solid(ink), &one.trained.near));
    }
    plot
}

fn solid(ink: Ink) -> Look {
    Look { ink, dash: Pattern::Solid, marker: Marker::Circle }
}
