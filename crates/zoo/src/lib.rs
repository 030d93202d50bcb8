//! Published recurrent networks, one file each, and the files their weights live in.
//!
//! ```
//! let network = redyn_zoo::build("blt64:top_down=1,width=0.25,image_size=32,classes=16")?;
//! assert_eq!(network.graph.image_shape().height, 32);
//! # Ok::<(), redyn_zoo::ZooError>(())
//! ```

mod alexnet;
mod blt;
mod blt_vs;
mod card;
pub mod checkpoint;
mod convrnn;
mod cornet;
mod error;
mod import;
mod lrm;
mod published;
mod rcnn_sat;
mod resnet;
mod settings;
mod spec;
mod torchvision;
mod vgg;
mod weights_file;

use redyn_network::Graph;

pub use card::{Card, Crop, Parity, Preprocessing, ReadoutCard, Values};
pub use error::{Misfit, ZooError};
pub use import::{Fit, Key, Missing, Row, Status, Unexpected};
pub use spec::{Setting, Spec};
pub use weights_file::{digest, read_weights, write_weights};

/// A network that can be built by name, at many settings.
pub struct Entry {
    /// Name, as it is typed.
    pub name: &'static str,
    /// One line for lists.
    pub summary: &'static str,
    /// Networks of one design share it, whatever their variant or depth: `CORnet`.
    pub family: &'static str,
    /// The publication.
    pub citation: &'static str,
    /// Where the reference code lives, with the commit this was checked against.
    pub origin: &'static str,
    /// What can be set, with defaults.
    pub settings: fn() -> Vec<Setting>,
    /// How the files of its authors are read.
    pub(crate) published: published::Published,
    pub(crate) build: fn(&Spec) -> Result<Network, ZooError>,
}

/// All networks.
pub const NETWORKS: &[Entry] = &[
    blt::BLT64,
    blt::BLT128,
    blt_vs::BLT_VS,
    cornet::CORNET_RT,
    cornet::CORNET_R,
    cornet::CORNET_Z,
    cornet::CORNET_S,
    rcnn_sat::BL,
    rcnn_sat::B,
    rcnn_sat::B_K,
    rcnn_sat::B_F,
    rcnn_sat::B_D,
    convrnn::RGC_SHALLOW,
    convrnn::RGC_INTERMEDIATE,
    convrnn::RGC_INTERMEDIATE_T22,
    convrnn::RGC_INTERMEDIATE_TMAXCONF,
    convrnn::RGC_INTERMEDIATE_T22_TMAXCONF,
    convrnn::RGC_INTERMEDIATE_DTHRESH,
    convrnn::cells::TIMEDECAY_SHALLOW,
    convrnn::cells::SIMPLERNN_SHALLOW,
    convrnn::cells::GRU_SHALLOW,
    convrnn::cells::LSTM_SHALLOW,
    convrnn::cells::UGRNN_SHALLOW,
    convrnn::cells::INTERSECTIONRNN_SHALLOW,
    convrnn::cells::TIMEDECAY_INTERMEDIATE,
    convrnn::cells::SIMPLERNN_INTERMEDIATE,
    convrnn::cells::GRU_INTERMEDIATE,
    convrnn::cells::LSTM_INTERMEDIATE,
    convrnn::cells::UGRNN_INTERMEDIATE,
    convrnn::cells::INTERSECTIONRNN_INTERMEDIATE,
    convrnn::cells::UGRNN_INTERMEDIATE_T30,
    convrnn::cells::UGRNN_INTERMEDIATE_T30_TMAXCONF,
    convrnn::cells::UGRNN_INTERMEDIATE_T30_DTHRESH,
    lrm::LRM1,
    lrm::LRM2,
    lrm::LRM3,
    lrm::LRA3,
    alexnet::ALEXNET,
    vgg::VGG16,
    resnet::RESNET18,
    resnet::RESNET50,
    resnet::RESNET101,
];

/// A network ready to be planned.
#[derive(Clone, Debug)]
pub struct Network {
    /// Name and settings, every one of them written out.
    pub spec: Spec,
    /// One step of it.
    pub graph: Graph,
    /// What a store and a report say of it.
    pub card: Card,
}

/// Build a network from its spec: a name, or `NAME:KEY=VALUE,KEY=VALUE`.
///
/// # Errors
/// An unknown name, setting or value; settings that do not go together.
pub fn build(spec: &str) -> Result<Network, ZooError> {
    let (entry, spec) = spec::parse(spec)?;
    (entry.build)(&spec)
}

/// Build a network for data of so many classes: its `classes` setting is theirs unless
/// the spec sets it.
///
/// # Errors
/// As [`build`].
pub fn build_for(spec: &str, classes: usize) -> Result<Network, ZooError> {
    let (entry, mut parsed) = spec::parse(spec)?;
    if !spec::sets(spec, "classes") {
        parsed.set("classes", classes.to_string());
    }
    (entry.build)(&parsed)
}

/// The entry of a name.
///
/// # Errors
/// An unknown name.
pub fn entry(name: &str) -> Result<&'static Entry, ZooError> {
    NETWORKS
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| ZooError::UnknownNetwork { name: name.to_owned() })
}
