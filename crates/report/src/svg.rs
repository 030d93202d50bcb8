//! A scene as SVG.

use std::fmt::Write as _;

use crate::font::Weight;
use crate::ink::Ink;
use crate::number::coordinate as n;
use crate::scene::{Anchor, Item, Paint, Scene, Segment, Style, Tags};

/// Typefaces of figures: the reader's own, all about as wide as Arimo.
pub(crate) const FAMILY: &str = "Helvetica Neue, Helvetica, Arial, Liberation Sans, system-ui, sans-serif";

/// Where the drawing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// Into the page: colours follow its theme.
    Page,
    /// Into a file of its own: colours on white paper.
    Paper,
}

/// Title and description, read aloud where the drawing cannot be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spoken<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
}

/// Write a scene.
pub(crate) fn svg(scene: &Scene, spoken: Spoken, medium: Medium) -> String {
    let (width, height) = (n(scene.width), n(scene.height));
    let Spoken { id, title, description } = spoken;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" font-family=\"{FAMILY}\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
        escape(title),
        escape(description),
    );
    if medium == Medium::Paper {
        let _ =
            writeln!(text, "<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>", Ink::Ground.light());
    }
    items(&mut text, &scene.items, medium);
    text.push_str("</svg>\n");
    text
}

/// Text safe inside markup and quoted attributes; control characters, which XML forbids,
/// become the replacement sign.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(' '),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

fn items(text: &mut String, items_of: &[Item], medium: Medium) {
    for item in items_of {
        match item {
            Item::Path { segments, paint } => {
                let _ = writeln!(text, "<path d=\"{}\"{}/>", path(segments), paint_of(*paint, medium));
            }
            Item::Circle { at: [x, y], radius, paint } => {
                let (x, y, r, paint) = (n(*x), n(*y), n(*radius), paint_of(*paint, medium));
                let _ = writeln!(text, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\"{paint}/>");
            }
            Item::Text { at, words, style } => {
                let _ = writeln!(text, "<text{}>{}</text>", style_of(*at, *style, medium), escape(words));
            }
            Item::Group { tags, shift, items: inner } => group(text, tags, *shift, inner, medium),
        }
    }
}

fn group(text: &mut String, tags: &Tags, [x, y]: [f64; 2], inner: &[Item], medium: Medium) {
    text.push_str("<g");
    if !tags.class.is_empty() {
        let _ = write!(text, " class=\"{}\"", tags.class);
    }
    if medium == Medium::Page {
        for (key, value) in &tags.data {
            let _ = write!(text, " data-{key}=\"{}\"", escape(value));
        }
    }
    if x != 0.0 || y != 0.0 {
        let _ = write!(text, " transform=\"translate({} {})\"", n(x), n(y));
    }
    text.push_str(">\n");
    if let Some(tip) = &tags.tip {
        let _ = writeln!(text, "<title>{}</title>", escape(tip));
    }
    items(text, inner, medium);
    text.push_str("</g>\n");
}

/// Path data.
pub(crate) fn path(segments: &[Segment]) -> String {
    let mut data = String::new();
    let point = |[x, y]: [f64; 2]| format!("{} {}", n(x), n(y));
    for &segment in segments {
        let _ = match segment {
            Segment::Move(to) => write!(data, "M{}", point(to)),
            Segment::Line(to) => write!(data, "L{}", point(to)),
            Segment::Cubic(a, b, to) => write!(data, "C{} {} {}", point(a), point(b), point(to)),
            Segment::Close => write!(data, "Z"),
        };
    }
    data
}

fn paint_of(paint: Paint, medium: Medium) -> String {
    let mut classes = Vec::new();
    let mut text = String::new();
    match (paint.fill, medium) {
        (None, _) => text.push_str(" fill=\"none\""),
        (Some((ink, opacity)), _) => {
            match medium {
                Medium::Page => classes.push(format!("f-{}", ink.name())),
                Medium::Paper => {
                    let _ = write!(text, " fill=\"{}\"", ink.light());
                }
            }
            if opacity < 1.0 {
                let _ = write!(text, " fill-opacity=\"{}\"", n(opacity));
            }
        }
    }
    if let Some(stroke) = paint.stroke {
        match medium {
            Medium::Page => classes.push(format!("k-{}", stroke.ink.name())),
            Medium::Paper => {
                let _ = write!(text, " stroke=\"{}\"", stroke.ink.light());
            }
        }
        let _ = write!(text, " stroke-width=\"{}\"", n(stroke.width));
        if stroke.opacity < 1.0 {
            let _ = write!(text, " stroke-opacity=\"{}\"", n(stroke.opacity));
        }
        let lengths: Vec<String> = stroke.dash.lengths().iter().map(|l| n(l * stroke.width)).collect();
        if !lengths.is_empty() {
            let _ = write!(text, " stroke-dasharray=\"{}\"", lengths.join(" "));
        }
        text.push_str(" stroke-linejoin=\"round\"");
    }
    if !classes.is_empty() {
        let _ = write!(text, " class=\"{}\"", classes.join(" "));
    }
    text
}

fn style_of([x, y]: [f64; 2], style: Style, medium: Medium) -> String {
    let mut text = format!(" x=\"{}\" y=\"{}\" font-size=\"{}\"", n(x), n(y), n(style.size));
    if style.weight == Weight::Bold {
        text.push_str(" font-weight=\"600\"");
    }
    match style.anchor {
        Anchor::Start => {}
        Anchor::Middle => text.push_str(" text-anchor=\"middle\""),
        Anchor::End => text.push_str(" text-anchor=\"end\""),
    }
    if style.turn != 0.0 {
        let _ = write!(text, " transform=\"rotate({} {} {})\"", n(style.turn), n(x), n(y));
    }
    let _ = match medium {
        Medium::Page => write!(text, " class=\"f-{}\"", style.ink.name()),
        Medium::Paper => write!(text, " fill=\"{}\"", style.ink.light()),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOKEN: Spoken = Spoken { id: "toy", title: "A <toy>", description: "one line" };

    #[test]
    fn a_line_is_written_for_page_and_paper() {
        let mut scene = Scene::new(10.0, 20.5);
        scene.line([0.0, 1.0], [2.5, 3.333], Paint::line(Ink::Text, 1.5));
        let page = svg(&scene, SPOKEN, Medium::Page);
        assert!(page.contains("<path d=\"M0 1L2.5 3.33\" fill=\"none\" stroke-width=\"1.5\""), "{page}");
        assert!(page.contains("class=\"k-text\"") && page.contains("viewBox=\"0 0 10 20.5\""));
        assert!(page.contains("A &lt;toy&gt;"));
        assert!(svg(&scene, SPOKEN, Medium::Paper).contains("stroke=\"#1b1f24\""));
    }

    #[test]
    fn names_cannot_break_out_of_the_markup() {
        assert_eq!(escape("a\"<b>&'\u{1}"), "a&quot;&lt;b&gt;&amp;&#39;\u{fffd}");
    }
}
