//! Whether a representation already leans towards the class it will be given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contrast::Groups;
use crate::numeric::vectorised;
use crate::replicates::{LANES, Multiplicities};
use crate::resample::{Draws, estimates, mean, resample, share};
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Series};

/// Figure 2C: alignment of not yet correct images with their own class, against other classes.
///
/// With `I(t)` the images that are stably correct from a later step on:
/// - own: mean over `n ∈ I(t)` of `cos(r_n(t), w_{y_n})`;
/// - other: mean over all ordered pairs `(i, j)` of `I(t)` with `c_i(t) = c_j(t)` and
///   `y_i ≠ y_j` of `cos(r_i(t), w_{y_j})`: what chance neighbours in the same zone will become.
///
/// A mean over pairs: crowded zones weigh more than in a mean of means per image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FutureClass {
    /// Averages use `t = 0..timesteps_analyse`.
    pub timesteps_analyse: usize,
    /// Mean cosine with the readout vector of the own class, per step.
    pub own: Series,
    /// Mean cosine with the readout vectors of others' classes, per step.
    pub other: Series,
    /// Own minus other, per step.
    pub difference: Series,
    /// Number of ordered pairs behind `other`, per step.
    pub n_pairs: Vec<usize>,
    /// Unweighted mean of `own` over the analysed steps at which both exist.
    pub average_own: Option<Estimate>,
    /// Unweighted mean of `other` over the same steps.
    pub average_other: Option<Estimate>,
    /// Their difference.
    pub average_difference: Option<Estimate>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

/// Images not yet correct that are in one zone at one step.
struct Crowd {
    /// Index of each image.
    images: Vec<usize>,
    /// Its true class, as a position in the list of classes that occur here.
    labels: Vec<usize>,
    n_labels: usize,
    /// 1, or 0 for an image at the origin, which has no cosines but is a neighbour to others.
    present: Vec<f64>,
    /// `cos(r_i, w_k)` for every image and class that occurs: `[image, label]`.
    cosines: Vec<f64>,
}

/// Sums of the means over own classes and over pairs, in every lane.
#[derive(Clone, Copy, Default)]
struct Step {
    own: [[f64; LANES]; 2],
    other: [[f64; LANES]; 2],
}

impl Crowd {
    /// Add to the means over own classes and over pairs.
    ///
    /// With `m` the multiplicities, `Σ_{i,j} m_i m_j [y_i ≠ y_j] cos(r_i, w_{y_j})` is
    /// `Σ_k M_k Σ_{i: y_i ≠ k} m_i cos(r_i, w_k)` with `M_k = Σ_{j: y_j = k} m_j`: no pair is
    /// visited.
    #[inline(always)]
    fn add(&self, multiplicities: &Multiplicities, step: &mut Step) {
        // Per class: how often it occurs, how often with cosines, and sums of cosines with it,
        // over all images and over its own.
        let mut sums = vec![[[0.0; LANES]; 4]; self.n_labels];
        let mut everyone = [0.0; LANES];
        for (at, cosines) in self.cosines.chunks_exact(self.n_labels).enumerate() {
            let occurs = multiplicities[self.images[at]].map(f64::from);
            let present = occurs.map(|times| times * self.present[at]);
            let own = self.labels[at];
            for lane in 0..LANES {
                everyone[lane] += present[lane];
                sums[own][0][lane] += occurs[lane];
                sums[own][1][lane] += present[lane];
                sums[own][2][lane] += present[lane] * cosines[own];
            }
            for (sums, &cosine) in sums.iter_mut().zip(cosines) {
                for lane in 0..LANES {
                    sums[3][lane] += present[lane] * cosine;
                }
            }
        }
        for [occurs, present, of_own, of_all] in &sums {
            for lane in 0..LANES {
                step.own[0][lane] += of_own[lane];
                step.own[1][lane] += present[lane];
                step.other[0][lane] += occurs[lane] * (of_all[lane] - of_own[lane]);
                step.other[1][lane] += occurs[lane] * (everyone[lane] - present[lane]);
            }
        }
    }
}

impl Analysis for FutureClass {
    const NAME: &'static str = "future_class";
    const TITLE: &'static str = "The signature of the future class";
    const SUMMARY: &'static str =
        "do images not yet correct lean towards their own class more than neighbours do";
    const DESCRIPTION: &'static str = "Images that are not yet correct but will be, taken at the same step and in \
        the same wrong zone: the cosine of their representations with the readout vector of their own true class, \
        and with those of the other images' true classes. Higher for their own: the future class already shows.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figures 2C and 3A";

    fn analyse(material: &Material) -> Result<Self, Error> {
        material.future_class().cloned()
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "future_class",
            &[
                ("target", "", "own class, other images' classes, or own minus other"),
                ("step", "step, from 0", "step; empty for the mean over the analysed steps with both"),
                (
                    "pairs",
                    "",
                    "ordered pairs of images behind the value; empty where it is no mean over pairs",
                ),
            ],
            ("", "mean cosine with the readout vector"),
        );
        for (target, series, average) in [
            ("own", &self.own, &self.average_own),
            ("other", &self.other, &self.average_other),
            ("difference", &self.difference, &self.average_difference),
        ] {
            for (step, estimate) in series.iter().enumerate() {
                let pairs = (target == "other").then_some(self.n_pairs[step]);
                table.push_estimate(vec![target.into(), step.into(), pairs.into()], estimate.as_ref());
            }
            table.push_estimate(
                vec![target.into(), None::<usize>.into(), None::<usize>.into()],
                average.as_ref(),
            );
        }
        vec![table]
    }
}

impl FutureClass {
    /// The analysis itself; [`Material::future_class`] keeps its result for the claims.
    pub(crate) fn compute(material: &Material) -> Result<Self, Error> {
        let groups = Groups::new(material);
        let crowds = crowds(material, &groups)?;
        let (n_steps, window) = (groups.n_steps, groups.window);
        let level = material.options.uncertainty.level;
        let estimates = estimates(&crowd_draws(material, &crowds, window), level);
        let series = |which: usize| estimates[which * n_steps..(which + 1) * n_steps].to_vec();
        let n_pairs: Vec<usize> = crowds.iter().map(|crowds| crowds.iter().map(n_pairs).sum()).collect();
        let mut notes = Vec::new();
        if groups.members.is_empty() {
            notes.push("no image is stably correct: nothing to compare".into());
        } else if crowds.iter().all(Vec::is_empty) {
            notes.push("every stably correct image is correct from t=0: none has a future class".into());
        } else if n_pairs.iter().all(|&n| n == 0) {
            notes.push("no two images of different classes share a wrong zone: there are no pairs".into());
        }
        Ok(Self {
            timesteps_analyse: window,
            own: series(0),
            other: series(1),
            difference: series(2),
            n_pairs,
            average_own: estimates[3 * n_steps],
            average_other: estimates[3 * n_steps + 1],
            average_difference: estimates[3 * n_steps + 2],
            notes,
        })
    }
}

/// Per step own, other and their difference, then the three averages: resampled.
pub(crate) fn future_class_draws(material: &Material) -> Result<Vec<Option<Draws>>, Error> {
    let groups = Groups::new(material);
    Ok(crowd_draws(material, &crowds(material, &groups)?, groups.window))
}

fn crowd_draws(material: &Material, crowds: &[Vec<Crowd>], window: usize) -> Vec<Option<Draws>> {
    resample(material.replicates(), &sizes(crowds, window), |multiplicities| {
        let steps: Vec<Step> = vectorised(
            #[inline(always)]
            || crowds.iter().map(|at| step(at, multiplicities)).collect(),
        );
        std::array::from_fn(|lane| statistics(&steps, window, lane))
    })
}

/// The crowded zones of every step.
fn crowds(material: &Material, groups: &Groups) -> Result<Vec<Vec<Crowd>>, Error> {
    let rows = material.rows;
    let readout = rows.need_readout(FutureClass::NAME)?;
    if let Some(class) = readout.weight_norms.iter().position(|&norm| norm == 0.0) {
        let class = material.trajectories.description().classes[class].clone();
        return Err(Error::ZeroReadout { trajectories: rows.name.clone(), class });
    }
    let crowd = |step: usize, images: Vec<usize>| {
        let mut classes: Vec<usize> = images.iter().map(|&image| rows.labels[image]).collect();
        classes.sort_unstable();
        classes.dedup();
        let position = |label: usize| classes.binary_search(&label).expect("every label is listed");
        let cosines = |image: usize| {
            let all = readout.cosines_before(image, step).expect("rows hold the steps before the final run");
            classes.iter().map(|&class| all[class])
        };
        Crowd {
            labels: images.iter().map(|&image| position(rows.labels[image])).collect(),
            n_labels: classes.len(),
            present: images.iter().map(|&n| f64::from(u8::from(rows.norms[[n, step]] > 0.0))).collect(),
            cosines: images.iter().flat_map(|&image| cosines(image)).collect(),
            images,
        }
    };
    let at = |step: usize| {
        let mut zones: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &(image, stable) in &groups.members {
            if stable > step {
                zones.entry(rows.answers(image)[step]).or_default().push(image);
            }
        }
        zones.into_values().map(|images| crowd(step, images)).collect()
    };
    Ok((0..groups.n_steps).map(at).collect())
}

#[inline(always)]
fn step(crowds: &[Crowd], multiplicities: &Multiplicities) -> Step {
    let mut step = Step::default();
    for crowd in crowds {
        crowd.add(multiplicities, &mut step);
    }
    step
}

/// Per step: own, other, difference; then the three averages.
fn statistics(steps: &[Step], window: usize, lane: usize) -> Vec<Option<f64>> {
    let owns: Vec<Option<f64>> =
        steps.iter().map(|step| share(step.own[0][lane], step.own[1][lane])).collect();
    let others: Vec<Option<f64>> =
        steps.iter().map(|step| share(step.other[0][lane], step.other[1][lane])).collect();
    let pairs: Vec<Option<(f64, f64)>> =
        owns.iter().zip(&others).map(|(own, other)| own.zip(*other)).collect();
    let both = || pairs[..window].iter().flatten();
    let averages = [mean(both().map(|p| p.0)), mean(both().map(|p| p.1)), mean(both().map(|p| p.0 - p.1))];
    let differences: Vec<Option<f64>> =
        pairs.iter().map(|pair| pair.map(|(own, other)| own - other)).collect();
    [owns, others, differences, averages.to_vec()].concat()
}

/// Ordered pairs of a crowd of different classes.
fn n_pairs(crowd: &Crowd) -> usize {
    let mut present = vec![0; crowd.n_labels];
    crowd.labels.iter().for_each(|&label| present[label] += 1);
    let n = crowd.images.len();
    present.iter().map(|&same| same * (n - same)).sum()
}

/// Number of images behind each of [`statistics`].
fn sizes(crowds: &[Vec<Crowd>], window: usize) -> Vec<usize> {
    let paired = |crowd: &&Crowd| crowd.n_labels > 1;
    let own: Vec<usize> = crowds.iter().map(|at| at.iter().map(|crowd| crowd.images.len()).sum()).collect();
    let other: Vec<usize> =
        crowds.iter().map(|at| at.iter().filter(paired).map(|crowd| crowd.images.len()).sum()).collect();
    let distinct = |only_paired: bool| {
        let mut images: Vec<usize> = (0..window)
            .filter(|&step| other[step] > 0)
            .flat_map(|step| crowds[step].iter().filter(|crowd| !only_paired || crowd.n_labels > 1))
            .flat_map(|crowd| crowd.images.iter().copied())
            .collect();
        images.sort_unstable();
        images.dedup();
        images.len()
    };
    let averages = vec![distinct(false), distinct(true), distinct(true)];
    [own, other.clone(), other, averages].concat()
}

#[cfg(test)]
mod tests {
    use redyn_core::random::Stream;

    use super::*;
    use crate::StableRule;
    use crate::fixture::{Fixture, close, material};

    fn not_yet(fixture: &Fixture, step: usize) -> Vec<usize> {
        let later = |&n: &usize| {
            let answers: Vec<usize> = (0..fixture.n_steps()).map(|t| fixture.argmax(n, t)).collect();
            StableRule::default()
                .outcome(&answers, fixture.labels[n])
                .correct_from()
                .is_some_and(|s| s > step)
        };
        (0..fixture.labels.len()).filter(later).collect()
    }

    #[test]
    fn counting_classes_equals_visiting_pairs() {
        let fixture = Fixture::random(150, 5);
        material(&fixture, |material| {
            let found = FutureClass::analyse(material).unwrap();
            let mut most = 0;
            for step in 0..5 {
                let images = not_yet(&fixture, step);
                let (mut own, mut other, mut pairs) = (0.0, 0.0, 0);
                for &i in &images {
                    own += fixture.cosine(i, step, fixture.labels[i]);
                    for &j in &images {
                        let together = fixture.argmax(i, step) == fixture.argmax(j, step);
                        if together && fixture.labels[i] != fixture.labels[j] {
                            other += fixture.cosine(i, step, fixture.labels[j]);
                            pairs += 1;
                        }
                    }
                }
                assert_eq!(found.n_pairs[step], pairs);
                assert_eq!(found.own[step].is_some(), !images.is_empty());
                assert_eq!(found.other[step].is_some(), pairs > 0);
                if pairs > 0 {
                    close(found.own[step].unwrap().value, own / images.len() as f64);
                    close(found.other[step].unwrap().value, other / pairs as f64);
                }
                most = most.max(pairs);
            }
            assert!(most > 50, "{most}");
        });
    }

    /// Multiplicities enter a pair on both sides: a replicate is the data set in which every
    /// image stands that often.
    #[test]
    fn a_replicate_is_the_data_set_it_describes() {
        let fixture = Fixture::random(60, 4);
        material(&fixture, |material| {
            let groups = Groups::new(material);
            let crowds = crowds(material, &groups).unwrap();
            let mut stream = Stream::new(2, &[]);
            let multiplicities: Vec<[u8; LANES]> =
                (0..60).map(|_| std::array::from_fn(|_| stream.below(4) as u8)).collect();
            let lane = 5;
            let steps: Vec<Step> = crowds.iter().map(|at| step(at, &multiplicities)).collect();
            let found = statistics(&steps, 4, lane);
            let mut repeated: Vec<usize> = Vec::new();
            for (image, times) in multiplicities.iter().enumerate() {
                repeated.extend(vec![image; usize::from(times[lane])]);
            }
            for step in 0..3 {
                let members = not_yet(&fixture, step);
                let images: Vec<usize> = repeated.iter().copied().filter(|n| members.contains(n)).collect();
                let mut cosines = Vec::new();
                for &i in &images {
                    for &j in &images {
                        let together = fixture.argmax(i, step) == fixture.argmax(j, step);
                        if together && fixture.labels[i] != fixture.labels[j] {
                            cosines.push(fixture.cosine(i, step, fixture.labels[j]));
                        }
                    }
                }
                if let Some(value) = found[4 + step] {
                    close(value, cosines.iter().sum::<f64>() / cosines.len() as f64);
                } else {
                    assert!(cosines.is_empty());
                }
            }
        });
    }
}
