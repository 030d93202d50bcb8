//! A figure: panels in rows, what they show in words, and the data behind them.

use redyn_analysis::Table;
use redyn_core::TimeAxis;

use crate::Error;
use crate::ink::Ink;
use crate::plot::{Look, Plot};
use crate::scene::{Anchor, Paint, Scene, Style, Tags};
#[cfg(test)]
use crate::scene::{Item, Segment};

/// Width of every figure.
pub(crate) const WIDTH: f64 = 960.0;
/// A plot alone in its row is not drawn wider.
const WIDEST_PLOT: f64 = 760.0;
/// Space between panels.
const GAP: f64 = 18.0;
/// As much of a figure as fits on a page of A4 or letter, as wide as its text, below a heading.
const TALLEST_PART: f64 = 1180.0;

/// A figure, before it is laid out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// Name of its files.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    /// What is plotted, of how many, and what the bands are.
    pub(crate) caption: String,
    /// Figure of the paper it answers to; empty if there is none.
    pub(crate) source: &'static str,
    /// What the picture cannot say.
    pub(crate) notes: Vec<String>,
    pub(crate) key: Vec<Key>,
    pub(crate) rows: Vec<Vec<Panel>>,
    /// The data, the first under the name of the figure.
    pub(crate) tables: Vec<Table>,
}

/// A sign and its meaning.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) sign: Sign,
    pub(crate) words: String,
}

/// A sign in the key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sign {
    Curve(Look),
    Marker(Look),
    Box(Paint),
    Line(Paint),
}

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) height: f64,
    pub(crate) body: Body,
}

/// What is in a panel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Plot(Box<Plot>),
    /// Something drawn already; shrunk by nobody, so made to fit.
    Scene(Scene),
    /// Why there is nothing to see.
    Words(String),
}

impl Panel {
    pub(crate) fn plot(title: &str, height: f64, plot: Plot, otherwise: &str) -> Self {
        if plot.is_empty() {
            return Self::lacking(title, otherwise);
        }
        Self { title: title.to_owned(), height, body: Body::Plot(Box::new(plot)) }
    }

    /// Words where there is nothing to draw.
    pub(crate) fn lacking(title: &str, why: &str) -> Self {
        Self::words(title, 60.0, why)
    }

    pub(crate) fn words(title: &str, height: f64, words: &str) -> Self {
        Self { title: title.to_owned(), height, body: Body::Words(words.to_owned()) }
    }

    pub(crate) fn scene(title: &str, scene: Scene) -> Self {
        Self { title: title.to_owned(), height: scene.height, body: Body::Scene(scene) }
    }
}

/// Width of a panel in a row of `n`.
pub(crate) fn panel_width(n: usize) -> f64 {
    (WIDTH - GAP * (n.max(1) - 1) as f64) / n.max(1) as f64
}

impl Figure {
    /// Whether no panel has anything to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.iter().flatten().all(|panel| matches!(panel.body, Body::Words(_)))
    }

    /// Put steps at their times.
    pub(crate) fn in_time(&mut self, time: &TimeAxis) {
        for panel in self.rows.iter_mut().flatten() {
            if let Body::Plot(plot) = &mut panel.body {
                plot.in_time(time);
            }
        }
    }

    /// Lay the figure out.
    ///
    /// # Errors
    /// A value that is not finite.
    pub(crate) fn scene(&self) -> Result<Scene, Error> {
        let mut scene = Scene::new(WIDTH, 0.0);
        let y = self.draw_key(&mut scene);
        self.draw_rows(&self.rows, scene, y)
    }

    /// The same in parts of whole rows, each of which fits a printed page; the key is in the first.
    ///
    /// # Errors
    /// A value that is not finite.
    pub(crate) fn parts(&self) -> Result<Vec<Scene>, Error> {
        let mut scene = Scene::new(WIDTH, 0.0);
        let mut y = self.draw_key(&mut scene);
        let (mut parts, mut first, mut filled) = (Vec::new(), 0, y);
        for (index, row) in self.rows.iter().enumerate() {
            let height = row_height(row);
            if index > first && filled + height > TALLEST_PART {
                parts.push(self.draw_rows(
                    &self.rows[first..index],
                    std::mem::replace(&mut scene, Scene::new(WIDTH, 0.0)),
                    y,
                )?);
                (first, filled, y) = (index, 0.0, 2.0);
            }
            filled += height;
        }
        parts.push(self.draw_rows(&self.rows[first..], scene, y)?);
        Ok(parts)
    }

    /// Rows of panels below what a scene holds already.
    fn draw_rows(&self, rows: &[Vec<Panel>], mut scene: Scene, mut y: f64) -> Result<Scene, Error> {
        // A last row that is not full keeps the width of the others.
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(1);
        let width = panel_width(columns);
        for row in rows {
            let title_room = title_room(row);
            for (column, panel) in row.iter().enumerate() {
                let x = (width + GAP) * column as f64;
                scene.text([x + 6.0, y + 14.0], panel.title.clone(), Style::new(12.5, Ink::Text).bold());
                match &panel.body {
                    Body::Plot(plot) => {
                        if let Some(what) = plot.not_finite() {
                            let (figure, what) = (self.name.to_owned(), what.to_owned());
                            return Err(Error::NotFinite { figure, what });
                        }
                        scene.place(
                            plot.draw(width.min(WIDEST_PLOT), panel.height),
                            [x, y + title_room],
                            Tags::class("panel"),
                        );
                    }
                    Body::Scene(drawn) => {
                        scene.place(drawn.clone(), [x, y + title_room], Tags::class("panel"));
                    }
                    Body::Words(words) => {
                        let style = Style::new(12.0, Ink::Muted);
                        for (line, words) in wrapped(words, width - 24.0, 12.0).into_iter().enumerate() {
                            scene.text([x + 6.0, y + title_room + 18.0 + 17.0 * line as f64], words, style);
                        }
                    }
                }
            }
            y += row_height(row);
        }
        scene.height = (y - GAP + 4.0).max(1.0);
        Ok(scene)
    }

    /// Signs and meanings in lines at the top; returns where they end.
    fn draw_key(&self, scene: &mut Scene) -> f64 {
        if self.key.is_empty() {
            return 2.0;
        }
        let style = Style::new(12.0, Ink::Text);
        let (mut x, mut y) = (6.0, 14.0);
        for key in &self.key {
            let width = 34.0 + crate::scene::width(&key.words, style) + 22.0;
            if x + width > WIDTH && x > 6.0 {
                (x, y) = (6.0, y + 20.0);
            }
            let middle = y - 4.0;
            match key.sign {
                Sign::Curve(look) => {
                    scene.line([x, middle], [x + 26.0, middle], Paint::line(look.ink, 1.8).dashed(look.dash));
                    look.marker.draw(scene, [x + 13.0, middle], 3.6, Paint::fill(look.ink, 1.0));
                }
                Sign::Marker(look) => {
                    look.marker.draw(scene, [x + 13.0, middle], 4.4, Paint::fill(look.ink, 1.0));
                }
                Sign::Box(paint) => scene.rectangle([x + 8.0, middle - 6.0], [14.0, 12.0], paint),
                Sign::Line(paint) => scene.line([x, middle], [x + 26.0, middle], paint),
            }
            scene.text([x + 33.0, y], key.words.clone(), style.anchored(Anchor::Start));
            x += width;
        }
        y + 14.0
    }
}

/// Room for the titles of a row.
fn title_room(row: &[Panel]) -> f64 {
    if row.iter().any(|panel| !panel.title.is_empty()) { 24.0 } else { 4.0 }
}

/// Height of a row, with the space below it.
fn row_height(row: &[Panel]) -> f64 {
    title_room(row) + row.iter().map(|panel| panel.height).fold(0.0, f64::max) + GAP
}

/// Words in lines of some width.
pub(crate) fn wrapped(words: &str, width: f64, size: f64) -> Vec<String> {
    let style = Style::new(size, Ink::Text);
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if line.is_empty() || crate::scene::width(&longer, style) <= width {
            *line = longer;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Visit every point of every path, circle and text.
#[cfg(test)]
pub(crate) fn each_point(items: &[Item], [dx, dy]: [f64; 2], visit: &mut impl FnMut([f64; 2])) {
    let mut at = |[x, y]: [f64; 2]| visit([x + dx, y + dy]);
    for item in items {
        match item {
            Item::Path { segments, .. } => {
                for segment in segments {
                    match *segment {
                        Segment::Move(to) | Segment::Line(to) => at(to),
                        Segment::Cubic(a, b, to) => [a, b, to].into_iter().for_each(&mut at),
                        Segment::Close => {}
                    }
                }
            }
            Item::Circle { at: centre, .. } | Item::Text { at: centre, .. } => at(*centre),
            Item::Group { .. } => {}
        }
    }
    for item in items {
        if let Item::Group { shift: [x, y], items, .. } = item {
            each_point(items, [dx + x, dy + y], visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_between_words() {
        let lines = wrapped("no image is stably correct here", 80.0, 12.0);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), "no image is stably correct here");
    }

    #[test]
    fn a_tall_figure_falls_into_parts_between_its_rows() {
        let figure = |heights: &[f64]| Figure {
            name: "toy",
            title: String::new(),
            caption: String::new(),
            source: "",
            notes: Vec::new(),
            key: Vec::new(),
            rows: heights.iter().map(|&height| vec![Panel::words("", height, "row")]).collect(),
            tables: Vec::new(),
        };
        let heights = |of: &[f64]| -> Vec<f64> {
            figure(of).parts().unwrap().iter().map(|scene| scene.height).collect()
        };
        let short = figure(&[300.0; 3]);
        assert_eq!(short.parts().unwrap(), [short.scene().unwrap()]);
        let parts = heights(&[300.0, 300.0, 2000.0, 300.0, 500.0]);
        assert_eq!(parts.len(), 3);
        assert!(parts[1] > 2000.0 && parts[0] < 700.0 && parts[2] < 900.0, "{parts:?}");
    }
}
