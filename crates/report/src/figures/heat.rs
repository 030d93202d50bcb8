//! A square matrix as colours: lightness and hue both run along one ramp.

use crate::font;
use crate::ink::{Ink, N_RAMP};
use crate::number::significant;
use crate::scene::{Anchor, Paint, Scene, Style, Tags, polygon};

/// Room for the scale beside the matrix.
const SCALE: f64 = 62.0;
/// Size of words.
const WORDS: f64 = 10.5;
/// Matrices of more rows have no hint in every cell: nobody could point at it.
const POINTED: usize = 16;

/// What is shown.
pub(super) struct Heat<'a> {
    /// Rows, and columns.
    pub(super) n: usize,
    /// The value of a cell, and what to say of it.
    pub(super) cell: &'a dyn Fn(usize, usize) -> Option<(f64, String)>,
    /// Words at rows and columns, and the row each is at.
    pub(super) marks: Vec<(f64, String)>,
    /// Lines are drawn before these rows and columns.
    pub(super) breaks: Vec<usize>,
    /// What rows and columns are.
    pub(super) axis: &'a str,
    /// What colours mean.
    pub(super) scale: &'a str,
}

impl Heat<'_> {
    /// Draw within a width.
    pub(super) fn draw(&self, width: f64) -> Scene {
        let longest = self.marks.iter().map(|(_, words)| words_width(words)).fold(0.0, f64::max).min(90.0);
        let left = longest + 26.0;
        let side = (width - left - SCALE).min(300.0);
        let mut scene = Scene::new(width, side + longest.min(60.0) + 34.0);
        let size = side / self.n as f64;
        let values = || (0..self.n).flat_map(|row| (0..self.n).map(move |column| (row, column)));
        let shown =
            values().filter(|(row, column)| row != column).filter_map(|(a, b)| Some((self.cell)(a, b)?.0));
        let (low, high) =
            shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if low < high { (low, high) } else { (low.min(1.0) - 0.5, high.max(0.0) + 0.5) };
        let ink = |value: f64| {
            let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
            Ink::Ramp(((share * N_RAMP as f64) as usize).min(N_RAMP - 1))
        };
        // A hair wider, so that no ground shines through.
        let place = |row: usize, column: usize| [left + size * column as f64, 4.0 + size * row as f64];
        if self.n <= POINTED {
            for (row, column) in values() {
                let Some((value, tip)) = (self.cell)(row, column) else { continue };
                let cell = [size + 0.3, size + 0.3];
                scene.group(Tags::tip(tip), |scene| {
                    scene.rectangle(place(row, column), cell, Paint::fill(ink(value), 1.0));
                });
            }
        } else {
            // One path for each colour, neighbours of one colour in one piece: pages stay small.
            let inks: Vec<Option<Ink>> = values().map(|(a, b)| Some(ink((self.cell)(a, b)?.0))).collect();
            for wanted in (0..N_RAMP).map(Ink::Ramp) {
                let mut path = Vec::new();
                for (row, inks) in inks.chunks(self.n).enumerate() {
                    let mut column = 0;
                    for run in inks.chunk_by(|a, b| a == b) {
                        if run[0] == Some(wanted) {
                            let [x, y] = place(row, column);
                            let (right, below) = (x + size * run.len() as f64 + 0.3, y + size + 0.3);
                            path.extend(polygon(&[[x, y], [right, y], [right, below], [x, below]]));
                        }
                        column += run.len();
                    }
                }
                if !path.is_empty() {
                    scene.path(path, Paint::fill(wanted, 1.0));
                }
            }
        }
        for &place in &self.breaks {
            let at = size * place as f64;
            let paint = Paint::line(Ink::Ground, 1.6);
            scene.line([left + at, 4.0], [left + at, 4.0 + side], paint);
            scene.line([left, 4.0 + at], [left + side, 4.0 + at], paint);
        }
        let tick = Style::new(WORDS, Ink::Muted).anchored(Anchor::End);
        for (place, words) in &self.marks {
            let at = size * (place + 0.5);
            scene.text([left - 5.0, 4.0 + at + 3.5], font::fitted(words, WORDS, 90.0), tick);
            let words = font::fitted(words, WORDS, 60.0);
            scene.text([left + at + 3.5, side + 10.0], words, tick.turned(-90.0));
        }
        let label = Style::new(12.0, Ink::Muted).anchored(Anchor::Middle);
        scene.text([left + side / 2.0, scene.height - 6.0], self.axis, label);
        scene.text([11.0, 4.0 + side / 2.0], self.axis, label.turned(-90.0));
        self.draw_scale(&mut scene, left + side + 14.0, side, [low, high]);
        scene
    }

    fn draw_scale(&self, scene: &mut Scene, x: f64, side: f64, [low, high]: [f64; 2]) {
        let step = side / N_RAMP as f64;
        for index in 0..N_RAMP {
            let y = 4.0 + side - step * (index + 1) as f64;
            scene.rectangle([x, y], [10.0, step + 0.3], Paint::fill(Ink::Ramp(index), 1.0));
        }
        let style = Style::new(WORDS, Ink::Muted);
        scene.text([x + 14.0, 12.0], significant(high, 2), style);
        scene.text([x + 14.0, 4.0 + side], significant(low, 2), style);
        let label = Style::new(WORDS, Ink::Muted).anchored(Anchor::Middle).turned(-90.0);
        scene.text([x + 24.0, 4.0 + side / 2.0], self.scale, label);
    }
}

fn words_width(words: &str) -> f64 {
    font::width(words, WORDS, font::Weight::Regular)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Item;

    #[test]
    fn a_large_matrix_is_a_path_for_each_colour() {
        let cell = |a: usize, b: usize| Some(((a * b) as f64, String::new()));
        let heat = Heat {
            n: 30,
            cell: &cell,
            marks: Vec::new(),
            breaks: Vec::new(),
            axis: "step",
            scale: "similarity",
        };
        let paths = heat.draw(300.0).items.into_iter().filter_map(|item| match item {
            Item::Path { segments, paint: Paint { fill: Some((Ink::Ramp(at), _)), .. } } => {
                Some((at, segments.len()))
            }
            _ => None,
        });
        // Of each colour one path of cells, and one rectangle of the scale.
        let paths: Vec<(usize, usize)> = paths.collect();
        assert_eq!(paths.iter().filter(|(at, _)| *at == 0).count(), 2);
        assert!(paths.len() == 2 * N_RAMP && paths.iter().filter(|(_, n)| *n > 5).count() == N_RAMP);
    }

    #[test]
    fn the_largest_value_has_the_last_colour_and_the_smallest_the_first() {
        let value = |a: usize, b: usize| [[1.0, 0.1, 0.5], [0.1, 1.0, 0.9], [0.5, 0.9, 1.0]][a][b];
        let cell = |a: usize, b: usize| Some((value(a, b), format!("{a} {b}")));
        let heat = Heat {
            n: 3,
            cell: &cell,
            marks: Vec::new(),
            breaks: Vec::new(),
            axis: "step",
            scale: "similarity",
        };
        let scene = heat.draw(300.0);
        let ink = |wanted: &str| {
            scene.items.iter().find_map(|item| match item {
                Item::Group { tags, items, .. } if tags.tip.as_deref() == Some(wanted) => match &items[0] {
                    Item::Path { paint, .. } => paint.fill.map(|(ink, _)| ink),
                    _ => None,
                },
                _ => None,
            })
        };
        assert_eq!((ink("0 1"), ink("1 2")), (Some(Ink::Ramp(0)), Some(Ink::Ramp(N_RAMP - 1))));
    }
}
