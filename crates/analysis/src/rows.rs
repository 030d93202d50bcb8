//! The first stage of every analysis: what each image did, step by step.
//!
//! One pass over the trajectories, block by block, leaves a row per image that depends on
//! that image alone. Whatever spans images (means, pairs, bootstrap, permutation) is
//! computed from the rows in the order of images, so that no result depends on how the
//! images were divided into blocks, threads or machines, to the last bit.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;
use rayon::prelude::*;
use redyn_core::{Readout, Stop, TrajectorySource};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::reader::{Reader, Row, side_by_side};
use crate::readout_zone::Zones;

/// What to find out about every image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantities {
    /// Answers, norms and changes.
    Motion,
    /// Also everything about the readout, where there is one.
    All,
}

/// How to read trajectories.
pub struct Plan<'a> {
    /// What to find out.
    pub quantities: Quantities,
    /// Bytes of trajectories held at a time: a part per thread, on fewer threads if need be.
    pub memory: usize,
    /// Heard between blocks.
    pub stop: &'a Stop,
}

/// What each of some consecutive images did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// Name of the trajectories, for messages.
    pub name: String,
    /// Index of the first image.
    pub first: usize,
    /// Number of classes.
    pub n_classes: usize,
    /// True class: `[image]`.
    pub labels: Vec<usize>,
    /// `c_n(t)`, the first class of largest logit: `[image, step]`.
    pub answers: Array2<usize>,
    /// `‖r_n(t)‖₂`: `[image, step]`.
    pub norms: Array2<f64>,
    /// `‖r_n(t+1) − r_n(t)‖₂`: `[image, step − 1]`.
    pub changes: Array2<f64>,
    /// Component of `r_n(t+1) − r_n(t)` along `r_n(t)`; `None` where that is zero:
    /// `[image, step − 1]`.
    pub radial: Array2<Option<f64>>,
    /// Cosine of the changes from `t` to `t + 1` and on to `t + 2`; `None` where either is
    /// zero: `[image, step − 2]`.
    pub persistence: Array2<Option<f64>>,
    /// First step at which the representation was the same, bit by bit; `t` itself where it
    /// is new: `[image, step]`.
    pub first_seen: Array2<usize>,
    /// What the readout makes of them; absent without one.
    pub readout: Option<ReadoutRows>,
}

/// What the readout makes of each image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadoutRows {
    /// Whether the readout has a bias: then zones are no cones, and have no angles.
    pub biased: bool,
    /// `‖w_k‖₂`, of several readouts the first: `[class]`.
    pub weight_norms: Vec<f64>,
    /// `cos(r_n(t), w_{c_n(t)})`; `None` where either is zero: `[image, step]`.
    pub cosine_answer: Array2<Option<f64>>,
    /// `cos(r_n(t), w_{y_n})`: `[image, step]`.
    pub cosine_label: Array2<Option<f64>>,
    /// Distance to leaving the zone of the answer `c_n(t)`: `[image, step]`.
    pub margin: Array2<Option<f64>>,
    /// Signed distance to the boundary of the zone of the true class, positive inside;
    /// `None` where that zone is empty: `[image, step]`.
    pub depth: Array2<Option<f64>>,
    /// Component of `r_n(t+1) − r_n(t)` towards the readout vector of the true class, along
    /// the part of `w_{y_n}` orthogonal to `r_n(t)`; `None` where there is no such part:
    /// `[image, step − 1]`.
    pub towards: Array2<Option<f64>>,
    /// Image-steps in which `argmax_k (W r + b)_k` is not the answer.
    pub disagreements: usize,
    /// `cos(r_n(t), w_k)` of every class, for the steps before the final run of images whose
    /// last answer is right: `[step, class]` per image, flat. 0 where it does not exist.
    pub(crate) cosines_before: Vec<Vec<f64>>,
}

/// The readout must choose the class of largest logit in all but this share of image-steps.
const DISAGREEMENT_ALLOWED: f64 = 0.01;

impl Rows {
    /// Read the rows of some images.
    ///
    /// # Errors
    /// Data of another shape than described, labels that name no class, values that are not
    /// finite, a readout of another shape than the data, whatever the source reports, a
    /// request to stop.
    pub fn read(source: &dyn TrajectorySource, images: Range<usize>, plan: &Plan) -> Result<Self, Error> {
        let about = source.description();
        let n_classes = about.classes.len();
        for (what, count) in [
            ("images", images.len()),
            ("steps", about.n_steps),
            ("units", about.n_units),
            ("classes", n_classes),
        ] {
            if count == 0 {
                return Err(Error::Empty { trajectories: about.name.clone(), what });
            }
        }
        let readouts: &[Readout] = match (plan.quantities, source.folds()) {
            (Quantities::Motion, _) => &[],
            (Quantities::All, Some(folds)) => &folds.readouts,
            (Quantities::All, None) => about.readout.as_slice(),
        };
        let zones = readouts.iter().map(|readout| {
            let fits = readout.check(n_classes, about.n_units);
            let unfit = |source| Error::ReadoutUnfit { trajectories: about.name.clone(), source };
            fits.map(|()| Zones::new(readout)).map_err(unfit)
        });
        let reader = Reader { source, zones: zones.collect::<Result<_, _>>()? };
        let rows = read_parts(&reader, images.clone(), plan)?;
        let biased = readouts.iter().any(|readout| readout.bias.is_some());
        Ok(reader.gather(images.start, rows, biased))
    }

    /// Join the rows of parts that follow one another, as other machines read them.
    ///
    /// # Errors
    /// A part that does not begin where the one before ends.
    pub fn merge(parts: impl IntoIterator<Item = Self>) -> Result<Option<Self>, Error> {
        let mut parts = parts.into_iter();
        let Some(mut whole) = parts.next() else { return Ok(None) };
        for part in parts {
            let expected = whole.first + whole.n_images();
            if part.first != expected {
                return Err(Error::Parts { found: part.first, expected });
            }
            whole.labels.extend(part.labels);
            append(&mut whole.answers, &part.answers);
            append(&mut whole.norms, &part.norms);
            append(&mut whole.changes, &part.changes);
            append(&mut whole.radial, &part.radial);
            append(&mut whole.persistence, &part.persistence);
            append(&mut whole.first_seen, &part.first_seen);
            if let (Some(ours), Some(theirs)) = (&mut whole.readout, part.readout) {
                append(&mut ours.cosine_answer, &theirs.cosine_answer);
                append(&mut ours.cosine_label, &theirs.cosine_label);
                append(&mut ours.margin, &theirs.margin);
                append(&mut ours.depth, &theirs.depth);
                append(&mut ours.towards, &theirs.towards);
                ours.disagreements += theirs.disagreements;
                ours.cosines_before.extend(theirs.cosines_before);
            }
        }
        Ok(Some(whole))
    }

    /// Number of images.
    pub fn n_images(&self) -> usize {
        self.labels.len()
    }

    /// Number of steps.
    pub fn n_steps(&self) -> usize {
        self.answers.ncols()
    }

    /// The answers to one image: `[n_steps]`.
    pub fn answers(&self, image: usize) -> &[usize] {
        let n_steps = self.n_steps();
        &self.answers.as_slice().expect("rows are in standard layout")[image * n_steps..][..n_steps]
    }

    /// `‖r_n(t+1) − r_n(t)‖₂` of one image: `[n_steps − 1]`.
    pub fn changes(&self, image: usize) -> &[f64] {
        let n = self.changes.ncols();
        &self.changes.as_slice().expect("rows are in standard layout")[image * n..][..n]
    }

    /// What the readout makes of the images, for an analysis that needs it.
    ///
    /// # Errors
    /// There is no readout, or it chooses another class than the logits in more than 1 % of
    /// all image-steps: it is then not the readout that made these logits.
    pub fn need_readout(&self, analysis: &'static str) -> Result<&ReadoutRows, Error> {
        let trajectories = self.name.clone();
        let Some(readout) = &self.readout else {
            return Err(Error::ReadoutAbsent { trajectories, analysis });
        };
        let (found, total) = (readout.disagreements, self.answers.len());
        if found as f64 > DISAGREEMENT_ALLOWED * total as f64 {
            return Err(Error::ReadoutDisagrees { trajectories, found, total });
        }
        Ok(readout)
    }

    /// Refuse too few steps.
    ///
    /// # Errors
    /// There are fewer than `needed`.
    pub fn need_steps(&self, analysis: &'static str, needed: usize) -> Result<(), Error> {
        let found = self.n_steps();
        if found < needed {
            return Err(Error::TooFewSteps { trajectories: self.name.clone(), analysis, found, needed });
        }
        Ok(())
    }
}

impl ReadoutRows {
    /// `cos(r_n(t), w_k)` of every class, for a step before the final run of an image whose
    /// last answer is right; `None` at other steps and for other images.
    pub fn cosines_before(&self, image: usize, step: usize) -> Option<&[f64]> {
        let n_classes = self.weight_norms.len();
        self.cosines_before[image].get(step * n_classes..(step + 1) * n_classes)
    }
}

/// Bytes of trajectories that stay near the processor from being read to being used.
const NEAR: usize = 4 << 20;

/// Rows of some images, in order. Every thread reads a part and makes rows of it, then takes the
/// next part: as many at once as memory allows.
fn read_parts(reader: &Reader, images: Range<usize>, plan: &Plan) -> Result<Vec<Row>, Error> {
    let (n_per_part, at_once) = side_by_side(reader.source, plan.memory, NEAR);
    let n_parts = images.len().div_ceil(n_per_part);
    let next = AtomicUsize::new(0);
    let take = || {
        let mut taken = Vec::new();
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= n_parts {
                return taken;
            }
            let first = images.start + part * n_per_part;
            let rows = if plan.stop.requested() {
                Err(Error::Stopped)
            } else {
                let block = reader.read(first..images.end.min(first + n_per_part));
                block.and_then(|block| reader.rows(&block))
            };
            let failed = rows.is_err();
            taken.push((part, rows));
            if failed {
                next.store(n_parts, Ordering::Relaxed);
            }
        }
    };
    let takers = at_once.min(n_parts);
    let mut parts: Vec<(usize, Result<Vec<Row>, Error>)> =
        (0..takers).into_par_iter().with_max_len(1).flat_map_iter(|_| take()).collect();
    // Parts are taken in order: the first error is that of the first image that has one.
    parts.sort_by_key(|&(part, _)| part);
    let rows: Vec<Vec<Row>> = parts.into_iter().map(|(_, rows)| rows).collect::<Result<_, _>>()?;
    Ok(rows.into_iter().flatten().collect())
}

fn append<T: Clone>(whole: &mut Array2<T>, part: &Array2<T>) {
    whole.append(ndarray::Axis(0), part.view()).expect("parts have the same steps");
}
