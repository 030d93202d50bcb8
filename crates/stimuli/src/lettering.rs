//! Words in a picture, in letters of 8 by 8 pixels.

use font8x8::{BASIC_FONTS, GREEK_FONTS, LATIN_FONTS, UnicodeFonts};

use crate::Image;

/// Height and width of a letter.
pub(crate) const LETTER: usize = 8;

const INK: [u8; 3] = [0; 3];

/// Write `text` with its upper left corner at `(y, x)`, every dot a square of `size` pixels.
/// What the font lacks becomes a question mark.
pub(crate) fn write(picture: &mut Image, text: &str, (y, x): (usize, usize), size: usize) {
    for (place, letter) in text.chars().enumerate() {
        let left = x + place * LETTER * size;
        for (row, dots) in glyph(letter).into_iter().enumerate() {
            for column in (0..LETTER).filter(|column| dots >> column & 1 == 1) {
                for dot in 0..size * size {
                    picture.set(y + row * size + dot / size, left + column * size + dot % size, INK);
                }
            }
        }
    }
}

/// Eight rows; the lowest bit is the leftmost dot.
fn glyph(letter: char) -> [u8; 8] {
    let found =
        BASIC_FONTS.get(letter).or_else(|| LATIN_FONTS.get(letter)).or_else(|| GREEK_FONTS.get(letter));
    found.or_else(|| BASIC_FONTS.get('?')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, size: usize) -> String {
        let (height, width) = (LETTER * size, LETTER * size * text.chars().count());
        let mut picture = Image::new(height, width, vec![255; 3 * height * width]);
        write(&mut picture, text, (0, 0), size);
        let dot = |y, x| if picture.pixel(y, x) == INK { '#' } else { '.' };
        (0..height).map(|y| (0..width).map(|x| dot(y, x)).chain(['\n']).collect::<String>()).collect()
    }

    #[test]
    fn letters_stand_upright_and_read_from_the_left() {
        let expected = "\
####....
.##.....
.##.....
.##.....
.##...#.
.##..##.
#######.
........
";
        assert_eq!(written("L", 1), expected);
    }

    #[test]
    fn a_larger_letter_is_the_same_letter() {
        let (once, twice) = (written("aü", 1), written("aü", 2));
        for (y, row) in twice.lines().enumerate() {
            for (x, dot) in row.chars().enumerate() {
                assert_eq!(dot, once.lines().nth(y / 2).unwrap().chars().nth(x / 2).unwrap());
            }
        }
    }

    #[test]
    fn what_the_font_lacks_is_a_question_mark() {
        assert_eq!(written("\u{732b}", 1), written("?", 1));
        assert_ne!(written("ü", 1), written("?", 1));
    }
}
