//! The first stage of every analysis: what each image did, step by step.
//!
//! One pass over the trajectories, block by block, leaves a row per image that depends on
//! that image alone. Whatever spans images (means, pairs, bootstrap, permutation) is
//! computed from the rows in the order of images, so that no result depends on how the
//! images were divided into blocks, threads or machines, to the last bit.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use redyn_core::{Block, Stop, TrajectorySource};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::numeric::{distance, norm};
use crate::readout_zone::Zones;

/// What to find out about every image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Bytes of trajectories held at a time: two blocks, one being read ahead.
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
    /// What the readout makes of them; absent without one.
    pub readout: Option<ReadoutRows>,
}

/// What the readout makes of each image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadoutRows {
    /// Whether the readout has a bias: then zones are no cones, and have no angles.
    pub biased: bool,
    /// `‖w_k‖₂`: `[class]`.
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
    /// Image-steps in which `argmax_k (W r + b)_k` is not the answer.
    pub disagreements: usize,
    /// `cos(r_n(t), w_k)` of every class, for the steps before the final run of images whose
    /// last answer is right: `[step, class]` per image, flat. 0 where it does not exist.
    cosines_before: Vec<Vec<f64>>,
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
        let readout = about.readout.as_ref().filter(|_| plan.quantities == Quantities::All);
        let zones = readout.map(|readout| {
            let fits = readout.check(n_classes, about.n_units);
            let unfit = |source| Error::ReadoutUnfit { trajectories: about.name.clone(), source };
            fits.map(|()| Zones::new(readout)).map_err(unfit)
        });
        let reader = Reader { source, zones: zones.transpose()? };
        let n_per_block = source.images_in(plan.memory / 2);
        let block_at = |first: usize| first..images.end.min(first + n_per_block);
        let mut rows = Vec::with_capacity(images.len());
        let mut next = Some(reader.read(block_at(images.start)));
        let mut first = images.start;
        while let Some(block) = next {
            if plan.stop.requested() {
                return Err(Error::Stopped);
            }
            let block = block?;
            first += n_per_block;
            let ahead = || (first < images.end).then(|| reader.read(block_at(first)));
            let (read_ahead, some) = rayon::join(ahead, || reader.rows(&block));
            rows.extend(some?);
            next = read_ahead;
        }
        let biased = readout.is_some_and(|readout| readout.bias.is_some());
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
            if let (Some(ours), Some(theirs)) = (&mut whole.readout, part.readout) {
                append(&mut ours.cosine_answer, &theirs.cosine_answer);
                append(&mut ours.cosine_label, &theirs.cosine_label);
                append(&mut ours.margin, &theirs.margin);
                append(&mut ours.depth, &theirs.depth);
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

fn append<T: Clone>(whole: &mut Array2<T>, part: &Array2<T>) {
    whole.append(ndarray::Axis(0), part.view()).expect("parts have the same steps");
}

/// One image's row.
struct Row {
    label: usize,
    answers: Vec<usize>,
    norms: Vec<f64>,
    changes: Vec<f64>,
    readout: Option<ReadoutRow>,
}

#[derive(Default)]
struct ReadoutRow {
    cosine_answer: Vec<Option<f64>>,
    cosine_label: Vec<Option<f64>>,
    margin: Vec<Option<f64>>,
    depth: Vec<Option<f64>>,
    disagreements: usize,
    cosines_before: Vec<f64>,
}

struct Reader<'a> {
    source: &'a dyn TrajectorySource,
    zones: Option<Zones>,
}

impl Reader<'_> {
    /// Read a block and hold it against the description.
    fn read(&self, images: Range<usize>) -> Result<Block, Error> {
        let about = self.source.description();
        let trajectories = || about.name.clone();
        let mut block = self.source.read(images.clone()).map_err(|cause| Error::Source {
            trajectories: trajectories(),
            images: images.clone(),
            cause,
        })?;
        let n = images.len();
        for (what, found, expected) in [
            ("labels", &[block.labels.len()][..], &[n][..]),
            ("representations", block.representations.shape(), &[n, about.n_steps, about.n_units]),
            ("logits", block.logits.shape(), &[n, about.n_steps, about.classes.len()]),
        ] {
            if found != expected {
                let (found, expected) = (found.to_vec(), expected.to_vec());
                return Err(Error::Shape { trajectories: trajectories(), images, what, found, expected });
            }
        }
        if !block.representations.is_standard_layout() {
            block.representations = block.representations.as_standard_layout().into_owned();
        }
        Ok(block)
    }

    fn rows(&self, block: &Block) -> Result<Vec<Row>, Error> {
        let one = |index: usize| self.row(block, index);
        (0..block.labels.len()).into_par_iter().map(one).collect()
    }

    fn row(&self, block: &Block, index: usize) -> Result<Row, Error> {
        let about = self.source.description();
        let (trajectories, image) = (|| about.name.clone(), block.images.start + index);
        let (label, n_classes, n_units) = (block.labels[index], about.classes.len(), about.n_units);
        if label >= n_classes {
            return Err(Error::Label { trajectories: trajectories(), image, label, n_classes });
        }
        let damaged = |what, step| Error::NotFinite { trajectories: trajectories(), what, image, step };
        let size = about.n_steps * n_units;
        let representations =
            &block.representations.as_slice().expect("read in standard layout")[index * size..][..size];
        let steps: Vec<&[f32]> = representations.chunks_exact(n_units).collect();
        if let Some(step) = steps.iter().position(|values| values.iter().any(|value| !value.is_finite())) {
            return Err(damaged("representation", step));
        }
        let logits = block.logits.index_axis(ndarray::Axis(0), index);
        let answers = answers(&logits).map_err(|step| damaged("logits", step))?;
        let norms: Vec<f64> = steps.iter().map(|values| norm(values)).collect();
        let changes = steps.windows(2).map(|pair| distance(pair[1], pair[0])).collect();
        let readout =
            self.zones.as_ref().map(|zones| readout_row(zones, representations, &norms, &answers, label));
        Ok(Row { label, answers, norms, changes, readout })
    }

    fn gather(&self, first: usize, mut rows: Vec<Row>, biased: bool) -> Rows {
        let about = self.source.description();
        let readout = self.zones.as_ref().map(|zones| {
            let mut rows: Vec<ReadoutRow> = rows.iter_mut().filter_map(|row| row.readout.take()).collect();
            ReadoutRows {
                biased,
                weight_norms: zones.norms.clone(),
                cosine_answer: table(&rows, |row| &row.cosine_answer),
                cosine_label: table(&rows, |row| &row.cosine_label),
                margin: table(&rows, |row| &row.margin),
                depth: table(&rows, |row| &row.depth),
                disagreements: rows.iter().map(|row| row.disagreements).sum(),
                cosines_before: rows.iter_mut().map(|row| std::mem::take(&mut row.cosines_before)).collect(),
            }
        });
        Rows {
            name: about.name.clone(),
            first,
            n_classes: about.classes.len(),
            labels: rows.iter().map(|row| row.label).collect(),
            answers: table(&rows, |row| &row.answers),
            norms: table(&rows, |row| &row.norms),
            changes: table(&rows, |row| &row.changes),
            readout,
        }
    }
}

/// Stack the rows of images: `[image, ...]`.
fn table<R, T: Clone>(rows: &[R], field: impl Fn(&R) -> &Vec<T>) -> Array2<T> {
    let width = rows.first().map_or(0, |row| field(row).len());
    let values = rows.iter().flat_map(|row| field(row).iter().cloned()).collect();
    Array2::from_shape_vec((rows.len(), width), values).expect("rows have equal widths")
}

/// The first class of largest logit, as `NumPy`'s `argmax`; minus infinity is a logit like any
/// other (the logarithm of a probability that is 0), unless there is nothing else.
///
/// # Shapes
/// - `logits`: `[step, class]`
/// - returns: `[step]`, or the first step that holds NaN, infinity, or no finite logit
fn answers(logits: &ArrayView2<f32>) -> Result<Vec<usize>, usize> {
    let answer = |(step, logits): (usize, ndarray::ArrayView1<f32>)| {
        let mut best = 0;
        for (class, &logit) in logits.iter().enumerate() {
            if logit.is_nan() || logit == f32::INFINITY {
                return Err(step);
            }
            if logit > logits[best] {
                best = class;
            }
        }
        if logits[best].is_finite() { Ok(best) } else { Err(step) }
    };
    logits.outer_iter().enumerate().map(answer).collect()
}

fn readout_row(
    zones: &Zones,
    representations: &[f32],
    norms: &[f64],
    answers: &[usize],
    label: usize,
) -> ReadoutRow {
    let n_classes = zones.n_classes();
    let last = answers[answers.len() - 1];
    let final_run = answers.iter().rposition(|&answer| answer != last).map_or(0, |other| other + 1);
    let n_before = if last == label { final_run } else { 0 };
    let mut row = ReadoutRow::default();
    for (step, products) in zones.products(representations).chunks_exact(n_classes).enumerate() {
        let answer = answers[step];
        let cosine = |class: usize| {
            let lengths = norms[step] * zones.norms[class];
            (lengths > 0.0).then(|| products[class] / lengths)
        };
        let scores = zones.scores(products);
        let chosen =
            (1..n_classes).fold(0, |best, class| if scores[class] > scores[best] { class } else { best });
        row.cosine_answer.push(cosine(answer));
        row.cosine_label.push(cosine(label));
        row.margin.push(zones.margin(&scores, answer));
        row.depth.push(zones.signed_distance(&scores, label));
        row.disagreements += usize::from(chosen != answer);
        if step < n_before {
            row.cosines_before.extend((0..n_classes).map(|class| cosine(class).unwrap_or(0.0)));
        }
    }
    row
}
