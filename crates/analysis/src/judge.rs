//! Several networks, each under several seeds, held against what a paper says.
//!
//! [`judge`] reads the trajectories of every seed of a network, decides the claims of
//! [`entries`](crate::entries), averages curves over seeds, and sets
//! the published numbers beside ours.

use redyn_core::{Stop, TrajectorySource};
use serde::{Deserialize, Serialize};

use crate::claims::{Factor, Family, Geometry, across, decide, entries, factors, generality};
use crate::contrast::{Groups, contrast_draws};
use crate::curves::{SeedCurve, curves};
use crate::future_class::future_class_draws;
use crate::published::{Compared, compared};
use crate::resample::Draws;
use crate::rows::{ReadoutRows, Rows};
use crate::run::{Prepared, check_companion, sought};
use crate::{
    Analysis, CategoryOrthogonality, Claim, Error, GlobalGeometry, Material, Options, Role, Selection,
    Shared, Subject,
};

/// A paper whose findings data are held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paper {
    /// Thorat, Doerig & Kietzmann (2023).
    #[default]
    Thorat2023,
    /// Luo, Alvarez & Konkle (2026).
    Luo2026,
}

impl Paper {
    /// Authors and year, as in a sentence.
    pub const fn authors(self) -> &'static str {
        match self {
            Self::Thorat2023 => "Thorat, Doerig & Kietzmann (2023)",
            Self::Luo2026 => "Luo, Alvarez & Konkle (2026)",
        }
    }

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Thorat2023 => {
                "Characterising representation dynamics in recurrent neural networks for object recognition"
            }
            Self::Luo2026 => "Geometric Dynamics Across Recurrent Vision Models",
        }
    }

    /// The images its numbers are of.
    pub const fn images(self) -> &'static str {
        match self {
            Self::Thorat2023 => "MiniEcoset",
            Self::Luo2026 => "100 x 50 ImageNet",
        }
    }
}

/// A network under one seed, with everything it is compared to.
#[derive(Clone)]
pub struct Case<'a> {
    /// Name of the network, the same for all seeds: `LA`.
    pub network: String,
    /// Its trajectories, its untrained twin's, and its feedforward controls'.
    pub subject: Subject<'a>,
    /// Both unrolled far beyond training; other images, if need be.
    pub long: Option<Subject<'a>>,
    /// The same network trained with a bias in its readout, on the same images.
    pub with_bias: Option<&'a dyn TrajectorySource>,
    /// That network, its bias taken away after training.
    pub bias_removed: Option<&'a dyn TrajectorySource>,
    /// Further random weights of the same network, beside those of its untrained twin.
    pub random: Vec<&'a dyn TrajectorySource>,
    /// How it is made: what differs between networks, and which way. Empty where nothing is said.
    pub factors: Vec<(String, String)>,
}

/// Whose weights and images the published numbers are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The published weights on the published images: the numbers should agree.
    Published,
    /// Anything else: the numbers stand side by side, and no difference is taken.
    Other,
}

/// What became of the paper's findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Whose findings they are.
    #[serde(default)]
    pub paper: Paper,
    /// Whose weights and images they were.
    pub against: Against,
    /// One per network.
    pub networks: Vec<NetworkJudged>,
    /// What spans networks.
    pub across: Vec<Claim>,
    /// How much of orthogonality goes with how networks are made; empty where it is not asked.
    #[serde(default)]
    pub factors: Vec<Factor>,
}

/// One network, all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkJudged {
    /// Name.
    pub name: String,
    /// The network, as its card names it.
    pub network: String,
    /// The seeds, in their order.
    pub seeds: Vec<Option<u64>>,
    /// Number of images.
    pub n_images: usize,
    /// The claims, in the order of the figures.
    pub claims: Vec<Claim>,
    /// Curves averaged over seeds.
    pub curves: Vec<SeedCurve>,
    /// The published numbers, and those of the first seed.
    pub published: Vec<Compared>,
}

/// One seed's material, and what several claims need of it.
pub(crate) struct Individual<'a> {
    pub(crate) material: Material<'a>,
    pub(crate) long: Option<Material<'a>>,
    pub(crate) with_bias: Option<(&'a dyn TrajectorySource, &'a Rows)>,
    pub(crate) bias_removed: Option<&'a Rows>,
    pub(crate) measures: &'a Measures,
}

/// What several claims, curves and numbers need, resampled once.
///
/// For the first paper statistics of [`Groups::statistics`] and of the future class, for the second
/// the geometry of categories.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    pub(crate) norm: Vec<Option<Draws>>,
    /// Empty without a readout.
    pub(crate) cosine: Vec<Option<Draws>>,
    /// Empty without a readout.
    pub(crate) margin: Vec<Option<Draws>>,
    /// Empty without a readout.
    pub(crate) future: Vec<Option<Draws>>,
    pub(crate) geometry: Geometry,
}

pub(crate) const NO_PAIR_OF_GROUPS: &str = "no step has both images correct now and images not yet correct";

impl Measures {
    pub(crate) fn of(
        material: &Material,
        random: &[&dyn TrajectorySource],
        paper: Paper,
    ) -> Result<Self, Error> {
        match paper {
            Paper::Thorat2023 => Ok(Self::of_contrasts(material)),
            Paper::Luo2026 => Ok(Self { geometry: Geometry::of(material, random)?, ..Self::default() }),
        }
    }

    fn of_contrasts(material: &Material) -> Self {
        let rows = material.rows;
        let norm = contrast_draws(material, |image, step| Some(rows.norms[[image, step]]));
        let Ok(readout) = rows.need_readout("claims") else { return Self { norm, ..Self::default() } };
        Self {
            norm,
            cosine: contrast_draws(material, |image, step| readout.cosine_answer[[image, step]]),
            margin: contrast_draws(material, |image, step| readout.margin[[image, step]]),
            future: future_class_draws(material).unwrap_or_default(),
            ..Self::default()
        }
    }
}

impl Individual<'_> {
    /// The stably correct images with their stable steps.
    pub(crate) fn members(&self) -> Result<Vec<(usize, usize)>, String> {
        let members = Groups::new(&self.material).members;
        if members.is_empty() { Err(Self::nobody()) } else { Ok(members) }
    }

    pub(crate) fn nobody() -> String {
        "no image is stably correct".into()
    }

    pub(crate) fn need_steps(&self, needed: usize) -> Result<(), String> {
        need_steps(&self.material, needed)
    }

    pub(crate) fn readout(&self) -> Result<&ReadoutRows, String> {
        self.material.rows.need_readout("claims").map_err(|error| error.to_string())
    }

    /// The longest recording, if it is long enough.
    pub(crate) fn long(&self, needed: usize) -> Result<&Material<'_>, String> {
        let longest = self.long.as_ref().unwrap_or(&self.material);
        need_steps(longest, needed)?;
        Ok(longest)
    }

    pub(crate) fn with_bias(&self) -> Result<&Rows, String> {
        self.with_bias
            .map(|(_, rows)| rows)
            .ok_or_else(|| "no network with a bias in its readout was given".into())
    }

    pub(crate) fn bias_removed(&self) -> Result<&Rows, String> {
        self.bias_removed.ok_or_else(|| "no network whose bias was removed after training was given".into())
    }
}

fn need_steps(material: &Material, needed: usize) -> Result<(), String> {
    let found = material.rows.n_steps();
    if found < needed {
        return Err(format!("unrolled for {found} steps; this takes at least {needed}"));
    }
    Ok(())
}

/// Length of the bias vector of the network that has one.
pub(crate) fn norm_of_bias(individual: &Individual) -> Option<f64> {
    let readout = individual.with_bias?.0.description().readout.as_ref()?;
    let bias = readout.bias.as_ref()?;
    Some(bias.iter().map(|&b| f64::from(b).powi(2)).sum::<f64>().sqrt())
}

/// Everything read of one case.
struct Read<'a> {
    main: Prepared<'a>,
    long: Option<Prepared<'a>>,
    with_bias: Option<(&'a dyn TrajectorySource, Rows)>,
    bias_removed: Option<Rows>,
}

impl<'a> Read<'a> {
    fn of(case: &Case<'a>, options: &Options, stop: &Stop) -> Result<Self, Error> {
        let main = Prepared::read(&case.subject, options, stop)?;
        for random in &case.random {
            check_companion(Role::UntrainedTwin, case.subject.trajectories, *random)?;
        }
        let biased = |source: &'a dyn TrajectorySource| {
            check_companion(Role::ReadoutVariant, case.subject.trajectories, source)?;
            let variant = Subject { known: case.subject.known, ..Subject::of(source) };
            Prepared::read(&variant, options, stop).map(|prepared| prepared.rows)
        };
        Ok(Self {
            main,
            long: case.long.as_ref().map(|long| Prepared::read(long, options, stop)).transpose()?,
            with_bias: case.with_bias.map(|source| Ok((source, biased(source)?))).transpose()?,
            bias_removed: case.bias_removed.map(biased).transpose()?,
        })
    }
}

/// Decide every claim about every network; cases of one network are its seeds.
///
/// # Errors
/// Data that are damaged or do not fit together, an option that makes no sense, more to be held than memory
/// allows, a request to stop.
pub fn judge(cases: &[Case], against: Against, options: &Options, stop: &Stop) -> Result<Judged, Error> {
    let paper = options.paper;
    let reads: &[&str] = match paper {
        Paper::Thorat2023 => &[],
        Paper::Luo2026 => &[GlobalGeometry::NAME, CategoryOrthogonality::NAME],
    };
    let subjects: Vec<Subject> = cases.iter().map(|case| case.subject).collect();
    sought(&subjects, Selection::Named(reads), options)?;
    let mut names: Vec<&str> = Vec::new();
    for case in cases {
        if !names.contains(&case.network.as_str()) {
            names.push(&case.network);
        }
    }
    let of = |name: &str| {
        let cases: Vec<&Case> = cases.iter().filter(|case| case.network == name).collect();
        network(name, &cases, options, stop)
    };
    let found = names.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
    let uncertainty = &options.uncertainty;
    let (across, factors) = match paper {
        Paper::Thorat2023 => {
            let claims = found.iter().map(|(network, _)| (network.name.as_str(), &network.claims[..]));
            (vec![generality(claims)], Vec::new())
        }
        Paper::Luo2026 => {
            let of = |name: &str| cases.iter().find(|case| case.network == name);
            let families: Vec<Family> = found
                .iter()
                .map(|(network, seeds)| Family {
                    name: network.name.clone(),
                    factors: of(&network.name).map_or_else(Vec::new, |case| case.factors.clone()),
                    seeds: seeds.iter().collect(),
                })
                .collect();
            (across(&families, uncertainty), factors(&families, uncertainty))
        }
    };
    let networks = found.into_iter().map(|(network, _)| network).collect();
    Ok(Judged { paper, against, networks, across, factors })
}

/// One network, and the geometry of its categories under each seed.
fn network(
    name: &str,
    cases: &[&Case],
    options: &Options,
    stop: &Stop,
) -> Result<(NetworkJudged, Vec<Geometry>), Error> {
    let paper = options.paper;
    let read = cases.iter().map(|case| Read::of(case, options, stop)).collect::<Result<Vec<_>, _>>()?;
    let shared: Vec<[Shared; 2]> = read.iter().map(|_| [Shared::default(), Shared::default()]).collect();
    let measures: Vec<Measures> = read
        .iter()
        .zip(&shared)
        .zip(cases)
        .map(|((read, shared), case)| {
            Measures::of(&read.main.material(options, &shared[0]), &case.random, paper)
        })
        .collect::<Result<_, _>>()?;
    let individuals: Vec<Individual> = read
        .iter()
        .zip(&shared)
        .zip(&measures)
        .map(|((read, shared), measures)| Individual {
            material: read.main.material(options, &shared[0]),
            long: read.long.as_ref().map(|long| long.material(options, &shared[1])),
            with_bias: read.with_bias.as_ref().map(|(source, rows)| (*source, rows)),
            bias_removed: read.bias_removed.as_ref(),
            measures,
        })
        .collect();
    let about = cases[0].subject.trajectories.description();
    let mut claims = Vec::new();
    for entry in entries(paper) {
        if stop.requested() {
            return Err(Error::Stopped);
        }
        claims.push(decide(entry, &individuals, &options.uncertainty));
    }
    let judged = NetworkJudged {
        name: name.into(),
        network: about.network.clone(),
        seeds: cases.iter().map(|case| case.subject.trajectories.description().seed).collect(),
        n_images: about.n_images,
        claims,
        curves: if paper == Paper::Thorat2023 {
            curves(&individuals, &options.uncertainty)
        } else {
            Vec::new()
        },
        published: compared(paper, name, &individuals[0])?,
    };
    Ok((judged, measures.into_iter().map(|measures| measures.geometry).collect()))
}

/// Run a test on a fixture, its twin and its control.
#[cfg(test)]
pub(crate) fn individual(fixture: &crate::fixture::Fixture, test: impl FnOnce(&Individual)) {
    individual_of(Paper::Thorat2023, fixture, test);
}

/// The same with what a paper's claims need.
#[cfg(test)]
pub(crate) fn individual_of(paper: Paper, fixture: &crate::fixture::Fixture, test: impl FnOnce(&Individual)) {
    crate::fixture::material(fixture, |material| {
        let measures = Measures::of(material, &[], paper).unwrap();
        test(&Individual {
            material: *material,
            long: None,
            with_bias: None,
            bias_removed: None,
            measures: &measures,
        });
    });
}

/// The same, with a network that differs by a bias in its readout, which is also given.
#[cfg(test)]
pub(crate) fn individual_with_bias(
    fixture: &crate::fixture::Fixture,
    test: impl FnOnce(&Individual, &crate::fixture::Fixture),
) {
    use crate::fixture::{Fixture, material, rows_of};
    let mut readout = fixture.readout().clone();
    let bias = (0..fixture.n_classes()).map(|class| 0.3 * (class as f32 - 3.0));
    readout.bias = Some(bias.collect());
    let biased = Fixture::new(fixture.labels.clone(), fixture.representations.clone(), Some(readout));
    let (with, without) = (rows_of(&biased), rows_of(fixture));
    material(fixture, |material| {
        let measures = Measures::of(material, &[], Paper::Thorat2023).unwrap();
        let individual = Individual {
            material: *material,
            long: None,
            with_bias: Some((&biased, &with)),
            bias_removed: Some(&without),
            measures: &measures,
        };
        test(&individual, &biased);
    });
}
