//! `redyn slurm`.

use std::path::PathBuf;

use clap::Parser;

use crate::args::{Command, SlurmArgs};
use crate::console::stdout;
use crate::{Cli, Failure};

/// Seconds before the limit at which a task is told to end: enough for one block, and to be counted
/// by a busy scheduler.
const NOTICE: u32 = 120;

pub(super) fn run(args: &SlurmArgs) -> Result<(), Failure> {
    let script = script(args, &divisible(&args.command)?);
    stdout(|out| out.write_all(script.as_bytes()))
}

/// A command that can be divided.
struct Divisible {
    /// What is done to the images: `Record`.
    verb: &'static str,
    /// What it writes.
    out: PathBuf,
    /// Bytes that it is allowed.
    memory: u64,
}

/// The command that is to be divided.
fn divisible(words: &[String]) -> Result<Divisible, Failure> {
    let line = std::iter::once("redyn").chain(words.iter().map(String::as_str));
    let hint = "write the command after --, as it would be typed: redyn slurm --shards 16 -- unroll RUN --out STORE, \
                or -- analyze STORE --out RESULTS";
    let (said_already, divisible) = match Cli::try_parse_from(line) {
        Ok(Cli { command: Command::Unroll(of), .. }) => {
            (of.dry_run || of.shard.is_some(), Divisible { verb: "Record", out: of.out, memory: of.memory })
        }
        Ok(Cli { command: Command::Analyze(of), .. }) => (
            of.dry_run || of.shard.is_some(),
            Divisible { verb: "Analyze", out: of.out, memory: of.statistics.resampling.memory },
        ),
        Ok(_) => return Err(Failure::user("only `unroll` and `analyze` are divided into parts", hint)),
        Err(error) => {
            let said = error.render().to_string();
            let first = said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            return Err(Failure::user(format!("`{}` cannot be read: {first}", words.join(" ")), hint));
        }
    };
    if said_already {
        return Err(Failure::user(
            "the command has --shard or --dry-run already",
            "leave it out: every task gets its own",
        ));
    }
    Ok(divisible)
}

/// A job array of one task per part, whose tasks stop before their time is up, go back into the queue and
/// continue there.
fn script(args: &SlurmArgs, of: &Divisible) -> String {
    let SlurmArgs { shards, cpus, time, mem, .. } = args;
    let words: Vec<String> = args.command.iter().map(|word| quoted(word)).collect();
    let out = quoted(&of.out.display().to_string());
    let stem = of.out.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    // Twice what the command is allowed: weights, lists of images and the system come to it.
    let megabytes = mem.unwrap_or(2 * of.memory).div_ceil(1 << 20);
    format!(
        "\
#!/bin/bash
# {verb} in {shards} tasks, then join what they did:
#   job=$(sbatch --parsable THIS_SCRIPT)
#   sbatch --dependency=afterok:$job --cpus-per-task={cpus} --mem={megabytes}M --time={time} --wrap {merge}
#SBATCH --job-name=redyn-{name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cpus}
#SBATCH --mem={megabytes}M
#SBATCH --time={time}
#SBATCH --output=redyn-{name}-%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
# {NOTICE} s before the limit redyn is told, ends after the batch it is at, and exits with 75.
#SBATCH --signal=USR1@{NOTICE}

srun --cpus-per-task={cpus} redyn {command} --shard \"$SLURM_ARRAY_TASK_ID/{shards}\"
status=$?
if [ \"$status\" -eq 75 ]; then
    scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"
fi
exit \"$status\"
",
        verb = of.verb,
        merge = quoted(&format!("redyn merge {out}")),
        last = shards - 1,
        command = words.join(" "),
    )
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=,@%+-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_something_else() {
        assert_eq!(quoted("stores/LA.zarr"), "stores/LA.zarr");
        assert_eq!(quoted("my photos"), "'my photos'");
        assert_eq!(quoted("v4.lateral@3.."), "v4.lateral@3..");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
