//! The folder of a store: whole files appear at once, or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zarrs::storage::byte_range::ByteRangeIterator;
use zarrs::storage::{
    Bytes, MaybeBytes, MaybeBytesIterator, OffsetBytesIterator, ReadableStorageTraits, StorageError,
    StoreKey, StorePrefix, WritableStorageTraits,
};

/// Where writers keep their locks and the files they are working on; gone once the store is finished.
pub(crate) const WORKSHOP: &str = ".redyn";

/// A folder as zarrs storage.
///
/// A value is written to a file in [`WORKSHOP`], brought to the disk and renamed to its
/// place: whoever looks, at any moment and after any crash, sees the whole value or none.
/// (The file system store that comes with zarrs writes in place.)
#[derive(Debug)]
pub(crate) struct Files {
    root: PathBuf,
    /// Name of the file that is being written: each writer has its own.
    draft: String,
    #[cfg(test)]
    pub(crate) trouble: trouble::Trouble,
}

impl Files {
    pub(crate) fn new(root: &Path) -> Self {
        Self::of_writer(root, "part".into())
    }

    /// The folder as one of several writers sees it.
    pub(crate) fn of_writer(root: &Path, draft: String) -> Self {
        Self {
            root: root.to_owned(),
            draft,
            #[cfg(test)]
            trouble: trouble::Trouble::default(),
        }
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Put `bytes` at `key`, whole or not at all.
    pub(crate) fn put(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let (part, place) = (self.root.join(WORKSHOP).join(&self.draft), self.path(key));
        self.step()?;
        fs::create_dir_all(place.parent().unwrap_or(&self.root))?;
        let mut file = File::create(&part)?;
        file.write_all(&bytes[..bytes.len() / 2])?;
        self.step()?;
        file.write_all(&bytes[bytes.len() / 2..])?;
        self.step()?;
        file.sync_all()?;
        drop(file);
        self.step()?;
        fs::rename(&part, &place)
    }

    /// A moment at which tests let the file system fail.
    #[cfg(test)]
    fn step(&self) -> io::Result<()> {
        self.trouble.step()
    }

    #[cfg(not(test))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "its twin in tests fails")]
    fn step(&self) -> io::Result<()> {
        Ok(())
    }
}

fn storage_error(error: io::Error) -> StorageError {
    StorageError::IOError(Arc::new(error))
}

impl ReadableStorageTraits for Files {
    fn get(&self, key: &StoreKey) -> Result<MaybeBytes, StorageError> {
        match fs::read(self.path(key.as_str())) {
            Ok(bytes) => Ok(Some(Bytes::from(bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(storage_error(error)),
        }
    }

    fn get_partial_many<'a>(
        &'a self,
        key: &StoreKey,
        byte_ranges: ByteRangeIterator<'a>,
    ) -> Result<MaybeBytesIterator<'a>, StorageError> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        let parts = byte_ranges.map(move |range| {
            let part = range.to_range_usize(bytes.len() as u64);
            let inside = part.end <= bytes.len();
            inside
                .then(|| bytes.slice(part))
                .ok_or_else(|| storage_error(io::ErrorKind::UnexpectedEof.into()))
        });
        Ok(Some(Box::new(parts)))
    }

    fn size_key(&self, key: &StoreKey) -> Result<Option<u64>, StorageError> {
        match fs::metadata(self.path(key.as_str())) {
            Ok(about) => Ok(Some(about.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(storage_error(error)),
        }
    }

    fn supports_get_partial(&self) -> bool {
        false
    }
}

impl WritableStorageTraits for Files {
    fn set(&self, key: &StoreKey, value: Bytes) -> Result<(), StorageError> {
        self.put(key.as_str(), &value).map_err(storage_error)
    }

    fn set_partial_many(&self, key: &StoreKey, _: OffsetBytesIterator) -> Result<(), StorageError> {
        Err(StorageError::Unsupported(format!("{key} is written whole")))
    }

    fn erase(&self, key: &StoreKey) -> Result<(), StorageError> {
        fs::remove_file(self.path(key.as_str())).map_err(storage_error)
    }

    fn erase_prefix(&self, prefix: &StorePrefix) -> Result<(), StorageError> {
        Err(StorageError::Unsupported(format!("{prefix} is kept")))
    }

    fn supports_set_partial(&self) -> bool {
        false
    }
}

#[cfg(test)]
pub(crate) mod trouble {
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Lets the file system be full after some steps.
    #[derive(Debug)]
    pub(crate) struct Trouble(AtomicU64);

    impl Default for Trouble {
        fn default() -> Self {
            Self(AtomicU64::new(u64::MAX))
        }
    }

    impl Trouble {
        pub(crate) fn after(&self, steps: u64) {
            self.0.store(steps, Ordering::Relaxed);
        }

        pub(super) fn step(&self) -> io::Result<()> {
            let left = self.0.load(Ordering::Relaxed);
            if left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.store(left - 1, Ordering::Relaxed);
            Ok(())
        }
    }
}
