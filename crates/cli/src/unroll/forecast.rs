//! What a recording will take, told before it begins.

use std::fmt;
use std::time::Instant;

use redyn_core::Bytes;
use redyn_engine::Engine;
use redyn_network::Session;
use redyn_stimuli::DataSet;

use super::prepared::Prepared;
use super::{UnrollError, UnrollOptions};
use crate::Trained;
use crate::study::duration;

/// Images whose way through the network is timed, at most.
const TIMED_IMAGES: usize = 4;

/// Memory, disk and time of a recording or an analysis, or of a part of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Number of images.
    pub n_images: usize,
    /// Bytes of memory: of a recording weights, values, images and a block of the store.
    pub memory: u64,
    /// Bytes of all files together.
    pub disk: u64,
    /// Threads of this machine that would compute it.
    pub threads: usize,
    /// Seconds on them. A few images are timed and the rest is multiplication; what reads images for a
    /// recording, and what spans the images of an analysis, is not in it.
    pub seconds: f64,
}

/// What [`unroll`](super::unroll()) would take with the same arguments. Nothing is written.
///
/// # Errors
/// Whatever of network, images or options makes it impossible.
pub fn forecast<E: Engine>(
    engine: &E,
    trained: &Trained,
    data: &DataSet,
    options: &UnrollOptions,
) -> Result<Forecast, UnrollError> {
    let Prepared { plan, store, batch, memory, .. } = Prepared::new(engine.path(), trained, data, options)?;
    let estimate = redyn_store::estimate(&store)?;
    let n_blocks = store.labels.len().div_ceil(store.block);
    let blocks = options.shard.share(n_blocks);
    let (first, end) = (blocks.start * store.block, (blocks.end * store.block).min(store.labels.len()));
    let n_images = end.saturating_sub(first);
    // Small files, which any part writes, are shared among all.
    let disk = estimate.bytes_on_disk * blocks.len() as u64 / n_blocks as u64;

    let graph = &trained.network.graph;
    let session = Session::new(engine, graph, plan, &trained.weights)?;
    let n_timed = batch.min(TIMED_IMAGES);
    let images = vec![0.5; n_timed * graph.image_shape().len()];
    let timed = || {
        let begun = Instant::now();
        session.run(&images, |emission| {
            engine.read(emission.value, &mut vec![0.0; n_timed * emission.shape.len()]);
        });
        begun.elapsed().as_secs_f64() / n_timed as f64
    };
    // The first pass also finds memory and fills caches.
    timed();
    let seconds = timed().min(timed()) * n_images as f64;
    let (memory, threads) = (memory + 4 * graph.n_parameters() as u64, rayon::current_num_threads());
    Ok(Forecast { n_images, memory, disk, threads, seconds })
}

/// `256 images: about 4 min on 8 threads, 310.0 MiB of memory, 52.1 MiB of disk`.
impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { n_images, memory, disk, threads, seconds } = *self;
        let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let (images, threads) = (counted(n_images, "image"), counted(threads, "thread"));
        let (time, memory, disk) = (duration(seconds), Bytes(memory), Bytes(disk));
        write!(f, "{images}: about {time} on {threads}, {memory} of memory, {disk} of disk")
    }
}
