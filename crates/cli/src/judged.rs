//! Trajectories with outputs, or with what a cross-validated readout says in their place.

use redyn_analysis::{Decoded, DecodingOptions};
use redyn_core::TrajectorySource;
use redyn_store::{Recording, Spatial};

use crate::Failure;

/// One area of a recording; where it has neither outputs nor a readout, both are fitted to it.
///
/// # Errors
/// As [`Recording::trajectories`] and [`Decoded::fit`].
pub fn judged_trajectories<'a>(
    recording: &'a Recording,
    (area, spatial): (&str, Spatial),
    decoding: &DecodingOptions,
) -> Result<Box<dyn TrajectorySource + 'a>, Failure> {
    if recording.is_judged() {
        return Ok(recording.trajectories(area, spatial)?);
    }
    Ok(Box::new(Decoded::fit(recording.representations(area, spatial)?, decoding)?))
}
