//! Noise and the patterns made of it.

use super::vector::Vector;

/// What a surface looks like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Material {
    /// Main colour, linear light.
    pub(super) colour: Vector,
    /// The pattern's other colour.
    pub(super) second: Vector,
    pub(super) pattern: Pattern,
    /// Strength of highlights, 0 to 1.
    pub(super) gloss: f32,
}

/// How a surface's two colours are spread over it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pattern {
    /// One colour with a trace of unevenness.
    Plain,
    /// Fine mottling of this many blotches a unit.
    Grain(f32),
    /// Wavy bands across the object's length, this many a unit.
    Stripes(f32),
    /// Blotches in the second colour, this many a unit.
    Spots(f32),
    /// Rings about the vertical, this many a unit.
    Rings(f32),
}

impl Material {
    /// Colour at a point of the object.
    pub(super) fn at(&self, point: Vector, seed: u32) -> Vector {
        let share = match self.pattern {
            Pattern::Plain => 0.12 * noise(point * 3.0, seed),
            Pattern::Grain(frequency) => noise(point * frequency, seed),
            Pattern::Stripes(frequency) => {
                let wobble = noise(point * 4.0, seed);
                let along = frequency * (point.0 + 0.22 * point.1) + 0.9 * wobble;
                step(0.35, 0.55, wave(along) * (0.6 + 0.6 * wobble))
            }
            Pattern::Spots(frequency) => step(0.52, 0.6, noise(point * frequency, seed)),
            Pattern::Rings(frequency) => step(0.45, 0.55, wave(frequency * point.1)),
        };
        self.colour.mix(self.second, share)
    }
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(super) fn step(low: f32, high: f32, value: f32) -> f32 {
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// A smooth wave of period 1 between 0 and 1.
pub(super) fn wave(at: f32) -> f32 {
    let phase = at - floor(at) as f32;
    let share = 1.0 - (2.0 * phase - 1.0).abs();
    share * share * (3.0 - 2.0 * share)
}

pub(super) fn floor(value: f32) -> i32 {
    let cut = value as i32;
    cut - i32::from(value < cut as f32)
}

/// 32 mixed bits of a lattice point (the finaliser of `MurmurHash3`).
pub(super) fn hash(x: u32, y: u32, z: u32, seed: u32) -> u32 {
    let mut h =
        seed ^ x.wrapping_mul(0x8da6_b343) ^ y.wrapping_mul(0xd816_3841) ^ z.wrapping_mul(0xcb1a_b31f);
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

fn lattice(x: i32, y: i32, z: i32, seed: u32) -> f32 {
    (hash(x as u32, y as u32, z as u32, seed) >> 8) as f32 / (1_u32 << 24) as f32
}

fn fade(share: f32) -> f32 {
    share * share * (3.0 - 2.0 * share)
}

/// Smooth noise in space, 0 to 1: random values on a unit lattice, interpolated.
pub(super) fn noise(at: Vector, seed: u32) -> f32 {
    let (x, y, z) = (floor(at.0), floor(at.1), floor(at.2));
    let (u, v, w) = (fade(at.0 - x as f32), fade(at.1 - y as f32), fade(at.2 - z as f32));
    let along_x = |y, z| {
        let (a, b) = (lattice(x, y, z, seed), lattice(x + 1, y, z, seed));
        a + (b - a) * u
    };
    let along_y = |z| {
        let (a, b) = (along_x(y, z), along_x(y + 1, z));
        a + (b - a) * v
    };
    let (a, b) = (along_y(z), along_y(z + 1));
    a + (b - a) * w
}

/// Smooth noise in the plane, 0 to 1.
pub(super) fn noise_2d(x: f32, y: f32, seed: u32) -> f32 {
    let (column, row) = (floor(x), floor(y));
    let (u, v) = (fade(x - column as f32), fade(y - row as f32));
    let along = |row| {
        let (a, b) = (lattice(column, row, 0, seed), lattice(column + 1, row, 0, seed));
        a + (b - a) * u
    };
    let (a, b) = (along(row), along(row + 1));
    a + (b - a) * v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_continuous_and_passes_through_its_lattice() {
        let at = |x: f32| noise(Vector(x, 2.0, -3.0), 9);
        assert_eq!(at(4.0), lattice(4, 2, -3, 9));
        assert!((at(4.0) - at(3.9999)).abs() < 1e-3);
        assert_eq!(noise_2d(4.0, 2.0, 9), lattice(4, 2, 0, 9));
    }

    #[test]
    fn floors_go_down() {
        assert_eq!([-1.5_f32, -1.0, -0.1, 0.0, 0.9, 2.0].map(floor), [-2, -1, -1, 0, 0, 2]);
    }
}
