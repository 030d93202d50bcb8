//! One writer at a time, or several of parts of a store.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use redyn_core::Shard;
use same_file::Handle;

use crate::Error;
use crate::files::WORKSHOP;

/// Advisory locks on a store; the operating system releases them when their holder dies.
#[derive(Debug)]
pub(crate) struct Lock {
    workshop: PathBuf,
    _held: Vec<File>,
}

impl Lock {
    /// Take the lock of the store at `root`, a folder that exists: of all of it, or of a part, which
    /// keeps away who wants all of it and who wants the same part.
    pub(crate) fn take(root: &Path, shard: Shard) -> Result<Self, Error> {
        let workshop = root.join(WORKSHOP);
        let mut held = vec![lock(root, &workshop.join("lock"), shard.is_whole())?];
        if !shard.is_whole() {
            let own = format!("lock-{}", shard.to_string().replace('/', "-of-"));
            held.push(lock(root, &workshop.join(own), true)?);
        }
        Ok(Self { workshop, _held: held })
    }

    /// Remove what only writers need. The lock, which is of all of the store, is held until the end.
    pub(crate) fn clear_away(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.workshop).map_err(|e| Error::io("remove", &self.workshop, e))
    }
}

/// Lock a file, for oneself or with others.
///
/// The file goes away when a store is finished, so a lock counts only if the file locked is still the
/// one found under its name; otherwise it is tried again.
fn lock(root: &Path, path: &Path, alone: bool) -> Result<File, Error> {
    let workshop = path.parent().unwrap_or(root);
    loop {
        fs::create_dir_all(workshop).map_err(|e| Error::io("create", workshop, e))?;
        let opened = File::options().create(true).truncate(false).write(true).open(path);
        let file = match opened {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            opened => opened.map_err(|e| Error::io("open", path, e))?,
        };
        match if alone { file.try_lock() } else { file.try_lock_shared() } {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: root.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
        }
        let locked = file.try_clone().and_then(Handle::from_file);
        let locked = locked.map_err(|e| Error::io("lock", path, e))?;
        if Handle::from_path(path).is_ok_and(|found| found == locked) {
            return Ok(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path(), Shard::WHOLE).unwrap();
        assert!(matches!(Lock::take(folder.path(), Shard::WHOLE), Err(Error::Locked { .. })));
        drop(first);
        let second = Lock::take(folder.path(), Shard::WHOLE).unwrap();
        second.clear_away().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Lock::take(folder.path(), Shard::WHOLE).unwrap();
    }

    #[test]
    fn parts_are_written_side_by_side_each_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let take = |shard: &str| Lock::take(folder.path(), shard.parse().unwrap());
        let parts = ["0/2", "1/2", "0/3"].map(|shard| take(shard).unwrap());
        assert!(matches!(take("1/2"), Err(Error::Locked { .. })), "a part twice");
        assert!(matches!(take("0/1"), Err(Error::Locked { .. })), "all of it beside its parts");
        drop(parts);
        let whole = take("0/1").unwrap();
        assert!(matches!(take("1/2"), Err(Error::Locked { .. })), "a part beside all of it");
        drop(whole);
    }
}
