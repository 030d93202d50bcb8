//! What torchvision's classifiers have in common beside their graphs.

use redyn_network::{Graph, NetworkError};

use crate::settings::{Scale, imagenet};
use crate::spec::Spec;
use crate::{Card, Network, Parity, ReadoutCard, ZooError};

/// What tells one classifier from another.
pub(crate) struct Classifier {
    /// Short name for legends.
    pub(crate) short: &'static str,
    pub(crate) citation: &'static str,
    pub(crate) origin: &'static str,
    /// The module that is read out.
    pub(crate) area: &'static str,
    /// The module that reads it.
    pub(crate) readout: &'static str,
}

impl Classifier {
    /// The network of one pass: its graph with its card.
    pub(crate) fn network(
        &self,
        spec: &Spec,
        scale: &Scale,
        graph: Result<Graph, NetworkError>,
    ) -> Result<Network, ZooError> {
        let graph = graph.map_err(|source| ZooError::Network { network: spec.to_string(), source })?;
        let card = Card {
            network: spec.to_string(),
            short: self.short.into(),
            citation: self.citation.into(),
            origin: self.origin.into(),
            parity: Parity::Verified,
            steps: 1,
            classes: scale.classes,
            image_size: scale.image_size,
            preprocessing: imagenet(scale.image_size),
            readout: ReadoutCard {
                tap: "readout".into(),
                area: self.area.into(),
                delay: 0,
                weight: Some(format!("{}.weight", self.readout)),
                bias: Some(format!("{}.bias", self.readout)),
            },
            hoisted: Vec::new(),
        };
        Ok(Network { spec: spec.clone(), graph, card })
    }
}
