//! From images to the one-step Jacobians along their trajectories.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis, Slice};
use redyn_analysis::JacobianRows;
use redyn_analysis::krylov::{Found, Operators, Precision, largest_singular_values, spectral_radii};
use redyn_core::{Bytes, Diagnose, Fault, Stop, file_fault, file_hint, replace_file};
use redyn_engine::Tangents;
use redyn_network::{Dynamics, Intervention, NetworkError};
use redyn_stimuli::{DataSet, Loader, LoaderOptions, Order, StimuliError};
use redyn_zoo::{Misfit, digest};
use serde::{Deserialize, Serialize};

use crate::Trained;
use crate::unroll::spread;

/// Of which images, along how many steps, how precisely.
#[derive(Clone, Debug)]
pub struct StabilityOptions {
    /// Split of the data set.
    pub split: String,
    /// Only so many images, spread evenly over the split.
    pub limit: Option<usize>,
    /// Number of steps of the trajectories; there is one Jacobian less.
    pub steps: usize,
    /// What is done to the network's edges.
    pub interventions: Vec<Intervention>,
    /// When a value counts as known.
    pub precision: Precision,
    /// Bytes that activations and Krylov bases may take together.
    pub memory: u64,
    /// Command line, for the record.
    pub command: Vec<String>,
}

/// What is kept in a file: the values so far, and of what they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jacobians {
    /// Always `redyn.jacobians`.
    pub format: String,
    /// The network's spec.
    pub network: String,
    /// Digest of its weights.
    pub weights_digest: String,
    /// Digest of the split's images.
    pub dataset_digest: String,
    /// Number of steps of the trajectories.
    pub n_steps: usize,
    /// What was done to the network's edges.
    pub interventions: Vec<Intervention>,
    /// Ids of the images to look at, in the order of the split.
    pub image_ids: Vec<String>,
    /// Vectors of a Krylov basis, at most.
    pub vectors: usize,
    /// Seed of the first vectors.
    pub seed: u64,
    /// Kernels that computed it.
    pub kernels: String,
    /// Version of redyn.
    pub version: String,
    /// Command line.
    pub command: String,
    /// The images done so far, by their places in `image_ids`.
    pub rows: JacobianRows,
}

const FORMAT: &str = "redyn.jacobians";

/// Why Jacobians cannot be computed or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StabilityError {
    /// The budget does not hold a single image.
    #[error("the Jacobians of one image take {needed} of memory, the budget is {budget}")]
    Memory {
        /// What one image takes.
        needed: Bytes,
        /// The budget.
        budget: Bytes,
    },
    /// A Jacobian leads from one step to the next.
    #[error("a Jacobian needs two steps, not {steps}")]
    Steps {
        /// Steps asked for.
        steps: usize,
    },
    /// No images were asked for.
    #[error("no image to look at")]
    NoImages,
    /// The store has steps beyond those looked at.
    #[error("{path} holds Jacobians along {found} steps, the store has {needed}")]
    FewerSteps {
        /// The file.
        path: PathBuf,
        /// Its steps.
        found: usize,
        /// Steps of the store.
        needed: usize,
    },
    /// The file holds the Jacobians of something else.
    #[error("{path} holds Jacobians of another run: its {what} differs")]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The file is not one of ours.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// More or fewer classes than the network has, or another image size.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// Something about the network or the request.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Something about the images.
    #[error(transparent)]
    Stimuli(#[from] StimuliError),
}

impl Diagnose for StabilityError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Memory { .. } => Some("raise --memory, or lower --vectors or --steps".into()),
            Self::Steps { .. } => Some("unroll for more --steps".into()),
            Self::NoImages => Some("raise --limit".into()),
            Self::FewerSteps { needed, .. } => Some(format!("compute them with --steps {needed}")),
            Self::Other { .. } => Some("choose another --out".into()),
            Self::Unreadable { .. } => Some("`redyn stability` writes such files".into()),
            Self::File { source, .. } => Some(file_hint(source)),
            Self::Misfit(_) => {
                Some("use the data set the network was trained on, or one with the same classes".into())
            }
            Self::Network(error) => error.hint(),
            Self::Stimuli(error) => error.hint(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::File { source, .. } => file_fault(source),
            Self::Network(error) => error.fault(),
            Self::Stimuli(error) => error.fault(),
            _ => Fault::User,
        }
    }
}

impl Jacobians {
    /// Read a file of Jacobians.
    ///
    /// # Errors
    /// A file that cannot be read, or is not one of ours.
    pub fn read(path: &Path) -> Result<Self, StabilityError> {
        let file = |source| StabilityError::File { path: path.to_owned(), source };
        let bytes = std::fs::read(path).map_err(file)?;
        let unreadable = |why: String| StabilityError::Unreadable { path: path.to_owned(), why };
        let found: Self = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if found.format != FORMAT {
            return Err(unreadable(format!("its format is `{}`, not `{FORMAT}`", found.format)));
        }
        Ok(found)
    }

    /// Whether every planned image is done.
    pub fn is_complete(&self) -> bool {
        self.rows.images.len() == self.image_ids.len()
    }

    /// The rows of those images that a store holds, by their places there, for the steps it has.
    ///
    /// # Errors
    /// Fewer steps than the store has.
    pub fn of_store(
        &self,
        path: &Path,
        ids: &[String],
        n_steps: usize,
    ) -> Result<JacobianRows, StabilityError> {
        if self.n_steps < n_steps {
            let (path, found) = (path.to_owned(), self.n_steps);
            return Err(StabilityError::FewerSteps { path, found, needed: n_steps });
        }
        let places: HashMap<&str, usize> =
            ids.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
        let place = |&row: &usize| places.get(self.image_ids[self.rows.images[row]].as_str()).copied();
        let there: Vec<usize> = (0..self.rows.images.len()).filter(|row| place(row).is_some()).collect();
        let steps = Slice::from(..n_steps - 1);
        let part = |array: &Array2<f64>| array.select(Axis(0), &there).slice_axis(Axis(1), steps).to_owned();
        Ok(JacobianRows {
            images: there.iter().filter_map(place).collect(),
            singular: part(&self.rows.singular),
            eigenvalue_real: part(&self.rows.eigenvalue_real),
            eigenvalue_imaginary: part(&self.rows.eigenvalue_imaginary),
            singular_residual: part(&self.rows.singular_residual),
            eigenvalue_residual: part(&self.rows.eigenvalue_residual),
            tolerance: self.rows.tolerance,
        })
    }

    /// What keeps values of `other` from being added to these.
    fn differs_from(&self, other: &Self) -> Option<&'static str> {
        let same = [
            ("network", self.network == other.network),
            ("weights", self.weights_digest == other.weights_digest),
            ("images", self.dataset_digest == other.dataset_digest && self.image_ids == other.image_ids),
            ("number of steps", self.n_steps == other.n_steps),
            ("cut or scaled edges", self.interventions == other.interventions),
            ("precision", self.vectors == other.vectors && self.rows.tolerance == other.rows.tolerance),
            ("seed", self.seed == other.seed),
            ("kernels", self.kernels == other.kernels),
        ];
        same.iter().find(|(_, same)| !same).map(|&(what, _)| what)
    }

    /// Add a batch: for every step, a value of every image.
    fn add(&mut self, images: Range<usize>, singular: &[Vec<Found>], eigenvalues: &[Vec<Found>]) {
        let grow = |array: &mut Array2<f64>, found: &[Vec<Found>], value: &dyn Fn(&Found) -> f64| {
            let more = Array2::from_shape_fn((images.len(), found.len()), |(image, step)| {
                value(&found[step][image])
            });
            array.append(Axis(0), more.view()).expect("one number of steps");
        };
        let share =
            |found: &Found| if found.residual == 0.0 { 0.0 } else { found.residual / found.modulus() };
        let rows = &mut self.rows;
        rows.images.extend(images.clone());
        grow(&mut rows.singular, singular, &|found| found.real);
        grow(&mut rows.singular_residual, singular, &share);
        grow(&mut rows.eigenvalue_real, eigenvalues, &|found| found.real);
        grow(&mut rows.eigenvalue_imaginary, eigenvalues, &|found| found.imaginary);
        grow(&mut rows.eigenvalue_residual, eigenvalues, &share);
    }

    fn write(&self, path: &Path) -> Result<(), StabilityError> {
        let bytes = serde_json::to_vec(self).expect("plain data");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let there = folder.map_or(Ok(()), std::fs::create_dir_all);
        there
            .and_then(|()| replace_file(path, &bytes))
            .map_err(|source| StabilityError::File { path: path.to_owned(), source })
    }
}

/// Compute the Jacobians' largest singular values and spectral radii along the trajectories of
/// some images, and keep them in a file, batch after batch; a file that was begun with the same
/// network, images and precision is continued.
///
/// `watch` hears how many images are done, of how many. The result says whether all are.
///
/// # Errors
/// Whatever of network, images or file makes it impossible.
pub fn stability<E: Tangents>(
    engine: &E,
    trained: &Trained,
    data: &DataSet,
    path: &Path,
    options: &StabilityOptions,
    stop: &Stop,
    watch: &mut dyn FnMut(usize, usize),
) -> Result<bool, StabilityError> {
    trained.network.card.check_data(data.classes.len(), data.image_size)?;
    if options.steps < 2 {
        return Err(StabilityError::Steps { steps: options.steps });
    }
    let split = data.split(&options.split)?;
    let (graph, precision) = (&trained.network.graph, &options.precision);
    let dynamics = Dynamics::new(engine, graph, &trained.weights, options.steps, &options.interventions)?;
    let n_jacobians = options.steps - 1;
    let indices = spread(split.len(), options.limit);
    if indices.is_empty() {
        return Err(StabilityError::NoImages);
    }
    let rows = Array2::zeros((0, n_jacobians));
    let begun = Jacobians {
        format: FORMAT.into(),
        network: trained.network.card.network.clone(),
        weights_digest: digest(&trained.weights),
        dataset_digest: data.split_digest(&options.split)?,
        n_steps: options.steps,
        interventions: options.interventions.clone(),
        image_ids: indices.iter().map(|&index| split.id(index)).collect(),
        vectors: precision.vectors,
        seed: precision.seed,
        kernels: engine.path(),
        version: env!("CARGO_PKG_VERSION").into(),
        command: options.command.join(" "),
        rows: JacobianRows {
            images: Vec::new(),
            singular: rows.clone(),
            eigenvalue_real: rows.clone(),
            eigenvalue_imaginary: rows.clone(),
            singular_residual: rows.clone(),
            eigenvalue_residual: rows,
            tolerance: precision.tolerance,
        },
    };
    let mut jacobians = if path.exists() {
        let there = Jacobians::read(path)?;
        match there.differs_from(&begun) {
            Some(what) => return Err(StabilityError::Other { path: path.to_owned(), what }),
            None => there,
        }
    } else {
        begun
    };
    // Two bases at a time, and a few vectors beside.
    let bases = 8 * dynamics.n_state() * (2 * precision.vectors + 8);
    let per_image = (dynamics.memory_per_image() + bases) as u64;
    if per_image > options.memory {
        return Err(StabilityError::Memory { needed: Bytes(per_image), budget: Bytes(options.memory) });
    }
    let batch = (options.memory / per_image).clamp(1, BATCH) as usize;
    let done = jacobians.rows.images.len();
    let n_images = indices.len();
    watch(done, n_images);
    if done == n_images {
        return Ok(true);
    }
    let normalisation = trained.normalised.of(data)?;
    let loading = LoaderOptions {
        order: Order::Listed(indices[done..].to_vec()),
        ..LoaderOptions::new(batch, normalisation)
    };
    for loaded in Loader::new(split, loading)? {
        if stop.requested() {
            return Ok(false);
        }
        let run = dynamics.linearise(&loaded?.images);
        let first = jacobians.rows.images.len();
        let (mut singular, mut eigenvalues) = (Vec::new(), Vec::new());
        for step in 0..n_jacobians {
            let operators = Operators {
                batch: run.batch(),
                n: dynamics.n_state(),
                forward: &|change| run.forward(step, change),
                backward: &|gradient| run.backward(step, gradient),
            };
            singular.push(largest_singular_values(&operators, precision));
            eigenvalues.push(spectral_radii(&operators, precision));
        }
        jacobians.add(first..first + run.batch(), &singular, &eigenvalues);
        jacobians.write(path)?;
        watch(jacobians.rows.images.len(), n_images);
    }
    Ok(jacobians.is_complete())
}

/// Images looked at together, at most.
const BATCH: u64 = 16;
