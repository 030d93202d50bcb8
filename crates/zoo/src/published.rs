//! How the files that a network's authors publish are read.

use std::collections::BTreeMap;

use redyn_network::Tensor;

/// What the keys of a published checkpoint mean.
#[derive(Clone, Copy)]
pub(crate) struct Published {
    /// In which order its dimensions are.
    pub(crate) layout: Layout,
    /// The parameter that a key holds; none: a counter, or what an optimiser remembers.
    pub(crate) parameter: fn(&str) -> Option<String>,
    /// The settings that keys, shapes and the file's name tell.
    pub(crate) infer: fn(&Evidence) -> Inference,
}

impl Published {
    /// A checkpoint of PyTorch whose keys are the parameters' own names.
    pub(crate) const fn pytorch(infer: fn(&Evidence) -> Inference) -> Self {
        Self { layout: Layout::PyTorch, parameter: torch_parameter, infer }
    }

    /// A checkpoint of TensorFlow or Keras.
    pub(crate) const fn tensorflow(infer: fn(&Evidence) -> Inference) -> Self {
        Self { layout: Layout::TensorFlow, parameter: tensorflow_parameter, infer }
    }
}

/// Every variable but what an optimiser remembers, without the number of the output that gives
/// it. Keras repeats the layer's name: `layer/layer/kernel:0`.
fn tensorflow_parameter(key: &str) -> Option<String> {
    let name = key.trim_start_matches('/').trim_end_matches(":0");
    let name = match name.split_once('/') {
        Some((layer, rest)) if rest.starts_with(&format!("{layer}/")) => rest,
        _ => name,
    };
    (!name.ends_with("/Momentum") && name != "global_step").then(|| name.to_owned())
}

/// Every key but the counter of batch norm.
pub(crate) fn torch_parameter(key: &str) -> Option<String> {
    (!key.ends_with("num_batches_tracked")).then(|| key.to_owned())
}

/// In which order a checkpoint keeps the dimensions of kernels and matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Kernels `[out, in, row, column]`, matrices `[out, in]`: as the parameters.
    PyTorch,
    /// Kernels `[row, column, in, out]` (depthwise: `[row, column, channel, 1]`), matrices `[in, out]`.
    TensorFlow,
}

impl Layout {
    /// The dimension of the file that each dimension of the parameter is.
    pub(crate) fn axes(self, key: &str, n_axes: usize) -> Vec<usize> {
        match (self, n_axes) {
            (Self::TensorFlow, 2) => vec![1, 0],
            (Self::TensorFlow, 3) => vec![2, 0, 1],
            (Self::TensorFlow, 4) if key.contains("depthwise") => vec![2, 3, 0, 1],
            (Self::TensorFlow, 4) => vec![3, 2, 0, 1],
            _ => (0..n_axes).collect(),
        }
    }
}

/// A tensor with its dimensions in another order.
pub(crate) fn turn(tensor: Tensor, axes: &[usize]) -> Tensor {
    if axes.is_sorted() {
        return tensor;
    }
    let shape: Vec<usize> = axes.iter().map(|&axis| tensor.shape[axis]).collect();
    let stride = |axis: usize| tensor.shape[axis + 1..].iter().product::<usize>();
    let strides: Vec<usize> = axes.iter().map(|&axis| stride(axis)).collect();
    let mut index = vec![0; shape.len()];
    let mut data = Vec::with_capacity(tensor.data.len());
    for _ in 0..tensor.data.len() {
        data.push(tensor.data[index.iter().zip(&strides).map(|(at, stride)| at * stride).sum::<usize>()]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Tensor { shape, data }
}

/// What is known of a checkpoint before its network is.
pub(crate) struct Evidence<'e> {
    /// Shapes by the parameters' names, in the parameters' layout.
    pub(crate) shapes: &'e BTreeMap<String, Vec<usize>>,
    /// The file's name without its ending.
    pub(crate) name: &'e str,
}

impl Evidence<'_> {
    pub(crate) fn has(&self, parameter: &str) -> bool {
        self.shapes.contains_key(parameter)
    }

    /// Length of a parameter along a dimension.
    pub(crate) fn length(&self, parameter: &str, axis: usize) -> Option<usize> {
        self.shapes.get(parameter)?.get(axis).copied()
    }

    /// The number of classes, by the length of the readout's weights. Of several readouts the one
    /// that is there counts.
    pub(crate) fn classes(&self, readouts: &[&str]) -> Inference {
        let classes = readouts.iter().find_map(|readout| self.length(readout, 0));
        let settings = classes.map(|classes| ("classes", classes.to_string())).into_iter().collect();
        Inference { settings, ..Inference::default() }
    }

    /// The value of a part of the file's name, up to the next underscore.
    pub(crate) fn part(&self, mark: &str) -> Option<&str> {
        let (_, rest) = self.name.split_once(mark)?;
        rest.split('_').next()
    }
}

/// What a checkpoint tells of its network.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Inference {
    /// Keys and values of settings.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Settings that matter and cannot be told.
    pub(crate) undecided: Vec<Undecided>,
    /// Steps it was trained with.
    pub(crate) steps: Option<usize>,
    /// Training epoch; −1 is the untrained network.
    pub(crate) epoch: Option<i64>,
    /// Which of several networks of its kind it is.
    pub(crate) number: Option<u64>,
}

/// A setting that has to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undecided {
    pub(crate) setting: &'static str,
    /// What is missing or contradicts itself.
    pub(crate) why: String,
    /// A value it could have.
    pub(crate) example: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_and_matrices_are_turned_to_the_parameters_layout() {
        // numpy 2.4: np.arange(24.).reshape(1, 2, 3, 4).transpose(3, 2, 0, 1).ravel()[:8]
        let tensor = Tensor { shape: vec![1, 2, 3, 4], data: (0..24).map(|value| value as f32).collect() };
        let turned = turn(tensor.clone(), &Layout::TensorFlow.axes("conv/weights", 4));
        assert_eq!(turned.shape, [4, 3, 1, 2]);
        assert_eq!(turned.data[..8], [0., 12., 4., 16., 8., 20., 1., 13.]);
        let depthwise = turn(tensor.clone(), &Layout::TensorFlow.axes("tau/depthwise_weights", 4));
        assert_eq!(depthwise.shape, [3, 4, 1, 2]);
        assert_eq!(turn(tensor.clone(), &Layout::PyTorch.axes("conv.weight", 4)), tensor);
        let matrix = Tensor { shape: vec![2, 3], data: vec![0., 1., 2., 3., 4., 5.] };
        assert_eq!(turn(matrix, &Layout::TensorFlow.axes("kernel", 2)).data, [0., 3., 1., 4., 2., 5.]);
    }
}
