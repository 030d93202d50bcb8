//! The colours, told apart without colour vision and on light, dark and paper.
//!
//! Hues are those of Okabe & Ito (2008), "Color Universal Design"; the ramp follows the
//! lightness of viridis. Colour never stands alone: curves differ in dash and marker too.

/// What something is drawn with. The page maps inks to CSS variables, paper to fixed colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Words and important lines.
    Text,
    /// Axis labels, notes.
    Muted,
    /// Axes.
    Axis,
    /// Grid lines.
    Grid,
    /// What it is drawn on.
    Ground,
    /// One of [`N_HUES`] hues.
    Hue(usize),
    /// A hue, mixed once or more with the ink of words: further from either ground.
    Shade(usize, usize),
    /// One of [`N_RAMP`] ordered colours.
    Ramp(usize),
}

/// What is drawn on.
#[derive(Clone, Copy)]
enum Ground {
    Light,
    Dark,
}

/// Number of hues.
pub(crate) const N_HUES: usize = 8;
/// Number of further shades of every hue, and how much of the ink of words each adds.
const N_SHADES: usize = 2;
const SHADED: f64 = 0.33;
/// Number of ordered colours.
pub(crate) const N_RAMP: usize = 10;

pub(crate) const BLUE: Ink = Ink::Hue(0);
pub(crate) const VERMILLION: Ink = Ink::Hue(1);
pub(crate) const GREEN: Ink = Ink::Hue(2);

/// Name, on light ground, on dark ground.
const FIXED: [(&str, &str, &str); 5] = [
    ("text", "#1b1f24", "#e9ebee"),
    ("muted", "#5b6470", "#a2aab5"),
    ("axis", "#8a929c", "#717a86"),
    ("grid", "#e6e8ec", "#2b3139"),
    ("ground", "#ffffff", "#14171b"),
];

const HUES: [(&str, &str); N_HUES] = [
    ("#0072b2", "#4aa8e0"), // blue
    ("#d55e00", "#f0803a"), // vermillion
    ("#009e73", "#2fc59b"), // bluish green
    ("#b4649a", "#dd97c2"), // reddish purple, a little darker than published: thin lines
    ("#c98a00", "#f0b93a"), // orange, darker likewise
    ("#56b4e9", "#8fd0f5"), // sky blue
    ("#7a5a3a", "#c3a179"), // brown
    ("#5b6470", "#a2aab5"), // grey
];

const RAMP: [(&str, &str); N_RAMP] = [
    ("#440154", "#c9b3f5"),
    ("#482878", "#a99bf0"),
    ("#3e4989", "#8b93ec"),
    ("#31688e", "#6fa3e0"),
    ("#26828e", "#55b2cf"),
    ("#1f9e89", "#43bfae"),
    ("#35a06b", "#4bcb8c"),
    ("#5c9e34", "#7ed36a"),
    ("#8f9600", "#b5da4f"),
    ("#b88a00", "#ece04a"),
];

impl Ink {
    /// The ordered colour of item `index` of `n`.
    pub(crate) fn ramp(index: usize, n: usize) -> Self {
        if n < 2 { Self::Ramp(0) } else { Self::Ramp((index * (N_RAMP - 1) + (n - 1) / 2) / (n - 1)) }
    }

    /// The hue of item `index`; hues repeat after [`N_HUES`].
    pub(crate) fn hue(index: usize) -> Self {
        Self::Hue(index % N_HUES)
    }

    /// Shade `index` of a hue, the hue itself first; shades repeat after the last.
    pub(crate) fn shade(hue: usize, index: usize) -> Self {
        match index % (N_SHADES + 1) {
            0 => Self::hue(hue),
            times => Self::Shade(hue % N_HUES, times),
        }
    }

    /// Name of its CSS variable.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Hue(index) => format!("h{index}"),
            Self::Shade(hue, times) => format!("h{hue}s{times}"),
            Self::Ramp(index) => format!("r{index}"),
            fixed => FIXED[fixed.position()].0.to_owned(),
        }
    }

    /// Colour on light ground, `#rrggbb`.
    pub(crate) fn light(self) -> String {
        let [red, green, blue] = self.rgb();
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Colour on dark ground, `#rrggbb`.
    pub(crate) fn dark(self) -> String {
        let [red, green, blue] = self.on(Ground::Dark);
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Red, green and blue on light ground.
    pub(crate) fn rgb(self) -> [u8; 3] {
        self.on(Ground::Light)
    }

    fn on(self, ground: Ground) -> [u8; 3] {
        let of = |(light, dark): (&str, &str)| {
            let digits = match ground {
                Ground::Light => &light[1..],
                Ground::Dark => &dark[1..],
            };
            [0, 2, 4].map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("inks are #rrggbb"))
        };
        match self {
            Self::Hue(index) => of(HUES[index]),
            Self::Ramp(index) => of(RAMP[index]),
            Self::Shade(hue, times) => {
                let (hue, words) = (Self::Hue(hue).on(ground), Self::Text.on(ground));
                let share = SHADED * times as f64;
                let mixed =
                    |a: u8, b: u8| (f64::from(a) * (1.0 - share) + f64::from(b) * share).round() as u8;
                [0, 1, 2].map(|channel| mixed(hue[channel], words[channel]))
            }
            fixed => {
                let (_, light, dark) = FIXED[fixed.position()];
                of((light, dark))
            }
        }
    }

    /// All inks.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Self::Text, Self::Muted, Self::Axis, Self::Grid, Self::Ground]
            .into_iter()
            .chain((0..N_HUES).map(Self::Hue))
            .chain((0..N_HUES).flat_map(|hue| (1..=N_SHADES).map(move |times| Self::Shade(hue, times))))
            .chain((0..N_RAMP).map(Self::Ramp))
    }

    fn position(self) -> usize {
        match self {
            Self::Muted => 1,
            Self::Axis => 2,
            Self::Grid => 3,
            Self::Ground => 4,
            Self::Text | Self::Hue(_) | Self::Shade(..) | Self::Ramp(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn words_and_curves_stand_out_from_both_grounds() {
        for ink in Ink::all().filter(|ink| !matches!(ink, Ink::Ground | Ink::Grid)) {
            // WCAG 2.2: 4.5 for words, 3 for graphical objects; sky blue is only ever a fill.
            let least = match ink {
                Ink::Text | Ink::Muted => 4.5,
                Ink::Hue(5) => 2.0,
                Ink::Hue(4) | Ink::Ramp(8 | 9) => 2.8,
                _ => 3.0,
            };
            for (ground, found) in [(Ink::Ground.light(), ink.light()), (Ink::Ground.dark(), ink.dark())] {
                let stands_out = contrast(&ground, &found);
                assert!(stands_out >= least, "{ink:?} {found} {stands_out}");
            }
        }
    }

    #[test]
    fn shades_of_a_hue_stand_out_one_more_than_the_other() {
        for hue in 0..N_HUES {
            let shades = [0, 1, 2].map(|index| Ink::shade(hue, index));
            assert_eq!((shades[0], Ink::shade(hue, 3)), (Ink::Hue(hue), Ink::Hue(hue)));
            for (ground, colour) in
                [(Ink::Ground.light(), Ink::light as fn(Ink) -> String), (Ink::Ground.dark(), Ink::dark)]
            {
                let found = shades.map(|shade| contrast(&ground, &colour(shade)));
                assert!(found.windows(2).all(|pair| pair[1] > 1.1 * pair[0]), "{hue}: {found:?}");
            }
        }
    }

    #[test]
    fn a_ramp_runs_from_its_first_colour_to_its_last() {
        assert_eq!(Ink::ramp(0, 8), Ink::Ramp(0));
        assert_eq!(Ink::ramp(7, 8), Ink::Ramp(9));
        assert_eq!(Ink::ramp(0, 1), Ink::Ramp(0));
    }
}
