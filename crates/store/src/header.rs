//! What the root of a store says of itself, and whether a run may continue it.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{About, Error, Outputs, StorePlan, Tap};

/// The name by which a Zarr group is known as trajectories.
pub(crate) const FORMAT: &str = "redyn.trajectories";
/// The version this crate writes, and the newest it reads.
pub(crate) const VERSION: u64 = 1;

/// Where the readout reads and which of its arrays are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadoutPlace {
    /// The area it reads.
    pub tap: String,
    /// The outputs at step `t` read the area at step `t − delay`.
    pub delay: usize,
    /// Number of units it reads.
    pub n_units: usize,
    /// Whether it has a bias.
    pub has_bias: bool,
    /// sha256 of weight and bias.
    pub digest: String,
}

/// The attributes of the root group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u64,
    pub(crate) complete: bool,
    #[serde(flatten)]
    pub(crate) about: About,
    pub(crate) n_images: usize,
    pub(crate) n_steps: usize,
    pub(crate) outputs: Outputs,
    pub(crate) output_steps: Vec<usize>,
    pub(crate) taps: Vec<Tap>,
    pub(crate) readout: Option<ReadoutPlace>,
    pub(crate) block: usize,
    pub(crate) images_digest: String,
}

impl Header {
    pub(crate) fn of(plan: &StorePlan) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            complete: false,
            about: plan.about.clone(),
            n_images: plan.n_images(),
            n_steps: plan.n_steps,
            outputs: plan.outputs,
            output_steps: plan.output_steps.clone(),
            taps: plan.taps.clone(),
            readout: plan.readout.as_ref().map(|planned| ReadoutPlace {
                tap: planned.tap.clone(),
                delay: planned.delay,
                n_units: planned.readout.weight.ncols(),
                has_bias: planned.readout.bias.is_some(),
                digest: readout_digest(&planned.readout),
            }),
            block: plan.block,
            images_digest: images_digest(&plan.labels, &plan.image_ids),
        }
    }

    /// The first thing in which a run with this header would not continue `store`:
    /// its name, its value there, its value here.
    ///
    /// The command, the version of redyn and the path to the images may differ: the kernels,
    /// weights, images and everything else that makes the numbers may not.
    pub(crate) fn differs_from(&self, store: &Self) -> Option<(String, String, String)> {
        let comparable = |header: &Self| {
            let mut header = header.clone();
            header.complete = false;
            header.about.command.clear();
            header.about.dataset = None;
            header.about.tool_version.clear();
            serde_json::to_value(header).expect("a header is plain data")
        };
        difference("", &comparable(store), &comparable(self))
    }

    /// Numbers of blocks.
    pub(crate) fn n_blocks(&self) -> usize {
        self.n_images.div_ceil(self.block)
    }

    /// The images of a block.
    pub(crate) fn images_of(&self, block: usize) -> std::ops::Range<usize> {
        block * self.block..((block + 1) * self.block).min(self.n_images)
    }

    /// Read the attributes of the root group.
    ///
    /// # Errors
    /// Another format, a newer version, or attributes that contradict one another.
    pub(crate) fn read(root: &std::path::Path) -> Result<Self, Error> {
        let path = root.join("zarr.json");
        let not_a_store = |reason: &str| Error::NotAStore { path: root.to_owned(), reason: reason.into() };
        let text = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if root.exists() => not_a_store("it holds no `zarr.json`"),
            std::io::ErrorKind::NotADirectory => not_a_store("it is a file"),
            _ => Error::io("read", &path, error),
        })?;
        let broken =
            |error: serde_json::Error| Error::Metadata { path: path.clone(), reason: error.to_string() };
        let group: Value = serde_json::from_slice(&text).map_err(broken)?;
        let attributes = &group["attributes"];
        if attributes["format"] != FORMAT {
            return Err(not_a_store(&format!("its attributes do not say `\"format\": \"{FORMAT}\"`")));
        }
        match attributes["version"].as_u64() {
            Some(VERSION) => {}
            Some(found) if found > VERSION => {
                return Err(Error::NewerVersion { path: root.to_owned(), found, supported: VERSION });
            }
            _ => return Err(not_a_store(&format!("format version {} is unknown", attributes["version"]))),
        }
        let header: Self = serde_json::from_value(attributes.clone()).map_err(broken)?;
        if header.n_images == 0 || header.block == 0 || header.n_steps == 0 {
            return Err(Error::Metadata { path, reason: "no images, no steps or empty blocks".into() });
        }
        let steps = header.taps.iter().flat_map(|tap| &tap.steps).chain(&header.output_steps);
        if let Some(step) = steps.into_iter().find(|&&step| step >= header.n_steps) {
            let reason = format!("step {step} of {} steps", header.n_steps);
            return Err(Error::Metadata { path, reason });
        }
        Ok(header)
    }
}

/// The first difference between two JSON values: where, and both values.
fn difference(place: &str, a: &Value, b: &Value) -> Option<(String, String, String)> {
    match (a, b) {
        _ if a == b => None,
        (Value::Object(x), Value::Object(y)) => {
            let keys = x.keys().chain(y.keys().filter(|key| !x.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let inner = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                let absent = &Value::Null;
                difference(&inner, x.get(key).unwrap_or(absent), y.get(key).unwrap_or(absent))
            })
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            let mut pairs = x.iter().zip(y).enumerate();
            pairs.find_map(|(index, (p, q))| difference(&format!("{place}[{index}]"), p, q))
        }
        _ => Some((format!("`{place}`"), short(a), short(b))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 100 { text } else { text.chars().take(97).chain("...".chars()).collect() }
}

pub(crate) fn images_digest(labels: &[usize], ids: &[String]) -> String {
    let mut hash = Sha256::new();
    for (label, id) in labels.iter().zip(ids) {
        hash.update((*label as u64).to_le_bytes());
        hash.update((id.len() as u64).to_le_bytes());
        hash.update(id);
    }
    hex(&hash.finalize())
}

pub(crate) fn readout_digest(readout: &redyn_core::Readout) -> String {
    let mut hash = Sha256::new();
    for value in readout.weight.iter().chain(readout.bias.iter().flatten()) {
        hash.update(value.to_le_bytes());
    }
    hex(&hash.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::toy_plan;

    #[test]
    fn a_header_is_read_as_written() {
        let header = Header::of(&toy_plan(5, 2));
        let text = serde_json::to_string(&header).unwrap();
        assert_eq!(serde_json::from_str::<Header>(&text).unwrap(), header);
    }

    #[test]
    fn the_first_difference_is_located() {
        let (a, mut b) = (Header::of(&toy_plan(5, 2)), Header::of(&toy_plan(5, 2)));
        b.about.command = "another".into();
        b.about.dataset = Some("elsewhere".into());
        b.about.tool_version = "9".into();
        b.complete = true;
        assert_eq!(a.differs_from(&b), None);
        b.taps[1].steps[0] = 0;
        assert_eq!(a.differs_from(&b).unwrap(), ("`taps[1].steps[0]`".into(), "0".into(), "1".into()));
        b.about.model["width"] = 3.into();
        assert_eq!(a.differs_from(&b).unwrap(), ("`model.width`".into(), "3".into(), "2".into()));
    }
}
