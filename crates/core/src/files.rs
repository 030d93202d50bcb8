//! Files that appear whole or not at all.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::{fs, io};

/// Write a file so that nobody ever sees a part of it: beside its place first, then moved there.
///
/// # Errors
/// Whatever the file system says; what was there before is still there then.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_file_as("new", path, bytes)
}

/// The same where several may write one file at a time: the last is right, and each has a draft that is
/// named after it.
///
/// # Errors
/// As [`replace_file`].
pub fn replace_file_as(writer: &str, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(writer);
    let beside = path.with_file_name(name);
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    // Always the same name beside it: what a killed program left is used by the next one.
    written.inspect_err(|_| {
        // The reason is worth more than a second error about the leftover.
        let _ = fs::remove_file(&beside);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.txt");
        replace_file(&path, b"old").unwrap();
        replace_file(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        // A folder cannot be replaced by a file.
        let blocked = folder.path().join("blocked");
        fs::create_dir_all(blocked.join("inside")).unwrap();
        assert!(replace_file(&blocked, b"new").is_err());
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}
