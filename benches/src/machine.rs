//! What a measurement was made on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use redyn_engine::Engine;
use serde::Serialize;

/// The processor, its memory and the system above it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    /// Vector instructions the system reports.
    vector_instructions: Vec<String>,
    memory_bytes: u64,
    system: String,
    kernel: String,
    /// Mean number of running threads in the minute before the run.
    load_before: f64,
}

/// Versions of everything that computes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Versions {
    redyn: String,
    /// The commit, with `-dirty` where files differ from it.
    commit: String,
    rustc: String,
    /// The engine's kernels.
    kernels: String,
    threads: usize,
    /// What the peer says of itself.
    pub(crate) peer: BTreeMap<String, serde_json::Value>,
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// The value of the first line of `text` that begins with `key`, after the separator.
fn field(text: &str, key: &str, separator: char) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(separator)?.1.trim().trim_matches('"').to_owned())
}

/// What a command prints; `unknown` where it cannot be run.
fn said(command: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(command).args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".into(),
    }
}

impl Machine {
    pub(crate) fn here() -> Self {
        let cpu = text("/proc/cpuinfo");
        let flags = field(&cpu, "flags", ':').or_else(|| field(&cpu, "Features", ':')).unwrap_or_default();
        let vector = |flag: &&str| {
            ["avx", "fma", "f16c", "amx", "asimd", "sve"].iter().any(|known| flag.starts_with(known))
        };
        Self {
            processor: field(&cpu, "model name", ':').unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: cores(),
            vector_instructions: flags.split_whitespace().filter(vector).map(str::to_owned).collect(),
            memory_bytes: kilobytes(&text("/proc/meminfo"), "MemTotal"),
            system: field(&text("/etc/os-release"), "PRETTY_NAME", '=')
                .unwrap_or_else(|| std::env::consts::OS.into()),
            kernel: text("/proc/sys/kernel/osrelease"),
            load_before: text("/proc/loadavg").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0),
        }
    }

    /// Whether others were at work: then threads wait for each other, PyTorch's most of all.
    pub(crate) fn is_busy(&self) -> bool {
        self.load_before > 0.5 * self.cores as f64
    }
}

impl Versions {
    /// Those of this program on an engine, and of its peer.
    pub(crate) fn here(engine: &impl Engine, peer: BTreeMap<String, serde_json::Value>) -> Self {
        Self {
            redyn: env!("CARGO_PKG_VERSION").into(),
            commit: said("git", &["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]),
            rustc: said("rustc", &["--version"]),
            kernels: engine.path(),
            threads: rayon::current_num_threads(),
            peer,
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let gigabytes = self.memory_bytes as f64 / 1e9;
        write!(f, "{}, {} cores, {gigabytes:.0} GB, {}", self.processor, self.cores, self.system)
    }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn kilobytes(text: &str, key: &str) -> u64 {
    let value = field(text, key, ':').unwrap_or_default();
    value.trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

/// The most memory this process ever held, in bytes; 0 where the system does not say.
pub(crate) fn peak_memory() -> u64 {
    kilobytes(&text("/proc/self/status"), "VmHWM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_systems_files_are_found() {
        assert_eq!(field("a\t: 1\nmodel name\t: X 5\n", "model name", ':').unwrap(), "X 5");
        assert_eq!(field("PRETTY_NAME=\"Y\"", "PRETTY_NAME", '=').unwrap(), "Y");
        assert_eq!(kilobytes("VmHWM:\t  12 kB\n", "VmHWM"), 12 * 1024);
        assert_eq!(kilobytes("", "VmHWM"), 0);
    }
}
