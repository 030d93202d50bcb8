//! Every analysis there is. To add one: write its file, add its line here.

use redyn_core::{Bytes, Description, nearest};
use serde::{Deserialize, Serialize};

use crate::{Error, Material, Options, Table};

/// An analysis: what it is called, what it means, how it is done.
pub trait Analysis: Sized {
    /// Name in commands, files and code.
    const NAME: &'static str;
    /// Title of its figure.
    const TITLE: &'static str;
    /// What it gives, in one line.
    const SUMMARY: &'static str;
    /// What it means, in plain words.
    const DESCRIPTION: &'static str;
    /// Where it comes from.
    const REFERENCE: &'static str;

    /// Analyse one network's trajectories.
    fn analyse(material: &Material) -> Result<Self, Error>;

    /// The result as tidy tables.
    fn tables(&self) -> Vec<Table>;

    /// Bytes it must hold at once of trajectories like these, whatever [`Options::memory`] allows.
    fn holds(_about: &Description, _options: &Options) -> usize {
        0
    }
}

/// An analysis of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name in commands, files and code.
    pub name: &'static str,
    /// Title of its figure.
    pub title: &'static str,
    /// What it gives, in one line.
    pub summary: &'static str,
    /// What it means, in plain words.
    pub description: &'static str,
    /// Where it comes from.
    pub reference: &'static str,
    /// Bytes it must hold at once.
    pub holds: fn(&Description, &Options) -> usize,
    /// Run it.
    pub run: fn(&Material) -> Result<Finding, Error>,
}

macro_rules! registry {
    ($($module:ident :: $kind:ident),+ $(,)?) => {
        /// The result of any analysis.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        // One per analysis and network: moving a large one costs nothing that matters.
        #[allow(clippy::large_enum_variant)]
        #[serde(tag = "analysis", rename_all = "snake_case")]
        pub enum Finding {
            $(#[doc = concat!("Of [`", stringify!($kind), "`](crate::", stringify!($kind), ").")]
            $kind(crate::$module::$kind),)+
        }

        impl Finding {
            /// The analysis it is the result of.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$kind(_) => crate::$module::$kind::NAME,)+ }
            }

            /// The result as tidy tables.
            pub fn tables(&self) -> Vec<Table> {
                match self { $(Self::$kind(result) => result.tables(),)+ }
            }
        }

        $(impl From<crate::$module::$kind> for Finding {
            fn from(result: crate::$module::$kind) -> Self { Self::$kind(result) }
        }

        impl<'a> TryFrom<&'a Finding> for &'a crate::$module::$kind {
            type Error = ();
            fn try_from(finding: &'a Finding) -> Result<Self, ()> {
                match finding { Finding::$kind(result) => Ok(result), _ => Err(()) }
            }
        })+

        /// Every analysis, in the order of the report.
        pub const ANALYSES: &[Entry] = &[$(Entry {
            name: crate::$module::$kind::NAME,
            title: crate::$module::$kind::TITLE,
            summary: crate::$module::$kind::SUMMARY,
            description: crate::$module::$kind::DESCRIPTION,
            reference: crate::$module::$kind::REFERENCE,
            holds: crate::$module::$kind::holds,
            run: |material| crate::$module::$kind::analyse(material).map(Finding::from),
        }),+];
    };
}

registry! {
    accuracy::Accuracy,
    stable_step::StableStep,
    change::Change,
    now_correct::NowCorrect,
    future_class::FutureClass,
    readout_similarity::ReadoutSimilarity,
    boundary::Boundary,
    schematic::Schematic,
    zones::Zones,
    decomposition::Decomposition,
    within_zone::WithinZone,
    readout_zone_simulation::ReadoutZoneSimulation,
    zone_membership::ZoneMembership,
    feedforward_norm::FeedforwardNorm,
    convergence::Convergence,
    stability::Stability,
    lesion::Lesion,
    image_properties::ImageProperties,
    rdm_movie::RdmMovie,
    projection::Projection,
    local_geometry::LocalGeometry,
    global_geometry::GlobalGeometry,
    category_orthogonality::CategoryOrthogonality,
    nearest_centroid::NearestCentroid,
    knn_preservation::KnnPreservation,
    participation_ratio::ParticipationRatio,
}

/// The analysis of this name.
///
/// # Errors
/// No analysis has it; the most similar name is offered.
pub fn find(name: &str) -> Result<&'static Entry, Error> {
    ANALYSES.iter().find(|entry| entry.name == name).ok_or_else(|| Error::Unknown {
        name: name.to_owned(),
        nearest: nearest(name, ANALYSES.iter().map(|entry| entry.name)),
    })
}

/// Whether all of these analyses can be done within the memory that is allowed.
///
/// # Errors
/// The first that must hold more at once.
pub(crate) fn check_memory(entries: &[&Entry], about: &Description, options: &Options) -> Result<(), Error> {
    for entry in entries {
        let needed = (entry.holds)(about, options);
        if needed > options.memory {
            return Err(Error::Memory {
                trajectories: about.name.clone(),
                analysis: entry.name,
                needed: Bytes(needed as u64),
                allowed: Bytes(options.memory as u64),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use redyn_core::Diagnose;

    use super::*;

    #[test]
    fn names_are_unique_and_every_entry_speaks() {
        for (index, entry) in ANALYSES.iter().enumerate() {
            assert!(ANALYSES[..index].iter().all(|other| other.name != entry.name));
            assert!(entry.summary.len() < 100 && !entry.summary.is_empty(), "{}", entry.name);
            assert!(entry.description.ends_with('.') && !entry.reference.is_empty(), "{}", entry.name);
        }
    }

    #[test]
    fn what_holds_more_than_is_allowed_is_refused_beforehand() {
        let fixture = crate::fixture::Fixture::random(80, 3);
        let about = redyn_core::TrajectorySource::description(&fixture);
        let entries: Vec<&Entry> = ANALYSES.iter().collect();
        let within = |memory| check_memory(&entries, about, &Options { memory, ..Options::default() });
        let resampled = (find("global_geometry").unwrap().holds)(about, &Options::default());
        assert_eq!(resampled, 8 * (80 + 8 * 8) * 3 * (8 + 2));
        let needed = 8 * 3 * (about.n_units + 8) * (3 * 8 + 80);
        assert!(within(needed).is_ok());
        assert!(within(needed - 1).is_err());
        let error = within(needed - 1024).unwrap_err();
        assert!(error.to_string().contains("`rdm_movie` holds 46.3 KiB at once, 45.3 KiB"), "{error}");
        assert_eq!(error.hint().unwrap(), "give --memory 1M, or name other analyses with --only");
    }

    #[test]
    fn a_misspelt_name_meets_its_neighbour() {
        let error = find("stable_stpe").unwrap_err();
        assert_eq!(error.to_string(), "no analysis named `stable_stpe`");
        assert!(error.hint().unwrap().starts_with("did you mean `stable_step`?"));
    }
}
