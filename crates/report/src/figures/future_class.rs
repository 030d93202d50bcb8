//! Figure 2C: own class against others' classes, before the image is correct.

use redyn_analysis::FutureClass;

use crate::Context;
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::{arranged, contrast, intervals, missing, notes, table};
use crate::ink::{Ink, VERMILLION};
use crate::number::count;
use crate::plot::{Look, Mark, Marker};
use crate::scene::Pattern;

/// Signs as published.
pub(crate) const OWN: Look = Look { ink: VERMILLION, dash: Pattern::Solid, marker: Marker::Triangle };
pub(crate) const OTHER: Look = Look { ink: Ink::Text, dash: Pattern::Dashed, marker: Marker::Circle };

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<FutureClass>() else {
            let reason = missing(network, "future_class");
            panels.push(Panel::lacking(name, &reason));
            lacking.push((name, reason));
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        let curves = [("own class", OWN, &found.own), ("others' classes", OTHER, &found.other)];
        let mut plot = contrast::two(curves, "cosine with readout vector", "");
        if let Some(Mark::Curve(other)) = plot.marks.last_mut() {
            for sample in other.samples.iter_mut().flatten() {
                let pairs = found.n_pairs.get(sample.x as usize).copied().unwrap_or(0);
                sample.tip = format!("{}, {} ordered pairs", sample.tip, count(pairs));
            }
        }
        plot.level(0.0, "");
        panels.push(Panel::plot(name, 240.0, plot, "no image has a future class"));
    }
    Figure {
        name: "future_class",
        title: "The signature of the future class".into(),
        caption: format!(
            "Images not yet correct that will be. Own class: mean cosine of the representation with the readout \
             vector of the class it will be given. Others' classes: the same with the classes of other images \
             that are in the same wrong zone at that step, a mean over ordered pairs of images. Under the axis: \
             images behind each mean. Bands: {}",
            intervals(context),
        ),
        source: "After figure 2C of Thorat et al. 2023, whose axis counts steps from 1; here from t = 0.",
        notes: notes(lacking),
        key: vec![
            Key { sign: Sign::Curve(OWN), words: "own future class".into() },
            Key { sign: Sign::Curve(OTHER), words: "future classes of others in the same zone".into() },
        ],
        rows: arranged(vec![panels]),
        tables: table(context, "future_class", "future_class", "future_class").into_iter().collect(),
    }
}
