//! Prototypes on their way, in a plane.

use crate::categories::prototypes::Prototypes;
use crate::numeric::dot;

/// Places of the prototypes at every step, `[class][step]`, in the plane of the first two
/// principal components at the base, and the share of the variance there along each.
pub(super) fn plane(prototypes: &Prototypes, base: usize) -> (Vec<Vec<[f64; 2]>>, [f64; 2]) {
    let (n, n_units) = (prototypes.classes.len(), prototypes.n_units);
    let mut middle = vec![0.0; n_units];
    for class in 0..n {
        let mean = prototypes.mean(base, class);
        middle.iter_mut().zip(mean).for_each(|(middle, x)| *middle += x / n as f64);
    }
    let away = |step: usize, class: usize| -> Vec<f64> {
        prototypes.mean(step, class).iter().zip(&middle).map(|(x, middle)| x - middle).collect()
    };
    let centred: Vec<Vec<f64>> = (0..n).map(|class| away(base, class)).collect();
    let gram = nalgebra::DMatrix::from_fn(n, n, |k, l| dot(&centred[k], &centred[l]));
    let (total, scale) = (gram.trace(), (0..n).map(|k| prototypes.products.square(base, k)).sum::<f64>());
    let eigen = gram.symmetric_eigen();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    // What is left of prototypes that are all the same is rounding, not spread.
    let spread = |axis: usize| {
        let value = order.get(axis).map_or(0.0, |&at| eigen.eigenvalues[at]);
        if value > 1e-12 * scale { value } else { 0.0 }
    };
    let axis = |axis: usize| -> Vec<f64> {
        let mut direction = vec![0.0; n_units];
        if spread(axis) > 0.0 {
            let vector = eigen.eigenvectors.column(order[axis]);
            let largest =
                vector.iter().fold(0.0_f64, |best, &x| if x.abs() > best.abs() + 1e-9 { x } else { best });
            for (class, share) in centred.iter().zip(vector.iter()) {
                let share = share * largest.signum() / spread(axis).sqrt();
                direction.iter_mut().zip(class).for_each(|(sum, x)| *sum += share * x);
            }
        }
        direction
    };
    let axes = [axis(0), axis(1)];
    let points = (0..n).map(|class| {
        let place = |step: usize| {
            let away = away(step, class);
            [dot(&away, &axes[0]), dot(&away, &axes[1])]
        };
        (0..prototypes.n_steps).map(place).collect()
    });
    let explained = [0, 1].map(|axis| if total > 0.0 { spread(axis) / total } else { 0.0 });
    (points.collect(), explained)
}

#[cfg(test)]
mod tests {
    use crate::Analysis;
    use crate::categories::Stage;
    use crate::categories::prototypes::tests::plain_mean;
    use crate::fixture::{Fixture, close, material};
    use crate::global_geometry::GlobalGeometry;
    use crate::readout_similarity::pairs;

    #[test]
    fn in_the_plane_distances_never_exceed_those_in_space() {
        let fixture = Fixture::random(40, 3);
        material(&fixture, |material| {
            let found = &GlobalGeometry::analyse(material).unwrap().stages[0];
            for (k, l) in pairs(8) {
                for step in 0..3 {
                    let (a, b) = (found.prototypes[k].points[step], found.prototypes[l].points[step]);
                    let drawn = ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt();
                    let (x, y) = (
                        plain_mean(&fixture, Stage::Feature, step, k),
                        plain_mean(&fixture, Stage::Feature, step, l),
                    );
                    let space = x.iter().zip(&y).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                    assert!(drawn <= space + 1e-9);
                }
            }
            assert!(found.explained[0] >= found.explained[1] && found.explained[1] > 0.0);
            for axis in 0..2 {
                close(1.0 + found.prototypes.iter().map(|p| p.points[0][axis]).sum::<f64>(), 1.0);
            }
        });
    }
}
