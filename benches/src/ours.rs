//! Our side of the networks: a planned session on an engine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use redyn_core::random::Stream;
use redyn_engine::Engine;
use redyn_network::{Plan, Request, Session, Tensor, Weights};
use redyn_train::{Adam, LossScale, Passes, Recipe, Verdict, batch_gradients, log_probabilities};
use redyn_zoo::{Network, build, read_weights, write_weights};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// What is timed of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// Log-probabilities at every step.
    Forward,
    /// Forward, loss summed over steps, backward, Adam.
    Train,
}

/// A network with weights and images in files that both sides read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) spec: String,
    pub(crate) steps: usize,
    pub(crate) batch: usize,
    pub(crate) weights: PathBuf,
    pub(crate) images: PathBuf,
}

impl Setup {
    /// Write fresh weights and random images into a folder.
    pub(crate) fn write(spec: &str, steps: usize, batch: usize, folder: &Path) -> Result<Self, Failure> {
        let network = build(spec).map_err(Failure::redyn)?;
        let setup = Self {
            spec: spec.into(),
            steps,
            batch,
            weights: folder.join("weights.safetensors"),
            images: folder.join("images.safetensors"),
        };
        let weights = Weights::initial(&network.graph, 1);
        let size = network.card.image_size;
        let mut stream = Stream::new(2, &[]);
        // As normalised pixels are: mean 0, variance 1.
        let bound = 3.0_f64.sqrt();
        let pixels = (0..batch * size * size * 3).map(|_| stream.between(-bound, bound) as f32).collect();
        let labels = (0..batch).map(|_| stream.below(network.card.classes) as f32).collect();
        let tensors = Weights(
            [
                ("images".to_owned(), Tensor { shape: vec![batch, size, size, 3], data: pixels }),
                ("labels".to_owned(), Tensor { shape: vec![batch], data: labels }),
            ]
            .into(),
        );
        for (path, tensors) in [(&setup.weights, &weights), (&setup.images, &tensors)] {
            write_weights(path, tensors, &HashMap::new()).map_err(Failure::redyn)?;
        }
        Ok(setup)
    }
}

/// A network ready to run.
pub(crate) struct Ours<'e, E: Engine> {
    network: Network,
    weights: Weights,
    session: Session<'e, E>,
    adam: Adam,
    images: Vec<f32>,
    labels: Vec<usize>,
    steps: usize,
    parts: usize,
    loss_scale: LossScale,
}

impl<'e, E: Engine> Ours<'e, E> {
    /// Ready to train in so many parts side by side.
    pub(crate) fn load(engine: &'e E, setup: &Setup, parts: usize) -> Result<Self, Failure> {
        let network = build(&setup.spec).map_err(Failure::redyn)?;
        let (weights, _) = read_weights(&setup.weights).map_err(Failure::redyn)?;
        let (mut data, _) = read_weights(&setup.images).map_err(Failure::redyn)?;
        let mut take = |name: &str| data.0.remove(name).map(|tensor| tensor.data).unwrap_or_default();
        let (images, labels) = (take("images"), take("labels"));
        let plan = Plan::new(&network.graph, &Request::readout(setup.steps)).map_err(Failure::redyn)?;
        let session = Session::new(engine, &network.graph, plan, &weights).map_err(Failure::redyn)?;
        Ok(Self {
            labels: labels.into_iter().map(|label| label as usize).collect(),
            adam: Adam::new(1e-3),
            steps: setup.steps,
            parts,
            loss_scale: LossScale::first(engine.precision()),
            network,
            weights,
            session,
            images,
        })
    }

    fn logits(&self, value: &E::Value) -> Vec<f32> {
        let mut logits = vec![0.0; self.labels.len() * self.network.card.classes];
        self.session.engine().read(value, &mut logits);
        logits
    }

    /// Log-probabilities: `[step, image, class]`.
    pub(crate) fn forward(&self) -> Vec<f64> {
        let mut outputs = vec![Vec::new(); self.steps];
        self.session.run(&self.images, |emission| {
            let logits = self.logits(emission.value);
            outputs[emission.step] =
                logits.chunks_exact(self.network.card.classes).flat_map(log_probabilities).collect();
        });
        outputs.concat()
    }

    /// One update, as [`redyn_train::Trainer`] does it; the loss before it, summed over steps.
    pub(crate) fn train(&mut self) -> f64 {
        let part = self.labels.len().div_ceil(self.parts);
        let recipe = Recipe { part, steps: self.steps, ..Recipe::default() };
        let passes = Passes { at_once: self.parts, loss_scale: self.loss_scale.factor() };
        let of_batch = batch_gradients(&self.session, &recipe, (&self.images, &self.labels), passes);
        let finite = of_batch.gradients.iter().flatten().flatten().all(|value| value.is_finite());
        if self.loss_scale.adapt(finite) == Verdict::Use {
            self.adam.update(&self.network.graph, &mut self.weights, &of_batch.gradients);
            self.session.load(&self.weights);
        }
        of_batch.loss(&recipe)
    }

    /// Seconds of some forward passes or training steps.
    pub(crate) fn seconds(&mut self, what: What, repetitions: usize) -> f64 {
        let start = Instant::now();
        for _ in 0..repetitions {
            match what {
                What::Forward => drop(std::hint::black_box(self.forward())),
                What::Train => _ = std::hint::black_box(self.train()),
            }
        }
        start.elapsed().as_secs_f64()
    }
}
