//! What an error owes the person who meets it: whose fault, and what to do next.

use std::io;

/// Whose mistake an error reports; it decides the exit status of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something the user gave is wrong: exit status 2.
    User,
    /// The work itself failed (disk full, a damaged file, a bug): exit status 1.
    Failure,
    /// Nobody's: the work was asked to stop, and can be continued: exit status 75, which systems take
    /// for "try again later".
    Stopped,
}

/// An error that may offer a next step.
///
/// The message (`Display`) says what is wrong and where, in lowercase and without
/// a full stop; the hint says what to do, and is printed apart from it.
pub trait Diagnose: std::error::Error {
    /// What to do about it, where that is known.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Whose mistake it is.
    fn fault(&self) -> Fault {
        Fault::User
    }
}

/// What to do about a file or folder that the system refuses.
pub fn file_hint(error: &io::Error) -> String {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => "check the path for a typing mistake",
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => "check who may read and write there",
        Kind::IsADirectory => "name a file, not a folder",
        Kind::NotADirectory => "a part of the path is a file, where a folder is needed",
        Kind::AlreadyExists => "choose another name",
        Kind::UnexpectedEof => "the file may be truncated: compare its size with the original's",
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
            "free some space and run the same command again"
        }
        _ => "check the disk, and that the path can be read and written",
    }
    .into()
}

/// Whose mistake it is that the system refuses a file: a wrong path is the user's.
pub fn file_fault(error: &io::Error) -> Fault {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound | Kind::PermissionDenied | Kind::IsADirectory | Kind::NotADirectory => Fault::User,
        _ => Fault::Failure,
    }
}

/// The choice most similar to `name`, if any is similar enough to be worth offering.
///
/// Similar means an edit distance (insertions, deletions, substitutions, and swaps
/// of neighbours) of at most a third of the longer name, or one name beginning with
/// the other.
///
/// ```
/// let known = ["stable_step", "accuracy"];
/// assert_eq!(redyn_core::nearest("stabel_step", known), Some("stable_step"));
/// assert_eq!(redyn_core::nearest("blt64", known), None);
/// ```
pub fn nearest<'a>(name: &str, choices: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    choices
        .into_iter()
        .map(|choice| (edit_distance(name, choice), choice))
        .filter(|&(distance, choice)| {
            let longer = name.chars().count().max(choice.chars().count());
            3 * distance <= longer || (name.len() >= 3 && choice.starts_with(name))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, choice)| choice)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in table.iter_mut().enumerate() {
        row[0] = i;
    }
    for j in 0..=b.len() {
        table[0][j] = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substituted = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(table[i - 2][j - 2] + 1);
            }
            table[i][j] = best;
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_neighbours_count_once() {
        assert_eq!(edit_distance("rdm_sped", "rdm_speed"), 1);
        assert_eq!(edit_distance("balck", "black"), 1);
        assert_eq!(edit_distance("", "abc"), 3);
    }

    #[test]
    fn nothing_is_offered_for_an_unrelated_name() {
        assert_eq!(nearest("xyz", ["accuracy", "change"]), None);
    }
}
