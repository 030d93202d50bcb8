//! One writer at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use same_file::Handle;

use crate::Error;
use crate::files::WORKSHOP;

/// An advisory lock on a store; the operating system releases it when its holder dies.
#[derive(Debug)]
pub(crate) struct Lock {
    workshop: PathBuf,
    _held: File,
}

impl Lock {
    /// Take the lock of the store at `root`, a folder that exists.
    ///
    /// The lock file goes away when a store is finished, so a lock counts only if the file
    /// locked is still the one found under its name; otherwise it is tried again.
    pub(crate) fn take(root: &Path) -> Result<Self, Error> {
        let workshop = root.join(WORKSHOP);
        let path = workshop.join("lock");
        loop {
            fs::create_dir_all(&workshop).map_err(|e| Error::io("create", &workshop, e))?;
            let opened = File::options().create(true).truncate(false).write(true).open(&path);
            let file = match opened {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                opened => opened.map_err(|e| Error::io("open", &path, e))?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: root.to_owned() }),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path, error)),
            }
            let locked = file.try_clone().and_then(Handle::from_file);
            let locked = locked.map_err(|e| Error::io("lock", &path, e))?;
            if Handle::from_path(&path).is_ok_and(|found| found == locked) {
                return Ok(Self { workshop, _held: file });
            }
        }
    }

    /// Remove what only a writer needs. The lock is held until the end.
    pub(crate) fn clear_away(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.workshop).map_err(|e| Error::io("remove", &self.workshop, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        assert!(matches!(Lock::take(folder.path()), Err(Error::Locked { .. })));
        drop(first);
        let second = Lock::take(folder.path()).unwrap();
        second.clear_away().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Lock::take(folder.path()).unwrap();
    }
}
