//! `redyn models`.

use std::io::{self, Write};

use redyn_core::Bytes;
use redyn_network::{Drawing, Plan, Request};
use redyn_zoo::{Card, NETWORKS, Network, build, entry};
use serde::Serialize;

use super::print_json;
use crate::Failure;
use crate::args::ModelsCommand;
use crate::console::stdout;

pub(super) fn run(command: &ModelsCommand) -> Result<(), Failure> {
    match command {
        ModelsCommand::List { json: true } => {
            let listed: Vec<_> = NETWORKS
                .iter()
                .map(|entry| {
                    serde_json::json!({ "name": entry.name, "summary": entry.summary,
                        "citation": entry.citation, "origin": entry.origin })
                })
                .collect();
            print_json(&listed)
        }
        ModelsCommand::List { json: false } => stdout(|out| {
            let width = NETWORKS.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
            NETWORKS.iter().try_for_each(|entry| writeln!(out, "{:<width$}  {}", entry.name, entry.summary))
        }),
        ModelsCommand::Show { model, steps, json } => {
            let network = build(model)?;
            let shown = Shown::of(&network, steps.unwrap_or(network.card.steps))?;
            if *json { print_json(&shown) } else { stdout(|out| print(&network, &shown, out)) }
        }
    }
}

#[derive(Serialize)]
struct Shown {
    card: Card,
    parameters: usize,
    steps: usize,
    cost: Costs,
    memory_per_image: usize,
    drawing: Drawing,
    taps: Vec<(String, [usize; 3])>,
    weights: Vec<(String, Vec<usize>)>,
}

/// Multiply-accumulates per image.
#[derive(Serialize)]
struct Costs {
    published_loop: u64,
    planned: u64,
    saved: u64,
    planned_last_readout: u64,
}

impl Shown {
    fn of(network: &Network, steps: usize) -> Result<Self, Failure> {
        let graph = &network.graph;
        let planned = Plan::new(graph, &Request::readout(steps))?;
        let published = Plan::published(graph, &Request::readout(steps))?.cost().per_image;
        let last = Plan::new(graph, &Request::last_readout(steps))?.cost().per_image;
        Ok(Self {
            card: network.card.clone(),
            parameters: graph.n_parameters(),
            steps,
            cost: Costs {
                published_loop: published,
                planned: planned.cost().per_image,
                saved: published - planned.cost().per_image,
                planned_last_readout: last,
            },
            memory_per_image: planned.memory_per_image(),
            drawing: graph.drawing(),
            taps: graph.taps().map(|(name, s)| (name.to_owned(), [s.height, s.width, s.channels])).collect(),
            weights: graph.parameters().iter().map(|p| (p.name.clone(), p.shape.clone())).collect(),
        })
    }
}

fn print(network: &Network, shown: &Shown, out: &mut dyn Write) -> io::Result<()> {
    let card = &shown.card;
    writeln!(out, "{} ({})", card.network, card.short)?;
    writeln!(out, "{}\n{}\n", card.citation, card.origin)?;
    writeln!(out, "settings")?;
    let entry = entry(&network.spec.name).expect("built from an entry");
    for (setting, (_, value)) in (entry.settings)().iter().zip(network.spec.settings()) {
        writeln!(out, "  {:<16} {:<14} {} ({})", setting.key, value, setting.about, setting.allowed)?;
    }
    writeln!(out, "\nareas")?;
    for area in &shown.drawing.areas {
        let [height, width, channels] = area.shape;
        writeln!(
            out,
            "  {:<10} {}",
            area.name,
            if height * width == 1 { channels.to_string() } else { format!("{height}x{width}x{channels}") }
        )?;
    }
    writeln!(out, "\nedges")?;
    for edge in &shown.drawing.edges {
        let delay = if edge.delay == 0 { "same step" } else { "one step later" };
        writeln!(out, "  {:<18} {} -> {}, {}, {delay}", edge.name, edge.from, edge.to, edge.op)?;
    }
    let taps: Vec<&str> = shown.taps.iter().map(|(name, _)| name.as_str()).collect();
    writeln!(out, "\ntaps        {}", taps.join(", "))?;
    writeln!(out, "parameters  {}", grouped(shown.parameters as u64))?;
    writeln!(out, "\nweights")?;
    for (name, shape) in &shown.weights {
        writeln!(out, "  {name:<28} {shape:?}")?;
    }
    writeln!(out, "\nmultiply-accumulates per image, {} steps, readout at every step", shown.steps)?;
    let cost = &shown.cost;
    writeln!(out, "  published loop  {:>18}", grouped(cost.published_loop))?;
    writeln!(out, "  planned         {:>18}", grouped(cost.planned))?;
    let share = 100.0 * cost.saved as f64 / cost.published_loop as f64;
    writeln!(out, "  saved           {:>18}  {share:.2} %", grouped(cost.saved))?;
    writeln!(out, "  planned, readout at the last step alone {}", grouped(cost.planned_last_readout))?;
    writeln!(out, "values alive at once, per image: {}", Bytes(shown.memory_per_image as u64))
}

/// Digits in groups of three: `7,546,752`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(7_546_752), "7,546,752");
        assert_eq!(grouped(123), "123");
    }
}
