//! The rows of an analysis that is done in parts, on disk beside its results.
//!
//! ```text
//! RESULTS/parts/analysis.json             the command, and what is analyzed
//! RESULTS/parts/DIGEST-all/0-64.json      the rows of some images
//! ```
//!
//! A file appears whole or not at all, so what is there is done, whoever did it: a shard that was
//! stopped goes on, one that is run again has nothing to do.

use std::io;
use std::path::{Path, PathBuf};

use redyn_analysis::{KnownRows, Origin, Part, Run};
use redyn_core::{Diagnose, Fault, Shard, file_fault, file_hint, replace_file_as};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The folder of parts.
pub(crate) struct PartsFolder {
    folder: PathBuf,
    begun: Begun,
}

/// What all parts have in common.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    format: String,
    version: String,
    command: Vec<String>,
    of: Vec<Origin>,
}

const FORMAT: &str = "redyn.parts";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why rows cannot be kept or found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartsError {
    #[error("{}: {cause}", .path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error("{} cannot be read: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} was begun by redyn {begun}, this is {VERSION}", .folder.display())]
    Version { folder: PathBuf, begun: String },
    #[error("{} was begun by another command: {begun}", .folder.display())]
    Command { folder: PathBuf, begun: String },
    #[error("{} was begun when the trajectories were others", .folder.display())]
    Trajectories { folder: PathBuf },
    #[error("{} lacks the rows of {missing}", .folder.display())]
    Missing { folder: PathBuf, missing: String, command: String },
}

impl Diagnose for PartsError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File { cause, .. } => file_hint(cause),
            Self::Unreadable { .. } => {
                "remove the file and run the shards again: they make what is missing".into()
            }
            Self::Version { .. } => "take that version, or remove the folder and run all shards again".into(),
            Self::Command { .. } => "give every shard the same words, or name another --out".into(),
            Self::Trajectories { .. } => {
                "give the same stores; if they were recorded anew, remove the folder and run all shards again"
                    .into()
            }
            Self::Missing { command, .. } => format!(
                "run the shards that were not finished again: each goes on where it was; or do all that is \
                 left at once: {command} --shard 0/1"
            ),
        })
    }

    fn fault(&self) -> Fault {
        match self {
            Self::File { cause, .. } => file_fault(cause),
            Self::Unreadable { .. } | Self::Missing { .. } => Fault::Failure,
            _ => Fault::User,
        }
    }
}

impl PartsFolder {
    /// Where the parts of some results lie.
    fn of(results: &Path) -> PathBuf {
        results.join("parts")
    }

    /// Whether results are done in parts.
    pub(crate) fn exists(results: &Path) -> bool {
        Self::of(results).join("analysis.json").exists()
    }

    /// Begin an analysis in parts, or go on with it: `all` is what it reads.
    pub(crate) fn begin(
        results: &Path,
        command: &[String],
        all: &[Run],
        shard: Shard,
    ) -> Result<Self, PartsError> {
        let wanted = Begun {
            format: FORMAT.into(),
            version: VERSION.into(),
            command: command.to_vec(),
            of: origins(all),
        };
        if !Self::exists(results) {
            let json = serde_json::to_vec_pretty(&wanted).expect("plain data");
            put(&Self::of(results).join("analysis.json"), &json, shard)?;
        }
        // Looked at in any case: another shard may have begun at the same moment.
        let found = Self::open(results)?;
        found.refuse_other(&wanted)?;
        Ok(found)
    }

    /// The parts of some results.
    pub(crate) fn open(results: &Path) -> Result<Self, PartsError> {
        let folder = Self::of(results);
        let begun: Begun = read(&folder.join("analysis.json"))?;
        if begun.version != VERSION {
            return Err(PartsError::Version { folder, begun: begun.version });
        }
        Ok(Self { folder, begun })
    }

    /// The command that all parts are of.
    pub(crate) fn command(&self) -> &[String] {
        &self.begun.command
    }

    fn refuse_other(&self, wanted: &Begun) -> Result<(), PartsError> {
        let (folder, begun) = (self.folder.clone(), &self.begun);
        if begun.command != wanted.command {
            return Err(PartsError::Command { folder, begun: begun.command.join(" ") });
        }
        if begun == wanted { Ok(()) } else { Err(PartsError::Trajectories { folder }) }
    }

    /// Refuse to join parts of which some are missing, or that are of other trajectories than those there
    /// are now.
    pub(crate) fn complete(&self, all: &[Run]) -> Result<(), PartsError> {
        if self.begun.of != origins(all) {
            return Err(PartsError::Trajectories { folder: self.folder.clone() });
        }
        let missing: Vec<String> = all
            .chunk_by(|a, b| a.origin == b.origin)
            .filter_map(|of_one| {
                let mut left: Vec<std::ops::Range<usize>> = Vec::new();
                for images in of_one.iter().filter(|run| !self.has(run)).map(|run| run.images.clone()) {
                    match left.last_mut() {
                        Some(last) if last.end == images.start => last.end = images.end,
                        _ => left.push(images),
                    }
                }
                let left: Vec<String> = left.iter().map(|images| format!("{images:?}")).collect();
                (!left.is_empty())
                    .then(|| format!("{}: images {}", of_one[0].trajectories(), left.join(", ")))
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (folder, command) = (self.folder.clone(), self.begun.command.join(" "));
        Err(PartsError::Missing { folder, missing: missing.join("; "), command })
    }

    fn file(&self, run: &Run) -> PathBuf {
        self.folder.join(run.name() + ".json")
    }

    /// Whether a run is done.
    pub(crate) fn has(&self, run: &Run) -> bool {
        self.file(run).exists()
    }

    /// Keep the rows of a run, which a shard has read.
    pub(crate) fn keep(&self, run: &Run, part: &Part, shard: Shard) -> Result<(), PartsError> {
        put(&self.file(run), &serde_json::to_vec(part).expect("plain data"), shard)
    }
}

impl KnownRows for PartsFolder {
    fn part(&self, run: &Run) -> Result<Option<Part>, Box<dyn Diagnose + Send + Sync>> {
        if !self.has(run) {
            return Ok(None);
        }
        read(&self.file(run)).map(Some).map_err(|error| Box::new(error) as _)
    }
}

fn origins(all: &[Run]) -> Vec<Origin> {
    all.chunk_by(|a, b| a.origin == b.origin).map(|of_one| of_one[0].origin.clone()).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, PartsError> {
    let bytes = std::fs::read(path).map_err(|cause| PartsError::File { path: path.to_owned(), cause })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| PartsError::Unreadable { path: path.to_owned(), reason: error.to_string() })
}

/// Two tasks may do the same part at once, one of which its scheduler took for dead.
fn put(path: &Path, bytes: &[u8], shard: Shard) -> Result<(), PartsError> {
    let writer = format!("{}-{}", shard.to_string().replace('/', "-of-"), std::process::id());
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| replace_file_as(&writer, path, bytes))
        .map_err(|cause| PartsError::File { path: path.to_owned(), cause })
}
