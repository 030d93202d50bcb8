//! What cut connections do to accuracy, corrections and stable steps.

use redyn_analysis::{Estimate, Lesion, LesionEffect};

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{intervals, missing, notes, table};
use crate::ink::Ink;
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;

const NAME: &str = "lesion";
const INTACT: Look = Look { ink: Ink::Text, dash: Pattern::Solid, marker: Marker::Circle };

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut rows, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<Lesion>() else {
            lacking.push((name, missing(network, NAME)));
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        let none = "there is nothing to compare";
        rows.push(vec![
            Panel::plot(&format!("{name}: accuracy"), 250.0, accuracy(found, network.results.n_steps), none),
            Panel::plot("corrections lost", 250.0, numbers(found, Number::Lost), none),
            Panel::plot("later to settle", 250.0, numbers(found, Number::Shift), none),
        ]);
    }
    if rows.is_empty() {
        rows.push(vec![Panel::words("", 40.0, "there are no lesioned runs")]);
    }
    Figure {
        name: NAME,
        title: "What cut connections do".into(),
        caption: format!(
            "The same networks on the same images with edges cut (or scaled) during some steps: share classified \
             correctly at each step; share of the images corrected by the intact network (wrong at t = 0, right at \
             the last step) that are wrong at the last step with the lesion; and the stable step with the lesion \
             minus without, over images stably correct in both. Bands and whiskers, paired over images: {}",
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: Vec::new(),
        rows,
        tables: table(context, NAME, NAME, NAME).into_iter().collect(),
    }
}

fn accuracy(found: &Lesion, n_steps: usize) -> Plot {
    let y = Axis::new("correct", "%").ticks(Ticks::Percent).including(0.0);
    let mut plot = Plot::new(Axis::steps(n_steps), y);
    for (index, effect) in found.effects.iter().enumerate() {
        plot.curve(Curve::of_series(&effect.what, Look::of(index), &effect.accuracy));
    }
    plot.curve(Curve::of_series("intact", INTACT, &found.intact).labelled("intact"));
    plot
}

/// One number per lesion.
#[derive(Clone, Copy)]
enum Number {
    Lost,
    Shift,
}

fn numbers(found: &Lesion, number: Number) -> Plot {
    let names = found.effects.iter().map(|effect| effect.what.clone()).collect();
    let x = Axis { label: String::new(), ticks: Ticks::Names(names), include: Vec::new() };
    let (y, of): (Axis, fn(&LesionEffect) -> Option<Estimate>) = match number {
        Number::Lost => (Axis::new("corrections lost", "%").ticks(Ticks::Percent).including(0.0), |effect| {
            effect.corrections_lost
        }),
        Number::Shift => (
            // Half a step to either side, so that nothing does not look like something.
            Axis::new("shift of stable step", "steps").including(-0.5).including(0.5),
            |effect| effect.stable_shift,
        ),
    };
    let mut plot = Plot::new(x, y);
    plot.level(0.0, "");
    for (index, effect) in found.effects.iter().enumerate() {
        let sample = of(effect).map(|found| Sample::of(&effect.what, "all images", index as f64, &found));
        plot.curve(Curve {
            label: effect.what.clone(),
            labelled: Labelled::InKey,
            look: Look::of(index),
            spread: Spread::Whiskers,
            samples: vec![sample],
        });
    }
    plot
}
