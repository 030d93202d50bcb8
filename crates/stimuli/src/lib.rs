//! Images on their way to a network: folders, MiniEcoset files, arrays, generated stimuli.
//!
//! [`open`] turns a path or `builtin` into a [`DataSet`] of named splits; a [`Loader`]
//! reads, augments and normalises a split ahead of the network.
//!
//! ```
//! use redyn_stimuli::{Loader, LoaderOptions, OpenOptions, open};
//! let data = open("builtin:train=96,val=32", &OpenOptions::default())?;
//! let options = LoaderOptions::new(32, data.statistics()?.normalisation());
//! for batch in Loader::new(data.split("train")?, options)? {
//!     let batch = batch?;
//!     assert_eq!(batch.images.len(), 32 * 32 * 32 * 3);
//! }
//! # Ok::<(), redyn_stimuli::StimuliError>(())
//! ```

mod augment;
mod dataset;
mod decode;
mod error;
mod files;
mod folder;
mod frame;
pub mod generated;
mod hdf5_file;
mod image;
mod lettering;
mod loader;
mod manifest;
mod measure;
mod memory;
mod miniecoset;
mod numpy;
mod open;
mod pack;
mod resize;
mod sheet;
mod statistics;
mod subset;
mod summary;
mod table;

pub use self::image::Image;
pub use augment::{BINS, Operation, TrivialAugmentWide};
pub use dataset::{DataSet, Skipped, Stimuli};
pub use error::StimuliError;
pub use frame::Frame;
pub use loader::{Augmentation, Batch, Loader, LoaderOptions, Order};
pub use measure::{Measures, measure};
pub use open::{BadImages, OpenOptions, is_builtin, open};
pub use pack::{Packed, pack};
pub use sheet::{SheetOptions, contact_sheet, png};
pub use statistics::{ChannelStatistics, Normalisation, NormalisationTable, STATISTICS_SAMPLE};
pub use summary::{SplitSummary, Summary};
