//! What a figure is, once it is laid out: paths, circles and words, from back to front.
//!
//! One scene is written three ways: into the page (colours by CSS variable), as an SVG file
//! and as a PDF file (colours on paper).

use crate::font::{self, Weight};
use crate::ink::Ink;

/// A drawing of a certain size, in CSS pixels; `y` points down.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scene {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) items: Vec<Item>,
}

/// Something in a scene.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Path { segments: Vec<Segment>, paint: Paint },
    Circle { at: [f64; 2], radius: f64, paint: Paint },
    Text { at: [f64; 2], words: String, style: Style },
    Group { tags: Tags, shift: [f64; 2], items: Vec<Item> },
}

/// A piece of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Segment {
    Move([f64; 2]),
    Line([f64; 2]),
    Cubic([f64; 2], [f64; 2], [f64; 2]),
    Close,
}

/// What scripts and readers know about a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    /// CSS class; empty for none.
    pub(crate) class: &'static str,
    /// `data-*` attributes.
    pub(crate) data: Vec<(&'static str, String)>,
    /// What to say when pointed at.
    pub(crate) tip: Option<String>,
}

/// How an area is filled and its outline drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Paint {
    /// Ink and opacity.
    pub(crate) fill: Option<(Ink, f64)>,
    pub(crate) stroke: Option<Stroke>,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) ink: Ink,
    pub(crate) width: f64,
    pub(crate) opacity: f64,
    pub(crate) dash: Pattern,
}

/// Pattern of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Solid,
    Dashed,
    Dotted,
    DashDot,
    Long,
}

impl Pattern {
    /// Lengths of strokes and gaps, in line widths.
    pub(crate) fn lengths(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[4.0, 2.5],
            Self::Dotted => &[1.0, 2.2],
            Self::DashDot => &[5.0, 2.0, 1.0, 2.0],
            Self::Long => &[8.0, 3.0],
        }
    }

    /// The pattern of curve `index`.
    pub(crate) fn of(index: usize) -> Self {
        [Self::Solid, Self::Dashed, Self::Dotted, Self::DashDot, Self::Long][index % 5]
    }
}

/// Where words stand relative to their point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How words are set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    pub(crate) size: f64,
    pub(crate) weight: Weight,
    pub(crate) anchor: Anchor,
    pub(crate) ink: Ink,
    /// Degrees, clockwise, around the point.
    pub(crate) turn: f64,
}

impl Style {
    pub(crate) fn new(size: f64, ink: Ink) -> Self {
        Self { size, weight: Weight::Regular, anchor: Anchor::Start, ink, turn: 0.0 }
    }

    pub(crate) fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    pub(crate) fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(crate) fn turned(self, turn: f64) -> Self {
        Self { turn, ..self }
    }
}

impl Paint {
    pub(crate) fn fill(ink: Ink, opacity: f64) -> Self {
        Self { fill: Some((ink, opacity)), stroke: None }
    }

    pub(crate) fn line(ink: Ink, width: f64) -> Self {
        Self { fill: None, stroke: Some(Stroke { ink, width, opacity: 1.0, dash: Pattern::Solid }) }
    }

    pub(crate) fn dashed(mut self, dash: Pattern) -> Self {
        if let Some(stroke) = &mut self.stroke {
            stroke.dash = dash;
        }
        self
    }

    pub(crate) fn faded(mut self, opacity: f64) -> Self {
        if let Some(stroke) = &mut self.stroke {
            stroke.opacity = opacity;
        }
        self
    }

    pub(crate) fn with_line(self, ink: Ink, width: f64) -> Self {
        Self { stroke: Self::line(ink, width).stroke, ..self }
    }
}

impl Scene {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, items: Vec::new() }
    }

    pub(crate) fn line(&mut self, from: [f64; 2], to: [f64; 2], paint: Paint) {
        self.path(vec![Segment::Move(from), Segment::Line(to)], paint);
    }

    pub(crate) fn path(&mut self, segments: Vec<Segment>, paint: Paint) {
        self.items.push(Item::Path { segments, paint });
    }

    pub(crate) fn polygon(&mut self, corners: &[[f64; 2]], paint: Paint) {
        self.path(polygon(corners), paint);
    }

    pub(crate) fn rectangle(&mut self, at: [f64; 2], size: [f64; 2], paint: Paint) {
        let ([x, y], [w, h]) = (at, size);
        self.polygon(&[[x, y], [x + w, y], [x + w, y + h], [x, y + h]], paint);
    }

    pub(crate) fn circle(&mut self, at: [f64; 2], radius: f64, paint: Paint) {
        self.items.push(Item::Circle { at, radius, paint });
    }

    pub(crate) fn text(&mut self, at: [f64; 2], words: impl Into<String>, style: Style) {
        self.items.push(Item::Text { at, words: words.into(), style });
    }

    /// Add what `draw` draws as one group.
    pub(crate) fn group(&mut self, tags: Tags, draw: impl FnOnce(&mut Self)) {
        let mut inner = Self::new(self.width, self.height);
        draw(&mut inner);
        self.items.push(Item::Group { tags, shift: [0.0, 0.0], items: inner.items });
    }

    /// Put another scene into this one.
    pub(crate) fn place(&mut self, scene: Self, shift: [f64; 2], tags: Tags) {
        self.items.push(Item::Group { tags, shift, items: scene.items });
    }
}

impl Tags {
    pub(crate) fn class(class: &'static str) -> Self {
        Self { class, ..Self::default() }
    }

    pub(crate) fn tip(tip: impl Into<String>) -> Self {
        Self { class: "tip", tip: Some(tip.into()), ..Self::default() }
    }

    pub(crate) fn with(mut self, key: &'static str, value: &impl ToString) -> Self {
        self.data.push((key, value.to_string()));
        self
    }
}

/// A closed path through some corners.
pub(crate) fn polygon(corners: &[[f64; 2]]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = corners
        .iter()
        .enumerate()
        .map(|(index, &corner)| if index == 0 { Segment::Move(corner) } else { Segment::Line(corner) })
        .collect();
    segments.push(Segment::Close);
    segments
}

/// Width of words in a style.
pub(crate) fn width(words: &str, style: Style) -> f64 {
    font::width(words, style.size, style.weight)
}
