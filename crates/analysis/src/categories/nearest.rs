//! Whether the prototype nearest to an image is that of its class.

use super::Centroid;

/// What is known of an image at a step.
pub(super) struct Seen<'a> {
    /// Its products with the prototypes: `[class]`.
    pub(super) along: &'a [f64],
    /// Its own square.
    pub(super) square: f64,
    /// Its class.
    pub(super) class: usize,
    /// Images of its class, itself among them.
    pub(super) of_class: usize,
}

/// A sum of others this small beside that of all is rounding.
const ALIKE: f64 = 1e-12;

impl Seen<'_> {
    /// By cosine, of prototypes equally near the first; `None` where image or own prototype is zero
    /// or absent. `squares(l)` is `‖m_l‖²`.
    pub(super) fn nearest_is_own(&self, squares: impl Fn(usize) -> f64, centroid: Centroid) -> Option<bool> {
        let Self { along, square, class: own, of_class } = *self;
        let whole = |class: usize| {
            let length = squares(class).sqrt();
            (length > 0.0).then(|| along[class] / length)
        };
        // The length of the image is the same for all and left out; so is a factor n − 1.
        let left_out = || {
            let n = of_class as f64;
            let rest = n * n * squares(own) - 2.0 * n * along[own] + square;
            let alone = of_class < 2 || rest <= ALIKE * n * n * squares(own);
            (!alone).then(|| (n * along[own] - square) / rest.sqrt())
        };
        if square <= 0.0 {
            return None;
        }
        let near = if centroid == Centroid::Whole { whole(own) } else { left_out() }?;
        let nearer = |class: usize| {
            whole(class).is_some_and(|other| if class < own { other >= near } else { other > near })
        };
        Some(!(0..along.len()).any(|class| class != own && nearer(class)))
    }
}
