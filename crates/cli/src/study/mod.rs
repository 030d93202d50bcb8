//! What every study does: train networks that are not trained yet, record what is not recorded yet.
//!
//! Each step looks at what its folder holds already: a finished run or store of the same recipe
//! is used as it is, an interrupted one is continued, and one of another recipe is refused. So a
//! study is done again by the same command, however often it was stopped.

mod estimate;

pub(crate) use estimate::{Estimate, Extent, Load, duration};

use std::path::PathBuf;

use redyn_analysis::krylov::Precision;
use redyn_burn::Job;
use redyn_core::Shard;
use redyn_engine::Cpu;
use redyn_network::{Intervention, Keeping};
use redyn_stimuli::DataSet;
use redyn_train::{Recipe, Setting, Trainer};
use redyn_zoo::Network;

use crate::commands::{stability, train, unroll, write_file};
use crate::console::Console;
use crate::properties::{self, PropertyTable};
use crate::{Failure, StabilityOptions, Trained, UnrollOptions};

/// Networks trained and recorded on one data set, in one folder.
pub(crate) struct Study {
    /// Folder of the study: `runs/`, `stores/` and what is made of them.
    pub(crate) out: PathBuf,
    /// The images.
    pub(crate) data: DataSet,
    /// The images, as they were named.
    pub(crate) named: String,
    /// Bytes for activations, and for images.
    pub(crate) memory: u64,
}

/// What is recorded of a network.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    /// Name of the store, without its ending.
    pub(crate) store: String,
    /// Short name for legends.
    pub(crate) legend: String,
    /// Split of the images.
    pub(crate) split: String,
    /// Only so many images, spread evenly over the split.
    pub(crate) limit: Option<usize>,
    /// Steps to unroll for.
    pub(crate) steps: usize,
    /// What is done to edges.
    pub(crate) interventions: Vec<Intervention>,
    /// Along the trajectories of so many images, the Jacobians of every step too.
    pub(crate) jacobians: Option<usize>,
}

/// How precisely Jacobians are looked at: what `redyn stability` does of itself.
const PRECISION: Precision = Precision { vectors: 40, tolerance: 1e-3, seed: 1 };

impl Study {
    /// Folder of the run of this name.
    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.out.join("runs").join(name)
    }

    /// Folder of the store of this name.
    pub(crate) fn store(&self, name: &str) -> PathBuf {
        self.out.join("stores").join(format!("{name}.zarr"))
    }

    /// File of the Jacobians along the trajectories of the store of this name.
    pub(crate) fn jacobians(&self, name: &str) -> PathBuf {
        self.out.join("jacobians").join(format!("{name}.json"))
    }

    /// What the images of a split are like; measured once.
    pub(crate) fn properties(&self, split: &str) -> Result<PropertyTable, Failure> {
        let file = self.out.join(format!("properties-{split}.csv"));
        if !file.exists() {
            write_file(&file, properties::table(&self.data, split)?.as_bytes())?;
        }
        PropertyTable::read(&file)
    }

    /// Train the run of this name to its end.
    pub(crate) fn train(
        &self,
        name: &str,
        network: &Network,
        recipe: &Recipe,
        console: &Console,
    ) -> Result<(), Failure> {
        let folder = self.run(name);
        let engine = Cpu::default();
        let setting = Setting {
            folder: &folder,
            data: self.named.clone(),
            command: console.command.clone(),
            memory: self.memory,
            keeping: Keeping::All,
        };
        let trainer = if folder.join("checkpoint.safetensors").exists() {
            Trainer::resume(&engine, network, &self.data, recipe.clone(), &setting)?
        } else {
            Trainer::begin(&engine, network, &self.data, recipe.clone(), &setting)?
        };
        train::follow(trainer, network, console, CONTINUED)
    }

    /// Record trajectories, and the Jacobians along them where they are asked for; gives the store.
    pub(crate) fn record(
        &self,
        trained: &Trained,
        recording: &Recording,
        console: &Console,
    ) -> Result<PathBuf, Failure> {
        let store = self.store(&recording.store);
        let options = UnrollOptions {
            name: Some(recording.legend.clone()),
            split: recording.split.clone(),
            limit: recording.limit,
            steps: recording.steps,
            areas: Vec::new(),
            interventions: recording.interventions.clone(),
            shard: Shard::WHOLE,
            memory: self.memory,
            data: self.named.clone(),
            command: console.command.clone(),
        };
        unroll::Unrolling { trained, data: &self.data, out: &store, options: &options, console }
            .run(&Cpu::default())?;
        if let Some(images) = recording.jacobians {
            let options = StabilityOptions {
                split: options.split,
                limit: Some(images),
                steps: options.steps,
                interventions: options.interventions,
                precision: PRECISION,
                memory: self.memory,
                command: options.command,
            };
            let file = self.jacobians(&recording.store);
            stability::along_trajectories(trained, &self.data, &file, &options, console)?;
        }
        Ok(store)
    }
}

/// What a person is told when a study is stopped.
const CONTINUED: &str = "what is done is kept: the same command continues it";
