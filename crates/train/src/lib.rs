//! Training by back-propagation through time over a planned graph.
//!
//! A [`Trainer`] carries out a [`Recipe`] in a run folder:
//!
//! | file | what |
//! |---|---|
//! | `record.json` | network, recipe, seeds, digests, versions, command |
//! | `epoch_-1.safetensors` | the network before training, as the paper needs it |
//! | `epoch_N.safetensors` | kept epochs, 0-based |
//! | `weights.safetensors` | the trained network |
//! | `checkpoint.safetensors` | everything a resumed run needs, replaced as a whole |
//! | `metrics.csv` | loss and accuracy: one row per epoch, split and step |

mod adam;
mod checkpoint;
mod error;
mod loss;
mod loss_scale;
mod metrics;
mod part;
mod recipe;
mod running;
mod trainer;

pub use adam::Adam;
pub use error::TrainError;
pub use loss::{LossTiming, StepLoss, log_probabilities, negative_log_likelihood};
pub use loss_scale::{LossScale, Verdict};
pub use metrics::{Metrics, Row};
pub use part::{BatchGradients, Passes, batch_gradients};
pub use recipe::{Augment, Recipe, RunRecord};
pub use running::follow;
pub use trainer::{Ending, Progress, Setting, Trainer, read_record};
