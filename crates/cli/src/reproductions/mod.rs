//! The studies that can be done again from the beginning.

mod harder;
mod luo2026;
mod thorat2023;

use redyn_analysis::{Against, Judged};
use redyn_core::nearest;

use crate::Failure;
use crate::args::ReproduceArgs;
use crate::console::{Console, stdout};

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
pub(crate) const REPRODUCTIONS: &[Reproduction] = &[thorat2023::REPRODUCTION, luo2026::REPRODUCTION];

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

/// Print the published numbers beside ours; a difference is taken only of the published weights on
/// the published images.
fn compared(judged: &Judged) -> Result<(), Failure> {
    stdout(|out| {
        writeln!(
            out,
            "{:<15} {:<42} {:>10} {:>10} {:>11} {:>9}  inside",
            "network", "quantity", "published", "ours", "difference", "tolerance"
        )?;
        for network in &judged.networks {
            for one in &network.published {
                let told =
                    |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.5}"));
                let same = judged.against == Against::Published;
                let inside =
                    one.inside().filter(|_| same).map_or("-", |inside| if inside { "yes" } else { "no" });
                writeln!(
                    out,
                    "{:<15} {:<42} {:>10} {:>10} {:>11} {:>9}  {inside}",
                    network.name,
                    one.quantity,
                    one.published,
                    told(one.ours),
                    told(one.difference().filter(|_| same)),
                    one.tolerance
                )?;
            }
        }
        Ok(())
    })
}
