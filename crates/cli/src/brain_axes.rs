//! What the axes of an array of brain RDMs are, as it is said on the command line.

use std::path::PathBuf;
use std::str::FromStr;

use crate::Failure;

/// An axis before the two of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrainAxis {
    Subject,
    Session,
    Time,
}

/// A file of RDMs: `FILE` or `FILE:AXIS,...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrainFile {
    pub(crate) path: PathBuf,
    /// As they were said.
    axes: Option<Vec<BrainAxis>>,
}

const HINT: &str = "write FILE:subject,time or FILE:subject,session; the last two axes are images";

impl FromStr for BrainFile {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        // A colon may be in a path: axes come after the file's extension.
        let Some((path, axes)) = text.rsplit_once(':').filter(|(path, _)| path.contains(".np")) else {
            return Ok(Self { path: text.into(), axes: None });
        };
        let axis = |name: &str| match name {
            "subject" => Ok(BrainAxis::Subject),
            "session" => Ok(BrainAxis::Session),
            "time" => Ok(BrainAxis::Time),
            _ => Err(Failure::user(format!("RDMs have no axis `{name}`"), HINT)),
        };
        let axes = axes.split(',').map(axis).collect::<Result<Vec<_>, _>>()?;
        if let Some(at) = (1..axes.len()).find(|&at| axes[..at].contains(&axes[at])) {
            return Err(Failure::user(format!("two axes are {:?}", axes[at]).to_lowercase(), HINT));
        }
        Ok(Self { path: path.into(), axes: Some(axes) })
    }
}

impl BrainFile {
    /// The axes of an array of some shape, but for the two of images.
    pub(crate) fn axes_of(&self, name: &str, shape: &[usize]) -> Result<Vec<BrainAxis>, Failure> {
        let place = || format!("`{name}` in {} has shape {shape:?}", self.path.display());
        let &[.., rows, columns] = shape else {
            return Err(Failure::user(format!("{}, which holds no square RDMs", place()), HINT));
        };
        if rows != columns {
            return Err(Failure::user(format!("{}, which holds no square RDMs", place()), HINT));
        }
        let axes = match (&self.axes, shape.len()) {
            (Some(axes), _) => axes.clone(),
            (None, 2) => Vec::new(),
            (None, 3) => vec![BrainAxis::Subject],
            (None, n) => {
                return Err(Failure::user(format!("{}: what are its first {} axes?", place(), n - 2), HINT));
            }
        };
        if axes.len() + 2 != shape.len() {
            let said = axes.len();
            return Err(Failure::user(
                format!("{}, but {said} axes before those of images were named", place()),
                HINT,
            ));
        }
        Ok(axes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_said_after_the_file() {
        let file: BrainFile = "a:b/it.npy:subject,time".parse().unwrap();
        assert_eq!(file.path, PathBuf::from("a:b/it.npy"));
        assert_eq!(file.axes_of("it", &[3, 5, 9, 9]).unwrap(), [BrainAxis::Subject, BrainAxis::Time]);
        let plain: BrainFile = "a:b/it.npy".parse().unwrap();
        assert_eq!(plain.axes_of("it", &[9, 9]).unwrap(), []);
        assert_eq!(plain.axes_of("it", &[3, 9, 9]).unwrap(), [BrainAxis::Subject]);
    }

    #[test]
    fn what_cannot_be_rdms_is_refused() {
        let message = |text: &str, shape: &[usize]| {
            let file: Result<BrainFile, Failure> = text.parse();
            file.and_then(|file| file.axes_of("it", shape)).unwrap_err().message().to_owned()
        };
        assert_eq!(message("it.npy:subject,place", &[2, 9, 9]), "RDMs have no axis `place`");
        assert_eq!(message("it.npy:time,time", &[2, 2, 9, 9]), "two axes are time");
        assert_eq!(message("it.npy", &[9, 8]), "`it` in it.npy has shape [9, 8], which holds no square RDMs");
        assert_eq!(
            message("it.npy", &[2, 3, 9, 9]),
            "`it` in it.npy has shape [2, 3, 9, 9]: what are its first 2 axes?"
        );
        assert_eq!(
            message("it.npy:subject", &[9, 9]),
            "`it` in it.npy has shape [9, 9], but 1 axes before those of images were named"
        );
    }
}
