//! Adam, as PyTorch computes it.

use std::collections::BTreeMap;

use rayon::prelude::*;
use redyn_network::{Graph, Weights};

/// The optimiser's settings and memory.
///
/// `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
/// `w ← w − lr · (m / (1 − β₁ᵏ)) / (√(v / (1 − β₂ᵏ)) + ε)` at update `k`.
///
/// A parameter without a gradient is left as it is, its moments too.
///
/// Reference: Kingma & Ba (2015); `torch.optim.Adam` without decay.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f64,
    /// Memory of the mean gradient.
    pub beta1: f64,
    /// Memory of the mean squared gradient.
    pub beta2: f64,
    /// Guard of the division.
    pub epsilon: f64,
    /// Updates so far.
    pub updates: u64,
    /// `(m, v)` of every parameter that ever had a gradient.
    pub moments: BTreeMap<String, (Vec<f32>, Vec<f32>)>,
}

impl Adam {
    /// PyTorch's defaults but for the step size.
    pub fn new(learning_rate: f64) -> Self {
        Self { learning_rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, updates: 0, moments: BTreeMap::new() }
    }

    /// Update the weights by one step; running averages are left to [`follow`](crate::follow).
    ///
    /// # Shapes
    /// - `gradients`: one for each parameter of the graph, in its order and shape
    pub fn update(&mut self, graph: &Graph, weights: &mut Weights, gradients: &[Option<Vec<f32>>]) {
        self.updates += 1;
        let k = i32::try_from(self.updates).unwrap_or(i32::MAX);
        let (c1, c2) = (1.0 - self.beta1.powi(k), 1.0 - self.beta2.powi(k));
        let step = (self.learning_rate / c1) as f32;
        let root = c2.sqrt() as f32;
        let (beta1, beta2, epsilon) = (self.beta1 as f32, self.beta2 as f32, self.epsilon as f32);
        // 1 − β in f64, rounded once: 1 − 0.999 in f32 is off by 1e-5 of itself.
        let (rest1, rest2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        for (parameter, gradient) in graph.parameters().iter().zip(gradients) {
            let (Some(gradient), None) = (gradient, parameter.averaging) else { continue };
            let n = gradient.len();
            let (m, v) =
                self.moments.entry(parameter.name.clone()).or_insert_with(|| (vec![0.0; n], vec![0.0; n]));
            let w = &mut weights.0.get_mut(&parameter.name).expect("checked weights").data;
            w.par_iter_mut().zip(m).zip(v).zip(gradient).with_min_len(1 << 14).for_each(
                |(((w, m), v), &g)| {
                    *m = beta1 * *m + rest1 * g;
                    *v = beta2 * *v + rest2 * g * g;
                    *w -= step * *m / (v.sqrt() / root + epsilon);
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use redyn_zoo::build;

    use super::*;

    #[test]
    fn the_first_step_is_the_learning_rate_against_the_gradients_sign() {
        let graph = build("blt64:width=0.05,image_size=8,classes=3").unwrap().graph;
        let before = Weights::initial(&graph, 1);
        let mut weights = before.clone();
        let gradients: Vec<Option<Vec<f32>>> = graph
            .parameters()
            .iter()
            .map(|parameter| {
                (parameter.name != "v1.lateral.weight").then(|| vec![-0.3; parameter.shape.iter().product()])
            })
            .collect();
        let mut adam = Adam::new(1e-3);
        adam.update(&graph, &mut weights, &gradients);
        for (name, tensor) in &weights.0 {
            let moved = if name == "v1.lateral.weight" { 0.0 } else { 1e-3 };
            for (after, before) in tensor.data.iter().zip(&before.0[name].data) {
                assert!((after - before - moved).abs() < 1e-6, "{name}");
            }
        }
        assert!(!adam.moments.contains_key("v1.lateral.weight"));
    }
}
