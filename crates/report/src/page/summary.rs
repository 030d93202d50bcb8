//! The beginning of the page: what was found, in words and in one table.

use std::fmt::Write as _;

use redyn_analysis::{Accuracy, BrainComparison, Verdict};

use super::verdicts::{claims, verdicts};
use crate::Context;
use crate::figures::images;
use crate::number::{count, counted, percent};
use crate::svg::escape;

/// Summary and verdicts.
pub(crate) fn html(context: &Context) -> String {
    let mut text = String::from("<section id=\"summary\">\n<h2 class=\"unseen\">Summary</h2>\n");
    let _ = writeln!(text, "<p class=\"lead\">{}</p>", escape(&words(context)));
    if !context.networks.is_empty() {
        text.push_str(&verdicts(context));
    }
    text.push_str("</section>\n");
    text
}

/// The summary: who saw what, how well they did, what holds; how like brains they are.
fn words(context: &Context) -> String {
    let parts =
        [(!context.networks.is_empty()).then(|| seen(context)), context.comparison.as_ref().map(beside)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What was compared with what.
fn beside(found: &BrainComparison) -> String {
    let (mut networks, mut brains) = (Vec::new(), Vec::new());
    for one in &found.matches {
        for (name, known) in [(one.network.as_str(), &mut networks), (one.brain.as_str(), &mut brains)] {
            if !known.contains(&name) {
                known.push(name);
            }
        }
    }
    format!("Networks ({}) stand beside brains ({}), step by step.", listed(&networks), listed(&brains))
}

fn seen(context: &Context) -> String {
    let networks = &context.networks;
    let names: Vec<&str> = networks.iter().map(|network| network.results.name.as_str()).collect();
    let stimuli = if context.stimuli.is_empty() { String::new() } else { format!(" ({})", context.stimuli) };
    let n_classes = networks[0].results.classes.len();
    let steps = || networks.iter().map(|network| network.results.n_steps);
    let (fewest, most) = (steps().min().unwrap_or(0), steps().max().unwrap_or(0));
    let from = if fewest < most { format!("{fewest} to ") } else { String::new() };
    let mut text = format!(
        "{} ({}) classified {}{stimuli} of {} over {from}{}.",
        capital(&counted(networks.len(), "network")),
        listed(&names),
        images(context),
        counted(n_classes, "class"),
        counted(most, "step"),
    );
    for network in networks {
        if let Some(accuracy) = network.results.get::<Accuracy>() {
            let (first, last) = (accuracy.per_step.first().copied().flatten(), accuracy.last);
            let (name, at_last) = (&network.results.name, percent(last.estimate.value));
            let first = first.map_or_else(|| "nothing".into(), |first| percent(first.value));
            let _ = match last.step {
                0 => write!(text, " {name} has {at_last} correct"),
                step => write!(text, " {name} goes from {first} correct at t=0 to {at_last} at t={step}"),
            };
            if accuracy.best.step != last.step {
                let _ = write!(
                    text,
                    " (best {} at t={})",
                    percent(accuracy.best.estimate.value),
                    accuracy.best.step
                );
            }
            text.push('.');
        }
    }
    let verdicts: Vec<Verdict> = claims(context).map(|claim| claim.verdict).collect();
    if !verdicts.is_empty() {
        let n = |wanted: Verdict| verdicts.iter().filter(|&&verdict| verdict == wanted).count();
        let _ = write!(
            text,
            " Of {} decisions on the published claims, {} hold, {} are reversed and {} stay undecided.",
            count(verdicts.len()),
            n(Verdict::Holds),
            n(Verdict::Reversed),
            n(Verdict::Undecided),
        );
    }
    text
}

fn capital(text: &str) -> String {
    let words = [
        "", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve",
    ];
    match text.split_once(' ') {
        Some((number, noun)) => match number.parse::<usize>().ok().and_then(|number| words.get(number)) {
            Some(word) if !word.is_empty() => format!("{word} {noun}"),
            _ => text.to_owned(),
        },
        None => text.to_owned(),
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
