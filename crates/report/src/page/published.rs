//! The published numbers beside ours.

use std::fmt::Write as _;

use redyn_analysis::{Against, Compared, Judged, Table, published_table};

use crate::Context;
use crate::number::significant;
use crate::svg::escape;

/// All numbers as one table.
pub(crate) fn table(context: &Context) -> Option<Table> {
    let judged = context.judged.as_ref()?;
    let rows = judged.networks.iter().map(|network| (network.name.as_str(), &network.published[..]));
    let table = published_table(rows, judged.against == Against::Published);
    (!table.rows.is_empty()).then_some(table)
}

/// The numbers as a section; empty where the paper has none of these networks.
pub(crate) fn html(context: &Context) -> String {
    let Some(judged) = &context.judged else { return String::new() };
    let networks: Vec<_> = judged.networks.iter().filter(|network| !network.published.is_empty()).collect();
    if networks.is_empty() {
        return String::new();
    }
    let same = judged.against == Against::Published;
    let mut text = String::from(
        "<section id=\"published\">\n<h2>Published numbers</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"group\" \
         aria-label=\"Published numbers\">\n<table class=\"numbers\">\n<thead><tr><th scope=\"col\">Network</th>\
         <th scope=\"col\">Figure</th><th scope=\"col\">Quantity</th>\
",
    );
    let images = escape(judged.paper.images());
    let _ = write!(text, "<th scope=\"col\">published: {images}</th><th scope=\"col\">ours</th>");
    if same {
        text.push_str(
            "<th scope=\"col\">difference</th><th scope=\"col\">tolerance</th><th scope=\"col\">inside</th>",
        );
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for network in &networks {
        for one in &network.published {
            row(&mut text, &network.name, one, same);
        }
    }
    let _ =
        write!(text, "</tbody>\n</table>\n</div>\n<p class=\"legend\">{}</p>\n</section>\n", legend(judged));
    text
}

fn row(text: &mut String, network: &str, one: &Compared, same: bool) {
    let unit = if one.unit.is_empty() { String::new() } else { format!(" ({})", one.unit) };
    let ours = one.ours.map_or_else(|| "—".to_owned(), |ours| told(ours, one.published));
    let _ = write!(
        text,
        "<tr><td>{}</td><td>{}</td><th scope=\"row\">{}{}</th><td>{}</td><td>{ours}</td>",
        escape(network),
        escape(&one.figure),
        escape(&one.quantity),
        escape(&unit),
        one.published,
    );
    if same {
        let difference = one.difference().map_or_else(|| "—".into(), |difference| significant(difference, 3));
        let inside = match one.inside() {
            Some(true) => "<td class=\"holds\"><b>✓ yes</b></td>",
            Some(false) => "<td class=\"reversed\"><b>✗ no</b></td>",
            None => "<td>—</td>",
        };
        let _ = write!(text, "<td>{difference}</td><td>{}</td>{inside}", one.tolerance);
    }
    text.push_str("</tr>\n");
}

/// Ours with as many decimals as theirs.
fn told(ours: f64, published: f64) -> String {
    let decimals = published.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
    format!("{ours:.decimals$}")
}

fn legend(judged: &Judged) -> String {
    let (authors, images) = (escape(judged.paper.authors()), escape(judged.paper.images()));
    match judged.against {
        Against::Published => format!(
            "Published numbers of {authors} beside those computed here from their weights and images. The tolerance \
             was set beforehand. <a href=\"data/published.csv\">published.csv</a>"
        ),
        Against::Other => format!(
            "Published numbers are those of the authors' networks on {images}. Ours are of other networks on other \
             images (first seed): they stand here for orientation, and no difference is taken. \
             <a href=\"data/published.csv\">published.csv</a>"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_have_as_many_decimals_as_theirs() {
        assert_eq!(told(0.512_345_6, 0.53344), "0.51235");
        assert_eq!(told(812.0, 12418.0), "812");
    }
}
