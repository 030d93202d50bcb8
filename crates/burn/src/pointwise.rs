//! Functions of one value.

use burn_tensor::{Bool, Tensor, activation};
use redyn_engine::{Activation, Curve};

/// `max(x, 0)`, NaN staying NaN: Burn's own lets a GPU turn it into 0.
pub(crate) fn activate(activation: Activation, x: Tensor<4>) -> Tensor<4> {
    match activation {
        Activation::Identity => x,
        Activation::Relu => {
            let below = x.clone().lower_elem(0.0);
            x.mask_fill(below, 0.0)
        }
    }
}

/// Gradient of [`activate`], given either its input or its output.
pub(crate) fn activate_backward(activation: Activation, at: Tensor<4>, dy: Tensor<4>) -> Tensor<4> {
    match activation {
        Activation::Identity => dy,
        Activation::Relu => dy.mask_fill(at.lower_equal_elem(0.0), 0.0),
    }
}

/// A smooth function.
pub(crate) fn curve(curve: Curve, x: Tensor<4>) -> Tensor<4> {
    match curve {
        Curve::Elu => {
            let above = x.clone().greater_elem(0.0);
            x.clone().exp().sub_scalar(1.0).mask_where(above, x)
        }
        Curve::Sigmoid => activation::sigmoid(x),
        Curve::Tanh => x.tanh(),
    }
}

/// Gradient of [`curve`], given its output.
pub(crate) fn curve_backward(curve: Curve, y: Tensor<4>, dy: Tensor<4>) -> Tensor<4> {
    match curve {
        Curve::Elu => {
            let above = y.clone().greater_elem(0.0);
            (y.add_scalar(1.0) * dy.clone()).mask_where(above, dy)
        }
        Curve::Sigmoid => y.clone() * (-y).add_scalar(1.0) * dy,
        Curve::Tanh => (-y.square()).add_scalar(1.0) * dy,
    }
}

/// `m · x`, the factor chosen by sign if there are two.
pub(crate) fn gain(x: Tensor<4>, factors: &[Tensor<4>]) -> Tensor<4> {
    match factors {
        [common] => x * common.clone(),
        [below, others] => {
            let not_below = x.clone().greater_equal_elem(0.0);
            (x.clone() * below.clone()).mask_where(not_below, x * others.clone())
        }
        _ => unreachable!("one factor or two"),
    }
}

/// Gradient of the input of [`gain`].
pub(crate) fn gain_backward(x: Tensor<4>, factors: &[Tensor<4>], dy: Tensor<4>) -> Tensor<4> {
    match factors {
        [common] => dy * common.clone(),
        [below, others] => {
            let not_below = x.greater_equal_elem(0.0);
            (dy.clone() * below.clone()).mask_where(not_below, dy * others.clone())
        }
        _ => unreachable!("one factor or two"),
    }
}

/// Gradients of the factors of [`gain`].
pub(crate) fn gain_gradients(x: Tensor<4>, factors: usize, dy: Tensor<4>) -> Vec<Tensor<4>> {
    let product = x.clone() * dy;
    let sum = |x: Tensor<4>| x.sum_dims(&[0, 1, 2, 3]);
    if factors == 1 {
        return vec![sum(product)];
    }
    let not_below = x.greater_equal_elem(0.0);
    [not_below.clone(), not_below.bool_not()].map(|out| sum(product.clone().mask_fill(out, 0.0))).into()
}

/// Whether the second of two vectors is more confident, at every place of it: `max softmax(β x)`, at
/// most `θ` if there is one. What is not a number is kept, so that it stays visible.
pub(crate) fn is_second(both: [Tensor<4>; 2], weights: &[Tensor<4>]) -> Tensor<4, Bool> {
    let dims = both[0].dims();
    let [kept, other] = both.map(|x| {
        let largest = x.clone().max_dim(3);
        let shares = ((x - largest) * weights[0].clone()).exp();
        let confidence = shares.clone().max_dim(3) / shares.sum_dim(3);
        match weights.get(1) {
            Some(cap) => {
                let cap = cap.clone().expand(confidence.dims());
                confidence.clone().mask_where(confidence.greater(cap.clone()), cap)
            }
            None => confidence,
        }
    });
    let appears = other.clone().is_nan().bool_and(kept.clone().is_nan().bool_not());
    other.greater(kept).bool_or(appears).expand(dims)
}
