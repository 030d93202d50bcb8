//! The other side: a Python process that answers requests, one line each.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::machine::cores;
use crate::record::Memory;

/// Seconds until an answer is given up.
const PATIENCE: u64 = 3600;

/// A running peer.
pub(crate) struct Peer {
    process: Child,
    requests: ChildStdin,
    answers: Receiver<String>,
    /// Versions and abilities, as the peer states them.
    pub(crate) about: BTreeMap<String, Value>,
    interpreter: String,
}

impl Peer {
    /// Start a peer that has a module (`torch`, `numpy`).
    pub(crate) fn start(module: &str) -> Result<Self, Failure> {
        let interpreter = std::env::var("REDYN_BENCH_PYTHON").unwrap_or_else(|_| "python3".into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer/serve.py");
        let mut process = Command::new(&interpreter)
            .arg(script)
            .env("OMP_NUM_THREADS", cores().to_string())
            // Compiling in the process itself leaves no workers behind to disturb a timing.
            .env("TORCHINDUCTOR_COMPILE_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Failure::Interpreter { interpreter: interpreter.clone(), source })?;
        let requests = process.stdin.take().expect("piped");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let (send, answers) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut peer =
            Self { process, requests, answers, about: BTreeMap::new(), interpreter: interpreter.clone() };
        let hello = json!({ "do": "hello", "module": module, "threads": cores() });
        match peer.ask(&hello) {
            Ok(about) => peer.about = about.into_iter().collect(),
            Err(Failure::Peer { why, .. }) => {
                return Err(Failure::Module { interpreter, module: module.into(), why });
            }
            Err(other) => return Err(other),
        }
        Ok(peer)
    }

    /// Ask and wait for the answer.
    pub(crate) fn ask(&mut self, request: &Value) -> Result<Map<String, Value>, Failure> {
        self.ask_within(request, PATIENCE)
    }

    /// Ask; a peer that does not answer in time is ended and started anew.
    pub(crate) fn ask_within(
        &mut self,
        request: &Value,
        seconds: u64,
    ) -> Result<Map<String, Value>, Failure> {
        let text = request.to_string();
        let ended = || Failure::PeerEnded { request: request.to_string() };
        writeln!(self.requests, "{text}").map_err(|_| ended())?;
        match self.answers.recv_timeout(Duration::from_secs(seconds)) {
            Ok(line) => {
                let mut answer: Map<String, Value> = serde_json::from_str(&line)
                    .map_err(|error| Failure::Peer { request: text.clone(), why: error.to_string() })?;
                match answer.remove("error") {
                    Some(why) => Err(Failure::Peer {
                        request: text,
                        why: why.as_str().unwrap_or("no reason given").into(),
                    }),
                    None => Ok(answer),
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let module = self.about.get("module").and_then(Value::as_str).unwrap_or("numpy").to_owned();
                *self = Self::start(&module)?;
                Err(Failure::PeerSlow { request: text, seconds })
            }
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }

    /// A number of an answer.
    pub(crate) fn number(&mut self, request: &Value, key: &str) -> Result<f64, Failure> {
        let answer = self.ask(request)?;
        number(&answer, key, request)
    }

    /// The most memory the peer has held so far, and what it had held before.
    pub(crate) fn memory(&mut self, name: &str, before: u64) -> Result<Memory, Failure> {
        Ok(Memory { name: name.into(), peak_bytes: self.peak()?, before_bytes: before })
    }

    /// The most memory the peer has held so far.
    pub(crate) fn peak(&mut self) -> Result<u64, Failure> {
        Ok(self.number(&json!({ "do": "peak" }), "bytes")? as u64)
    }

    /// Whether the peer can compile.
    pub(crate) fn compiles(&self) -> bool {
        self.about.get("compile").and_then(Value::as_bool).unwrap_or(false)
    }

    /// The interpreter it runs in.
    pub(crate) fn interpreter(&self) -> &str {
        &self.interpreter
    }
}

/// A number of an answer.
pub(crate) fn number(answer: &Map<String, Value>, key: &str, request: &Value) -> Result<f64, Failure> {
    answer.get(key).and_then(Value::as_f64).ok_or_else(|| Failure::Peer {
        request: request.to_string(),
        why: format!("no number `{key}` in the answer"),
    })
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end or to wait for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
