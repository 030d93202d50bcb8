//! The studies that can be done again from the beginning.

mod thorat2023;

use redyn_core::nearest;

use crate::Failure;
use crate::args::ReproduceArgs;
use crate::console::Console;

/// A published study, and how it is done again.
pub(crate) struct Reproduction {
    /// Name, as it is typed.
    pub(crate) name: &'static str,
    /// One line for lists.
    pub(crate) summary: &'static str,
    /// The publication.
    pub(crate) citation: &'static str,
    /// Do it.
    pub(crate) run: fn(&ReproduceArgs, &Console) -> Result<(), Failure>,
}

/// All of them.
pub(crate) const REPRODUCTIONS: &[Reproduction] = &[thorat2023::REPRODUCTION];

/// The reproduction of this name.
pub(crate) fn find(name: &str) -> Result<&'static Reproduction, Failure> {
    REPRODUCTIONS.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names = || REPRODUCTIONS.iter().map(|entry| entry.name);
        let hint = nearest(name, names()).map_or_else(
            || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        Failure::user(format!("no reproduction named `{name}`"), hint)
    })
}
