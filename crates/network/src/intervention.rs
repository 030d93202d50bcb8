//! Interventions on edges: lesions and scaled connections, from one step to another.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use redyn_engine::Shape;
use serde::{Deserialize, Serialize};

use crate::NetworkError;

/// What is done to an edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The signal is absent, as if the connection did not exist: a multiplied drive
    /// counts as 1, an added one as nothing.
    Cut,
    /// The signal is multiplied.
    Scale(f32),
    /// What arrives is multiplied by a factor for values below 0 and one for the others.
    Amplify {
        /// Factor of values below 0: not below 0 itself.
        negative: f32,
        /// Factor of the others: not below 0 either.
        positive: f32,
    },
    /// What is sent becomes `share · goal + (1 − share) · sent`, the goal alone where nothing
    /// is sent. Only for connections that can be steered.
    Steer {
        /// What to send, `[row, column, channel]`.
        goal: Vec<f32>,
        /// Share of the goal.
        share: f32,
    },
}

/// An effect on one edge during some steps.
///
/// Written `v4.lateral@3..7` for a cut during steps 3, 4, 5 and 6 (steps count from
/// 0), `v4.lateral@3..` for a cut from step 3 on, `v4.lateral` for one throughout,
/// and `v4.lateral=0.5@3..` for a scaled edge.
///
/// ```
/// use redyn_network::{Effect, Intervention};
///
/// let lesion: Intervention = "v4.lateral@3..".parse()?;
/// assert_eq!(lesion.effect, Effect::Cut);
/// assert!(lesion.acts_at(3) && lesion.acts_at(99) && !lesion.acts_at(2));
/// # Ok::<(), redyn_network::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervention {
    /// Name of the edge.
    pub edge: String,
    /// What is done to it.
    pub effect: Effect,
    /// The steps during which it is done, the last excluded.
    pub steps: Range<usize>,
}

impl Intervention {
    /// Whether it acts at a step.
    pub fn acts_at(&self, step: usize) -> bool {
        self.steps.contains(&step)
    }
}

impl Intervention {
    /// Whether it can be carried out on an edge over which values of a shape are sent, if they
    /// can be steered.
    ///
    /// # Errors
    /// A connection that cannot be steered, a goal of another length, numbers out of range.
    pub(crate) fn check(&self, sent: Option<Shape>) -> Result<(), NetworkError> {
        let fault = |why: String| Err(NetworkError::Effect { edge: self.edge.clone(), why });
        match &self.effect {
            Effect::Amplify { negative, positive } => {
                let allowed = |factor: &f32| factor.is_finite() && *factor >= 0.0;
                match [negative, positive].into_iter().find(|factor| !allowed(factor)) {
                    Some(factor) => fault(format!("it cannot be amplified by {factor}: by 0 or more")),
                    None => Ok(()),
                }
            }
            Effect::Steer { goal, share } => match sent {
                None => fault("what is sent over it cannot be steered".into()),
                Some(shape) if shape.len() != goal.len() => {
                    fault(format!("the goal has {} values, {shape} are sent over it", goal.len()))
                }
                _ if !(0.0..=1.0).contains(share) => {
                    fault(format!("the goal's share is {share}: it is from 0 to 1"))
                }
                _ if goal.iter().any(|value| !value.is_finite()) => fault("the goal is not finite".into()),
                _ => Ok(()),
            },
            Effect::Cut | Effect::Scale(_) => Ok(()),
        }
    }
}

impl FromStr for Intervention {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let fault = |why: &str| NetworkError::Intervention { text: text.to_owned(), why: why.to_owned() };
        let (what, when) = text.split_once('@').map_or((text, None), |(what, when)| (what, Some(when)));
        let (edge, effect) = match what.split_once('=') {
            None => (what, Effect::Cut),
            Some((edge, factor)) => {
                let factor: f32 = factor.parse().map_err(|_| fault("the factor is not a number"))?;
                if !factor.is_finite() {
                    return Err(fault("the factor is not finite"));
                }
                (edge, Effect::Scale(factor))
            }
        };
        if edge.is_empty() {
            return Err(fault("it names no edge"));
        }
        let steps = match when {
            None => 0..usize::MAX,
            Some(when) => {
                let (from, to) = when.split_once("..").ok_or_else(|| fault("steps are written FROM..TO"))?;
                let step = |word: &str, otherwise: usize| match word {
                    "" => Ok(otherwise),
                    _ => word.parse().map_err(|_| fault("a step is not a whole number")),
                };
                step(from, 0)?..step(to, usize::MAX)?
            }
        };
        if steps.is_empty() {
            return Err(fault("it begins after it ends"));
        }
        Ok(Self { edge: edge.to_owned(), effect, steps })
    }
}

/// As it is read.
impl fmt::Display for Intervention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.edge)?;
        if let Effect::Scale(factor) = self.effect {
            write!(f, "={factor}")?;
        }
        match (self.steps.start, self.steps.end) {
            (0, usize::MAX) => Ok(()),
            (from, usize::MAX) => write!(f, "@{from}.."),
            (from, to) => write!(f, "@{from}..{to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let read = |text: &str| text.parse::<Intervention>().unwrap();
        assert_eq!(read("v4.lateral").steps, 0..usize::MAX);
        assert_eq!(read("v4.lateral@3..7").steps, 3..7);
        assert_eq!(read("v4.lateral@..7").steps, 0..7);
        assert_eq!(read("v4.lateral=0.5@3..").effect, Effect::Scale(0.5));
    }

    #[test]
    fn what_is_written_is_read() {
        for text in
            ["v4.lateral", "v4.lateral@3..", "v4.lateral@0..7", "v4.lateral=-0.5@3..7", "it.top_down=2"]
        {
            assert_eq!(text.parse::<Intervention>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, why) in [
            ("@3..", "it names no edge"),
            ("v4.lateral@3", "steps are written FROM..TO"),
            ("v4.lateral@3..2", "it begins after it ends"),
            ("v4.lateral=x", "the factor is not a number"),
            ("v4.lateral=inf", "the factor is not finite"),
            ("v4.lateral@a..", "a step is not a whole number"),
        ] {
            let error = text.parse::<Intervention>().unwrap_err().to_string();
            assert_eq!(error, format!("cannot read the intervention `{text}`: {why}"));
        }
    }
}
