//! The networks of the study, and what is recorded of each.

use redyn_core::Kind;
use redyn_network::{Effect, Intervention};
use redyn_train::Recipe;
use redyn_zoo::{Network, build_for};

use super::Splits;
use super::scale::Scale;
use crate::Failure;
use crate::study::{Recording, Study};

/// A network of the study.
pub(super) struct Member {
    /// Name of its runs.
    pub(super) name: &'static str,
    family: Family,
    settings: &'static str,
    pub(super) part: Part,
}

/// Where a network is found in the zoo.
enum Family {
    /// One for each size of images.
    Blt,
    /// One for all.
    Named(&'static str),
}

/// The part a network plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One of the four.
    Recurrent,
    /// Feedforward, to compare with.
    Control,
    /// With a bias in its readout.
    Bias,
}

pub(super) const MEMBERS: &[Member] = &[
    blt("LA", "lateral=1,top_down=0,interaction=additive", Part::Recurrent),
    blt("TA", "lateral=0,top_down=1,interaction=additive", Part::Recurrent),
    blt("LM", "lateral=1,top_down=0,interaction=multiplicative", Part::Recurrent),
    blt("TM", "lateral=0,top_down=1,interaction=multiplicative", Part::Recurrent),
    blt("BNet", "lateral=0,top_down=0", Part::Control),
    Member { name: "ResNet18", family: Family::Named("resnet18"), settings: "", part: Part::Control },
    blt("LA-bias", "lateral=1,top_down=0,interaction=additive,classifier_bias=1", Part::Bias),
];

const fn blt(name: &'static str, settings: &'static str, part: Part) -> Member {
    Member { name, family: Family::Blt, settings, part }
}

impl Member {
    /// Its spec in the zoo, for images of some size.
    fn spec(&self, width: f64, image_size: usize) -> String {
        let family = match self.family {
            Family::Blt if image_size == 128 => "blt128",
            Family::Blt => "blt64",
            Family::Named(name) => name,
        };
        let comma = if self.settings.is_empty() { "" } else { "," };
        format!("{family}:{}{comma}width={width},image_size={image_size}", self.settings)
    }
}

/// Steps of the long recordings, as in figure 7.
const LONG: usize = 80;
/// Steps from which recurrence is cut.
const CUT_FROM: [usize; 3] = [1, 2, 4];

/// A run, and what is recorded of it.
pub(super) struct Job {
    /// Name of the run: `LA-1`.
    pub(super) name: String,
    pub(super) part: Part,
    pub(super) network: Network,
    pub(super) recipe: Recipe,
    pub(super) recordings: Vec<(Weights, Recording)>,
}

impl Job {
    /// How many of some jobs train the same network.
    pub(super) fn seeds(&self, jobs: &[Self]) -> usize {
        jobs.iter().filter(|job| job.network.spec == self.network.spec).count()
    }
}

/// Which weights of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weights {
    Trained,
    Untrained,
    /// Trained with a bias in the readout, which is then taken away.
    WithoutBias,
}

/// A member under a seed, to be trained and recorded.
pub(super) fn job(
    member: &Member,
    seed: u64,
    scale: &Scale,
    splits: &Splits,
    study: &Study,
) -> Result<Job, Failure> {
    let spec = member.spec(scale.width, study.data.image_size);
    let network = build_for(&spec, study.data.classes.len())?;
    let steps = |wanted: usize| if member.part == Part::Control { 1 } else { wanted };
    let recipe = Recipe { seed, steps: steps(scale.recipe.steps), ..scale.recipe.clone() };
    let size =
        Size { steps: steps(scale.recorded), long_images: scale.long_images, jacobians: scale.jacobians };
    let recordings = recordings(member, seed, &network, size, splits);
    Ok(Job { name: format!("{}-{seed}", member.name), part: member.part, network, recipe, recordings })
}

/// How much is recorded.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) steps: usize,
    /// Images of the long recordings, at most.
    pub(super) long_images: usize,
    /// Images along whose trajectories Jacobians are looked at.
    pub(super) jacobians: usize,
}

/// What is recorded of a member: as it is and as it was, and what its part asks for.
pub(super) fn recordings(
    member: &Member,
    seed: u64,
    network: &Network,
    Size { steps, long_images, jacobians }: Size,
    splits: &Splits,
) -> Vec<(Weights, Recording)> {
    let name = format!("{}-{seed}", member.name);
    let legend = if seed == 1 { member.name.to_owned() } else { name.clone() };
    let recording = |of: &str, words: &str| Recording {
        store: format!("{name}{of}"),
        legend: format!("{legend}{words}"),
        split: splits.recorded.clone(),
        limit: None,
        steps,
        interventions: Vec::new(),
        jacobians: None,
    };
    let mut all = vec![
        (Weights::Trained, recording("", "")),
        (Weights::Untrained, recording("-untrained", " untrained")),
    ];
    if member.part == Part::Bias {
        all.push((Weights::WithoutBias, recording("-removed", ", bias removed")));
    }
    if member.part == Part::Recurrent {
        // The first seed's alone are shown.
        all[0].1.jacobians = (seed == 1).then_some(jacobians);
        for (weights, of, words) in
            [(Weights::Trained, "-long", " long"), (Weights::Untrained, "-untrained-long", " untrained long")]
        {
            let (split, limit) = (splits.long.clone(), Some(long_images));
            all.push((weights, Recording { split, limit, steps: LONG, ..recording(of, words) }));
        }
        for from in CUT_FROM.into_iter().filter(|&from| from + 1 < steps) {
            let cut = recording(&format!("-cut{from}"), &format!(" cut from t={from}"));
            let interventions = recurrence(network, from);
            all.push((Weights::Trained, Recording { interventions, ..cut }));
        }
    }
    all
}

/// Every lateral and top-down connection, cut from a step on.
fn recurrence(network: &Network, from: usize) -> Vec<Intervention> {
    let edges = network.graph.drawing().edges;
    let cut = |edge: String| Intervention { edge, effect: Effect::Cut, steps: from..usize::MAX };
    let recurrent = edges.into_iter().filter(|edge| edge.kind != Kind::BottomUp);
    recurrent.map(|edge| cut(edge.name)).collect()
}
