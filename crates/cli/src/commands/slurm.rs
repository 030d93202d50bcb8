//! `redyn slurm`.

use clap::Parser;

use crate::args::{Command, SlurmArgs, UnrollArgs};
use crate::console::stdout;
use crate::{Cli, Failure};

/// Seconds before the limit at which a task is told to end: enough for one block, and to be counted
/// by a busy scheduler.
const NOTICE: u32 = 120;

pub(super) fn run(args: &SlurmArgs) -> Result<(), Failure> {
    let unroll = unroll(&args.command)?;
    let script = script(args, &unroll);
    stdout(|out| out.write_all(script.as_bytes()))
}

/// The command that is to be divided.
fn unroll(words: &[String]) -> Result<UnrollArgs, Failure> {
    let line = std::iter::once("redyn").chain(words.iter().map(String::as_str));
    let hint =
        "write the command after --, as it would be typed: redyn slurm --shards 16 -- unroll RUN --out STORE";
    match Cli::try_parse_from(line) {
        Ok(Cli { command: Command::Unroll(unroll), .. }) if unroll.dry_run || unroll.shard.is_some() => {
            Err(Failure::user(
                "the command has --shard or --dry-run already",
                "leave it out: every task gets its own",
            ))
        }
        Ok(Cli { command: Command::Unroll(unroll), .. }) => Ok(unroll),
        Ok(_) => Err(Failure::user("only `unroll` is divided into parts", hint)),
        Err(error) => {
            let said = error.render().to_string();
            let first = said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Err(Failure::user(format!("`{}` cannot be read: {first}", words.join(" ")), hint))
        }
    }
}

/// A job array of one task per part, whose tasks stop before their time is up, go back into the queue and
/// continue there.
fn script(args: &SlurmArgs, unroll: &UnrollArgs) -> String {
    let SlurmArgs { shards, cpus, time, mem, .. } = args;
    let words: Vec<String> = args.command.iter().map(|word| quoted(word)).collect();
    let store = quoted(&unroll.out.display().to_string());
    let stem = unroll.out.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    // Twice what values and images may take: weights, the data set's own lists and the system come to it.
    let megabytes = mem.unwrap_or(2 * unroll.memory).div_ceil(1 << 20);
    format!(
        "\
#!/bin/bash
# Divide a recording among {shards} tasks, then join them:
#   job=$(sbatch --parsable THIS_SCRIPT)
#   sbatch --dependency=afterok:$job --wrap {merge}
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
        merge = quoted(&format!("redyn merge {store}")),
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
