//! Small trajectories for tests, with plain twins of what is measured on them.

use std::ops::Range;

use ndarray::{Array2, Array3, s};
use redyn_core::random::Stream;
use redyn_core::{Block, Description, Diagnose, Hierarchy, Readout, Stop, TrajectorySource};

use crate::rows::{Plan, Quantities, Rows};
use crate::{Control, JacobianRows, Lesioned, Material, Options, Properties, Shared, Uncertainty};

const N_CLASSES: usize = 8;
const N_UNITS: usize = 11;

/// Trajectories in memory.
#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) about: Description,
    pub(crate) labels: Vec<usize>,
    pub(crate) representations: Array3<f32>,
    pub(crate) logits: Array3<f32>,
}

impl TrajectorySource for Fixture {
    fn description(&self) -> &Description {
        &self.about
    }

    fn labels(&self) -> &[usize] {
        &self.labels
    }

    fn read(&self, images: Range<usize>) -> Result<Block, Box<dyn Diagnose + Send + Sync>> {
        Ok(Block {
            labels: self.labels[images.clone()].to_vec(),
            representations: self.representations.slice(s![images.clone(), .., ..]).to_owned(),
            logits: self.logits.slice(s![images.clone(), .., ..]).to_owned(),
            images,
        })
    }
}

impl Fixture {
    /// Images that drift from somewhere near one readout vector to their own, with noise.
    pub(crate) fn random(n_images: usize, n_steps: usize) -> Self {
        Self::drifting(n_images, n_steps, |stream, _| stream.below(N_CLASSES))
    }

    /// The same, but never far from the siblings `{2k, 2k + 1}` of the hierarchy.
    pub(crate) fn among_siblings(n_images: usize, n_steps: usize) -> Self {
        let mut fixture =
            Self::drifting(n_images, n_steps, |stream, label| if stream.coin() { label } else { label ^ 1 });
        for ((image, step, class), logit) in fixture.logits.indexed_iter_mut() {
            let start = image % 3 == 0 && step == 0;
            let wanted = fixture.labels[image] ^ usize::from(start);
            *logit = f32::from(u8::from(class == wanted));
        }
        fixture
    }

    fn drifting(n_images: usize, n_steps: usize, start: impl Fn(&mut Stream, usize) -> usize) -> Self {
        let mut stream = Stream::new(42, &[]);
        let weight = Array2::from_shape_fn((N_CLASSES, N_UNITS), |_| stream.between(-1.0, 1.0) as f32);
        let labels: Vec<usize> = (0..n_images).map(|image| image * 7 % N_CLASSES).collect();
        let mut representations = Array3::zeros((n_images, n_steps, N_UNITS));
        for (image, &label) in labels.iter().enumerate() {
            let from = start(&mut stream, label);
            let speed = stream.between(0.2, 3.0);
            for step in 0..n_steps {
                let share = (speed * step as f64 / n_steps as f64).min(1.0) as f32;
                for unit in 0..N_UNITS {
                    let noise = stream.between(-0.2, 0.2) as f32;
                    let drift = (1.0 - share) * weight[[from, unit]] + share * weight[[label, unit]];
                    representations[[image, step, unit]] = (1.0 + share) * (drift + noise);
                }
            }
        }
        Self::new(labels, representations, Some(Readout { weight, bias: None }))
    }

    /// Trajectories whose logits are the readout's scores; without one, all are of class 0.
    pub(crate) fn new(labels: Vec<usize>, representations: Array3<f32>, readout: Option<Readout>) -> Self {
        let (n_images, n_steps, n_units) = representations.dim();
        let n_classes = readout.as_ref().map_or(N_CLASSES, |readout| readout.weight.nrows());
        let mut logits = Array3::zeros((n_images, n_steps, n_classes));
        if let Some(readout) = &readout {
            for image in 0..n_images {
                for step in 0..n_steps {
                    let scores = readout.scores(&representations.slice(s![image, step, ..]));
                    logits.slice_mut(s![image, step, ..]).assign(&scores.mapv(|score| score as f32));
                }
            }
        }
        let group = |class: usize| vec![format!("wide{}", class / 4), format!("narrow{}", class / 2)];
        let levels = vec!["wide".to_owned(), "narrow".to_owned()];
        let about = Description {
            name: "fixture".into(),
            network: "none".into(),
            area: "it".into(),
            epoch: Some(3),
            seed: Some(1),
            n_images,
            n_steps,
            n_units,
            classes: (0..n_classes).map(|class| format!("class{class}")).collect(),
            hierarchy: Some(Hierarchy { levels, groups: (0..n_classes).map(group).collect() }),
            readout,
            time: None,
            digest: "00".into(),
        };
        Self { about, labels, representations, logits }
    }

    /// The same images in another network.
    pub(crate) fn twin(&self) -> Self {
        let mut twin = self.clone();
        twin.about.name = "fixture untrained".into();
        twin.representations.mapv_inplace(|value| (3.0 * value).sin());
        twin
    }

    /// A feedforward network's representations of the same images.
    pub(crate) fn control(&self) -> Self {
        let mut control = self.clone();
        control.about.name = "fixture feedforward".into();
        control.about.n_steps = 1;
        let first = |values: &Array3<f32>| values.slice(s![.., ..1, ..]).mapv(|value| value + 0.3);
        (control.representations, control.logits) = (first(&self.representations), first(&self.logits));
        control
    }

    /// The same network, which from the third step on loses its way with some images.
    pub(crate) fn lesioned(&self) -> Self {
        let mut lesioned = self.clone();
        lesioned.about.name = "fixture lesioned".into();
        for ((_, step, class), logit) in lesioned.logits.indexed_iter_mut() {
            if step >= 2 && class < 3 {
                *logit += 1.0;
            }
        }
        lesioned
    }

    /// A property that goes with the first boundary distance, and one that has nothing to do
    /// with it.
    pub(crate) fn properties(&self) -> Properties {
        let along = |image: usize| {
            let own = self.about.readout.as_ref()?.weight.outer_iter().nth(self.labels[image])?;
            let first = self.representations.slice(s![image, 0, ..]);
            Some(own.iter().zip(first).map(|(w, r)| f64::from(w * r)).sum::<f64>())
        };
        let values = ndarray::Array2::from_shape_fn((self.labels.len(), 2), |(image, property)| {
            let value = if property == 0 {
                along(image).unwrap_or(0.0)
            } else {
                (1e4 * self.unit(image, 0, 0)).sin()
            };
            Some(if value.is_finite() { value } else { 0.0 })
        });
        Properties { names: vec!["alignment".into(), "unrelated".into()], values }
    }

    pub(crate) fn n_steps(&self) -> usize {
        self.about.n_steps
    }

    pub(crate) fn n_classes(&self) -> usize {
        self.about.classes.len()
    }

    pub(crate) fn readout(&self) -> &Readout {
        self.about.readout.as_ref().expect("this fixture has a readout")
    }

    pub(crate) fn hierarchy(&self) -> &Hierarchy {
        self.about.hierarchy.as_ref().expect("this fixture has a hierarchy")
    }

    fn unit(&self, image: usize, step: usize, unit: usize) -> f64 {
        f64::from(self.representations[[image, step, unit]])
    }

    pub(crate) fn norm(&self, image: usize, step: usize) -> f64 {
        (0..self.about.n_units).map(|u| self.unit(image, step, u).powi(2)).sum::<f64>().sqrt()
    }

    pub(crate) fn change(&self, image: usize, step: usize) -> f64 {
        let by = |u| self.unit(image, step + 1, u) - self.unit(image, step, u);
        (0..self.about.n_units).map(|u| by(u).powi(2)).sum::<f64>().sqrt()
    }

    pub(crate) fn argmax(&self, image: usize, step: usize) -> usize {
        let logits: Vec<f32> = self.logits.slice(s![image, step, ..]).to_vec();
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        logits.iter().position(|&logit| logit == largest).expect("there is a largest")
    }

    /// Jacobians of one image in `every`, made up from its class alone.
    pub(crate) fn jacobians(&self, every: usize) -> JacobianRows {
        let images: Vec<usize> = (0..self.labels.len()).step_by(every).collect();
        let array = |scale: f64| {
            Array2::from_shape_fn((images.len(), self.about.n_steps - 1), |(row, step)| {
                scale * (1.0 + (0.7 * self.labels[images[row]] as f64 + step as f64).sin())
            })
        };
        JacobianRows {
            singular: array(1.0),
            eigenvalue_real: array(0.6),
            eigenvalue_imaginary: array(0.3),
            singular_residual: array(1e-4),
            eigenvalue_residual: array(1e-3),
            tolerance: 1e-3,
            images,
        }
    }

    pub(crate) fn cosine(&self, image: usize, step: usize, class: usize) -> f64 {
        let w = self.readout().weight.row(class).mapv(f64::from);
        let along: f64 = w.iter().enumerate().map(|(u, w)| w * self.unit(image, step, u)).sum();
        along / (w.dot(&w).sqrt() * self.norm(image, step))
    }
}

/// Options with few replicates.
pub(crate) fn quick() -> Options {
    Options { uncertainty: Uncertainty { replicates: 200, ..Uncertainty::default() }, ..Options::default() }
}

/// Run a test on a fixture and its twin with [`quick`] options.
pub(crate) fn material(fixture: &Fixture, test: impl FnOnce(&Material)) {
    material_with(fixture, &quick(), test);
}

/// Run a test on a fixture and its twin.
pub(crate) fn material_with(fixture: &Fixture, options: &Options, test: impl FnOnce(&Material)) {
    let (twin, control, lesioned) = (fixture.twin(), fixture.control(), fixture.lesioned());
    let stop = Stop::default();
    let rows = |source: &Fixture, quantities| {
        Rows::read(source, 0..source.labels.len(), &Plan { quantities, memory: 1 << 20, stop: &stop })
            .unwrap()
    };
    let (control_rows, untrained) = (rows(&control, Quantities::Motion), rows(&twin, Quantities::Motion));
    let lesioned_rows = rows(&lesioned, Quantities::Motion);
    let rows = rows(fixture, Quantities::All);
    let outcomes = options.stable.outcomes(&rows);
    let controls = [Control {
        name: control.about.name.clone(),
        network: control.about.network.clone(),
        epoch: control.about.epoch,
        digest: control.about.digest.clone(),
        rows: control_rows,
    }];
    test(&Material {
        trajectories: fixture,
        rows: &rows,
        outcomes: &outcomes,
        untrained: Some((&twin.about.name, &untrained)),
        untrained_trajectories: Some(&twin),
        controls: &controls,
        jacobians: None,
        lesions: &[Lesioned { what: "a.lateral@2..".into(), rows: lesioned_rows }],
        properties: Some(&fixture.properties()),
        options,
        shared: &Shared::default(),
    });
}

/// Everything known of a fixture's images.
pub(crate) fn rows_of(fixture: &Fixture) -> Rows {
    let plan = Plan { quantities: Quantities::All, memory: 1 << 20, stop: &Stop::default() };
    Rows::read(fixture, 0..fixture.labels.len(), &plan).unwrap()
}

/// Equal but for the order of a sum.
#[track_caller]
pub(crate) fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * (1.0 + a.abs().max(b.abs())), "{a} {b}");
}
