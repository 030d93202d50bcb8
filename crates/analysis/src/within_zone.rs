//! What happens after the answer is right for good: whether representations keep moving.

use serde::{Deserialize, Serialize};

use crate::resample::{bootstrap, means};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material, Series};

/// One quantity after the stable step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Within {
    /// What was measured.
    pub quantity: String,
    /// Its unit; empty for pure numbers.
    pub unit: String,
    /// Mean over stably correct images, by steps since the stable step.
    pub by_step: Series,
    /// Mean over an image's steps, then over images.
    pub average: Option<Estimate>,
}

/// Motion of stably correct images within the zone of their class, by steps `k` since the
/// stable step, with `t = t_s + k`.
///
/// - speed: `‖r(t+1) − r(t)‖₂`, and relative speed: the same over `‖r(t)‖₂`
/// - depth change: how much farther from the boundary of the zone at `t + 1` than at `t`
/// - persistence: `cos(r(t+1) − r(t), r(t+2) − r(t+1))`; 1 straight on, 0 at right angles, −1
///   back
///
/// # Limits
/// Images that settle late are followed for fewer steps: means at large `k` are over early
/// ones only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WithinZone {
    /// Number of stably correct images.
    pub n: usize,
    /// `‖r(t+1) − r(t)‖₂`.
    pub speed: Within,
    /// `‖r(t+1) − r(t)‖₂ / ‖r(t)‖₂`.
    pub relative_speed: Within,
    /// Change of the distance to the boundary; absent without a linear readout.
    pub depth_change: Option<Within>,
    /// Cosine of successive changes.
    pub persistence: Within,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for WithinZone {
    const NAME: &'static str = "within_zone";
    const TITLE: &'static str = "After the answer is right for good";
    const SUMMARY: &'static str = "speed, gain in depth and persistence of direction within the zone";
    const DESCRIPTION: &'static str = "Once an image is correct for good its representation stays in the zone of \
        its class, but need not stand still. Measured from the stable step on: how fast it moves, whether it moves \
        away from the boundary, and whether it keeps its direction.";
    const REFERENCE: &'static str =
        "ours; an open question of Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435)";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let rows = material.rows;
        rows.need_steps(Self::NAME, 3)?;
        let n_steps = rows.n_steps();
        let mut notes = Vec::new();
        let depth_change = match rows.need_readout(Self::NAME) {
            Ok(readout) => {
                Some(within(material, ("depth change", "activation"), n_steps - 1, |image, step| {
                    Some(readout.depth[[image, step + 1]]? - readout.depth[[image, step]]?)
                }))
            }
            Err(error) => {
                notes.push(format!("no depth: {error}"));
                None
            }
        };
        let speed = within(material, ("speed", "activation"), n_steps - 1, |image, step| {
            Some(rows.changes[[image, step]])
        });
        let relative_speed = within(material, ("relative speed", ""), n_steps - 1, |image, step| {
            let norm = rows.norms[[image, step]];
            (norm > 0.0).then(|| rows.changes[[image, step]] / norm)
        });
        let persistence =
            within(material, ("persistence", ""), n_steps - 2, |image, step| rows.persistence[[image, step]]);
        let n = material.outcomes.iter().filter(|outcome| outcome.correct_from().is_some()).count();
        if n == 0 {
            notes.push("no image is stably correct: there is no motion to follow".into());
        }
        Ok(Self { n, speed, relative_speed, depth_change, persistence, notes })
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "within_zone",
            &[
                ("quantity", "", "what was measured"),
                ("unit", "", "unit of value, low and high"),
                (
                    "steps_since",
                    "steps",
                    "steps since the stable step; empty for the mean over an image's steps, then over images",
                ),
            ],
            ("see column unit", "mean over stably correct images"),
        );
        let quantities = [&self.speed, &self.relative_speed].into_iter().chain(&self.depth_change);
        for within in quantities.chain([&self.persistence]) {
            let keys = |since: Option<usize>| {
                vec![within.quantity.as_str().into(), within.unit.as_str().into(), since.into()]
            };
            for (since, estimate) in within.by_step.iter().enumerate() {
                table.push_estimate(keys(Some(since)), estimate.as_ref());
            }
            table.push_estimate(keys(None), within.average.as_ref());
        }
        vec![table]
    }
}

/// A quantity that has `width` steps, from each image's stable step on.
fn within(
    material: &Material,
    (quantity, unit): (&str, &str),
    width: usize,
    value: impl Fn(usize, usize) -> Option<f64>,
) -> Within {
    let members: Vec<(usize, Vec<Option<f64>>)> = material
        .outcomes
        .iter()
        .enumerate()
        .filter_map(|(image, outcome)| {
            let stable = outcome.correct_from()?;
            Some((image, (stable..width).map(|step| value(image, step)).collect()))
        })
        .collect();
    let own_mean = |values: &[Option<f64>]| crate::resample::mean(values.iter().copied().flatten());
    let averages: Vec<Option<f64>> = members.iter().map(|(_, values)| own_mean(values)).collect();
    let mut sizes = vec![0; width + 1];
    for ((_, values), average) in members.iter().zip(&averages) {
        values.iter().enumerate().for_each(|(since, value)| sizes[since] += usize::from(value.is_some()));
        sizes[width] += usize::from(average.is_some());
    }
    let mut sums = Sums::of_means(width + 1);
    for ((image, values), average) in members.iter().zip(&averages) {
        for (since, value) in values.iter().enumerate() {
            if let Some(value) = value {
                sums.add_to_mean(*image, since, *value);
            }
        }
        if let Some(average) = average {
            sums.add_to_mean(*image, width, *average);
        }
    }
    let mut estimates = bootstrap(material.replicates(), &sizes, sums, means);
    let average = estimates.pop().flatten();
    Within { quantity: quantity.into(), unit: unit.into(), by_step: estimates, average }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};

    fn cosine_of_changes(fixture: &Fixture, image: usize, step: usize) -> f64 {
        let at = |t: usize, u: usize| f64::from(fixture.representations[[image, t, u]]);
        let change = |t: usize| (0..11).map(move |u| at(t + 1, u) - at(t, u)).collect::<Vec<f64>>();
        let (a, b) = (change(step), change(step + 1));
        let product: f64 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
        product / (fixture.change(image, step) * fixture.change(image, step + 1))
    }

    #[test]
    fn means_since_the_stable_step_are_those_of_a_plain_loop() {
        let fixture = Fixture::random(80, 7);
        material(&fixture, |material| {
            let found = WithinZone::analyse(material).unwrap();
            let stable = |n: usize| material.outcomes[n].correct_from();
            for since in 0..6 {
                let (mut speeds, mut cosines) = (Vec::new(), Vec::new());
                for image in 0..80 {
                    let Some(step) = stable(image).map(|stable| stable + since) else { continue };
                    if step < 6 {
                        speeds.push(fixture.change(image, step));
                    }
                    if step < 5 {
                        cosines.push(cosine_of_changes(&fixture, image, step));
                    }
                }
                let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
                let speed = found.speed.by_step[since].unwrap();
                assert_eq!(speed.n, speeds.len());
                close(speed.value, mean(&speeds));
                if since < 5 {
                    close(found.persistence.by_step[since].unwrap().value, mean(&cosines));
                }
            }
            let own = |n: usize| {
                let stable = stable(n)?;
                let n_changes = (6 - stable) as f64;
                Some((stable..6).map(|step| fixture.change(n, step)).sum::<f64>() / n_changes)
            };
            let own: Vec<f64> = (0..80).filter_map(own).collect();
            close(found.speed.average.unwrap().value, own.iter().sum::<f64>() / own.len() as f64);
            assert_eq!(found.n, own.len());
        });
    }

    #[test]
    fn depth_gained_step_by_step_adds_up() {
        let fixture = Fixture::random(60, 5);
        material(&fixture, |material| {
            let found = WithinZone::analyse(material).unwrap();
            let depth = &material.rows.need_readout("within_zone").unwrap().depth;
            let members: Vec<usize> =
                (0..60).filter(|&n| material.outcomes[n].correct_from() == Some(0)).collect();
            // At the largest distance from the stable step there are only those settled at once.
            let last = found.depth_change.unwrap().by_step[3].unwrap();
            assert_eq!(last.n, members.len());
            let gained: f64 = members.iter().map(|&n| depth[[n, 4]].unwrap() - depth[[n, 3]].unwrap()).sum();
            close(last.value, gained / members.len() as f64);
        });
    }
}
