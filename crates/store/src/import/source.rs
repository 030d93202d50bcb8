//! One area of other people's arrays as analyses read it.

use std::ops::Range;

use ndarray::{Array3, ArrayD, ArrayView2, ArrayViewMut2, Axis};
use redyn_core::{Block, Description, Diagnose, TrajectorySource};

use super::arrays::Arrays;
use super::memory::Values;
use crate::pairing::{Pairing, Recorded};
use crate::{Error, Spatial, Tap};

/// One area's trajectories, read where they lie when asked for.
///
/// Of arrays that hold steps one after the other, as the published ones do, some images are as
/// many pieces as there are steps: several hundred images at a time are read as fast as the disk
/// gives them.
pub struct ArrayTrajectories<'a> {
    arrays: &'a Arrays,
    area: &'a dyn Values,
    pairing: Pairing,
}

impl<'a> ArrayTrajectories<'a> {
    pub(super) fn new(arrays: &'a Arrays, tap: &Tap, spatial: Spatial) -> Result<Self, Error> {
        let plan = &arrays.plan;
        let readout = plan.readout.as_ref();
        let recorded = Recorded {
            about: &plan.about,
            n_images: plan.n_images(),
            output_steps: &plan.output_steps,
            readout: readout.map(|planned| (&planned.readout, planned.tap.as_str(), planned.delay)),
            digest: arrays.digest.clone(),
        };
        Ok(Self { arrays, area: arrays.area(&tap.area)?, pairing: Pairing::new(recorded, tap, spatial)? })
    }

    /// The steps, as the network counts them, at which the area is read.
    pub fn steps(&self) -> Vec<usize> {
        self.pairing.steps()
    }

    /// Read some consecutive images.
    ///
    /// # Errors
    /// Images that are not there, a file that cannot be read or is damaged, a value that is not
    /// finite.
    pub fn read_images(&self, images: Range<usize>) -> Result<Block, Error> {
        let plan = &self.arrays.plan;
        let n_images = plan.n_images();
        if images.start > images.end || images.end > n_images {
            return Err(Error::Range { images, n_images });
        }
        let area = self.area.read(images.clone())?;
        let outputs = self.arrays.read_outputs(images.clone(), &self.pairing.description.area, &area)?;
        let (n_units, n_classes) = (self.pairing.description.n_units, plan.n_classes());
        Ok(Block {
            labels: plan.labels[images.clone()].to_vec(),
            representations: self
                .paired(area, n_units, |values, into| self.pairing.units_into(values, into))?,
            logits: self
                .paired(outputs, n_classes, |values, into| self.pairing.outputs_into(values, into))?,
            images,
        })
    }

    /// What the pairing makes of every image: `[image, step, value...]` to `[image, step, width]`.
    fn paired(
        &self,
        all: ArrayD<f32>,
        width: usize,
        pair: impl Fn(&ArrayView2<f32>, ArrayViewMut2<f32>),
    ) -> Result<Array3<f32>, Error> {
        let (n, n_steps) = (all.len_of(Axis(0)), self.pairing.n_steps());
        let shape = (n, all.len_of(Axis(1)), all.len() / (n * all.len_of(Axis(1))).max(1));
        let all = all.into_shape_with_order(shape).map_err(|error| Error::plan(error.to_string()))?;
        if self.pairing.keeps_every_step() && shape == (n, n_steps, width) {
            return Ok(all);
        }
        let mut paired = Array3::zeros((n, n_steps, width));
        for (values, into) in all.outer_iter().zip(paired.outer_iter_mut()) {
            pair(&values, into);
        }
        Ok(paired)
    }
}

impl TrajectorySource for ArrayTrajectories<'_> {
    fn description(&self) -> &Description {
        &self.pairing.description
    }

    fn labels(&self) -> &[usize] {
        &self.arrays.plan.labels
    }

    fn read(&self, images: Range<usize>) -> Result<Block, Box<dyn Diagnose + Send + Sync>> {
        self.read_images(images).map_err(|error| Box::new(error) as _)
    }

    /// The numbers themselves, and those of the area as they are read and put in order.
    fn bytes_of(&self, n_images: usize) -> usize {
        let about = &self.pairing.description;
        let as_read: usize = self.area.shape()[1..].iter().product();
        4 * n_images * (about.n_steps * (about.n_units + about.classes.len()) + 2 * as_read)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use redyn_core::TrajectorySource;

    use crate::tests::{toy_plan, write_toy};
    use crate::{Arrays, Error, Published, Spatial, Store, Work, export_npz, import, import_npz};

    /// A published file of seven images.
    fn npz(folder: &Path) -> std::path::PathBuf {
        write_toy(&folder.join("a.zarr"), &toy_plan(7, 3));
        let store = Store::open(folder.join("a.zarr")).unwrap();
        let path = folder.join("a.npz");
        let it = store.trajectories("it", Spatial::Flatten).unwrap();
        export_npz(&it, &path, &Work::within(1 << 20)).unwrap();
        path
    }

    #[test]
    fn a_published_file_reads_as_the_store_it_would_be_imported_into() {
        let folder = tempfile::tempdir().unwrap();
        let path = npz(folder.path());
        let (about, out) = (Published::default(), folder.path().join("imported.zarr"));
        let store = import_npz(&path, &out, &about, &Work::within(1 << 20)).unwrap();
        let imported = store.trajectories("gap", Spatial::Average).unwrap();
        let arrays = Arrays::open(&path).unwrap();
        let direct = arrays.trajectories("gap", Spatial::Average).unwrap();
        assert_eq!((arrays.about(), arrays.image_ids()), (store.about(), store.image_ids()));
        assert_eq!(direct.labels(), imported.labels());
        let mut description = direct.description().clone();
        description.digest.clone_from(&imported.description().digest);
        assert_eq!(&description, imported.description());
        for images in [0..7, 0..2, 2..6, 6..7, 3..3] {
            assert_eq!(direct.read_images(images.clone()).unwrap(), imported.read_images(images).unwrap());
        }
        assert!(matches!(direct.read_images(6..8), Err(Error::Range { .. })));
        assert!(arrays.trajectories("gpa", Spatial::Average).is_err());
    }

    /// A tap whose steps are not all those of the outputs, and maps that are averaged.
    #[test]
    fn steps_and_maps_are_paired_as_in_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("v2.npy")).unwrap();
        let values = ndarray::Array::from_shape_fn((3, 4, 2, 2, 5), |(s, u, y, x, n)| {
            (s * 100 + u * 31 + y * 7 + x * 3) as f64 / 8.0 + n as f64
        });
        write(file, &[3, 4, 2, 2, 5], values.iter().copied());
        let file = std::fs::File::create(folder.path().join("logits.npy")).unwrap();
        write(file, &[5, 3, 2], (0..30).map(f64::from));
        let file = std::fs::File::create(folder.path().join("labels.npy")).unwrap();
        write(file, &[5], [0.0, 1.0, 1.0, 0.0, 1.0].into_iter());
        let manifest = serde_json::json!({
            "name": "toy", "network": "somebody's",
            "taps": { "v2": { "file": "v2.npy", "axes": ["step", "unit", "height", "width", "image"],
                              "steps": [1, 2, 3] } },
            "outputs": { "file": "logits.npy", "axes": ["image", "step", "class"] },
            "labels": { "file": "labels.npy" },
        });
        let path = folder.path().join("toy.json");
        std::fs::write(&path, manifest.to_string()).unwrap();
        let store = import(&path, &folder.path().join("a.zarr"), &Work::within(1 << 20)).unwrap();
        let arrays = Arrays::open(&path).unwrap();
        for spatial in [Spatial::Average, Spatial::Flatten] {
            let imported = store.trajectories("v2", spatial).unwrap();
            let direct = arrays.trajectories("v2", spatial).unwrap();
            assert_eq!((direct.steps(), imported.steps()), (vec![1, 2], vec![1, 2]));
            assert_eq!(direct.read_images(1..5).unwrap(), imported.read_images(1..5).unwrap());
        }
    }

    fn write(file: std::fs::File, shape: &[u64], values: impl Iterator<Item = f64>) {
        use npyz::WriterBuilder;
        let options = npyz::WriteOptions::<f64>::new().default_dtype().shape(shape);
        let mut writer = options.writer(file).begin_nd().unwrap();
        writer.extend(values).unwrap();
        writer.finish().unwrap();
    }

    /// The same arrays, every member compressed.
    #[test]
    fn a_compressed_file_reads_as_a_plain_one() {
        use std::io::{Read, Write};

        use npyz::zip::{CompressionMethod, ZipArchive, ZipWriter, write::FileOptions};

        let folder = tempfile::tempdir().unwrap();
        let path = npz(folder.path());
        let small = folder.path().join("small.npz");
        let mut from = ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        let mut to = ZipWriter::new(std::fs::File::create(&small).unwrap());
        for index in 0..from.len() {
            let (mut member, mut bytes) = (from.by_index(index).unwrap(), Vec::new());
            member.read_to_end(&mut bytes).unwrap();
            let options = FileOptions::default().compression_method(CompressionMethod::Deflated);
            to.start_file(member.name(), options).unwrap();
            to.write_all(&bytes).unwrap();
        }
        to.finish().unwrap();
        let (plain, small) = (Arrays::open(&path).unwrap(), Arrays::open(&small).unwrap());
        let read = |arrays: &Arrays| {
            arrays.trajectories("gap", Spatial::Flatten).unwrap().read_images(0..7).unwrap()
        };
        assert_eq!(read(&plain), read(&small));
    }

    #[test]
    fn a_flipped_bit_is_found_when_the_last_piece_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = npz(folder.path());
        let mut bytes = std::fs::read(&path).unwrap();
        // Within a number of the first array, which is by far the longest.
        bytes[500] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let arrays = Arrays::open(&path).unwrap();
        let direct = arrays.trajectories("gap", Spatial::Flatten).unwrap();
        assert!(direct.read_images(4..7).is_ok() && direct.read_images(0..2).is_ok());
        let error = direct.read_images(2..4).unwrap_err().to_string();
        assert!(
            error.ends_with("`representations_all`: its checksum does not match: the file is damaged"),
            "{error}"
        );
    }
}
