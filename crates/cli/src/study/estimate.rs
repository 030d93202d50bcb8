//! What a study will take, told before it begins.

use std::time::Instant;

use redyn_core::Bytes;
use redyn_engine::Cpu;
use redyn_network::{Keeping, Plan, Request, Session, Weights};
use redyn_train::Recipe;
use redyn_zoo::Network;

use crate::Failure;

/// Forward passes that the forward and backward pass of a training step take.
const TRAINING_PASSES: f64 = 3.0;
/// Forward passes that looking at the Jacobians along a trajectory takes.
const JACOBIAN_PASSES: f64 = 300.0;
/// Images whose forward pass is timed.
const TIMED_IMAGES: usize = 4;
/// Copies of all weights that a run keeps: before training, at its end, and the checkpoint with
/// Adam's two moments.
const KEPT_WEIGHTS: u64 = 5;

/// Time, memory and disk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Estimate {
    /// Seconds on this machine.
    pub(crate) seconds: f64,
    /// Bytes of memory at most.
    pub(crate) memory: u64,
    /// Bytes on disk at the end.
    pub(crate) disk: u64,
}

/// What is done with a network.
pub(crate) struct Load<'a> {
    pub(crate) network: &'a Network,
    /// How it is trained, on how many images; absent for weights that are there already.
    pub(crate) training: Option<(&'a Recipe, usize)>,
    /// Everything that is recorded.
    pub(crate) recordings: Vec<Extent>,
}

/// How much is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) images: usize,
    pub(crate) steps: usize,
    /// Images along whose trajectories Jacobians are looked at.
    pub(crate) jacobians: usize,
}

impl Estimate {
    /// Of one network. A forward pass of a few images is timed: the rest is multiplication, and
    /// half or twice as much would be no surprise.
    ///
    /// # Errors
    /// A network that cannot be planned.
    pub(crate) fn of(load: &Load, budget: u64) -> Result<Self, Failure> {
        let graph = &load.network.graph;
        let card = &load.network.card;
        let plan = |steps: usize| Plan::new(graph, &Request::readout(steps));
        let weights = Weights::initial(graph, 1);
        let steps = load.training.map_or(card.steps, |(recipe, _)| recipe.steps);
        let session_plan = plan(steps)?;
        let cost = session_plan.cost().per_image;
        let training_memory = session_plan.training_memory_per_image(Keeping::All) as u64;
        let engine = Cpu::default();
        let session = Session::new(&engine, graph, session_plan, &weights)?;
        let images = vec![0.5; TIMED_IMAGES * graph.image_shape().len()];
        let timed = || {
            let begun = Instant::now();
            session.run(&images, |_| ());
            begun.elapsed().as_secs_f64() / TIMED_IMAGES as f64
        };
        // The first pass also finds memory and fills caches.
        timed();
        let forward = timed().min(timed());

        let mut estimate = Self::default();
        if let Some((recipe, images)) = load.training {
            estimate.seconds += TRAINING_PASSES * forward * (images * recipe.epochs) as f64;
            let part = training_memory * recipe.part.min(recipe.batch) as u64;
            let parts = (budget / part.max(1)).clamp(1, rayon::current_num_threads() as u64);
            estimate.memory = part * parts;
            let kept = KEPT_WEIGHTS + ((recipe.epochs - 1) / recipe.keep_every) as u64;
            estimate.disk += 4 * kept * graph.n_parameters() as u64;
        }
        for &Extent { images, steps, jacobians } in &load.recordings {
            let plan = plan(steps)?;
            let share = plan.cost().per_image as f64 / cost.max(1) as f64;
            let passes = images as f64 + JACOBIAN_PASSES * jacobians as f64;
            estimate.seconds += forward * share * passes;
            estimate.memory = estimate.memory.max(plan.memory_per_image() as u64);
            let units = graph.taps().find(|(name, _)| *name == card.readout.area);
            let units = units.map_or(0, |(_, shape)| shape.len());
            estimate.disk += 4 * (images * steps * (units + card.classes)) as u64;
        }
        Ok(estimate)
    }

    /// Of this and then the other.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            seconds: self.seconds + other.seconds,
            memory: self.memory.max(other.memory),
            disk: self.disk + other.disk,
        }
    }
}

/// `about 4 min, 310.0 MiB of memory, 52.1 MiB of disk`.
impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let (memory, disk) = (Bytes(self.memory), Bytes(self.disk));
        write!(f, "about {}, {memory} of memory, {disk} of disk", duration(self.seconds))
    }
}

/// A time in the unit that fits.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("{:.1} h", seconds / 3600.0),
        seconds => format!("{:.1} days", seconds / 86400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        let told = [12.0, 240.0, 9000.0, 400_000.0].map(duration);
        assert_eq!(told, ["12 s", "4 min", "2.5 h", "4.6 days"]);
    }

    #[test]
    fn twice_the_images_take_twice_the_disk_and_training_more_memory() {
        let network = redyn_zoo::build("blt64:width=0.05,image_size=8,classes=3").unwrap();
        let of = |images: usize, training: Option<(&Recipe, usize)>| {
            let recordings = vec![Extent { images, steps: 4, jacobians: 0 }];
            let load = Load { network: &network, training, recordings };
            Estimate::of(&load, 1 << 30).unwrap()
        };
        let (one, two) = (of(100, None), of(200, None));
        assert_eq!((one.disk, two.disk), (100 * 4 * (26 + 3) * 4, 200 * 4 * (26 + 3) * 4));
        let recipe = Recipe { epochs: 3, batch: 16, part: 8, steps: 4, ..Recipe::default() };
        let trained = of(100, Some((&recipe, 1000)));
        assert!(trained.memory > one.memory && trained.seconds > one.seconds && trained.disk > one.disk);
        assert_eq!(one.and(two).disk, one.disk + two.disk);
    }
}
