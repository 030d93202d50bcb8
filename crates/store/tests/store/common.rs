//! Trajectories that the tests of the public interface write and expect.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array1, Array2, Array3, Array5};
use redyn_core::Readout;
use redyn_store::{About, BlockData, Error, Outputs, PlannedReadout, StorePlan, StoreWriter, Tap};

pub(crate) fn plan(n_images: usize, block: usize) -> StorePlan {
    StorePlan {
        about: About {
            name: "LA".into(),
            network: "blt64 lateral additive".into(),
            model: serde_json::json!({ "name": "blt64", "lateral": true }),
            weights_digest: Some("a0".into()),
            kernel_path: "naive".into(),
            classes: vec!["pug".into(), "mug".into(), "kite".into()],
            ..About::default()
        },
        labels: (0..n_images).map(|image| image % 3).collect(),
        image_ids: (0..n_images).map(|image| format!("photo/ü{image}.jpg")).collect(),
        n_steps: 4,
        outputs: Outputs::Logits,
        output_steps: vec![0, 1, 2, 3],
        taps: vec![Tap::units("gap", 5, vec![0, 1, 2, 3]), Tap::maps("v2", [2, 3, 3], vec![2, 3])],
        readout: Some(PlannedReadout {
            readout: Readout {
                weight: Array2::from_shape_fn((3, 5), |(class, unit)| (5 * class + unit) as f32),
                bias: Some(Array1::from(vec![0.5, 1.5, 2.5])),
            },
            tap: "gap".into(),
            delay: 0,
        }),
        block,
    }
}

pub(crate) fn gap(image: usize, step: usize, unit: usize) -> f32 {
    (image * 100 + step * 10 + unit) as f32 + 0.25
}

pub(crate) fn v2(image: usize, step: usize, unit: usize) -> f32 {
    -gap(image, step, unit)
}

pub(crate) fn logit(image: usize, step: usize, class: usize) -> f32 {
    ((image + 2 * step + 5 * class) % 7) as f32 - 3.0
}

/// Write what is missing; `after_block` is called between two blocks.
pub(crate) fn write(root: &Path, plan: &StorePlan, mut after_block: impl FnMut()) -> Result<(), Error> {
    let mut writer = StoreWriter::create_or_resume(root, plan)?;
    while let Some(images) = writer.next_block() {
        let (n, first) = (images.len(), images.start);
        let units = Array3::from_shape_fn((n, 4, 5), |(image, step, unit)| gap(first + image, step, unit));
        let maps = Array5::from_shape_fn((n, 2, 2, 3, 3), |(image, place, channel, y, x)| {
            v2(first + image, place + 2, channel * 9 + y * 3 + x)
        });
        let outputs =
            Array3::from_shape_fn((n, 4, 3), |(image, step, class)| logit(first + image, step, class));
        let taps = vec![units.view().into_dyn(), maps.view().into_dyn()];
        writer.write(&BlockData { images, outputs: outputs.view(), taps })?;
        after_block();
    }
    writer.finish()
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
