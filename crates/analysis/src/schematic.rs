//! The lengths, angles and distances behind the picture of what a network does to an image.

use serde::{Deserialize, Serialize};

use crate::contrast::{Averages, Contrast, contrast, contrast_table, notes};
use crate::table::Table;
use crate::{Analysis, Error, Material};

/// Figure 3B: norm, angle to the readout vector of the current class, and distance to the
/// boundary of its zone, averaged over steps, of images correct now and not yet.
///
/// Angles are taken image by image and averaged afterwards: `acos cos(r, w_c)` to the readout
/// vector of the current class, and, where zones are cones, `asin(margin / ‖r‖)` to the
/// boundary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schematic {
    /// `‖r‖₂`.
    pub norm: Averages,
    /// Distance to leaving the current zone.
    pub distance: Averages,
    /// Angle to the readout vector of the current class, in degrees.
    pub angle: Contrast,
    /// Angle to the boundary of the current zone, in degrees; absent for readouts with a bias.
    pub boundary_angle: Option<Contrast>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for Schematic {
    const NAME: &'static str = "schematic";
    const TITLE: &'static str = "What happens to a representation";
    const SUMMARY: &'static str = "lengths, angles and distances for a drawing: correct now, and not yet";
    const DESCRIPTION: &'static str = "Images that are correct now and images that are not yet, as two arrows: how \
        long they are, under which angle they see the readout vector of the class they are given, and how far \
        they are from the boundary of its zone.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figure 3B, which is drawn \
        by hand";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let rows = material.rows;
        let readout = rows.need_readout(Self::NAME)?;
        let degrees = |cosine: f64| cosine.clamp(-1.0, 1.0).acos().to_degrees();
        let angle = contrast(material, ("angle to the readout vector", "degree"), |image, step| {
            readout.cosine_answer[[image, step]].map(degrees)
        });
        let boundary_angle = (!readout.biased).then(|| {
            contrast(material, ("angle to the boundary", "degree"), |image, step| {
                let (margin, norm) = (readout.margin[[image, step]]?, rows.norms[[image, step]]);
                (norm > 0.0).then(|| (margin / norm).clamp(-1.0, 1.0).asin().to_degrees())
            })
        });
        let mut notes = notes(&angle);
        if readout.biased {
            notes.push("the readout has a bias: zones are no cones, and their boundary has no angle".into());
        }
        Ok(Self {
            norm: material.norm().average,
            distance: material.margin(readout).average,
            angle,
            boundary_angle,
            notes,
        })
    }

    fn tables(&self) -> Vec<Table> {
        vec![contrast_table("schematic", [&self.angle].into_iter().chain(&self.boundary_angle))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn angles_are_taken_before_they_are_averaged() {
        let fixture = Fixture::random(200, 6);
        material(&fixture, |material| {
            let found = Schematic::analyse(material).unwrap();
            let readout = material.rows.need_readout("schematic").unwrap();
            let members: Vec<usize> = (0..200)
                .filter(|&n| material.outcomes[n].correct_from().is_some_and(|stable| stable <= 2))
                .collect();
            let mean = |value: &dyn Fn(usize) -> f64| {
                members.iter().map(|&n| value(n)).sum::<f64>() / members.len() as f64
            };
            let angle = mean(&|n| fixture.cosine(n, 2, fixture.argmax(n, 2)).acos().to_degrees());
            assert!((found.angle.correct[2].unwrap().value - angle).abs() < 1e-9);
            let boundary =
                mean(&|n| (readout.margin[[n, 2]].unwrap() / fixture.norm(n, 2)).asin().to_degrees());
            close(found.boundary_angle.unwrap().correct[2].unwrap().value, boundary);
        });
    }
}
