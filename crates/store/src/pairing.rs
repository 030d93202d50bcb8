//! An area beside the outputs: which steps both have, and what becomes of maps.

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};
use redyn_core::{Description, Readout, TimeAxis};
use serde::{Deserialize, Serialize};

use crate::{About, Error, Tap};

/// How feature maps become a vector of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spatial {
    /// Every place of every map is a unit, in the order in which it is stored.
    Flatten,
    /// A unit is the mean of a map over the axes `height` and `width`, accumulated in f64.
    Average,
}

impl Spatial {
    /// Number of units a tap then has.
    pub fn n_units(self, tap: &Tap) -> usize {
        let kept = tap.shape.iter().filter(|axis| self == Self::Flatten || !is_space(&axis.name));
        kept.map(|axis| axis.size).product()
    }

    /// For every stored value of one image and step, the unit it belongs to.
    fn units(self, tap: &Tap) -> Vec<usize> {
        let mut units = vec![0];
        for axis in &tap.shape {
            let kept = self == Self::Flatten || !is_space(&axis.name);
            let place = |&unit: &usize| {
                (0..axis.size).map(move |index| if kept { unit * axis.size + index } else { unit })
            };
            units = units.iter().flat_map(place).collect();
        }
        units
    }
}

fn is_space(axis: &str) -> bool {
    matches!(axis, "height" | "width")
}

/// What was recorded, wherever it is kept.
pub(crate) struct Recorded<'a> {
    pub(crate) about: &'a About,
    pub(crate) n_images: usize,
    pub(crate) output_steps: &'a [usize],
    /// The readout, the area it reads, and its delay.
    pub(crate) readout: Option<(&'a Readout, &'a str, usize)>,
    pub(crate) digest: String,
}

/// One area paired with the outputs at the steps at which both have a value.
///
/// For the area that the readout reads with a delay, the area at step `t − delay` is paired with
/// the outputs at step `t`, so that the readout turns one into the other.
#[derive(Debug)]
pub(crate) struct Pairing {
    pub(crate) description: Description,
    tap: Tap,
    /// For each step, its place in the area's array and in that of the outputs.
    places: Vec<(usize, usize)>,
    /// For every stored value of one image and step, the unit it belongs to.
    units: Vec<usize>,
}

impl Pairing {
    pub(crate) fn new(recorded: Recorded, tap: &Tap, spatial: Spatial) -> Result<Self, Error> {
        let about = recorded.about;
        let n_units = spatial.n_units(tap);
        let readout = recorded.readout.filter(|&(_, area, _)| area == tap.area);
        let delay = readout.map_or(0, |(.., delay)| delay);
        let place_of = |step: usize| recorded.output_steps.iter().position(|&other| other == step);
        let places: Vec<(usize, usize)> = tap
            .steps
            .iter()
            .enumerate()
            .filter_map(|(place, step)| Some((place, place_of(step + delay)?)))
            .collect();
        if places.is_empty() {
            return Err(Error::NoStep {
                area: tap.area.clone(),
                area_steps: tap.steps.iter().map(|step| step + delay).collect(),
                output_steps: recorded.output_steps.to_vec(),
            });
        }
        let time = about.time.as_ref().map(|time| TimeAxis {
            unit: time.unit.clone(),
            times: places.iter().map(|&(place, _)| time.times[tap.steps[place]]).collect(),
        });
        let description = Description {
            name: about.name.clone(),
            network: about.network.clone(),
            area: tap.area.clone(),
            epoch: about.epoch,
            seed: about.seed,
            n_images: recorded.n_images,
            n_steps: places.len(),
            n_units,
            classes: about.classes.clone(),
            hierarchy: about.hierarchy.clone(),
            readout: readout
                .map(|(readout, ..)| readout.clone())
                .filter(|readout| readout.weight.ncols() == n_units),
            time,
            digest: recorded.digest,
        };
        Ok(Self { description, tap: tap.clone(), places, units: spatial.units(tap) })
    }

    pub(crate) fn n_steps(&self) -> usize {
        self.places.len()
    }

    /// Whether the places of the steps are 0, 1, 2, ... on both sides.
    pub(crate) fn keeps_every_step(&self) -> bool {
        self.places.iter().enumerate().all(|(step, &places)| places == (step, step))
    }

    /// The steps, as the network counts them, at which the area is read.
    pub(crate) fn steps(&self) -> Vec<usize> {
        self.places.iter().map(|&(place, _)| self.tap.steps[place]).collect()
    }

    /// One image's units from the values of the area: `[step, value]` to `[step, unit]`.
    pub(crate) fn units_into(&self, values: &ArrayView2<f32>, mut into: ArrayViewMut2<f32>) {
        for (mut row, &(place, _)) in into.outer_iter_mut().zip(&self.places) {
            if self.units.len() == self.description.n_units {
                row.assign(&values.row(place));
            } else {
                self.average(values.row(place).iter(), row);
            }
        }
    }

    /// One image's outputs: `[step, class]` of all steps to those paired.
    pub(crate) fn outputs_into(&self, values: &ArrayView2<f32>, mut into: ArrayViewMut2<f32>) {
        for (mut row, &(_, place)) in into.outer_iter_mut().zip(&self.places) {
            row.assign(&values.row(place));
        }
    }

    fn average<'a>(&self, values: impl Iterator<Item = &'a f32>, mut into: ArrayViewMut1<f32>) {
        let n_places = (self.units.len() / into.len()) as f64;
        let mut sums = vec![0.0_f64; into.len()];
        for (&value, &unit) in values.zip(&self.units) {
            sums[unit] += f64::from(value);
        }
        for (mean, sum) in into.iter_mut().zip(sums) {
            *mean = (sum / n_places) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_last_are_averaged_over_space_too() {
        let mut tap = Tap::maps("x", [2, 2, 3], vec![0]);
        tap.shape.rotate_left(1);
        assert_eq!(Spatial::Average.n_units(&tap), 2);
        assert_eq!(Spatial::Average.units(&tap), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    }
}
