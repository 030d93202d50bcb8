//! Orthogonality against how networks are made, one factor at a time.

use redyn_analysis::{Factor, factors_table};

use crate::Context;
use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{intervals, rows_of};
use crate::ink::BLUE;
use crate::number::{counted, percent};
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;

const NAME: &str = "factors";

pub(crate) fn figure(context: &Context) -> Figure {
    let factors = context.judged.as_ref().map_or(&[][..], |judged| &judged.factors);
    let none = "nothing was said of how the networks are made";
    let mut panels: Vec<Panel> = factors.iter().map(panel).collect();
    let mut notes: Vec<String> = factors.iter().map(told).collect();
    if factors.is_empty() {
        panels.push(Panel::words("", 40.0, none));
        notes.push(none.into());
    }
    Figure {
        name: NAME,
        title: "Orthogonality against a network's making".into(),
        caption: format!(
            "How far the mean cosine distance between class means at the logits is from 1 (orthogonal), averaged \
             over the networks of each level of a factor, each network being the mean over its seeds. Whiskers: {} \
             They range over seeds and images, not over networks: there are too few of those.",
            intervals(context),
        ),
        source: "",
        notes,
        key: Vec::new(),
        rows: rows_of(&panels, 2),
        tables: if factors.is_empty() { Vec::new() } else { vec![factors_table(factors)] },
    }
}

fn panel(factor: &Factor) -> Panel {
    let names = factor.levels.iter().map(|(level, ..)| level.clone()).collect();
    let x = Axis { label: String::new(), ticks: Ticks::Names(names), include: Vec::new() };
    let mut plot = Plot::new(x, Axis::new("distance from orthogonal", "1 − cosine").including(0.0));
    let sample = |(at, (level, networks, gap)): (usize, &(String, Vec<String>, _))| {
        let words = format!("{level}\n{}", networks.join(", "));
        Option::as_ref(gap).map(|gap| Sample::of(&words, "mean", at as f64, gap))
    };
    plot.curve(Curve {
        label: factor.factor.clone(),
        labelled: Labelled::InKey,
        look: Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle },
        spread: Spread::Whiskers,
        samples: factor.levels.iter().enumerate().map(sample).collect(),
    });
    Panel::plot(&factor.factor, 240.0, plot, "no network has two classes with a direction")
}

/// What a factor explains, in words.
fn told(factor: &Factor) -> String {
    let networks: usize = factor.levels.iter().map(|(_, networks, _)| networks.len()).sum();
    let of = counted(networks, "network");
    match factor.explained {
        Some(found) => {
            let interval = found
                .interval()
                .map_or_else(String::new, |(low, high)| format!(" [{}, {}]", percent(low), percent(high)));
            format!(
                "{}: {}{interval} of the variance between {of} lies between its levels",
                factor.factor,
                percent(found.value)
            )
        }
        None => format!("{}: as many levels as networks, or one level, tell nothing ({of})", factor.factor),
    }
}

#[cfg(test)]
mod tests {
    use redyn_analysis::Estimate;

    use super::*;
    use crate::support::{Size, Without, context_without};

    #[test]
    fn every_factor_has_a_panel_and_says_what_it_explains() {
        let size = Size { images: 64, steps: 3, replicates: 20 };
        let mut context = context_without(size, Without::Nothing, 1);
        assert!(figure(&context).is_empty());
        let estimate =
            |value: f64| Estimate { value, low: Some(value - 0.05), high: Some(value + 0.05), n: 50 };
        let level = |name: &str, networks: &[&str], gap: f64| {
            let networks = networks.iter().map(|name| (*name).to_owned()).collect();
            (name.to_owned(), networks, Some(estimate(gap)))
        };
        let levels = vec![level("last step", &["RT"], 0.2), level("every step", &["BL", "LRM3"], 0.1)];
        let factors = vec![Factor { factor: "loss".into(), levels, explained: Some(estimate(0.4)) }];
        context.judged.as_mut().unwrap().factors = factors;
        let found = figure(&context);
        assert!(!found.is_empty() && found.scene().unwrap().height > 200.0);
        assert_eq!(
            found.notes,
            ["loss: 40.0 % [35.0 %, 45.0 %] of the variance between 3 networks lies between its levels"]
        );
        assert_eq!(found.tables[0].rows.len(), 3);
    }
}
