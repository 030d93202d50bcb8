//! Whether one more step draws nearby states together or apart.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::contrast::{Contrast, contrast, contrast_table, notes};
use crate::resample::{bootstrap, share};
use crate::sums::Sums;
use crate::table::Table;
use crate::{Analysis, Error, Material, Series};

/// What the one-step Jacobians of some images are like, along their trajectories.
///
/// `J_n(t) = ∂s(t+1)/∂s(t)` at image `n`, with `s(t)` the whole state that steps hand on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JacobianRows {
    /// Which images of the trajectories, by index, ascending.
    pub images: Vec<usize>,
    /// Largest singular value of `J(t)`: `[image, step]`.
    pub singular: Array2<f64>,
    /// Real part of the eigenvalue of largest modulus: `[image, step]`.
    pub eigenvalue_real: Array2<f64>,
    /// The size of its imaginary part: `[image, step]`.
    pub eigenvalue_imaginary: Array2<f64>,
    /// Residuals as a share of the value, of singular values and of eigenvalues: `[image, step]`.
    pub singular_residual: Array2<f64>,
    /// See `singular_residual`.
    pub eigenvalue_residual: Array2<f64>,
    /// Share at which a residual counts as settled.
    pub tolerance: f64,
}

impl JacobianRows {
    /// Spectral radius of an image's `J(t)`.
    fn radius(&self, at: [usize; 2]) -> f64 {
        self.eigenvalue_real[at].hypot(self.eigenvalue_imaginary[at])
    }

    /// That everything belongs to `n_images` images of `n_steps` steps.
    fn check(&self, name: &str, n_images: usize, n_steps: usize) -> Result<(), Error> {
        let shape = (self.images.len(), n_steps.saturating_sub(1));
        let arrays = [
            &self.singular,
            &self.eigenvalue_real,
            &self.eigenvalue_imaginary,
            &self.singular_residual,
            &self.eigenvalue_residual,
        ];
        let fits = arrays.iter().all(|array| array.dim() == shape)
            && self.images.is_sorted_by(|a, b| a < b)
            && self.images.last().is_none_or(|&last| last < n_images);
        if fits {
            Ok(())
        } else {
            Err(Error::JacobianUnfit { trajectories: name.to_owned(), expected: shape })
        }
    }
}

/// How the network's steps treat nearby states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Largest singular value, mean over all images that were looked at, per step: how much the
    /// most amplified change of the state grows in one step.
    pub singular: Series,
    /// Spectral radius, the same way: the growth per step that repeating this step for ever would
    /// settle at.
    pub radius: Series,
    /// Share of images whose step shrinks every change (largest singular value below 1).
    pub contracting: Series,
    /// Share of images whose step, repeated, would settle (spectral radius below 1).
    pub settling: Series,
    /// Largest singular value, correct now against not yet.
    pub singular_contrast: Contrast,
    /// Spectral radius, correct now against not yet.
    pub radius_contrast: Contrast,
    /// Values whose residual is above the tolerance, of how many.
    pub unsettled: (usize, usize),
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for Stability {
    const NAME: &'static str = "stability";
    const TITLE: &'static str = "Do steps draw states together, or apart?";
    const SUMMARY: &'static str = "largest singular value and spectral radius of the one-step Jacobian";
    const DESCRIPTION: &'static str = "The Jacobian of one step says what becomes of a small change of the network's \
        whole state. Its largest singular value is the growth of the most amplified change in that step; its spectral \
        radius is the growth per step if the same step were repeated for ever. Below 1, changes die out.";
    const REFERENCE: &'static str =
        "linear stability along a trajectory; Krylov methods of Golub, Kahan & Lanczos and of Arnoldi";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let rows = material.rows;
        let Some(jacobians) = material.jacobians else {
            return Err(Error::JacobianAbsent { trajectories: rows.name.clone() });
        };
        jacobians.check(&rows.name, rows.n_images(), rows.n_steps())?;
        let (n_looked_at, n_steps) = jacobians.singular.dim();
        let sizes = vec![n_looked_at; 4 * n_steps];
        // Four totals per step, and the number of images.
        let mut sums = Sums::new(4 * n_steps + 1);
        for (row, &image) in jacobians.images.iter().enumerate() {
            for step in 0..n_steps {
                let (singular, radius) = (jacobians.singular[[row, step]], jacobians.radius([row, step]));
                let below = |value: f64| f64::from(u8::from(value < 1.0));
                let values = [singular, radius, below(singular), below(radius)];
                for (which, value) in values.into_iter().enumerate() {
                    sums.add(image, which * n_steps + step, value);
                }
            }
            sums.add(image, 4 * n_steps, 1.0);
        }
        let estimates = bootstrap(material.replicates(), &sizes, sums, |sums| {
            let (totals, count) = sums.split_at(4 * n_steps);
            totals.iter().map(|&total| share(total, count[0])).collect()
        });
        let series = |which: usize| estimates[which * n_steps..(which + 1) * n_steps].to_vec();
        let mut row_of = vec![None; rows.n_images()];
        for (row, &image) in jacobians.images.iter().enumerate() {
            row_of[image] = Some(row);
        }
        let place = |image: usize, step: usize| {
            row_of[image].filter(|_| step < n_steps).map(|row: usize| [row, step])
        };
        let singular_contrast = contrast(material, ("largest singular value", ""), |image, step| {
            place(image, step).map(|at| jacobians.singular[at])
        });
        let radius_contrast = contrast(material, ("spectral radius", ""), |image, step| {
            place(image, step).map(|at| jacobians.radius(at))
        });
        let residuals = jacobians.singular_residual.iter().chain(&jacobians.eigenvalue_residual);
        let unsettled = residuals.filter(|&&residual| residual > jacobians.tolerance).count();
        let unsettled = (unsettled, 2 * jacobians.singular.len());
        let mut notes = notes(&singular_contrast);
        if unsettled.0 > 0 {
            notes.push(format!(
                "{} of {} values are known to worse than {} of their size; more vectors would settle them",
                unsettled.0, unsettled.1, jacobians.tolerance
            ));
        }
        Ok(Self {
            singular: series(0),
            radius: series(1),
            contracting: series(2),
            settling: series(3),
            singular_contrast,
            radius_contrast,
            unsettled,
            notes,
        })
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::of_estimates(
            "stability",
            &[
                ("quantity", "", "what was measured of the one-step Jacobian"),
                ("step", "step, from 0", "the step whose state is taken one step further"),
            ],
            ("", "mean over the images looked at"),
        );
        for (quantity, series) in [
            ("largest singular value", &self.singular),
            ("spectral radius", &self.radius),
            ("share with largest singular value below 1", &self.contracting),
            ("share with spectral radius below 1", &self.settling),
        ] {
            for (step, estimate) in series.iter().enumerate() {
                table.push_estimate(vec![quantity.into(), step.into()], estimate.as_ref());
            }
        }
        vec![table, contrast_table("stability_groups", [&self.singular_contrast, &self.radius_contrast])]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StableRule;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn means_and_groups_are_those_of_a_plain_loop() {
        let fixture = Fixture::random(300, 6);
        let jacobians = fixture.jacobians(2);
        material(&fixture, |material| {
            let found = Stability::analyse(&Material { jacobians: Some(&jacobians), ..*material }).unwrap();
            for step in 0..5 {
                let column: Vec<f64> = (0..150).map(|row| jacobians.singular[[row, step]]).collect();
                close(found.singular[step].unwrap().value, column.iter().sum::<f64>() / 150.0);
                let below = column.iter().filter(|&&value| value < 1.0).count();
                close(found.contracting[step].unwrap().value, below as f64 / 150.0);
                let correct: Vec<f64> = (0..150)
                    .filter(|row| {
                        let image = 2 * row;
                        let answers: Vec<usize> = (0..6).map(|t| fixture.argmax(image, t)).collect();
                        let outcome = StableRule::default().outcome(&answers, fixture.labels[image]);
                        outcome.correct_from().is_some_and(|stable| stable <= step)
                    })
                    .map(|row| jacobians.singular[[row, step]])
                    .collect();
                let estimate = found.singular_contrast.correct[step];
                assert_eq!(estimate.map_or(0, |estimate| estimate.n), correct.len());
                if let Some(estimate) = estimate {
                    close(estimate.value, correct.iter().sum::<f64>() / correct.len() as f64);
                }
            }
            let above = jacobians.eigenvalue_residual.iter().filter(|&&value| value > 1e-3).count();
            assert_eq!(found.unsettled, (above, 1500));
        });
    }

    #[test]
    fn jacobians_of_other_trajectories_are_refused() {
        let fixture = Fixture::random(20, 6);
        for unfit in [Fixture::random(20, 5).jacobians(2), Fixture::random(30, 6).jacobians(2)] {
            material(&fixture, |material| {
                let found = Stability::analyse(&Material { jacobians: Some(&unfit), ..*material });
                assert!(matches!(found, Err(Error::JacobianUnfit { .. })));
            });
        }
        material(&fixture, |material| {
            assert!(Stability::analyse(material).unwrap_err().is_inapplicable());
        });
    }
}
