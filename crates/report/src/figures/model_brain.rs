//! How alike networks and brains are: over steps, or over the times of a brain.

use redyn_analysis::{BrainComparison, Ceiling, Estimate, Match, Table};

use crate::Context;
use crate::axis::{Axis, spoken};
use crate::figure::{Figure, Panel};
use crate::figures::{intervals_of, rows_of};
use crate::ink::Ink;
use crate::number::{counted, significant};
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;

/// So many steps have room for their names beside a panel.
const NAMED: usize = 12;
const CEILING: Look = Look { ink: Ink::Muted, dash: Pattern::Dashed, marker: Marker::Down };

const NAME: &str = "model_brain";
const TITLE: &str = "Networks beside brains";

pub(crate) fn figure(context: &Context) -> Figure {
    let none = "no network was laid beside a brain (`redyn compare` does)";
    context.comparison.as_ref().map_or_else(
        || Figure {
            name: NAME,
            title: TITLE.into(),
            caption: String::new(),
            source: "",
            notes: vec![none.to_owned()],
            key: Vec::new(),
            rows: vec![vec![Panel::words("", 40.0, none)]],
            tables: Vec::new(),
        },
        of,
    )
}

/// One panel per brain, or, of brains in time, one per brain and area.
pub(crate) fn of(found: &BrainComparison) -> Figure {
    let words = found.options.comparison.words();
    let mut panels = Vec::new();
    for brain in distinct(found.ceilings.iter().map(|ceiling| ceiling.brain.as_str())) {
        let of_brain: Vec<&Match> = found.matches.iter().filter(|found| found.brain == brain).collect();
        let ceilings: Vec<&Ceiling> = found.ceilings.iter().filter(|found| found.brain == brain).collect();
        if ceilings.iter().all(|ceiling| ceiling.time.is_none()) {
            let plot = over_steps(&of_brain, &ceilings, words);
            panels.push(Panel::plot(brain, 320.0, plot, "no RDMs could be compared"));
            continue;
        }
        for (network, area) in distinct(of_brain.iter().map(|found| name(found))) {
            let own: Vec<&Match> =
                of_brain.iter().copied().filter(|found| name(found) == (network, area)).collect();
            let plot = over_times(&own, &ceilings, words);
            let title = format!("{brain}: {network} {area}");
            panels.push(Panel::plot(&title, 320.0, plot, "no RDMs could be compared"));
        }
    }
    Figure {
        name: NAME,
        title: TITLE.into(),
        caption: format!(
            "How alike the dissimilarity matrices (RDMs) of images are, of networks and of subjects ({words}): means \
             over subjects ({}). Dashed: noise ceiling, each subject against the mean of the others (lower) and of all \
             (upper). Of brains in time, a curve for every step of the network. Bands: {}",
            compared(found),
            intervals_of(&found.uncertainty, "over images, resampled for networks and brains together"),
        ),
        source: "",
        notes: found.best().into_iter().map(told).collect(),
        key: Vec::new(),
        rows: rows_of(&panels, panels.len().clamp(1, 2)),
        tables: tables(found),
    }
}

/// How many images, and how many subjects of each brain: `92 images; IT: 4 subjects`.
fn compared(found: &BrainComparison) -> String {
    let n_images = found.matches.iter().filter_map(|found| found.over_images).map(|found| found.n).max();
    let images = n_images.map(|n| counted(n, "image"));
    let brains = distinct(found.ceilings.iter().map(|found| (found.brain.as_str(), found.n_subjects)));
    let brains = brains.into_iter().map(|(brain, n)| format!("{brain}: {}", counted(n, "subject")));
    images.into_iter().chain(brains).collect::<Vec<_>>().join("; ")
}

/// Where an area is most like a brain, in words.
fn told((best, estimate): (&Match, Estimate)) -> String {
    let time = best.time.map_or_else(String::new, |time| format!(" at {}", significant(time, 4)));
    format!(
        "{} {} is most like {}{time} at t={}: {}",
        best.network,
        best.area,
        best.brain,
        best.step,
        spoken(estimate.value, estimate.interval())
    )
}

/// The tables of the comparison, named for the figure.
fn tables(found: &BrainComparison) -> Vec<Table> {
    let named = |table: Table| match table.name.as_str() {
        NAME => table,
        other => Table { name: format!("{NAME}_{other}"), ..table },
    };
    found.tables().into_iter().map(named).filter(|table| !table.rows.is_empty()).collect()
}

fn name(found: &Match) -> (&str, &str) {
    (&found.network, &found.area)
}

/// Each once, in the order of their first places.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.fold(Vec::new(), |mut known, item| {
        if !known.contains(&item) {
            known.push(item);
        }
        known
    })
}

fn frame(x: Axis, words: &str) -> Plot {
    Plot::new(x, Axis::new("similarity of RDMs", words).including(0.0))
}

fn over_steps(matches: &[&Match], ceilings: &[&Ceiling], words: &str) -> Plot {
    let n_steps = matches.iter().map(|found| found.step + 1).max().unwrap_or(1);
    let mut plot = frame(Axis::steps(n_steps), words);
    for (index, wanted) in distinct(matches.iter().map(|found| name(found))).into_iter().enumerate() {
        let label = format!("{} {}", wanted.0, wanted.1);
        let mut samples = vec![None; n_steps];
        for found in matches.iter().filter(|found| name(found) == wanted) {
            let place = format!("t={}", found.step);
            let sample = |estimate| Sample::of(&label, &place, found.step as f64, estimate);
            samples[found.step] = found.over_images.as_ref().map(sample);
        }
        let (labelled, spread) = (Labelled::AtEnd, Spread::Band);
        plot.curve(Curve { label, labelled, look: Look::of(index), spread, samples });
    }
    for bounds in ceilings.iter().filter_map(|ceiling| ceiling.bounds) {
        for (bound, words) in [(bounds.lower, "ceiling, lower"), (bounds.upper, "ceiling, upper")] {
            if let Some(bound) = bound {
                plot.level(bound.value, words);
            }
        }
    }
    plot
}

fn over_times(matches: &[&Match], ceilings: &[&Ceiling], words: &str) -> Plot {
    let mut plot = frame(Axis::new("time of the brain", ""), words);
    let sample = |label: &str, time: Option<f64>, estimate: Option<&Estimate>| {
        let (time, estimate) = (time?, estimate?);
        Some(Sample::of(label, &format!("at {}", significant(time, 4)), time, estimate))
    };
    let steps = distinct(matches.iter().map(|found| found.step));
    let named_every = steps.len().div_ceil(NAMED);
    for (index, &step) in steps.iter().enumerate() {
        let label = format!("t={step}");
        let own = matches.iter().filter(|found| found.step == step);
        let samples = own.map(|found| sample(&label, found.time, found.over_images.as_ref())).collect();
        let named = index % named_every == 0 || index + 1 == steps.len();
        plot.curve(Curve {
            labelled: if named { Labelled::InList } else { Labelled::InKey },
            look: Look {
                ink: Ink::ramp(index, steps.len()),
                dash: Pattern::Solid,
                marker: Marker::of(index),
            },
            // Bands of all steps would hide one another; the hints say them.
            spread: Spread::Path,
            label,
            samples,
        });
    }
    for (label, lower) in [("ceiling, lower", true), ("ceiling, upper", false)] {
        let bound =
            |bounds: redyn_analysis::rdm::NoiseCeiling| if lower { bounds.lower } else { bounds.upper };
        let samples = ceilings
            .iter()
            .map(|ceiling| sample(label, ceiling.time, ceiling.bounds.and_then(bound).as_ref()))
            .collect();
        let labelled = if lower { Labelled::InKey } else { Labelled::InList };
        let label = if lower { label.to_owned() } else { "noise ceiling".to_owned() };
        plot.curve(Curve { label, labelled, look: CEILING, spread: Spread::Path, samples });
    }
    plot
}

#[cfg(test)]
mod tests {
    use redyn_analysis::rdm::NoiseCeiling;
    use redyn_analysis::{RdmOptions, Uncertainty};

    use super::*;
    use crate::figure::Body;
    use crate::plot::Mark;

    fn estimate(value: f64) -> Estimate {
        Estimate { value, low: Some(value - 0.1), high: Some(value + 0.1), n: 92 }
    }

    fn found(times: &[Option<f64>]) -> BrainComparison {
        let one = |area: &str, step: usize, time: Option<f64>| Match {
            network: "net".into(),
            area: area.into(),
            step,
            brain: "IT".into(),
            time,
            over_images: (step != 1).then(|| estimate(0.1 * step as f64)),
            over_subjects: None,
            p: None,
        };
        let mut matches = Vec::new();
        for area in ["v4", "it"] {
            for &time in times {
                matches.extend((0..4).map(|step| one(area, step, time)));
            }
        }
        let bounds = Some(NoiseCeiling { lower: Some(estimate(0.4)), upper: Some(estimate(0.5)) });
        let ceilings =
            times.iter().map(|&time| Ceiling { brain: "IT".into(), time, n_subjects: 4, bounds }).collect();
        let (options, uncertainty) = (RdmOptions::default(), Uncertainty::default());
        BrainComparison { options, uncertainty, matches, ceilings }
    }

    fn plots(figure: &Figure) -> Vec<&Plot> {
        let panels = figure.rows.iter().flatten();
        panels
            .filter_map(|panel| if let Body::Plot(plot) = &panel.body { Some(&**plot) } else { None })
            .collect()
    }

    fn curve(mark: &Mark) -> Option<&Curve> {
        match mark {
            Mark::Curve(curve) => Some(curve),
            _ => None,
        }
    }

    #[test]
    fn areas_are_curves_over_steps_below_the_ceiling() {
        let figure = of(&found(&[None]));
        assert!(figure.caption.contains("(92 images; IT: 4 subjects)"), "{}", figure.caption);
        assert_eq!(figure.notes[1], "net it is most like IT at t=3: 0.300 [0.200, 0.400]");
        let tables: Vec<&str> = figure.tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(tables, ["model_brain", "model_brain_noise_ceiling"]);
        let plots = plots(&figure);
        assert_eq!(plots.len(), 1);
        let curves: Vec<&Curve> = plots[0].marks.iter().filter_map(curve).collect();
        assert_eq!(curves.iter().map(|curve| &curve.label[..]).collect::<Vec<_>>(), ["net v4", "net it"]);
        // A step without a value breaks the line.
        assert!(curves[0].samples[1].is_none() && curves[0].samples[2].is_some());
        assert_eq!(plots[0].marks.len(), 4);
        assert!(figure.scene().is_ok());
    }

    #[test]
    fn steps_are_curves_over_the_times_of_a_brain() {
        let figure = of(&found(&[Some(100.0), Some(150.0), Some(200.0)]));
        let plots = plots(&figure);
        assert_eq!(plots.len(), 2);
        let curves: Vec<&Curve> = plots[1].marks.iter().filter_map(curve).collect();
        assert_eq!(curves.len(), 4 + 2);
        let places: Vec<f64> = curves[3].samples.iter().flatten().map(|sample| sample.x).collect();
        assert_eq!(places, [100.0, 150.0, 200.0]);
        assert!(curves[1].samples.iter().all(Option::is_none));
        assert!(figure.scene().is_ok());
    }
}
