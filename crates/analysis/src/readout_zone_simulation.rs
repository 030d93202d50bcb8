//! What readout zones look like where they can be drawn: four readouts of two units.

use std::f64::consts::TAU;

use redyn_core::random::Stream;
use serde::{Deserialize, Serialize};

use crate::table::Table;
use crate::{Analysis, Error, Material};

/// Number of readouts.
const READOUTS: usize = 4;
/// Half the side of the window around the origin, in units of the entries' standard deviation;
/// more where a readout would not fit.
const NEAR: f64 = 3.0;
/// How much wider the window for large representations is.
const FARTHER: f64 = 10.0;
/// Directions in which zones with and without bias are compared.
const DIRECTIONS: usize = 3600;

/// The zones in one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneScene {
    /// Whether the bias is added.
    pub biased: bool,
    /// The window is `[−extent, extent]` in both units.
    pub extent: f64,
    /// Corners of each readout's zone in the window; empty where it has none there.
    pub zones: Vec<Vec<[f64; 2]>>,
}

/// How far a bias matters for representations of one length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BiasEffect {
    /// Length of the representations.
    pub norm: f64,
    /// Share of directions in which the class is the same with the bias as without.
    pub same: f64,
}

/// Figure 4: zones `argmax_k (W r + b)_k` of four readouts in two dimensions, without bias,
/// with bias, and with bias far from the origin. `W` and `b` are drawn from N(0, 1).
///
/// A simulation: nothing in it comes from the network but the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadoutZoneSimulation {
    /// Seed of the draws.
    pub seed: u64,
    /// `W`, `[readout][unit]`.
    pub readouts: Vec<[f64; 2]>,
    /// `b`, `[readout]`.
    pub bias: Vec<f64>,
    /// Without bias, with bias, with bias far out.
    pub scenes: Vec<ZoneScene>,
    /// How far the bias matters, by length of the representation.
    pub bias_effect: Vec<BiasEffect>,
}

impl Analysis for ReadoutZoneSimulation {
    const NAME: &'static str = "readout_zone_simulation";
    const TITLE: &'static str = "Readout zones in two dimensions";
    const SUMMARY: &'static str = "simulated zones of four readouts: no bias, bias, bias and large norms";
    const DESCRIPTION: &'static str = "Four readout vectors of two units divide the plane into zones. Without a \
        bias zones are cones around the origin: only the direction of a representation decides. A bias moves \
        their boundaries, which matters less the longer the representation.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figure 4; the \
        distribution is not given there: N(0, 1) is chosen";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let seed = material.options.uncertainty.seed;
        let mut stream = Stream::new(seed, &[7]);
        let readouts: Vec<[f64; 2]> = (0..READOUTS).map(|_| [stream.normal(), stream.normal()]).collect();
        let bias: Vec<f64> = (0..READOUTS).map(|_| stream.normal()).collect();
        let largest = readouts.iter().flatten().fold(0.0_f64, |largest, entry| largest.max(entry.abs()));
        let near = NEAR.max((1.2 * largest).ceil());
        let none = vec![0.0; READOUTS];
        let scene = |biased: bool, extent: f64| ZoneScene {
            biased,
            extent,
            zones: zones(&readouts, if biased { &bias } else { &none }, extent),
        };
        let norms = (-4..=8).map(|quarter| 10_f64.powf(f64::from(quarter) / 4.0));
        let effect = |norm: f64| BiasEffect { norm, same: same_class(&readouts, &bias, norm) };
        Ok(Self {
            seed,
            scenes: vec![scene(false, near), scene(true, near), scene(true, FARTHER * near)],
            bias_effect: norms.map(effect).collect(),
            readouts,
            bias,
        })
    }

    fn tables(&self) -> Vec<Table> {
        let mut readouts = Table::new(
            "readout_zone_simulation",
            &[
                ("readout", "", "index of the readout, from 0"),
                ("w1", "", "first entry of the readout vector"),
                ("w2", "", "second entry of the readout vector"),
                ("bias", "", "bias, where it is added"),
            ],
        );
        for (index, ([first, second], &bias)) in self.readouts.iter().zip(&self.bias).enumerate() {
            readouts.push(vec![index.into(), (*first).into(), (*second).into(), bias.into()]);
        }
        let mut effect = Table::new(
            "readout_zone_simulation_bias",
            &[
                ("norm", "", "length of the representation"),
                ("same", "", "share of directions in which the class is the same with the bias as without"),
                ("directions", "directions", "number of directions, evenly spread"),
            ],
        );
        for at in &self.bias_effect {
            effect.push(vec![at.norm.into(), at.same.into(), DIRECTIONS.into()]);
        }
        vec![readouts, effect]
    }
}

/// Each readout's zone in the window `[−extent, extent]²`: the window, cut along the line
/// where every other readout scores the same.
fn zones(readouts: &[[f64; 2]], bias: &[f64], extent: f64) -> Vec<Vec<[f64; 2]>> {
    let window = vec![[-extent, -extent], [extent, -extent], [extent, extent], [-extent, extent]];
    let zone = |own: usize| {
        let others = (0..readouts.len()).filter(|&other| other != own);
        let mut zone = others.fold(window.clone(), |zone, other| {
            let normal = [0, 1].map(|unit| readouts[own][unit] - readouts[other][unit]);
            cut(&zone, normal, bias[own] - bias[other])
        });
        // Cuts through one point leave corners that coincide, and zones without an inside.
        zone.dedup_by(|a, b| (a[0] - b[0]).hypot(a[1] - b[1]) < 1e-9 * extent);
        if zone.len() < 3 { Vec::new() } else { zone }
    };
    (0..readouts.len()).map(zone).collect()
}

/// The part of a convex polygon where `normal · r + offset ≥ 0` (Sutherland & Hodgman 1974).
fn cut(polygon: &[[f64; 2]], normal: [f64; 2], offset: f64) -> Vec<[f64; 2]> {
    let height = |[x, y]: [f64; 2]| normal[0] * x + normal[1] * y + offset;
    let mut kept = Vec::new();
    for (index, &from) in polygon.iter().enumerate() {
        let to = polygon[(index + 1) % polygon.len()];
        let (before, after) = (height(from), height(to));
        if before >= 0.0 {
            kept.push(from);
        }
        if (before >= 0.0) != (after >= 0.0) {
            let share = before / (before - after);
            kept.push([0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis])));
        }
    }
    kept
}

fn same_class(readouts: &[[f64; 2]], bias: &[f64], norm: f64) -> f64 {
    let class = |direction: [f64; 2], bias: &dyn Fn(usize) -> f64| {
        let score =
            |k: usize| norm * (readouts[k][0] * direction[0] + readouts[k][1] * direction[1]) + bias(k);
        (1..readouts.len()).fold(0, |best, k| if score(k) > score(best) { k } else { best })
    };
    let same = (0..DIRECTIONS).filter(|&index| {
        let angle = TAU * index as f64 / DIRECTIONS as f64;
        let direction = [angle.cos(), angle.sin()];
        class(direction, &|_| 0.0) == class(direction, &|k| bias[k])
    });
    same.count() as f64 / DIRECTIONS as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, material};

    fn inside(polygon: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
        let turns = polygon.iter().enumerate().map(|(index, a)| {
            let b = polygon[(index + 1) % polygon.len()];
            (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
        });
        polygon.len() > 2 && { turns }.all(|turn| turn > 0.0)
    }

    #[test]
    fn a_point_is_in_the_zone_of_its_largest_score() {
        let fixture = Fixture::random(9, 3);
        material(&fixture, |material| {
            let found = ReadoutZoneSimulation::analyse(material).unwrap();
            let mut stream = Stream::new(1, &[]);
            for scene in &found.scenes {
                for _ in 0..500 {
                    let point = [0, 1].map(|_| stream.between(-scene.extent, scene.extent));
                    let score = |k: usize| {
                        let along = found.readouts[k][0] * point[0] + found.readouts[k][1] * point[1];
                        along + if scene.biased { found.bias[k] } else { 0.0 }
                    };
                    let best = (0..4).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap();
                    for k in 0..4 {
                        assert_eq!(inside(&scene.zones[k], point), k == best, "{point:?} {scene:?}");
                    }
                }
            }
        });
    }

    #[test]
    fn a_bias_matters_less_the_longer_the_representation() {
        let fixture = Fixture::random(9, 3);
        material(&fixture, |material| {
            let found = ReadoutZoneSimulation::analyse(material).unwrap();
            let same: Vec<f64> = found.bias_effect.iter().map(|effect| effect.same).collect();
            assert!(same[0] < 0.7 && same[same.len() - 1] > 0.98, "{same:?}");
            assert_eq!(
                same_class(&found.readouts, &[0.4; 4], 1.0),
                1.0,
                "a bias shared by all changes nothing"
            );
        });
    }
}
