//! A room in which the program is run on tiny networks and stimuli.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
#[cfg(unix)]
use std::time::{Duration, Instant};

/// A network that trains in a blink.
pub(crate) const NETWORK: &str = "blt64:width=0.0625,image_size=16";
/// Stimuli for it.
pub(crate) const DATA: &str = "builtin:seed=1,train=64,val=32,test=32";

/// A folder of its own, in which the program runs.
pub(crate) struct Room(tempfile::TempDir);

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A room with a trained network in `run`.
    pub(crate) fn with_run() -> Self {
        Self::with_run_on(DATA)
    }

    /// The same with other stimuli.
    pub(crate) fn with_run_on(data: &str) -> Self {
        let room = Self::new();
        room.fine(&format!("train {NETWORK} --data {data} --out run --epochs 1 --batch 16 --steps 3"));
        room
    }

    /// A room with a trained network in `run` and its trajectories in `a.zarr`.
    pub(crate) fn with_store() -> Self {
        let room = Self::with_run();
        room.fine(UNROLL);
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with the words of a line, in this room.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redyn"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn say(&self, line: &str) -> Said {
        Said::from(self.command(line).output().unwrap())
    }

    /// Run what must succeed; gives what it says on stdout.
    #[track_caller]
    pub(crate) fn fine(&self, line: &str) -> String {
        let said = self.say(line);
        assert_eq!(said.code, Some(0), "{line}: {said:?}");
        said.stdout
    }

    /// Run what must be refused, politely; gives the sentence and the hint.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, line: &str) -> (String, String) {
        self.say(line).refusal(code)
    }

    /// Run what must be refused as the user's mistake, for the reason given, with some hint.
    #[track_caller]
    pub(crate) fn mistake(&self, line: &str, sentence: &str) -> String {
        let (error, hint) = self.refused(2, line);
        assert_eq!(error, sentence, "{line}");
        hint
    }

    /// The program at work, to be interrupted.
    pub(crate) fn begin(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Every file below a folder of the room, with its bytes.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(folder);
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&root).unwrap().display().to_string();
                    files.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }
}

/// Writes `a.zarr` of a room with a run.
pub(crate) const UNROLL: &str = "unroll run --steps 3 --out a.zarr";

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Said {
    /// The sentence and the hint of an error that keeps the house's rules: nothing on stdout,
    /// one `error:` line and one `hint:` line at the end of stderr, and no more words than the
    /// news that came before.
    #[track_caller]
    pub(crate) fn refusal(&self, code: i32) -> (String, String) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let lines: Vec<&str> = self.stderr.lines().collect();
        let [news @ .., error, hint] = &lines[..] else { panic!("no error and hint: {self:?}") };
        let news_only = |line: &&str| {
            let line = line.trim_start();
            !line.starts_with("error") && !line.starts_with("hint") && !line.contains("panicked")
        };
        assert!(news.iter().all(news_only), "{self:?}");
        let error = error.strip_prefix("error: ").unwrap_or_else(|| panic!("{self:?}"));
        let hint = hint.strip_prefix("hint: ").unwrap_or_else(|| panic!("{self:?}"));
        assert!(!error.is_empty() && !error.ends_with('.') && !hint.is_empty(), "{self:?}");
        (error.to_owned(), hint.to_owned())
    }
}

/// A `.npy` file of format 1.0, as `numpy.save` writes it.
pub(crate) fn npy(kind: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 > 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    file
}

/// The bytes of some numbers.
pub(crate) fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Change one place of a file.
pub(crate) fn flip(path: &Path, place: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[place] ^= 4;
    fs::write(path, bytes).unwrap();
}

/// Wait until something is there, or the child has ended.
#[cfg(unix)]
pub(crate) fn wait_for(child: &mut Child, there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !there() && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing happens");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What a child says that is sent a signal: `-INT` as Ctrl-C does.
#[cfg(unix)]
pub(crate) fn signalled(signal: &str, child: Child) -> Said {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    Said::from(child.wait_with_output().unwrap())
}
