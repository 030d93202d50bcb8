//! Weights with the forms that kernels want, and gradients under construction.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::direct::{Direct, Direction, Window};
use super::direct_gradient;
use super::pool::{Buffer, Pool};
use super::winograd::{self, Scheme};
use crate::Shape;

/// A weight as checkpoints store it, and what was derived from it so far.
#[derive(Debug)]
pub struct Weight {
    shape: Vec<usize>,
    values: Buffer,
    derived: Mutex<HashMap<Form, Arc<Buffer>>>,
    pool: Arc<Pool>,
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
    pub(crate) fn new(pool: &Arc<Pool>, shape: &[usize], values: &[f32]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "weight of shape {shape:?}");
        let (shape, values) = (shape.to_vec(), pool.copied(values));
        Self { shape, values, derived: Mutex::default(), pool: Arc::clone(pool) }
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The weight in another form, derived at the first call.
    pub(crate) fn form(&self, form: Form) -> Arc<Buffer> {
        if let Some(found) = self.derived.lock().expect("no thread panics here").get(&form) {
            return Arc::clone(found);
        }
        // Not under the lock: deriving shares its work among threads, which might come by here.
        let made = Arc::new(self.derive(form));
        let mut derived = self.derived.lock().expect("no thread panics here");
        Arc::clone(derived.entry(form).or_insert(made))
    }

    fn derive(&self, form: Form) -> Buffer {
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
                self.pool.copied(&match direction {
                    Direction::Gather => pack(second, first).pack(|i, o, ky, kx| at(o, i, ky, kx)),
                    Direction::Scatter => pack(first, second).pack(at),
                })
            }
            Form::Winograd(scheme, direction) => {
                let shape = [first, second];
                let mut filters = self.pool.take(winograd::filters_length(scheme, direction, shape));
                winograd::filters(scheme, direction, shape, &self.values, &mut filters);
                filters
            }
            Form::ChannelsLast => {
                let pixels: usize = self.shape[1..].iter().product();
                let channels_last = |index: usize| self.values[index % first * pixels + index / first];
                let mut last = self.pool.take(self.values.len());
                last.iter_mut().enumerate().for_each(|(index, value)| *value = channels_last(index));
                last
            }
        }
    }
}

/// A gradient under construction: one sum for each layout it comes in.
#[derive(Debug)]
pub struct Gradient {
    shape: Vec<usize>,
    sums: Vec<(Layout, Buffer)>,
    pool: Arc<Pool>,
}

/// A layout that a gradient is summed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The weight's own.
    Plain,
    /// As [`Form::ChannelsLast`].
    ChannelsLast,
    /// As [`direct_gradient`] sums it.
    Taps,
    /// As [`winograd`] sums it: a kernel may be used with several strides, each with its scheme.
    Winograd(Scheme),
}

impl Gradient {
    pub(crate) fn new(weight: &Weight) -> Self {
        Self { shape: weight.shape.clone(), sums: Vec::new(), pool: Arc::clone(&weight.pool) }
    }

    /// The sum in a layout, of nothing at first.
    pub(crate) fn sum(&mut self, layout: Layout) -> &mut [f32] {
        let known = self.sums.iter().position(|(used, _)| *used == layout);
        let place = known.unwrap_or_else(|| {
            self.sums.push((layout, self.pool.zeros(self.length(layout))));
            self.sums.len() - 1
        });
        &mut self.sums[place].1
    }

    fn length(&self, layout: Layout) -> usize {
        match layout {
            Layout::Plain | Layout::ChannelsLast => self.shape.iter().product(),
            Layout::Taps => direct_gradient::accumulator_length(self.kernel(), self.shape[1], self.shape[0]),
            Layout::Winograd(scheme) => winograd::accumulator_length(scheme, self.shape[1], self.shape[0]),
        }
    }

    fn kernel(&self) -> usize {
        self.shape.get(2).copied().unwrap_or(1)
    }

    /// Everything together, in the weight's own layout.
    pub(crate) fn finish(self) -> Vec<f32> {
        let mut gradient = vec![0.0; self.length(Layout::Plain)];
        for (layout, sum) in &self.sums {
            match layout {
                Layout::Plain => gradient.iter_mut().zip(&**sum).for_each(|(total, value)| *total += value),
                Layout::ChannelsLast => {
                    let pixels: usize = self.shape[1..].iter().product();
                    for (index, value) in sum.iter().enumerate() {
                        gradient[index % self.shape[0] * pixels + index / self.shape[0]] += value;
                    }
                }
                Layout::Taps => direct_gradient::unpack(sum, self.kernel(), self.shape[1], &mut gradient),
                Layout::Winograd(scheme) => winograd::unpack(*scheme, sum, self.shape[1], &mut gradient),
            }
        }
        gradient
    }
}
