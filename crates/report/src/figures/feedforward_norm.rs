//! Figure 6: norms in feedforward controls by the stable step of the same images.

use redyn_analysis::{ControlNorm, Estimate, FeedforwardNorm};

use crate::Context;
use crate::axis::{Axis, Ticks, spoken};
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::{intervals, missing, notes, rows_of, table};
use crate::ink::{BLUE, Ink};
use crate::number::{count, counted, significant};
use crate::plot::{Bar, Curve, Labelled, Look, Mark, Marker, Plot, Sample, Spread, Under};
use crate::scene::{Paint, Pattern};

const NAME: &str = "feedforward_norm";
const MEAN: Look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle };

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut panels, mut lacking, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<FeedforwardNorm>() else {
            lacking.push((name, missing(network, NAME)));
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        for control in &found.controls {
            let title = format!("{} against {name}", control.name);
            panels.push(Panel::plot(&title, 240.0, plot(control), "no image is stably correct"));
            said.push((name, correlations(control, found.n)));
        }
    }
    lacking.extend(said);
    // Controls side by side; a single one has the networks side by side.
    let n_controls = context.networks.iter().filter_map(|network| network.results.get::<FeedforwardNorm>());
    let n_controls = n_controls.map(|found| found.controls.len()).max().unwrap_or(0);
    let columns = if n_controls > 1 { n_controls } else { panels.len() }.clamp(1, 4);
    let rows = if panels.is_empty() {
        vec![vec![Panel::words("", 40.0, "there are no feedforward controls")]]
    } else {
        rows_of(&panels, columns)
    };
    Figure {
        name: NAME,
        title: "Images settled early are long vectors elsewhere".into(),
        caption: format!(
            "Length of feedforward networks' representations of the images that a recurrent network becomes correct \
             on for good, by stable step tₛ. Points: means; bars: from the lower to the upper quartile. \
             Correlations are over images (ρ: Spearman's, ties sharing their mean rank; r: Pearson's). Whiskers: {}",
            intervals(context),
        ),
        source: "After figure 6 of Thorat et al. 2023.",
        notes: notes(lacking),
        key: vec![
            Key { sign: Sign::Marker(MEAN), words: "mean".into() },
            Key { sign: Sign::Box(middle_half()), words: "middle half of the images".into() },
        ],
        rows,
        tables: [
            table(context, NAME, "feedforward_norm_groups", "feedforward_norm_groups"),
            table(context, NAME, NAME, NAME),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

fn middle_half() -> Paint {
    Paint::fill(BLUE, 0.16)
}

fn plot(control: &ControlNorm) -> Plot {
    let last = control.groups.last().map_or(0, |group| group.stable_step);
    let names = (0..=last).map(|step| step.to_string()).collect();
    let x = Axis { label: "stable step tₛ".into(), ticks: Ticks::Names(names), include: Vec::new() };
    let mut plot = Plot::new(x, Axis::new("norm", "activation"));
    let mut samples = Vec::new();
    let mut sizes = Vec::new();
    for group in &control.groups {
        let at = group.stable_step as f64;
        let [low, middle, high] = group.quartiles;
        let n = group.norm.map_or(0, |norm| norm.n);
        plot.marks.push(Mark::Bar(Bar {
            x: at,
            width: 0.56,
            from: low,
            to: high,
            paint: middle_half(),
            tip: format!(
                "{}, tₛ={}\nquartiles {}, {}, {}\nn = {}",
                control.name,
                group.stable_step,
                significant(low, 3),
                significant(middle, 3),
                significant(high, 3),
                count(n)
            ),
        }));
        sizes.push((at, count(n)));
        let place = format!("tₛ={}", group.stable_step);
        samples.push(group.norm.as_ref().map(|norm| Sample::of("mean norm", &place, at, norm)));
    }
    plot.under.push(Under { label: "n".into(), ink: Ink::Muted, values: sizes });
    plot.curve(Curve {
        label: "mean norm".into(),
        labelled: Labelled::InKey,
        look: MEAN,
        spread: Spread::Whiskers,
        samples,
    });
    plot
}

fn correlations(control: &ControlNorm, n: usize) -> String {
    let words = |sign: &str, estimate: Option<Estimate>| {
        let words = |estimate: Estimate| format!("{sign} = {}", spoken(estimate.value, estimate.interval()));
        estimate.map_or_else(|| format!("no {sign}"), words)
    };
    format!(
        "{}: {}, {} over {}",
        control.name,
        words("ρ", control.spearman),
        words("r", control.pearson),
        counted(n, "image")
    )
}
