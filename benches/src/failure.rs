//! What can keep a benchmark from being trusted.

use std::path::PathBuf;

use redyn_core::{Diagnose, Fault};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot start `{interpreter}` for the peer: {source}")]
    Interpreter { interpreter: String, source: std::io::Error },
    #[error("the peer `{interpreter}` has no {module}: {why}")]
    Module { interpreter: String, module: String, why: String },
    #[error("the peer ended without an answer to `{request}`")]
    PeerEnded { request: String },
    #[error("the peer did not answer `{request}` within {seconds} s")]
    PeerSlow { request: String, seconds: u64 },
    #[error("the peer could not carry out `{request}`: {why}")]
    Peer { request: String, why: String },
    #[error("{what}: ours and the peer's differ by {found:.2e}, allowed is {allowed:.0e}")]
    Disagreement { what: String, found: f64, allowed: f64 },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("a process of its own for {what} failed: {why}")]
    Child { what: String, why: String },
    #[error("no case is called `{only}`")]
    NoCase { only: String },
    #[error(transparent)]
    Redyn(#[from] Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// An error of one of redyn's rooms.
    pub(crate) fn redyn(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Redyn(error.into())
    }
}

impl Diagnose for Failure {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Interpreter { .. } => Some("name a Python in REDYN_BENCH_PYTHON".into()),
            Self::Module { module, .. } => Some(format!(
                "python3 -m venv VENV && VENV/bin/pip install {module}, then REDYN_BENCH_PYTHON=VENV/bin/python"
            )),
            Self::Disagreement { .. } => {
                Some("what computes different numbers is not compared: one of the two is wrong".into())
            }
            Self::NoCase { .. } => Some("without --only, the table shows the names of all cases".into()),
            _ => None,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Interpreter { .. } | Self::Module { .. } | Self::NoCase { .. } => Fault::User,
            _ => Fault::Failure,
        }
    }
}

/// Fail where two sides differ by more than is allowed; NaN differs from everything.
pub(crate) fn agree(what: &str, found: f64, allowed: f64) -> Result<(), Failure> {
    if found <= allowed { Ok(()) } else { Err(Failure::Disagreement { what: what.into(), found, allowed }) }
}

/// The largest absolute difference; infinite where lengths differ or a value is NaN.
pub(crate) fn largest_difference(ours: &[f64], theirs: &[f64]) -> f64 {
    if ours.len() != theirs.len() {
        return f64::INFINITY;
    }
    ours.iter().zip(theirs).fold(0.0, |largest, (a, b)| {
        let difference = (a - b).abs();
        if difference.is_nan() { f64::INFINITY } else { f64::max(largest, difference) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_agrees_with_nan_or_with_a_list_of_another_length() {
        assert!(agree("x", largest_difference(&[1.0], &[f64::NAN]), 1.0).is_err());
        assert!(agree("x", largest_difference(&[1.0], &[]), 1.0).is_err());
        assert!(agree("x", largest_difference(&[1.0, 2.0], &[1.5, 2.0]), 0.5).is_ok());
    }
}
