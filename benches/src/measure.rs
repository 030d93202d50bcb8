//! Timing in turn: ours, the peer's, ours, the peer's.

use std::thread::sleep;
use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;

/// How long to measure.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Effort {
    /// Rounds in which every contestant is timed once.
    pub(crate) rounds: usize,
    /// A single timing repeats what it times until it should take so many seconds.
    pub(crate) seconds: f64,
}

impl Effort {
    pub(crate) const FULL: Self = Self { rounds: 7, seconds: 0.5 };
    pub(crate) const QUICK: Self = Self { rounds: 3, seconds: 0.1 };
}

/// Threads that spin for more work after one contestant's turn are asleep by the next one's.
const PAUSE: Duration = Duration::from_millis(100);

/// Seconds that so many repetitions take.
type Turn<'a> = Box<dyn FnMut(usize) -> Result<f64, Failure> + 'a>;

/// One way to do it.
pub(crate) struct Contestant<'a> {
    pub(crate) name: String,
    pub(crate) turn: Turn<'a>,
}

impl<'a> Contestant<'a> {
    pub(crate) fn new(name: impl Into<String>, turn: impl FnMut(usize) -> Result<f64, Failure> + 'a) -> Self {
        Self { name: name.into(), turn: Box::new(turn) }
    }
}

/// All timings of one contestant.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Timings {
    pub(crate) name: String,
    /// Repetitions within one timing.
    pub(crate) repetitions: usize,
    /// Seconds of one repetition, by round.
    pub(crate) seconds: Vec<f64>,
    /// Share of the work that was done; the seconds are those measured, divided by it.
    pub(crate) share_measured: f64,
}

impl Timings {
    pub(crate) fn median(&self) -> f64 {
        median(&self.seconds)
    }
}

/// How many times longer one took than the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// The median of the ratios of all rounds.
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Ratio {
    /// Ratios within the rounds: what slows the machine down for a while meets both.
    pub(crate) fn of(theirs: &Timings, ours: &Timings) -> Self {
        let ratios: Vec<f64> = theirs.seconds.iter().zip(&ours.seconds).map(|(t, o)| t / o).collect();
        Self {
            median: median(&ratios),
            least: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            most: ratios.iter().copied().fold(0.0, f64::max),
        }
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

/// Time the contestants in turn, after a turn or two each that do not count.
pub(crate) fn alternate(contestants: &mut [Contestant], effort: Effort) -> Result<Vec<Timings>, Failure> {
    let mut timings = Vec::new();
    for Contestant { name, turn } in contestants.iter_mut() {
        let mut once = turn(1)?;
        if once < effort.seconds {
            // The first of many short ones says little about the others.
            once = turn(1)?;
        }
        let repetitions = (effort.seconds / once).ceil().clamp(1.0, 10_000.0) as usize;
        timings.push(Timings { name: name.clone(), repetitions, seconds: Vec::new(), share_measured: 1.0 });
    }
    for _ in 0..effort.rounds {
        for (contestant, timing) in contestants.iter_mut().zip(&mut timings) {
            sleep(PAUSE);
            let seconds = (contestant.turn)(timing.repetitions)?;
            timing.seconds.push(seconds / timing.repetitions as f64);
        }
    }
    Ok(timings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_rounds() {
        let timings = |seconds: &[f64]| Timings {
            name: String::new(),
            repetitions: 1,
            seconds: seconds.to_vec(),
            share_measured: 1.0,
        };
        // The second round met a slower machine, the ratio did not.
        let ratio = Ratio::of(&timings(&[4.0, 40.0, 5.0]), &timings(&[1.0, 10.0, 1.0]));
        assert_eq!(ratio, Ratio { median: 4.0, least: 4.0, most: 5.0 });
    }

    #[test]
    fn every_contestant_has_its_turn_in_every_round() {
        let log = std::cell::RefCell::new(String::new());
        let contestant = |name: &'static str, seconds: f64| {
            let log = &log;
            Contestant::new(name, move |n| {
                log.borrow_mut().push_str(&format!("{name}{n} "));
                Ok(seconds * n as f64)
            })
        };
        let mut contestants = [contestant("a", 0.5), contestant("b", 2.0)];
        let timings = alternate(&mut contestants, Effort { rounds: 2, seconds: 1.0 }).unwrap();
        assert_eq!(*log.borrow(), "a1 a1 b1 a2 b1 a2 b1 ");
        assert_eq!(timings[0].seconds, [0.5, 0.5]);
        assert_eq!(timings[1].repetitions, 1);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(&[3.0, 1.0, 10.0, 2.0]), 2.5);
    }
}
