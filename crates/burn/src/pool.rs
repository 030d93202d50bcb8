//! Pooling, and resampling of maps.

use std::ops::Range;

use burn_tensor::{Bool, Slice, Tensor, TensorData};
use redyn_engine::Windows;

/// Windows on the maps of a batch.
///
/// Burn has a max pool of its own; a GPU's lets a window with NaN answer −∞ and takes the
/// last of equal values, which here must be NaN and the first.
pub(crate) struct MaxPool {
    windows: Windows,
    batch: usize,
    map: [usize; 2],
    channels: usize,
    /// Number of windows along height and width.
    counts: [usize; 2],
}

impl MaxPool {
    pub(crate) fn new(windows: Windows, x: &Tensor<4>) -> Self {
        let [batch, height, width, channels] = x.dims();
        let Windows { size, stride, padding } = windows;
        let count = |side: usize| (side + padding.before + padding.after - size) / stride + 1;
        Self { windows, batch, map: [height, width], channels, counts: [height, width].map(count) }
    }

    /// Sides of the map with its padding, as far as windows reach.
    fn padded(&self) -> [usize; 2] {
        let Windows { size, stride, padding } = self.windows;
        [0, 1].map(|axis| ((self.counts[axis] - 1) * stride + size).max(padding.before + self.map[axis]))
    }

    fn is_padded(&self) -> bool {
        self.padded() != self.map
    }

    /// Where the map lies within its padding.
    fn inside(&self) -> [Range<usize>; 4] {
        let before = self.windows.padding.before;
        let [rows, columns] = self.map.map(|side| before..before + side);
        [0..self.batch, rows, columns, 0..self.channels]
    }

    /// One place of every window, of the places in row-major order.
    fn place(&self, index: usize) -> [Slice; 4] {
        let Windows { size, stride, .. } = self.windows;
        let along = |first: usize, count: usize| {
            let end = first + (count - 1) * stride + 1;
            Slice::new(first as isize, Some(end as isize), stride as isize)
        };
        let all = Slice::new(0, None, 1);
        [all, along(index / size, self.counts[0]), along(index % size, self.counts[1]), all]
    }

    /// The largest value of every window, and for each place but the first whether it beat
    /// those before it.
    fn compete(&self, x: &Tensor<4>) -> (Tensor<4>, Vec<Tensor<4, Bool>>) {
        let x = if self.is_padded() {
            let [height, width] = self.padded();
            let outside = Tensor::full(
                [self.batch, height, width, self.channels],
                f32::NEG_INFINITY,
                (&x.device(), x.dtype()),
            );
            outside.slice_assign(self.inside(), x.clone())
        } else {
            x.clone()
        };
        let mut best = x.clone().slice(self.place(0));
        let mut beats = Vec::new();
        for index in 1..self.windows.size * self.windows.size {
            let next = x.clone().slice(self.place(index));
            let better = next.clone().greater(best.clone()).bool_or(next.clone().is_nan());
            best = best.mask_where(better.clone(), next);
            beats.push(better);
        }
        (best, beats)
    }

    /// The largest value of every window.
    pub(crate) fn forward(&self, x: &Tensor<4>) -> Tensor<4> {
        self.compete(x).0
    }

    /// A window's gradient goes to its first maximum.
    pub(crate) fn backward(&self, x: &Tensor<4>, dy: Tensor<4>) -> Tensor<4> {
        let (_, beats) = self.compete(x);
        let [height, width] = self.padded();
        let options = (&dy.device(), dy.dtype());
        let mut dx = Tensor::zeros([self.batch, height, width, self.channels], options);
        let overlap = self.windows.stride < self.windows.size;
        let mut give = |index: usize, gradient: Tensor<4>| {
            let place = self.place(index);
            dx.inplace(|dx| {
                let gradient = if overlap { dx.clone().slice(place) + gradient } else { gradient };
                dx.slice_assign(place, gradient)
            });
        };
        // The last place that beat all before it has won: what comes after it has not.
        let mut rest = dy;
        for (index, beat) in beats.into_iter().enumerate().rev() {
            give(index + 1, rest.clone().mask_fill(beat.clone().bool_not(), 0.0));
            rest = rest.mask_fill(beat, 0.0);
        }
        give(0, rest);
        if self.is_padded() { dx.slice(self.inside()) } else { dx }
    }
}

/// Mean over all pixels.
pub(crate) fn average(x: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let means = x.reshape([batch, height * width, channels]).mean_dim(1);
    means.reshape([batch, 1, 1, channels])
}

/// Gradient of [`average`].
pub(crate) fn average_backward(dy: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [batch, _, _, channels] = dy.dims();
    dy.div_scalar((height * width) as f64).expand([batch, height, width, channels])
}

/// What every output along one axis takes of every input: `[output, input]`.
pub(crate) struct Shares {
    outputs: usize,
    inputs: usize,
    matrix: Vec<f32>,
}

impl Shares {
    fn new(outputs: usize, inputs: usize, share: impl Fn(usize, usize) -> f64) -> Self {
        let matrix = (0..outputs * inputs).map(|i| share(i / inputs, i % inputs) as f32).collect();
        Self { outputs, inputs, matrix }
    }

    /// Means over windows that cover the axis: window `i` of `n` from `⌊i·inputs / n⌋` to
    /// `⌈(i + 1)·inputs / n⌉`.
    pub(crate) fn means(outputs: usize, inputs: usize) -> Self {
        Self::new(outputs, inputs, |output, input| {
            let window = output * inputs / outputs..((output + 1) * inputs).div_ceil(outputs);
            if window.contains(&input) { 1.0 / window.len() as f64 } else { 0.0 }
        })
    }

    /// Linear interpolation, ends on ends: output `i` of `n` lies at `i · (inputs − 1) / (n − 1)`.
    pub(crate) fn between(outputs: usize, inputs: usize) -> Self {
        Self::new(outputs, inputs, |output, input| {
            let place =
                if outputs == 1 { 0.0 } else { (output * (inputs - 1)) as f64 / (outputs - 1) as f64 };
            (1.0 - (place - input as f64).abs()).max(0.0)
        })
    }

    fn transposed(&self) -> Self {
        Self::new(self.inputs, self.outputs, |output, input| {
            f64::from(self.matrix[input * self.inputs + output])
        })
    }
}

/// `rows · x · columnsᵀ`, for every channel.
pub(crate) fn resample(x: Tensor<4>, [rows, columns]: [&Shares; 2]) -> Tensor<4> {
    let [batch, _, _, channels] = x.dims();
    let options = (&x.device(), x.dtype());
    let matrix = |shares: &Shares| {
        let data = TensorData::new(shares.matrix.clone(), [1, shares.outputs, shares.inputs]);
        Tensor::<3>::from_data(data, options)
    };
    let (down, across) = (matrix(rows), matrix(columns));
    let x = down.matmul(x.reshape([batch, rows.inputs, columns.inputs * channels]));
    let x = across.matmul(x.reshape([batch * rows.outputs, columns.inputs, channels]));
    x.reshape([batch, rows.outputs, columns.outputs, channels])
}

/// Gradient of [`resample`].
pub(crate) fn resample_backward(dy: Tensor<4>, [rows, columns]: [&Shares; 2]) -> Tensor<4> {
    resample(dy, [&rows.transposed(), &columns.transposed()])
}
