//! Loss and accuracy: one row per epoch, split and step.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// One row of the metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Epoch, from 0; −1 before training.
    pub epoch: i64,
    /// `train` or a split's name.
    pub split: String,
    /// Step, from 0.
    pub step: usize,
    /// Mean over images of `−ln p[y]`, in nats.
    pub loss: f64,
    /// Share of images answered correctly.
    pub accuracy: f64,
    /// Number of images.
    pub n: usize,
}

/// Sums over the images of a pass, step by step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) loss: Vec<f64>,
    pub(crate) correct: Vec<usize>,
    pub(crate) n: usize,
}

impl Sums {
    pub(crate) fn new(steps: usize) -> Self {
        Self { loss: vec![0.0; steps], correct: vec![0; steps], n: 0 }
    }

    /// Add those of further images.
    pub(crate) fn add(&mut self, others: &Self) {
        self.loss.iter_mut().zip(&others.loss).for_each(|(sum, other)| *sum += other);
        self.correct.iter_mut().zip(&others.correct).for_each(|(sum, other)| *sum += other);
        self.n += others.n;
    }

    pub(crate) fn rows(&self, epoch: i64, split: &str) -> Vec<Row> {
        let n = self.n.max(1) as f64;
        (0..self.loss.len())
            .map(|step| Row {
                epoch,
                split: split.to_owned(),
                step,
                loss: self.loss[step] / n,
                accuracy: self.correct[step] as f64 / n,
                n: self.n,
            })
            .collect()
    }

    /// Accuracy at every step.
    pub(crate) fn accuracy(&self) -> Vec<f64> {
        self.correct.iter().map(|&correct| correct as f64 / self.n.max(1) as f64).collect()
    }
}

/// All rows of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics(pub Vec<Row>);

impl Metrics {
    /// The rows as CSV with a header.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("epoch,split,step,loss_nats,accuracy,n_images\n");
        for row in &self.0 {
            let _ = writeln!(
                text,
                "{},{},{},{},{},{}",
                row.epoch, row.split, row.step, row.loss, row.accuracy, row.n
            );
        }
        text
    }
}
