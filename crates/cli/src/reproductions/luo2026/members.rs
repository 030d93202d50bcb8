//! The networks of the study: how they are made, and where the paper looks at them.

use redyn_train::{LossTiming, Recipe};
use redyn_zoo::{Network, build_for};

use super::scale::Scale;
use crate::Failure;

/// A network of the study.
pub(super) struct Member {
    /// Name in the paper's tables and in ours.
    pub(super) name: &'static str,
    /// Name in the zoo.
    pub(super) network: &'static str,
    /// Settings that make it the member it is.
    settings: &'static str,
    /// Small enough for minutes; absent where the published weights alone are wanted.
    small: Option<Small>,
    /// Steps that are recorded with the published weights.
    pub(super) steps: usize,
    /// Steps of the logits that are compared, before and after, with the published weights.
    pub(super) states: [usize; 2],
    /// Where recurrence originates, how it enters, when the loss is taken, how deep it is.
    made: [&'static str; 4],
}

/// How a small member is trained and looked at.
struct Small {
    width: f64,
    /// Steps of training, and of the recording.
    steps: [usize; 2],
    /// Steps of the logits that are compared.
    states: [usize; 2],
    learning_rate: f64,
}

/// A small network, and what is done with it.
pub(super) struct Training {
    pub(super) network: Network,
    /// How it is trained under a seed.
    pub(super) recipe: Recipe,
    /// Steps that are recorded.
    pub(super) recorded: usize,
    /// Steps of the logits that are compared.
    pub(super) states: [usize; 2],
}

/// What differs between networks, in the order of [`Member::factors`].
const FACTORS: [&str; 4] = ["recurrence originates", "recurrence enters", "loss", "depth"];

/// Seven layers of convolutions or more between image and readout.
const DEEP: &str = "7 convolutions or more";
const SHALLOW: &str = "up to 6 convolutions";

pub(super) const MEMBERS: &[Member] = &[
    Member {
        name: "LA",
        network: "blt64",
        settings: "lateral=1,top_down=0,interaction=additive",
        small: Some(Small { width: 0.0625, steps: [6, 8], states: [0, 7], learning_rate: 3e-3 }),
        steps: 10,
        states: [0, 9],
        made: ["within areas", "added", "every step", SHALLOW],
    },
    Member {
        name: "BL",
        network: "bl",
        settings: "",
        // A batch norm of its own for every step: none is there beyond those of training.
        small: Some(Small { width: 0.0625, steps: [5, 5], states: [0, 4], learning_rate: 3e-3 }),
        steps: 8,
        states: [0, 7],
        made: ["within areas", "added", "every step", DEEP],
    },
    Member {
        name: "CORnet-RT",
        network: "cornet_rt",
        settings: "",
        small: Some(Small { width: 0.25, steps: [5, 7], states: [3, 4], learning_rate: 2e-3 }),
        steps: 7,
        states: [3, 4],
        made: ["within areas", "added", "last step", DEEP],
    },
    Member {
        name: "ConvRNN",
        network: "rgc_intermediate",
        settings: "",
        small: None,
        steps: 17,
        states: [15, 16],
        made: ["within and between areas", "gated", "last step", DEEP],
    },
    Member {
        name: "ConvRNN shallow",
        network: "rgc_shallow",
        settings: "",
        small: Some(Small { width: 0.125, steps: [8, 8], states: [6, 7], learning_rate: 3e-3 }),
        steps: 16,
        states: [14, 15],
        made: ["within areas", "gated", "last step", SHALLOW],
    },
    Member {
        name: "LRM3",
        network: "lrm3",
        settings: "",
        small: Some(Small { width: 0.125, steps: [3, 3], states: [0, 2], learning_rate: 1e-3 }),
        steps: 3,
        states: [0, 2],
        made: ["between areas", "multiplied", "every step", SHALLOW],
    },
    Member {
        name: "LRA3",
        network: "lra3",
        settings: "",
        small: None,
        steps: 3,
        states: [0, 2],
        made: ["between areas", "added", "every step", SHALLOW],
    },
    single("AlexNet", "alexnet", Some(0.125), SHALLOW),
    single("B", "b", Some(0.0625), DEEP),
    single("VGG-16", "vgg16", None, DEEP),
    single("ResNet-50", "resnet50", None, DEEP),
    single("ResNet-101", "resnet101", None, DEEP),
    single(ROBUST, "resnet50", None, DEEP),
];

/// A ResNet-50 trained against adversaries: only the name of its file tells.
pub(super) const ROBUST: &str = "ResNet-50 robust";

/// A network without recurrence: one state.
const fn single(
    name: &'static str,
    network: &'static str,
    width: Option<f64>,
    depth: &'static str,
) -> Member {
    let small = match width {
        Some(width) => Some(Small { width, steps: [1, 1], states: [0, 0], learning_rate: 1e-3 }),
        None => None,
    };
    let made = ["nowhere", "not at all", "its one step", depth];
    Member { name, network, settings: "", small, steps: 1, states: [0, 0], made }
}

impl Member {
    /// What its making is, factor by factor.
    pub(super) fn factors(&self) -> Vec<(String, String)> {
        FACTORS
            .iter()
            .zip(self.made)
            .map(|(factor, level)| ((*factor).to_owned(), level.to_owned()))
            .collect()
    }

    /// The small network for images of some size and number of classes; absent where there is none.
    pub(super) fn small(
        &self,
        seed: u64,
        scale: &Scale,
        (image_size, classes): (usize, usize),
    ) -> Result<Option<Training>, Failure> {
        let Some(small) = &self.small else { return Ok(None) };
        let width = small.width * scale.width;
        let comma = if self.settings.is_empty() { "" } else { "," };
        let spec = format!("{}:{}{comma}width={width},image_size={image_size}", self.network, self.settings);
        let network = build_for(&spec, classes)?;
        let [steps, recorded] = small.steps;
        let loss = if self.made[2] == "last step" { LossTiming::LastStep } else { LossTiming::EveryStep };
        let learning_rate = small.learning_rate * scale.rate;
        let recipe = Recipe { seed, steps, loss, learning_rate, ..scale.recipe.clone() };
        Ok(Some(Training { network, recipe, recorded, states: small.states }))
    }
}

#[cfg(test)]
mod tests {
    use redyn_network::{Plan, Request};

    use super::*;

    #[test]
    fn every_network_of_the_paper_is_in_the_zoo() {
        for member in MEMBERS {
            assert!(redyn_zoo::entry(member.network).is_ok(), "{}", member.name);
            assert!(
                member.states[0] <= member.states[1] && member.states[1] < member.steps,
                "{}",
                member.name
            );
        }
    }

    #[test]
    fn small_networks_run_for_the_steps_they_are_recorded_and_looked_at() {
        for member in MEMBERS {
            let Some(small) = member.small(1, &Scale::quick(), (Scale::quick().image_size, 16)).unwrap()
            else {
                continue;
            };
            let Training { network, recipe, recorded, states } = small;
            assert!(recipe.steps <= recorded && states[1] < recorded, "{}", member.name);
            let plan = Plan::new(&network.graph, &Request::readout(recorded)).unwrap();
            // What is compared has seen the image.
            let reached = plan.tap_reached()[0].unwrap();
            assert!(reached <= states[0], "{}: the logits see the image at t={reached}", member.name);
        }
    }
}
