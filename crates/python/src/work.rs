//! Long work, as a notebook wants it: other Python threads go on, Ctrl-C is heard, a bar moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use redyn::Failure;
use redyn::core::Stop;

use crate::errors::raised;

/// How often signals are looked for and the bar is moved.
const BEAT: Duration = Duration::from_millis(100);
/// How long work that was interrupted may take to come to its next safe point in company.
const GRACE: Duration = Duration::from_millis(500);

/// What work on its own thread and the thread that waits for it share.
#[derive(Clone, Default)]
pub(crate) struct Task {
    pub(crate) stop: Stop,
    done: Arc<AtomicUsize>,
}

impl Task {
    /// So many more pieces are done.
    pub(crate) fn add(&self, pieces: usize) {
        self.done.fetch_add(pieces, Ordering::Relaxed);
    }

    /// So many pieces are done.
    pub(crate) fn set(&self, pieces: usize) {
        self.done.store(pieces, Ordering::Relaxed);
    }
}

/// Do work on a thread of its own while Python goes on; `told` is called with the number of pieces
/// done whenever that has changed.
///
/// An interrupted piece of work is asked to stop. If it does not within half a second, it is left to
/// come to its next safe point alone, and what it then has is dropped: Ctrl-C never waits longer.
pub(crate) fn detached<T: Send + 'static>(
    py: Python<'_>,
    told: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Task) -> Result<T, Failure> + Send + 'static,
) -> PyResult<T> {
    let task = Task::default();
    let theirs = task.clone();
    let (send, mut receive) = channel();
    let thread = thread::spawn(move || {
        // Nobody may be left to hear it.
        let _ = send.send(work(&theirs));
    });
    let mut known = 0;
    loop {
        let (back, answer) = wait(py, receive, BEAT);
        receive = back;
        match answer {
            Ok(result) => return result.map_err(|failure| raised(py, &failure)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => match py.detach(|| thread.join()) {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => unreachable!("work that ended has answered"),
            },
        }
        let done = task.done.load(Ordering::Relaxed);
        let news = told.filter(|_| done != known).map_or(Ok(()), |told| told.call1((done,)).map(|_| ()));
        known = done;
        if let Err(interrupted) = news.and_then(|()| py.check_signals()) {
            task.stop.request();
            let _ = wait(py, receive, GRACE);
            return Err(interrupted);
        }
    }
}

type Answer<T> = Result<Result<T, Failure>, RecvTimeoutError>;

/// Wait without holding Python up. The receiver moves, as it cannot be shared between threads.
fn wait<T: Send>(
    py: Python<'_>,
    receive: Receiver<Result<T, Failure>>,
    long: Duration,
) -> (Receiver<Result<T, Failure>>, Answer<T>) {
    py.detach(move || {
        let answer = receive.recv_timeout(long);
        (receive, answer)
    })
}
