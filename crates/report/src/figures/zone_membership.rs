//! Figure 5: readout vectors in their own zones, by dimension, and how long they are.

use redyn_analysis::{Estimate, Membership, ZoneMembership};

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::{arranged, finding, notes, table};
use crate::ink::{BLUE, Ink};
use crate::number::{percent, significant};
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;

const NAME: &str = "zone_membership";
const TRAINED: Look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle };
const RANDOM: Look = Look { ink: Ink::Hue(7), dash: Pattern::Dashed, marker: Marker::Square };

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut panels, mut lacking, mut draws) = (vec![Vec::new(), Vec::new()], Vec::new(), None);
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = finding::<ZoneMembership>(network, &mut panels, &mut lacking) else { continue };
        draws = draws.or(Some((found.repeats, found.seed)));
        let spread = &found.norm_spread;
        lacking.push((
            name,
            format!(
                "with all {} units {} of the readout vectors are inside; their lengths have mean {} and standard \
                 deviation {}",
                found.n_units,
                percent(found.whole),
                significant(spread.mean, 3),
                significant(spread.deviation, 2)
            ),
        ));
        panels[0].push(Panel::plot(name, 240.0, shares(found), "there are no readout vectors"));
        panels[1].push(Panel::plot("", 200.0, lengths(found), "there are no readout vectors"));
    }
    let draws = draws.map_or_else(String::new, |(n, seed)| {
        let level = significant(100.0 * context.options.uncertainty.level, 3);
        format!(" Bands hold {} % of {n} draws (seed {seed}).", level.trim_end_matches(".0"))
    });
    Figure {
        name: NAME,
        title: "Readout vectors in their own zones".into(),
        caption: format!(
            "Share of the readout vectors that would themselves be classified as their class, against the number of \
             units: random vectors with entries from N(0, 1), and random choices of units of the trained \
             readout.{draws} Below: the lengths of the readout vectors, in order (dashed: their mean); only unequal lengths can put a \
             vector outside its own zone."
        ),
        source: "After figure 5 of Thorat et al. 2023.",
        notes: notes(lacking),
        key: vec![
            Key { sign: Sign::Curve(TRAINED), words: "units of the trained readout".into() },
            Key { sign: Sign::Curve(RANDOM), words: "random vectors".into() },
        ],
        rows: arranged(panels),
        tables: table(context, NAME, NAME, NAME)
            .into_iter()
            .chain(table(context, "readout_similarity", "norms", "zone_membership_norms"))
            .collect(),
    }
}

fn shares(found: &ZoneMembership) -> Plot {
    let x =
        Axis { label: "units".into(), ticks: Ticks::Whole, include: vec![1.0, found.random.len() as f64] };
    let y = Axis::new("inside own zone", "%").ticks(Ticks::Percent).including(0.0).including(1.0);
    let mut plot = Plot::new(x, y);
    for (words, look, curve) in
        [("random vectors", RANDOM, &found.random), ("trained readout", TRAINED, &found.trained)]
    {
        let sample = |at: &Membership| {
            let (low, high) = (Some(at.low), Some(at.high));
            let share = Estimate { value: at.mean, low, high, n: found.n_classes };
            let sample = Sample::of(words, &format!("{} units", at.dimension), at.dimension as f64, &share);
            let tip = format!("{} vectors\nall inside in {} of draws", sample.tip, percent(at.all_inside));
            Some(Sample { tip, ..sample })
        };
        plot.curve(Curve {
            label: words.into(),
            labelled: Labelled::InKey,
            look,
            spread: Spread::Band,
            samples: curve.iter().map(sample).collect(),
        });
    }
    plot
}

/// Lengths of the readout vectors, shortest first.
fn lengths(found: &ZoneMembership) -> Plot {
    let mut lengths = found.norms.clone();
    lengths.sort_by(f64::total_cmp);
    let x = Axis { label: "class, by length".into(), ticks: Ticks::Whole, include: vec![1.0] };
    let mut plot = Plot::new(x, Axis::new("readout length", "weight").including(0.0));
    let n = lengths.len();
    let sample = |(index, length): (usize, &f64)| {
        let estimate = Estimate::point(*length, n);
        Some(Sample {
            tip: format!("readout vector {} of {n}\nlength {}", index + 1, significant(*length, 3)),
            n: usize::MAX,
            ..Sample::of("", "", index as f64 + 1.0, &estimate)
        })
    };
    plot.curve(Curve {
        label: "length of a readout vector".into(),
        labelled: Labelled::InKey,
        look: TRAINED,
        spread: Spread::Whiskers,
        samples: lengths.iter().enumerate().map(sample).collect(),
    });
    plot.level(found.norm_spread.mean, "");
    plot
}
