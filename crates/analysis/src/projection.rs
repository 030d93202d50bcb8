//! A plane in which to watch representations move.

use redyn_core::random::Stream;
use serde::{Deserialize, Serialize};

use crate::numeric::dot;
use crate::principal::{Principal, principal};
use crate::table::Table;
use crate::{Analysis, Course, Error, Material};

/// Which plane representations are projected onto.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// First two principal components of the shown representations, pooled over steps.
    #[default]
    PrincipalComponents,
    /// The plane in which the readout vectors of these classes spread most.
    Readouts {
        /// Class indices, at least three.
        classes: Vec<usize>,
    },
}

/// Which images and which plane to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlaneOptions {
    /// The plane.
    pub plane: Plane,
    /// Number of images; all, where there are fewer.
    pub n_images: usize,
    /// Points of the grid of zones along each axis.
    pub grid: usize,
}

impl Default for PlaneOptions {
    fn default() -> Self {
        Self { plane: Plane::default(), n_images: 60, grid: 96 }
    }
}

impl PlaneOptions {
    /// Check the options by themselves.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let setting =
            |option, found: usize, needs| Err(Error::Setting { option, found: found.to_string(), needs });
        match &self.plane {
            Plane::Readouts { classes } if classes.len() < 3 => {
                setting("plane.classes", classes.len(), "three classes or more: two span a line")
            }
            _ if self.n_images == 0 => setting("plane.n_images", 0, "at least 1"),
            _ if !(2..=2048).contains(&self.grid) => setting("plane.grid", self.grid, "between 2 and 2048"),
            _ => Ok(()),
        }
    }
}

/// One image on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Index of the image.
    pub image: usize,
    /// True class.
    pub label: usize,
    /// How its classification went.
    pub course: Course,
    /// Its stable step.
    pub stable_step: Option<usize>,
    /// The class it is given, per step.
    pub answers: Vec<usize>,
    /// Where it is, per step.
    pub points: Vec<[f64; 2]>,
}

/// The readout's zones in the plane through the mean.
///
/// `argmax_k (W (m + x u + y v) + b)_k`: a slice. Representations lie off the plane, so that
/// a point may be drawn in another zone than it is in; [`Projection::agreement`] says how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneGrid {
    /// Points along each axis.
    pub n: usize,
    /// First and last `x`.
    pub x: [f64; 2],
    /// First and last `y`.
    pub y: [f64; 2],
    /// Class at each point, row by row from the smallest `y`: `[n × n]`.
    pub classes: Vec<usize>,
}

/// Representations of some images in one plane, at all steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// Class names.
    pub classes: Vec<String>,
    /// The plane.
    pub plane: Plane,
    /// Share of the variance of the shown representations along each axis.
    pub explained: [f64; 2],
    /// The images, balanced over stable steps and classes.
    pub shown: Vec<Shown>,
    /// The readout's zones in the plane; absent without a readout.
    pub zones: Option<ZoneGrid>,
    /// Share of shown points whose zone in the slice is the class they are given.
    pub agreement: Option<f64>,
    /// What the picture cannot show.
    pub notes: Vec<String>,
}

impl Analysis for Projection {
    const NAME: &'static str = "projection";
    const TITLE: &'static str = "Watching representations move";
    const SUMMARY: &'static str = "2-D projection of some images at all steps, with the readout zones";
    const DESCRIPTION: &'static str = "Representations of a balanced choice of images at all steps, projected onto \
        one plane: by default that of their first two principal components. Shaded are the readout's zones in the \
        slice through the mean; points lie off that slice, so the class given is marked for each.";
    const REFERENCE: &'static str = "ours, after the schematic of Thorat, Doerig & Kietzmann 2023 \
        (arXiv 2308.12435), figure 3B";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let about = material.trajectories.description();
        let options = &material.options.plane;
        let images = choose(material, options.n_images);
        let (n_steps, n_units) = (about.n_steps, about.n_units);
        let mut points: Vec<f64> = Vec::with_capacity(images.len() * n_steps * n_units);
        for &image in &images {
            let block = material.trajectories.read(image..image + 1).map_err(|cause| Error::Source {
                trajectories: about.name.clone(),
                images: image..image + 1,
                cause,
            })?;
            points.extend(block.representations.iter().map(|&value| f64::from(value)));
        }
        let mut notes = Vec::new();
        let (mean, axes, explained) = plane(material, &points, n_units)?;
        if explained[0] == 0.0 {
            notes.push("the shown representations are all the same".to_owned());
        } else if explained[1] == 0.0 {
            notes.push("the shown representations spread along one direction only".to_owned());
        }
        let place = |point: &[f64]| -> [f64; 2] {
            [0, 1].map(|axis| point.iter().zip(&mean).zip(&axes[axis]).map(|((x, m), a)| (x - m) * a).sum())
        };
        let places: Vec<[f64; 2]> = points.chunks_exact(n_units).map(place).collect();
        let slice = about.readout.as_ref().map(|readout| {
            let row = |class: usize| -> Vec<f64> {
                readout.weight.row(class).iter().map(|&w| f64::from(w)).collect()
            };
            let bias = |class: usize| readout.bias.as_ref().map_or(0.0, |bias| f64::from(bias[class]));
            let classes = 0..about.classes.len();
            Slice(
                classes
                    .map(|class| {
                        let w = row(class);
                        [dot(&w, &mean) + bias(class), dot(&w, &axes[0]), dot(&w, &axes[1])]
                    })
                    .collect(),
            )
        });
        let shown: Vec<Shown> = images
            .iter()
            .zip(places.chunks_exact(n_steps))
            .map(|(&image, places)| Shown {
                image,
                label: material.rows.labels[image],
                course: material.outcomes[image].course,
                stable_step: material.outcomes[image].step,
                answers: material.rows.answers(image).to_vec(),
                points: places.to_vec(),
            })
            .collect();
        let agreement = slice.as_ref().map(|slice| {
            let pairs = shown.iter().flat_map(|shown| shown.points.iter().zip(&shown.answers));
            let agree = pairs.filter(|&(&point, &answer)| slice.class(point) == answer).count();
            agree as f64 / places.len() as f64
        });
        let zones = slice.map(|slice| slice.grid(&places, options.grid));
        if zones.is_none() {
            notes.push("without a linear readout there are no zones to draw".to_owned());
        }
        let plane = options.plane.clone();
        Ok(Self { classes: about.classes.clone(), plane, explained, shown, zones, agreement, notes })
    }

    fn tables(&self) -> Vec<Table> {
        let mut table = Table::new(
            "projection",
            &[
                ("image", "", "index of the image, from 0"),
                ("label", "", "true class"),
                ("step", "step, from 0", "step"),
                ("answer", "", "class given at this step"),
                ("x", "activation", "position along the first axis of the plane"),
                ("y", "activation", "position along the second axis of the plane"),
            ],
        );
        for shown in &self.shown {
            for (step, (point, &answer)) in shown.points.iter().zip(&shown.answers).enumerate() {
                table.push(vec![
                    shown.image.into(),
                    self.classes[shown.label].as_str().into(),
                    step.into(),
                    self.classes[answer].as_str().into(),
                    point[0].into(),
                    point[1].into(),
                ]);
            }
        }
        vec![table]
    }
}

/// Images balanced over ways of classification (by stable step) and classes.
///
/// The images are put in a random order, drawn at `(seed, [2⁶⁴ − 1])`; the groups take turns,
/// and each turn goes to the first image of a class shown least so far. In ascending order.
fn choose(material: &Material, n_images: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..material.rows.n_images()).collect();
    Stream::new(material.options.uncertainty.seed, &[u64::MAX]).shuffle(&mut order);
    let mut groups: std::collections::BTreeMap<(Course, Option<usize>), Vec<usize>> =
        std::collections::BTreeMap::new();
    for image in order {
        let outcome = material.outcomes[image];
        groups.entry((outcome.course, outcome.step)).or_default().push(image);
    }
    let mut shown_of = vec![0; material.rows.n_classes];
    let mut chosen = Vec::new();
    while chosen.len() < n_images && groups.values().any(|group| !group.is_empty()) {
        for group in groups.values_mut() {
            let least = (0..group.len()).min_by_key(|&at| shown_of[material.rows.labels[group[at]]]);
            if let Some(at) = least.filter(|_| chosen.len() < n_images) {
                let image = group.remove(at);
                shown_of[material.rows.labels[image]] += 1;
                chosen.push(image);
            }
        }
    }
    chosen.sort_unstable();
    chosen
}

type Axes = (Vec<f64>, [Vec<f64>; 2], [f64; 2]);

fn plane(material: &Material, points: &[f64], n_units: usize) -> Result<Axes, Error> {
    let about = material.trajectories.description();
    let Principal { mean, axes, explained } = principal(points, n_units);
    let Plane::Readouts { classes } = &material.options.plane.plane else {
        return Ok((mean, axes, explained));
    };
    let Some(readout) = &about.readout else {
        let trajectories = about.name.clone();
        return Err(Error::ReadoutAbsent { trajectories, analysis: Projection::NAME });
    };
    if let Some(class) = classes.iter().find(|&&class| class >= about.classes.len()) {
        return Err(Error::Setting {
            option: "plane.classes",
            found: class.to_string(),
            needs: "the index of a class, from 0",
        });
    }
    let vectors: Vec<f64> =
        classes.iter().flat_map(|&class| readout.weight.row(class).to_vec()).map(f64::from).collect();
    let axes = principal(&vectors, n_units).axes;
    let (mut along, mut total) = ([0.0; 2], 0.0);
    for point in points.chunks_exact(n_units) {
        let away: Vec<f64> = point.iter().zip(&mean).map(|(x, m)| x - m).collect();
        total += dot(&away, &away);
        for (sum, axis) in along.iter_mut().zip(&axes) {
            *sum += dot(&away, axis).powi(2);
        }
    }
    let explained = along.map(|along| if total > 0.0 { along / total } else { 0.0 });
    Ok((mean, axes, explained))
}

/// Scores in the plane, per class: at the mean, and per unit along each axis.
struct Slice(Vec<[f64; 3]>);

impl Slice {
    fn class(&self, [x, y]: [f64; 2]) -> usize {
        let score = |class: usize| self.0[class][0] + x * self.0[class][1] + y * self.0[class][2];
        (1..self.0.len()).fold(0, |best, class| if score(class) > score(best) { class } else { best })
    }

    /// Zones on a grid a tenth wider than the points on every side.
    fn grid(&self, points: &[[f64; 2]], n: usize) -> ZoneGrid {
        let range = |axis: usize| {
            let low = points.iter().map(|point| point[axis]).fold(f64::INFINITY, f64::min);
            let high = points.iter().map(|point| point[axis]).fold(f64::NEG_INFINITY, f64::max);
            let margin = if high > low { 0.1 * (high - low) } else { 1.0 };
            [low - margin, high + margin]
        };
        let (x, y) = (range(0), range(1));
        let at = |[low, high]: [f64; 2], index: usize| low + (high - low) * index as f64 / (n - 1) as f64;
        let classes = (0..n * n).map(|point| self.class([at(x, point % n), at(y, point / n)])).collect();
        ZoneGrid { n, x, y, classes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::fixture::{Fixture, close, material, material_with};

    #[test]
    fn distances_in_the_plane_never_exceed_those_in_space() {
        let fixture = Fixture::random(40, 5);
        material(&fixture, |material| {
            let found = Projection::analyse(material).unwrap();
            assert_eq!(found.shown.len(), 40);
            for shown in &found.shown {
                for step in 0..4 {
                    let [a, b] = [shown.points[step], shown.points[step + 1]];
                    let drawn = ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt();
                    assert!(drawn <= fixture.change(shown.image, step) + 1e-9);
                }
            }
            assert!(found.explained[0] >= found.explained[1] && found.explained[1] > 0.0);
            assert!(found.explained.iter().sum::<f64>() <= 1.0 + 1e-12);
            for axis in 0..2 {
                close(found.shown.iter().flat_map(|s| &s.points).map(|p| p[axis]).sum::<f64>() + 1.0, 1.0);
            }
        });
    }

    #[test]
    fn every_group_and_class_gets_its_turn() {
        let fixture = Fixture::random(200, 5);
        let mut options = Options::default();
        options.plane.n_images = 24;
        options.uncertainty.replicates = 0;
        material_with(&fixture, &options, |material| {
            let found = Projection::analyse(material).unwrap();
            assert_eq!(found.shown.len(), 24);
            let mut groups: Vec<_> = material.outcomes.iter().map(|o| (o.course, o.step)).collect();
            groups.sort_unstable();
            groups.dedup();
            let shown = |group| found.shown.iter().filter(|s| (s.course, s.stable_step) == group).count();
            assert!(groups.len() <= 24 && groups.into_iter().all(|group| shown(group) > 0));
            let classes = (0..fixture.n_classes()).filter(|&k| found.shown.iter().any(|s| s.label == k));
            assert_eq!(classes.count(), fixture.n_classes());
        });
    }

    #[test]
    fn the_grid_is_the_readout_on_the_slice() {
        let fixture = Fixture::random(30, 3);
        let plane = PlaneOptions { plane: Plane::Readouts { classes: vec![0, 2, 3] }, n_images: 10, grid: 5 };
        let options = Options { plane, ..Options::default() };
        material_with(&fixture, &options, |material| {
            let found = Projection::analyse(material).unwrap();
            let zones = found.zones.unwrap();
            assert_eq!(zones.classes.len(), 25);
            assert!(zones.x[0] < zones.x[1] && zones.y[0] < zones.y[1]);
            assert!(found.agreement.unwrap() > 0.0);
        });
    }
}
