//! Reading a store: what it is of, which images are there, what it holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array1, Array2};
use redyn_core::{Description, Readout};
use serde::Serialize;
use zarrs::array::ElementOwned;

use crate::files::Files;
use crate::header::Header;
use crate::layout::{self, Spec};
use crate::{About, Error, Outputs, ReadoutPlace, Spatial, StoreTrajectories, Tap};

/// Trajectories on disk, opened for reading.
#[derive(Debug)]
pub struct Store {
    pub(crate) files: Arc<Files>,
    pub(crate) header: Header,
    pub(crate) labels: Vec<usize>,
    image_ids: Vec<String>,
    readout: Option<Readout>,
    missing: Vec<usize>,
}

/// What a store is, for `--json` and for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoreInfo {
    /// Where it is.
    pub path: PathBuf,
    /// Version of the format.
    pub version: u64,
    /// Names, provenance, classes.
    #[serde(flatten)]
    pub about: About,
    /// Number of images when complete.
    pub n_images: usize,
    /// How many images are there, counted from the first.
    pub n_images_present: usize,
    /// Number of steps the network was unrolled for.
    pub n_steps: usize,
    /// In which form the outputs are stored.
    pub outputs: Outputs,
    /// The steps at which the network said something.
    pub output_steps: Vec<usize>,
    /// The areas recorded.
    pub taps: Vec<Tap>,
    /// Where the readout reads, if there is one.
    pub readout: Option<ReadoutPlace>,
    /// Images per chunk.
    pub block: usize,
    /// Blocks of which a chunk is missing.
    pub missing_blocks: Vec<usize>,
    /// Bytes of activations and outputs per image.
    pub bytes_per_image: u64,
    /// Digest of everything that is there, see [`Store::digest`].
    pub digest: String,
}

impl Store {
    /// Open a complete store.
    ///
    /// # Errors
    /// Not a store, a newer one, an incomplete one, one with a missing chunk.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let store = Self::open_partial(path)?;
        let Some(&block) = store.missing.first() else { return Ok(store) };
        let path = store.files.root().to_owned();
        if store.header.complete {
            let lacks = |spec: &Spec| {
                let path = store.files.path(&spec.chunk_key(block));
                (!path.exists()).then_some(path)
            };
            let path = store.header.blocked_arrays().iter().find_map(lacks).unwrap_or(path);
            return Err(Error::MissingChunk { path });
        }
        Err(Error::Incomplete { path, present: store.n_images(), total: store.header.n_images })
    }

    /// Open a store of which blocks may be missing: a run goes on, or was stopped.
    ///
    /// Only the images before the first missing block are read.
    ///
    /// # Errors
    /// Not a store, a newer one, or one whose labels, names or readout are missing.
    pub fn open_partial(path: impl AsRef<Path>) -> Result<Self, Error> {
        let header = Header::read(path.as_ref())?;
        let files = Arc::new(Files::new(path.as_ref()));
        let labels: Vec<i64> = whole(&header.labels(), &files)?;
        let n_classes = header.about.classes.len();
        let labels = labels
            .into_iter()
            .map(|label| usize::try_from(label).ok().filter(|&label| label < n_classes).ok_or(label))
            .collect::<Result<Vec<usize>, i64>>()
            .map_err(|label| Error::DamagedChunk {
                path: files.path(&header.labels().chunk_key(0)),
                reason: format!("label {label} of {n_classes} classes"),
            })?;
        let image_ids = whole(&header.image_ids(), &files)?;
        let readout = read_readout(&header, &files)?;
        for spec in header.blocked_arrays() {
            layout::open(&spec, &files)?;
        }
        let arrays = header.blocked_arrays();
        let lacks = |&block: &usize| arrays.iter().any(|spec| !files.path(&spec.chunk_key(block)).exists());
        let missing = (0..header.n_blocks()).filter(lacks).collect();
        Ok(Self { files, header, labels, image_ids, readout, missing })
    }

    /// How many images can be read: those before the first missing block.
    pub fn n_images(&self) -> usize {
        self.missing.first().map_or(self.header.n_images, |&block| self.header.images_of(block).start)
    }

    /// Blocks of which a chunk is missing; none in a complete store.
    pub fn missing_blocks(&self) -> &[usize] {
        &self.missing
    }

    /// True class of every image that can be read.
    pub fn labels(&self) -> &[usize] {
        &self.labels[..self.n_images()]
    }

    /// Name of every image that can be read.
    pub fn image_ids(&self) -> &[String] {
        &self.image_ids[..self.n_images()]
    }

    /// The areas recorded.
    pub fn taps(&self) -> &[Tap] {
        &self.header.taps
    }

    /// Names, provenance, classes.
    pub fn about(&self) -> &About {
        &self.header.about
    }

    /// The readout, the area it reads and its delay.
    pub fn readout(&self) -> Option<(&Readout, &ReadoutPlace)> {
        self.readout.as_ref().zip(self.header.readout.as_ref())
    }

    /// The tap of an area.
    ///
    /// # Errors
    /// An area that was not recorded.
    pub fn tap(&self, area: &str) -> Result<&Tap, Error> {
        self.taps().iter().find(|tap| tap.area == area).ok_or_else(|| Error::Area {
            area: area.into(),
            path: self.files.root().into(),
            known: self.taps().iter().map(|tap| tap.area.clone()).collect(),
        })
    }

    /// Everything about the store but the numbers.
    ///
    /// # Errors
    /// A chunk that cannot be read for the digest.
    pub fn info(&self) -> Result<StoreInfo, Error> {
        let header = self.header.clone();
        let bytes: u64 =
            header.blocked_arrays().iter().map(|spec| spec.shape[1..].iter().product::<u64>()).sum();
        Ok(StoreInfo {
            path: self.files.root().to_owned(),
            version: header.version,
            n_images: header.n_images,
            n_images_present: self.n_images(),
            missing_blocks: self.missing.clone(),
            bytes_per_image: 4 * bytes,
            digest: self.digest()?,
            about: header.about,
            n_steps: header.n_steps,
            outputs: header.outputs,
            output_steps: header.output_steps,
            taps: header.taps,
            readout: header.readout,
            block: header.block,
        })
    }

    /// What the trajectories of an area are of.
    ///
    /// # Errors
    /// As [`Store::trajectories`].
    pub fn description(&self, area: &str, spatial: Spatial) -> Result<Description, Error> {
        use redyn_core::TrajectorySource;
        Ok(self.trajectories(area, spatial)?.description().clone())
    }

    /// One area's trajectories with the outputs, read lazily.
    ///
    /// The steps are those at which both have a value. For the area that the readout reads
    /// with a delay, the area at step `t − delay` is paired with the outputs at step `t`, so
    /// that the readout in the description turns one into the other.
    ///
    /// # Errors
    /// An area that was not recorded, or that shares no step with the outputs.
    pub fn trajectories(&self, area: &str, spatial: Spatial) -> Result<StoreTrajectories<'_>, Error> {
        StoreTrajectories::new(self, self.tap(area)?, spatial)
    }
}

fn read_readout(header: &Header, files: &Arc<Files>) -> Result<Option<Readout>, Error> {
    let (Some(spec), Some(place)) = (header.readout_weight(), &header.readout) else { return Ok(None) };
    let shape = (header.about.classes.len(), place.n_units);
    let path = files.path(&spec.name);
    let damaged = |reason: String| Error::Metadata { path: path.clone(), reason };
    let weight =
        Array2::from_shape_vec(shape, whole(&spec, files)?).map_err(|error| damaged(error.to_string()))?;
    let bias = header.readout_bias().map(|spec| whole(&spec, files).map(Array1::from)).transpose()?;
    let readout = Readout { weight, bias };
    readout.check(shape.0, shape.1).map_err(|error| damaged(error.to_string()))?;
    Ok(Some(readout))
}

/// An array of one chunk, read whole.
fn whole<T: ElementOwned>(spec: &Spec, files: &Arc<Files>) -> Result<Vec<T>, Error> {
    read_chunk(&layout::open(spec, files)?, spec, 0, files)
}

/// One chunk; the fill value is never taken for data.
pub(crate) fn read_chunk<T: ElementOwned>(
    array: &zarrs::array::Array<Files>,
    spec: &Spec,
    block: usize,
    files: &Files,
) -> Result<Vec<T>, Error> {
    use zarrs::array::ArrayError;
    use zarrs::storage::StorageError;
    let path = files.path(&spec.chunk_key(block));
    let mut index = vec![0; spec.shape.len()];
    index[0] = block as u64;
    match array.retrieve_chunk_if_exists::<Vec<T>>(&index) {
        Ok(Some(values)) => Ok(values),
        Ok(None) => Err(Error::MissingChunk { path }),
        Err(ArrayError::StorageError(StorageError::IOError(error))) => {
            Err(Error::io("read", &path, std::io::Error::new(error.kind(), error.to_string())))
        }
        Err(error) => Err(Error::DamagedChunk { path, reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use redyn_core::Diagnose;

    use super::*;
    use crate::StoreWriter;
    use crate::tests::{toy_block, toy_plan, write_toy};

    #[test]
    fn a_store_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (root, plan) = (folder.path().join("a.zarr"), toy_plan(5, 2));
        write_toy(&root, &plan);
        let store = Store::open(&root).unwrap();
        assert_eq!((store.labels(), store.image_ids()), (&plan.labels[..], &plan.image_ids[..]));
        assert_eq!(store.readout().unwrap().0, &plan.readout.as_ref().unwrap().readout);
        let info = store.info().unwrap();
        assert_eq!((info.about, info.taps), (plan.about.clone(), plan.taps.clone()));
        assert_eq!((info.n_images, info.n_images_present, info.block), (5, 5, 2));
        assert_eq!(info.bytes_per_image, plan.bytes_per_image());
        assert_eq!(info.missing_blocks, Vec::<usize>::new());
    }

    #[test]
    fn an_incomplete_store_is_read_only_on_purpose_and_only_as_far_as_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (root, plan) = (folder.path().join("a.zarr"), toy_plan(7, 2));
        let mut writer = StoreWriter::create_or_resume(&root, &plan).unwrap();
        writer.write(&toy_block(&plan, 0..2).data()).unwrap();
        let error = Store::open(&root).unwrap_err();
        assert!(error.to_string().ends_with("is incomplete: 2 of 7 images are there"), "{error}");
        let store = Store::open_partial(&root).unwrap();
        assert_eq!((store.n_images(), store.missing_blocks()), (2, &[1, 2, 3][..]));
        let it = store.trajectories("it", Spatial::Flatten).unwrap();
        assert_eq!(it.read_images(0..2).unwrap().labels, [0, 1]);
        assert!(matches!(it.read_images(1..3), Err(Error::Range { .. })));
    }

    #[test]
    fn a_lost_chunk_and_a_flipped_byte_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (root, plan) = (folder.path().join("a.zarr"), toy_plan(5, 2));
        write_toy(&root, &plan);
        let chunk = root.join("taps/v2/c.1.0.0.0.0");
        let whole = fs::read(&chunk).unwrap();
        for (length, flip) in [(whole.len(), 17), (whole.len() - 8, 0), (2, 0), (0, 0)] {
            let mut bytes = whole[..length].to_vec();
            bytes.iter_mut().skip(flip).take(1).for_each(|byte| *byte ^= 4);
            fs::write(&chunk, bytes).unwrap();
            let error = Store::open(&root)
                .and_then(|store| store.trajectories("v2", Spatial::Flatten)?.read_images(0..5).map(|_| ()))
                .unwrap_err();
            assert!(matches!(&error, Error::DamagedChunk { path, .. } if *path == chunk), "{error}");
        }
        fs::remove_file(&chunk).unwrap();
        let error = Store::open(&root).unwrap_err();
        assert_eq!(error.to_string(), format!("chunk `{}` is missing", chunk.display()));
        assert!(error.hint().unwrap().contains("computes the missing block only"));
        fs::remove_file(root.join("labels/c.0")).unwrap();
        assert!(matches!(Store::open_partial(&root), Err(Error::MissingChunk { .. })));
    }

    #[test]
    fn what_is_no_store_or_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a.zarr");
        assert!(matches!(Store::open(&root), Err(Error::Io { .. })));
        write_toy(&root, &toy_plan(5, 2));
        let text = fs::read_to_string(root.join("zarr.json")).unwrap();
        let refusal = |from: &str, to: &str| {
            assert!(text.contains(from));
            fs::write(root.join("zarr.json"), text.replacen(from, to, 1)).unwrap();
            Store::open(&root).unwrap_err().to_string()
        };
        assert!(
            refusal("\"version\": 1", "\"version\": 2")
                .ends_with("version 2, this redyn reads up to version 1")
        );
        assert!(refusal("redyn.trajectories", "other").contains("is not a trajectory store"));
        assert!(refusal("\"n_images\": 5", "\"n_images\": 6").contains("the root says [6]"));
        assert!(refusal("{", "").contains("zarr.json"));
        assert!(Store::open(folder.path()).unwrap_err().to_string().contains("it holds no `zarr.json`"));
        assert!(Store::open(root.join("zarr.json")).unwrap_err().to_string().contains("it is a file"));
    }

    #[test]
    fn an_unknown_area_is_answered_with_the_known_ones() {
        let folder = tempfile::tempdir().unwrap();
        write_toy(folder.path(), &toy_plan(5, 2));
        let error = Store::open(folder.path()).unwrap().tap("v22").unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `v2`? areas: it, v2");
    }
}
