//! The plainest forms of the operations, in f64, for one square map.

use redyn_network::{Graph, Weights};

/// Values by row, column and channel.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) side: usize,
    pub(crate) channels: usize,
    pub(crate) values: Vec<f64>,
}

impl Map {
    /// A map whose values are a function of row, column and channel.
    pub(crate) fn of(side: usize, channels: usize, value: impl Fn(usize, usize, usize) -> f64) -> Self {
        let mut values = Vec::new();
        for row in 0..side {
            for column in 0..side {
                values.extend((0..channels).map(|channel| value(row, column, channel)));
            }
        }
        Self { side, channels, values }
    }

    pub(crate) fn at(&self, row: usize, column: usize, channel: usize) -> f64 {
        self.values[(row * self.side + column) * self.channels + channel]
    }

    pub(crate) fn each(&self, value: impl Fn(f64) -> f64) -> Self {
        Self { values: self.values.iter().map(|&x| value(x)).collect(), ..*self }
    }

    /// Two maps of one shape, value by value.
    pub(crate) fn with(&self, other: &Self, value: impl Fn(f64, f64) -> f64) -> Self {
        assert_eq!((self.side, self.channels), (other.side, other.channels));
        Self { values: self.values.iter().zip(&other.values).map(|(&a, &b)| value(a, b)).collect(), ..*self }
    }

    pub(crate) fn relu(&self) -> Self {
        self.each(|x| x.max(0.0))
    }

    /// Kernel and bias `[out, in, row, column]` and `[out]`; a matrix is a kernel of one tap.
    pub(crate) fn conv(&self, weight: &Tensor, bias: Option<&Tensor>, stride: usize, padding: usize) -> Self {
        let kernel = weight.shape.get(2).copied().unwrap_or(1);
        let (side, out) = ((self.side + 2 * padding - kernel) / stride + 1, weight.shape[0]);
        Self::of(side, out, |row, column, o| {
            let mut sum = bias.map_or(0.0, |bias| bias.values[o]);
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let y = (row * stride + ky).wrapping_sub(padding);
                    let x = (column * stride + kx).wrapping_sub(padding);
                    if y < self.side && x < self.side {
                        for i in 0..self.channels {
                            let tap = ((o * self.channels + i) * kernel + ky) * kernel + kx;
                            sum += weight.values[tap] * self.at(y, x, i);
                        }
                    }
                }
            }
            sum
        })
    }

    pub(crate) fn max_pool(&self, size: usize, stride: usize) -> Self {
        Self::of((self.side - size) / stride + 1, self.channels, |row, column, channel| {
            let window = (0..size * size)
                .map(|tap| self.at(row * stride + tap / size, column * stride + tap % size, channel));
            window.fold(f64::NEG_INFINITY, f64::max)
        })
    }

    /// The mean of every channel.
    pub(crate) fn mean(&self) -> Self {
        let pixels = (self.side * self.side) as f64;
        let mean = |channel| self.values.iter().skip(channel).step_by(self.channels).sum::<f64>() / pixels;
        Self::of(1, self.channels, |_, _, channel| mean(channel))
    }

    /// Bilinear, corners on corners.
    pub(crate) fn resize(&self, side: usize) -> Self {
        let place =
            |index: usize| if side == 1 { 0.0 } else { (index * (self.side - 1)) as f64 / (side - 1) as f64 };
        let hat = |distance: f64| (1.0 - distance.abs()).max(0.0);
        Self::of(side, self.channels, |row, column, channel| {
            let mut sum = 0.0;
            for y in 0..self.side {
                for x in 0..self.side {
                    let share = hat(place(row) - y as f64) * hat(place(column) - x as f64);
                    sum += share * self.at(y, x, channel);
                }
            }
            sum
        })
    }

    /// All values with mean 0 and variance 1.
    pub(crate) fn standardise(&self, epsilon: f64) -> Self {
        let n = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / n;
        let variance = self.values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        self.each(|x| (x - mean) / (variance + epsilon).sqrt())
    }
}

/// A weight in f64.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

impl Tensor {
    /// A weight by its name.
    pub(crate) fn of(weights: &Weights, name: &str) -> Self {
        let tensor = weights.0.get(name).unwrap_or_else(|| panic!("no weight `{name}`"));
        Self {
            shape: tensor.shape.clone(),
            values: tensor.data.iter().map(|&value| f64::from(value)).collect(),
        }
    }

    /// A weight stored `[channel, row, column]`, or `[channel]`, as a map.
    pub(crate) fn map(&self) -> Map {
        let side = self.shape.get(1).copied().unwrap_or(1);
        Map::of(side, self.shape[0], |row, column, channel| {
            self.values[(channel * side + row) * side + column]
        })
    }
}

/// Weights of which no tensor is all zeros or all ones, variances positive.
pub(crate) fn lively(graph: &Graph) -> Weights {
    let mut weights = Weights::initial(graph, 5);
    for (index, (name, tensor)) in weights.0.iter_mut().enumerate() {
        for (place, value) in tensor.data.iter_mut().enumerate() {
            let more = 0.1 * ((1 + index + 3 * place) as f32).sin();
            *value += if name.ends_with("variance") { more.abs() } else { more };
        }
    }
    weights
}
