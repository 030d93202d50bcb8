//! What a report is made of.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use redyn_analysis::{Between, BrainComparison, Judged, NetworkResults, Options};
use redyn_core::{Drawing, Hierarchy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// Everything a report shows. Nothing else enters it: no clock, no file, no network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// Title of the page.
    pub title: String,
    /// Which images the networks saw, as it reads in a sentence: `built-in stimuli, split
    /// test`. Empty if nothing is to be said.
    pub stimuli: String,
    /// Every choice behind the numbers.
    pub options: Options,
    /// The networks, in the order they are shown.
    pub networks: Vec<Network>,
    /// Networks again, on images that are harder in one way each: only how robust they are is shown.
    #[serde(default)]
    pub challenged: Vec<Network>,
    /// What became of the published claims, over all seeds of every network.
    #[serde(default)]
    pub judged: Option<Judged>,
    /// How alike the networks' RDMs are, where several saw the same images.
    #[serde(default)]
    pub between: Option<Between>,
    /// How alike networks and brains are; without networks it is all that is shown.
    #[serde(default)]
    pub comparison: Option<BrainComparison>,
    /// Pictures of some images, by index of the image; the same images for every network.
    pub thumbnails: BTreeMap<usize, Thumbnail>,
    /// Where everything comes from: versions, digests, seeds, commands.
    pub provenance: Vec<Provenance>,
}

/// One network, and what was found about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// What was found.
    pub results: NetworkResults,
    /// How its classes are related: one entry per class of the results.
    pub hierarchy: Option<Hierarchy>,
    /// The networks of one design that it belongs to: `CORnet`. Unknown of recordings.
    #[serde(default)]
    pub family: Option<String>,
    /// How it is built; absent for recordings.
    pub drawing: Option<Drawing>,
    /// What was set about the images it saw, where they were generated: `clutter` 0.5.
    #[serde(default)]
    pub stimuli: BTreeMap<String, f64>,
}

/// A line of the provenance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// What it says something about.
    pub key: String,
    /// What it says.
    pub value: String,
}

/// A small picture, as the bytes of a PNG, JPEG or WebP file.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbnail {
    bytes: Vec<u8>,
}

impl Thumbnail {
    /// A picture from the bytes of its file.
    ///
    /// # Errors
    /// Bytes that begin like none of the three formats.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Error> {
        if mime(&bytes).is_some() {
            Ok(Self { bytes })
        } else {
            Err(Error::Thumbnail { n_bytes: bytes.len() })
        }
    }

    /// Size of the file.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The picture as a `data:` address, for a page that needs no other file.
    pub(crate) fn address(&self) -> String {
        let mime = mime(&self.bytes).unwrap_or("application/octet-stream");
        format!("data:{mime};base64,{}", BASE64_STANDARD.encode(&self.bytes))
    }
}

fn mime(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

impl std::fmt::Debug for Thumbnail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Thumbnail({} bytes)", self.bytes.len())
    }
}

impl Serialize for Thumbnail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.bytes))
    }
}

impl<'de> Deserialize<'de> for Thumbnail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
        Self::new(bytes).map_err(D::Error::custom)
    }
}

impl Context {
    /// Check that the parts belong together.
    ///
    /// # Errors
    /// Neither a network nor a comparison, two networks of one name, a hierarchy of another number of classes.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.networks.is_empty() && self.comparison.is_none() {
            return Err(Error::NoNetwork);
        }
        for (index, network) in self.networks.iter().enumerate() {
            let results = &network.results;
            let name = || results.name.clone();
            if self.networks[..index].iter().any(|other| other.results.name == results.name) {
                return Err(Error::NameTwice { name: name() });
            }
            if let Some(hierarchy) = &network.hierarchy
                && hierarchy.groups.len() != results.classes.len()
            {
                let (found, expected) = (hierarchy.groups.len(), results.classes.len());
                return Err(Error::Hierarchy { network: name(), found, expected });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_is_read_as_it_was_written() {
        let thumbnail = Thumbnail::new(vec![0x89, b'P', b'N', b'G', 1, 2, 3]).unwrap();
        let text = serde_json::to_string(&thumbnail).unwrap();
        assert_eq!(serde_json::from_str::<Thumbnail>(&text).unwrap(), thumbnail);
        assert!(thumbnail.address().starts_with("data:image/png;base64,iVBORw"), "{}", thumbnail.address());
    }

    #[test]
    fn bytes_that_are_no_picture_are_refused() {
        assert!(Thumbnail::new(b"GIF89a".to_vec()).is_err());
    }
}
