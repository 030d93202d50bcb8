//! The last word of a command that did not succeed.

use redyn_core::{Diagnose, Fault, file_fault, file_hint};

use crate::console::say;

/// An error on its way to the person: a sentence, a hint, an exit status.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    fault: Fault,
}

impl Failure {
    /// A mistake of the user's that only a door can see.
    pub fn user(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()), fault: Fault::User }
    }

    /// What a room says of its error.
    pub fn of(error: &dyn Diagnose) -> Self {
        Self { message: error.to_string(), hint: error.hint(), fault: error.fault() }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        let message = format!("{}: {error}", path.display());
        Self { message, hint: Some(file_hint(error)), fault: file_fault(error) }
    }

    /// Work that was stopped on request; `hint` says how to go on.
    pub(crate) fn stopped(hint: impl Into<String>) -> Self {
        Self { message: "stopped".into(), hint: Some(hint.into()), fault: Fault::Stopped }
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whose mistake it is.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// Print the sentence and the hint to stderr; the exit status is 2 for a mistake of
    /// the user's, 1 for a failure of the work and 75 for work that was asked to stop.
    pub fn report(&self) -> u8 {
        say(&format!("error: {}", self.message));
        if let Some(hint) = &self.hint {
            say(&format!("hint: {hint}"));
        }
        match self.fault {
            Fault::User => 2,
            Fault::Failure => 1,
            Fault::Stopped => 75,
        }
    }
}

impl<E: Diagnose> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}
