//! How large the study is done where networks are trained.

use redyn_train::{Augment, Recipe};

use crate::Failure;
use crate::args::ReproduceArgs;

/// Everything that can be chosen about the study.
pub(super) struct Scale {
    /// Channels, as a share of what the small members have.
    pub(super) width: f64,
    /// Step size, as a share of each member's own.
    pub(super) rate: f64,
    pub(super) image_size: usize,
    pub(super) recipe: Recipe,
    pub(super) seeds: u64,
}

/// The smallest images on which all members have something left at their last area.
const SMALLEST: usize = 72;

impl Scale {
    /// Minutes on two cores.
    pub(super) fn quick() -> Self {
        let recipe = Recipe {
            epochs: 5,
            batch: 16,
            part: 8,
            final_rate: 0.05,
            augmentation: Augment::None,
            ..Recipe::default()
        };
        Self { width: 1.0, rate: 1.0, image_size: SMALLEST, recipe, seeds: 2 }
    }

    /// Quick, with whatever else was said.
    ///
    /// # Errors
    /// Images too small for some member; a number of steps, which every member has its own of.
    pub(super) fn of(args: &ReproduceArgs) -> Result<Self, Failure> {
        let mut scale = Self::quick();
        if args.steps.is_some() {
            return Err(Failure::user(
                "every network of this study has steps of its own",
                "leave --steps out; `redyn train` trains a single network for other steps",
            ));
        }
        let recipe = &mut scale.recipe;
        let numbers = [
            (&mut recipe.epochs, args.epochs),
            (&mut recipe.batch, args.batch),
            (&mut recipe.part, args.part),
        ];
        for (number, chosen) in numbers {
            *number = chosen.unwrap_or(*number);
        }
        recipe.part = recipe.part.min(recipe.batch);
        recipe.final_rate = args.final_rate.unwrap_or(recipe.final_rate);
        scale.width = args.width.unwrap_or(scale.width);
        scale.rate = args.learning_rate.unwrap_or(scale.rate);
        scale.image_size = args.image_size.unwrap_or(scale.image_size);
        scale.seeds = args.seeds.unwrap_or(scale.seeds);
        if scale.image_size < SMALLEST {
            return Err(Failure::user(
                format!(
                    "of images with {} pixels a side AlexNet and the ConvRNN have nothing left",
                    scale.image_size
                ),
                format!("--image-size {SMALLEST} or more"),
            ));
        }
        Ok(scale)
    }
}
