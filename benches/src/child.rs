//! One task in a process of its own: this program again, so that its peak memory is the task's.

use std::path::PathBuf;
use std::process::Command;

use redyn_engine::{Bias, Conv, Cpu, Engine, Kernels, Op, Shape};
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

/// A 3 × 3 convolution of 64 channels at 16 × 16, one image, so many times, for counting its
/// instructions (`scripts/instructions`): those of more times less those of fewer.
pub(crate) fn convolution(kernels: Kernels, times: usize) -> Result<(), Failure> {
    let conv = Conv::same(64, 3, Bias::Absent);
    let (op, input) = (Op::Conv(conv), Shape::map(16, 16, 64));
    let wave = |n: usize| -> Vec<f32> { (0..n).map(|index| (index as f32 * 0.37).sin()).collect() };
    let cpu = Cpu::with(kernels);
    let weight = cpu.weight(&[64, 64, 3, 3], &wave(64 * 64 * 9));
    let x = cpu.value(input, 1, &wave(input.len()));
    for _ in 0..times {
        let y = cpu.forward(&op, &[&weight], &[&x]);
        let mut read = vec![0.0; input.len()];
        cpu.read(&y, &mut read);
        if read.iter().any(|value| !value.is_finite()) {
            return Err(Failure::Child { what: "a convolution".into(), why: "it is not finite".into() });
        }
    }
    println!("{}", cpu.path());
    Ok(())
}
