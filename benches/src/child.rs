//! One task in a process of its own: this program again, so that its peak memory is the task's.

use std::path::PathBuf;
use std::process::Command;

use redyn_engine::Cpu;
use serde::{Deserialize, Serialize};

use crate::analyses::{Set, analyse_file};
use crate::failure::Failure;
use crate::machine::peak_memory;
use crate::ours::{Ours, Setup, What};
use crate::record::Memory;

/// A task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Two forward passes or training steps.
    Network { setup: Setup, what: What },
    /// Analyses of a store or a published file.
    Analyses { path: PathBuf, set: Set },
}

/// Peak memory before and after.
#[derive(Serialize, Deserialize)]
struct Peaks {
    before: u64,
    after: u64,
}

/// The peak memory of a task of ours.
pub(crate) fn memory(name: &str, task: &Task) -> Result<Memory, Failure> {
    let failed = |why: String| Failure::Child { what: name.to_owned(), why };
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let task = serde_json::to_string(task).expect("plain data");
    let output =
        Command::new(program).arg("child").arg(task).output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let peaks: Peaks = serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    Ok(Memory { name: name.into(), peak_bytes: peaks.after, before_bytes: peaks.before })
}

/// In the process of its own: do it, print its peaks.
pub(crate) fn carry_out(task: &str) -> Result<(), Failure> {
    let task: Task = serde_json::from_str(task).map_err(Failure::redyn)?;
    let engine = Cpu::new();
    let before = match task {
        Task::Network { setup, what } => {
            let mut ours = Ours::load(&engine, &setup, rayon::current_num_threads())?;
            let before = peak_memory();
            ours.seconds(what, 2);
            before
        }
        Task::Analyses { path, set } => {
            let before = peak_memory();
            analyse_file(&path, set)?;
            before
        }
    };
    println!("{}", serde_json::to_string(&Peaks { before, after: peak_memory() }).expect("plain data"));
    Ok(())
}
