//! From blocks of trajectories to one row per image.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use redyn_core::{Block, TrajectorySource};

use crate::Error;
use crate::numeric::{difference, dot, norm};
use crate::readout_zone::Zones;
use crate::rows::{ReadoutRows, Rows};

/// One image's row.
pub(crate) struct Row {
    label: usize,
    answers: Vec<usize>,
    norms: Vec<f64>,
    changes: Vec<f64>,
    radial: Vec<Option<f64>>,
    persistence: Vec<Option<f64>>,
    first_seen: Vec<usize>,
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

/// A source of trajectories with its readout prepared.
pub(crate) struct Reader<'a> {
    pub(crate) source: &'a dyn TrajectorySource,
    pub(crate) zones: Option<Zones>,
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
        if !block.representations.is_standard_layout() {
            block.representations = block.representations.as_standard_layout().into_owned();
        }
        Ok(block)
    }

    /// The rows of a block, its images shared among threads.
    pub(crate) fn rows(&self, block: &Block) -> Result<Vec<Row>, Error> {
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
        let moves: Vec<Vec<f64>> = steps.windows(2).map(|pair| difference(pair[1], pair[0])).collect();
        let changes: Vec<f64> = moves.iter().map(|change| norm(change)).collect();
        let radial: Vec<Option<f64>> = moves
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
        let readout = self.zones.as_ref().zip(about.readout.as_ref()).map(|(zones, readout)| {
            let own = readout.weight.row(label).to_vec();
            let along: Vec<f64> = moves.iter().map(|change| dot(change, &own)).collect();
            let row = readout_row(zones, representations, &norms, &answers, label);
            let towards = along.iter().zip(&radial).enumerate().map(|(step, (&along, &radial))| {
                // Of w, what is left without its part along r; both parts share the cosine.
                let (cosine, radial) = (row.cosine_label[step]?, radial?);
                let across = (1.0 - cosine * cosine).max(0.0).sqrt();
                (across > PARALLEL).then(|| (along / zones.norms[label] - radial * cosine) / across)
            });
            ReadoutRow { towards: towards.collect(), ..row }
        });
        let first_seen = first_seen(&steps);
        Ok(Row { label, answers, norms, changes, radial, persistence, first_seen, readout })
    }

    /// Rows of images in order, from image `first` on, as one table per quantity.
    pub(crate) fn gather(&self, first: usize, mut rows: Vec<Row>, biased: bool) -> Rows {
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
