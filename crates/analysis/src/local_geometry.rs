//! How far exemplars lie from the prototype of their category, step by step.

use redyn_core::Description;
use serde::{Deserialize, Serialize};

use crate::categories::distribution::Ridges;
use crate::categories::mixed_model::{MixedModel, mixed_model};
use crate::categories::prototypes::Prototypes;
use crate::categories::{NO_DECISION, STAGE, Stage};
use crate::resample::{Draws, draws, share};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Options, Series};

/// Local geometry of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalStage {
    /// The stage.
    pub stage: Stage,
    /// `mean_n d_n(t)`: `[step]`.
    pub distance: Series,
    /// `mean_n d_n(t) − mean_n d_n(base)`: `[step]`. Below 0 categories are more compact than at
    /// the base.
    pub change: Series,
    /// Mean over categories of `100 · (D_k(t) − D_k(base)) / D_k(base)`, with `D_k` the mean of
    /// `d_n` in the category: `[step]`.
    pub percent: Series,
    /// `change` at the state after.
    pub cluster_change: Option<Estimate>,
    /// `percent` at the state after.
    pub cluster_percent: Option<Estimate>,
    /// `D_k(t)`: `[class][step]`, for the classes that have images.
    pub by_class: Vec<Vec<Option<f64>>>,
    /// How `d_n(t)` is spread over images.
    pub spread: Ridges,
    /// The mixed model of `d_n(after) − d_n(base)`, categories having intercepts of their own.
    pub test: Option<MixedModel>,
}

/// Exemplars around their prototypes.
///
/// `d_n(t) = 1 − cos(x_n(t), m_{y_n}(t))`, with the prototypes of the same step. Intervals resample
/// the images around the prototypes as they are: a mean is where moving it hardly changes the mean
/// distance to it, so that what resampling does to prototypes matters little here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalGeometry {
    /// Step of the state before and after.
    pub states: [usize; 2],
    /// Names of the classes that have images.
    pub classes: Vec<String>,
    /// One per stage.
    pub stages: Vec<LocalStage>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for LocalGeometry {
    const NAME: &'static str = "local_geometry";
    const TITLE: &'static str = "Exemplars around their prototypes";
    const SUMMARY: &'static str = "cosine distance of images to the mean of their class, at every step";
    const DESCRIPTION: &'static str = "The prototype of a class is the mean of its images at the same step. One \
        minus the cosine of an image with it says how far the image lies from it in direction. If the mean of these \
        distances falls from one state to a later one, recurrence has made categories more compact.";
    const REFERENCE: &'static str = "Luo, Alvarez & Konkle 2026, Geometric Dynamics Across Recurrent Vision Models \
        (CCN), cluster change; mixed model: Laird & Ware 1982";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let states = material.states()?;
        let (mut stages, mut notes) = (Vec::new(), Vec::new());
        for stage in Stage::ALL {
            match material.prototypes(stage)? {
                Some(prototypes) => stages.push(local(material, stage, prototypes, states)),
                None => notes.push(NO_DECISION.into()),
            }
        }
        let mut labels = material.rows.labels.clone();
        labels.sort_unstable();
        labels.dedup();
        if states[0] == states[1] {
            notes.push("with a single state there is no change".into());
        }
        if stages.iter().any(|one| one.distance[states[0]].is_some_and(|distance| distance.value == 0.0)) {
            notes.push(format!(
                "at t={} the images of a class are all alike: there is no share to change",
                states[0]
            ));
        }
        let classes = labels.iter().map(|&class| material.class(class).to_owned()).collect();
        Ok(Self { states, classes, stages, notes })
    }

    fn holds(about: &Description, _: &Options) -> usize {
        Prototypes::bytes(about)
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "local_geometry",
            &[
                STAGE,
                (
                    "quantity",
                    "",
                    "distance; change: distance minus that at the base; percent: change of the class means, in percent of the base",
                ),
                ("base", "step, from 0", "step of the state that others are compared to"),
                ("step", "step, from 0", "step"),
            ],
            ("1 - cosine, or percent", "mean over images; percent: mean over classes"),
        );
        let mut classes = Table::new(
            "local_geometry_classes",
            &[
                STAGE,
                ("class", "", "class"),
                ("step", "step, from 0", "step"),
                ("distance", "1 - cosine", "mean distance of its images to its prototype"),
            ],
        );
        let mut test = Table::new(
            "local_geometry_test",
            &[
                STAGE,
                (
                    "mean",
                    "1 - cosine",
                    "mean change of distance, of a mixed model with intercepts per class, fitted by REML",
                ),
                ("standard_error", "1 - cosine", "its standard error"),
                ("z", "", "mean in standard errors"),
                ("wald_p", "", "two-sided p-value, normal reference"),
                ("between", "(1 - cosine)^2", "variance between classes"),
                ("within", "(1 - cosine)^2", "variance within classes"),
                ("classes", "", "number of classes"),
                ("images", "", "number of images"),
            ],
        );
        for one in &self.stages {
            for (quantity, series) in
                [("distance", &one.distance), ("change", &one.change), ("percent", &one.percent)]
            {
                for (step, estimate) in series.iter().enumerate() {
                    let keys =
                        vec![one.stage.words().into(), quantity.into(), self.states[0].into(), step.into()];
                    table.push_estimate(keys, estimate.as_ref());
                }
            }
            for (class, distances) in self.classes.iter().zip(&one.by_class) {
                for (step, &distance) in distances.iter().enumerate() {
                    classes.push(vec![
                        one.stage.words().into(),
                        class.as_str().into(),
                        step.into(),
                        distance.into(),
                    ]);
                }
            }
            if let Some(found) = &one.test {
                test.push(vec![
                    one.stage.words().into(),
                    found.mean.into(),
                    found.standard_error.into(),
                    found.z.into(),
                    found.p.into(),
                    found.between.into(),
                    found.within.into(),
                    found.n_categories.into(),
                    found.n.into(),
                ]);
            }
        }
        vec![table, classes, test]
    }
}

/// What is drawn of one stage: per step the distance, its change, and that in percent.
pub(crate) fn local_draws(material: &Material, prototypes: &Prototypes, base: usize) -> Vec<Option<Draws>> {
    let (n_steps, n_classes) = (prototypes.n_steps, prototypes.classes.len());
    // Totals and counts by class and step: all means follow from them.
    let mut sums = Sums::of_means(n_classes * n_steps);
    let mut sizes = vec![0; n_steps];
    for image in 0..prototypes.n_images() {
        let first = prototypes.place[image] * n_steps;
        let found: Vec<Option<f64>> = (0..n_steps).map(|step| prototypes.local(image, step)).collect();
        for (step, distance) in found.into_iter().enumerate() {
            if let Some(distance) = distance {
                sums.add_to_mean(image, first + step, distance);
                sizes[step] += 1;
            }
        }
    }
    draws(material.replicates(), &sizes.repeat(3), sums, |sums| {
        let (totals, counts) = sums.split_at(n_classes * n_steps);
        let all = |of: &[f64], step: usize| of.iter().skip(step).step_by(n_steps).sum::<f64>();
        let mean = |step: usize| share(all(totals, step), all(counts, step));
        let class =
            |class: usize, step: usize| share(totals[class * n_steps + step], counts[class * n_steps + step]);
        let percent = |step: usize| {
            let change = |k: usize| {
                let before = class(k, base).filter(|&before| before > 0.0)?;
                Some(100.0 * (class(k, step)? - before) / before)
            };
            let all: Option<Vec<f64>> = (0..n_classes).map(change).collect();
            all.map(|all| all.iter().sum::<f64>() / all.len() as f64)
        };
        let change = |step: usize| Some(mean(step)? - mean(base)?);
        (0..n_steps).map(mean).chain((0..n_steps).map(change)).chain((0..n_steps).map(percent)).collect()
    })
}

fn local(
    material: &Material,
    stage: Stage,
    prototypes: &Prototypes,
    [base, after]: [usize; 2],
) -> LocalStage {
    let (n_steps, n_images) = (prototypes.n_steps, prototypes.n_images());
    let level = material.options.uncertainty.level;
    let estimates = crate::resample::estimates(&local_draws(material, prototypes, base), level);
    let [distance, change, percent] = [0, 1, 2].map(|which| estimates[which * n_steps..][..n_steps].to_vec());
    let of_step = |step: usize| (0..n_images).filter_map(move |image| prototypes.local(image, step));
    let by_class = (0..prototypes.classes.len()).map(|class| {
        let members = |step: usize| {
            let own = (0..n_images).filter(|&image| prototypes.place[image] == class);
            crate::resample::mean(own.filter_map(|image| prototypes.local(image, step)))
        };
        (0..n_steps).map(members).collect()
    });
    let differences: Vec<(usize, f64)> = (0..n_images)
        .filter_map(|image| {
            let change = prototypes.local(image, after)? - prototypes.local(image, base)?;
            Some((prototypes.place[image], change))
        })
        .collect();
    let compared = base < after;
    LocalStage {
        stage,
        cluster_change: change[after].filter(|_| compared),
        cluster_percent: percent[after].filter(|_| compared),
        distance,
        change,
        percent,
        by_class: by_class.collect(),
        spread: Ridges::of((0..n_steps).map(|step| of_step(step).collect()).collect()),
        test: if compared { mixed_model(&differences, prototypes.classes.len()) } else { None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::categories::prototypes::tests::{cd, plain_mean, vector};
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn cluster_change_is_that_of_plain_loops() {
        let fixture = Fixture::random(80, 4);
        material(&fixture, |material| {
            let found = LocalGeometry::analyse(material).unwrap();
            assert_eq!((found.states, found.stages.len(), found.classes.len()), ([0, 3], 2, 8));
            for one in &found.stages {
                let d = |image: usize, step: usize| {
                    let own = plain_mean(&fixture, one.stage, step, fixture.labels[image]);
                    cd(&vector(&fixture, one.stage, image, step), &own)
                };
                let mean = |step: usize| (0..80).map(|image| d(image, step)).sum::<f64>() / 80.0;
                close(one.distance[1].unwrap().value, mean(1));
                close(one.cluster_change.unwrap().value, mean(3) - mean(0));
                let class = |class: usize, step: usize| {
                    let own: Vec<f64> =
                        (0..80).filter(|&n| fixture.labels[n] == class).map(|n| d(n, step)).collect();
                    own.iter().sum::<f64>() / own.len() as f64
                };
                let percent = |k: usize| 100.0 * (class(k, 3) - class(k, 0)) / class(k, 0);
                close(one.cluster_percent.unwrap().value, (0..8).map(percent).sum::<f64>() / 8.0);
                close(one.by_class[5][2].unwrap(), class(5, 2));
                let (low, high) = one.cluster_change.unwrap().interval().unwrap();
                assert!(low < one.cluster_change.unwrap().value && one.cluster_change.unwrap().value < high);
                let test = one.test.unwrap();
                // Categories of equal size: the model's mean is the plain one.
                assert!((test.mean - one.cluster_change.unwrap().value).abs() < 1e-12);
                assert_eq!(one.spread.steps[0].as_ref().unwrap().n, 80);
            }
        });
    }

    #[test]
    fn a_single_state_has_distances_and_no_change() {
        let mut single = Fixture::random(30, 2).control();
        single.about.readout = None;
        material(&single, |material| {
            let found = LocalGeometry::analyse(material).unwrap();
            assert!(found.stages.iter().all(|one| one.distance[0].is_some() && one.cluster_change.is_none()));
            assert!(found.notes.iter().any(|note| note.contains("single state")));
        });
    }
}
