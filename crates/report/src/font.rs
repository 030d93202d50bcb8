//! The typeface of paper figures, and how wide words are in it.
//!
//! Arimo (SIL Open Font License, `fonts/OFL.txt`) has the widths of Helvetica and Arial, so
//! that what is laid out with it fits in the reader's own sans-serif on the page.

use std::sync::LazyLock;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// Weight of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

const REGULAR: &[u8] = include_bytes!("../fonts/Arimo-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/Arimo-Bold.ttf");

/// A glyph of the typeface: its number, and its width at size 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyph {
    pub(crate) id: u32,
    pub(crate) advance: f32,
}

static FACES: LazyLock<[FontRef<'static>; 2]> = LazyLock::new(|| {
    [REGULAR, BOLD].map(|bytes| FontRef::new(bytes).expect("the embedded typeface is sound"))
});

/// The file of a weight.
pub(crate) fn file(weight: Weight) -> &'static [u8] {
    match weight {
        Weight::Regular => REGULAR,
        Weight::Bold => BOLD,
    }
}

/// The glyph of a character; that of a missing character where the typeface lacks it.
pub(crate) fn glyph(character: char, weight: Weight) -> Glyph {
    let face = &FACES[weight as usize];
    let id = face.charmap().map(character).unwrap_or_default();
    let metrics = face.glyph_metrics(Size::new(1.0), LocationRef::default());
    Glyph { id: id.to_u32(), advance: metrics.advance_width(id).unwrap_or(0.0) }
}

/// Width of a line of words.
pub(crate) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    text.chars().map(|character| f64::from(glyph(character, weight).advance)).sum::<f64>() * size
}

/// The words, cut to a width with an ellipsis if need be.
pub(crate) fn fitted(text: &str, size: f64, most: f64) -> String {
    if width(text, size, Weight::Regular) <= most {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.len() > 1 && width(&kept.iter().collect::<String>(), size, Weight::Regular) + size > most {
        kept.pop();
    }
    kept.into_iter().collect::<String>().trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_helvetica() {
        // Adobe's Helvetica.afm: H 722, i 222, space 278, a 556 thousandths.
        assert!((width("Hi a", 10.0, Weight::Regular) - 17.78).abs() < 0.02);
        assert!(width("Hi a", 10.0, Weight::Bold) > 17.8);
    }

    #[test]
    fn every_sign_the_figures_use_has_a_glyph() {
        for sign in "−–×·…≤≥‖Δ→°±²".chars() {
            assert!(glyph(sign, Weight::Regular).id > 0 && glyph(sign, Weight::Bold).id > 0, "{sign}");
        }
    }

    #[test]
    fn long_names_are_cut() {
        let cut = fitted("a very long class name indeed", 10.0, 60.0);
        assert!(cut.ends_with('…') && width(&cut, 10.0, Weight::Regular) <= 60.0, "{cut}");
        assert_eq!(fitted("mug", 10.0, 60.0), "mug");
    }
}
