//! Writing a store: block after block, each once, whatever happens in between; or parts of it side by
//! side, on several machines if need be.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ndarray::{ArrayD, ArrayView3, ArrayViewD, Axis, Slice};
use redyn_core::Shard;
use zarrs::array::{Array, ArrayError};
use zarrs::storage::StorageError;

use crate::files::{Files, WORKSHOP};
use crate::header::Header;
use crate::import::all_finite;
use crate::layout::{Spec, keep_everything};
use crate::lock::Lock;
use crate::{Error, StorePlan};

/// The data of one block of images.
#[derive(Clone, Debug)]
pub struct BlockData<'a> {
    /// Which images these are: what [`StoreWriter::next_block`] asked for.
    pub images: Range<usize>,
    /// `[image, step, class]`: logits or log-probabilities at the plan's `output_steps`.
    pub outputs: ArrayView3<'a, f32>,
    /// For each tap of the plan, in its order: `[image, step, unit...]` at the tap's steps.
    pub taps: Vec<ArrayViewD<'a, f32>>,
}

/// Writes trajectories block by block.
///
/// # What is on disk after a crash
/// Every file is written elsewhere and renamed to its place, so a chunk is whole or absent.
/// The root's metadata come first, then labels, names and readout, then block by block the
/// chunk of every tap and at last that of the outputs. A block is there when **all** its
/// chunks are; the first block that is not is computed again, whole, and gives the same
/// bytes. There is no journal that could disagree with the chunks.
///
/// ```no_run
/// # use redyn_store::{BlockData, StorePlan, StoreWriter};
/// # fn record(
/// #     plan: &StorePlan,
/// #     compute: impl Fn(std::ops::Range<usize>) -> BlockData<'static>,
/// # ) -> Result<(), redyn_store::Error> {
/// let mut writer = StoreWriter::create_or_resume("LA.zarr", plan)?;
/// while let Some(images) = writer.next_block() {
///     writer.write(&compute(images))?;
/// }
/// writer.finish()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct StoreWriter {
    header: Header,
    files: Arc<Files>,
    arrays: Vec<(Spec, Array<Files>)>,
    shard: Shard,
    /// Blocks of the writer's part that are not there yet, the next one last.
    todo: Vec<usize>,
    lock: Lock,
}

impl StoreWriter {
    /// Begin a store at `path`, or go on with the one that was begun there.
    ///
    /// # Errors
    /// A plan that cannot be carried out; another writer; a folder that is something else;
    /// a store begun with other weights, images, kernels, steps or taps; too small a disk.
    pub fn create_or_resume(path: impl AsRef<Path>, plan: &StorePlan) -> Result<Self, Error> {
        Self::begin(Files::new(path.as_ref()), plan, Shard::WHOLE)
    }

    /// The same for one of several parts of the store, its share of the blocks. Others may write
    /// other parts meanwhile; [`complete`](crate::complete) joins them.
    ///
    /// # Errors
    /// As [`StoreWriter::create_or_resume`]; another writer of the same part.
    pub fn create_or_resume_part(
        path: impl AsRef<Path>,
        plan: &StorePlan,
        shard: Shard,
    ) -> Result<Self, Error> {
        if shard.is_whole() {
            return Self::create_or_resume(path, plan);
        }
        let draft = format!("part-{}", shard.to_string().replace('/', "-of-"));
        Self::begin(Files::of_writer(path.as_ref(), draft), plan, shard)
    }

    fn begin(files: Files, plan: &StorePlan, shard: Shard) -> Result<Self, Error> {
        plan.check()?;
        let root = files.root().to_owned();
        let wanted = Header::of(plan);
        let begun = |root: &Path| root.join("zarr.json").exists();
        if begun(&root) {
            refuse_other(&root, &wanted, &Header::read(&root)?)?;
        } else {
            refuse_foreign(&root)?;
        }
        crate::estimate::refuse_small_disk(&root, bytes_left(&files, &wanted, plan, shard)?)?;
        fs::create_dir_all(&root).map_err(|e| Error::io("create", &root, e))?;
        let lock = Lock::take(&root, shard)?;
        // Looked at again under the lock: another writer may have begun or finished meanwhile.
        let header = if begun(&root) { Header::read(&root)? } else { wanted.clone() };
        refuse_other(&root, &wanted, &header)?;
        let files = Arc::new(files);
        let arrays = header
            .blocked_arrays()
            .into_iter()
            .map(|spec| spec.on(files.clone()).map(|array| (spec, array)))
            .collect::<Result<_, _>>()?;
        // Decided once: what others write meanwhile is written again, with the same bytes.
        let todo = missing_blocks(&header, &files, shard).into_iter().rev().collect();
        let writer = Self { header, files, arrays, shard, todo, lock };
        writer.write_small_files(plan)?;
        Ok(writer)
    }

    /// The root's metadata first: they tell the next run what was begun here.
    fn write_small_files(&self, plan: &StorePlan) -> Result<(), Error> {
        let root = self.header.root_json()?;
        for (key, bytes) in [("zarr.json".to_owned(), root)].into_iter().chain(self.header.small_files(plan)?)
        {
            let path = self.files.path(&key);
            if !path.exists() {
                self.files.put(&key, &bytes).map_err(|error| Error::io("write", &path, error))?;
            }
        }
        Ok(())
    }

    /// The images to compute next; none when every block of the writer's part is there.
    pub fn next_block(&self) -> Option<Range<usize>> {
        self.todo.last().map(|&block| self.header.images_of(block))
    }

    /// The images of all blocks that are still to be written, in their order. Between two of them
    /// there may be blocks that are there already.
    pub fn blocks_left(&self) -> impl Iterator<Item = Range<usize>> {
        self.todo.iter().rev().map(|&block| self.header.images_of(block))
    }

    /// Number of images of the writer's part.
    pub fn n_images(&self) -> usize {
        self.shard.share(self.header.n_blocks()).map(|block| self.header.images_of(block).len()).sum()
    }

    /// How many of them are there already.
    pub fn n_images_done(&self) -> usize {
        self.n_images() - self.blocks_left().map(|images| images.len()).sum::<usize>()
    }

    /// Write the next block.
    ///
    /// # Errors
    /// Other images than asked for, a shape that is not the plan's, a value that is not
    /// finite (nothing is written then), or a file system that refuses (the store stays
    /// resumable).
    pub fn write(&mut self, block: &BlockData<'_>) -> Result<(), Error> {
        let next = self.next_block();
        if next.as_ref() != Some(&block.images) {
            return Err(Error::BlockOrder { given: block.images.clone(), next });
        }
        let outputs = block.outputs.into_dyn();
        let data: Vec<ArrayViewD<f32>> = block.taps.iter().cloned().chain([outputs]).collect();
        if block.taps.len() + 1 != self.arrays.len() {
            let (found, expected) = (vec![block.taps.len()], vec![self.header.taps.len()]);
            return Err(Error::BlockShape { array: "taps".into(), found, expected });
        }
        for ((spec, _), values) in self.arrays.iter().zip(&data) {
            let mut expected: Vec<usize> = spec.shape.iter().map(|&size| size as usize).collect();
            expected[0] = block.images.len();
            if values.shape() != expected {
                let (array, found) = (spec.name.clone(), values.shape().to_vec());
                return Err(Error::BlockShape { array, found, expected });
            }
        }
        let steps = self.header.taps.iter().map(|tap| &tap.steps).chain([&self.header.output_steps]);
        for (((spec, _), values), steps) in self.arrays.iter().zip(&data).zip(steps) {
            check_finite(&spec.name, values, block.images.start, steps)?;
        }
        if let Some(&block) = self.todo.last() {
            for ((spec, array), values) in self.arrays.iter().zip(&data) {
                self.write_chunk(block, (spec, array), values)?;
            }
            self.todo.pop();
        }
        Ok(())
    }

    fn write_chunk(
        &self,
        block: usize,
        (spec, array): (&Spec, &Array<Files>),
        values: &ArrayViewD<f32>,
    ) -> Result<(), Error> {
        let key = spec.chunk_key(block);
        let path = self.files.path(&key);
        if path.exists() {
            return Ok(());
        }
        let mut index = vec![0; spec.shape.len()];
        index[0] = block as u64;
        let whole = values.len_of(Axis(0)) as u64 == spec.chunk[0];
        let stored = match values.as_slice() {
            Some(values) if whole => array.store_chunk_opt(&index, values, &keep_everything()),
            _ => {
                // A last, shorter block is padded as the format asks.
                let shape: Vec<usize> = spec.chunk.iter().map(|&size| size as usize).collect();
                let mut padded = ArrayD::from_elem(shape, f32::NAN);
                padded.slice_axis_mut(Axis(0), Slice::from(..values.len_of(Axis(0)))).assign(values);
                array.store_chunk_opt(&index, padded.into_raw_vec_and_offset().0, &keep_everything())
            }
        };
        stored.map_err(|error| match error {
            ArrayError::StorageError(StorageError::IOError(error)) => {
                Error::io("write", &path, io::Error::new(error.kind(), error.to_string()))
            }
            other => Error::Metadata { path, reason: other.to_string() },
        })
    }

    /// Bring the store to the disk and, if it is all of it, mark it complete.
    ///
    /// # Errors
    /// A block is missing, or the file system refuses.
    pub fn finish(self) -> Result<(), Error> {
        if let Some(missing) = self.next_block() {
            return Err(Error::Unfinished { missing });
        }
        if self.shard.is_whole() {
            return seal(self.header, &self.files, self.lock);
        }
        sync_folders(self.files.root())?;
        // Nobody has anything to write to a store that is complete.
        if self.header.complete { self.lock.clear_away() } else { Ok(()) }
    }
}

/// Mark a store of which every block is there complete, and bring it to the disk.
fn seal(mut header: Header, files: &Files, lock: Lock) -> Result<(), Error> {
    if !header.complete {
        header.complete = true;
        let path = files.path("zarr.json");
        let root = header.root_json()?;
        files.put("zarr.json", &root).map_err(|error| Error::io("write", &path, error))?;
    }
    sync_folders(files.root())?;
    lock.clear_away()
}

/// Complete a store whose parts were [written](StoreWriter::create_or_resume_part) side by side. The
/// bytes are those of a store that one writer wrote, into however many parts it was divided; a store
/// that is complete already is left as it is.
///
/// # Errors
/// No store, somebody who still writes, images that are missing, a file system that refuses.
pub fn complete(path: impl AsRef<Path>) -> Result<(), Error> {
    let files = Files::new(path.as_ref());
    let root = files.root().to_owned();
    if Header::read(&root)?.complete {
        return Ok(());
    }
    let lock = Lock::take(&root, Shard::WHOLE)?;
    let header = Header::read(&root)?;
    let missing: Vec<Range<usize>> = missing_blocks(&header, &files, Shard::WHOLE)
        .into_iter()
        .map(|block| header.images_of(block))
        .collect();
    if !missing.is_empty() {
        return Err(Error::PartsMissing { path: root, missing: joined(&missing), n_images: header.n_images });
    }
    seal(header, &files, lock)
}

/// Runs of images, neighbours put together.
fn joined(runs: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if last.end == run.start => last.end = run.end,
            _ => joined.push(run.clone()),
        }
    }
    joined
}

/// The blocks of a part of which a chunk is missing.
fn missing_blocks(header: &Header, files: &Files, shard: Shard) -> Vec<usize> {
    let arrays = header.blocked_arrays();
    let there = |block: usize| arrays.iter().all(|spec| files.path(&spec.chunk_key(block)).exists());
    shard.share(header.n_blocks()).filter(|&block| !there(block)).collect()
}

/// Bytes of the files of a part that are not there yet.
fn bytes_left(files: &Files, header: &Header, plan: &StorePlan, shard: Shard) -> Result<u64, Error> {
    let root = ("zarr.json".to_owned(), header.root_json()?.len() as u64);
    let small = header.small_files(plan)?.into_iter().map(|(key, bytes)| (key, bytes.len() as u64));
    let arrays = header.blocked_arrays();
    let blocks = shard
        .share(header.n_blocks())
        .flat_map(|block| arrays.iter().map(move |spec| (spec.chunk_key(block), spec.chunk_bytes())));
    let missing = [root].into_iter().chain(small).chain(blocks);
    Ok(missing.filter(|(key, _)| !files.path(key).exists()).map(|(_, bytes)| bytes).sum())
}

fn refuse_other(root: &Path, wanted: &Header, found: &Header) -> Result<(), Error> {
    match wanted.differs_from(found) {
        None => Ok(()),
        Some((what, store, run)) => Err(Error::Differs { path: root.to_owned(), what, store, run }),
    }
}

/// Never write into a folder that holds something else.
fn refuse_foreign(root: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| Error::io("read", root, error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("read", root, error))?;
        if entry.file_name() != WORKSHOP {
            let reason = format!("it holds `{}` but no `zarr.json`", entry.file_name().display());
            return Err(Error::NotAStore { path: root.to_owned(), reason });
        }
    }
    Ok(())
}

fn check_finite(array: &str, values: &ArrayViewD<f32>, first: usize, steps: &[usize]) -> Result<(), Error> {
    if values.as_slice().is_some_and(all_finite) {
        return Ok(());
    }
    let mut all = values.indexed_iter();
    all.find(|(_, value)| !value.is_finite()).map_or(Ok(()), |(index, &value)| {
        let (image, step) = (first + index[0], steps[index[1]]);
        Err(Error::NotFinite { array: array.to_owned(), image, step, value })
    })
}

/// Make the renames themselves last, folder by folder, where the system lets us.
fn sync_folders(folder: &Path) -> Result<(), Error> {
    let failed = |error| Error::io("read", folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    #[cfg(unix)]
    fs::File::open(folder).and_then(|opened| opened.sync_all()).map_err(|e| Error::io("write", folder, e))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{files_below, toy_block, toy_plan, write_toy};
    use crate::{Spatial, Store};

    /// Write until done or until something fails.
    fn attempt(files: Files, plan: &StorePlan) -> Result<(), Error> {
        let mut writer = StoreWriter::begin(files, plan, Shard::WHOLE)?;
        while let Some(images) = writer.next_block() {
            writer.write(&toy_block(plan, images).data())?;
        }
        writer.finish()
    }

    #[test]
    fn a_disk_full_at_any_step_leaves_a_store_that_continues_to_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let plan = toy_plan(3, 2);
        let whole = folder.path().join("whole.zarr");
        write_toy(&whole, &plan);
        let expected = files_below(&whole);
        let mut interrupted = 0;
        for steps in 0.. {
            let root = folder.path().join(format!("{steps}.zarr"));
            let files = Files::new(&root);
            files.trouble.after(steps);
            let Err(error) = attempt(files, &plan) else { break };
            assert!(matches!(error, Error::DiskFull { .. }), "{error}");
            if let Ok(store) = Store::open_partial(&root) {
                let images = store.n_images();
                store.trajectories("v2", Spatial::Flatten).unwrap().read_images(0..images).unwrap();
            }
            write_toy(&root, &plan);
            assert!(files_below(&root) == expected, "interrupted at step {steps}");
            interrupted += 1;
        }
        // 14 small files, 2 blocks of 3 arrays and the mark of completion, 4 steps each.
        assert_eq!(interrupted, 4 * (14 + 6 + 1));
    }

    #[test]
    fn a_store_is_not_continued_with_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a.zarr");
        let plan = toy_plan(5, 2);
        drop(StoreWriter::create_or_resume(&root, &plan).unwrap());
        let refusal = |change: &dyn Fn(&mut StorePlan)| {
            let mut other = plan.clone();
            change(&mut other);
            StoreWriter::create_or_resume(&root, &other).unwrap_err().to_string()
        };
        let place = root.display();
        assert_eq!(
            refusal(&|plan| plan.about.weights_digest = Some("w1".into())),
            format!("`{place}` was begun with `weights_digest` \"w0\", this run has \"w1\"")
        );
        assert_eq!(
            refusal(&|plan| plan.about.kernel_path = "avx2".into()),
            format!("`{place}` was begun with `kernel_path` \"naive\", this run has \"avx2\"")
        );
        assert_eq!(
            refusal(&|plan| plan.taps[1].steps = vec![0, 1, 2]),
            format!("`{place}` was begun with `taps[1].steps` [1,2], this run has [0,1,2]")
        );
        assert!(refusal(&|plan| plan.labels[0] = 1).contains("`images_digest`"));
        assert!(refusal(&|plan| plan.about.dataset_digest = Some("d".into())).contains("null, this run has"));
        assert!(refusal(&|plan| plan.block = 3).contains("`block` 2, this run has 3"));
        assert!(
            refusal(&|plan| plan.readout.as_mut().unwrap().readout.weight[[0, 0]] = 9.0)
                .contains("`readout.digest`")
        );
    }

    #[test]
    fn a_second_writer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a.zarr");
        let plan = toy_plan(5, 2);
        let first = StoreWriter::create_or_resume(&root, &plan).unwrap();
        let error = StoreWriter::create_or_resume(&root, &plan).unwrap_err();
        assert!(matches!(error, Error::Locked { .. }), "{error}");
        drop(first);
        StoreWriter::create_or_resume(&root, &plan).unwrap();
    }

    #[test]
    fn nothing_of_a_block_with_a_nan_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a.zarr");
        let plan = toy_plan(5, 2);
        let mut writer = StoreWriter::create_or_resume(&root, &plan).unwrap();
        writer.write(&toy_block(&plan, 0..2).data()).unwrap();
        let before = files_below(&root);
        let mut block = toy_block(&plan, 2..4);
        block.taps[1][[1, 0, 2, 1, 1]] = f32::NAN;
        let error = writer.write(&block.data()).unwrap_err();
        assert_eq!(error.to_string(), "`taps/v2` holds NaN for image 3 at step 1");
        assert!(files_below(&root) == before);
        assert_eq!(writer.next_block(), Some(2..4));
    }

    #[test]
    fn blocks_come_in_order_and_in_shape() {
        let folder = tempfile::tempdir().unwrap();
        let plan = toy_plan(5, 2);
        let mut writer = StoreWriter::create_or_resume(folder.path().join("a.zarr"), &plan).unwrap();
        let error = writer.write(&toy_block(&plan, 2..4).data()).unwrap_err();
        assert_eq!(error.to_string(), "images 2..4 were given, the next block is Some(0..2)");
        let block = toy_block(&plan, 0..2);
        let mut data = block.data();
        data.taps.swap(0, 1);
        let error = writer.write(&data).unwrap_err();
        assert_eq!(error.to_string(), "`taps/it` has shape [2, 2, 3, 2, 2], the plan says [2, 3, 4]");
        assert!(matches!(writer.finish(), Err(Error::Unfinished { .. })));
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "x").unwrap();
        let error = StoreWriter::create_or_resume(folder.path(), &toy_plan(5, 2)).unwrap_err();
        assert!(error.to_string().contains("it holds `thesis.tex` but no `zarr.json`"), "{error}");
        assert_eq!(files_below(folder.path()).len(), 1);
    }

    #[test]
    fn a_chunk_that_was_lost_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a.zarr");
        let plan = toy_plan(7, 2);
        write_toy(&root, &plan);
        let expected = files_below(&root);
        fs::remove_file(root.join("taps/it/c.1.0.0")).unwrap();
        let writer = StoreWriter::create_or_resume(&root, &plan).unwrap();
        assert_eq!((writer.next_block(), writer.n_images_done()), (Some(2..4), 5));
        drop(writer);
        write_toy(&root, &plan);
        assert!(files_below(&root) == expected);
    }

    #[test]
    fn several_lost_chunks_are_asked_for_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a.zarr");
        let plan = toy_plan(9, 2);
        write_toy(&root, &plan);
        let expected = files_below(&root);
        for lost in ["taps/it/c.1.0.0", "logits/c.3.0.0"] {
            fs::remove_file(root.join(lost)).unwrap();
        }
        let writer = StoreWriter::create_or_resume(&root, &plan).unwrap();
        assert_eq!(writer.blocks_left().collect::<Vec<_>>(), [2..4, 6..8]);
        drop(writer);
        write_toy(&root, &plan);
        assert!(files_below(&root) == expected);
    }

    #[test]
    fn parts_in_any_number_and_order_become_the_bytes_of_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let plan = toy_plan(11, 2);
        let whole = folder.path().join("whole.zarr");
        write_toy(&whole, &plan);
        let expected = files_below(&whole);
        for of in [2, 3, 7] {
            let root = folder.path().join(format!("{of}.zarr"));
            let begin = |index: usize| {
                StoreWriter::create_or_resume_part(&root, &plan, Shard::new(index, of).unwrap()).unwrap()
            };
            // All at once, the last one first, each stopped after a block and begun again.
            let mut writers: Vec<StoreWriter> = (0..of).rev().map(begin).collect();
            assert!(matches!(complete(&root), Err(Error::Locked { .. })), "parts are being written");
            for writer in &mut writers {
                if let Some(images) = writer.next_block() {
                    writer.write(&toy_block(&plan, images).data()).unwrap();
                }
            }
            drop(writers);
            if of < 6 {
                let error = complete(&root).unwrap_err();
                assert!(matches!(&error, Error::PartsMissing { n_images: 11, .. }), "{error}");
            }
            for mut writer in (0..of).map(begin) {
                while let Some(images) = writer.next_block() {
                    writer.write(&toy_block(&plan, images).data()).unwrap();
                }
                writer.finish().unwrap();
            }
            assert!(files_below(&root) != expected, "not complete before it is said to be");
            complete(&root).unwrap();
            assert!(files_below(&root) == expected, "{of} parts");
            complete(&root).unwrap();
            assert!(files_below(&root) == expected, "complete twice");
        }
    }

    #[test]
    fn what_is_missing_is_named_in_runs() {
        assert_eq!(joined(&[0..2, 2..4, 6..8, 10..11]), [0..4, 6..8, 10..11]);
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a.zarr");
        drop(StoreWriter::create_or_resume_part(&root, &toy_plan(5, 2), Shard::new(1, 3).unwrap()).unwrap());
        let error = complete(&root).unwrap_err().to_string();
        assert_eq!(error, format!("`{}` lacks images 0..5 of 5", root.display()));
        assert!(matches!(complete(folder.path()), Err(Error::NotAStore { .. })));
    }
}
