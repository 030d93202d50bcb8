//! The file that says what somebody else's arrays are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use redyn_core::TimeAxis;
use serde::Deserialize;

use crate::{Error, Outputs};

/// What somebody else's arrays are, as a JSON file says it.
///
#[doc = concat!("```json\n", include_str!("manifest.json"), "```")]
///
/// - **Files** are `.npy`, `.npz`, `.safetensors` or HDF5, told apart by their content, found
///   from the manifest's folder. `key` names the array within; it may be left out where there
///   is one.
/// - **`axes`** names the axes in the array's order. `image` must be there; without `step`
///   there is one step; all others are axes of the units, `height` and `width` being space.
/// - **`steps`** says at which steps the array has values (default: 0, 1, 2, ...).
/// - **`outputs`**, with `kind` `logits` (default) or `log_probs`, may be left out if there
///   is a readout: the logits are then computed from the area it reads. Recordings may come
///   without both: `redyn analyze` then fits a cross-validated readout to them.
/// - **`readout`**: the outputs at step `t` read `tap` at step `t − delay`. An empty bias is none.
/// - **`classes`** and **`image_ids`** are lists, or text files of one name per line; left
///   out, classes and images are numbered from 0.
/// - **`n_steps`** is the number of steps in all (default: as many as the arrays need).
/// - `epoch`, `seed` and `schedule` may be given for networks.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Short name for legends.
    pub name: String,
    /// The network or recording.
    pub network: String,
    /// The areas.
    pub taps: BTreeMap<String, ArrayPlace>,
    /// What the network said.
    #[serde(default)]
    pub outputs: Option<OutputsPlace>,
    /// True class of every image, a whole number each.
    pub labels: ArrayPlace,
    /// A linear readout.
    #[serde(default)]
    pub readout: Option<ReadoutPlaces>,
    /// Class names.
    #[serde(default)]
    pub classes: Option<Names>,
    /// Names of the images.
    #[serde(default)]
    pub image_ids: Option<Names>,
    /// A hierarchy table (TSV).
    #[serde(default)]
    pub hierarchy: Option<PathBuf>,
    /// Times of the steps.
    #[serde(default)]
    pub time: Option<TimeAxis>,
    /// Number of steps in all.
    #[serde(default)]
    pub n_steps: Option<usize>,
    /// Training epoch of the weights.
    #[serde(default)]
    pub epoch: Option<i64>,
    /// Seed of the network's initial weights.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The update schedule.
    #[serde(default)]
    pub schedule: Option<String>,
}

/// Where an array is and what its axes are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayPlace {
    /// The file.
    pub file: PathBuf,
    /// The array within it.
    #[serde(default)]
    pub key: Option<String>,
    /// Names of the axes, in the array's order.
    #[serde(default)]
    pub axes: Option<Vec<String>>,
    /// The steps at which it has values.
    #[serde(default)]
    pub steps: Option<Vec<usize>>,
}

/// Where the outputs are and of which kind they are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct OutputsPlace {
    /// The array, `image`, `step` and `class` in any order.
    #[serde(flatten)]
    pub array: ArrayPlace,
    /// Logits or log-probabilities.
    #[serde(default)]
    pub kind: Outputs,
}

/// Where the arrays of a readout are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadoutPlaces {
    /// The area it reads.
    pub tap: String,
    /// The outputs at step `t` read the area at step `t − delay`.
    #[serde(default)]
    pub delay: usize,
    /// `class` and `unit`, in any order.
    pub weight: ArrayPlace,
    /// `class`.
    #[serde(default)]
    pub bias: Option<ArrayPlace>,
}

/// Names, written here or in a text file of one per line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// Written here.
    List(Vec<String>),
    /// In a file.
    File(PathBuf),
}

impl Manifest {
    /// Read a manifest; the files it names are found from its folder.
    ///
    /// # Errors
    /// A file that cannot be read, or that is not a manifest.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        let mut manifest: Self = serde_json::from_slice(&text)
            .map_err(|error| Error::Manifest { path: path.to_owned(), reason: error.to_string() })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for file in manifest.files_mut() {
            *file = folder.join(&*file);
        }
        Ok(manifest)
    }

    /// Every file the manifest names.
    fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        let mut arrays: Vec<&mut ArrayPlace> = self.taps.values_mut().collect();
        arrays.extend(self.outputs.as_mut().map(|outputs| &mut outputs.array));
        arrays.push(&mut self.labels);
        if let Some(readout) = &mut self.readout {
            arrays.push(&mut readout.weight);
            arrays.extend(&mut readout.bias);
        }
        let mut files: Vec<&mut PathBuf> = arrays.into_iter().map(|array| &mut array.file).collect();
        for names in [&mut self.classes, &mut self.image_ids] {
            if let Some(Names::File(file)) = names {
                files.push(file);
            }
        }
        files.extend(&mut self.hierarchy);
        files
    }

    /// Every file the manifest names, each once, in the order of their names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut copy = self.clone();
        let mut files: Vec<PathBuf> = copy.files_mut().into_iter().map(|file| file.clone()).collect();
        files.sort();
        files.dedup();
        files
    }
}

impl Names {
    /// How many there are.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn count(&self) -> Result<usize, Error> {
        match self {
            Self::List(names) => Ok(names.len()),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| text.lines().count())
                .map_err(|error| Error::io("read", path, error)),
        }
    }

    /// The names, `n` of them.
    ///
    /// # Errors
    /// A file that cannot be read, or another number of names.
    pub(crate) fn load(&self, what: &str, n: usize) -> Result<Vec<String>, Error> {
        let names = match self {
            Self::List(names) => names.clone(),
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
                text.lines().map(str::to_owned).collect()
            }
        };
        if names.len() != n {
            let place =
                if let Self::File(path) = self { format!(" in `{}`", path.display()) } else { String::new() };
            return Err(Error::plan(format!("{} names of {what}{place}, the arrays have {n}", names.len())));
        }
        Ok(names)
    }
}
