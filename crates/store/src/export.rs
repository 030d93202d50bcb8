//! The `.npz` files of the published scripts, written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use ndarray::{Array3, ArrayView1, s};
use npyz::npz::NpzWriter;
use npyz::zip::{DateTime, write::FileOptions};
use npyz::{DType, WriterBuilder};
use redyn_core::TrajectorySource;

use crate::{Error, Outputs, StoreTrajectories, Work};

type Npz = NpzWriter<UntilRefused>;

/// A file that is refused one write, and from then on takes everything and keeps nothing.
///
/// The zip writer completes its file when it is dropped, and prints to stderr if it cannot:
/// after an error, which is on its way to the caller, it must be left to believe it could.
struct UntilRefused {
    file: BufWriter<File>,
    refused: bool,
    /// Place and length as they are, or would be.
    at: u64,
    length: u64,
}

impl UntilRefused {
    fn new(file: File) -> Self {
        Self { file: BufWriter::new(file), refused: false, at: 0, length: 0 }
    }
}

impl Write for UntilRefused {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = if self.refused {
            bytes.len()
        } else {
            self.file.write(bytes).inspect_err(|_| self.refused = true)?
        };
        self.at += written as u64;
        self.length = self.length.max(self.at);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.refused { Ok(()) } else { self.file.flush().inspect_err(|_| self.refused = true) }
    }
}

impl Seek for UntilRefused {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            to if !self.refused => self.file.seek(to).inspect_err(|_| self.refused = true)?,
            SeekFrom::Start(place) => place,
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
            SeekFrom::End(by) => self.length.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

/// Write an area's trajectories as the published analysis scripts read them.
///
/// | key | shape | content |
/// |---|---|---|
/// | `representations_all` | `[step, image, unit]` | f64 |
/// | `outputs_all` | `[step, image, class]` | f64, `ln(clamp(softmax(logits), 1e-10, 1))`; stored `log_probs` as they are |
/// | `labels_all` | `[image]` | f64 |
/// | `readout_weight` | `[class, unit]` | f32; `[0]` where no linear readout reads this area |
/// | `readout_bias` | `[class]` | f32; an empty f64 array where there is none |
///
/// The store holds images together, the file steps: as many steps are gathered at a time as
/// the budget allows, and the store is read once per gathering. The file appears under its
/// name when it is whole, and has the same bytes for the same trajectories.
///
/// # Errors
/// A budget that does not hold one block, whatever keeps the store from being read or the
/// file from being written, a request to stop.
pub fn export_npz(trajectories: &StoreTrajectories<'_>, out: &Path, work: &Work<'_>) -> Result<(), Error> {
    let mut part = out.file_name().unwrap_or_default().to_owned();
    part.push(".part");
    let part = out.with_file_name(part);
    let about = trajectories.description();
    let per_step = about.n_images * (about.n_units + about.classes.len());
    crate::estimate::refuse_small_disk(&part, 8 * (about.n_steps * per_step) as u64)?;
    let written = write_all(trajectories, &part, work)
        .and_then(|()| fs::rename(&part, out).map_err(|error| Error::io("write", out, error)));
    if written.is_err() && part.exists() {
        // The reason is worth more than a second error about the leftover.
        let _ = fs::remove_file(&part);
    }
    written
}

fn write_all(trajectories: &StoreTrajectories<'_>, part: &Path, work: &Work<'_>) -> Result<(), Error> {
    let failed = |error| Error::io("write", part, error);
    let about = trajectories.description();
    let mut npz = NpzWriter::new(UntilRefused::new(File::create(part).map_err(failed)?));
    let identity = |row: &ArrayView1<f32>| row.iter().map(|&value| f64::from(value)).collect();
    let read = |images| trajectories.representations(images);
    let all = StepMajor { name: "representations_all", n_values: about.n_units, read: &read, row: &identity };
    all.write(&mut npz, trajectories, (part, work))?;
    let read = |images| trajectories.outputs(images);
    let row: &dyn Fn(&ArrayView1<f32>) -> Vec<f64> = match trajectories.outputs_are() {
        Outputs::Logits => &log_probabilities,
        Outputs::LogProbs => &identity,
    };
    let all = StepMajor { name: "outputs_all", n_values: about.classes.len(), read: &read, row };
    all.write(&mut npz, trajectories, (part, work))?;

    let labels: Vec<u8> = trajectories.labels().iter().flat_map(|&l| (l as f64).to_le_bytes()).collect();
    begin(&mut npz, "labels_all", "<f8", &[about.n_images])
        .and_then(|mut w| w.write_all(&labels))
        .map_err(failed)?;
    let readout = about.readout.as_ref();
    let weight = readout.map_or(vec![0], |readout| readout.weight.shape().to_vec());
    let bytes: Vec<u8> = readout.iter().flat_map(|r| r.weight.iter().flat_map(|w| w.to_le_bytes())).collect();
    begin(&mut npz, "readout_weight", "<f4", &weight)
        .and_then(|mut w| w.write_all(&bytes))
        .map_err(failed)?;
    let bias = readout.and_then(|readout| readout.bias.as_ref());
    let bytes: Vec<u8> = bias.iter().flat_map(|bias| bias.iter().flat_map(|b| b.to_le_bytes())).collect();
    let kind = if bias.is_some() { "<f4" } else { "<f8" };
    let shape = [if bias.is_some() { about.classes.len() } else { 0 }];
    begin(&mut npz, "readout_bias", kind, &shape).and_then(|mut w| w.write_all(&bytes)).map_err(failed)?;
    let finished = npz.zip_writer().finish().map_err(|error| failed(error.into()))?;
    let file = finished.file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)
}

/// One array that is stored image by image and written step by step.
struct StepMajor<'a> {
    name: &'a str,
    n_values: usize,
    read: &'a dyn Fn(std::ops::Range<usize>) -> Result<Array3<f32>, Error>,
    row: &'a dyn Fn(&ArrayView1<f32>) -> Vec<f64>,
}

impl StepMajor<'_> {
    fn write(
        &self,
        npz: &mut Npz,
        trajectories: &StoreTrajectories<'_>,
        (part, work): (&Path, &Work<'_>),
    ) -> Result<(), Error> {
        let failed = |error| Error::io("write", part, error);
        let about = trajectories.description();
        let (n_images, n_steps) = (about.n_images, about.n_steps);
        // One block, as its chunk is decoded; the first step of a gathering is written while
        // it is read, only the others are kept.
        let least = trajectories.bytes_to_read_a_block();
        let spare = work.budget.checked_sub(least);
        let spare = spare.ok_or(Error::Memory { budget: work.budget, needed: least })?;
        let kept = (spare / (4 * n_images * self.n_values).max(1) as u64).min(n_steps as u64) as usize;
        let mut into = begin(npz, self.name, "<f8", &[n_steps, n_images, self.n_values]).map_err(failed)?;
        let mut bytes = Vec::new();
        let mut put = |rows: &mut dyn Iterator<Item = ArrayView1<f32>>| {
            bytes.clear();
            rows.for_each(|row| (self.row)(&row).iter().for_each(|value| bytes.extend(value.to_le_bytes())));
            into.write_all(&bytes).map_err(failed)
        };
        let block = trajectories.block();
        let mut first = 0;
        while first < n_steps {
            let next = (first + 1 + kept).min(n_steps);
            let mut gathered = vec![Vec::with_capacity(n_images * self.n_values); next - first - 1];
            for start in (0..n_images).step_by(block) {
                work.check()?;
                let images = start..(start + block).min(n_images);
                let values = (self.read)(images)?;
                put(&mut values.slice(s![.., first, ..]).outer_iter())?;
                for (into, step) in gathered.iter_mut().zip(first + 1..) {
                    into.extend(values.slice(s![.., step, ..]));
                }
            }
            for rows in &gathered {
                for some in rows.chunks(block * self.n_values) {
                    put(&mut some.chunks(self.n_values).map(ArrayView1::from))?;
                }
            }
            (work.progress)(next, n_steps);
            first = next;
        }
        Ok(())
    }
}

/// Begin an array of the file.
fn begin<'a>(npz: &'a mut Npz, name: &str, kind: &str, shape: &[usize]) -> io::Result<impl Write + use<'a>> {
    let options = FileOptions::default()
        .compression_method(npyz::zip::CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(true);
    let shape: Vec<u64> = shape.iter().map(|&size| size as u64).collect();
    let kind = kind.parse().map_err(io::Error::other)?;
    npz.zip_writer().start_file(npyz::npz::file_name_from_array_name(name), options)?;
    let header = npyz::WriteOptions::new_header_only().dtype(DType::Plain(kind)).shape(&shape);
    header.writer(npz.zip_writer()).write_header_only()
}

/// `ln(clamp(softmax(logits), 1e-10, 1))`, in f64.
fn log_probabilities(logits: &ArrayView1<f32>) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits.iter().map(|&z| (f64::from(z) - f64::from(largest)).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|e| (e / sum).clamp(1e-10, 1.0).ln()).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, Axis};

    use super::*;
    use crate::tests::{toy_plan, toy_value, write_toy};
    use crate::{Published, Spatial, Store, import_npz};

    fn read(path: &Path, key: &str) -> ArrayD<f64> {
        let mut npz = npyz::npz::NpzArchive::open(path).unwrap();
        let array = npz.by_name(key).unwrap().unwrap();
        let shape: Vec<usize> = array.shape().iter().map(|&size| size as usize).collect();
        ArrayD::from_shape_vec(shape, array.into_vec::<f64>().unwrap()).unwrap()
    }

    #[test]
    fn the_file_is_the_same_whatever_the_budget_and_equals_a_plain_loop() {
        let folder = tempfile::tempdir().unwrap();
        write_toy(&folder.path().join("a.zarr"), &toy_plan(7, 3));
        let store = Store::open(folder.path().join("a.zarr")).unwrap();
        let it = store.trajectories("it", Spatial::Flatten).unwrap();
        let out = folder.path().join("a.npz");
        let least = it.bytes_to_read_a_block();
        let mut files = Vec::new();
        for budget in [least, least + 4 * 7 * 4, u64::MAX] {
            export_npz(&it, &out, &Work::within(budget)).unwrap();
            files.push(fs::read(&out).unwrap());
        }
        assert!(files[0] == files[1] && files[1] == files[2]);
        let representations = read(&out, "representations_all");
        assert_eq!(representations.shape(), [3, 7, 4]);
        for (index, &value) in representations.indexed_iter() {
            assert_eq!(value, f64::from(toy_value(0, index[1], index[0], index[2])));
        }
        let outputs = read(&out, "outputs_all");
        assert_eq!(outputs.shape(), [3, 7, 3]);
        for (index, &value) in outputs.indexed_iter() {
            let z = |class| f64::from(toy_value(2, index[1], index[0], class));
            let probability = z(index[2]).exp() / (0..3).map(|class| z(class).exp()).sum::<f64>();
            assert!((value - probability.clamp(1e-10, 1.0).ln()).abs() < 1e-12);
        }
        let error = export_npz(&it, &out, &Work::within(least - 1)).unwrap_err();
        assert!(matches!(error, Error::Memory { .. }));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_exported_is_imported_within_any_budget() {
        let folder = tempfile::tempdir().unwrap();
        let plan = toy_plan(7, 3);
        write_toy(&folder.path().join("a.zarr"), &plan);
        let store = Store::open(folder.path().join("a.zarr")).unwrap();
        let it = store.trajectories("it", Spatial::Flatten).unwrap();
        let npz = folder.path().join("a.npz");
        export_npz(&it, &npz, &Work::within(u64::MAX)).unwrap();
        let original = it.read_images(0..7).unwrap();
        let per_image = 4 * 3 * (4 + 3) + 16 * 3 * 4;
        for images in [1, 2, 5, 7] {
            let out = folder.path().join(format!("{images}.zarr"));
            let about = Published { area: "it".into(), ..Published::default() };
            let store = import_npz(&npz, &out, &about, &Work::within(images * per_image)).unwrap();
            let again = store.trajectories("it", Spatial::Flatten).unwrap();
            let block = again.read_images(0..7).unwrap();
            assert_eq!(block.representations, original.representations);
            assert_eq!(block.labels, original.labels);
            assert_eq!(again.outputs_are(), Outputs::LogProbs);
            let argmax =
                |row: &ArrayView1<f32>| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            for (a, b) in block.logits.lanes(Axis(2)).into_iter().zip(original.logits.lanes(Axis(2))) {
                assert_eq!(argmax(&a), argmax(&b));
            }
            assert_eq!(again.description().readout, it.description().readout);
        }
        let error = import_npz(&npz, &folder.path().join("x.zarr"), &Published::default(), &Work::within(9));
        assert!(matches!(error, Err(Error::Memory { .. })));
    }

    #[test]
    fn a_request_to_stop_leaves_no_half_a_file() {
        let folder = tempfile::tempdir().unwrap();
        write_toy(&folder.path().join("a.zarr"), &toy_plan(7, 3));
        let store = Store::open(folder.path().join("a.zarr")).unwrap();
        let work = Work::within(u64::MAX);
        work.stop.request();
        let it = store.trajectories("it", Spatial::Flatten).unwrap();
        let error = export_npz(&it, &folder.path().join("a.npz"), &work).unwrap_err();
        assert!(matches!(error, Error::Stopped));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_probability_below_the_clamp_is_lifted_to_it() {
        let logs = log_probabilities(&ArrayView1::from(&[0.0, -100.0]));
        assert_eq!(logs, [0.0, 1e-10_f64.ln()]);
    }
}
