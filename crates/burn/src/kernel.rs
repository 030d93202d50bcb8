//! Convolutions and matrix products: everything with a kernel, both ways.
//!
//! Burn's convolutions take `[image, channel, row, column]` and a kernel `[out, in, row,
//! column]`. Ours are handed over as views of `[image, row, column, channel]` — on GPUs the
//! order Burn's own kernels work in, so that no copy is made.

use burn_tensor::module::{conv_transpose2d, conv2d, conv2d_weight_backward};
use burn_tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn_tensor::{DType, Tensor};
use redyn_engine::{Conv, ConvTranspose, Padding};

/// The windows of a convolution from a larger map to a smaller one.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    kernel: usize,
    stride: usize,
    padding: Padding,
    groups: usize,
}

impl From<Conv> for Window {
    fn from(Conv { kernel, stride, padding, groups, .. }: Conv) -> Self {
        Self { kernel, stride, padding, groups }
    }
}

/// Those of the convolution whose adjoint it is.
impl From<ConvTranspose> for Window {
    fn from(ConvTranspose { kernel, stride, .. }: ConvTranspose) -> Self {
        Self { kernel, stride, padding: Padding::even(kernel / 2), groups: 1 }
    }
}

fn channels_first(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

fn channels_last(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

impl Window {
    fn options(self) -> ConvOptions<2> {
        let Padding { before, after } = self.padding;
        ConvOptions::new_with_padding([self.stride; 2], [(before, after); 2], [1; 2], self.groups)
    }

    /// Every window's product with the kernel, in the precision of the kernel.
    pub(crate) fn gather(self, x: Tensor<4>, kernel: Tensor<4>) -> Tensor<4> {
        let x = x.cast(kernel.dtype());
        channels_last(conv2d(channels_first(x), kernel, None, self.options()))
    }

    /// The adjoint of [`Window::gather`]: every value times the kernel, added where its
    /// window was, to a map of `height × width`.
    pub(crate) fn scatter(self, y: Tensor<4>, kernel: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
        let y = y.cast(kernel.dtype());
        let Padding { before, after } = self.padding;
        if self.stride == 1 && self.groups == 1 && before.max(after) < self.kernel {
            // A convolution with the kernel turned around: GPUs have faster kernels for those.
            let reach = self.kernel - 1;
            let padding = Padding { before: reach - before, after: reach - after };
            return Self { padding, ..self }.gather(y, kernel.swap_dims(0, 1).flip([2, 3]));
        }
        let [batch, rows, columns, _] = y.dims();
        // With its padding, which is cut off again where it is not the same on every side.
        let cut = before != after;
        let padding = if cut { 0 } else { before };
        // What windows did not reach below and on the right.
        let rest =
            |side: usize, windows: usize| side + before + after - ((windows - 1) * self.stride + self.kernel);
        let options = ConvTransposeOptions::new(
            [self.stride; 2],
            [padding; 2],
            [rest(height, rows), rest(width, columns)],
            [1; 2],
            self.groups,
        );
        let x = channels_last(conv_transpose2d(channels_first(y), kernel, None, options));
        let channels = x.dims()[3];
        if cut {
            x.slice([0..batch, before..before + height, before..before + width, 0..channels])
        } else {
            x
        }
    }

    /// Gradient of the kernel of [`Window::gather`] at `x`, given that of its output.
    pub(crate) fn gradient(self, x: Tensor<4>, kernel: Tensor<4>, dy: Tensor<4>) -> Tensor<4> {
        let (x, dy) = (x.cast(kernel.dtype()), dy.cast(kernel.dtype()));
        let options = self.options();
        conv2d_weight_backward(channels_first(x), kernel, channels_first(dy), options).cast(DType::F32)
    }
}

/// A matrix `[1, 1, out, in]` as one, and vectors as its rows.
fn rows(x: Tensor<4>) -> Tensor<2> {
    let [a, b, c, d] = x.dims();
    x.reshape([a * b * c, d])
}

fn vectors(x: Tensor<2>) -> Tensor<4> {
    let [n, channels] = x.dims();
    x.reshape([n, 1, 1, channels])
}

/// `x Wᵀ`.
pub(crate) fn linear(x: Tensor<4>, matrix: Tensor<4>) -> Tensor<4> {
    vectors(rows(x.cast(matrix.dtype())).matmul(rows(matrix).transpose()))
}

/// Gradient of the input of [`linear`].
pub(crate) fn linear_input(dy: Tensor<4>, matrix: Tensor<4>) -> Tensor<4> {
    vectors(rows(dy.cast(matrix.dtype())).matmul(rows(matrix)))
}

/// Gradient of the matrix of [`linear`].
pub(crate) fn linear_gradient(x: Tensor<4>, matrix: &Tensor<4>, dy: Tensor<4>) -> Tensor<4> {
    let (x, dy) = (x.cast(matrix.dtype()), dy.cast(matrix.dtype()));
    rows(dy).transpose().matmul(rows(x)).reshape(matrix.dims()).cast(DType::F32)
}
