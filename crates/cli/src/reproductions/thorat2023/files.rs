//! The authors' weights, found in a folder by what the files themselves tell.

use std::path::{Path, PathBuf};

use super::Splits;
use super::networks::{MEMBERS, Member, Size, Weights, recordings};
use crate::console::Console;
use crate::study::{Estimate, Load, Recording, Study};
use crate::{Failure, Trained};

/// Images of the long recordings: all there are.
const ALL: usize = usize::MAX;
/// Images along whose trajectories Jacobians are looked at.
const JACOBIANS: usize = 100;

/// A network of the study whose weights are there already.
pub(super) struct Found {
    member: &'static Member,
    seed: u64,
    trained: PathBuf,
    untrained: Option<PathBuf>,
    pub(super) recordings: Vec<(Weights, Recording)>,
}

/// Every network of the study among the checkpoints of a folder and the folders in it.
///
/// Of several epochs of one network the last is taken: the file without one, as the authors name
/// it, or the highest. Epoch −1 is the untrained network.
pub(super) fn find(folder: &Path, splits: &Splits, console: &Console) -> Result<Vec<Found>, Failure> {
    let mut files = Vec::new();
    checkpoints(folder, 3, &mut files)?;
    files.sort();
    // With the epoch of the trained weights so far; −1 as long as there are none.
    let mut found: Vec<(Found, Option<i64>)> = Vec::new();
    for file in files {
        let one = Trained::open(&file, None, None)?;
        // torchvision's ResNet has a bias in its readout, as published; it is no variant.
        let card = &one.network.card;
        let name = match card.short.as_str() {
            "ResNet-18" => "ResNet18".to_owned(),
            short if card.readout.bias.is_some() => format!("{short}-bias"),
            short => short.to_owned(),
        };
        let Some(member) = MEMBERS.iter().find(|member| member.name == name) else {
            console
                .say(format!("note: {}: no network of the study ({name}); it is left out", file.display()));
            continue;
        };
        let seed = one.seed.unwrap_or(1);
        let place = found.iter().position(|(known, _)| known.member.name == name && known.seed == seed);
        let place = place.unwrap_or_else(|| {
            let steps = one.network.card.steps;
            let size = Size { steps, long_images: ALL, jacobians: JACOBIANS };
            let recordings = recordings(member, seed, &one.network, size, splits);
            found.push((
                Found { member, seed, trained: PathBuf::new(), untrained: None, recordings },
                Some(-1),
            ));
            found.len() - 1
        });
        let (known, epoch) = &mut found[place];
        if one.epoch == Some(-1) {
            known.untrained = Some(file);
        } else if epoch.is_some() && (one.epoch.is_none() || one.epoch > *epoch) {
            (known.trained, *epoch) = (file, one.epoch);
        }
    }
    let mut found: Vec<Found> = found
        .into_iter()
        .map(|(found, _)| found)
        .filter(|found| !found.trained.as_os_str().is_empty())
        .collect();
    if found.is_empty() {
        return Err(Failure::user(
            format!("{} holds no weights of a network of the study", folder.display()),
            "it is searched for .pth files named as the authors name them, also in its folders; `redyn import` \
             makes a file that says what it is of one that does not",
        ));
    }
    let place = |one: &Found| MEMBERS.iter().position(|member| member.name == one.member.name);
    found.sort_by_key(|one| (place(one), one.seed));
    for one in &mut found {
        if one.untrained.is_none() {
            console.say(format!(
                "note: {}-{}: no weights from before training (epoch -1); what compares with them is left out",
                one.member.name, one.seed
            ));
            one.recordings.retain(|(weights, _)| *weights != Weights::Untrained);
        }
    }
    Ok(found)
}

/// The checkpoints of a folder, and of the folders in it down to some depth: the authors' `.pth`, or
/// what `redyn import` made of one that does not tell all of its flags.
fn checkpoints(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Failure::file(folder, &error))?.path();
        if path.is_dir() && depth > 1 {
            checkpoints(&path, depth - 1, files)?;
        } else if path.extension().is_some_and(|ending| ending == "pth" || ending == "safetensors") {
            files.push(path);
        }
    }
    Ok(())
}

impl Found {
    /// Part and name, as a run of our own would have them.
    pub(super) fn is(&self, part: super::networks::Part) -> bool {
        self.member.part == part
    }

    pub(super) fn estimate(&self, study: &Study, splits: &Splits) -> Result<Estimate, Failure> {
        let trained = Trained::open(&self.trained, None, None)?;
        let recordings = splits.sizes(study, &self.recordings)?;
        Estimate::of(&Load { network: &trained.network, training: None, recordings }, study.memory)
    }

    /// Record everything that its weights allow.
    pub(super) fn record(&self, study: &Study, console: &Console) -> Result<(), Failure> {
        for (weights, recording) in &self.recordings {
            let untrained = self.untrained.as_ref().filter(|_| *weights == Weights::Untrained);
            let mut trained = Trained::open(untrained.unwrap_or(&self.trained), None, None)?;
            if *weights == Weights::WithoutBias {
                trained.remove_readout_bias()?;
            }
            study.record(&trained, recording, console)?;
        }
        Ok(())
    }
}
