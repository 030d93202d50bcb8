//! Which kernels compute a convolution, and the convolution itself.

use super::direct::{Direct, Direction, Filters, Window};
use super::direct_gradient::Correlation;
use super::grouped::Grouped;
use super::weight::{Form, Gradient, Layout, Weight};
use super::winograd::{Convolution, Scheme};
use super::{Cpu, Kernels};
use crate::{Conv, ConvTranspose, Op, Shape};

/// A convolution as the kernels see it: which way data moves, between which maps.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub(super) window: Window,
    pub(super) direction: Direction,
    pub(super) input: Shape,
    pub(super) output: Shape,
}

/// What a convolution is run for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// Its output, or the gradient of its input.
    Value,
    WeightGradient,
}

impl Route {
    /// The convolution that is the vector-Jacobian product of this one.
    pub(super) const fn reversed(self) -> Self {
        let direction = match self.direction {
            Direction::Gather => Direction::Scatter,
            Direction::Scatter => Direction::Gather,
        };
        Self { direction, input: self.output, output: self.input, ..self }
    }
}

/// What an operation with weights is to the kernels of whole maps, for one image; vectors of
/// a batch become the rows of one image.
pub(super) fn route(op: &Op, input: Shape, batch: usize) -> Option<Route> {
    match *op {
        Op::Conv(Conv { kernel, stride, padding, groups: 1, .. }) => {
            let output = op.output(&[input]).expect("checked by the plan");
            Some(Route {
                window: Window { kernel, stride, padding: padding.before },
                direction: Direction::Gather,
                input,
                output,
            })
        }
        Op::ConvTranspose(ConvTranspose { kernel, stride, .. }) => {
            let output = op.output(&[input]).expect("checked by the plan");
            let window = Window { kernel, stride, padding: kernel / 2 };
            Some(Route { window, direction: Direction::Scatter, input, output })
        }
        Op::Linear { channels, .. } => Some(Route {
            window: Window { kernel: 1, stride: 1, padding: 0 },
            direction: Direction::Gather,
            input: Shape::map(batch, 1, input.channels),
            output: Shape::map(batch, 1, channels),
        }),
        _ => None,
    }
}

impl Cpu {
    /// The scheme for a convolution: a matter of shapes, never of the batch.
    ///
    /// With few channels the transforms cost more than they save. The bounds are where the
    /// methods met in `examples/conv_speed.rs` (2 cores with AVX2, batch 32).
    pub(super) fn scheme(&self, route: Route, purpose: Purpose) -> Option<Scheme> {
        let Route { window, input, output, .. } = route;
        let Window { kernel, stride, padding } = window;
        let (scheme, fewest) = match (self.kernels, kernel, stride, purpose) {
            (Kernels::Fast, 3, 1, Purpose::Value) => (Scheme::FourOfThree, 16 * 16),
            (Kernels::Fast, 3, 1, Purpose::WeightGradient) => (Scheme::FourOfThree, 24 * 32),
            (Kernels::Fast, 5, 1, Purpose::Value) => (Scheme::TwoOfFive, 16 * 16),
            (Kernels::Fast, 5, 1, Purpose::WeightGradient) => (Scheme::TwoOfFive, 24 * 32),
            (Kernels::Fast, 7, 1, Purpose::Value) => (Scheme::FourOfSeven, 16 * 16),
            (Kernels::Fast, 7, 1, Purpose::WeightGradient) => (Scheme::FourOfSeven, 24 * 32),
            (Kernels::Accurate, 3, 1, Purpose::Value) => (Scheme::TwoOfThree, 24 * 32),
            (Kernels::Accurate, 3, 1, Purpose::WeightGradient) => (Scheme::TwoOfThree, 32 * 48),
            (Kernels::Fast, 3, 2, Purpose::Value) => (Scheme::StrideFourOfThree, 40 * 40),
            (Kernels::Fast, 3, 2, Purpose::WeightGradient) => (Scheme::StrideFourOfThree, 24 * 32),
            (Kernels::Accurate, 3, 2, Purpose::Value) => (Scheme::StrideTwoOfThree, 40 * 40),
            (Kernels::Accurate, 3, 2, Purpose::WeightGradient) => (Scheme::StrideTwoOfThree, 32 * 48),
            (Kernels::Accurate | Kernels::Fast, 5, 2, Purpose::Value) => (Scheme::StrideTwoOfFive, 40 * 40),
            (Kernels::Accurate | Kernels::Fast, 5, 2, Purpose::WeightGradient) => {
                (Scheme::StrideTwoOfFive, 32 * 48)
            }
            _ => return None,
        };
        let narrow = input.channels.min(output.channels) < 8;
        let fits = stride == 1 || padding == kernel / 2;
        let worth_it = fits && !narrow && input.channels * output.channels >= fewest;
        worth_it.then_some(scheme)
    }

    fn winograd(&self, scheme: Scheme, route: Route) -> Convolution<'_> {
        let Route { window, direction, input, output } = route;
        let padding = match direction {
            Direction::Gather => window.padding,
            Direction::Scatter => (window.kernel - 1 - window.padding) / window.stride,
        };
        Convolution { level: self.level, pool: &self.pool, scheme, direction, input, output, padding }
    }

    pub(super) fn convolve(
        &self,
        route: Route,
        weight: &Weight,
        bias: Option<&[f32]>,
        x: &[f32],
        y: &mut [f32],
    ) {
        if let Some(scheme) = self.scheme(route, Purpose::Value) {
            let packed = weight.form(Form::Winograd(scheme, route.direction));
            self.winograd(scheme, route).run(x, Filters { packed: &packed, bias }, y);
        } else {
            let packed = weight.form(Form::Direct(route.window, route.direction));
            let direct = Direct::new(route.input, route.output, route.window, route.direction);
            direct.run(self.level, x, Filters { packed: &packed, bias }, y);
        }
    }

    pub(super) fn convolve_weight_gradient(
        &self,
        route: Route,
        x: &[f32],
        dy: &[f32],
        gradient: &mut Gradient,
    ) {
        // A transposed convolution is the adjoint of one that takes its output to its input:
        // the same gradient with the sides exchanged.
        let (route, x, dy) = match route.direction {
            Direction::Gather => (route, x, dy),
            Direction::Scatter => (route.reversed(), dy, x),
        };
        if let Some(scheme) = self.scheme(route, Purpose::WeightGradient) {
            self.winograd(scheme, route).add_gradient(x, dy, gradient.sum(Layout::Winograd(scheme)));
        } else {
            let Route { window, input, output, .. } = route;
            Correlation { window, x, input, dy, output }.add_to(
                self.level,
                &self.pool,
                gradient.sum(Layout::Taps),
            );
        }
    }

    pub(super) fn grouped(&self, op: &Op, input: Shape) -> Grouped<'_> {
        let Op::Conv(Conv { kernel, stride, padding, groups, .. }) = *op else {
            panic!("only convolutions have groups");
        };
        let output = op.output(&[input]).expect("checked by the plan");
        let window = Window { kernel, stride, padding: padding.before };
        Grouped { level: self.level, pool: &self.pool, window, groups, input, output }
    }
}
