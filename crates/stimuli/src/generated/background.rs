//! What lies behind everything: a landscape, a room, foliage, or a blur.

use redyn_core::random::Stream;

use super::models::colour;
use super::texture::{noise_2d, step, wave};
use super::vector::Vector;

/// A surface to stand before.
pub(super) struct Background {
    kind: Kind,
    /// Four colours, linear light.
    palette: [Vector; 4],
    /// Blotches across the picture at the coarsest.
    frequency: f32,
    /// How strong its texture is, 0 to 1.
    strength: f32,
    /// Height of the horizon, or of the floor's edge.
    horizon: f32,
    seed: u32,
}

enum Kind {
    Landscape,
    /// A wall with a repeated pattern of this many bands, at this slant, above a floor.
    Room {
        bands: f32,
        slant: f32,
    },
    Foliage,
    Blur,
}

impl Background {
    pub(super) fn draw(random: &mut Stream, clutter: f64) -> Self {
        let kind = match random.below(4) {
            0 => Kind::Landscape,
            1 => {
                Kind::Room { bands: random.between(1.5, 7.0) as f32, slant: random.between(-1.5, 1.5) as f32 }
            }
            2 => Kind::Foliage,
            _ => Kind::Blur,
        };
        let hue = match kind {
            Kind::Landscape => random.between(0.5, 0.65),
            Kind::Foliage => random.between(0.15, 0.42),
            Kind::Room { .. } | Kind::Blur => random.unit(),
        };
        let mut tone = |hue: f64, spread: f64, value: (f64, f64)| {
            colour(
                (hue + random.between(-spread, spread)) as f32,
                random.between(0.05, 0.6) as f32,
                random.between(value.0, value.1) as f32,
            )
        };
        let palette = match kind {
            Kind::Landscape => [
                tone(hue, 0.05, (0.6, 1.0)),
                tone(hue, 0.1, (0.75, 1.0)),
                tone(0.2, 0.15, (0.25, 0.75)),
                tone(0.15, 0.1, (0.2, 0.6)),
            ],
            _ => [
                tone(hue, 0.06, (0.4, 1.0)),
                tone(hue, 0.15, (0.25, 1.0)),
                tone(hue, 0.3, (0.2, 0.9)),
                tone(hue, 0.5, (0.3, 1.0)),
            ],
        };
        Self {
            kind,
            palette,
            frequency: random.between(1.2, 3.0) as f32,
            strength: (0.25 + 0.75 * clutter + random.between(-0.15, 0.15)).clamp(0.1, 1.0) as f32,
            horizon: random.between(-0.35, 0.35) as f32,
            seed: random.word() as u32,
        }
    }

    /// Colour at a point of the picture (−1 to 1, y up), no finer than `pixel`.
    pub(super) fn at(&self, x: f32, y: f32, pixel: f32) -> Vector {
        let [a, b, c, d] = self.palette;
        let below = self.horizon - y;
        match self.kind {
            Kind::Landscape if below < 0.0 => {
                let clouds = step(0.4, 0.75, self.octaves(0.7 * x, 1.6 * y, pixel));
                a.mix(b, (0.6 + y * 0.4).clamp(0.0, 1.0) * 0.5 + 0.5 * clouds * self.strength)
            }
            Kind::Landscape => {
                // Ground seen at a slant: farther is finer.
                let depth = 1.0 / (below + 0.35);
                let grass = self.octaves(x * depth * 0.8, depth * 2.5, pixel * depth * depth);
                c.mix(d, (0.5 + (grass - 0.5) * 2.2 * self.strength).clamp(0.0, 1.0))
            }
            Kind::Room { bands, slant } if below < 0.35 => {
                let pattern = step(0.3, 0.7, wave(bands * (x + slant * y)));
                let stain = self.octaves(x, y, pixel);
                a.mix(b, 0.55 * pattern * self.strength).mix(c, 0.5 * stain * self.strength)
            }
            Kind::Room { .. } => {
                let depth = 1.0 / (below + 0.2);
                let boards = step(0.0, 0.12, wave(x * depth * 1.3 + 0.37));
                let stain = self.octaves(x * depth, depth, pixel * depth);
                d.mix(c, 0.4 * stain * self.strength) * (0.7 + 0.3 * boards)
            }
            Kind::Foliage => {
                let (coarse, fine) =
                    (self.octaves(1.3 * x, 1.3 * y, pixel), self.octaves(2.9 * y + 7.0, 2.9 * x, pixel));
                let leaves =
                    step(0.5 - 0.3 / (0.3 + self.strength), 0.5 + 0.3 / (0.3 + self.strength), coarse);
                a.mix(b, leaves).mix(c, (fine - 0.35).max(0.0) * 1.5 * self.strength)
            }
            Kind::Blur => {
                let (p, q) = (
                    noise_2d(0.9 * x + 3.0, 0.9 * y, self.seed),
                    noise_2d(0.8 * y, 0.8 * x + 9.0, self.seed),
                );
                let fine = self.octaves(1.5 * x, 1.5 * y, pixel) - 0.5;
                a.mix(b, step(0.2, 0.8, p)).mix(d, 0.6 * step(0.3, 0.9, q))
                    * (1.0 + 0.5 * fine * self.strength)
            }
        }
    }

    /// Noise of octaves down to the size of a pixel, 0 to 1 around one half.
    fn octaves(&self, x: f32, y: f32, pixel: f32) -> f32 {
        let (mut sum, mut weight, mut frequency) = (0.0, 0.5, self.frequency);
        for octave in 0..6 {
            if frequency * pixel > 0.5 {
                break;
            }
            sum += weight * (noise_2d(x * frequency, y * frequency, self.seed ^ octave) - 0.5);
            weight *= 0.6;
            frequency *= 2.1;
        }
        0.5 + 1.3 * sum
    }
}
