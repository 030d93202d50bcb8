//! How large the study is done.

use redyn_train::{Augment, Recipe};

use crate::Failure;
use crate::args::ReproduceArgs;
use crate::commands::demo;

/// Everything that can be chosen about the study.
pub(super) struct Scale {
    pub(super) width: f64,
    pub(super) image_size: Option<usize>,
    pub(super) recipe: Recipe,
    /// Steps that are recorded.
    pub(super) recorded: usize,
    /// Images of the long recordings, at most.
    pub(super) long_images: usize,
    /// Images along whose trajectories Jacobians are looked at.
    pub(super) jacobians: usize,
    pub(super) seeds: u64,
}

/// Two epochs fewer than the demo, for twice as many networks.
const QUICK_EPOCHS: usize = 5;

/// A first answer, another one, and that one again.
const FEWEST_STEPS: usize = 3;

impl Scale {
    /// As published, but for the second seed.
    fn published() -> Self {
        let recipe = Recipe::default();
        let recorded = recipe.steps;
        Self { width: 1.0, image_size: None, recipe, recorded, long_images: 1000, jacobians: 100, seeds: 2 }
    }

    /// Minutes on two cores.
    fn quick() -> Self {
        Self {
            width: 0.125,
            image_size: Some(32),
            recipe: Recipe { epochs: QUICK_EPOCHS, ..demo::recipe() },
            recorded: demo::RECORDED,
            long_images: 200,
            jacobians: 32,
            seeds: 2,
        }
    }

    /// As published or quick, with whatever else was said.
    ///
    /// # Errors
    /// Too few steps for a stable step.
    pub(super) fn of(args: &ReproduceArgs) -> Result<Self, Failure> {
        let mut scale = if args.quick { Self::quick() } else { Self::published() };
        let recipe = &mut scale.recipe;
        let numbers = [
            (&mut recipe.epochs, args.epochs),
            (&mut recipe.batch, args.batch),
            (&mut recipe.part, args.part),
        ];
        for (number, chosen) in numbers {
            *number = chosen.unwrap_or(*number);
        }
        if let Some(steps) = args.steps {
            (recipe.steps, scale.recorded) = (steps, steps);
        }
        recipe.part = recipe.part.min(recipe.batch);
        recipe.learning_rate = args.learning_rate.unwrap_or(recipe.learning_rate);
        recipe.final_rate = args.final_rate.unwrap_or(recipe.final_rate);
        if args.no_augmentation {
            recipe.augmentation = Augment::None;
        }
        scale.width = args.width.unwrap_or(scale.width);
        scale.image_size = args.image_size.or(scale.image_size);
        scale.seeds = args.seeds.unwrap_or(scale.seeds);
        if scale.recorded < FEWEST_STEPS {
            return Err(Failure::user(
                format!(
                    "with {} an image cannot become correct and stay so",
                    if scale.recorded == 1 { "1 step".into() } else { format!("{} steps", scale.recorded) }
                ),
                format!(
                    "a stable answer takes two steps and one before them: --steps {FEWEST_STEPS} or more"
                ),
            ));
        }
        Ok(scale)
    }
}
