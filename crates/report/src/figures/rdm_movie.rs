//! RDMs of every step against those of every other, and how much of them repeats.

use redyn_analysis::{Level, Movie, RdmMovie, Reliability, Scaling};

use crate::axis::{Axis, spoken};
use crate::figure::{Figure, Panel, panel_width};
use crate::figures::heat::Heat;
use crate::figures::{finding, intervals, notes, table};
use crate::ink::BLUE;
use crate::number::significant;
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;
use crate::{Context, Network};

const NAME: &str = "rdm_movie";
const HALVES: Look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle };

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut rows, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let mut absent = [Vec::new()];
        let Some(found) = finding::<RdmMovie>(network, &mut absent, &mut lacking) else {
            rows.extend(absent);
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        let heat = |level: Level| {
            found.movies.iter().find(|movie| movie.level == level).map_or_else(
                || Panel::lacking(&format!("{name}: {}", level.words()), "there are too few"),
                |movie| time_by_time(network, found, movie),
            )
        };
        let halves = Panel::plot(
            &format!("{name}: two halves of the images"),
            300.0,
            reliability(found),
            "there are no two halves of every class",
        );
        rows.push(vec![heat(Level::Classes), heat(Level::Images), halves]);
    }
    let words = context.networks.iter().find_map(|network| network.results.get::<RdmMovie>()).map(how);
    Figure {
        name: NAME,
        title: "The geometry of representations over time".into(),
        caption: format!(
            "Left and middle: how alike the dissimilarity matrices (RDMs) of every two steps are, of classes (their \
             mean patterns) and of single images. Right: agreement of the RDMs of classes from two halves of each \
             class's images (the first, third, ... against the second, fourth, ...). {} Whiskers and hints: {}",
            words.unwrap_or_default(),
            intervals(context)
                .replace("over images, resampled within each class", "over the items of the RDMs"),
        ),
        source: "",
        notes: notes(lacking),
        key: Vec::new(),
        rows,
        tables: [(NAME, NAME), ("rdm_reliability", "rdm_movie_reliability")]
            .into_iter()
            .filter_map(|(from, name)| table(context, NAME, from, name))
            .filter(|table| !table.rows.is_empty())
            .collect(),
    }
}

/// How RDMs were made, as a sentence.
fn how(found: &RdmMovie) -> String {
    use redyn_analysis::rdm::Metric;
    let metric = match found.options.metric {
        Metric::Correlation => "one minus Pearson's correlation",
        Metric::Cosine => "one minus the cosine",
        Metric::Euclidean => "squared Euclidean distance over the number of units",
    };
    let scaling = match found.options.scaling {
        Scaling::Raw => "",
        Scaling::OverSteps => " of units brought to mean 0 and deviation 1 over all items and steps",
        Scaling::WithinStep => " of units brought to mean 0 and deviation 1 within each step",
    };
    format!("Dissimilarity: {metric}{scaling}. RDMs are compared by {}.", found.options.comparison.words())
}

/// A step in words: its time, in recordings.
fn moment(found: &RdmMovie, step: usize) -> String {
    found.time.as_ref().map_or_else(
        || format!("t={step}"),
        |time| format!("{} {}", significant(time.times[step], 4), time.unit),
    )
}

fn time_by_time(network: &Network, found: &RdmMovie, movie: &Movie) -> Panel {
    let steps = &movie.steps;
    let cell = |row: usize, column: usize| {
        let estimate = movie.similarity.get(row, column)?;
        let value = spoken(estimate.value, estimate.interval());
        let (a, b) = (moment(found, steps[row]), moment(found, steps[column]));
        Some((estimate.value, format!("{a} and {b}: {value}\nn = {}", estimate.n)))
    };
    let mut axis = Axis::steps(steps.len());
    // Where steps are left out, their places are no longer their numbers.
    let times = found.time.as_ref().map(|time| {
        let times = steps.iter().map(|&step| time.times[step]).collect();
        redyn_core::TimeAxis { unit: time.unit.clone(), times }
    });
    if let Some(time) = &times {
        axis.in_time(time);
    }
    let marks = axis.marks([0.0, (steps.len() - 1) as f64], 10);
    let named = |(place, words): (f64, String)| match &times {
        Some(_) => (place, words),
        None => (place, steps[place as usize].to_string()),
    };
    let heat = Heat {
        n: steps.len(),
        cell: &cell,
        marks: marks.into_iter().map(named).collect(),
        breaks: Vec::new(),
        axis: &axis.label,
        scale: found.options.comparison.words(),
    };
    let title = format!("{}: {} {}", network.results.name, movie.similarity.n_items, movie.level.words());
    Panel::scene(&title, heat.draw(panel_width(3)))
}

fn reliability(found: &RdmMovie) -> Plot {
    let n = found.reliability.len().max(1);
    let y = Axis::new("agreement of halves", found.options.comparison.words()).including(0.0);
    let mut plot = Plot::new(Axis::steps(n), y);
    let sample = |(step, found): (usize, &Option<Reliability>)| {
        let found = found.as_ref()?;
        let mut sample = Sample::of("two halves", &format!("t={step}"), step as f64, &found.estimate);
        sample.tip.extend(found.p.map(|p| format!("\np = {}", crate::number::probability(p))));
        Some(sample)
    };
    plot.curve(Curve {
        label: "two halves".into(),
        labelled: Labelled::InKey,
        look: HALVES,
        spread: Spread::Band,
        samples: found.reliability.iter().enumerate().map(sample).collect(),
    });
    plot
}
