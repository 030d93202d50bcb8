//! The published weights, found in a folder by what the files themselves tell.

use std::path::{Path, PathBuf};

use super::members::{MEMBERS, Member, ROBUST};
use crate::console::Console;
use crate::{Failure, Trained};

/// Endings of weights: PyTorch, Keras, the index of a TensorFlow checkpoint, safetensors.
const ENDINGS: [&str; 7] = ["pth", "pt", "h5", "hdf5", "keras", "index", "safetensors"];

/// Every network of the study among the checkpoints of a folder and the folders in it, in the
/// order of the paper. What is no network of the study is told and left out.
pub(super) fn find(folder: &Path, console: &Console) -> Result<Vec<(&'static Member, PathBuf)>, Failure> {
    let mut files = Vec::new();
    checkpoints(folder, 3, &mut files)?;
    files.sort();
    let mut found: Vec<(&'static Member, PathBuf)> = Vec::new();
    for file in files {
        let trained = match Trained::open(&file, None, None) {
            Ok(trained) => trained,
            Err(error) => {
                console.say(format!("note: {}: {error}; it is left out", file.display()));
                continue;
            }
        };
        let robust = file.to_string_lossy().to_lowercase().contains("robust");
        let network = trained.network.spec.name.clone();
        let fits = |member: &&Member| {
            member.network == network && (member.network != "resnet50" || (member.name == ROBUST) == robust)
        };
        let Some(member) = MEMBERS.iter().find(fits) else {
            console.say(format!("note: {}: `{network}` is not of the study; it is left out", file.display()));
            continue;
        };
        if let Some((_, other)) = found.iter().find(|(known, _)| known.name == member.name) {
            return Err(Failure::user(
                format!("{} and {} are both weights of {}", other.display(), file.display(), member.name),
                "leave one of them in the folder",
            ));
        }
        found.push((member, file));
    }
    if found.is_empty() {
        return Err(Failure::user(
            format!("{} holds no weights of a network of the study", folder.display()),
            "it is searched for the files that the authors publish, also in its folders: cornet_rt-933c001c.pth, \
             the .h5 of BL and B, the TensorFlow checkpoint of rgc_intermediate, torchvision's .pth; `redyn import \
             FILE --model NAME` makes a file that says what it is of one that does not",
        ));
    }
    found.sort_by_key(|(member, _)| MEMBERS.iter().position(|other| other.name == member.name));
    let missing: Vec<&str> = MEMBERS
        .iter()
        .filter(|member| found.iter().all(|(known, _)| known.name != member.name))
        .map(|member| member.name)
        .collect();
    if !missing.is_empty() {
        console.say(format!("note: no weights of {}", missing.join(", ")));
    }
    Ok(found)
}

fn checkpoints(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Failure::file(folder, &error))?.path();
        if path.is_dir() && depth > 1 {
            checkpoints(&path, depth - 1, files)?;
        } else if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
            files.push(path);
        }
    }
    Ok(())
}
