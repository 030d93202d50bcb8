//! Reading the golden arrays, and comparing with them (`tests/golden/README.md`).

// Each test uses its share of this.
#![allow(dead_code)]

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use npyz::NpyFile;
use npyz::npz::NpzArchive;
use redyn_engine::Shape;

/// The arrays of one case.
pub(crate) struct Golden(NpzArchive<BufReader<File>>);

impl Golden {
    pub(crate) fn open(case: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/golden/{case}.npz"));
        Self(NpzArchive::open(path).expect("the goldens are part of the repository"))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.array_names().any(|name| name == key)
    }

    /// Number of taps, each at each of its steps.
    pub(crate) fn n_taps(&self) -> usize {
        self.0.array_names().filter(|name| name.starts_with("tap/") && name.ends_with("/norm")).count()
    }

    pub(crate) fn get(&mut self, key: &str) -> Vec<f64> {
        let array: NpyFile<_> =
            self.0.by_name(key).unwrap().unwrap_or_else(|| panic!("no golden array `{key}`"));
        match array.dtype().descr().as_str() {
            "'<f4'" => array.into_vec::<f32>().unwrap().into_iter().map(f64::from).collect(),
            "'<f8'" => array.into_vec::<f64>().unwrap(),
            other => panic!("`{key}` holds {other}"),
        }
    }
}

/// `[image, row, column, channel]` to the reference's `[channel, row, column]` of one image.
pub(crate) fn channels_first(values: &[f32], shape: Shape) -> Vec<f64> {
    let mut out = Vec::with_capacity(shape.len());
    for channel in 0..shape.channels {
        for pixel in 0..shape.pixels() {
            out.push(f64::from(values[pixel * shape.channels + channel]));
        }
    }
    out
}

pub(crate) fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

pub(crate) fn assert_close(what: &str, ours: &[f64], theirs: &[f64], limit: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}: length");
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= limit, "{what}[{index}]: {a} instead of {b} (limit {limit:e})");
    }
}
