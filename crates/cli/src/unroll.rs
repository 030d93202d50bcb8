//! From images to a store of trajectories.

use std::path::Path;

use ndarray::{Array1, Array2, Array3, ArrayD, ArrayViewD, Axis, IxDyn};
use redyn_core::{Bytes, Diagnose, Fault, Readout, Stop};
use redyn_engine::{Engine, Shape};
use redyn_network::{Intervention, NetworkError, Plan, Request, Session, Steps, TapRequest};
use redyn_stimuli::{DataSet, Loader, LoaderOptions, Order, StimuliError};
use redyn_store::{About, BlockData, Outputs, PlannedReadout, StorePlan, StoreWriter, Tap, UnitAxis};
use redyn_zoo::{Misfit, digest};

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
    /// Every image is in the store.
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
/// continued. `watch` hears how many images are done, of how many.
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
    let card = &trained.network.card;
    card.check_data(data.classes.len(), data.image_size)?;
    let split = data.split(&options.split)?;
    let indices = spread(split.len(), options.limit);
    if indices.is_empty() {
        return Err(UnrollError::NoImages);
    }

    let mut areas = vec![card.readout.area.clone()];
    areas.extend(options.areas.iter().filter(|area| **area != card.readout.area).cloned());
    let all_steps = |name: &String| TapRequest { name: name.clone(), steps: Steps::All };
    let request = Request {
        steps: options.steps,
        taps: std::iter::once(&card.readout.tap).chain(&areas).map(all_steps).collect(),
        interventions: options.interventions.clone(),
    };
    let plan = Plan::new(&trained.network.graph, &request)?;
    let (steps, shapes, reached) = (plan.tap_steps(), plan.tap_shapes(), plan.tap_reached());
    let taps = (1..=areas.len()).map(|tap| Tap {
        area: areas[tap - 1].clone(),
        shape: axes(shapes[tap]),
        steps: steps[tap].clone(),
        depends_on_image_from: reached[tap].unwrap_or(options.steps),
    });

    let store_plan = StorePlan {
        about: about(engine, trained, data, options)?,
        labels: indices.iter().map(|&index| split.label(index)).collect(),
        image_ids: indices.iter().map(|&index| split.id(index)).collect(),
        n_steps: options.steps,
        outputs: Outputs::Logits,
        output_steps: steps[0].clone(),
        taps: taps.collect(),
        readout: readout(trained),
        block: 1,
    };
    let per_image = plan.memory_per_image() as u64 + 4 * trained.network.graph.image_shape().len() as u64;
    let stored = store_plan.bytes_per_image();
    if per_image + stored > options.memory {
        let (needed, budget) = (Bytes(per_image + stored), Bytes(options.memory));
        return Err(UnrollError::Memory { needed, budget });
    }
    // A block, held once more while it is written; the rest for the batch that computes it.
    let store_plan = store_plan.with_block_in(options.memory - per_image)?;
    let block_bytes = 2 * stored * store_plan.block as u64;
    let batch = (options.memory.saturating_sub(block_bytes) / per_image).clamp(1, BATCH) as usize;

    let mut writer = StoreWriter::create_or_resume(path, &store_plan)?;
    let (first, n_images) = (writer.n_images_done(), indices.len());
    watch(first, n_images);
    if first == n_images {
        writer.finish()?;
        return Ok(Unrolled::Complete);
    }
    let session = Session::new(engine, &trained.network.graph, plan, &trained.weights)?;
    let normalisation = trained.normalised.of(data)?;
    let loading = LoaderOptions {
        order: Order::Listed(indices[first..].to_vec()),
        ..LoaderOptions::new(batch.min(store_plan.block), normalisation)
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
            watch(images.start + done, n_images);
        }
        let taps = recorded.iter().map(|values| values.view()).collect();
        writer.write(&BlockData { images, outputs: logits.view(), taps })?;
    }
    writer.finish()?;
    Ok(Unrolled::Complete)
}

/// Images run at once, at most: more is not faster.
const BATCH: u64 = 32;

/// `limit` numbers spread evenly over `0..len`.
pub(crate) fn spread(len: usize, limit: Option<usize>) -> Vec<usize> {
    let n = limit.unwrap_or(len).min(len);
    (0..n).map(|index| index * len / n).collect()
}

fn axes(shape: Shape) -> Vec<UnitAxis> {
    let axis = |name: &str, size| UnitAxis { name: name.to_owned(), size };
    if shape.is_vector() {
        vec![axis("unit", shape.channels)]
    } else {
        vec![axis("height", shape.height), axis("width", shape.width), axis("channel", shape.channels)]
    }
}

/// The linear map from an area to the logits, if the network's readout is one.
fn readout(trained: &Trained) -> Option<PlannedReadout> {
    let card = &trained.network.card.readout;
    let weight = &trained.weights.0[card.weight.as_ref()?];
    let weight = Array2::from_shape_vec((weight.shape[0], weight.shape[1]), weight.data.clone());
    let bias = card.bias.as_ref().map(|bias| Array1::from_vec(trained.weights.0[bias].data.clone()));
    Some(PlannedReadout {
        readout: Readout { weight: weight.expect("checked weights"), bias },
        tap: card.area.clone(),
        delay: card.delay,
    })
}

fn about<E: Engine>(
    engine: &E,
    trained: &Trained,
    data: &DataSet,
    options: &UnrollOptions,
) -> Result<About, UnrollError> {
    let card = &trained.network.card;
    let untrained = if trained.epoch == Some(-1) { " untrained" } else { "" };
    Ok(About {
        name: options.name.clone().unwrap_or_else(|| format!("{}{untrained}", card.short)),
        network: card.network.clone(),
        model: serde_json::json!({
            "card": card,
            "split": options.split,
            "limit": options.limit,
            "interventions": options.interventions,
            "bias_removed": trained.bias_removed,
        }),
        weights_digest: Some(digest(&trained.weights)),
        dataset: Some(options.data.clone()),
        dataset_digest: Some(data.split_digest(&options.split)?),
        schedule: Some("engineering".into()),
        seed: trained.seed,
        epoch: trained.epoch,
        kernel_path: engine.path(),
        command: options.command.join(" "),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        classes: data.classes.clone(),
        hierarchy: data.hierarchy.clone(),
        time: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_takes_images_from_the_whole_split() {
        assert_eq!(spread(10, Some(3)), [0, 3, 6]);
        assert_eq!(spread(2, Some(9)), [0, 1]);
        assert_eq!(spread(3, None), [0, 1, 2]);
    }
}
