//! The `.npz` files of the published scripts, read.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ArrayPlace, Arrays, Manifest, Names, OutputsPlace, ReadoutPlaces};
use crate::{Error, Outputs, Store, Work};

/// What a published `.npz` does not say of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// Short name for legends; the file's name if empty.
    pub name: String,
    /// The network.
    pub network: String,
    /// The area its representations are of; `gap` if empty.
    pub area: String,
    /// Class names; numbered from 0 if absent.
    pub classes: Option<Names>,
    /// A hierarchy table (TSV).
    pub hierarchy: Option<std::path::PathBuf>,
    /// Training epoch of the weights; −1 is the untrained network.
    pub epoch: Option<i64>,
    /// Seed of the network's initial weights.
    pub seed: Option<u64>,
}

/// Write the trajectories of a published `.npz` (the layout of [`crate::export_npz`]) into a
/// store at `out`.
///
/// The published arrays hold 32-bit values in 64 bits: nothing is lost. Other values are
/// rounded to the nearest of 32 bits. `outputs_all` becomes the store's `log_probs`.
///
/// # Errors
/// As [`crate::import()`]: missing keys and shapes that do not fit are named.
pub fn import_npz(npz: &Path, out: &Path, about: &Published, work: &Work<'_>) -> Result<Store, Error> {
    Arrays::published(npz, about)?.save(out, work)
}

impl Arrays {
    /// Open a published `.npz`, to be analysed as it lies.
    ///
    /// # Errors
    /// As [`Arrays::open`].
    pub fn published(npz: &Path, about: &Published) -> Result<Self, Error> {
        let or = |given: &String, default: String| if given.is_empty() { default } else { given.clone() };
        let place = |key: &str, axes: &[&str]| ArrayPlace {
            file: npz.to_owned(),
            key: Some(key.to_owned()),
            axes: Some(axes.iter().map(|&axis| axis.to_owned()).collect()),
            steps: None,
        };
        let name = or(&about.name, npz.file_stem().unwrap_or_default().display().to_string());
        let area = or(&about.area, "gap".into());
        let manifest = Manifest {
            network: or(&about.network, name.clone()),
            name,
            taps: BTreeMap::from([(area.clone(), place("representations_all", &["step", "image", "unit"]))]),
            outputs: Some(OutputsPlace {
                array: place("outputs_all", &["step", "image", "class"]),
                kind: Outputs::LogProbs,
            }),
            labels: place("labels_all", &["image"]),
            readout: Some(ReadoutPlaces {
                tap: area,
                delay: 0,
                weight: place("readout_weight", &["class", "unit"]),
                bias: Some(place("readout_bias", &["class"])),
            }),
            classes: about.classes.clone(),
            image_ids: None,
            hierarchy: about.hierarchy.clone(),
            time: None,
            n_steps: None,
            epoch: about.epoch,
            seed: about.seed,
            schedule: None,
        };
        Self::of(&manifest, npz)
    }
}
