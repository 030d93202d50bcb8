//! Weights with the forms that kernels want, and gradients under construction.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::direct::{Direct, Direction, Window};
use super::direct_gradient;
use super::winograd::{self, Scheme};
use crate::Shape;

/// A weight as checkpoints store it, and what was derived from it so far.
#[derive(Debug)]
pub struct Weight {
    shape: Vec<usize>,
    values: Vec<f32>,
    derived: Mutex<HashMap<Form, Arc<Vec<f32>>>>,
}

/// A form that a kernel wants a weight in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// Panels of taps.
    Direct(Window, Direction),
    /// Filters in the transformed domain.
    Winograd(Scheme, Direction),
    /// `[channels, height, width]` as `[height, width, channels]`.
    ChannelsLast,
}

impl Weight {
    pub(crate) fn new(shape: &[usize], values: &[f32]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "weight of shape {shape:?}");
        Self { shape: shape.to_vec(), values: values.to_vec(), derived: Mutex::default() }
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The weight in another form, derived at the first call.
    pub(crate) fn form(&self, form: Form) -> Arc<Vec<f32>> {
        if let Some(found) = self.derived.lock().expect("no thread panics here").get(&form) {
            return Arc::clone(found);
        }
        // Not under the lock: deriving shares its work among threads, which might come by here.
        let made = Arc::new(self.derive(form));
        let mut derived = self.derived.lock().expect("no thread panics here");
        Arc::clone(derived.entry(form).or_insert(made))
    }

    fn derive(&self, form: Form) -> Vec<f32> {
        let (first, second) = (self.shape[0], self.shape.get(1).copied().unwrap_or(1));
        match form {
            Form::Direct(window, direction) => {
                let taps = window.kernel * window.kernel;
                let at = |first: usize, index: usize, ky: usize, kx: usize| {
                    self.values[(first * second + index) * taps + ky * window.kernel + kx]
                };
                // Phases and their taps are the same for every size of map.
                let pack = |from: usize, to: usize| {
                    Direct::new(Shape::vector(from), Shape::vector(to), window, direction)
                };
                match direction {
                    Direction::Gather => pack(second, first).pack(|i, o, ky, kx| at(o, i, ky, kx)),
                    Direction::Scatter => pack(first, second).pack(at),
                }
            }
            Form::Winograd(scheme, direction) => {
                winograd::filters(scheme, direction, [first, second], &self.values)
            }
            Form::ChannelsLast => {
                let pixels: usize = self.shape[1..].iter().product();
                let channels_last = |index: usize| self.values[index % first * pixels + index / first];
                (0..self.values.len()).map(channels_last).collect()
            }
        }
    }
}

/// A gradient under construction: one accumulator for each way it may come in.
#[derive(Debug, Default)]
pub struct Gradient {
    shape: Vec<usize>,
    /// In the weight's own layout.
    plain: Vec<f32>,
    /// As [`Form::ChannelsLast`].
    channels_last: Vec<f32>,
    /// As [`direct_gradient`] sums it.
    taps: Vec<f32>,
    /// As [`winograd`] sums it: a kernel may be used with several strides, each with its scheme.
    transformed: Vec<(Scheme, Vec<f32>)>,
}

impl Gradient {
    pub(crate) fn new(weight: &Weight) -> Self {
        Self { shape: weight.shape.clone(), ..Self::default() }
    }

    fn length(&self) -> usize {
        self.shape.iter().product()
    }

    pub(crate) fn plain(&mut self) -> &mut [f32] {
        let length = self.length();
        self.plain.resize(length, 0.0);
        &mut self.plain
    }

    pub(crate) fn channels_last(&mut self) -> &mut [f32] {
        let length = self.length();
        self.channels_last.resize(length, 0.0);
        &mut self.channels_last
    }

    pub(crate) fn taps(&mut self) -> &mut [f32] {
        let kernel = self.shape.get(2).copied().unwrap_or(1);
        let length = direct_gradient::accumulator_length(kernel, self.shape[1], self.shape[0]);
        self.taps.resize(length, 0.0);
        &mut self.taps
    }

    pub(crate) fn transformed(&mut self, scheme: Scheme) -> &mut [f32] {
        let known = self.transformed.iter().position(|(used, _)| *used == scheme);
        let place = known.unwrap_or_else(|| {
            let length = winograd::accumulator_length(scheme, self.shape[1], self.shape[0]);
            self.transformed.push((scheme, vec![0.0; length]));
            self.transformed.len() - 1
        });
        &mut self.transformed[place].1
    }

    /// Everything together, in the weight's own layout.
    pub(crate) fn finish(mut self) -> Vec<f32> {
        let mut gradient = self.plain().to_vec();
        if !self.taps.is_empty() {
            let kernel = self.shape.get(2).copied().unwrap_or(1);
            direct_gradient::unpack(&self.taps, kernel, self.shape[1], &mut gradient);
        }
        for (scheme, values) in &self.transformed {
            winograd::unpack(*scheme, values, self.shape[1], &mut gradient);
        }
        let pixels: usize = self.shape[1..].iter().product();
        for (index, value) in self.channels_last.iter().enumerate() {
            gradient[index % self.shape[0] * pixels + index / self.shape[0]] += value;
        }
        gradient
    }
}
