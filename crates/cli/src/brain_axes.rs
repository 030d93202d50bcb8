//! What the axes of an array of brain RDMs are, as somebody says it.

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

/// The axes before the two of images, where somebody named them: `subject,time`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrainAxes(Option<Vec<BrainAxis>>);

/// A file of RDMs: `FILE` or `FILE:AXIS,...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrainFile {
    pub(crate) path: PathBuf,
    pub(crate) axes: BrainAxes,
}

const HINT: &str = "the last two axes are images, those before them subject, session or time: FILE:subject,time on \
     the command line, axes=\"subject time\" in Python";

impl FromStr for BrainAxes {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let axis = |name: &str| match name {
            "subject" => Ok(BrainAxis::Subject),
            "session" => Ok(BrainAxis::Session),
            "time" => Ok(BrainAxis::Time),
            _ => Err(Failure::user(format!("RDMs have no axis `{name}`"), HINT)),
        };
        let axes = text.split([',', ' ']).map(axis).collect::<Result<Vec<_>, _>>()?;
        if let Some(at) = (1..axes.len()).find(|&at| axes[..at].contains(&axes[at])) {
            return Err(Failure::user(format!("two axes are {:?}", axes[at]).to_lowercase(), HINT));
        }
        Ok(Self(Some(axes)))
    }
}

impl FromStr for BrainFile {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        // A colon may be in a path: axes come after the file's extension.
        match text.rsplit_once(':').filter(|(path, _)| path.contains(".np")) {
            Some((path, axes)) => Ok(Self { path: path.into(), axes: axes.parse()? }),
            None => Ok(Self { path: text.into(), axes: BrainAxes::default() }),
        }
    }
}

impl BrainAxes {
    /// The axes of an array of some shape, but for the two of images; `array` is what it is called.
    pub(crate) fn of(&self, array: &str, shape: &[usize]) -> Result<Vec<BrainAxis>, Failure> {
        let place = || format!("{array} has shape {shape:?}");
        let &[.., rows, columns] = shape else {
            return Err(Failure::user(format!("{}, which holds no square RDMs", place()), HINT));
        };
        if rows != columns {
            return Err(Failure::user(format!("{}, which holds no square RDMs", place()), HINT));
        }
        let axes = match (&self.0, shape.len()) {
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
        assert_eq!(file.axes.of("`it`", &[3, 5, 9, 9]).unwrap(), [BrainAxis::Subject, BrainAxis::Time]);
        assert_eq!(file.axes, "subject time".parse().unwrap());
        let plain: BrainFile = "a:b/it.npy".parse().unwrap();
        assert_eq!(plain.axes.of("`it`", &[9, 9]).unwrap(), []);
        assert_eq!(plain.axes.of("`it`", &[3, 9, 9]).unwrap(), [BrainAxis::Subject]);
    }

    #[test]
    fn what_cannot_be_rdms_is_refused() {
        let message = |text: &str, shape: &[usize]| {
            let file: Result<BrainFile, Failure> = text.parse();
            file.and_then(|file| file.axes.of("`it` in it.npy", shape)).unwrap_err().message().to_owned()
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
