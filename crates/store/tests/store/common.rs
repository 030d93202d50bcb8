//! A small store: what the tests of this crate write and expect, inside it and from outside.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use ndarray::{Array1, Array2, Array3, ArrayD};
use redyn_core::Readout;
use redyn_store::{About, BlockData, Outputs, PlannedReadout, StorePlan, StoreWriter, Tap};
use serde_json::json;

pub(crate) fn toy_plan(n_images: usize, block: usize) -> StorePlan {
    let classes = vec!["pug".to_owned(), "mug".into(), "kite".into()];
    let weight = Array2::from_shape_fn((3, 4), |(class, unit)| (class as f32 - unit as f32) / 8.0);
    StorePlan {
        about: About {
            name: "toy".into(),
            network: "toy net".into(),
            model: json!({ "width": 2 }),
            weights_digest: Some("w0".into()),
            seed: Some(u64::MAX),
            epoch: Some(-1),
            kernel_path: "naive".into(),
            classes,
            ..About::default()
        },
        labels: (0..n_images).map(|image| image % 3).collect(),
        image_ids: (0..n_images).map(|image| format!("photo/ü{image}.jpg")).collect(),
        n_steps: 3,
        outputs: Outputs::Logits,
        output_steps: vec![0, 1, 2],
        taps: vec![Tap::units("it", 4, vec![0, 1, 2]), Tap::maps("v2", [3, 2, 2], vec![1, 2])],
        readout: Some(PlannedReadout {
            readout: Readout { weight, bias: Some(Array1::from(vec![0.5, -0.5, 0.0])) },
            tap: "it".into(),
            delay: 0,
        }),
        block,
    }
}

/// The value every test expects, by array (0 `it`, 1 `v2`, 2 outputs), image, step and unit.
pub(crate) fn toy_value(array: usize, image: usize, step: usize, unit: usize) -> f32 {
    ((array * 7919 + image * 104_729 + step * 1299 + unit * 31) % 10_007) as f32 / 100.0 - 50.0
}

pub(crate) struct ToyBlock {
    images: Range<usize>,
    pub(crate) taps: Vec<ArrayD<f32>>,
    outputs: Array3<f32>,
}

pub(crate) fn toy_block(plan: &StorePlan, images: Range<usize>) -> ToyBlock {
    let fill = |array: usize, steps: &[usize], n: usize| {
        Array3::from_shape_fn((images.len(), steps.len(), n), |(image, place, unit)| {
            toy_value(array, images.start + image, steps[place], unit)
        })
    };
    let taps = plan.taps.iter().enumerate().map(|(index, tap)| {
        let mut shape = vec![images.len(), tap.steps.len()];
        shape.extend(tap.shape.iter().map(|axis| axis.size));
        fill(index, &tap.steps, tap.n_units()).into_shape_with_order(shape).unwrap()
    });
    let taps = taps.collect();
    let outputs = fill(2, &plan.output_steps, plan.n_classes());
    ToyBlock { images, taps, outputs }
}

impl ToyBlock {
    pub(crate) fn data(&self) -> BlockData<'_> {
        BlockData {
            images: self.images.clone(),
            outputs: self.outputs.view(),
            taps: self.taps.iter().map(|tap| tap.view()).collect(),
        }
    }
}

/// Write what is missing of the toy store and finish it.
pub(crate) fn write_toy(root: &Path, plan: &StorePlan) {
    let mut writer = StoreWriter::create_or_resume(root, plan).unwrap();
    while let Some(images) = writer.next_block() {
        writer.write(&toy_block(plan, images).data()).unwrap();
    }
    writer.finish().unwrap();
}

/// Every file below a folder, with its bytes.
pub(crate) fn files_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}
