//! What is decided before the first image is computed.

use ndarray::{Array1, Array2};
use redyn_core::{Bytes, Readout};
use redyn_engine::Shape;
use redyn_network::{Plan, Request, Steps, TapRequest};
use redyn_stimuli::DataSet;
use redyn_store::{About, Outputs, PlannedReadout, StorePlan, Tap, UnitAxis};
use redyn_zoo::digest;

use super::{UnrollError, UnrollOptions};
use crate::Trained;

/// What is decided before the first image is computed.
pub(super) struct Prepared {
    /// The network's way through time; its first tap is the readout.
    pub(super) plan: Plan,
    /// The store that is going to be written.
    pub(super) store: StorePlan,
    /// Images of the store, as indices into the split.
    pub(super) indices: Vec<usize>,
    /// Images run at once.
    pub(super) batch: usize,
    /// Bytes that values, images and a block of the store take together.
    pub(super) memory: u64,
}

impl Prepared {
    /// Plan network and store within the budget; `kernels` is the engine's path.
    pub(super) fn new(
        kernels: String,
        trained: &Trained,
        data: &DataSet,
        options: &UnrollOptions,
    ) -> Result<Self, UnrollError> {
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

        let store = StorePlan {
            about: about(kernels, trained, data, options)?,
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
        let stored = store.bytes_per_image();
        if per_image + stored > options.memory {
            let (needed, budget) = (Bytes(per_image + stored), Bytes(options.memory));
            return Err(UnrollError::Memory { needed, budget });
        }
        // A quarter for a block, which is held once more while it is written; the rest for the batch
        // that computes it.
        let for_block = (options.memory / 4).max(2 * stored).min(options.memory - per_image);
        let store = store.with_block_in(for_block)?;
        let block_bytes = for_block.min(2 * stored * store.block as u64);
        let batch = ((options.memory - for_block) / per_image).clamp(1, BATCH);
        let batch = batch.min(store.block as u64);
        let memory = batch * per_image + block_bytes;
        Ok(Self { plan, store, indices, batch: batch as usize, memory })
    }
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

fn about(
    kernels: String,
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
        kernel_path: kernels,
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
