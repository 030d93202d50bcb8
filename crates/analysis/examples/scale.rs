//! How long the whole set of analyses takes at the size of the paper, and how much memory.
//!
//! ```text
//! cargo run --release -p redyn-analysis --example scale -- 25000 10 512 100 1000
//! ```
//!
//! Images, steps, units, classes, replicates. The trajectories are made up block by block, so
//! that the memory measured is that of the analyses.

use std::ops::Range;
use std::time::Instant;

use ndarray::{Array2, Array3, s};
use redyn_analysis::{ANALYSES, Options, Request, Selection, Subject, Uncertainty, analyse};
use redyn_core::random::Stream;
use redyn_core::{Block, Description, Diagnose, Readout, Stop, TrajectorySource};

struct Drift {
    about: Description,
    labels: Vec<usize>,
}

impl TrajectorySource for Drift {
    fn description(&self) -> &Description {
        &self.about
    }

    fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Images that start near another class's readout vector as often as not, and drift to
    /// their own.
    fn read(&self, images: Range<usize>) -> Result<Block, Box<dyn Diagnose + Send + Sync>> {
        let about = &self.about;
        let readout = about.readout.as_ref().expect("made with one");
        let weight = &readout.weight;
        let mut representations = Array3::zeros((images.len(), about.n_steps, about.n_units));
        let mut logits = Array3::zeros((images.len(), about.n_steps, about.classes.len()));
        for (at, image) in images.clone().enumerate() {
            let mut stream = Stream::new(1, &[image as u64]);
            let label = self.labels[image];
            let from = if stream.coin() { label } else { stream.below(about.classes.len()) };
            let speed = stream.between(0.0, 3.0) as f32;
            for step in 0..about.n_steps {
                let share = (speed * step as f32 / about.n_steps as f32).min(1.0);
                for unit in 0..about.n_units {
                    let noise = stream.between(-0.5, 0.5) as f32;
                    let drift = (1.0 - share) * weight[[from, unit]] + share * weight[[label, unit]];
                    representations[[at, step, unit]] = (drift + noise).max(0.0);
                }
            }
            let scores = representations.slice(s![at, .., ..]).dot(&weight.t());
            logits.slice_mut(s![at, .., ..]).assign(&scores);
        }
        let labels = self.labels[images.clone()].to_vec();
        Ok(Block { images, labels, representations, logits })
    }
}

fn main() {
    let arguments: Vec<usize> =
        std::env::args().skip(1).map(|text| text.parse().expect("a number")).collect();
    let [n_images, n_steps, n_units, n_classes, replicates] = arguments[..] else {
        panic!("images, steps, units, classes, replicates")
    };
    let mut stream = Stream::new(0, &[]);
    let weight = Array2::from_shape_fn((n_classes, n_units), |_| stream.between(-1.0, 1.0) as f32);
    let about = Description {
        name: "drift".into(),
        network: "made up".into(),
        area: "it".into(),
        epoch: None,
        seed: None,
        n_images,
        n_steps,
        n_units,
        classes: (0..n_classes).map(|class| format!("class{class}")).collect(),
        hierarchy: None,
        readout: Some(Readout { weight, bias: None }),
        time: None,
        digest: String::new(),
    };
    let source = Drift { about, labels: (0..n_images).map(|image| image % n_classes).collect() };
    let start = Instant::now();
    let n_per_block = source.images_in(128 << 20);
    for first in (0..n_images).step_by(n_per_block) {
        std::hint::black_box(source.read(first..n_images.min(first + n_per_block)).is_ok());
    }
    println!("{:8.2} s  making the trajectories up", start.elapsed().as_secs_f64());
    let subjects = [Subject::of(&source)];
    let options =
        Options { uncertainty: Uncertainty { replicates, ..Uncertainty::default() }, ..Options::default() };
    let stop = Stop::default();
    let time = |what: &str, analyses: Selection| {
        let start = Instant::now();
        let request = Request { subjects: &subjects, analyses, options: &options, stop: &stop };
        analyse(&request).unwrap_or_else(|error| panic!("{error}"));
        println!("{:8.2} s  {what}", start.elapsed().as_secs_f64());
    };
    time("rows alone", Selection::Named(&[]));
    for entry in ANALYSES {
        time(&format!("rows and {}", entry.name), Selection::Named(&[entry.name]));
    }
    time("rows and everything", Selection::All);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(line) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
}
