//! Which properties of an image put its first representation near the boundary.

use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::resample::{draws_by_weights, estimates, p_value};
use crate::ridge::{Fit, Moments};
use crate::table::Table;
use crate::{Analysis, Error, Estimate, Material};

/// Parts of the images that are predicted in turn from the others.
const FOLDS: usize = 5;
/// Images there must be for every property.
const IMAGES_PER_PROPERTY: usize = 10;

/// Properties of images, measured elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Properties {
    /// Their names.
    pub names: Vec<String>,
    /// `[image, property]`, in the order of the trajectories' images; `None` where an image has
    /// no such value.
    pub values: Array2<Option<f64>>,
}

/// What one property says about the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// Name of the property.
    pub property: String,
    /// Change of the target in its standard deviations per standard deviation of the property,
    /// the other properties held.
    pub coefficient: Option<Estimate>,
    /// Correlation with the target, the other properties left alone.
    pub correlation: Option<Estimate>,
}

/// How well properties predict one distance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// What is predicted.
    pub target: String,
    /// Share of the variance of images left out of the fit that is predicted,
    /// `1 − Σ(y − ŷ)² / Σ(y − ȳ)²` with `ȳ` the mean of the images of the fit; below zero where
    /// the mean alone would predict better.
    pub r_squared: Option<Estimate>,
    /// Share of permutations of the targets among images with as much of it predicted.
    pub p: Option<f64>,
    /// Penalty of the fit to all images, on the scale of correlations.
    pub penalty: Option<f64>,
    /// One per property.
    pub coefficients: Vec<Coefficient>,
}

/// Cross-validated ridge regression of the first boundary distances on image properties.
///
/// Five folds, each with its part of every class and, within a class, of the whole range of
/// the target. Properties are standardised by the images of the fit, the penalty is chosen
/// among them by generalised cross-validation, so that an image never helps to predict itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageProperties {
    /// Images with a value of every property.
    pub n: usize,
    /// Depth in the zone of the true class and distance to leaving the current zone, at `t = 0`.
    pub regressions: Vec<Regression>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for ImageProperties {
    const NAME: &'static str = "image_properties";
    const TITLE: &'static str = "What puts an image near the boundary";
    const SUMMARY: &'static str = "first boundary distances predicted from properties of the images";
    const DESCRIPTION: &'static str = "The distances to the boundary at the first step are predicted from properties \
        of the images (clutter, occlusion, size, contrast, ...) by a regularised linear regression. How well is \
        judged on images that were left out; the coefficients say which properties count when the others are held.";
    const REFERENCE: &'static str = "ours; an open question of Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435); \
        generalised cross-validation: Golub, Heath & Wahba 1979 (Technometrics 21)";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let trajectories = || material.rows.name.clone();
        let readout = material.rows.need_readout(Self::NAME)?;
        let Some(properties) = material.properties else {
            return Err(Error::PropertiesAbsent { trajectories: trajectories(), analysis: Self::NAME });
        };
        let complete: Vec<usize> = (0..material.rows.n_images())
            .filter(|&image| properties.values.row(image).iter().all(Option::is_some))
            .filter(|&image| readout.depth[[image, 0]].is_some() && readout.margin[[image, 0]].is_some())
            .collect();
        let mut notes = Vec::new();
        let without = material.rows.n_images() - complete.len();
        if without > 0 {
            notes.push(format!("{without} images lack a property or a boundary and are left out"));
        }
        let value = |image: usize, property: usize| properties.values[[image, property]].unwrap_or(0.0);
        let varies = |&property: &usize| {
            let first = complete.first().map(|&image| value(image, property));
            complete.iter().any(|&image| Some(value(image, property)) != first)
        };
        let (used, constant): (Vec<usize>, Vec<usize>) = (0..properties.names.len()).partition(varies);
        notes.extend(
            constant.iter().map(|&at| format!("`{}` is the same for all images", properties.names[at])),
        );
        let mut regressions = Vec::new();
        if used.is_empty() || complete.len() < IMAGES_PER_PROPERTY * used.len() {
            notes.push(format!(
                "{} images are too few for {} properties: at least {IMAGES_PER_PROPERTY} are needed for each",
                complete.len(),
                used.len()
            ));
        } else {
            let names: Vec<&str> = used.iter().map(|&at| properties.names[at].as_str()).collect();
            let columns = used.iter().map(|&at| complete.iter().map(|&image| value(image, at)).collect());
            let columns: Vec<Vec<f64>> = columns.map(standardised).collect();
            let rows: Vec<Vec<f64>> =
                (0..complete.len()).map(|row| columns.iter().map(|column| column[row]).collect()).collect();
            for (target, distances) in [
                ("depth in the zone of the true class", &readout.depth),
                ("distance to leaving the current zone", &readout.margin),
            ] {
                let y: Vec<f64> =
                    complete.iter().map(|&image| distances[[image, 0]].unwrap_or(0.0)).collect();
                let data = Data { images: &complete, rows: &rows, labels: &material.rows.labels };
                regressions.push(regression(material, target, &names, &data, &standardised(y)));
            }
        }
        Ok(Self { n: complete.len(), regressions, notes })
    }

    fn tables(&self) -> Vec<Table> {
        let mut fits = Table::of_estimates(
            "image_properties",
            &[
                ("target", "", "which distance at t = 0 is predicted"),
                ("penalty", "", "ridge penalty of the fit to all images, on the scale of correlations"),
                ("p", "", "share of permutations of the target with as much predicted"),
            ],
            ("", "share of the variance of left-out images that is predicted"),
        );
        let mut coefficients = Table::of_estimates(
            "image_properties_coefficients",
            &[
                ("target", "", "which distance at t = 0 is predicted"),
                ("property", "", "property of the image"),
                ("measure", "", "coefficient (the others held) or correlation (alone)"),
            ],
            ("", "in standard deviations of the target per standard deviation of the property"),
        );
        for regression in &self.regressions {
            let target = || regression.target.as_str().into();
            fits.push_estimate(
                vec![target(), regression.penalty.into(), regression.p.into()],
                regression.r_squared.as_ref(),
            );
            for of in &regression.coefficients {
                for (measure, estimate) in
                    [("coefficient", &of.coefficient), ("correlation", &of.correlation)]
                {
                    let keys = vec![target(), of.property.as_str().into(), measure.into()];
                    coefficients.push_estimate(keys, estimate.as_ref());
                }
            }
        }
        vec![fits, coefficients]
    }
}

/// Images that have all properties, those properties, and the classes of all images.
struct Data<'a> {
    images: &'a [usize],
    rows: &'a [Vec<f64>],
    labels: &'a [usize],
}

fn standardised(values: Vec<f64>) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    let scale = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
    values.into_iter().map(|value| (value - mean) * scale).collect()
}

impl Data<'_> {
    /// The fold of every row: images of a class in the order of the target, dealt out in turn.
    fn folds(&self, target: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..target.len()).collect();
        let class = |row: usize| self.labels[self.images[row]];
        order.sort_by(|&a, &b| class(a).cmp(&class(b)).then(target[a].total_cmp(&target[b])).then(a.cmp(&b)));
        let mut folds = vec![0; target.len()];
        order.into_iter().enumerate().for_each(|(turn, row)| folds[row] = turn % FOLDS);
        folds
    }

    /// Second moments of every fold, each image counted `weight` times.
    fn moments(&self, target: &[f64], folds: &[usize], weight: impl Fn(usize) -> f64) -> Vec<Moments> {
        let mut moments = vec![Moments::new(self.rows[0].len()); FOLDS];
        for (row, predictors) in self.rows.iter().enumerate() {
            let weight = weight(self.images[row]);
            if weight > 0.0 {
                moments[folds[row]].add(predictors, target[row], weight);
            }
        }
        moments
    }
}

/// Share of the variance that is predicted out of the fit, and the fit to all.
fn cross_validated(moments: &[Moments]) -> Option<(f64, Fit)> {
    let together = |parts: &mut dyn Iterator<Item = &Moments>| {
        let first = parts.next()?.clone();
        Some(parts.fold(first, |sum, part| sum.plus(part)))
    };
    let (mut left, mut total) = (0.0, 0.0);
    for (fold, out) in moments.iter().enumerate() {
        let mut others = moments.iter().enumerate().filter(|(other, _)| *other != fold).map(|(_, part)| part);
        let (residual, from_mean) = out.residuals(&together(&mut others)?.fit()?);
        left += residual;
        total += from_mean;
    }
    let all = together(&mut moments.iter())?.fit()?;
    (total > 0.0).then(|| (1.0 - left / total, all))
}

fn regression(material: &Material, target: &str, names: &[&str], data: &Data, y: &[f64]) -> Regression {
    let uncertainty = &material.options.uncertainty;
    let folds = data.folds(y);
    let p = names.len();
    let sizes = vec![data.images.len(); 1 + 2 * p];
    let draws = draws_by_weights(material.replicates(), &sizes, |weights| {
        let Some((r_squared, fit)) = cross_validated(&data.moments(y, &folds, |image| weights[image])) else {
            return vec![None; 1 + 2 * p];
        };
        [r_squared].into_iter().chain(fit.standardised).chain(fit.alone).map(Some).collect()
    });
    let estimates = estimates(&draws, uncertainty.level);
    let penalty = cross_validated(&data.moments(y, &folds, |_| 1.0)).map(|(_, fit)| fit.penalty);
    let permuted = |b: usize| {
        let mut shuffled = y.to_vec();
        redyn_core::random::Stream::new(uncertainty.seed, &[b as u64, 8]).shuffle(&mut shuffled);
        let folds = data.folds(&shuffled);
        cross_validated(&data.moments(&shuffled, &folds, |_| 1.0)).map(|(r_squared, _)| r_squared)
    };
    let null: Vec<f64> = (0..uncertainty.replicates).into_par_iter().filter_map(permuted).collect();
    Regression {
        target: target.into(),
        r_squared: estimates[0],
        p: estimates[0].and_then(|observed| p_value(observed.value, &null)),
        penalty,
        coefficients: names
            .iter()
            .enumerate()
            .map(|(at, name)| Coefficient {
                property: (*name).to_owned(),
                coefficient: estimates[1 + at],
                correlation: estimates[1 + p + at],
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn a_property_that_makes_the_distance_is_found_among_others() {
        let fixture = Fixture::random(240, 4);
        material(&fixture, |material| {
            let found = ImageProperties::analyse(material).unwrap();
            assert_eq!((found.n, found.regressions.len()), (240, 2));
            let depth = &found.regressions[0];
            let r_squared = depth.r_squared.unwrap();
            assert!(r_squared.value > 0.5 && r_squared.low.unwrap() > 0.3, "{depth:?}");
            assert_eq!(depth.p, Some(1.0 / 201.0));
            let of = |at: usize| depth.coefficients[at].coefficient.unwrap();
            assert!(
                of(0).low.unwrap() > 0.5 && of(1).low.unwrap() < 0.0 && of(1).high.unwrap() > 0.0,
                "{depth:?}"
            );
        });
    }

    #[test]
    fn nothing_is_predicted_from_what_has_nothing_to_do_with_it() {
        let fixture = Fixture::random(240, 4);
        material(&fixture, |given| {
            let unrelated = given.properties.map(|all| Properties {
                names: vec!["unrelated".into()],
                values: all.values.slice(ndarray::s![.., 1..]).to_owned(),
            });
            let material = Material { properties: unrelated.as_ref(), ..*given };
            let found = ImageProperties::analyse(&material).unwrap();
            assert!(found.regressions[0].r_squared.unwrap().value < 0.05);
            assert!(found.regressions[0].p.unwrap() > 0.05);
        });
    }

    #[test]
    fn every_class_is_spread_over_the_folds() {
        let labels: Vec<usize> = (0..103).map(|image| image % 4).collect();
        let images: Vec<usize> = (0..103).collect();
        let rows = vec![vec![0.0]; 103];
        let data = Data { images: &images, rows: &rows, labels: &labels };
        let target: Vec<f64> = (0..103).map(|image| f64::from(image * 37 % 103)).collect();
        let folds = data.folds(&target);
        for class in 0..4 {
            let n = |fold: usize| (0..103).filter(|&row| labels[row] == class && folds[row] == fold).count();
            assert!((0..FOLDS).all(|fold| (4..=6).contains(&n(fold))));
        }
    }

    #[test]
    fn a_property_alone_has_its_plain_correlation() {
        let fixture = Fixture::random(60, 3);
        material(&fixture, |material| {
            let found = ImageProperties::analyse(material).unwrap();
            // One predictor: the correlation alone is Pearson's.
            let values: Vec<f64> =
                material.properties.unwrap().values.column(0).iter().map(|value| value.unwrap()).collect();
            let depth = &material.rows.readout.as_ref().unwrap().depth;
            let y: Vec<f64> = (0..60).map(|n| depth[[n, 0]].unwrap()).collect();
            let alone = found.regressions[0].coefficients[0].correlation.unwrap().value;
            close(alone, crate::spearman::correlation(&values, &y).unwrap());
        });
    }
}
