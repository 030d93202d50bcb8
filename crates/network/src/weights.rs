//! The tensors of a network, by the names of the reference's checkpoints.

use std::collections::BTreeMap;

use redyn_core::random::Stream;

use crate::{Graph, Init, NetworkError};

/// A tensor in the layout of checkpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub data: Vec<f32>,
}

/// All tensors of a network, trained and averaged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(pub BTreeMap<String, Tensor>);

impl Weights {
    /// Fresh weights: every parameter as its network starts it.
    ///
    /// A parameter's values depend on the seed and on its name alone, so that two
    /// networks of one seed share what they have in common.
    pub fn initial(graph: &Graph, seed: u64) -> Self {
        let tensors = graph.parameters().iter().map(|parameter| {
            let mut stream = Stream::new(seed, &[hash(&parameter.name)]);
            let n = parameter.shape.iter().product();
            let data = match parameter.init {
                Init::Zeros => vec![0.0; n],
                Init::Ones => vec![1.0; n],
                Init::Constant { value } => vec![value; n],
                Init::Uniform { bound } => (0..n).map(|_| stream.between(-bound, bound) as f32).collect(),
                Init::Normal { deviation } => (0..n).map(|_| (deviation * stream.normal()) as f32).collect(),
            };
            (parameter.name.clone(), Tensor { shape: parameter.shape.clone(), data })
        });
        Self(tensors.collect())
    }

    /// Check that these are the weights of a network: nothing missing, nothing
    /// unexpected, every shape right, every value finite.
    ///
    /// # Errors
    /// All keys at fault at once.
    pub fn check(&self, graph: &Graph) -> Result<(), NetworkError> {
        let mut faults = Vec::new();
        for parameter in graph.parameters() {
            match self.0.get(&parameter.name) {
                None => faults.push(format!("missing `{}` {:?}", parameter.name, parameter.shape)),
                Some(tensor) if tensor.shape != parameter.shape => faults.push(format!(
                    "`{}` has shape {:?}, the network expects {:?}",
                    parameter.name, tensor.shape, parameter.shape
                )),
                Some(_) => {}
            }
        }
        for (name, tensor) in &self.0 {
            if !graph.parameters().iter().any(|parameter| parameter.name == *name) {
                faults.push(format!("unexpected `{name}` {:?}", tensor.shape));
            }
        }
        if !faults.is_empty() {
            return Err(NetworkError::Weights { faults });
        }
        for (name, tensor) in &self.0 {
            let bad = |value: &&f32| !value.is_finite();
            if let Some(first) = tensor.data.iter().position(|value| !value.is_finite()) {
                let count = tensor.data.iter().filter(bad).count();
                return Err(NetworkError::WeightNotFinite { name: name.clone(), count, first });
            }
        }
        Ok(())
    }
}

/// FNV-1a, 64 bit.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
