//! The same network on images that differ in one control: clutter, occlusion, contrast or noise.

use redyn_analysis::{
    Accuracy, Boundary, Cell, Change, Column, Decomposition, Estimate, FutureClass, NowCorrect, Series,
    StableStep, Table, WithinZone,
};

use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{column, intervals};
use crate::ink::{BLUE, Ink};
use crate::number::significant;
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;
use crate::{Context, Network};

const NAME: &str = "robustness";

/// What is found of a network: over steps, or once.
struct Quantity<T> {
    name: &'static str,
    /// Short, for an axis.
    label: &'static str,
    unit: &'static str,
    of: T,
}

type OverSteps = fn(&Network) -> Option<&Series>;
type Once = fn(&Network) -> Option<Estimate>;

/// The curves of the other figures, one for all images of a set.
const CURVES: [Quantity<OverSteps>; 8] = [
    Quantity {
        name: "correct",
        label: "correct",
        unit: "%",
        of: |network| Some(&network.results.get::<Accuracy>()?.per_step),
    },
    Quantity {
        name: "change per step",
        label: "change",
        unit: "activation",
        of: |network| Some(&network.results.get::<Change>()?.all.trained),
    },
    Quantity {
        name: "norm: correct − not yet",
        label: "norm",
        unit: "activation",
        of: |network| Some(&network.results.get::<NowCorrect>()?.norm.difference),
    },
    Quantity {
        name: "cosine: correct − not yet",
        label: "cosine",
        unit: "",
        of: |network| Some(&network.results.get::<NowCorrect>()?.cosine.as_ref()?.difference),
    },
    Quantity {
        name: "cosine: own − others",
        label: "cosine",
        unit: "",
        of: |network| Some(&network.results.get::<FutureClass>()?.difference),
    },
    Quantity {
        name: "margin: correct − not yet",
        label: "margin",
        unit: "activation",
        of: |network| Some(&network.results.get::<Boundary>()?.margin.difference),
    },
    Quantity {
        name: "change towards class",
        label: "towards",
        unit: "share",
        of: |network| Some(&network.results.get::<Decomposition>()?.all.towards),
    },
    Quantity {
        name: "relative speed within zone",
        label: "speed",
        unit: "per step",
        of: |network| Some(&network.results.get::<WithinZone>()?.relative_speed.by_step),
    },
];

/// Numbers that are drawn against the level.
const NUMBERS: [Quantity<Once>; 2] = [
    Quantity {
        name: "correct at the last step",
        label: "correct",
        unit: "%",
        of: |network| Some(network.results.get::<Accuracy>()?.last.estimate),
    },
    Quantity {
        name: "mean stable step",
        label: "mean",
        unit: "step",
        of: |network| network.results.get::<StableStep>()?.mean_step,
    },
];

/// Those that stand in the table alone: means of the curves, and what they gain.
const MEANS: [Quantity<Once>; 7] = [
    Quantity {
        name: "gain in accuracy",
        label: "gain",
        unit: "",
        of: |network| network.results.get::<Accuracy>()?.gain,
    },
    Quantity {
        name: "norm: correct − not yet",
        label: "norm",
        unit: "activation",
        of: |network| network.results.get::<NowCorrect>()?.norm.average.difference,
    },
    Quantity {
        name: "cosine: correct − not yet",
        label: "cosine",
        unit: "",
        of: |network| network.results.get::<NowCorrect>()?.cosine.as_ref()?.average.difference,
    },
    Quantity {
        name: "cosine: own − others",
        label: "cosine",
        unit: "",
        of: |network| network.results.get::<FutureClass>()?.average_difference,
    },
    Quantity {
        name: "margin: correct − not yet",
        label: "margin",
        unit: "activation",
        of: |network| network.results.get::<Boundary>()?.margin.average.difference,
    },
    Quantity {
        name: "change towards class, before tₛ",
        label: "towards",
        unit: "share",
        of: |network| network.results.get::<Decomposition>()?.before.towards,
    },
    Quantity {
        name: "relative speed within zone",
        label: "speed",
        unit: "per step",
        of: |network| network.results.get::<WithinZone>()?.relative_speed.average,
    },
];

/// One network on images that differ in one control only.
struct Family<'a> {
    network: &'a str,
    control: &'a str,
    /// By level.
    members: Vec<(f64, &'a Network)>,
}

pub(crate) fn figure(context: &Context) -> Figure {
    let families = families(context);
    let mut rows: Vec<Vec<Panel>> = families.chunk_by(|a, b| a.network == b.network).flat_map(rows).collect();
    let mut notes = Vec::new();
    if families.is_empty() {
        let words = "no network saw images that differ in one control of the built-in stimuli";
        rows.push(vec![Panel::words("", 40.0, words)]);
        notes.push(words.to_owned());
    }
    Figure {
        name: NAME,
        title: "Clutter, occlusion, contrast, noise".into(),
        caption: format!(
            "The same network on sets of built-in images that differ in one control (its bound: single images draw \
             up to it, contrast down to it): the curves of the other figures, of all images of a set, at each level, \
             and below them numbers against the level. Every set has images of its own, so that levels are compared \
             between images. Bands and whiskers: {}",
            intervals(context),
        ),
        source: "",
        notes,
        key: Vec::new(),
        rows,
        tables: if families.is_empty() { Vec::new() } else { vec![numbers(&families), curves(&families)] },
    }
}

/// Every network with every control that alone differs between its sets of images.
fn families(context: &Context) -> Vec<Family<'_>> {
    let mut families: Vec<Family> = Vec::new();
    for network in context.networks.iter().chain(&context.challenged) {
        for (control, &level) in &network.stimuli {
            let alike = |family: &&mut Family| {
                let (_, other) = family.members[0];
                let (a, b) = (&network.results, &other.results);
                family.control == control
                    && (&a.network, a.epoch, a.seed, &a.area) == (&b.network, b.epoch, b.seed, &b.area)
                    && network.stimuli.len() == other.stimuli.len()
                    && network
                        .stimuli
                        .iter()
                        .all(|(name, level)| name == control || other.stimuli.get(name) == Some(level))
            };
            match families.iter_mut().find(alike) {
                Some(family) => family.members.push((level, network)),
                None => families.push(Family {
                    network: &network.results.name,
                    control,
                    members: vec![(level, network)],
                }),
            }
        }
    }
    for family in &mut families {
        family.members.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    families.retain(|family| family.members[0].0 < family.members[family.members.len() - 1].0);
    families
}

/// Of one network: controls across, quantities down; what was not found at two levels has no row.
fn rows(families: &[Family]) -> Vec<Vec<Panel>> {
    let over_steps =
        CURVES.iter().map(|quantity| families.iter().map(|one| over_steps(one, quantity)).collect());
    let once =
        NUMBERS.iter().map(|quantity| families.iter().map(|one| against_level(one, quantity)).collect());
    let names =
        CURVES.iter().map(|quantity| quantity.name).chain(NUMBERS.iter().map(|quantity| quantity.name));
    let found = |(_, plots): &(&str, Vec<Plot>)| plots.iter().any(|plot| !plot.is_empty());
    let row = |(name, plots): (&str, Vec<Plot>)| {
        let panel = |(column, plot): (usize, Plot)| {
            let title = if column == 0 { format!("{}: {name}", families[0].network) } else { String::new() };
            Panel::plot(&title, 155.0, plot, "this was not found at two levels")
        };
        on_one_scale(plots).into_iter().enumerate().map(panel).collect()
    };
    names.zip(over_steps.chain(once)).filter(found).map(row).collect()
}

/// Plots with the same range upwards, so that controls compare.
fn on_one_scale(mut plots: Vec<Plot>) -> Vec<Plot> {
    let ends: Vec<f64> = plots.iter().filter(|plot| !plot.is_empty()).flat_map(Plot::y_range).collect();
    for plot in &mut plots {
        plot.y.include.extend(&ends);
    }
    plots
}

fn over_steps(family: &Family, quantity: &Quantity<OverSteps>) -> Plot {
    let n_steps = family.members.iter().map(|(_, network)| network.results.n_steps).max().unwrap_or(1);
    let steps = Axis { label: format!("step t, {}", family.control), ..Axis::steps(n_steps) };
    let mut plot = Plot::new(steps, quantity.axis());
    for (index, (level, network)) in family.members.iter().enumerate() {
        let Some(found) = (quantity.of)(network) else { continue };
        let ink = Ink::ramp(index, family.members.len());
        let look = Look { ink, dash: Pattern::of(index), marker: Marker::of(index) };
        let words = format!("{} {}", family.control, significant(*level, 2));
        plot.curve(Curve::of_series(&words, look, found).listed(&significant(*level, 2)));
    }
    let levels = plot.marks.len();
    compared(plot, levels)
}

fn against_level(family: &Family, quantity: &Quantity<Once>) -> Plot {
    let mut plot = Plot::new(Axis::new(&format!("{} (bound)", family.control), ""), quantity.axis());
    let sample = |&(level, network): &(f64, &Network)| {
        let place = format!("{} {}", family.control, significant(level, 2));
        (quantity.of)(network).map(|found| Sample::of(quantity.name, &place, level, &found))
    };
    let samples: Vec<Option<Sample>> = family.members.iter().map(sample).collect();
    let levels = samples.iter().flatten().count();
    plot.curve(Curve {
        label: quantity.name.into(),
        labelled: Labelled::InKey,
        look: Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle },
        spread: Spread::Whiskers,
        samples,
    });
    compared(plot, levels)
}

/// Nothing to compare is nothing to draw.
fn compared(plot: Plot, levels: usize) -> Plot {
    if levels > 1 { plot } else { Plot { marks: Vec::new(), ..plot } }
}

impl<T> Quantity<T> {
    fn axis(&self) -> Axis {
        let axis = Axis::new(self.label, self.unit);
        if self.unit == "%" { axis.ticks(Ticks::Percent).including(0.0) } else { axis }
    }

    /// Its unit in a table, where shares are shares.
    fn unit(&self) -> Cell {
        Cell::from(if self.unit == "%" { "" } else { self.unit })
    }
}

fn numbers(families: &[Family]) -> Table {
    let mut table = empty(NAME, &[]);
    for (keys, network) in members(families) {
        for quantity in NUMBERS.iter().chain(&MEANS) {
            let mut keys = keys.to_vec();
            keys.extend([quantity.name.into(), quantity.unit()]);
            table.push_estimate(keys, (quantity.of)(network).as_ref());
        }
    }
    table
}

fn curves(families: &[Family]) -> Table {
    let mut table = empty("robustness_curves", &[column("step", "step, from 0", "step")]);
    for (keys, network) in members(families) {
        for quantity in &CURVES {
            for (step, estimate) in (quantity.of)(network).into_iter().flatten().enumerate() {
                let mut keys = keys.to_vec();
                keys.extend([quantity.name.into(), quantity.unit(), step.into()]);
                table.push_estimate(keys, estimate.as_ref());
            }
        }
    }
    table
}

/// Every network at every level, with the cells that say so.
fn members<'a>(families: &'a [Family<'a>]) -> impl Iterator<Item = ([Cell; 3], &'a Network)> {
    families.iter().flat_map(|family| {
        family.members.iter().map(|&(level, network)| {
            ([network.results.name.as_str().into(), family.control.into(), level.into()], network)
        })
    })
}

fn empty(name: &str, further: &[Column]) -> Table {
    let unit = "see column unit";
    let mut columns = vec![
        column("network", "", "short name of the network on these images"),
        column("control", "", "control of the stimuli that differs"),
        column("level", "", "its bound: single images draw up to it, contrast down to it"),
        column("quantity", "", "what was found, as in the figure of that quantity"),
        column("unit", "", "unit of value, low and high; empty for shares and cosines"),
    ];
    columns.extend_from_slice(further);
    columns.extend([
        column("value", unit, "value over all images of the set"),
        column("low", unit, "lower end of the bootstrap interval; empty where there is none"),
        column("high", unit, "upper end of the bootstrap interval; empty where there is none"),
        column("n", "images", "number of images in the group"),
    ]);
    Table { name: name.into(), columns, rows: Vec::new() }
}

#[cfg(test)]
mod tests {
    use redyn_analysis::Analysis as _;

    use super::*;
    use crate::support::{Size, Without, context_without};

    #[test]
    fn networks_are_grouped_by_the_control_that_alone_differs() {
        let size = Size { images: 160, steps: 5, replicates: 20 };
        let mut context = context_without(size, Without::Nothing, 1);
        let alone = figure(&context);
        assert!(alone.is_empty() && alone.tables.is_empty());
        let network = context.networks[0].clone();
        for (name, clutter, noise) in
            [("clutter", 0.8, 0.2), ("bare", 0.1, 0.2), ("noisy", 0.5, 0.9), ("both", 0.8, 0.9)]
        {
            let mut other = network.clone();
            other.results.name = name.into();
            other.stimuli = [("clutter".to_owned(), clutter), ("noise".to_owned(), noise)].into();
            context.networks.push(other);
        }
        context.networks[0].stimuli = [("clutter".to_owned(), 0.5), ("noise".to_owned(), 0.2)].into();
        let found: Vec<(String, Vec<f64>)> = families(&context)
            .iter()
            .map(|family| {
                (family.control.to_owned(), family.members.iter().map(|(level, _)| *level).collect())
            })
            .collect();
        let family = |control: &str, levels: &[f64]| (control.to_owned(), levels.to_vec());
        assert_eq!(
            found,
            [
                family("clutter", &[0.1, 0.5, 0.8]),
                family("noise", &[0.2, 0.9]),
                family("noise", &[0.2, 0.9]),
                family("clutter", &[0.5, 0.8]),
            ]
        );
        let drawn = figure(&context);
        assert!(!drawn.is_empty() && drawn.scene().unwrap().height > 1500.0);
        let n_members: usize = found.iter().map(|(_, levels)| levels.len()).sum();
        assert_eq!(drawn.tables[0].rows.len(), n_members * (NUMBERS.len() + MEANS.len()));
        assert!(drawn.tables[1].rows.len() >= n_members * CURVES.len() * 4, "{}", drawn.tables[1].rows.len());
        // Where harder images were only asked how often they are recognised, nothing else is compared.
        for network in &mut context.networks[1..] {
            network.results.findings.retain(|finding| finding.name() == Accuracy::NAME);
        }
        assert_eq!(figure(&context).rows.len(), 3 * 2);
        // Controls across: the network as it is saw two of them change.
        assert_eq!(drawn.rows.iter().take(CURVES.len() + NUMBERS.len()).map(Vec::len).max(), Some(2));
    }
}
