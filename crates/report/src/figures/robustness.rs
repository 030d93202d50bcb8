//! The same network on images that differ in one control: clutter, occlusion, contrast or noise.

use redyn_analysis::{
    Accuracy, Boundary, Cell, Decomposition, Estimate, FutureClass, NowCorrect, StableStep, Table, WithinZone,
};

use crate::axis::{Axis, Ticks};
use crate::figure::{Figure, Panel};
use crate::figures::{column, intervals, rows_of};
use crate::ink::{BLUE, Ink};
use crate::number::significant;
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::Pattern;
use crate::{Context, Network};

const NAME: &str = "robustness";

/// One number of a network.
struct Quantity {
    name: &'static str,
    unit: &'static str,
    of: fn(&Network) -> Option<Estimate>,
}

const QUANTITIES: [Quantity; 10] = [
    Quantity {
        name: "accuracy at the first step",
        unit: "",
        of: |network| network.results.get::<Accuracy>()?.per_step.first().copied().flatten(),
    },
    Quantity {
        name: "accuracy at the last step",
        unit: "",
        of: |network| Some(network.results.get::<Accuracy>()?.last.estimate),
    },
    Quantity { name: "gain in accuracy", unit: "", of: |network| network.results.get::<Accuracy>()?.gain },
    Quantity {
        name: "mean stable step",
        unit: "step",
        of: |network| network.results.get::<StableStep>()?.mean_step,
    },
    Quantity {
        name: "norm: correct − not yet",
        unit: "activation",
        of: |network| network.results.get::<NowCorrect>()?.norm.average.difference,
    },
    Quantity {
        name: "cosine: correct − not yet",
        unit: "",
        of: |network| network.results.get::<NowCorrect>()?.cosine.as_ref()?.average.difference,
    },
    Quantity {
        name: "cosine: own − others",
        unit: "",
        of: |network| network.results.get::<FutureClass>()?.average_difference,
    },
    Quantity {
        name: "margin: correct − not yet",
        unit: "activation",
        of: |network| network.results.get::<Boundary>()?.margin.average.difference,
    },
    Quantity {
        name: "change towards class, before tₛ",
        unit: "share",
        of: |network| network.results.get::<Decomposition>()?.before.towards,
    },
    Quantity {
        name: "relative speed within zone",
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
    let mut rows: Vec<Vec<Panel>> = families.iter().flat_map(panels).collect();
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
             up to it, contrast down to it): accuracy over steps at each level, and what the other figures find, \
             against the level. Every set has images of its own, so that levels are compared between images. Bands \
             and whiskers: {}",
            intervals(context),
        ),
        source: "",
        notes,
        key: Vec::new(),
        rows,
        tables: if families.is_empty() { Vec::new() } else { vec![table(&families)] },
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

fn panels(family: &Family) -> Vec<Vec<Panel>> {
    let none = "this was not found at any level";
    let title = format!("{}: {}", family.network, family.control);
    let mut panels = vec![Panel::plot(&title, 220.0, accuracy(family), none)];
    for quantity in &QUANTITIES {
        let plot = against_level(family, quantity);
        if !plot.is_empty() {
            panels.push(Panel::plot("", 220.0, plot, none));
        }
    }
    rows_of(&panels, 3)
}

fn accuracy(family: &Family) -> Plot {
    let n_steps = family.members.iter().map(|(_, network)| network.results.n_steps).max().unwrap_or(1);
    let y = Axis::new("correct", "%").ticks(Ticks::Percent).including(0.0);
    let mut plot = Plot::new(Axis::steps(n_steps), y);
    for (index, (level, network)) in family.members.iter().enumerate() {
        let Some(found) = network.results.get::<Accuracy>() else { continue };
        let ink = Ink::ramp(index, family.members.len());
        let look = Look { ink, dash: Pattern::of(index), marker: Marker::of(index) };
        let words = format!("{} {}", family.control, significant(*level, 2));
        plot.curve(Curve::of_series(&words, look, &found.per_step).listed(&significant(*level, 2)));
    }
    plot
}

fn against_level(family: &Family, quantity: &Quantity) -> Plot {
    let x = Axis::new(&format!("{} (bound)", family.control), "");
    let mut plot = Plot::new(x, Axis::new(quantity.name, quantity.unit));
    let sample = |&(level, network): &(f64, &Network)| {
        let place = format!("{} {}", family.control, significant(level, 2));
        (quantity.of)(network).map(|found| Sample::of(quantity.name, &place, level, &found))
    };
    plot.curve(Curve {
        label: quantity.name.into(),
        labelled: Labelled::InKey,
        look: Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle },
        spread: Spread::Whiskers,
        samples: family.members.iter().map(sample).collect(),
    });
    plot
}

fn table(families: &[Family]) -> Table {
    let unit = "see column unit";
    let mut table = Table {
        name: NAME.into(),
        columns: vec![
            column("network", "", "short name of the network on these images"),
            column("control", "", "control of the stimuli that differs"),
            column("level", "", "its bound: single images draw up to it, contrast down to it"),
            column("quantity", "", "what was found"),
            column("unit", "", "unit of value, low and high; empty for shares and cosines"),
            column("value", unit, "as in the figure of that quantity"),
            column("low", unit, "lower end of the bootstrap interval; empty where there is none"),
            column("high", unit, "upper end of the bootstrap interval; empty where there is none"),
            column("n", "images", "number of images in the group"),
        ],
        rows: Vec::new(),
    };
    for family in families {
        for (level, network) in &family.members {
            for quantity in &QUANTITIES {
                let found = (quantity.of)(network);
                let keys = vec![
                    Cell::from(network.results.name.as_str()),
                    family.control.into(),
                    (*level).into(),
                    quantity.name.into(),
                    quantity.unit.into(),
                ];
                table.push_estimate(keys, found.as_ref());
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
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
        assert!(!drawn.is_empty() && drawn.scene().unwrap().height > 600.0);
        assert_eq!(drawn.tables[0].rows.len(), 9 * QUANTITIES.len());
    }
}
