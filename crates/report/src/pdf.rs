//! A scene as a PDF page, with its typeface embedded and its words as words.

use std::sync::Arc;

use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Transform};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, LineCap, LineJoin, Stroke, StrokeDash};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use krilla::{Document, SerializeSettings};

use crate::font::{self, Weight};
use crate::ink::Ink;
use crate::scene::{Anchor, Item, Paint, Scene, Segment, Style};

/// Points of paper per unit of a scene: 960 units are 186 mm, two columns of a journal.
const SCALE: f32 = 0.55;

/// Write a scene as a PDF document of one page.
///
/// # Limits
/// A character that the embedded typeface lacks (beyond Latin, Greek and Cyrillic) is drawn
/// as its sign for a missing character; the SVG file has it.
///
/// # Errors
/// What the PDF writer says.
pub(crate) fn pdf(scene: &Scene, title: &str) -> Result<Vec<u8>, String> {
    let settings = SerializeSettings { enable_tagging: false, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    document.set_metadata(Metadata::new().title(title.to_owned()).creator("redyn".to_owned()));
    let size = PageSettings::from_wh(scene.width as f32 * SCALE, scene.height as f32 * SCALE)
        .ok_or("the figure has no size")?;
    let mut page = document.start_page_with(size);
    let mut surface = page.surface();
    surface.push_transform(&Transform::from_scale(SCALE, SCALE));
    let pen = Pen { fonts: [Weight::Regular, Weight::Bold].map(face) };
    pen.items(&mut surface, &scene.items);
    surface.pop();
    surface.finish();
    page.finish();
    document.finish().map_err(|error| format!("{error:?}"))
}

fn face(weight: Weight) -> Font {
    let bytes: Arc<Vec<u8>> = Arc::new(font::file(weight).to_vec());
    Font::new(bytes.into(), 0).expect("the embedded typeface is sound")
}

struct Pen {
    fonts: [Font; 2],
}

impl Pen {
    fn items(&self, surface: &mut Surface, items: &[Item]) {
        for item in items {
            match item {
                Item::Path { segments, paint } => draw(surface, path(segments), *paint),
                Item::Circle { at, radius, paint } => draw(surface, circle(*at, *radius), *paint),
                Item::Text { at, words, style } => self.words(surface, *at, words, *style),
                Item::Group { shift: [x, y], items, .. } => {
                    surface.push_transform(&Transform::from_translate(*x as f32, *y as f32));
                    self.items(surface, items);
                    surface.pop();
                }
            }
        }
    }

    fn words(&self, surface: &mut Surface, [x, y]: [f64; 2], words: &str, style: Style) {
        let mut glyphs = Vec::new();
        for (at, character) in words.char_indices() {
            let glyph = font::glyph(character, style.weight);
            let range = at..at + character.len_utf8();
            glyphs.push(KrillaGlyph::new(GlyphId::new(glyph.id), glyph.advance, 0.0, 0.0, 0.0, range, None));
        }
        let width = font::width(words, style.size, style.weight);
        let start = match style.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::End => -width,
        };
        surface.push_transform(&Transform::from_translate(x as f32, y as f32));
        surface.push_transform(&Transform::from_rotate(style.turn as f32));
        surface.set_stroke(None);
        surface.set_fill(Some(fill(style.ink, 1.0)));
        let font = self.fonts[style.weight as usize].clone();
        surface.draw_glyphs(
            Point::from_xy(start as f32, 0.0),
            &glyphs,
            font,
            words,
            style.size as f32,
            false,
        );
        surface.pop();
        surface.pop();
    }
}

fn draw(surface: &mut Surface, path: Option<Path>, paint: Paint) {
    let Some(path) = path else { return };
    if paint.fill.is_none() && paint.stroke.is_none() {
        return;
    }
    surface.set_fill(paint.fill.map(|(ink, opacity)| fill(ink, opacity)));
    surface.set_stroke(paint.stroke.map(|stroke| {
        let array: Vec<f32> =
            stroke.dash.lengths().iter().map(|length| (length * stroke.width) as f32).collect();
        Stroke {
            paint: colour(stroke.ink).into(),
            width: stroke.width as f32,
            opacity: share(stroke.opacity),
            line_cap: LineCap::Butt,
            line_join: LineJoin::Round,
            dash: (!array.is_empty()).then_some(StrokeDash { array, offset: 0.0 }),
            ..Stroke::default()
        }
    }));
    surface.draw_path(&path);
}

fn fill(ink: Ink, opacity: f64) -> Fill {
    Fill { paint: colour(ink).into(), opacity: share(opacity), rule: FillRule::NonZero }
}

fn colour(ink: Ink) -> rgb::Color {
    let [red, green, blue] = ink.rgb();
    rgb::Color::new(red, green, blue)
}

fn share(opacity: f64) -> NormalizedF32 {
    NormalizedF32::new(opacity.clamp(0.0, 1.0) as f32).unwrap_or(NormalizedF32::ONE)
}

/// `None` for a path without extent, which paper does not show.
fn path(segments: &[Segment]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for &segment in segments {
        match segment {
            Segment::Move([x, y]) => builder.move_to(x as f32, y as f32),
            Segment::Line([x, y]) => builder.line_to(x as f32, y as f32),
            Segment::Cubic([a, b], [c, d], [x, y]) => {
                builder.cubic_to(a as f32, b as f32, c as f32, d as f32, x as f32, y as f32);
            }
            Segment::Close => builder.close(),
        }
    }
    builder.finish()
}

/// A circle of four cubic curves; off by 0.03 % of the radius at most.
fn circle([x, y]: [f64; 2], r: f64) -> Option<Path> {
    let k = 0.552_284_75 * r;
    path(&[
        Segment::Move([x + r, y]),
        Segment::Cubic([x + r, y + k], [x + k, y + r], [x, y + r]),
        Segment::Cubic([x - k, y + r], [x - r, y + k], [x - r, y]),
        Segment::Cubic([x - r, y - k], [x - k, y - r], [x, y - r]),
        Segment::Cubic([x + k, y - r], [x + r, y - k], [x + r, y]),
        Segment::Close,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_repeats_to_the_byte() {
        let mut scene = Scene::new(100.0, 50.0);
        scene.circle([20.0, 20.0], 5.0, Paint::fill(Ink::Hue(0), 0.5));
        scene.text([50.0, 20.0], "stable step, t=3", Style::new(12.0, Ink::Text).turned(-90.0));
        let written = pdf(&scene, "toy").unwrap();
        assert!(written.starts_with(b"%PDF-") && written.len() > 1000);
        assert_eq!(written, pdf(&scene, "toy").unwrap());
    }
}
