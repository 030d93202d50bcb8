//! Words and bars for the person at the terminal; all of it on stderr.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use redyn_core::Stop;

use crate::Failure;

/// What has been asked of the whole program.
pub(crate) struct Console {
    /// Ctrl-C, or a polite signal to end.
    pub(crate) stop: Stop,
}

impl Console {
    /// Listen for Ctrl-C: the first asks the work to stop at its next safe point, the
    /// second ends the program at once (whatever was committed stays).
    pub(crate) fn new() -> Result<Self, Failure> {
        let stop = Stop::default();
        let heard = stop.clone();
        ctrlc::set_handler(move || {
            if heard.requested() {
                std::process::exit(130);
            }
            heard.request();
            eprintln!("\nstopping at the next safe point; once more to stop at once");
        })
        .map_err(|error| {
            Failure::user(format!("cannot listen for Ctrl-C: {error}"), "run it in a terminal")
        })?;
        Ok(Self { stop })
    }

    /// A bar with rate and time left; silent off a terminal.
    #[expect(clippy::unused_self, reason = "whoever has no console has no bar to show")]
    pub(crate) fn bar(&self, what: &str, length: usize) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stderr_with_hz(8));
        let style = "{prefix:<24} {bar:28} {pos:>6}/{len} {per_sec:>12} {eta:>4} left {wide_msg}";
        bar.set_style(ProgressStyle::with_template(style).expect("a valid template").progress_chars("━╸─"));
        bar.set_prefix(what.to_owned());
        bar
    }

    /// A line of news.
    #[expect(clippy::unused_self, reason = "whoever has no console has nothing to say")]
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        eprintln!("{}", line.as_ref());
    }
}
