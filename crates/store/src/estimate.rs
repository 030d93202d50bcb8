//! How much disk and memory a store will take, before it is begun.

use std::path::Path;

use serde::Serialize;

use crate::header::Header;
use crate::{Error, StorePlan};

/// What a store will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Lengths of all files of the finished store together.
    pub bytes_on_disk: u64,
    /// Activations and outputs of one block of images, as the writer is given them.
    pub bytes_per_block: u64,
    /// The same for one image.
    pub bytes_per_image: u64,
}

/// What the store of a plan will take. `bytes_on_disk` is exact, but for what the file
/// system itself needs.
///
/// # Errors
/// A plan that cannot be carried out.
pub fn estimate(plan: &StorePlan) -> Result<Estimate, Error> {
    plan.check()?;
    let mut header = Header::of(plan);
    header.complete = true;
    let small: usize = header.small_files(plan)?.iter().map(|(_, bytes)| bytes.len()).sum();
    let blocks: u64 = header.blocked_arrays().iter().map(crate::layout::Spec::chunk_bytes).sum();
    let bytes_per_image = plan.bytes_per_image();
    Ok(Estimate {
        bytes_on_disk: (header.root_json()?.len() + small) as u64 + header.n_blocks() as u64 * blocks,
        bytes_per_block: bytes_per_image * plan.block as u64,
        bytes_per_image,
    })
}

/// Refuse what does not fit on the disk where `root` is, or is going to be.
pub(crate) fn refuse_small_disk(root: &Path, needed: u64) -> Result<(), Error> {
    let absolute = std::path::absolute(root).map_err(|error| Error::io("find", root, error))?;
    let there = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(root);
    let available = fs4::available_space(there).map_err(|error| Error::io("measure", there, error))?;
    if needed > available {
        return Err(Error::NoSpace { path: root.to_owned(), needed, available });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{files_below, toy_plan, write_toy};

    #[test]
    fn the_estimate_is_what_the_files_take() {
        let folder = tempfile::tempdir().unwrap();
        for n_images in [4, 7] {
            let root = folder.path().join(format!("{n_images}.zarr"));
            let plan = toy_plan(n_images, 4);
            write_toy(&root, &plan);
            let written: usize = files_below(&root).values().map(Vec::len).sum();
            assert_eq!(estimate(&plan).unwrap().bytes_on_disk, written as u64);
        }
        assert_eq!(estimate(&toy_plan(4, 4)).unwrap().bytes_per_block, 4 * 4 * (3 * 4 + 2 * 12 + 3 * 3));
    }

    #[test]
    fn more_than_the_disk_has_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("not/there/yet.zarr");
        let error = refuse_small_disk(&root, u64::MAX).unwrap_err();
        assert!(matches!(error, Error::NoSpace { needed: u64::MAX, .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
