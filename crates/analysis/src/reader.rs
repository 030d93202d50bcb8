//! From blocks of trajectories to one row per image.

use std::ops::Range;

use ndarray::Array2;
use rayon::prelude::*;
use redyn_core::{Block, Readout, TrajectorySource};

use crate::Error;
use crate::numeric::{all_finite, difference, dot, norm, vectorised};
use crate::readout_zone::{Facets, Zones};
use crate::rows::{ReadoutRows, Rows};

/// Images whose products with the readout are formed together.
const TOGETHER: usize = 16;

/// One image's row.
pub(crate) struct Row {
    label: usize,
    answers: Vec<usize>,
    norms: Vec<f64>,
    changes: Vec<f64>,
    radial: Vec<Option<f64>>,
    persistence: Vec<Option<f64>>,
    first_seen: Vec<usize>,
    /// Products of the changes with the readout vector of the true class.
    along: Vec<f64>,
    readout: Option<ReadoutRow>,
}

#[derive(Default)]
struct ReadoutRow {
    cosine_answer: Vec<Option<f64>>,
    cosine_label: Vec<Option<f64>>,
    margin: Vec<Option<f64>>,
    depth: Vec<Option<f64>>,
    towards: Vec<Option<f64>>,
    disagreements: usize,
    cosines_before: Vec<f64>,
}

/// How a source is read within `memory`: images a block, of `block` bytes at most, and blocks side by side.
///
/// A source may hold more than it was allowed, of a block that it cannot divide: then fewer are read at once.
pub(crate) fn side_by_side(source: &dyn TrajectorySource, memory: usize, block: usize) -> (usize, usize) {
    let threads = rayon::current_num_threads();
    let n_per_block = source.images_in(block.min(memory / threads));
    let fit = memory / source.bytes_of(n_per_block).max(1);
    (n_per_block, fit.clamp(1, threads))
}

/// A source of trajectories with its readout prepared.
pub(crate) struct Reader<'a> {
    pub(crate) source: &'a dyn TrajectorySource,
    /// None, one for all images, or one per fold of the source.
    pub(crate) zones: Vec<Zones>,
}

impl Reader<'_> {
    /// Read a block and hold it against the description.
    pub(crate) fn read(&self, images: Range<usize>) -> Result<Block, Error> {
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
        for array in [&mut block.representations, &mut block.logits] {
            if !array.is_standard_layout() {
                *array = array.as_standard_layout().into_owned();
            }
        }
        Ok(block)
    }

    /// The rows of a block, its images shared among threads.
    pub(crate) fn rows(&self, block: &Block) -> Result<Vec<Row>, Error> {
        let n = block.labels.len();
        let some = |first: usize| {
            vectorised(
                #[inline(always)]
                || self.some_rows(block, first..n.min(first + TOGETHER)),
            )
        };
        let parts: Vec<_> =
            (0..n.div_ceil(TOGETHER)).into_par_iter().map(|part| some(part * TOGETHER)).collect();
        // The error of the first image that has one.
        Ok(parts.into_iter().collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect())
    }

    /// Rows of some images of a block.
    #[inline(always)]
    fn some_rows(&self, block: &Block, images: Range<usize>) -> Result<Vec<Row>, Error> {
        let (all, n_steps, n_units) =
            (&block.representations, block.representations.dim().1, block.representations.dim().2);
        let size = n_steps * n_units;
        let all = &all.as_slice().expect("read in standard layout")[images.start * size..images.end * size];
        let mut rows = Vec::with_capacity(images.len());
        for (representations, index) in all.chunks_exact(size).zip(images.clone()) {
            rows.push(self.row(block, index, representations)?);
        }
        let first = block.images.start + images.start;
        let mut products = match &self.zones[..] {
            [] => return Ok(rows),
            [one] => one.products(all),
            several => {
                let own = |(at, values): (usize, &[f32])| several[self.fold(first + at)].products(values);
                all.chunks_exact(size).enumerate().flat_map(own).collect()
            }
        };
        let n_classes = self.zones[0].n_classes();
        let mut facets = Facets::default();
        for (at, products) in products.chunks_exact_mut(n_steps * n_classes).enumerate() {
            let (row, zones) = (&mut rows[at], &self.zones[self.fold(first + at)]);
            row.readout = Some(readout_row(zones, products, row, &mut facets));
        }
        Ok(rows)
    }

    /// Which of the readouts judged an image.
    fn fold(&self, image: usize) -> usize {
        self.source.folds().map_or(0, |folds| folds.fold[image])
    }

    /// The readout that judged an image; `None` where none is looked at.
    fn readout(&self, image: usize) -> Option<&Readout> {
        if self.zones.is_empty() {
            return None;
        }
        match self.source.folds() {
            Some(folds) => Some(&folds.readouts[folds.fold[image]]),
            None => self.source.description().readout.as_ref(),
        }
    }

    /// What is known of an image without the readout.
    #[inline(always)]
    fn row(&self, block: &Block, index: usize, representations: &[f32]) -> Result<Row, Error> {
        let about = self.source.description();
        let (trajectories, image) = (|| about.name.clone(), block.images.start + index);
        let (label, n_classes) = (block.labels[index], about.classes.len());
        if label >= n_classes {
            return Err(Error::Label { trajectories: trajectories(), image, label, n_classes });
        }
        let damaged = |what, step| Error::NotFinite { trajectories: trajectories(), what, image, step };
        let steps: Vec<&[f32]> = representations.chunks_exact(about.n_units).collect();
        if let Some(step) = steps.iter().position(|values| !all_finite(values)) {
            return Err(damaged("representation", step));
        }
        let logits = block.logits.index_axis(ndarray::Axis(0), index);
        let logits = logits.to_slice().expect("read in standard layout");
        let answers = answers(logits, n_classes).map_err(|step| damaged("logits", step))?;
        let norms: Vec<f64> = steps.iter().map(|values| norm(values)).collect();
        let moves: Vec<Vec<f64>> = steps.windows(2).map(|pair| difference(pair[1], pair[0])).collect();
        let changes: Vec<f64> = moves.iter().map(|change| norm(change)).collect();
        let radial = moves
            .iter()
            .zip(steps.iter().zip(&norms))
            .map(|(change, (from, &length))| (length > 0.0).then(|| dot(change, from) / length))
            .collect();
        let persistence = (1..moves.len())
            .map(|step| {
                let lengths = changes[step - 1] * changes[step];
                (lengths > 0.0).then(|| dot(&moves[step - 1], &moves[step]) / lengths)
            })
            .collect();
        let along = self.readout(image).map_or_else(Vec::new, |readout| {
            let own = readout.weight.row(label).to_vec();
            moves.iter().map(|change| dot(change, &own)).collect()
        });
        let first_seen = first_seen(&steps);
        Ok(Row { label, answers, norms, changes, radial, persistence, first_seen, along, readout: None })
    }

    /// Rows of images in order, from image `first` on, as one table per quantity.
    pub(crate) fn gather(&self, first: usize, mut rows: Vec<Row>, biased: bool) -> Rows {
        let about = self.source.description();
        let readout = self.zones.first().map(|zones| {
            let mut rows: Vec<ReadoutRow> = rows.iter_mut().filter_map(|row| row.readout.take()).collect();
            ReadoutRows {
                biased,
                weight_norms: zones.norms.clone(),
                cosine_answer: table(&rows, |row| &row.cosine_answer),
                cosine_label: table(&rows, |row| &row.cosine_label),
                margin: table(&rows, |row| &row.margin),
                depth: table(&rows, |row| &row.depth),
                towards: table(&rows, |row| &row.towards),
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
            radial: table(&rows, |row| &row.radial),
            persistence: table(&rows, |row| &row.persistence),
            first_seen: table(&rows, |row| &row.first_seen),
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
#[inline(always)]
fn answers(logits: &[f32], n_classes: usize) -> Result<Vec<usize>, usize> {
    let answer = |(step, logits): (usize, &[f32])| {
        // Neither NaN nor infinity is below infinity.
        let fine = logits.iter().all(|&logit| logit < f32::INFINITY);
        let best = first_largest(logits);
        if fine && logits[best].is_finite() { Ok(best) } else { Err(step) }
    };
    logits.chunks_exact(n_classes).enumerate().map(answer).collect()
}

/// Where the largest value stands first.
#[inline(always)]
fn first_largest<T: Copy + PartialOrd>(values: &[T]) -> usize {
    let largest =
        values.iter().fold(values[0], |largest, &value| if value > largest { value } else { largest });
    values.iter().position(|&value| value == largest).unwrap_or(0)
}

/// A readout vector whose sine with the representation is smaller is parallel to it: what is
/// left of it across is rounding.
const PARALLEL: f64 = 1e-6;

/// For each step, the first at which the values were the same, bit by bit.
fn first_seen(steps: &[&[f32]]) -> Vec<usize> {
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits());
    (0..steps.len())
        .map(|step| (0..step).find(|&earlier| same(steps[earlier], steps[step])).unwrap_or(step))
        .collect()
}

/// `products`: `w_k · r` per step and class, of which scores are made.
#[inline(always)]
fn readout_row(zones: &Zones, products: &mut [f64], about: &Row, facets: &mut Facets) -> ReadoutRow {
    let (n_classes, answers, label) = (zones.n_classes(), &about.answers, about.label);
    let last = answers[answers.len() - 1];
    let final_run = answers.iter().rposition(|&answer| answer != last).map_or(0, |other| other + 1);
    let n_before = if last == label { final_run } else { 0 };
    let mut row = ReadoutRow::default();
    row.cosines_before.reserve_exact(n_before * n_classes);
    for (step, products) in products.chunks_exact_mut(n_classes).enumerate() {
        let answer = answers[step];
        let cosine = |class: usize| {
            let lengths = about.norms[step] * zones.norms[class];
            (lengths > 0.0).then(|| products[class] / lengths)
        };
        row.cosine_answer.push(cosine(answer));
        row.cosine_label.push(cosine(label));
        if step < n_before {
            row.cosines_before.extend((0..n_classes).map(|class| cosine(class).unwrap_or(0.0)));
        }
        zones.score(products);
        row.disagreements += usize::from(first_largest(products) != answer);
        zones.facets(products, answer, facets);
        row.margin.push(facets.nearest());
        if label != answer {
            zones.facets(products, label, facets);
        }
        row.depth.push(zones.signed_distance(products, label, facets));
    }
    let towards = about.along.iter().zip(&about.radial).enumerate().map(|(step, (&along, &radial))| {
        // Of w, what is left without its part along r; both parts share the cosine.
        let (cosine, radial) = (row.cosine_label[step]?, radial?);
        let across = (1.0 - cosine * cosine).max(0.0).sqrt();
        (across > PARALLEL).then(|| (along / zones.norms[label] - radial * cosine) / across)
    });
    row.towards = towards.collect();
    row
}
