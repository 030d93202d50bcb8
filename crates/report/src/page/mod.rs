//! The page: words, figures, and what makes them move, in one file.

mod interaction;
mod published;
mod summary;
mod verdicts;

use std::fmt::Write as _;

pub(crate) use published::table as published_table;
pub(crate) use verdicts::claims_table;

use crate::figure::Figure;
use crate::figures::Shown;
use crate::ink::Ink;
use crate::svg::{Medium, Spoken, escape, svg};
use crate::{Context, Error};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The whole page.
pub(crate) fn html(context: &Context, shown: &[Shown]) -> Result<String, Error> {
    let mut body = String::new();
    let title = escape(&context.title);
    let _ = write!(
        body,
        "<header>\n<h1>{title}</h1>\n<button type=\"button\" id=\"theme\" hidden>dark</button>\n</header>\n<main>\n"
    );
    body.push_str(&summary::html(context));
    for one in shown {
        match one {
            Shown::Figure(figure) => body.push_str(&section(context, figure)?),
            Shown::Absent { name, title, reason } => {
                let (title, reason) = (escape(title), escape(reason));
                let _ = write!(
                    body,
                    "<section id=\"{name}\">\n<h2>{title}</h2>\n<p class=\"absent\">Not shown: {reason}.</p>\n</section>\n"
                );
            }
        }
    }
    body.push_str(&published::html(context));
    body.push_str(&provenance(context));
    body.push_str(&interaction::data(context)?);
    body.push_str("</main>\n<div id=\"tip\" role=\"status\" aria-live=\"polite\" hidden></div>\n");
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"redyn {}\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n{body}\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        colours(),
    ))
}

/// A figure with its caption and files.
fn section(context: &Context, figure: &Figure) -> Result<String, Error> {
    let name = figure.name;
    let mut text = format!("<section id=\"{name}\">\n<h2>{}</h2>\n<figure>\n", escape(&figure.title));
    text.push_str(&interaction::controls(context, name));
    let _ = writeln!(
        text,
        "<div class=\"drawing\" tabindex=\"0\" role=\"group\" aria-label=\"{}\">",
        escape(&figure.title),
    );
    for (part, scene) in figure.parts()?.iter().enumerate() {
        let id = if part == 0 { name.to_owned() } else { format!("{name}-{}", part + 1) };
        let spoken = Spoken { id: &id, title: &figure.title, description: &figure.caption };
        text.push_str(&svg(scene, spoken, Medium::Page));
    }
    let _ = write!(text, "</div>\n<figcaption>{}", escape(&figure.caption));
    if !figure.source.is_empty() {
        let _ = write!(text, " <span class=\"source\">{}</span>", escape(figure.source));
    }
    for note in &figure.notes {
        let _ = write!(text, " <span class=\"note\">{}.</span>", escape(note));
    }
    let _ = write!(
        text,
        "\n<nav class=\"files\" aria-label=\"Files of this figure\"><a href=\"figures/{name}.svg\">SVG</a> \
         <a href=\"figures/{name}.pdf\">PDF</a>"
    );
    for table in &figure.tables {
        let _ = write!(text, " <a href=\"data/{0}.csv\">{0}.csv</a>", table.name);
    }
    text.push_str("</nav>\n</figcaption>\n</figure>\n</section>\n");
    Ok(text)
}

fn provenance(context: &Context) -> String {
    let mut text =
        String::from("<section id=\"provenance\">\n<h2>Provenance</h2>\n<table class=\"plain\">\n<tbody>\n");
    let mut row = |key: &str, value: &str| {
        let _ = writeln!(text, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(key), escape(value));
    };
    for line in &context.provenance {
        row(&line.key, &line.value);
    }
    for network in &context.networks {
        let results = &network.results;
        let epoch = results.epoch.map_or_else(String::new, |epoch| format!(", epoch {epoch}"));
        let seed = results.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
        let twin = results
            .untrained
            .as_ref()
            .map_or_else(String::new, |(name, digest)| format!("; untrained twin {name}, data {digest}"));
        row(
            &results.name,
            &format!(
                "{}, area {}{epoch}{seed}, {} units, data {}{twin}",
                results.network, results.area, results.n_units, results.digest
            ),
        );
    }
    text.push_str("</tbody>\n</table>\n</section>\n");
    text
}

/// Every ink as a CSS variable, light and dark, and the classes that use it.
fn colours() -> String {
    let variables = |colour: fn(Ink) -> String| {
        Ink::all().fold(String::new(), |text, ink| text + &format!("--{}:{};", ink.name(), colour(ink)))
    };
    let (light, dark) = (variables(Ink::light), variables(Ink::dark));
    let mut text = format!(
        ":root{{color-scheme:light;{light}}}\n\
         @media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n\
         @media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}\n"
    );
    for ink in Ink::all() {
        let _ = writeln!(text, ".f-{0}{{fill:var(--{0})}}.k-{0}{{stroke:var(--{0})}}", ink.name());
    }
    text
}
