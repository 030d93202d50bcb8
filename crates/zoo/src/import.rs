//! Weights of a network from a checkpoint that somebody else wrote, with an account of
//! every key.

use std::collections::BTreeMap;
use std::path::Path;

use redyn_network::{NetworkError, Weights};
use serde::Serialize;

use crate::checkpoint::{Checkpoint, Stored};
use crate::published::{Evidence, Inference, Published, turn};
use crate::{Entry, NETWORKS, Network, Spec, ZooError, spec};

/// A checkpoint beside the network it fits.
#[derive(Debug)]
pub struct Fit {
    /// The file.
    pub checkpoint: Checkpoint,
    /// The network, with the steps it was trained for in its card where the file tells.
    pub network: Network,
    /// Training epoch, where the file tells; −1 is the untrained network.
    pub epoch: Option<i64>,
    /// What tells this network from others of its kind: the seed, or the number its authors gave it.
    pub seed: Option<u64>,
    /// Whether the file tells the number of steps.
    pub tells_steps: bool,
    /// Every parameter of the network, then every other key of the file.
    pub rows: Vec<Row>,
}

/// What became of a parameter or of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The network's parameter.
    pub parameter: Option<Key>,
    /// The file's tensor.
    pub key: Option<Key>,
    /// What became of them.
    pub status: Status,
}

/// A name with a shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The key is the parameter's name.
    Matched,
    /// The parameter has another name than the key, or its dimensions in another order.
    Renamed,
    /// Of another shape than the parameter.
    Shape,
    /// The file has no such tensor.
    Missing,
    /// The network has no such parameter.
    Unexpected,
    /// Known to be no parameter: a counter, or what an optimiser remembers.
    Skipped,
}

/// What to do about parameters that a checkpoint lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Refuse the checkpoint.
    Refuse,
    /// Start them as the network starts them, from this seed.
    Start(u64),
}

/// What to do about tensors of which the network knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unexpected {
    /// Refuse the checkpoint.
    Refuse,
    /// Leave them out.
    Ignore,
}

impl Fit {
    /// Open a checkpoint and find the network it belongs to. `model` is a spec whose settings
    /// hold; what it does not set is told by keys, shapes and the file's name. Without it the
    /// network is the one the file names, or the one whose parameters its tensors are.
    ///
    /// # Errors
    /// As [`Checkpoint::open`]; tensors of no network, of another than `model`, or of several;
    /// a setting that matters and that nothing tells.
    pub fn of(path: &Path, model: Option<&str>) -> Result<Self, ZooError> {
        let checkpoint = Checkpoint::open(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        match (model, checkpoint.notes.get("network").cloned()) {
            (Some(model), _) => {
                let (entry, _) = spec::parse(model)?;
                let candidate = Candidate::of(entry, model, &checkpoint, &name)?;
                candidate.check_kin(&checkpoint, &name)?;
                candidate.decided(&checkpoint, model)?.fit(checkpoint)
            }
            // Written by redyn: every setting is said.
            (None, Some(model)) => {
                let (entry, said) = spec::parse(&model)?;
                let mut candidate = Candidate::of(entry, &model, &checkpoint, &name)?;
                candidate.network = (entry.build)(&said)?;
                let number = |key: &str| checkpoint.notes.get(key);
                candidate.told = Inference {
                    steps: number("steps").and_then(|text| text.parse().ok()),
                    epoch: number("epoch").and_then(|text| text.parse().ok()),
                    number: number("seed").and_then(|text| text.parse().ok()),
                    ..Inference::default()
                };
                candidate.fit(checkpoint)
            }
            (None, None) => Candidate::best(&checkpoint, &name)?.decided(&checkpoint, "")?.fit(checkpoint),
        }
    }

    /// The rows of one status.
    pub fn rows_with(&self, status: Status) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.status == status)
    }

    /// Read the weights: all of the right shapes, finite, and none at random unless asked for.
    ///
    /// # Errors
    /// Shapes that do not fit; missing or unexpected tensors, unless allowed, all named at once;
    /// values that are not finite or cannot be read.
    pub fn load(&self, missing: Missing, unexpected: Unexpected) -> Result<Weights, ZooError> {
        let refused =
            |source| ZooError::Weights { path: self.checkpoint.path.clone(), source: Box::new(source) };
        let faults: Vec<String> = self
            .rows
            .iter()
            .filter_map(|row| match (row.status, &row.parameter, &row.key) {
                (Status::Missing, Some(parameter), _) if missing == Missing::Refuse => {
                    Some(format!("missing `{}` {:?}", parameter.name, parameter.shape))
                }
                (Status::Shape, Some(parameter), Some(key)) => Some(format!(
                    "`{}` has shape {:?}, the network expects {:?}",
                    key.name, key.shape, parameter.shape
                )),
                (Status::Unexpected, _, Some(key)) if unexpected == Unexpected::Refuse => {
                    Some(format!("unexpected `{}` {:?}", key.name, key.shape))
                }
                _ => None,
            })
            .collect();
        if !faults.is_empty() {
            return Err(refused(NetworkError::Weights { faults }));
        }
        let graph = &self.network.graph;
        let mut weights = match missing {
            Missing::Start(seed) => Weights::initial(graph, seed),
            Missing::Refuse => Weights::default(),
        };
        let layout = published(&self.network.spec).layout;
        for row in self.rows_with(Status::Matched).chain(self.rows_with(Status::Renamed)) {
            let (Some(parameter), Some(key)) = (&row.parameter, &row.key) else { continue };
            let tensor = self.checkpoint.read(&key.name)?;
            let axes = layout.axes(&key.name, tensor.shape.len());
            weights.0.insert(parameter.name.clone(), turn(tensor, &axes));
        }
        weights.check(graph).map_err(refused)?;
        Ok(weights)
    }
}

fn published(spec: &Spec) -> Published {
    crate::entry(&spec.name).expect("built from an entry").published
}

/// A network that a checkpoint may belong to.
struct Candidate {
    network: Network,
    told: Inference,
    rows: Vec<Row>,
}

impl Candidate {
    /// The member of a family that `model` and the checkpoint tell, undecided settings at their
    /// defaults.
    fn of(entry: &Entry, model: &str, checkpoint: &Checkpoint, name: &str) -> Result<Self, ZooError> {
        let shapes: BTreeMap<String, Vec<usize>> = named(entry, checkpoint)
            .filter_map(|(parameter, key, stored)| Some((parameter?, shape(entry, key, stored))))
            .collect();
        let mut told = (entry.published.infer)(&Evidence { shapes: &shapes, name });
        told.undecided.retain(|about| !spec::sets(model, about.setting));
        let (_, mut spec) = spec::parse(if model.is_empty() { entry.name } else { model })?;
        for (key, value) in &told.settings {
            if !spec::sets(model, key) {
                spec.set(key, value.clone());
            }
        }
        let network = (entry.build)(&spec)?;
        let rows = rows(entry, &network, checkpoint);
        Ok(Self { network, told, rows })
    }

    /// The one network whose parameters the tensors are.
    fn best(checkpoint: &Checkpoint, name: &str) -> Result<Self, ZooError> {
        let mut candidates: Vec<Self> = NETWORKS
            .iter()
            // Shapes of another family may make no network of this one.
            .filter_map(|entry| Self::of(entry, "", checkpoint, name).ok())
            .collect();
        let most = candidates.iter().map(Self::matched).max().unwrap_or_default();
        let kin = |candidate: &Self| candidate.matched() == most && candidate.is_kin();
        if !candidates.iter().any(kin) {
            let nearest = candidates.iter().find(|candidate| candidate.matched() == most && most > 0);
            return Err(ZooError::Foreign {
                path: checkpoint.path.clone(),
                network: "any one network".into(),
                matched: most,
                keys: nearest.map_or(checkpoint.tensors.len(), Self::keys),
                nearest: nearest.map(|near| (near.network.spec.name.clone(), most)),
            });
        }
        candidates.retain(|candidate| candidate.matched() == most);
        let least = candidates.iter().map(|candidate| candidate.rows.len()).min().unwrap_or_default();
        candidates.retain(|candidate| candidate.rows.len() == least);
        // Alike in every parameter: the longest network's name in the file's name decides, or in
        // that of its folder (`rgc_intermediate/model.ckpt`).
        let plain = |text: &str| text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
        let folder = checkpoint.path.parent().and_then(Path::file_name).unwrap_or_default();
        let place = plain(&format!("{} {name}", folder.to_string_lossy()));
        let said = |candidate: &Self| {
            let family = plain(&candidate.network.spec.name);
            if place.contains(&family) { family.len() } else { 0 }
        };
        let longest = candidates.iter().map(said).max().unwrap_or_default();
        candidates.retain(|candidate| said(candidate) == longest);
        match candidates.len() {
            1 => Ok(candidates.remove(0)),
            _ => Err(ZooError::Ambiguous {
                path: checkpoint.path.clone(),
                networks: candidates.into_iter().map(|candidate| candidate.network.spec.name).collect(),
            }),
        }
    }

    /// Tensors with the name and shape of a parameter.
    fn matched(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.status, Status::Matched | Status::Renamed)).count()
    }

    /// Tensors that may be parameters of some network.
    fn keys(&self) -> usize {
        self.rows.iter().filter(|row| row.key.is_some() && row.status != Status::Skipped).count()
    }

    /// Whether most of the tensors are parameters of this network.
    fn is_kin(&self) -> bool {
        self.matched() > 0 && 2 * self.matched() >= self.keys()
    }

    /// Refuse a network to which most of the tensors do not belong.
    fn check_kin(&self, checkpoint: &Checkpoint, name: &str) -> Result<(), ZooError> {
        if self.is_kin() {
            return Ok(());
        }
        let matched = self.matched();
        let others = NETWORKS.iter().filter_map(|entry| Self::of(entry, "", checkpoint, name).ok());
        let nearest = others.max_by_key(Self::matched).filter(|near| near.matched() > matched);
        Err(ZooError::Foreign {
            path: checkpoint.path.clone(),
            network: self.network.spec.to_string(),
            matched,
            keys: self.keys(),
            nearest: nearest.map(|near| (near.network.spec.name.clone(), near.matched())),
        })
    }

    /// Refuse settings that nothing tells.
    fn decided(self, checkpoint: &Checkpoint, model: &str) -> Result<Self, ZooError> {
        let Some(about) = self.told.undecided.first() else { return Ok(self) };
        let network = if model.is_empty() { self.network.spec.name.as_str() } else { model };
        let comma = if network.contains(':') { "," } else { ":" };
        Err(ZooError::Undecided {
            path: checkpoint.path.clone(),
            setting: about.setting,
            why: about.why.clone(),
            choice: format!("{network}{comma}{}={}", about.setting, about.example),
        })
    }

    fn fit(mut self, checkpoint: Checkpoint) -> Result<Fit, ZooError> {
        let entry = crate::entry(&self.network.spec.name)?;
        if let Some(steps) = self.told.steps {
            self.network.card.steps = steps;
        }
        Ok(Fit {
            rows: rows(entry, &self.network, &checkpoint),
            epoch: self.told.epoch,
            seed: self.told.number,
            tells_steps: self.told.steps.is_some(),
            network: self.network,
            checkpoint,
        })
    }
}

/// Every tensor of a checkpoint with the parameter that its key means.
fn named<'c>(
    entry: &'c Entry,
    checkpoint: &'c Checkpoint,
) -> impl Iterator<Item = (Option<String>, &'c str, &'c Stored)> {
    // `DataParallel` writes its own name before every other.
    let wrapped = checkpoint.tensors.keys().all(|key| key.starts_with("module."));
    checkpoint.tensors.iter().map(move |(key, stored)| {
        let bare = if wrapped { key.trim_start_matches("module.") } else { key };
        ((entry.published.parameter)(bare), key.as_str(), stored)
    })
}

/// A tensor's shape in the parameters' layout.
fn shape(entry: &Entry, key: &str, stored: &Stored) -> Vec<usize> {
    entry.published.layout.axes(key, stored.shape.len()).into_iter().map(|axis| stored.shape[axis]).collect()
}

fn rows(entry: &Entry, network: &Network, checkpoint: &Checkpoint) -> Vec<Row> {
    let mut by_parameter: BTreeMap<String, (&str, &Stored)> = BTreeMap::new();
    let mut rest = Vec::new();
    let key = |name: &str, stored: &Stored| Key { name: name.to_owned(), shape: stored.shape.clone() };
    for (parameter, name, stored) in named(entry, checkpoint) {
        match parameter {
            None => rest.push(Row { parameter: None, key: Some(key(name, stored)), status: Status::Skipped }),
            Some(parameter) => drop(by_parameter.insert(parameter, (name, stored))),
        }
    }
    let mut rows = Vec::new();
    for wanted in network.graph.parameters() {
        let parameter = Some(Key { name: wanted.name.clone(), shape: wanted.shape.clone() });
        let Some((name, stored)) = by_parameter.remove(&wanted.name) else {
            rows.push(Row { parameter, key: None, status: Status::Missing });
            continue;
        };
        let status = match (shape(entry, name, stored) == wanted.shape, name == wanted.name) {
            (false, _) => Status::Shape,
            (true, true) if stored.shape == wanted.shape => Status::Matched,
            _ => Status::Renamed,
        };
        rows.push(Row { parameter, key: Some(key(name, stored)), status });
    }
    for (name, stored) in by_parameter.into_values() {
        rows.push(Row { parameter: None, key: Some(key(name, stored)), status: Status::Unexpected });
    }
    rows.append(&mut rest);
    rows
}
