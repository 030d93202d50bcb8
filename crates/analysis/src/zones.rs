//! Which zones an image's representation passes through on its way.

use std::collections::BTreeMap;

use rayon::prelude::*;
use redyn_core::Hierarchy;
use redyn_core::random::Stream;
use serde::{Deserialize, Serialize};

use crate::resample::{Mean, bootstrap, p_value, share};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Series};

/// Images that go from one class's zone to another's between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Step before: they go between `step` and `step + 1`.
    pub step: usize,
    /// The class left.
    pub from: usize,
    /// The class entered.
    pub to: usize,
    /// How many images.
    pub n: usize,
}

/// Where transitions lead: shares of all images, by step before the transition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Share that enters its true class.
    pub to_correct: Series,
    /// Share that leaves its true class.
    pub from_correct: Series,
    /// Share that goes from one wrong class to another.
    pub between_wrong: Series,
    /// Enters minus leaves: the gain in accuracy.
    pub net: Series,
}

/// A mean over transitions, against classes shuffled in the hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgainstHierarchy {
    /// The mean over transitions; `n` counts the images that make any.
    pub observed: Estimate,
    /// Mean of the same over shuffled hierarchies.
    pub shuffled: Option<f64>,
    /// Share of shuffled hierarchies at least as extreme in the stated direction.
    pub p: Option<f64>,
}

/// Transitions at one distance in the hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DistanceCount {
    /// In how many levels the two classes part; 0: siblings.
    pub distance: usize,
    /// Transitions between classes at this distance.
    pub n: usize,
    /// Mean number over shuffled hierarchies.
    pub shuffled: Option<f64>,
}

/// How transitions follow the category hierarchy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HierarchyTransitions {
    /// Names of the levels, widest first.
    pub levels: Vec<String>,
    /// Mean hierarchy distance of a transition. Extreme: small, transitions stay among relatives.
    pub distance: Option<AgainstHierarchy>,
    /// Mean of `d(from, y) − d(to, y)` over transitions between two wrong classes. Extreme:
    /// large, they lead towards relatives of the true class `y`.
    pub approach: Option<AgainstHierarchy>,
    /// Transitions by distance.
    pub by_distance: Vec<DistanceCount>,
}

/// The zones images pass through, and the graph of transitions between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zones {
    /// Class names.
    pub classes: Vec<String>,
    /// Number of images in each zone: `[step][class]`.
    pub occupancy: Vec<Vec<usize>>,
    /// Transitions that occur, by step, then from, then to; staying is none.
    pub transitions: Vec<Transition>,
    /// Number of images that visit exactly `1, 2, ...` distinct zones.
    pub by_distinct: Vec<usize>,
    /// Mean number of distinct zones visited.
    pub distinct: Option<Estimate>,
    /// Mean number of transitions per image.
    pub transitions_per_image: Option<Estimate>,
    /// Share of images that visit a zone that is neither their first nor their last.
    pub through_another: Option<Estimate>,
    /// The same share among images first wrong and at last correct.
    pub corrected_through_another: Option<Estimate>,
    /// Where transitions lead.
    pub flow: Flow,
    /// How transitions follow the hierarchy, where there is one.
    pub hierarchy: Option<HierarchyTransitions>,
    /// The zones every image visits: `[image][step]`.
    pub sequences: Vec<Vec<usize>>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for Zones {
    const NAME: &'static str = "zones";
    const TITLE: &'static str = "Through which zones";
    const SUMMARY: &'static str = "sequence of zones per image, and the graph of transitions between classes";
    const DESCRIPTION: &'static str = "At every step an image's representation is in the zone of the class it is \
        given. Counted are the zones visited, the transitions from one class to another, how many lead to the true \
        class or away from it, and whether they stay among relatives in the category hierarchy more than classes \
        shuffled in that hierarchy would.";
    const REFERENCE: &'static str =
        "ours; an open question of Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435)";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let rows = material.rows;
        let (n_images, n_steps, n_classes) = (rows.n_images(), rows.n_steps(), rows.n_classes);
        let sequences: Vec<Vec<usize>> = (0..n_images).map(|image| rows.answers(image).to_vec()).collect();
        let mut occupancy = vec![vec![0; n_classes]; n_steps];
        let mut counts: BTreeMap<(usize, usize, usize), usize> = BTreeMap::new();
        for answers in &sequences {
            for (step, &answer) in answers.iter().enumerate() {
                occupancy[step][answer] += 1;
            }
            for (step, from, to) in moves(answers) {
                *counts.entry((step, from, to)).or_default() += 1;
            }
        }
        let transitions =
            counts.iter().map(|(&(step, from, to), &n)| Transition { step, from, to, n }).collect();
        let paths: Vec<Path> =
            sequences.iter().zip(&rows.labels).map(|(answers, &label)| Path::new(answers, label)).collect();
        let mut by_distinct = vec![0; paths.iter().map(|path| path.distinct).max().unwrap_or(0)];
        for path in &paths {
            by_distinct[path.distinct - 1] += 1;
        }
        let n_corrected = paths.iter().filter(|path| path.corrected).count();
        let sizes = [n_images, n_images, n_images, n_corrected];
        let shares = bootstrap(material.replicates(), &sizes, path_sums(&paths), |sums| {
            let n = n_images as f64;
            vec![share(sums[0], n), share(sums[1], n), share(sums[2], n), share(sums[3], sums[4])]
        });
        let about = material.trajectories.description();
        let mut notes = Vec::new();
        if counts.is_empty() {
            notes.push("no image changes its zone: there are no transitions".into());
        }
        if n_corrected == 0 {
            notes.push("no image is first wrong and at last correct".into());
        }
        let hierarchy = about.hierarchy.as_ref().map(|hierarchy| along_hierarchy(material, hierarchy));
        if hierarchy.is_none() {
            notes.push("no category hierarchy was given".into());
        }
        Ok(Self {
            classes: about.classes.clone(),
            occupancy,
            transitions,
            by_distinct,
            distinct: shares[0],
            transitions_per_image: shares[1],
            through_another: shares[2],
            corrected_through_another: shares[3],
            flow: flow(material),
            hierarchy,
            sequences,
            notes,
        })
    }

    fn tables(&self) -> Vec<Table> {
        let mut transitions = Table::new(
            "transitions",
            &[
                ("step", "step, from 0", "step before the transition"),
                ("from", "", "class left"),
                ("to", "", "class entered"),
                ("n", "images", "how many images"),
            ],
        );
        for t in &self.transitions {
            let (from, to) = (self.classes[t.from].as_str(), self.classes[t.to].as_str());
            transitions.push(vec![t.step.into(), from.into(), to.into(), t.n.into()]);
        }
        let mut flow = Table::of_estimates(
            "flow",
            &[
                (
                    "direction",
                    "",
                    "to the true class, from it, between two wrong classes, or net (to minus from)",
                ),
                ("step", "step, from 0", "step before the transition"),
            ],
            ("", "share of all images"),
        );
        for (direction, series) in [
            ("to_correct", &self.flow.to_correct),
            ("from_correct", &self.flow.from_correct),
            ("between_wrong", &self.flow.between_wrong),
            ("net", &self.flow.net),
        ] {
            for (step, estimate) in series.iter().enumerate() {
                flow.push_estimate(vec![direction.into(), step.into()], estimate.as_ref());
            }
        }
        let mut summary = Table::of_estimates(
            "summary",
            &[("quantity", "", "what was measured")],
            ("", "zones, transitions, shares of images, or levels of the hierarchy"),
        );
        let hierarchy = self.hierarchy.as_ref();
        let observed = |against: Option<AgainstHierarchy>| against.map(|against| against.observed);
        for (quantity, estimate) in [
            ("distinct zones per image", self.distinct),
            ("transitions per image", self.transitions_per_image),
            ("share of images through another zone", self.through_another),
            ("share of corrected images through another zone", self.corrected_through_another),
            ("hierarchy distance of a transition", observed(hierarchy.and_then(|h| h.distance))),
            ("approach to the true class in the hierarchy", observed(hierarchy.and_then(|h| h.approach))),
        ] {
            summary.push_estimate(vec![quantity.into()], estimate.as_ref());
        }
        let mut sequences = Table::new(
            "sequences",
            &[
                ("image", "", "index, from 0"),
                ("step", "step, from 0", "step"),
                ("class", "", "class of the zone"),
            ],
        );
        for (image, answers) in self.sequences.iter().enumerate() {
            for (step, &class) in answers.iter().enumerate() {
                sequences.push(vec![image.into(), step.into(), self.classes[class].as_str().into()]);
            }
        }
        let mut by_distance = Table::new(
            "by_distance",
            &[
                ("distance", "levels", "in how many levels of the hierarchy the two classes part"),
                ("n", "transitions", "how many transitions"),
                ("shuffled", "transitions", "mean number with classes shuffled in the hierarchy"),
            ],
        );
        for count in hierarchy.iter().flat_map(|h| &h.by_distance) {
            by_distance.push(vec![count.distance.into(), count.n.into(), count.shuffled.into()]);
        }
        vec![transitions, flow, summary, by_distance, sequences]
    }
}

/// `(step, from, to)` of every transition.
fn moves(answers: &[usize]) -> impl Iterator<Item = (usize, usize, usize)> {
    let pairs = answers.windows(2).enumerate().map(|(step, pair)| (step, pair[0], pair[1]));
    pairs.filter(|&(_, from, to)| from != to)
}

/// One image's path, in numbers.
struct Path {
    distinct: usize,
    transitions: usize,
    through_another: bool,
    corrected: bool,
}

impl Path {
    fn new(answers: &[usize], label: usize) -> Self {
        let (first, last) = (answers[0], answers[answers.len() - 1]);
        let mut seen = answers.to_vec();
        seen.sort_unstable();
        seen.dedup();
        Self {
            distinct: seen.len(),
            transitions: moves(answers).count(),
            through_another: answers.iter().any(|&answer| answer != first && answer != last),
            corrected: first != label && last == label,
        }
    }
}

/// Distinct zones, transitions, images through another zone; of corrected images those through
/// another zone, and their number.
fn path_sums(paths: &[Path]) -> Sums {
    let mut sums = Sums::new(5);
    for (image, path) in paths.iter().enumerate() {
        let through = f64::from(u8::from(path.through_another));
        sums.add(image, 0, path.distinct as f64);
        sums.add(image, 1, path.transitions as f64);
        sums.add(image, 2, through);
        if path.corrected {
            sums.add(image, 3, through);
            sums.add(image, 4, 1.0);
        }
    }
    sums
}

fn flow(material: &Material) -> Flow {
    let rows = material.rows;
    let width = rows.n_steps() - 1;
    let sizes = vec![rows.n_images(); 4 * width];
    let mut sums = Sums::new(3 * width);
    for (image, &label) in rows.labels.iter().enumerate() {
        for (step, from, to) in moves(rows.answers(image)) {
            let direction = match (from == label, to == label) {
                (_, true) => 0,
                (true, _) => 1,
                _ => 2,
            };
            sums.add(image, direction * width + step, 1.0);
        }
    }
    let n = rows.n_images() as f64;
    let estimates = bootstrap(material.replicates(), &sizes, sums, |sums| {
        let net = (0..width).map(|step| sums[step] - sums[width + step]);
        sums.iter().copied().chain(net).map(|count| share(count, n)).collect()
    });
    let series = |which: usize| estimates[which * width..(which + 1) * width].to_vec();
    Flow { to_correct: series(0), from_correct: series(1), between_wrong: series(2), net: series(3) }
}

/// Mean distance and mean approach over some transitions `(from, to, label, weight)`, with
/// class `k` in the place of class `place[k]` in the hierarchy.
fn hierarchy_means(
    transitions: impl Iterator<Item = (usize, usize, usize, f64)>,
    distance: impl Fn(usize, usize) -> usize,
) -> [Option<f64>; 2] {
    let (mut far, mut approach) = (Mean::default(), Mean::default());
    for (from, to, label, weight) in transitions {
        far.add(distance(from, to) as f64, weight);
        if from != label && to != label {
            approach.add(distance(from, label) as f64 - distance(to, label) as f64, weight);
        }
    }
    [far.value(), approach.value()]
}

fn along_hierarchy(material: &Material, hierarchy: &Hierarchy) -> HierarchyTransitions {
    let (rows, uncertainty) = (material.rows, &material.options.uncertainty);
    let n_classes = rows.n_classes;
    let table: Vec<usize> = (0..n_classes * n_classes)
        .map(|pair| hierarchy.distance(pair / n_classes, pair % n_classes))
        .collect();
    let distance = |a: usize, b: usize| table[a * n_classes + b];
    let of_image =
        |image: usize| moves(rows.answers(image)).map(move |(_, from, to)| (from, to, rows.labels[image]));
    let wrong = |&(from, to, label): &(usize, usize, usize)| from != label && to != label;
    let sizes = [
        (0..rows.n_images()).filter(|&image| of_image(image).next().is_some()).count(),
        (0..rows.n_images()).filter(|&image| of_image(image).any(|t| wrong(&t))).count(),
    ];
    // Total and number of the distances, then of the approaches.
    let mut sums = Sums::new(4);
    for image in 0..rows.n_images() {
        for (from, to, label) in of_image(image) {
            sums.add(image, 0, distance(from, to) as f64);
            sums.add(image, 1, 1.0);
            if from != label && to != label {
                sums.add(image, 2, distance(from, label) as f64 - distance(to, label) as f64);
                sums.add(image, 3, 1.0);
            }
        }
    }
    let observed = bootstrap(material.replicates(), &sizes, sums, |sums| {
        vec![share(sums[0], sums[1]), share(sums[2], sums[3])]
    });
    let mut counts: BTreeMap<(usize, usize, usize), usize> = BTreeMap::new();
    for transition in (0..rows.n_images()).flat_map(of_image) {
        *counts.entry(transition).or_default() += 1;
    }
    // Permutation `b` is drawn at `(seed, [b, 3])`.
    let null: Vec<([Option<f64>; 2], Vec<usize>)> = (0..uncertainty.replicates)
        .into_par_iter()
        .map(|b| {
            let mut place: Vec<usize> = (0..n_classes).collect();
            Stream::new(uncertainty.seed, &[b as u64, 3]).shuffle(&mut place);
            let distance = |a: usize, b: usize| distance(place[a], place[b]);
            let all = counts.iter().map(|(&(from, to, label), &n)| (from, to, label, n as f64));
            (hierarchy_means(all, distance), by_distance(&counts, hierarchy.levels.len(), distance))
        })
        .collect();
    let against = |which: usize, sign: f64| {
        let observed = observed[which]?;
        let values: Vec<f64> = null.iter().filter_map(|(means, _)| means[which]).collect();
        let shuffled = crate::resample::mean(values.iter().copied());
        let signed: Vec<f64> = values.iter().map(|value| sign * value).collect();
        Some(AgainstHierarchy { observed, shuffled, p: p_value(sign * observed.value, &signed) })
    };
    let by_distance = by_distance(&counts, hierarchy.levels.len(), distance)
        .into_iter()
        .enumerate()
        .map(|(distance, n)| DistanceCount {
            distance,
            n,
            shuffled: crate::resample::mean(null.iter().map(|(_, counts)| counts[distance] as f64)),
        })
        .collect();
    HierarchyTransitions {
        levels: hierarchy.levels.clone(),
        distance: against(0, -1.0),
        approach: against(1, 1.0),
        by_distance,
    }
}

fn by_distance(
    counts: &BTreeMap<(usize, usize, usize), usize>,
    n_levels: usize,
    distance: impl Fn(usize, usize) -> usize,
) -> Vec<usize> {
    let mut by_distance = vec![0; n_levels + 1];
    for (&(from, to, _), &n) in counts {
        by_distance[distance(from, to)] += n;
    }
    by_distance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn paths_are_counted_as_a_person_would() {
        let path = |answers: &[usize], label| {
            let path = Path::new(answers, label);
            (path.distinct, path.transitions, path.through_another, path.corrected)
        };
        assert_eq!(path(&[1, 1, 1], 1), (1, 0, false, false));
        assert_eq!(path(&[1, 1, 2], 2), (2, 1, false, true));
        assert_eq!(path(&[1, 3, 2], 2), (3, 2, true, true));
        assert_eq!(path(&[1, 3, 1], 1), (2, 2, true, false));
        assert_eq!(path(&[4], 1), (1, 0, false, false));
    }

    #[test]
    fn transitions_flow_and_distances_are_those_of_a_plain_loop() {
        let fixture = Fixture::random(70, 5);
        material(&fixture, |material| {
            let found = Zones::analyse(material).unwrap();
            let hierarchy = fixture.hierarchy();
            let (mut far, mut n, mut into) = (0.0, 0, [0; 4]);
            for image in 0..70 {
                for step in 0..4 {
                    let (from, to) = (fixture.argmax(image, step), fixture.argmax(image, step + 1));
                    if from != to {
                        far += hierarchy.distance(from, to) as f64;
                        n += 1;
                        into[step] += usize::from(to == fixture.labels[image]);
                        let listed =
                            found.transitions.iter().find(|t| (t.step, t.from, t.to) == (step, from, to));
                        assert!(listed.is_some());
                    }
                }
            }
            assert_eq!(found.transitions.iter().map(|t| t.n).sum::<usize>(), n);
            let along = found.hierarchy.as_ref().unwrap();
            close(along.distance.unwrap().observed.value, far / n as f64);
            assert_eq!(along.by_distance.iter().map(|count| count.n).sum::<usize>(), n);
            for step in 0..4 {
                close(found.flow.to_correct[step].unwrap().value, into[step] as f64 / 70.0);
            }
            assert_eq!(found.by_distinct.iter().sum::<usize>(), 70);
            assert!(found.occupancy.iter().all(|at| at.iter().sum::<usize>() == 70));
        });
    }

    #[test]
    fn net_flow_is_the_gain_in_accuracy() {
        let fixture = Fixture::random(70, 5);
        material(&fixture, |material| {
            let flow = Zones::analyse(material).unwrap().flow;
            let accuracy = crate::Accuracy::analyse(material).unwrap().per_step;
            for step in 0..4 {
                let gain = accuracy[step + 1].unwrap().value - accuracy[step].unwrap().value;
                close(flow.net[step].unwrap().value, gain);
            }
        });
    }

    /// Transitions only ever lead to siblings: no shuffled hierarchy can be nearer.
    #[test]
    fn transitions_among_relatives_are_found_to_be_so() {
        let fixture = Fixture::among_siblings(60, 4);
        material(&fixture, |material| {
            let along = Zones::analyse(material).unwrap().hierarchy.unwrap();
            let distance = along.distance.unwrap();
            assert_eq!(distance.observed.value, 0.0);
            assert!(distance.p.unwrap() < 0.05 && distance.shuffled.unwrap() > 0.5);
        });
    }
}
