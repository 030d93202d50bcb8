//! From images to a store of trajectories.

mod forecast;
mod prepared;

use std::path::Path;

use ndarray::{Array2, Array3, ArrayD, ArrayViewD, Axis, IxDyn};
use redyn_core::{Bytes, Diagnose, Fault, Shard, Stop};
use redyn_engine::Engine;
use redyn_network::{Intervention, NetworkError, Session};
use redyn_stimuli::{DataSet, Loader, LoaderOptions, Order, StimuliError};
use redyn_store::{BlockData, StoreWriter};
use redyn_zoo::Misfit;

pub use self::forecast::{Forecast, forecast};
use self::prepared::Prepared;
pub(crate) use self::prepared::spread;
use crate::Trained;

/// What is recorded, of which images, for how long.
#[derive(Clone, Debug)]
pub struct UnrollOptions {
    /// Short name of the trajectories; absent: the network's letters, and `untrained`.
    pub name: Option<String>,
    /// Split of the data set.
    pub split: String,
    /// Only so many images, spread evenly over the split.
    pub limit: Option<usize>,
    /// Number of steps.
    pub steps: usize,
    /// Areas to record beside the one the readout reads.
    pub areas: Vec<String>,
    /// What is done to the network's edges.
    pub interventions: Vec<Intervention>,
    /// The part of the store that is written; the others may be written meanwhile, elsewhere.
    pub shard: Shard,
    /// Bytes that values, images and a block of the store may take together.
    pub memory: u64,
    /// The data set, as it was named; for the record.
    pub data: String,
    /// Command line, for the record.
    pub command: Vec<String>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrolled {
    /// Every image of the part is in the store; without parts, the store is complete.
    Complete,
    /// Stopped on request; it can be continued.
    Stopped,
}

/// Why trajectories cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnrollError {
    /// The budget does not hold a single image.
    #[error("one image takes {needed} of memory, the budget is {budget}")]
    Memory {
        /// What one image takes.
        needed: Bytes,
        /// The budget.
        budget: Bytes,
    },
    /// More or fewer classes than the network has, or another image size.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// No images were asked for.
    #[error("no image to unroll")]
    NoImages,
    /// Something about the network or the request.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Something about the images.
    #[error(transparent)]
    Stimuli(#[from] StimuliError),
    /// Something about the store.
    #[error(transparent)]
    Store(#[from] redyn_store::Error),
}

impl Diagnose for UnrollError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Memory { .. } => Some("raise --memory, record fewer areas, or unroll fewer steps".into()),
            Self::Misfit(_) => {
                Some("use the data set the network was trained on, or one with the same classes".into())
            }
            Self::NoImages => Some("raise --limit".into()),
            Self::Network(error) => error.hint(),
            Self::Stimuli(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Network(error) => error.fault(),
            Self::Stimuli(error) => error.fault(),
            Self::Store(error) => error.fault(),
            _ => Fault::User,
        }
    }
}

/// Run a network over a split and record logits and areas at every step.
///
/// A store that was begun at `path` with the same weights, images and settings is
/// continued. `watch` hears how many images are done, of how many. Once all parts of a store that was
/// divided are there, [`redyn_store::complete`] completes it.
///
/// # Errors
/// Whatever of network, images or store makes it impossible; all of it is found before
/// the first image is computed, but for images that do not decode, activations that
/// are not finite, and a disk that fills up meanwhile.
pub fn unroll<E: Engine>(
    engine: &E,
    trained: &Trained,
    data: &DataSet,
    path: &Path,
    options: &UnrollOptions,
    stop: &Stop,
    watch: &mut dyn FnMut(usize, usize),
) -> Result<Unrolled, UnrollError> {
    let Prepared { plan, store: store_plan, indices, batch, .. } =
        Prepared::new(engine.path(), trained, data, options)?;
    let steps = plan.tap_steps();
    let card = &trained.network.card;
    let split = data.split(&options.split)?;
    let mut writer = StoreWriter::create_or_resume_part(path, &store_plan, options.shard)?;
    let (mut n_done, n_images) = (writer.n_images_done(), writer.n_images());
    watch(n_done, n_images);
    if n_done == n_images {
        writer.finish()?;
        return Ok(Unrolled::Complete);
    }
    let session = Session::new(engine, &trained.network.graph, plan, &trained.weights)?;
    let normalisation = trained.normalised.of(data)?;
    let loading = LoaderOptions {
        order: Order::Listed(writer.blocks_left().flatten().map(|image| indices[image]).collect()),
        ..LoaderOptions::new(batch, normalisation)
    };
    let mut batches = Loader::new(split, loading)?;
    // Batches never straddle two blocks: what is left of a batch waits for the next one.
    let mut waiting: Vec<f32> = Vec::new();
    let pixels = trained.network.graph.image_shape().len();
    while let Some(images) = writer.next_block() {
        let n = images.len();
        let mut logits = Array3::<f32>::zeros((n, steps[0].len(), card.classes));
        let mut recorded: Vec<ArrayD<f32>> = store_plan
            .taps
            .iter()
            .map(|tap| {
                let dims: Vec<usize> =
                    [n, tap.steps.len()].into_iter().chain(tap.shape.iter().map(|axis| axis.size)).collect();
                ArrayD::zeros(IxDyn(&dims))
            })
            .collect();
        let mut done = 0;
        while done < n {
            if stop.requested() {
                return Ok(Unrolled::Stopped);
            }
            if waiting.is_empty() {
                waiting = batches.next().expect("as many images as planned")?.images;
            }
            let now = (waiting.len() / pixels).min(n - done);
            let rest = waiting.split_off(now * pixels);
            session.run(&waiting, |emission| {
                let at = steps[emission.tap].binary_search(&emission.step).expect("a planned step");
                let mut values = vec![0.0; now * emission.shape.len()];
                engine.read(emission.value, &mut values);
                if emission.tap == 0 {
                    let values = Array2::from_shape_vec((now, card.classes), values).expect("as planned");
                    logits.slice_mut(ndarray::s![done..done + now, at, ..]).assign(&values);
                } else {
                    let target = &mut recorded[emission.tap - 1];
                    let mut target = target.slice_axis_mut(Axis(0), (done..done + now).into());
                    let mut target = target.index_axis_mut(Axis(1), at);
                    let values = ArrayViewD::from_shape(target.shape(), &values).expect("as planned");
                    target.assign(&values);
                }
            });
            waiting = rest;
            done += now;
            n_done += now;
            watch(n_done, n_images);
        }
        let taps = recorded.iter().map(|values| values.view()).collect();
        writer.write(&BlockData { images, outputs: logits.view(), taps })?;
    }
    writer.finish()?;
    Ok(Unrolled::Complete)
}
