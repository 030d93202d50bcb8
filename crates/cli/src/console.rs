//! Words and bars for the person at the terminal, on stderr; data on stdout.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use redyn_core::Stop;

use crate::Failure;

/// Whom work talks to, and by whom it is stopped.
pub struct Console {
    /// Ctrl-C, or a polite signal to end.
    pub(crate) stop: Stop,
    /// The command as it was typed.
    pub(crate) command: Vec<String>,
    /// Who hears the news; without one, the person at the terminal.
    hearer: Option<Hearer>,
}

type Hearer = Box<dyn Fn(&str) + Send + Sync>;

impl Console {
    /// Listen for Ctrl-C and SIGTERM: the first asks the work to stop at its next safe point, the
    /// second ends the program at once (whatever was committed stays). SIGUSR1, which schedulers send
    /// before a time limit, asks only, however often it comes.
    pub(crate) fn new(command: Vec<String>) -> Result<Self, Failure> {
        let stop = Stop::default();
        let heard = stop.clone();
        ctrlc::set_handler(move || {
            if heard.requested() {
                std::process::exit(130);
            }
            heard.request();
            say("\nstopping at the next safe point; once more to stop at once");
        })
        .map_err(|error| {
            Failure::user(format!("cannot listen for Ctrl-C: {error}"), "run it in a terminal")
        })?;
        #[cfg(unix)]
        hear_schedulers(stop.clone())?;
        Ok(Self { stop, command, hearer: None })
    }

    /// No terminal: `hearer` is told the news, and bars are not drawn.
    pub fn heard_by(hearer: Hearer, stop: Stop, command: Vec<String>) -> Self {
        Self { stop, command, hearer: Some(hearer) }
    }

    /// A bar with rate and time left; silent off a terminal.
    pub(crate) fn bar(&self, what: &str, length: usize) -> ProgressBar {
        let target = match self.hearer {
            Some(_) => ProgressDrawTarget::hidden(),
            None => ProgressDrawTarget::stderr_with_hz(8),
        };
        let bar = ProgressBar::with_draw_target(Some(length as u64), target);
        let style = "{prefix:<24} {bar:28} {pos:>6}/{len} {per_sec:>12} {eta:>4} left {wide_msg}";
        bar.set_style(ProgressStyle::with_template(style).expect("a valid template").progress_chars("━╸─"));
        bar.set_prefix(what.to_owned());
        bar
    }

    /// A line of news.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        match &self.hearer {
            Some(hearer) => hearer(line.as_ref()),
            None => say(line.as_ref()),
        }
    }
}

#[cfg(unix)]
fn hear_schedulers(stop: Stop) -> Result<(), Failure> {
    let mut signals =
        signal_hook::iterator::Signals::new([signal_hook::consts::SIGUSR1]).map_err(|error| {
            Failure::user(
                format!("cannot listen for SIGUSR1: {error}"),
                "run it outside of what forbids signals",
            )
        })?;
    std::thread::spawn(move || {
        for _ in &mut signals {
            if !stop.requested() {
                stop.request();
                say("stopping at the next safe point: the time is nearly up");
            }
        }
    });
    Ok(())
}

/// A line on stderr. If even that cannot be written there is nobody to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Write data to stdout. A reader that has seen enough (`| head`) is no error.
pub(crate) fn stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // What is still in the buffer would be tried once more when it is dropped.
            let _ = out.into_parts();
            Err(Failure::file(Path::new("standard output"), &error))
        }
        _ => Ok(()),
    }
}
