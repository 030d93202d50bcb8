//! The beginning of the page: what was found, in words and in one table.

use std::fmt::Write as _;

use redyn_analysis::{Accuracy, Claim, Claims, Table, Verdict};

use crate::axis::spoken;
use crate::figures::{images, intervals, missing, table};
use crate::number::{count, counted, percent};
use crate::svg::escape;
use crate::{Context, Network};

/// The claims of all networks as one table.
pub(crate) fn claims_table(context: &Context) -> Option<Table> {
    table(context, "claims", "claims", "claims")
}

/// Summary and verdicts.
pub(crate) fn html(context: &Context) -> String {
    let mut text = String::from("<section id=\"summary\">\n<h2 class=\"unseen\">Summary</h2>\n");
    let _ = writeln!(text, "<p class=\"lead\">{}</p>", escape(&words(context)));
    text.push_str(&verdicts(context));
    text.push_str("</section>\n");
    text
}

/// The summary: who saw what, how well they did, what holds.
fn words(context: &Context) -> String {
    let networks = &context.networks;
    let names: Vec<&str> = networks.iter().map(|network| network.results.name.as_str()).collect();
    let stimuli = if context.stimuli.is_empty() { String::new() } else { format!(" ({})", context.stimuli) };
    let n_classes = networks[0].results.classes.len();
    let n_steps = networks[0].results.n_steps;
    let mut text = format!(
        "{} ({}) classified {}{stimuli} of {} over {}.",
        capital(&counted(networks.len(), "network")),
        listed(&names),
        images(context),
        counted(n_classes, "class"),
        counted(n_steps, "step"),
    );
    for network in networks {
        if let Some(accuracy) = network.results.get::<Accuracy>() {
            let (first, last) = (accuracy.per_step.first().copied().flatten(), accuracy.last);
            let _ = write!(
                text,
                " {} goes from {} correct at t=0 to {} at t={}",
                network.results.name,
                first.map_or_else(|| "nothing".into(), |first| percent(first.value)),
                percent(last.estimate.value),
                last.step,
            );
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
    let verdicts: Vec<Verdict> =
        networks.iter().filter_map(claims).flatten().map(|claim| claim.verdict).collect();
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

fn claims(network: &Network) -> Option<&[Claim]> {
    network.results.get::<Claims>().map(|claims| claims.claims.as_slice())
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

/// Claims as rows, networks as columns.
fn verdicts(context: &Context) -> String {
    let Some(model) = context.networks.iter().find_map(claims) else {
        let reason = missing(&context.networks[0], "claims");
        return format!("<p class=\"absent\">No verdicts: {}.</p>\n", escape(&reason));
    };
    let mut text = String::from(
        "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Verdicts\">\n<table class=\"verdicts\">\n\
         <thead><tr><th scope=\"col\">Figure</th><th scope=\"col\">Claim</th>",
    );
    for network in &context.networks {
        let _ = write!(text, "<th scope=\"col\">{}</th>", escape(&network.results.name));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for claim in model {
        let unit = if claim.unit.is_empty() { String::new() } else { format!(" ({})", claim.unit) };
        let _ = write!(
            text,
            "<tr><td>{}</td><th scope=\"row\">{}<span class=\"statistic\">{}{}</span></th>",
            escape(&claim.figure),
            escape(&claim.wording),
            escape(&claim.statistic),
            escape(&unit),
        );
        for network in &context.networks {
            let own = claims(network).and_then(|claims| claims.iter().find(|own| own.id == claim.id));
            text.push_str(&own.map_or_else(|| "<td class=\"undecided\">not run</td>".to_owned(), cell));
        }
        text.push_str("</tr>\n");
    }
    let _ = write!(
        text,
        "</tbody>\n</table>\n</div>\n<p class=\"legend\">Every claim is one number with a rule stated beforehand: \
         <b>✓ holds</b> if its whole interval is where the claim says, <b>✗ reversed</b> if the whole interval \
         is on the other side, <b>? undecided</b> otherwise. Below each verdict: effect, interval, number of \
         images. {} They speak of these images in this network, not of other seeds. Figures: Thorat, Doerig &amp; \
         Kietzmann (2023), <cite>Characterising representation dynamics in recurrent neural networks for object \
         recognition</cite>. <a href=\"data/claims.csv\">claims.csv</a></p>\n",
        escape(&intervals(context)),
    );
    text
}

fn cell(claim: &Claim) -> String {
    let (class, words) = match claim.verdict {
        Verdict::Holds => ("holds", "✓ holds"),
        Verdict::Reversed => ("reversed", "✗ reversed"),
        Verdict::Undecided => ("undecided", "? undecided"),
    };
    let mut text = format!("<td class=\"{class}\"><b>{words}</b>");
    if let Some(effect) = &claim.effect {
        let _ = write!(
            text,
            "<span class=\"effect\">{}</span><span class=\"n\">n = {}</span>",
            spoken(effect.value, effect.interval()),
            count(effect.n),
        );
    }
    if let Some(reason) = &claim.reason {
        let _ = write!(text, "<span class=\"n\">{}</span>", escape(reason));
    }
    text + "</td>"
}
