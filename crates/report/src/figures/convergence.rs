//! Figure 7: accuracy, relative change and arrival at rest over many steps.

use redyn_analysis::{Approach, Convergence, Series};

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::{arranged, finding, images, intervals, notes, table};
use crate::ink::{BLUE, Ink, VERMILLION};
use crate::plot::{Curve, Look, Marker, Plot, Sample};
use crate::scene::Pattern;

const NAME: &str = "convergence";
const TRAINED: Look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle };
const UNTRAINED: Look = Look { ink: Ink::Hue(7), dash: Pattern::Dashed, marker: Marker::Square };
const CYCLING: Look = Look { ink: VERMILLION, dash: Pattern::DashDot, marker: Marker::Triangle };

pub(crate) fn figure(context: &Context) -> Figure {
    let mut panels = vec![Vec::new(), Vec::new(), Vec::new()];
    let mut lacking = Vec::new();
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = finding::<Convergence>(network, &mut panels, &mut lacking) else { continue };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        lacking.extend(periods(found).map(|words| (name, words)));
        let nothing = "there are no images";
        panels[0].push(Panel::plot(name, 210.0, accuracy(found), nothing));
        panels[1].push(Panel::plot("", 210.0, change(found), nothing));
        panels[2].push(Panel::plot("", 190.0, rest(found), nothing));
    }
    Figure {
        name: NAME,
        title: "Coming to rest".into(),
        caption: format!(
            "Over {}: share classified correctly at each step, the change from step t − 1 to t as a share of the \
             length at t − 1 (mean over images of its logarithm to base 10, so that −2 is one percent), and the \
             share of images whose representations have come to a fixed point, or into a cycle, by step t: \
             compared bit by bit. Bands: {}",
            images(context),
            intervals(context),
        ),
        source: "After figure 7 of Thorat et al. 2023; fixed points and cycles are ours.",
        notes: notes(lacking),
        key: vec![
            Key { sign: Sign::Curve(TRAINED), words: "trained (fixed points)".into() },
            Key { sign: Sign::Curve(CYCLING), words: "trained, in a cycle".into() },
            Key { sign: Sign::Curve(UNTRAINED), words: "untrained (fixed points and cycles)".into() },
        ],
        rows: arranged(panels),
        tables: [NAME, "convergence_settled"]
            .into_iter()
            .filter_map(|name| table(context, NAME, name, name))
            .filter(|table| !table.rows.is_empty())
            .collect(),
    }
}

fn both(found: &Convergence) -> impl Iterator<Item = (&'static str, Look, &Approach)> {
    let untrained = found.untrained.as_ref().map(|(_, approach)| ("untrained", UNTRAINED, approach));
    [("trained", TRAINED, &found.trained)].into_iter().chain(untrained)
}

fn accuracy(found: &Convergence) -> Plot {
    let y = Axis::new("correct", "%").ticks(Ticks::Percent).including(0.0);
    let mut plot = Plot::new(Axis::steps(found.trained.accuracy.len()), y);
    for (words, look, approach) in both(found) {
        plot.curve(Curve::of_series(words, look, &approach.accuracy));
    }
    plot
}

fn change(found: &Convergence) -> Plot {
    let n_steps = found.trained.accuracy.len();
    let mut plot = Plot::new(Axis::steps(n_steps), Axis::new("relative change", "log₁₀").including(0.0));
    for (words, look, approach) in both(found) {
        let sample = |(at, estimate): (usize, &Option<redyn_analysis::Estimate>)| {
            let step = at + 1;
            estimate.as_ref().map(|q| Sample::of(words, &format!("t={step}"), step as f64, q))
        };
        let samples = approach.relative_change.iter().enumerate().map(sample).collect();
        plot.curve(Curve { samples, ..Curve::of_series(words, look, &Series::new()) });
    }
    plot
}

fn rest(found: &Convergence) -> Plot {
    let y = Axis::new("at rest", "% of images").ticks(Ticks::Percent).including(0.0).including(0.05);
    let mut plot = Plot::new(Axis::steps(found.trained.accuracy.len()), y);
    plot.curve(Curve::of_series("trained, at a fixed point", TRAINED, &found.trained.at_fixed_point));
    if found.trained.settled.iter().any(|ending| ending.period > 1) {
        plot.curve(Curve::of_series("trained, in a cycle", CYCLING, &found.trained.in_cycle));
    }
    if let Some((_, untrained)) = &found.untrained {
        plot.curve(Curve::of_series("untrained, at a fixed point", UNTRAINED, &untrained.at_fixed_point));
        if untrained.settled.iter().any(|ending| ending.period > 1) {
            plot.curve(Curve::of_series("untrained, in a cycle", UNTRAINED, &untrained.in_cycle));
        }
    }
    plot
}

/// The periods that occur, in words.
fn periods(found: &Convergence) -> impl Iterator<Item = String> {
    both(found).filter(|(_, _, approach)| !approach.settled.is_empty()).map(|(words, _, approach)| {
        let each = approach.settled.iter().map(|ending| {
            let n = crate::number::counted(ending.n, "image");
            match ending.period {
                1 => format!("{n} at a fixed point (median from t={})", ending.median_from),
                period => format!("{n} in a cycle of {period} steps (median from t={})", ending.median_from),
            }
        });
        format!("{words}: {}", each.collect::<Vec<_>>().join(", "))
    })
}
