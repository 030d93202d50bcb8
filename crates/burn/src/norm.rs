//! Normalisations.

use burn_tensor::Tensor;
use redyn_engine::{Activation, LAYER_NORM_EPSILON};

use crate::pointwise::{activate, activate_backward};

/// The values that are normalised together, as a view `[set, member, group, member]`:
/// members of a set along two axes, so that a GPU has many short sums to make, of which
/// every one rounds little.
#[derive(Clone, Copy)]
pub(crate) struct Sets {
    view: [usize; 4],
    epsilon: f64,
}

impl Sets {
    /// All values of an image.
    pub(crate) fn layer(x: &Tensor<4>) -> Self {
        Self::groups(x, 1, LAYER_NORM_EPSILON)
    }

    /// All pixels of an image, and channels in so many groups of neighbours.
    pub(crate) fn groups(x: &Tensor<4>, groups: usize, epsilon: f64) -> Self {
        let [batch, height, width, channels] = x.dims();
        Self { view: [batch, height * width, groups, channels / groups], epsilon }
    }

    /// All pixels of all images, channel by channel.
    pub(crate) fn channels(x: &Tensor<4>, epsilon: f64) -> Self {
        let [batch, height, width, channels] = x.dims();
        Self { view: [1, batch * height * width, channels, 1], epsilon }
    }

    /// Number of values of a set.
    pub(crate) const fn len(&self) -> usize {
        self.view[1] * self.view[3]
    }

    fn mean(x: Tensor<4>) -> Tensor<4> {
        x.mean_dim(3).mean_dim(1)
    }

    /// `(x − μ) / √(σ² + ε)`, and what it took.
    pub(crate) fn standardise(self, x: Tensor<4>) -> Standard {
        let shape = x.dims();
        let x = x.reshape(self.view);
        let mean = Self::mean(x.clone());
        let centred = x - mean.clone();
        let variance = Self::mean(centred.clone().square());
        let inverse = variance.clone().add_scalar(self.epsilon).sqrt().recip();
        Standard { sets: self, unit: (centred * inverse.clone()).reshape(shape), mean, variance, inverse }
    }
}

/// Standardised values.
pub(crate) struct Standard {
    sets: Sets,
    /// `(x − μ) / √(σ² + ε)`, in the shape of `x`.
    pub(crate) unit: Tensor<4>,
    /// `μ` of every set.
    pub(crate) mean: Tensor<4>,
    /// `σ²` of every set, biased.
    pub(crate) variance: Tensor<4>,
    inverse: Tensor<4>,
}

impl Standard {
    /// Gradient of `x`, given that of [`Standard::unit`].
    pub(crate) fn backward(&self, h: Tensor<4>) -> Tensor<4> {
        let shape = h.dims();
        let (h, unit) = (h.reshape(self.sets.view), self.unit.clone().reshape(self.sets.view));
        let product = Sets::mean(h.clone() * unit.clone());
        let dx = (h.clone() - Sets::mean(h) - unit * product) * self.inverse.clone();
        dx.reshape(shape)
    }
}

/// Layer norm over a whole map: `a((x − μ) / √(σ² + ε) · γ + β)`.
pub(crate) fn layer(activation: Activation, x: Tensor<4>, [gamma, beta]: [Tensor<4>; 2]) -> Tensor<4> {
    activate(activation, Sets::layer(&x).standardise(x).unit * gamma + beta)
}

/// Gradients of [`layer`]: of its input, for every image, and of `γ` and `β`, for each
/// image apart.
pub(crate) fn layer_backward(
    activation: Activation,
    x: Tensor<4>,
    [gamma, beta]: [Tensor<4>; 2],
    dy: Tensor<4>,
) -> (Tensor<4>, [Tensor<4>; 2]) {
    let standard = Sets::layer(&x).standardise(x);
    let g = match activation {
        Activation::Identity => dy,
        Activation::Relu => activate_backward(activation, standard.unit.clone() * gamma.clone() + beta, dy),
    };
    (standard.backward(g.clone() * gamma), [g.clone() * standard.unit, g])
}
