//! The geometry of readout zones: where a linear readout names which class.
//!
//! The zone of class `y` is the convex set `{x : (w_y − w_k)·x + b_y − b_k ≥ 0 for all k}`.
//! Everything about it follows from the scores `s = W r + b` and the pairwise distances
//! between readout vectors, so that the cost of a distance does not depend on the number
//! of units.

use rayon::prelude::*;
use redyn_core::Readout;

use crate::numeric::{Panels, difference, norm, vectorised};

/// A facet whose normal leaves the span of the others by less than a millionth (squared)
/// adds no new direction.
const DEPENDENT: f64 = 1e-12;
/// A facet violated by less than this share of the largest distance is met.
const MET: f64 = 1e-12;
/// A facet that cannot be met, violated by more than this share of the largest distance: no
/// zone. By less: rounding.
const ROUNDING: f64 = 1e-9;

/// A readout prepared for distances in its zones.
pub(crate) struct Zones {
    /// The readout vectors.
    panels: Panels<f32>,
    /// `‖w_k‖` per class.
    pub(crate) norms: Vec<f64>,
    bias: Vec<f64>,
    /// `‖w_k − w_l‖`, `[class, class]`.
    separation: Vec<f64>,
    /// Per class, the others with the same readout vector.
    twins: Vec<Vec<usize>>,
}

/// Signed distances to the hyperplanes that bound the zone of one class, positive on its own
/// side: `[class]`, infinite in place of a class whose readout vector is the same.
#[derive(Default)]
pub(crate) struct Facets(Vec<f64>);

impl Facets {
    /// Distance to the nearest hyperplane; `None` when no other class has another readout vector.
    #[inline(always)]
    pub(crate) fn nearest(&self) -> Option<f64> {
        let nearest = self
            .0
            .iter()
            .fold(f64::INFINITY, |nearest, &facet| if facet < nearest { facet } else { nearest });
        nearest.is_finite().then_some(nearest)
    }
}

impl Zones {
    pub(crate) fn new(readout: &Readout) -> Self {
        let (n_classes, n_units) = readout.weight.dim();
        let weight: Vec<f32> = readout.weight.iter().copied().collect();
        let row = |class: usize| &weight[class * n_units..(class + 1) * n_units];
        let separation: Vec<f64> = (0..n_classes)
            .into_par_iter()
            .flat_map_iter(|class| {
                vectorised(
                    #[inline(always)]
                    || {
                        (0..n_classes)
                            .map(|other| norm(&difference(row(class), row(other))))
                            .collect::<Vec<_>>()
                    },
                )
            })
            .collect();
        let same =
            |class: usize, other: usize| class != other && separation[class * n_classes + other] == 0.0;
        let twins = (0..n_classes)
            .map(|class| (0..n_classes).filter(|&other| same(class, other)).collect())
            .collect();
        let bias = match &readout.bias {
            Some(bias) => bias.iter().map(|&value| f64::from(value)).collect(),
            None => vec![0.0; n_classes],
        };
        Self {
            panels: Panels::new(&weight, n_classes, n_units),
            norms: (0..n_classes).map(|class| norm(row(class))).collect(),
            bias,
            separation,
            twins,
        }
    }

    pub(crate) fn n_classes(&self) -> usize {
        self.norms.len()
    }

    /// `w_k · r` for every vector and class: `[vector, class]`.
    pub(crate) fn products(&self, vectors: &[f32]) -> Vec<f64> {
        self.panels.products(vectors)
    }

    /// `s = W r + b`, in place of the products of one vector.
    pub(crate) fn score(&self, products: &mut [f64]) {
        products.iter_mut().zip(&self.bias).for_each(|(product, bias)| *product += bias);
    }

    /// `‖w_a − w_k‖` for every `k`.
    fn separations(&self, class: usize) -> &[f64] {
        &self.separation[class * self.n_classes()..][..self.n_classes()]
    }

    /// `((w_c − w_k)·r + b_c − b_k) / ‖w_c − w_k‖` for every other class `k`. For a point inside
    /// the zone of `class`, the nearest is exactly the distance to leaving it.
    #[inline(always)]
    pub(crate) fn facets(&self, scores: &[f64], class: usize, into: &mut Facets) {
        let own = scores[class];
        let distance =
            |(&apart, &other): (&f64, &f64)| if apart > 0.0 { (own - other) / apart } else { f64::INFINITY };
        into.0.clear();
        into.0.extend(self.separations(class).iter().zip(scores).map(distance));
    }

    /// Exact signed distance to the boundary of the zone of `class`, whose facets are given:
    /// positive inside, negative outside.
    ///
    /// Outside it is the distance to the nearest point of the zone,
    /// `min ‖x − r‖` subject to `â_k·x + β_k ≥ 0`, solved through its dual
    /// `min ½ λᵀHλ + qᵀλ, λ ≥ 0` with `H_kl = â_k·â_l` and `q` the distances to the
    /// hyperplanes, by the dual active-set method of Goldfarb & Idnani (1983).
    ///
    /// `None` where there is no boundary, or no zone: a class that another beats everywhere.
    #[inline(always)]
    pub(crate) fn signed_distance(&self, scores: &[f64], class: usize, facets: &Facets) -> Option<f64> {
        if self.twins[class].iter().any(|&twin| scores[class] < scores[twin]) {
            return None;
        }
        let nearest = facets.nearest()?;
        if nearest >= 0.0 {
            return Some(nearest);
        }
        self.project(&facets.0, class).map(|active| -active.distance(&facets.0))
    }

    /// `H_{·,p}`: cosines between the normals of facet `p` and of every facet, by the
    /// polarisation identity `2 a_k·a_p = ‖a_k‖² + ‖a_p‖² − ‖a_k − a_p‖²`.
    #[inline(always)]
    fn cosines(&self, class: usize, facet: usize) -> Vec<f64> {
        let lengths = self.separations(class);
        let own = lengths[facet];
        let cosine = |(&length, &across): (&f64, &f64)| {
            if length > 0.0 {
                (length * length + own * own - across * across) / (2.0 * length * own)
            } else {
                0.0
            }
        };
        lengths.iter().zip(self.separations(facet)).map(cosine).collect()
    }

    /// The facets that the nearest point of the zone lies on; `None` without a zone.
    #[inline(always)]
    fn project(&self, facets: &[f64], class: usize) -> Option<Active> {
        let size = |q: f64| if q.is_finite() { q.abs() } else { 0.0 };
        let scale = facets.iter().fold(0.0_f64, |scale, &q| scale.max(size(q)));
        let mut active = Active::default();
        let mut slack = Vec::with_capacity(facets.len());
        for _ in 0..10 * facets.len() + 100 {
            active.slack(facets, &mut slack);
            // Members are met: they cannot be the worst.
            active.members.iter().for_each(|&member| slack[member] = f64::INFINITY);
            let worst =
                slack.iter().fold(f64::INFINITY, |worst, &slack| if slack < worst { slack } else { worst });
            if worst >= -MET * scale {
                return Some(active);
            }
            let facet = slack.iter().position(|&slack| slack == worst)?;
            if !active.meet(facets, facet, worst, self.cosines(class, facet)) {
                return (worst > -ROUNDING * scale).then_some(active);
            }
        }
        None
    }
}

/// The facets on which the nearest point lies, with their multipliers.
#[derive(Default)]
struct Active {
    members: Vec<usize>,
    /// `H_{·,p}` per member.
    columns: Vec<Vec<f64>>,
    /// Lower Cholesky factor of `H` over the members, row by row.
    factor: Vec<Vec<f64>>,
    multipliers: Vec<f64>,
}

impl Active {
    /// Distance of the current point to every facet, `q + H λ`.
    #[inline(always)]
    fn slack(&self, facets: &[f64], slack: &mut Vec<f64>) {
        slack.clear();
        slack.extend(facets);
        for (column, &multiplier) in self.columns.iter().zip(&self.multipliers) {
            slack.iter_mut().zip(column).for_each(|(value, &cosine)| *value += multiplier * cosine);
        }
    }

    /// `‖Σ λ_p â_p‖ = √(−q·λ)`
    fn distance(&self, facets: &[f64]) -> f64 {
        let product = |(&facet, &multiplier): (&usize, &f64)| -facets[facet] * multiplier;
        self.members.iter().zip(&self.multipliers).map(product).sum::<f64>().max(0.0).sqrt()
    }

    /// Move until a violated facet is met, letting go of members whose multipliers would turn
    /// negative on the way. False if no point meets it together with the others.
    fn meet(&mut self, facets: &[f64], facet: usize, violation: f64, column: Vec<f64>) -> bool {
        let (mut slack, mut multiplier) = (violation, 0.0);
        loop {
            let row = self.forward(|member| column[member]);
            let pivot = 1.0 - row.iter().map(|x| x * x).sum::<f64>();
            let shares = self.backward(row.clone());
            let release = (0..shares.len())
                .filter(|&at| shares[at] > 0.0)
                .map(|at| (self.multipliers[at] / shares[at], at))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let full = if pivot > DEPENDENT { -slack / pivot } else { f64::INFINITY };
            let (step, leaving) = match release {
                Some((step, at)) if step < full => (step, Some(at)),
                _ => (full, None),
            };
            if step.is_infinite() {
                return false;
            }
            for (member, share) in self.multipliers.iter_mut().zip(&shares) {
                *member -= step * share;
            }
            multiplier += step;
            slack += step * pivot;
            if let Some(at) = leaving {
                self.release(at);
                continue;
            }
            self.factor.push([row, vec![pivot.sqrt()]].concat());
            self.members.push(facet);
            self.columns.push(column);
            self.multipliers.push(multiplier);
            // The same multipliers, freshly solved: `H_pp λ = −q_p`.
            let fresh = self.backward(self.forward(|member| -facets[member]));
            if fresh.iter().all(|&multiplier| multiplier > 0.0) {
                self.multipliers = fresh;
            }
            return true;
        }
    }

    /// Let go of a member, and factor what remains anew.
    fn release(&mut self, at: usize) {
        self.members.remove(at);
        self.columns.remove(at);
        self.multipliers.remove(at);
        self.factor.truncate(at);
        for position in at..self.members.len() {
            let column = &self.columns[position];
            let mut row = self.forward(|member| column[member]);
            let pivot = 1.0 - row.iter().map(|x| x * x).sum::<f64>();
            row.push(pivot.max(DEPENDENT).sqrt());
            self.factor.push(row);
        }
    }

    /// `L x = b` with `b` given per member.
    fn forward(&self, value: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut x: Vec<f64> = Vec::with_capacity(self.members.len());
        for (&member, row) in self.members.iter().zip(&self.factor) {
            let known: f64 = row.iter().zip(&x).map(|(l, x)| l * x).sum();
            x.push((value(member) - known) / row[x.len()]);
        }
        x
    }

    /// `Lᵀ x = b`
    fn backward(&self, mut x: Vec<f64>) -> Vec<f64> {
        for at in (0..x.len()).rev() {
            let known: f64 = (at + 1..x.len()).map(|below| self.factor[below][at] * x[below]).sum();
            x[at] = (x[at] - known) / self.factor[at][at];
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};
    use redyn_core::random::Stream;

    use super::*;

    /// Scores of a point.
    fn scores(zones: &Zones, point: &[f32]) -> Vec<f64> {
        let mut scores = zones.products(point);
        zones.score(&mut scores);
        scores
    }

    /// Facets of a class, and signed distance to its zone.
    fn look(zones: &Zones, scores: &[f64], class: usize) -> (Facets, Option<f64>) {
        let mut facets = Facets::default();
        zones.facets(scores, class, &mut facets);
        let distance = zones.signed_distance(scores, class, &facets);
        (facets, distance)
    }

    fn readout(n_classes: usize, n_units: usize, bias: f64, stream: &mut Stream) -> Readout {
        let mut draw = |scale: f64| stream.between(-scale, scale) as f32;
        Readout {
            weight: Array2::from_shape_fn((n_classes, n_units), |_| draw(1.0)),
            bias: (bias > 0.0).then(|| Array1::from_shape_fn(n_classes, |_| draw(bias))),
        }
    }

    /// Nearest point of a polyhedron by brute force: of the projections onto the planes
    /// where each set of at most `n_units` facets meets, the nearest that lies inside.
    fn brute_force(readout: &Readout, point: &[f32], class: usize) -> Option<f64> {
        let (n_classes, n_units) = readout.weight.dim();
        let facets: Vec<(Vec<f64>, f64)> = (0..n_classes)
            .filter(|&other| other != class)
            .map(|other| {
                let normal = (0..n_units)
                    .map(|u| f64::from(readout.weight[[class, u]]) - f64::from(readout.weight[[other, u]]))
                    .collect();
                let bias = readout.bias.as_ref().map_or(0.0, |b| f64::from(b[class]) - f64::from(b[other]));
                (normal, bias)
            })
            .collect();
        let point: Vec<f64> = point.iter().map(|&x| f64::from(x)).collect();
        let height =
            |x: &[f64], f: &(Vec<f64>, f64)| x.iter().zip(&f.0).map(|(x, a)| x * a).sum::<f64>() + f.1;
        let mut best: Option<f64> = None;
        for set in 0..1_usize << facets.len() {
            if set.count_ones() as usize > n_units {
                continue;
            }
            // Gram-Schmidt: the projection onto the intersection of the planes of the set.
            let (mut x, mut basis) = (point.clone(), Vec::<Vec<f64>>::new());
            let mut independent = true;
            for facet in (0..facets.len()).filter(|facet| set >> facet & 1 == 1) {
                let mut normal = facets[facet].0.clone();
                for direction in &basis {
                    let along: f64 = normal.iter().zip(direction).map(|(a, d)| a * d).sum();
                    normal.iter_mut().zip(direction).for_each(|(a, d)| *a -= along * d);
                }
                let length = normal.iter().map(|a| a * a).sum::<f64>().sqrt();
                if length < 1e-9 {
                    independent = false;
                    break;
                }
                for a in &mut normal {
                    *a /= length;
                }
                let step = height(&x, &facets[facet]) / length;
                x.iter_mut().zip(&normal).for_each(|(x, d)| *x -= step * d);
                basis.push(normal);
            }
            if independent && facets.iter().all(|facet| height(&x, facet) >= -1e-9) {
                let away = x.iter().zip(&point).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
                best = Some(best.map_or(away, |best: f64| best.min(away)));
            }
        }
        best
    }

    #[test]
    fn distances_to_a_zone_equal_brute_force() {
        let mut stream = Stream::new(5, &[]);
        let (mut outside, mut inside, mut nowhere) = (0, 0, 0);
        for case in 0..600 {
            let (n_classes, n_units) = (2 + stream.below(6), 1 + stream.below(4));
            let bias = [0.0, 0.5][case % 2];
            let readout = readout(n_classes, n_units, bias, &mut stream);
            let point: Vec<f32> = (0..n_units).map(|_| stream.between(-2.0, 2.0) as f32).collect();
            let class = stream.below(n_classes);
            let zones = Zones::new(&readout);
            let (facets, found) = look(&zones, &scores(&zones, &point), class);
            match (found, brute_force(&readout, &point, class)) {
                (Some(found), Some(expected)) if found < 0.0 => {
                    assert!((found + expected).abs() < 1e-7, "case {case}: {found} {expected}");
                    outside += 1;
                }
                (Some(found), Some(expected)) => {
                    assert_eq!(expected, 0.0);
                    assert_eq!(Some(found), facets.nearest());
                    inside += 1;
                }
                (None, None) => nowhere += 1,
                (found, expected) => panic!("case {case}: {found:?} {expected:?}"),
            }
        }
        assert!(outside > 300 && inside > 50 && nowhere > 10, "{outside} {inside} {nowhere}");
    }

    /// The conditions of Karush, Kuhn and Tucker, which only the nearest point meets, checked
    /// in the space of units at the size of a real readout.
    #[test]
    fn the_point_found_is_feasible_and_reached_along_active_facets() {
        let mut stream = Stream::new(6, &[]);
        for bias in [0.0, 0.3] {
            let readout = readout(60, 40, bias, &mut stream);
            let zones = Zones::new(&readout);
            let mut most_active = 0;
            for _ in 0..50 {
                let point: Vec<f32> = (0..40).map(|_| stream.between(-1.0, 1.0) as f32).collect();
                let class = stream.below(60);
                let (Facets(facets), _) = look(&zones, &scores(&zones, &point), class);
                let active = zones.project(&facets, class).expect("a zone");
                let mut nearest: Vec<f64> = point.iter().map(|&x| f64::from(x)).collect();
                for (&member, &multiplier) in active.members.iter().zip(&active.multipliers) {
                    assert!(multiplier > 0.0);
                    for (unit, x) in nearest.iter_mut().enumerate() {
                        let normal = f64::from(readout.weight[[class, unit]])
                            - f64::from(readout.weight[[member, unit]]);
                        *x += multiplier * normal / zones.separations(class)[member];
                    }
                }
                let moved = nearest.iter().zip(&point).map(|(a, &b)| (a - f64::from(b)).powi(2)).sum::<f64>();
                assert!((moved.sqrt() - active.distance(&facets)).abs() < 1e-10);
                let score = |class: usize| {
                    let row = readout.weight.row(class);
                    row.iter().zip(&nearest).map(|(&w, x)| f64::from(w) * x).sum::<f64>() + zones.bias[class]
                };
                for other in (0..60).filter(|&other| other != class) {
                    let height = (score(class) - score(other)) / zones.separations(class)[other];
                    assert!(height > -1e-10, "{height}");
                    assert!(!active.members.contains(&other) || height < 1e-10, "{height}");
                }
                most_active = most_active.max(active.members.len());
            }
            assert!(most_active > 5, "{most_active}");
        }
    }

    #[test]
    fn a_cone_is_never_farther_than_its_apex() {
        let mut stream = Stream::new(7, &[]);
        let zones = Zones::new(&readout(30, 6, 0.0, &mut stream));
        for _ in 0..100 {
            let point: Vec<f32> = (0..6).map(|_| stream.between(-1.0, 1.0) as f32).collect();
            let scores = scores(&zones, &point);
            for class in 0..30 {
                let found = look(&zones, &scores, class).1.expect("a cone holds its apex");
                assert!(-found <= norm(&point) * (1.0 + 1e-9), "{found}");
            }
        }
    }

    #[test]
    fn equal_readout_vectors_share_a_zone_or_leave_one_without() {
        let weight = Array2::from_shape_vec((3, 2), vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0]).unwrap();
        let shared = Zones::new(&Readout { weight: weight.clone(), bias: None });
        let at = scores(&shared, &[2.0, 0.0]);
        assert_eq!(look(&shared, &at, 0).1, look(&shared, &at, 1).1);
        let beaten = Readout { weight, bias: Some(Array1::from_vec(vec![0.0, 0.1, 0.0])) };
        let beaten = Zones::new(&beaten);
        let at = scores(&beaten, &[2.0, 0.0]);
        assert_eq!(look(&beaten, &at, 0).1, None);
        assert!(look(&beaten, &at, 1).1.is_some());
    }

    #[test]
    fn a_single_class_has_no_boundary() {
        let zones = Zones::new(&readout(1, 3, 0.0, &mut Stream::new(1, &[])));
        let (facets, distance) = look(&zones, &[1.0], 0);
        assert_eq!((facets.nearest(), distance), (None, None));
    }
}
