//! A run: epochs of batches, each a forward pass through time and one backwards.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use redyn_core::{Bytes, Stop, replace_file};
use redyn_engine::Engine;
use redyn_network::{Keeping, Plan, Request, Session, Weights};
use redyn_stimuli::{Augmentation, DataSet, Loader, LoaderOptions, Normalisation, Order, Stimuli};
use redyn_zoo::{Network, digest, write_weights};

use crate::checkpoint::{Checkpoint, Position};
use crate::metrics::{Row, Sums};
use crate::part::{BatchGradients, Passes, batch_gradients};
use crate::running::follow;
use crate::{
    Adam, Augment, LossScale, Metrics, Recipe, RunRecord, TrainError, Verdict, negative_log_likelihood,
};

/// Seconds between checkpoints within an epoch.
const CHECKPOINT_EVERY: f64 = 300.0;

/// A network in training.
pub struct Trainer<'a, E: Engine> {
    folder: PathBuf,
    network: &'a Network,
    record: RunRecord,
    normalisation: Normalisation,
    train: Arc<dyn Stimuli>,
    validation: Option<(String, Arc<dyn Stimuli>)>,
    session: Session<'a, E>,
    parts_at_once: usize,
    state: Checkpoint,
}

/// Where a run stands, for whoever watches.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// Batches of this epoch that are done.
    pub batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Images of this epoch that are done.
    pub images: usize,
    /// Mean loss of the epoch so far, weighted over steps as in training.
    pub loss: f64,
    /// Training accuracy of the epoch so far at every step.
    pub accuracy: Vec<f64>,
    /// The epoch's rows, once it is finished.
    pub finished: Option<Vec<Row>>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All epochs done.
    Finished,
    /// Stopped on request; it can be resumed.
    Stopped,
}

/// What a run needs beside its recipe.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// Folder of the run.
    pub folder: &'a Path,
    /// The data set, as it was named.
    pub data: String,
    /// Command line, for the record.
    pub command: Vec<String>,
    /// Bytes that the activations of all parts run side by side may take. Nothing but
    /// speed depends on it.
    pub memory: u64,
    /// What is kept of the activations for the way back. Nothing but speed and memory
    /// depends on it.
    pub keeping: Keeping,
}

impl<'a, E: Engine> Trainer<'a, E> {
    /// Begin a run in a folder that holds none.
    ///
    /// # Errors
    /// A recipe that contradicts itself, data that do not fit the network, a folder
    /// that holds a run already or cannot be written to.
    pub fn begin(
        engine: &'a E,
        network: &'a Network,
        data: &DataSet,
        recipe: Recipe,
        setting: &Setting,
    ) -> Result<Self, TrainError> {
        let folder = setting.folder;
        // A record without a checkpoint is a run that was killed before it had anything to lose.
        if folder.join(CHECKPOINT).exists() {
            return Err(TrainError::Exists { path: folder.to_owned() });
        }
        let weights = Weights::initial(&network.graph, recipe.seed);
        let position = Position {
            epoch: 0,
            batch: 0,
            sums: Sums::new(recipe.steps),
            last_loss: None,
            updates: 0,
            loss_scale: LossScale::first(engine.precision()),
            metrics: Metrics::default(),
        };
        let state = Checkpoint { weights, adam: Adam::new(recipe.learning_rate), position };
        let record = new_record(engine, network, data, recipe, setting)?;
        let mut trainer = Self::assemble(engine, network, data, record, setting, state)?;
        std::fs::create_dir_all(folder)
            .map_err(|source| TrainError::File { path: folder.to_owned(), source })?;
        trainer.keep("epoch_-1.safetensors", -1)?;
        if let Some((name, rows)) = trainer.validate(&Stop::default())? {
            trainer.state.position.metrics.0.extend(rows.rows(-1, &name));
        }
        trainer.save()?;
        Ok(trainer)
    }

    /// Continue the run in a folder where it stopped.
    ///
    /// # Errors
    /// No run there, another one than asked for, or a damaged checkpoint.
    pub fn resume(
        engine: &'a E,
        network: &'a Network,
        data: &DataSet,
        recipe: Recipe,
        setting: &Setting,
    ) -> Result<Self, TrainError> {
        let folder = setting.folder;
        let before = read_record(folder)?;
        let mut now = new_record(engine, network, data, recipe, setting)?;
        let differs = |what, before: String, now: String| TrainError::OtherRun {
            path: folder.to_owned(),
            what,
            before,
            now,
        };
        for (what, before, now) in [
            ("the network", before.network.clone(), now.network.clone()),
            ("the recipe", format!("{:?}", before.recipe), format!("{:?}", now.recipe)),
            ("the digest of the data", before.data_digest.clone(), now.data_digest.clone()),
            ("the kernels", before.kernels.clone(), now.kernels.clone()),
        ] {
            if before != now {
                return Err(differs(what, before, now));
            }
        }
        now.digests = before.digests;
        now.command = before.command;
        let path = folder.join(CHECKPOINT);
        if !path.exists() {
            return Err(TrainError::NothingToResume { path: folder.to_owned() });
        }
        let state = Checkpoint::read(&path, Adam::new(now.recipe.learning_rate))?;
        Self::assemble(engine, network, data, now, setting, state)
    }

    fn assemble(
        engine: &'a E,
        network: &'a Network,
        data: &DataSet,
        record: RunRecord,
        setting: &Setting,
        state: Checkpoint,
    ) -> Result<Self, TrainError> {
        let request = Request::readout(record.recipe.steps);
        let plan = Plan::training(&network.graph, &request)?;
        let parts_at_once = parts_at_once(&plan, &record.recipe, setting)?;
        let session = Session::new(engine, &network.graph, plan, &state.weights)?.keeping(setting.keeping);
        let validation =
            match ["val", "test"].into_iter().find(|name| data.split_names().any(|split| split == *name)) {
                Some(name) => Some((name.to_owned(), data.split(name)?)),
                None => None,
            };
        Ok(Self {
            folder: setting.folder.to_owned(),
            network,
            parts_at_once,
            normalisation: data.statistics()?.normalisation(),
            record,
            train: data.split("train")?,
            validation,
            session,
            state,
        })
    }

    /// Train until the last epoch or until asked to stop; tells `watch` after every
    /// batch. When it returns, stopped or failed, the run can be resumed.
    ///
    /// # Errors
    /// A loss that is not finite (the last good checkpoint is kept), an image that
    /// cannot be read, a file that cannot be written.
    pub fn run(&mut self, stop: &Stop, watch: &mut dyn FnMut(&Progress)) -> Result<Ending, TrainError> {
        while self.state.position.epoch < self.record.recipe.epochs {
            if self.epoch(stop, watch)? == Ending::Stopped {
                self.save()?;
                return Ok(Ending::Stopped);
            }
        }
        self.keep("weights.safetensors", self.record.recipe.epochs as i64 - 1)?;
        Ok(Ending::Finished)
    }

    /// The weights as they are now.
    pub fn weights(&self) -> &Weights {
        &self.state.weights
    }

    /// All rows of finished epochs.
    pub fn metrics(&self) -> &Metrics {
        &self.state.position.metrics
    }

    /// Batches that updated nothing, because gradients overflowed the range of f16.
    pub fn skipped_updates(&self) -> u64 {
        self.state.position.loss_scale.skipped()
    }

    /// What is recorded of the run.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    fn epoch(&mut self, stop: &Stop, watch: &mut dyn FnMut(&Progress)) -> Result<Ending, TrainError> {
        let recipe = self.record.recipe.clone();
        let epoch = self.state.position.epoch;
        let loader = Loader::new(Arc::clone(&self.train), self.loading(&recipe, epoch))?;
        let batches = loader.n_batches();
        let updates = (recipe.epochs * batches) as u64;
        let mut saved = Instant::now();
        for batch in loader {
            if stop.requested() {
                return Ok(Ending::Stopped);
            }
            let batch = batch?;
            let images = (&batch.images[..], &batch.labels[..]);
            let loss_scale = self.state.position.loss_scale.factor();
            let passes = Passes { at_once: self.parts_at_once, loss_scale };
            let of_batch = batch_gradients(&self.session, &recipe, images, passes);
            let loss = of_batch.loss(&recipe);
            let BatchGradients { sums, gradients } = of_batch;
            let Checkpoint { weights, adam, position } = &mut self.state;
            let finite = gradients.iter().flatten().flatten().all(|value| value.is_finite());
            let verdict =
                if loss.is_finite() { position.loss_scale.adapt(finite) } else { Verdict::Diverged };
            match verdict {
                Verdict::Use => {
                    adam.learning_rate = recipe.rate(adam.updates, updates);
                    adam.update(&self.network.graph, weights, &gradients);
                    follow(&self.network.graph, weights, &gradients);
                    self.session.load(weights);
                }
                Verdict::Skip => {}
                Verdict::Diverged => {
                    let last = position.last_loss;
                    let loss = if loss.is_finite() { f64::NAN } else { loss };
                    return Err(TrainError::NotFinite { epoch, batch: batch.number, loss, last });
                }
            }
            position.sums.add(&sums);
            position.updates = adam.updates;
            position.last_loss = Some(loss);
            position.batch = batch.number + 1;
            watch(&self.progress(batches, None));
            if saved.elapsed().as_secs_f64() > CHECKPOINT_EVERY {
                self.save()?;
                saved = Instant::now();
            }
        }
        let validated = self.validate(stop)?;
        if stop.requested() {
            return Ok(Ending::Stopped);
        }
        let mut rows = self.state.position.sums.rows(epoch as i64, "train");
        if let Some((name, sums)) = validated {
            rows.extend(sums.rows(epoch as i64, &name));
        }
        watch(&self.progress(batches, Some(rows.clone())));
        let position = &mut self.state.position;
        position.metrics.0.extend(rows);
        position.epoch = epoch + 1;
        position.batch = 0;
        position.sums = Sums::new(recipe.steps);
        if (epoch + 1).is_multiple_of(recipe.keep_every) && epoch + 1 < recipe.epochs {
            self.keep(&format!("epoch_{epoch}.safetensors"), epoch as i64)?;
        }
        self.save()?;
        Ok(Ending::Finished)
    }

    fn loading(&self, recipe: &Recipe, epoch: usize) -> LoaderOptions {
        let epoch = epoch as u64;
        LoaderOptions {
            order: Order::Shuffled { seed: recipe.seed, epoch },
            augmentation: match recipe.augmentation {
                Augment::TrivialAugmentWide => Augmentation::TrivialAugmentWide { seed: recipe.seed, epoch },
                Augment::None => Augmentation::None,
            },
            first_batch: self.state.position.batch,
            ..LoaderOptions::new(recipe.batch, self.normalisation)
        }
    }

    /// Loss and accuracy on the validation split: batch norms by their running averages, as
    /// whoever uses the trained network will have them.
    fn validate(&self, stop: &Stop) -> Result<Option<(String, Sums)>, TrainError> {
        let Some((name, split)) = &self.validation else { return Ok(None) };
        let recipe = &self.record.recipe;
        let classes = self.network.card.classes;
        let engine = self.session.engine();
        let plan = Plan::new(&self.network.graph, &Request::readout(recipe.steps))?;
        let session = Session::new(engine, &self.network.graph, plan, &self.state.weights)?;
        let mut sums = Sums::new(recipe.steps);
        for batch in Loader::new(Arc::clone(split), LoaderOptions::new(recipe.part, self.normalisation))? {
            if stop.requested() {
                break;
            }
            let batch = batch?;
            session.run(&batch.images, |emission| {
                let mut logits = vec![0.0; batch.len() * classes];
                engine.read(emission.value, &mut logits);
                let step = negative_log_likelihood(&logits, &batch.labels, 0.0);
                sums.loss[emission.step] += step.sum;
                sums.correct[emission.step] += step.correct;
            });
            sums.n += batch.len();
        }
        Ok(Some((name.clone(), sums)))
    }

    fn progress(&self, batches: usize, finished: Option<Vec<Row>>) -> Progress {
        let Position { epoch, batch, sums, .. } = &self.state.position;
        let recipe = &self.record.recipe;
        Progress {
            epoch: *epoch,
            epochs: recipe.epochs,
            batch: *batch,
            batches,
            images: sums.n,
            loss: recipe.loss.total(&sums.loss) / sums.n.max(1) as f64,
            accuracy: sums.accuracy(),
            finished,
        }
    }

    /// Write weights that stay, and their digest into the record.
    fn keep(&mut self, file: &str, epoch: i64) -> Result<(), TrainError> {
        let weights = &self.state.weights;
        let notes = HashMap::from([
            ("network".to_owned(), self.record.network.clone()),
            ("epoch".to_owned(), epoch.to_string()),
            ("seed".to_owned(), self.record.recipe.seed.to_string()),
            // Alone, away from its run, a file still says how images are normalised for it.
            ("statistics".to_owned(), serde_json::to_string(&self.record.statistics).expect("plain data")),
        ]);
        write_weights(&self.folder.join(file), weights, &notes)?;
        self.record.digests.insert(file.to_owned(), digest(weights));
        let record = serde_json::to_string_pretty(&self.record).expect("plain data");
        self.write(RECORD, &record)
    }

    fn save(&self) -> Result<(), TrainError> {
        self.state.write(&self.folder.join(CHECKPOINT))?;
        self.write(METRICS, &self.state.position.metrics.to_csv())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), TrainError> {
        let path = self.folder.join(name);
        replace_file(&path, text.as_bytes()).map_err(|source| TrainError::File { path, source })
    }
}

const RECORD: &str = "record.json";
const CHECKPOINT: &str = "checkpoint.safetensors";
const METRICS: &str = "metrics.csv";

/// The record of the run in a folder.
///
/// # Errors
/// No run there, or a record that cannot be read.
pub fn read_record(folder: &Path) -> Result<RunRecord, TrainError> {
    let path = folder.join(RECORD);
    let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => TrainError::NothingToResume { path: folder.to_owned() },
        _ => TrainError::File { path: path.clone(), source },
    })?;
    serde_json::from_str(&text).map_err(|error| TrainError::Damaged { path, why: error.to_string() })
}

/// How many parts of a batch run side by side: one for each thread, as far as the memory goes.
fn parts_at_once(plan: &Plan, recipe: &Recipe, setting: &Setting) -> Result<usize, TrainError> {
    let memory = setting.memory;
    let largest = recipe.part.min(recipe.batch);
    let needed = (plan.training_memory_per_image(setting.keeping) * largest) as u64;
    match memory / needed {
        0 => Err(TrainError::Memory { needed: Bytes(needed), memory: Bytes(memory), images: largest }),
        parts => Ok(rayon::current_num_threads().min(usize::try_from(parts).unwrap_or(usize::MAX))),
    }
}

fn new_record<E: Engine>(
    engine: &E,
    network: &Network,
    data: &DataSet,
    recipe: Recipe,
    setting: &Setting,
) -> Result<RunRecord, TrainError> {
    if let Some(why) = recipe.fault() {
        return Err(TrainError::Recipe { why });
    }
    network.card.check_data(data.classes.len(), data.image_size)?;
    let statistics = data.statistics()?;
    Ok(RunRecord {
        format: "redyn.run".into(),
        network: network.spec.to_string(),
        recipe,
        data: setting.data.clone(),
        data_digest: data.digest()?,
        classes: data.classes.clone(),
        statistics: (statistics.mean, statistics.std),
        kernels: engine.path(),
        version: env!("CARGO_PKG_VERSION").into(),
        command: setting.command.clone(),
        digests: BTreeMap::new(),
    })
}
