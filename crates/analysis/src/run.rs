//! Analyses of several networks at once: each network's trajectories are read once.

use redyn_core::{Diagnose, Stop, TimeAxis, TrajectorySource};
use serde::{Deserialize, Serialize};

use crate::between::Contribution;
use crate::parts::all_rows;
use crate::patterns::NetworkPatterns;
use crate::registry::check_memory;
use crate::rows::{Plan, Quantities, Rows};
use crate::{
    ANALYSES, Analysis, Between, Convergence, Entry, Error, Finding, JacobianRows, KnownRows, Options,
    Outcome, Properties, RdmMovie, Role, Shared, find,
};

/// One network to analyse, with what it is compared to.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its trajectories.
    pub trajectories: &'a dyn TrajectorySource,
    /// The untrained network's trajectories of the same images and steps.
    pub untrained: Option<&'a dyn TrajectorySource>,
    /// Feedforward networks' representations of the same images: trajectories of one step.
    pub controls: &'a [&'a dyn TrajectorySource],
    /// The same network's trajectories of the same images and steps with edges cut or scaled,
    /// each with the words for what was done: `v4.lateral@3..`.
    pub lesions: &'a [(String, &'a dyn TrajectorySource)],
    /// Properties of its images.
    pub properties: Option<&'a Properties>,
    /// What its one-step Jacobians are like along these trajectories.
    pub jacobians: Option<&'a JacobianRows>,
    /// Rows that were read before.
    pub known: Option<&'a dyn KnownRows>,
}

impl<'a> Subject<'a> {
    /// A network that is compared to nothing.
    pub fn of(trajectories: &'a dyn TrajectorySource) -> Self {
        Self {
            trajectories,
            untrained: None,
            controls: &[],
            lesions: &[],
            properties: None,
            jacobians: None,
            known: None,
        }
    }

    /// Everything of which rows are read, and which quantities of each.
    pub(crate) fn reads(&self) -> Vec<(&'a dyn TrajectorySource, Quantities)> {
        let lesions = self.lesions.iter().map(|(_, run)| *run);
        let beside = self.untrained.into_iter().chain(self.controls.iter().copied()).chain(lesions);
        let motion = beside.map(|source| (source, Quantities::Motion));
        std::iter::once((self.trajectories, Quantities::All)).chain(motion).collect()
    }
}

/// A feedforward network beside the recurrent one: what it made of the same images.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// Short name.
    pub name: String,
    /// The network, as its card names it.
    pub network: String,
    /// Training epoch of its weights; −1 is the untrained network.
    pub epoch: Option<i64>,
    /// Digest of the data behind it.
    pub digest: String,
    /// Its only step (motion only).
    pub rows: Rows,
}

/// The network with some of its connections cut or scaled, on the same images.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesioned {
    /// What was done, and during which steps.
    pub what: String,
    /// What every image did then (motion only).
    pub rows: Rows,
}

/// Which analyses.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// All that the data allow; what they do not allow is listed with its reason.
    All,
    /// These; one that the data do not allow is an error.
    Named(&'a [&'a str]),
    /// Of these what the data allow; what they do not allow is listed with its reason.
    Allowed(&'a [&'a str]),
}

/// What to analyse, and how.
pub struct Request<'a> {
    /// The networks.
    pub subjects: &'a [Subject<'a>],
    /// The analyses.
    pub analyses: Selection<'a>,
    /// Every choice.
    pub options: &'a Options,
    /// Heard between blocks and between analyses.
    pub stop: &'a Stop,
}

/// What one analysis works on.
#[derive(Clone, Copy)]
pub struct Material<'a> {
    /// The trajectories themselves, for what no row holds.
    pub trajectories: &'a dyn TrajectorySource,
    /// What every image did, step by step.
    pub rows: &'a Rows,
    /// When each image was classified, by the chosen rule.
    pub outcomes: &'a [Outcome],
    /// Name and rows (motion only) of the untrained twin.
    pub untrained: Option<(&'a str, &'a Rows)>,
    /// The trajectories of the untrained twin.
    pub untrained_trajectories: Option<&'a dyn TrajectorySource>,
    /// The feedforward controls.
    pub controls: &'a [Control],
    /// The lesioned runs.
    pub lesions: &'a [Lesioned],
    /// Properties of the images.
    pub properties: Option<&'a Properties>,
    /// What its one-step Jacobians are like.
    pub jacobians: Option<&'a JacobianRows>,
    /// Every choice.
    pub options: &'a Options,
    /// What several analyses need, found once; begin with `Shared::default()`.
    pub shared: &'a Shared,
}

/// Everything found about several networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Every choice behind the numbers.
    pub options: Options,
    /// One per network, in the order asked for.
    pub networks: Vec<NetworkResults>,
    /// How alike the networks' RDMs are, where several saw the same images.
    #[serde(default)]
    pub between: Option<Between>,
}

/// Everything found about one network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkResults {
    /// Short name of the trajectories.
    pub name: String,
    /// The network, as its card names it.
    pub network: String,
    /// The area analysed.
    pub area: String,
    /// Training epoch of the weights.
    pub epoch: Option<i64>,
    /// Seed of the initial weights.
    pub seed: Option<u64>,
    /// Number of images.
    pub n_images: usize,
    /// Number of steps.
    pub n_steps: usize,
    /// Number of units.
    pub n_units: usize,
    /// Class names.
    pub classes: Vec<String>,
    /// Times of the steps, in recordings.
    #[serde(default)]
    pub time: Option<TimeAxis>,
    /// Digest of the data behind the trajectories.
    pub digest: String,
    /// Name and digest of the untrained twin.
    pub untrained: Option<(String, String)>,
    /// Name and digest of every feedforward control.
    #[serde(default)]
    pub controls: Vec<(String, String)>,
    /// The results, in the order of the registry.
    pub findings: Vec<Finding>,
    /// What was left out, and why.
    pub omitted: Vec<Omitted>,
}

/// An analysis that the data do not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omitted {
    /// Name of the analysis.
    pub analysis: String,
    /// Why.
    pub reason: String,
    /// What would allow it.
    pub hint: Option<String>,
}

impl NetworkResults {
    /// The result of one analysis, by its type.
    ///
    /// ```
    /// # fn example(network: &redyn_analysis::NetworkResults) {
    /// if let Some(accuracy) = network.get::<redyn_analysis::Accuracy>() {
    ///     println!("best at t={}", accuracy.best.step);
    /// }
    /// # }
    /// ```
    pub fn get<'a, T>(&'a self) -> Option<&'a T>
    where
        &'a T: TryFrom<&'a Finding>,
    {
        self.findings.iter().find_map(|finding| finding.try_into().ok())
    }
}

impl NetworkResults {
    /// Take how the network comes to rest from a longer recording of the same weights, if one of
    /// `results` is of it.
    pub fn take_convergence(&mut self, results: &Results) {
        let same = |other: &&Self| {
            other.network == self.network && other.seed == self.seed && other.epoch == self.epoch
        };
        let Some(found) = results.networks.iter().find(same).and_then(Self::get::<Convergence>) else {
            return;
        };
        let name = Convergence::NAME;
        self.omitted.retain(|omitted| omitted.analysis != name);
        let place = self.findings.iter().position(|finding| finding.name() == name);
        let place = place.map_or(self.findings.len(), |place| {
            self.findings.remove(place);
            place
        });
        self.findings.insert(place, found.clone().into());
    }
}

/// Run analyses.
///
/// # Errors
/// An unknown name, an option that makes no sense, more to be held than memory allows, data that are
/// damaged or do not fit together, an analysis asked for by name that the data do not allow, a request to
/// stop.
pub fn analyse(request: &Request) -> Result<Results, Error> {
    let entries = sought(request.subjects, request.analyses, request.options)?;
    let (mut networks, mut contributions) = (Vec::new(), Vec::new());
    for subject in request.subjects {
        let (results, contribution) = analyse_network(subject, &entries, request)?;
        networks.push(results);
        contributions.extend(contribution);
    }
    let between = Between::of(&contributions, request.options)?;
    Ok(Results { options: request.options.clone(), networks, between })
}

/// The analyses asked for, before anything is read.
///
/// # Errors
/// An unknown name, an option that makes no sense, more to be held than memory allows.
pub fn sought(
    subjects: &[Subject],
    analyses: Selection,
    options: &Options,
) -> Result<Vec<&'static Entry>, Error> {
    options.check()?;
    let entries: Vec<&Entry> = match analyses {
        Selection::All => ANALYSES.iter().collect(),
        Selection::Named(names) | Selection::Allowed(names) => {
            names.iter().map(|name| find(name)).collect::<Result<_, _>>()?
        }
    };
    for subject in subjects {
        check_memory(&entries, subject.trajectories.description(), options)?;
    }
    Ok(entries)
}

fn analyse_network(
    subject: &Subject,
    entries: &[&Entry],
    request: &Request,
) -> Result<(NetworkResults, Option<Contribution>), Error> {
    let about = subject.trajectories.description();
    let prepared = Prepared::read(subject, request.options, request.stop)?;
    let shared = Shared::default();
    let material = prepared.material(request.options, &shared);
    let (mut findings, mut omitted) = (Vec::new(), Vec::new());
    for entry in entries {
        if request.stop.requested() {
            return Err(Error::Stopped);
        }
        match (entry.run)(&material) {
            Ok(finding) => findings.push(finding),
            Err(error) if error.is_inapplicable() && !matches!(request.analyses, Selection::Named(_)) => {
                omitted.push(Omitted {
                    analysis: entry.name.into(),
                    reason: error.to_string(),
                    hint: error.hint(),
                });
            }
            Err(error) => return Err(error),
        }
    }
    // Only where RDMs were asked for, and there is another network to compare them with. Patterns are
    // read again: kept since, they would take more memory than all other results.
    let compared = request.subjects.len() > 1 && entries.iter().any(|entry| entry.name == RdmMovie::NAME);
    let contribution = compared
        .then(|| {
            let (time, labels) = (about.time.clone(), subject.trajectories.labels());
            let patterns = NetworkPatterns::read(subject.trajectories, request.options)?;
            Ok::<_, Error>(Contribution::new(&about.name, time, labels, &patterns, &request.options.rdm))
        })
        .transpose()?;
    let results = NetworkResults {
        name: about.name.clone(),
        network: about.network.clone(),
        area: about.area.clone(),
        epoch: about.epoch,
        seed: about.seed,
        n_images: about.n_images,
        n_steps: about.n_steps,
        n_units: about.n_units,
        classes: about.classes.clone(),
        time: about.time.clone(),
        digest: about.digest.clone(),
        untrained: prepared.untrained.map(|(twin, _)| {
            let about = twin.description();
            (about.name.clone(), about.digest.clone())
        }),
        controls: prepared.controls.into_iter().map(|control| (control.name, control.digest)).collect(),
        findings,
        omitted,
    };
    Ok((results, contribution))
}

/// One network, read: what a [`Material`] refers to.
pub(crate) struct Prepared<'a> {
    trajectories: &'a dyn TrajectorySource,
    pub(crate) rows: Rows,
    outcomes: Vec<Outcome>,
    untrained: Option<(&'a dyn TrajectorySource, Rows)>,
    controls: Vec<Control>,
    lesions: Vec<Lesioned>,
    properties: Option<&'a Properties>,
    jacobians: Option<&'a JacobianRows>,
}

impl<'a> Prepared<'a> {
    /// Read a network and what it is compared to, each once.
    pub(crate) fn read(subject: &Subject<'a>, options: &Options, stop: &Stop) -> Result<Self, Error> {
        let read = |source: &dyn TrajectorySource, quantities| {
            all_rows(source, &Plan { quantities, memory: options.memory, stop }, subject.known)
        };
        let about = subject.trajectories.description();
        if let Some(found) = about.hierarchy.as_ref().map(|hierarchy| hierarchy.groups.len())
            && found != about.classes.len()
        {
            let (trajectories, expected) = (about.name.clone(), about.classes.len());
            return Err(Error::Hierarchy { trajectories, found, expected });
        }
        if let Some(twin) = subject.untrained {
            check_companion(Role::UntrainedTwin, subject.trajectories, twin)?;
        }
        for (index, control) in subject.controls.iter().enumerate() {
            check_companion(Role::FeedforwardControl, subject.trajectories, *control)?;
            let name = &control.description().name;
            if subject.controls[..index].iter().any(|other| other.description().name == *name) {
                return Err(Error::ControlTwice { trajectories: about.name.clone(), name: name.clone() });
            }
        }
        let rows = read(subject.trajectories, Quantities::All)?;
        let twin = |twin: &'a dyn TrajectorySource| Ok((twin, read(twin, Quantities::Motion)?));
        let untrained = subject.untrained.map(twin).transpose()?;
        let controls = subject.controls.iter().map(|&control| {
            let rows = read(control, Quantities::Motion)?;
            let about = control.description().clone();
            let (name, network, epoch, digest) = (about.name, about.network, about.epoch, about.digest);
            Ok(Control { name, network, epoch, digest, rows })
        });
        let controls = controls.collect::<Result<Vec<Control>, Error>>()?;
        let lesions = subject.lesions.iter().map(|(what, run)| {
            check_companion(Role::LesionedRun, subject.trajectories, *run)?;
            Ok(Lesioned { what: what.clone(), rows: read(*run, Quantities::Motion)? })
        });
        let lesions = lesions.collect::<Result<Vec<Lesioned>, Error>>()?;
        let (trajectories, properties) = (subject.trajectories, subject.properties);
        if let Some(found) = properties.map(|properties| properties.values.nrows())
            && found != about.n_images
        {
            let (trajectories, expected) = (about.name.clone(), about.n_images);
            return Err(Error::Properties { trajectories, found, expected });
        }
        let outcomes = options.stable.outcomes(&rows);
        let jacobians = subject.jacobians;
        Ok(Self { trajectories, rows, outcomes, untrained, controls, lesions, properties, jacobians })
    }

    /// What an analysis works on.
    pub(crate) fn material<'m>(&'m self, options: &'m Options, shared: &'m Shared) -> Material<'m> {
        Material {
            trajectories: self.trajectories,
            rows: &self.rows,
            outcomes: &self.outcomes,
            untrained: self.untrained.as_ref().map(|(twin, rows)| (twin.description().name.as_str(), rows)),
            untrained_trajectories: self.untrained.as_ref().map(|(twin, _)| *twin),
            controls: &self.controls,
            lesions: &self.lesions,
            properties: self.properties,
            jacobians: self.jacobians,
            options,
            shared,
        }
    }
}

pub(crate) fn check_companion(
    role: Role,
    trajectories: &dyn TrajectorySource,
    companion: &dyn TrajectorySource,
) -> Result<(), Error> {
    let (ours, theirs) = (trajectories.description(), companion.description());
    let error = |what, found: String, expected: String| Error::Companion {
        trajectories: ours.name.clone(),
        companion: theirs.name.clone(),
        role,
        what,
        found,
        expected,
    };
    let n_steps = if role == Role::FeedforwardControl { 1 } else { ours.n_steps };
    for (what, found, expected) in
        [("images", theirs.n_images, ours.n_images), ("steps", theirs.n_steps, n_steps)]
    {
        if found != expected {
            return Err(error(what, found.to_string(), expected.to_string()));
        }
    }
    let differs = trajectories.labels().iter().zip(companion.labels()).position(|(a, b)| a != b);
    if let Some(image) = differs {
        let (found, expected) = (companion.labels()[image], trajectories.labels()[image]);
        return Err(error("labels", format!("image {image}: {found}"), expected.to_string()));
    }
    Ok(())
}
