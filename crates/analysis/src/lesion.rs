//! What cut connections do to the correction of first guesses.

use serde::{Deserialize, Serialize};

use crate::resample::{bootstrap, means, share};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Lesioned, Material, Outcome, Role, Series};

/// What one lesion changes, image by image against the intact network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LesionEffect {
    /// The edges and from which step on: `v4.lateral@3..`.
    pub what: String,
    /// Accuracy with the lesion: `[n_steps]`.
    pub accuracy: Series,
    /// Accuracy with the lesion minus without: `[n_steps]`.
    pub accuracy_change: Series,
    /// Share of the images that the intact network corrects (wrong at `t = 0`, right at the
    /// last step) that are wrong at the last step with the lesion.
    pub corrections_lost: Option<Estimate>,
    /// Share of the images that the intact network leaves wrong from the first to the last
    /// step that are right at the last step with the lesion.
    pub corrections_gained: Option<Estimate>,
    /// Share of the images that are stably correct without the lesion and not with it.
    pub stability_lost: Option<Estimate>,
    /// Stable step with the lesion minus without, over images stably correct in both.
    pub stable_shift: Option<Estimate>,
}

/// The same network with and without some of its connections, on the same images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesion {
    /// Accuracy of the intact network: `[n_steps]`.
    pub intact: Series,
    /// One per lesion.
    pub effects: Vec<LesionEffect>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for Lesion {
    const NAME: &'static str = "lesion";
    const TITLE: &'static str = "What cut connections do";
    const SUMMARY: &'static str =
        "accuracy, corrections and stable step with edges cut, against the intact network";
    const DESCRIPTION: &'static str = "The same network is run on the same images with some of its connections cut \
        from a step on. Compared image by image: accuracy at every step, how many corrections of a wrong first \
        answer are lost, and whether images become stable later.";
    const REFERENCE: &'static str = "ours; which connections correct is an open question of Thorat, Doerig & \
        Kietzmann 2023 (arXiv 2308.12435)";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let rows = material.rows;
        if material.lesions.is_empty() {
            let trajectories = rows.name.clone();
            let role = Role::LesionedRun;
            return Err(Error::CompanionAbsent { trajectories, analysis: Self::NAME, role });
        }
        let found: Vec<(Series, LesionEffect)> =
            material.lesions.iter().map(|lesion| effect(material, lesion)).collect();
        let mut notes = Vec::new();
        let corrected = (0..rows.n_images()).filter(|&n| first_and_last(rows, n) == (false, true)).count();
        if corrected == 0 {
            notes.push("the intact network corrects no image: there is nothing to lose".into());
        }
        let intact = found[0].0.clone();
        Ok(Self { intact, effects: found.into_iter().map(|(_, effect)| effect).collect(), notes })
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "lesion",
            &[
                ("lesion", "", "edges cut or scaled, and during which steps; intact for none"),
                (
                    "quantity",
                    "",
                    "accuracy; accuracy_change: with the lesion minus without; corrections_lost: share of the images \
                     corrected without the lesion that are wrong at the last step with it; corrections_gained: share \
                     of those left wrong that are right with it; stability_lost: share of the stably correct that \
                     no longer are; stable_shift: stable step with the lesion minus without (steps)",
                ),
                ("step", "step, from 0", "step; empty for what is one number per lesion"),
            ],
            ("see column quantity", "value over images"),
        );
        let mut series = |lesion: &str, quantity: &str, series: &Series| {
            for (step, estimate) in series.iter().enumerate() {
                table.push_estimate(vec![lesion.into(), quantity.into(), step.into()], estimate.as_ref());
            }
        };
        series("intact", "accuracy", &self.intact);
        for effect in &self.effects {
            series(&effect.what, "accuracy", &effect.accuracy);
            series(&effect.what, "accuracy_change", &effect.accuracy_change);
        }
        for effect in &self.effects {
            for (quantity, estimate) in [
                ("corrections_lost", &effect.corrections_lost),
                ("corrections_gained", &effect.corrections_gained),
                ("stability_lost", &effect.stability_lost),
                ("stable_shift", &effect.stable_shift),
            ] {
                let keys = vec![effect.what.as_str().into(), quantity.into(), None::<usize>.into()];
                table.push_estimate(keys, estimate.as_ref());
            }
        }
        vec![table]
    }
}

/// Whether the first and the last answer are right.
fn first_and_last(rows: &crate::Rows, image: usize) -> (bool, bool) {
    let (answers, label) = (rows.answers(image), rows.labels[image]);
    (answers[0] == label, answers[answers.len() - 1] == label)
}

/// One image's part in the four numbers of a lesion, where it has one.
fn parts(material: &Material, lesion: &Lesioned, outcomes: &[Outcome], image: usize) -> [Option<f64>; 4] {
    let share = |yes: bool| f64::from(u8::from(yes));
    let right = first_and_last(&lesion.rows, image).1;
    let (lost, gained) = match first_and_last(material.rows, image) {
        (false, true) => (Some(share(!right)), None),
        (false, false) => (None, Some(share(right))),
        (true, _) => (None, None),
    };
    let (before, after) = (material.outcomes[image].correct_from(), outcomes[image].correct_from());
    let unsettled = before.map(|_| share(after.is_none()));
    let shift = before.zip(after).map(|(before, after)| after as f64 - before as f64);
    [lost, gained, unsettled, shift]
}

/// Accuracy of the intact network, and what the lesion changes.
fn effect(material: &Material, lesion: &Lesioned) -> (Series, LesionEffect) {
    let rows = material.rows;
    let (n_images, n_steps) = (rows.n_images(), rows.n_steps());
    let outcomes = material.options.stable.outcomes(&lesion.rows);
    let parts: Vec<[Option<f64>; 4]> =
        (0..n_images).map(|image| parts(material, lesion, &outcomes, image)).collect();
    let mut sizes = vec![n_images; 3 * n_steps];
    sizes.extend((0..4).map(|part| parts.iter().filter(|of| of[part].is_some()).count()));
    // Right answers without the lesion and with it, by step; then what four means are made of.
    let mut sums = Sums::new(2 * n_steps + 8);
    for (image, parts) in parts.iter().enumerate() {
        for (side, of) in [rows, &lesion.rows].into_iter().enumerate() {
            for (step, &answer) in of.answers(image).iter().enumerate() {
                let right = f64::from(u8::from(answer == rows.labels[image]));
                sums.add(image, side * n_steps + step, right);
            }
        }
        for (at, part) in parts.iter().enumerate() {
            if let Some(part) = *part {
                sums.add(image, 2 * n_steps + at, part);
                sums.add(image, 2 * n_steps + 4 + at, 1.0);
            }
        }
    }
    let estimates = bootstrap(material.replicates(), &sizes, sums, |sums| {
        let (right, of_means) = sums.split_at(2 * n_steps);
        let (without, with) = right.split_at(n_steps);
        let change = with.iter().zip(without).map(|(with, without)| with - without);
        let shares = right.iter().copied().chain(change).map(|count| share(count, n_images as f64));
        shares.chain(means(of_means)).collect()
    });
    let series = |which: usize| estimates[which * n_steps..(which + 1) * n_steps].to_vec();
    let number = |which: usize| estimates[3 * n_steps + which];
    let effect = LesionEffect {
        what: lesion.what.clone(),
        accuracy: series(1),
        accuracy_change: series(2),
        corrections_lost: number(0),
        corrections_gained: number(1),
        stability_lost: number(2),
        stable_shift: number(3),
    };
    (series(0), effect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StableRule;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn effects_are_those_of_a_plain_loop_over_pairs() {
        let fixture = Fixture::random(120, 6);
        let lesioned = fixture.lesioned();
        material(&fixture, |material| {
            let found = Lesion::analyse(material).unwrap();
            let effect = &found.effects[0];
            let right = |f: &Fixture, n: usize, t: usize| f.argmax(n, t) == f.labels[n];
            let accuracy =
                |f: &Fixture, t: usize| (0..120).filter(|&n| right(f, n, t)).count() as f64 / 120.0;
            for t in 0..6 {
                close(found.intact[t].unwrap().value, accuracy(&fixture, t));
                let change = accuracy(&lesioned, t) - accuracy(&fixture, t);
                close(effect.accuracy_change[t].unwrap().value, change);
            }
            let corrected: Vec<usize> =
                (0..120).filter(|&n| !right(&fixture, n, 0) && right(&fixture, n, 5)).collect();
            let lost = corrected.iter().filter(|&&n| !right(&lesioned, n, 5)).count();
            assert!(lost > 0 && lost < corrected.len());
            close(effect.corrections_lost.unwrap().value, lost as f64 / corrected.len() as f64);
            let stable = |f: &Fixture, n: usize| {
                let answers: Vec<usize> = (0..6).map(|t| f.argmax(n, t)).collect();
                StableRule::default().outcome(&answers, f.labels[n]).correct_from()
            };
            let both = (0..120).filter_map(|n| Some((stable(&fixture, n)?, stable(&lesioned, n)?)));
            let shifts: Vec<f64> = both.map(|(before, after)| after as f64 - before as f64).collect();
            close(effect.stable_shift.unwrap().value, shifts.iter().sum::<f64>() / shifts.len() as f64);
            assert_eq!(effect.stable_shift.unwrap().n, shifts.len());
        });
    }
}
