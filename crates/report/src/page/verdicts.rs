//! The published claims and what became of them, as a table.

use std::fmt::Write as _;

use redyn_analysis::{Claim, Judged, NetworkJudged, Sampling, Table};

use crate::Context;
use crate::axis::spoken;
use crate::figures::intervals;
use crate::number::{count, counted, probability};
use crate::svg::escape;

/// All decisions.
pub(crate) fn claims(context: &Context) -> impl Iterator<Item = &Claim> {
    context
        .judged
        .iter()
        .flat_map(|judged| judged.networks.iter().flat_map(|network| &network.claims).chain(&judged.across))
}

/// The claims of all networks as one table; those across networks under the name `all`.
pub(crate) fn claims_table(context: &Context) -> Option<Table> {
    let judged = context.judged.as_ref()?;
    let networks = judged.networks.iter().map(|network| (network.name.as_str(), &network.claims[..]));
    Some(redyn_analysis::claims_table(networks.chain([("all", &judged.across[..])])))
}

/// Claims as rows, networks as columns.
pub(crate) fn verdicts(context: &Context) -> String {
    let Some(judged) = context.judged.as_ref().filter(|judged| !judged.networks.is_empty()) else {
        return "<p class=\"absent\">No verdicts: the claims were not evaluated.</p>\n".into();
    };
    let mut text = String::from(
        "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Verdicts\">\n<table class=\"verdicts\">\n\
         <thead><tr><th scope=\"col\">Figure</th><th scope=\"col\">Claim</th>",
    );
    for network in &judged.networks {
        let _ = write!(
            text,
            "<th scope=\"col\">{}<span class=\"n\">{}</span></th>",
            escape(&network.name),
            counted(network.seeds.len(), "seed")
        );
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for claim in &judged.networks[0].claims {
        begin(&mut text, claim);
        for network in &judged.networks {
            let own = network.claims.iter().find(|own| own.id == claim.id);
            text.push_str(&own.map_or_else(|| "<td></td>".to_owned(), |own| cell(own, 1)));
        }
        text.push_str("</tr>\n");
    }
    for claim in &judged.across {
        begin(&mut text, claim);
        text.push_str(&cell(claim, judged.networks.len()));
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody>\n</table>\n</div>\n");
    text.push_str(&legend(context, judged));
    text
}

fn begin(text: &mut String, claim: &Claim) {
    let unit = if claim.unit.is_empty() { String::new() } else { format!(" ({})", claim.unit) };
    let _ = write!(
        text,
        "<tr><td>{}</td><th scope=\"row\"><div>{}<span class=\"statistic\">{}{}; {}</span></div></th>",
        escape(&claim.figure),
        escape(&claim.wording),
        escape(&claim.statistic),
        escape(&unit),
        escape(&claim.rule.to_string()),
    );
}

fn cell(claim: &Claim, columns: usize) -> String {
    let sign = match claim.verdict.word() {
        "holds" => "✓",
        "reversed" => "✗",
        _ => "?",
    };
    let word = claim.verdict.word();
    let span = if columns > 1 { format!(" colspan=\"{columns}\"") } else { String::new() };
    let mut text = format!("<td class=\"{word}\"{span}><b>{sign} {word}</b>");
    if let Some(effect) = &claim.effect {
        let what = match claim.sampling {
            Sampling::Classes => " classes".to_owned(),
            Sampling::Repeats => " draws".to_owned(),
            Sampling::RandomWeights(n) => format!(" beside {n} random weights"),
            Sampling::Images | Sampling::Seeds(_) => String::new(),
        };
        let p = claim.p.map_or_else(String::new, |p| format!(", p = {}", probability(p)));
        let _ = write!(
            text,
            "<span class=\"effect\">{}</span><span class=\"n\">n = {}{what}{p}</span>",
            spoken(effect.value, effect.interval()),
            count(effect.n),
        );
    }
    if let Some(reason) = &claim.reason {
        let _ = write!(text, "<span class=\"n\">{}</span>", escape(reason));
    }
    text + "</td>"
}

fn legend(context: &Context, judged: &Judged) -> String {
    let several = |network: &NetworkJudged| network.seeds.len() > 1;
    let seeds = if judged.networks.iter().any(several) {
        "Networks with several seeds show the mean over seeds, with an interval over seeds and, within them, \
         images: all seeds of a replicate see the same resampled images, and <i>n</i> is that of the smallest \
         group. With few seeds it is hardly more than their range."
    } else {
        "They speak of these images in this network, not of other seeds."
    };
    format!(
        "<p class=\"legend\">Every claim is one number with a rule stated beforehand: <b>✓ holds</b> if its whole \
         interval is where the claim says, <b>✗ reversed</b> if the whole interval is on the other side, <b>? \
         undecided</b> otherwise. That two things do not differ is decided by bounds, never by a large p. Below \
         each verdict: effect, interval, <i>n</i>, and <i>p</i> of a permutation test where one makes sense. {} \
         {seeds} Figures: {}, <cite>{}</cite>. <a href=\"data/claims.csv\">claims.csv</a></p>\n",
        escape(&intervals(context)),
        escape(judged.paper.authors()),
        escape(judged.paper.title()),
    )
}
