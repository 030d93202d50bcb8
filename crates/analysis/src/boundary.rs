//! How far a representation is from the boundary of a readout zone.

use serde::{Deserialize, Serialize};

use crate::contrast::{Contrast, Groups, contrast, contrast_table, notes};
use crate::resample::{bootstrap, means};
use crate::rows::ReadoutRows;
use crate::sums::Sums;
use crate::table::{Table, integer};
use crate::{Analysis, Error, Estimate, Material};

/// Mean over images at the same number of steps from their stable step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelativeStep {
    /// `t − t_s`: negative before the image is correct for good.
    pub offset: i64,
    /// Mean signed distance to the boundary of the zone of the true class.
    pub depth: Option<Estimate>,
}

/// Distance and angle to the boundary of readout zones.
///
/// - depth: exact signed distance to the boundary of the zone of the true class, positive
///   inside. Inside it is the distance to the nearest hyperplane; outside the distance to
///   the nearest point of the zone.
/// - margin: exact distance to leaving the zone of the current answer.
/// - angle: `asin(depth / ‖r‖)`, the angle to the boundary. Without a bias zones are cones:
///   the angle does not depend on the length of the representation, the distance does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Boundary {
    /// Signed distance to the boundary of the true class's zone.
    pub depth: Contrast,
    /// Distance to leaving the current zone.
    pub margin: Contrast,
    /// Signed angle to the boundary of the true class's zone, in degrees; absent for readouts
    /// with a bias.
    pub angle: Option<Contrast>,
    /// Depth by steps from the stable step, over stably correct images.
    pub relative: Vec<RelativeStep>,
    /// Image-steps in which the readout and the logits name different classes.
    pub disagreements: usize,
    /// Image-steps left out because the true class has no zone, or there is no boundary.
    pub without_boundary: usize,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for Boundary {
    const NAME: &'static str = "boundary";
    const TITLE: &'static str = "Distance to the boundary of the zone";
    const SUMMARY: &'static str = "exact signed distance and angle to the boundary of readout zones";
    const DESCRIPTION: &'static str = "A linear readout divides the space of representations into one convex zone \
        per class. Depth is the signed distance to the boundary of the true class's zone (positive inside), margin \
        the distance to leaving the current one, both exact. Without a bias the zones are cones, and the angle to \
        the boundary does not depend on the length of the representation.";
    const REFERENCE: &'static str = "readout zones: Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), section 3; \
        projection onto a zone: Goldfarb & Idnani 1983 (Mathematical Programming 27)";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let rows = material.rows;
        let readout = rows.need_readout(Self::NAME)?;
        let depth =
            contrast(material, ("depth in the zone of the true class", "activation"), |image, step| {
                readout.depth[[image, step]]
            });
        let margin = material.margin(readout).clone();
        let angle =
            |image: usize, step: usize| angle(readout.depth[[image, step]]?, rows.norms[[image, step]]);
        let angle = (!readout.biased)
            .then(|| contrast(material, ("angle to the boundary of the true class's zone", "degree"), angle));
        let mut notes = notes(&depth);
        if readout.biased {
            notes.push("the readout has a bias: zones are no cones and have no angles".into());
        }
        let without_boundary = readout.depth.iter().filter(|depth| depth.is_none()).count();
        if without_boundary > 0 {
            notes.push(format!(
                "{without_boundary} image-steps have no boundary to their true class and are left out"
            ));
        }
        Ok(Self {
            depth,
            margin,
            angle,
            relative: relative(material, readout),
            disagreements: readout.disagreements,
            without_boundary,
            notes,
        })
    }

    fn tables(&self) -> Vec<Table> {
        let contrasts = [&self.depth, &self.margin].into_iter().chain(&self.angle);
        let mut relative = Table::of_estimates(
            "relative",
            &[("offset", "steps", "t minus the image's stable step")],
            ("activation", "mean signed distance to the boundary of the true class's zone"),
        );
        for at in &self.relative {
            relative.push_estimate(vec![crate::Cell::Integer(at.offset)], at.depth.as_ref());
        }
        vec![contrast_table("boundary", contrasts), relative]
    }
}

/// Angle in degrees under which the boundary is seen from the origin; `None` at the origin.
fn angle(depth: f64, norm: f64) -> Option<f64> {
    (norm > 0.0).then(|| (depth / norm).clamp(-1.0, 1.0).asin().to_degrees())
}

fn relative(material: &Material, readout: &ReadoutRows) -> Vec<RelativeStep> {
    let groups = Groups::new(material);
    let n_steps = groups.n_steps;
    let at = |stable: usize, step: usize| step + n_steps - 1 - stable;
    let mut sizes = vec![0; 2 * n_steps - 1];
    for &(image, stable) in &groups.members {
        for step in (0..n_steps).filter(|&step| readout.depth[[image, step]].is_some()) {
            sizes[at(stable, step)] += 1;
        }
    }
    let mut sums = Sums::of_means(sizes.len());
    for &(image, stable) in &groups.members {
        for step in 0..n_steps {
            if let Some(depth) = readout.depth[[image, step]] {
                sums.add_to_mean(image, at(stable, step), depth);
            }
        }
    }
    let estimates = bootstrap(material.replicates(), &sizes, sums, means);
    let first = 1 - integer(n_steps);
    (first..).zip(estimates).map(|(offset, depth)| RelativeStep { offset, depth }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StableRule;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn depth_before_and_after_the_stable_step_is_that_of_a_plain_loop() {
        let fixture = Fixture::random(80, 5);
        material(&fixture, |material| {
            let found = Boundary::analyse(material).unwrap();
            let readout = material.rows.need_readout("boundary").unwrap();
            for relative in &found.relative {
                let mut depths = Vec::new();
                for image in 0..80 {
                    let outcome =
                        StableRule::default().outcome(material.rows.answers(image), fixture.labels[image]);
                    for step in 0..5 {
                        let offset = outcome.correct_from().map(|stable| integer(step) - integer(stable));
                        if offset == Some(relative.offset) {
                            depths.push(readout.depth[[image, step]].unwrap());
                        }
                    }
                }
                assert_eq!(relative.depth.is_some(), !depths.is_empty());
                if let Some(depth) = relative.depth {
                    close(depth.value, depths.iter().sum::<f64>() / depths.len() as f64);
                    assert_eq!(depth.n, depths.len());
                }
            }
            let sign = |offset| found.relative.iter().find(|r| r.offset == offset).unwrap().depth.unwrap();
            assert!(sign(-1).value < 0.0 && sign(0).value > 0.0);
        });
    }

    #[test]
    fn correct_means_inside_and_wrong_means_outside() {
        let fixture = Fixture::random(50, 4);
        material(&fixture, |material| {
            let readout = material.rows.need_readout("boundary").unwrap();
            for image in 0..50 {
                for step in 0..4 {
                    let correct = fixture.argmax(image, step) == fixture.labels[image];
                    let depth = readout.depth[[image, step]].unwrap();
                    assert_eq!(correct, depth >= 0.0);
                    assert!(readout.margin[[image, step]].unwrap() >= 0.0);
                    if correct {
                        assert_eq!(readout.margin[[image, step]], Some(depth));
                    }
                }
            }
        });
    }

    #[test]
    fn the_angle_of_half_the_length_is_thirty_degrees() {
        close(angle(-1.0, 2.0).unwrap(), -30.0);
        assert_eq!(angle(0.0, 0.0), None);
    }
}
