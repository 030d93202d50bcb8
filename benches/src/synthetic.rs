//! Trajectories made up at any size, in a store and in the published layout.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, s};
use redyn_core::Readout;
use redyn_core::random::Stream;
use redyn_store::{
    About, BlockData, Outputs, PlannedReadout, Spatial, Store, StorePlan, StoreWriter, Tap, Work, export_npz,
};

use crate::failure::Failure;

/// Name of the area.
pub(crate) const AREA: &str = "gap";
/// Share of the images that end in their own class, as in the paper.
const CORRECT: f64 = 0.5;
/// Share of the images that are in their last zone from the first step, as in the paper.
const SETTLED: f64 = 0.78;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) images: usize,
    pub(crate) steps: usize,
    pub(crate) units: usize,
    pub(crate) classes: usize,
}

impl Extent {
    /// Bytes of a published file of this size.
    pub(crate) fn bytes(&self) -> u64 {
        8 * (self.images * self.steps * (self.units + self.classes)) as u64
    }
}

/// Write a store of images that drift from one class's readout vector to another's.
pub(crate) fn write_store(extent: Extent, path: PathBuf) -> Result<PathBuf, Failure> {
    let plan = plan(extent).with_block_in(u64::MAX).map_err(Failure::redyn)?;
    let readout = &plan.readout.as_ref().expect("planned with one").readout;
    let mut writer = StoreWriter::create_or_resume(&path, &plan).map_err(Failure::redyn)?;
    while let Some(images) = writer.next_block() {
        let mut units = Array3::zeros((images.len(), extent.steps, extent.units));
        let mut logits = Array3::zeros((images.len(), extent.steps, extent.classes));
        for (at, image) in images.clone().enumerate() {
            let trajectory = drift(extent, &readout.weight, image, plan.labels[image]);
            logits.slice_mut(s![at, .., ..]).assign(&trajectory.dot(&readout.weight.t()));
            units.slice_mut(s![at, .., ..]).assign(&trajectory);
        }
        let block = BlockData { images, outputs: logits.view(), taps: vec![units.view().into_dyn()] };
        writer.write(&block).map_err(Failure::redyn)?;
    }
    writer.finish().map_err(Failure::redyn)?;
    Ok(path)
}

fn plan(extent: Extent) -> StorePlan {
    let mut stream = Stream::new(0, &[]);
    let shape = (extent.classes, extent.units);
    let weight = Array2::from_shape_fn(shape, |_| stream.between(-1.0, 1.0) as f32);
    let steps: Vec<usize> = (0..extent.steps).collect();
    StorePlan {
        about: About {
            name: "made up".into(),
            network: "made up".into(),
            classes: (0..extent.classes).map(|class| format!("class{class}")).collect(),
            ..About::default()
        },
        labels: (0..extent.images).map(|image| image % extent.classes).collect(),
        image_ids: (0..extent.images).map(|image| image.to_string()).collect(),
        n_steps: extent.steps,
        outputs: Outputs::Logits,
        output_steps: steps.clone(),
        taps: vec![Tap::units(AREA, extent.units, steps)],
        readout: Some(PlannedReadout { readout: Readout { weight, bias: None }, tap: AREA.into(), delay: 0 }),
        block: 1,
    }
}

/// One image's representations, none negative: `[step, unit]`.
fn drift(extent: Extent, weight: &Array2<f32>, image: usize, label: usize) -> Array2<f32> {
    let mut stream = Stream::new(1, &[image as u64]);
    let to = if stream.unit() < CORRECT { label } else { stream.below(extent.classes) };
    let from = if stream.unit() < SETTLED { to } else { stream.below(extent.classes) };
    let speed = stream.between(1.0, 4.0) as f32;
    Array2::from_shape_fn((extent.steps, extent.units), |(step, unit)| {
        let share = (speed * step as f32 / extent.steps as f32).min(1.0);
        let noise = stream.between(-0.5, 0.5) as f32;
        ((1.0 - share) * weight[[from, unit]] + share * weight[[to, unit]] + noise).max(0.0)
    })
}

/// The same trajectories as the published scripts save them.
pub(crate) fn write_npz(store: &Path, npz: PathBuf) -> Result<PathBuf, Failure> {
    let store = Store::open(store).map_err(Failure::redyn)?;
    let trajectories = store.trajectories(AREA, Spatial::Flatten).map_err(Failure::redyn)?;
    export_npz(&trajectories, &npz, &Work::within(1 << 30)).map_err(Failure::redyn)?;
    Ok(npz)
}
