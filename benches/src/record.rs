//! What is printed and kept of a run.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::args::{Options, Size};
use crate::failure::Failure;
use crate::machine::{Machine, Versions};
use crate::measure::{Effort, Ratio, Timings};

/// Everything about one run.
#[derive(Serialize)]
pub(crate) struct Record {
    format: &'static str,
    benchmark: String,
    command: String,
    seconds_since_1970: u64,
    machine: Machine,
    /// Set where others were at work when it began: such ratios are not to be trusted.
    busy: bool,
    versions: Versions,
    effort: Effort,
    /// Set where sizes only show that everything works.
    tiny: bool,
    cases: Vec<Case>,
}

/// One thing that was timed, on every side.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// What is timed, in words, where the name does not say it.
    pub(crate) about: String,
    /// What one repetition works on, and how much of it: `("images", 16)`.
    pub(crate) unit: String,
    pub(crate) count: f64,
    /// The largest difference between the numbers of the two sides.
    pub(crate) difference: Option<f64>,
    /// Ours first.
    pub(crate) timings: Vec<Timings>,
    /// Of every other contestant to ours.
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) notes: Vec<String>,
}

/// Memory of a process that does nothing else.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) name: String,
    /// The most it ever held.
    pub(crate) peak_bytes: u64,
    /// The most it had held before the work began: program, libraries, weights.
    pub(crate) before_bytes: u64,
}

impl Case {
    /// A case of these timings; the first is ours.
    pub(crate) fn new(name: &str, unit: &str, count: f64, timings: Vec<Timings>) -> Self {
        let ratios = timings[1..].iter().map(|theirs| Ratio::of(theirs, &timings[0])).collect();
        Self { name: name.into(), unit: unit.into(), count, timings, ratios, ..Self::default() }
    }

    fn print(&self) {
        println!("\n{}", self.name);
        if !self.about.is_empty() {
            println!("  {}", self.about);
        }
        for (index, timing) in self.timings.iter().enumerate() {
            let seconds = timing.median();
            let rate = format!("{} {}/s", significant(self.count / seconds), self.unit);
            let ratio = index.checked_sub(1).map_or(String::new(), |index| {
                let Ratio { median, least, most } = &self.ratios[index];
                format!("  {median:.2}x ({least:.2} to {most:.2})")
            });
            let guess = if timing.share_measured < 1.0 {
                format!("  extrapolated from {:.2} % of it", 100.0 * timing.share_measured)
            } else {
                String::new()
            };
            println!("  {:<44} {:>9} s {rate:>20}{ratio}{guess}", timing.name, significant(seconds));
        }
        for memory in &self.memory {
            println!(
                "  {:<44} {:>6.0} MB at most, {:.0} MB before it began",
                memory.name,
                memory.peak_bytes as f64 / 1e6,
                memory.before_bytes as f64 / 1e6
            );
        }
        if let Some(difference) = self.difference {
            println!("  largest difference between the two sides: {difference:.1e}");
        }
        for note in &self.notes {
            println!("  {note}");
        }
    }
}

/// Three significant digits.
fn significant(value: f64) -> String {
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}

/// What was asked for, but for where its record goes: that is a matter of the machine.
fn command(mut words: impl Iterator<Item = String>) -> String {
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word == "--out" {
            words.next();
        } else if !word.starts_with("--out=") {
            kept.push(word);
        }
    }
    kept.join(" ")
}

impl Record {
    pub(crate) fn begin(benchmark: &str, options: &Options, versions: Versions) -> Self {
        let machine = Machine::here();
        println!("{machine}");
        if machine.is_busy() {
            println!("note: this machine is busy; ratios of this run are not to be trusted");
        }
        println!("{}", serde_json::to_string(&versions).expect("plain data"));
        Self {
            format: "redyn.benchmark",
            benchmark: benchmark.into(),
            command: command(std::env::args().skip(1)),
            seconds_since_1970: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            busy: machine.is_busy(),
            machine,
            versions,
            effort: options.effort(),
            tiny: options.size == Size::Tiny,
            cases: Vec::new(),
        }
    }

    /// Print a case and keep it; the file is written again after each.
    pub(crate) fn add(&mut self, case: Case, options: &Options) -> Result<(), Failure> {
        case.print();
        self.cases.push(case);
        let path = self.path(options);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        }
        let text = serde_json::to_string_pretty(self).expect("plain data");
        std::fs::write(&path, text + "\n").map_err(Failure::file(path))
    }

    /// Say where the record is.
    pub(crate) fn finish(&self, options: &Options) -> Result<(), Failure> {
        if self.cases.is_empty() {
            return Err(Failure::NoCase { only: options.only.clone() });
        }
        println!("\n{}", self.path(options).display());
        Ok(())
    }

    fn path(&self, options: &Options) -> PathBuf {
        let name = format!("{}{}.json", self.benchmark, if self.tiny { "-tiny" } else { "" });
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("runs").join(name);
        options.out.clone().unwrap_or_else(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_with_three_digits() {
        assert_eq!(significant(1234.5), "1234");
        assert_eq!(significant(0.012_345), "0.0123");
        assert_eq!(significant(9.876), "9.88");
    }

    #[test]
    fn a_command_says_what_was_asked_for_not_where_its_record_went() {
        let command = |line: &str| super::command(line.split(' ').map(String::from));
        assert_eq!(command("rdm --out a.json --quick"), "rdm --quick");
        assert_eq!(command("rdm --out=a.json"), "rdm");
        assert_eq!(command("data --only store"), "data --only store");
    }
}
