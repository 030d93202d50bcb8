//! Which properties of an image put its first representation near the boundary.

use redyn_analysis::{Coefficient, Estimate, ImageProperties, Regression};

use crate::Context;
use crate::axis::{Axis, Ticks, spoken};
use crate::figure::{Figure, Key, Panel, Sign};
use crate::figures::{intervals, missing, notes, rows_of, table};
use crate::ink::{BLUE, Ink};
use crate::number::{counted, probability};
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;

const NAME: &str = "image_properties";
const HELD: Look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle };
const ALONE: Look = Look { ink: Ink::Hue(7), dash: Pattern::Solid, marker: Marker::Diamond };

/// One of a property's two numbers.
type Of = fn(&Coefficient) -> Option<Estimate>;

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<ImageProperties>() else {
            lacking.push((name, missing(network, NAME)));
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        for regression in &found.regressions {
            let title = format!("{name}: {}", regression.target);
            panels.push(Panel::plot(&title, 280.0, plot(regression), "nothing could be fitted"));
            lacking.push((name, said(regression, found.n)));
        }
    }
    if panels.is_empty() {
        panels.push(Panel::words("", 40.0, "no properties of images were given"));
    }
    let columns = panels.len().min(2);
    Figure {
        name: NAME,
        title: "What puts an image near the boundary".into(),
        caption: format!(
            "Distances to the boundary at the first step, predicted from properties of the images by ridge \
             regression. Circles: standardised coefficients, the other properties held; diamonds: correlation of \
             each property alone. Above zero: farther inside with more of the property. R² is of images left out \
             of the fit (five folds). Whiskers: {}",
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: vec![
            Key { sign: Sign::Marker(HELD), words: "coefficient, the others held".into() },
            Key { sign: Sign::Marker(ALONE), words: "correlation, alone".into() },
        ],
        rows: rows_of(&panels, columns),
        tables: ["image_properties_coefficients", NAME]
            .into_iter()
            .filter_map(|name| table(context, NAME, name, name))
            .collect(),
    }
}

fn plot(regression: &Regression) -> Plot {
    let names = regression.coefficients.iter().map(|of| of.property.replace('_', " ")).collect();
    let x = Axis { label: String::new(), ticks: Ticks::Names(names), include: Vec::new() };
    let mut plot = Plot::new(x, Axis::new("coefficient, correlation", ""));
    plot.level(0.0, "");
    let both: [(&str, Look, f64, Of); 2] = [
        ("correlation, alone", ALONE, 0.14, |of| of.correlation),
        ("coefficient, the others held", HELD, -0.14, |of| of.coefficient),
    ];
    for (words, look, aside, of) in both {
        let sample = |(at, coefficient): (usize, &Coefficient)| {
            let place = coefficient.property.replace('_', " ");
            of(coefficient).map(|found| Sample::of(words, &place, at as f64 + aside, &found))
        };
        plot.curve(Curve {
            label: words.into(),
            labelled: Labelled::InKey,
            look,
            spread: Spread::Whiskers,
            samples: regression.coefficients.iter().enumerate().map(sample).collect(),
        });
    }
    plot
}

fn said(regression: &Regression, n: usize) -> String {
    let found = regression.r_squared.map_or_else(
        || "nothing could be fitted".to_owned(),
        |found| format!("R² = {}", spoken(found.value, found.interval())),
    );
    let p = regression.p.map_or_else(String::new, |p| format!(", permutation p = {}", probability(p)));
    format!("{}: {found}{p}, {}", regression.target, counted(n, "image"))
}
