//! What categories are good for: nearest prototypes, nearest neighbours, dimensions in use.

use redyn_analysis::{Estimate, KnnPreservation, KnnStage, NearestCentroid, ParticipationRatio, Stage};

use super::local_geometry::{look, stages_key};
use super::ridge::stage_words;
use crate::Context;
use crate::Network;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::{arranged, images, intervals, missing, notes, table};
use crate::ink::Ink;
use crate::look::looks;
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;

const NAME: &str = "category_neighbours";

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut panels, mut lacking) = (vec![Vec::new(); 3], Vec::new());
    for (network, Look { ink, .. }) in context.networks.iter().zip(looks(&context.networks)) {
        let name = network.results.name.as_str();
        let plots = [centroids(network, ink), neighbours(network, ink), dimensions(network, ink)];
        let analyses = ["nearest_centroid", "knn_preservation", "participation_ratio"];
        for (row, (plot, analysis)) in plots.into_iter().zip(analyses).enumerate() {
            let title = if row == 0 { name } else { "" };
            panels[row].push(if let Some((plot, told)) = plot {
                lacking.extend(told.into_iter().map(|note| (name, note)));
                Panel::plot(title, 210.0, plot, "there is nothing to compare")
            } else {
                let reason = missing(network, analysis);
                lacking.push((name, reason.clone()));
                Panel::lacking(title, &reason)
            });
        }
    }
    let key = |marker, dash, words: &str| Key {
        sign: Sign::Curve(Look { ink: Ink::Text, dash, marker }),
        words: words.into(),
    };
    Figure {
        name: NAME,
        title: "Nearest prototypes, nearest neighbours".into(),
        caption: format!(
            "Share of images nearest by cosine to the mean of their own class, the image left out of it, per step; \
             share of the k nearest images that are of the same class, at the features before and after and at the \
             logits after; participation ratio of the covariance over images, per step ({}). The table also holds \
             the published variant of the first, in which an image counts towards its own mean. Bands: {}",
            images(context),
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: stages_key()
            .into_iter()
            .chain([key(Marker::Triangle, Pattern::Long, "features at the base (middle row)")])
            .collect(),
        rows: arranged(panels),
        tables: ["nearest_centroid", "knn_preservation", "participation_ratio"]
            .into_iter()
            .filter_map(|from| table(context, from, from, &format!("{NAME}_{from}")))
            .filter(|table| !table.rows.is_empty())
            .enumerate()
            .map(
                |(at, table)| {
                    if at == 0 { redyn_analysis::Table { name: NAME.into(), ..table } } else { table }
                },
            )
            .collect(),
    }
}

type Drawn = Option<(Plot, Vec<String>)>;

fn centroids(network: &Network, ink: Ink) -> Drawn {
    let found = network.results.get::<NearestCentroid>()?;
    let y = Axis::new("nearest prototype right", "%").ticks(Ticks::Percent).including(0.0);
    let mut plot = Plot::new(Axis::steps(network.results.n_steps), y);
    for one in &found.stages {
        let series = one.of(found.centroid);
        plot.curve(Curve::of_series(stage_words(one.stage), look(one.stage, ink), series));
    }
    Some((plot, found.notes.clone()))
}

fn neighbours(network: &Network, ink: Ink) -> Drawn {
    let found = network.results.get::<KnnPreservation>()?;
    let x = Axis { label: "neighbours k".into(), ticks: Ticks::Whole, include: Vec::new() };
    let y = Axis::new("of the same class", "%").ticks(Ticks::Percent).including(0.0);
    let mut plot = Plot::new(x, y);
    let [base, after] = found.states;
    let mut curve = |one: &KnnStage, step: usize, look: Look, words: &str| {
        let label = format!("{}, {words} (t={step})", stage_words(one.stage));
        let sample = |(k, series): (&usize, &Vec<Option<Estimate>>)| {
            let estimate = series[step]?;
            Some(Sample::of(&label, &format!("k={k}"), *k as f64, &estimate))
        };
        let samples = found.neighbours.iter().zip(&one.kept).map(sample).collect();
        plot.curve(Curve {
            label: label.clone(),
            labelled: Labelled::InKey,
            look,
            spread: Spread::Band,
            samples,
        });
    };
    for one in &found.stages {
        if one.stage == Stage::Feature && base < after {
            curve(one, base, Look { ink, dash: Pattern::Long, marker: Marker::Triangle }, "base");
        }
        curve(one, after, look(one.stage, ink), "after");
    }
    Some((plot, found.notes.clone()))
}

fn dimensions(network: &Network, ink: Ink) -> Drawn {
    let found = network.results.get::<ParticipationRatio>()?;
    let y = Axis::new("participation ratio", "dimensions").including(0.0);
    let mut plot = Plot::new(Axis::steps(network.results.n_steps), y);
    for one in &found.stages {
        plot.curve(Curve::of_series(stage_words(one.stage), look(one.stage, ink), &one.ratio));
    }
    let told = found.notes.iter().filter(|note| !note.starts_with("all pairs")).cloned();
    Some((plot, told.collect()))
}
