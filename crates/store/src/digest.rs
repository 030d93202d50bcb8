//! One short text that stands for the contents of a store.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use crate::header::{FORMAT, VERSION, hex};
use crate::{Error, Store, Tap};

impl Store {
    /// Digest of all chunks that can be read, in hexadecimal.
    ///
    /// sha256 over one line per chunk, `key length crc32c`, in the order of the plan (labels,
    /// image names, readout, then the areas, then the outputs, each by block), headed by
    /// the format and the class names. The checksum is the one at the end of the chunk's
    /// file, so four bytes are read per chunk and not the data: it costs milliseconds. Data
    /// that no longer match their checksum are found when they are read, not here.
    ///
    /// It does not depend on the order of folders, on paths, names or commands. It depends
    /// on the number of images per block.
    ///
    /// # Errors
    /// A chunk whose end cannot be read.
    pub fn digest(&self) -> Result<String, Error> {
        self.digest_of(&self.header.taps)
    }

    /// The digest of some areas with the outputs, labels and readout.
    pub(crate) fn digest_of(&self, taps: &[Tap]) -> Result<String, Error> {
        let header = &self.header;
        let mut hash = Sha256::new();
        let classes = serde_json::to_string(&header.about.classes).unwrap_or_default();
        hash.update(format!("{FORMAT} {VERSION}\n{classes}\n{:?}\n", header.readout));
        let once =
            [Some(header.labels()), Some(header.image_ids()), header.readout_weight(), header.readout_bias()];
        let once = once.into_iter().flatten().map(|spec| (spec, 1));
        let n_blocks = self.n_images().div_ceil(header.block);
        let blocked = taps.iter().map(|tap| header.tap(tap)).chain([header.outputs()]);
        for (spec, n_chunks) in once.chain(blocked.map(|spec| (spec, n_blocks))) {
            for block in 0..n_chunks {
                let zeros = spec.chunk_key(block);
                let path = self.files.path(&zeros);
                let (length, checksum) = end_of(&path).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => Error::MissingChunk { path: path.clone() },
                    std::io::ErrorKind::InvalidInput => {
                        Error::DamagedChunk { path: path.clone(), reason: "too short for a checksum".into() }
                    }
                    _ => Error::io("read", &path, error),
                })?;
                hash.update(format!("{zeros} {length} {checksum:08x}\n"));
            }
        }
        Ok(hex(&hash.finalize()))
    }
}

/// Length and last four bytes of a file.
fn end_of(path: &std::path::Path) -> std::io::Result<(u64, u32)> {
    let mut file = File::open(path)?;
    let length = file.seek(SeekFrom::End(-4))? + 4;
    let mut checksum = [0; 4];
    file.read_exact(&mut checksum)?;
    Ok((length, u32::from_le_bytes(checksum)))
}

#[cfg(test)]
mod tests {
    use crate::tests::{toy_plan, write_toy};
    use crate::{Spatial, Store};

    #[test]
    fn the_digest_follows_the_data_and_not_the_names() {
        let folder = tempfile::tempdir().unwrap();
        let digests = |name: &str, change: &dyn Fn(&mut crate::StorePlan)| {
            let mut plan = toy_plan(5, 2);
            change(&mut plan);
            let root = folder.path().join(name);
            write_toy(&root, &plan);
            let store = Store::open(&root).unwrap();
            let area = |area| store.description(area, Spatial::Flatten).unwrap().digest;
            (store.digest().unwrap(), area("it"), area("v2"))
        };
        let (all, it, v2) = digests("a", &|_| {});
        assert_eq!((all.len(), it == v2, all == it), (64, false, false));
        assert_eq!(digests("b", &|plan| plan.about.command = "another".into()), (all.clone(), it, v2));
        assert_ne!(digests("c", &|plan| plan.labels[0] = 2).0, all);
    }
}
