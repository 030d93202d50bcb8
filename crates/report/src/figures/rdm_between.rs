//! Networks against networks: their RDMs at every step, as a matrix and in a plane.

use std::collections::BTreeMap;

use redyn_analysis::{Between, BetweenStage};

use crate::Context;
use crate::axis::{Axis, spoken};
use crate::figure::{Figure, Key, Panel, Sign, panel_width};
use crate::figures::heat::Heat;
use crate::figures::intervals_of;
use crate::look::{looks, shared_hues};
use crate::number::significant;
use crate::plot::{Curve, Labelled, Look, Plot, Sample, Spread};

const NAME: &str = "rdm_between";

/// How every network looks, by its name.
type Looks<'a> = BTreeMap<&'a str, Look>;

pub(crate) fn figure(context: &Context) -> Figure {
    let Some(between) = &context.between else {
        let words = "there are no two networks of the same images whose RDMs were compared";
        return Figure {
            name: NAME,
            title: "Do networks see the same things alike?".into(),
            caption: String::new(),
            source: "",
            notes: vec![words.to_owned()],
            key: Vec::new(),
            rows: vec![vec![Panel::words("", 40.0, words)]],
            tables: Vec::new(),
        };
    };
    let names = context.networks.iter().map(|network| network.results.name.as_str());
    let looks: Looks = names.zip(looks(&context.networks)).collect();
    let mut rows = Vec::new();
    for stage in &between.stages {
        let plane = Panel::plot(
            &stage.plane.as_ref().map_or_else(String::new, |plane| {
                format!("in a plane (stress {})", significant(plane.stress, 2))
            }),
            320.0,
            plane(stage, &looks),
            "some of these RDMs are constant and cannot be placed",
        );
        rows.push(vec![matrix(between, stage), plane]);
    }
    Figure {
        name: NAME,
        title: "Do networks see the same things alike?".into(),
        caption: format!(
            "How alike the dissimilarity matrices (RDMs) of every network at every step are, by {}: of classes (their \
             mean patterns) and of single images, at the feature stage (the recorded representation) and at the \
             decision stage (the logits). Left: every state against every other, steps in order within a network. \
             Right: the same in a plane, by metric multidimensional scaling; lines join the steps of a network, the \
             first has an open sign. Intervals, in the data: {}",
            between.options.comparison.words(),
            intervals_of(&context.options.uncertainty, "over the items of the RDMs"),
        ),
        source: "",
        notes: shared_hues(&context.networks).into_iter().chain(between.notes.iter().cloned()).collect(),
        key: key(between, &looks),
        rows,
        tables: between.tables().into_iter().filter(|table| !table.rows.is_empty()).collect(),
    }
}

fn key(between: &Between, looks: &Looks) -> Vec<Key> {
    let Some(stage) = between.stages.first() else { return Vec::new() };
    let curve = |(words, look)| Key { sign: Sign::Curve(look), words };
    networks(stage, looks).into_iter().map(curve).collect()
}

/// The networks, in the order of their states; one that is not among those shown looks as its place has it.
fn networks(stage: &BetweenStage, looks: &Looks) -> Vec<(String, Look)> {
    let mut names: Vec<String> = stage.states.iter().map(|state| state.network.clone()).collect();
    names.dedup();
    let look = |(place, name): (usize, String)| {
        let look = looks.get(name.as_str()).copied().unwrap_or_else(|| Look::of(place));
        (name, look)
    };
    names.into_iter().enumerate().map(look).collect()
}

fn moment(stage: &BetweenStage, state: usize) -> String {
    let state = &stage.states[state];
    match state.time {
        Some(time) => format!("{} at {}", state.network, significant(time, 4)),
        None => format!("{} t={}", state.network, state.step),
    }
}

fn matrix(between: &Between, stage: &BetweenStage) -> Panel {
    let cell = |a: usize, b: usize| {
        let estimate = stage.similarity.get(a, b)?;
        let value = spoken(estimate.value, estimate.interval());
        Some((
            estimate.value,
            format!("{} and {}: {value}\nn = {}", moment(stage, a), moment(stage, b), estimate.n),
        ))
    };
    let (mut marks, mut breaks) = (Vec::new(), Vec::new());
    let mut first = 0;
    for own in stage.states.chunk_by(|a, b| a.network == b.network) {
        let middle = first as f64 + (own.len() - 1) as f64 / 2.0;
        marks.push((middle, own[0].network.clone()));
        first += own.len();
        breaks.push(first);
    }
    breaks.pop();
    let heat = Heat {
        n: stage.states.len(),
        cell: &cell,
        marks,
        breaks,
        axis: "network, steps in order",
        scale: between.options.comparison.words(),
    };
    let title =
        format!("{} stage: {} {}", stage.stage.words(), stage.similarity.n_items, stage.level.words());
    Panel::scene(&title, heat.draw(panel_width(2)))
}

fn plane(stage: &BetweenStage, looks: &Looks) -> Plot {
    let Some(plane) = &stage.plane else { return Plot::new(Axis::new("", ""), Axis::new("", "")) };
    // One scale for both axes: the frame is about so much wider than high.
    let (wide, high) = (panel_width(2) - 70.0, 320.0 - 55.0);
    let furthest = |axis: usize, room: f64| {
        plane.places.iter().map(|place| place[axis].abs()).fold(1e-9, f64::max) / room
    };
    let scale = 1.08 * furthest(0, wide).max(furthest(1, high));
    let axis = |label: &str, room: f64| Axis::new(label, "").including(-scale * room).including(scale * room);
    let mut plot = Plot::new(axis("1 − similarity, first axis", wide), axis("second axis", high));
    let mut first = 0;
    for (name, look) in networks(stage, looks) {
        let own: Vec<usize> =
            (first..stage.states.len()).take_while(|&at| stage.states[at].network == name).collect();
        first += own.len();
        let sample = |(at, &state): (usize, &usize)| {
            let [x, y] = plane.places[state];
            // A first sign is open, as that of a small group is elsewhere.
            let n = if at == 0 { 0 } else { redyn_analysis::SMALLEST_GROUP };
            Some(Sample { x, y, interval: None, n, tip: moment(stage, state) })
        };
        plot.curve(Curve {
            label: name,
            labelled: Labelled::InKey,
            look,
            spread: Spread::Path,
            samples: own.iter().enumerate().map(sample).collect(),
        });
    }
    plot
}
