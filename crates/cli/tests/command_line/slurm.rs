//! Programs that do what Slurm's would, as far as the script of a job array can tell.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::common::{Room, Said};

pub(crate) struct Slurm<'a>(&'a Room);

impl<'a> Slurm<'a> {
    pub(crate) fn of(room: &'a Room) -> Self {
        let slurm = Self(room);
        slurm.program("srun", "while [[ $1 == -* ]]; do shift; done; exec \"$@\"");
        slurm.program("scontrol", "echo \"$@\" >> requeued");
        slurm.program("redyn", &format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_redyn")));
        slurm
    }

    /// What goes by a name on a node.
    pub(crate) fn program(&self, name: &str, body: &str) {
        let file = format!("bin/{name}");
        self.0.write(&file, format!("#!/bin/bash\n{body}\n"));
        std::fs::set_permissions(self.0.path(&file), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A task of job array 7 with this script.
    pub(crate) fn task(&self, script: &str, index: usize) -> Said {
        let path = format!("{}:{}", self.0.path("bin").display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.arg(script).current_dir(self.0.path("")).stdin(Stdio::null()).env("PATH", &path);
        bash.env("SLURM_ARRAY_TASK_ID", index.to_string()).env("SLURM_ARRAY_JOB_ID", "7");
        Said::from(bash.output().unwrap())
    }
}
