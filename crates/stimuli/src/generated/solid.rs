//! The three solids everything is made of, and where a line of sight meets them.

use super::vector::{Matrix, Vector};

/// A solid in its own coordinates, where it fills the cube from −1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// `x² + y² + z² ≤ 1`.
    Ball,
    /// `|x|, |y|, |z| ≤ 1`.
    Block,
    /// `x² + z² ≤ r(y)²`, `|y| ≤ 1`, with `r` going from `bottom` to `top`.
    Column {
        /// Radius at `y = −1`.
        bottom: f32,
        /// Radius at `y = 1`.
        top: f32,
    },
}

/// A part of an object: a solid, stretched, turned and moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Solid {
    pub(super) shape: Shape,
    /// From the solid's coordinates to the object's.
    pub(super) axes: Matrix,
    pub(super) centre: Vector,
    /// Which of the object's materials it is made of.
    pub(super) material: usize,
}

/// A solid in the picture: x right, y up, z towards the viewer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    shape: Shape,
    /// From the picture's coordinates to the solid's.
    into: Matrix,
    pub(super) centre: Vector,
    /// The line of sight (towards the viewer) in the solid's coordinates.
    sight: Vector,
    /// Half the width and height of what it may cover.
    pub(super) reach: (f32, f32),
}

impl Placed {
    /// Turn and scale by `pose`, then move.
    pub(super) fn new(solid: &Solid, pose: &Matrix, position: Vector) -> Self {
        let out = pose.then(&solid.axes);
        let into = out.inverse();
        let centre = pose.apply(solid.centre) + position;
        let reach = |row: Vector| match solid.shape {
            Shape::Ball => row.length(),
            Shape::Block => row.0.abs() + row.1.abs() + row.2.abs(),
            Shape::Column { bottom, top } => {
                (row.0 * row.0 + row.2 * row.2).sqrt() * bottom.max(top) + row.1.abs()
            }
        };
        let reach = (reach(out.0[0]), reach(out.0[1]));
        Self { shape: solid.shape, into, centre, sight: into.transposed().0[2], reach }
    }

    /// Scale everything about the picture's centre, then move.
    pub(super) fn rescale(&mut self, scale: f32, by: Vector) {
        self.into = self.into.scaled(1.0 / scale);
        self.sight = self.sight * (1.0 / scale);
        self.centre = self.centre * scale + by;
        self.reach = (self.reach.0 * scale, self.reach.1 * scale);
    }

    /// Whether a point of the picture shows the solid.
    pub(super) fn covers(&self, point: Vector) -> bool {
        (point.0 - self.centre.0).abs() <= self.reach.0
            && (point.1 - self.centre.1).abs() <= self.reach.1
            && self.meet(self.local(point)).is_some()
    }

    /// The point's coordinates within the solid.
    pub(super) fn local(&self, point: Vector) -> Vector {
        self.into.apply(point - self.centre)
    }

    /// Points along a row of the picture in the solid's coordinates: the one at x = 0,
    /// and the step for x + 1.
    pub(super) fn row(&self, y: f32) -> (Vector, Vector) {
        (self.local(Vector(0.0, y, 0.0)), self.into.transposed().0[0])
    }

    /// How far towards the viewer from `start` (in the solid's coordinates) the surface
    /// is met that the viewer sees, if the line of sight meets it at all.
    pub(super) fn meet(&self, start: Vector) -> Option<f32> {
        let d = self.sight;
        match self.shape {
            Shape::Ball => {
                let (a, b, c) = (d.dot(d), start.dot(d), start.dot(start) - 1.0);
                let root = b * b - a * c;
                (root >= 0.0).then(|| (root.sqrt() - b) / a)
            }
            Shape::Block => {
                let (mut near, mut far) = (f32::MIN, f32::MAX);
                for (o, d) in start.array().into_iter().zip(d.array()) {
                    if d.abs() < 1e-12 {
                        if o.abs() > 1.0 {
                            return None;
                        }
                        continue;
                    }
                    let (a, b) = ((-1.0 - o) / d, (1.0 - o) / d);
                    near = near.max(a.min(b));
                    far = far.min(a.max(b));
                }
                (near <= far).then_some(far)
            }
            Shape::Column { bottom, top } => {
                let (middle, slope) = ((bottom + top) * 0.5, (top - bottom) * 0.5);
                let radius = |t: f32| middle + slope * (start.1 + t * d.1);
                let mut best: Option<f32> = None;
                let mut consider = |t: f32, met: bool| {
                    if met && best.is_none_or(|other| t > other) {
                        best = Some(t);
                    }
                };
                let here = middle + slope * start.1;
                let a = d.0 * d.0 + d.2 * d.2 - slope * slope * d.1 * d.1;
                let b = start.0 * d.0 + start.2 * d.2 - slope * d.1 * here;
                let c = start.0 * start.0 + start.2 * start.2 - here * here;
                let root = b * b - a * c;
                if root >= 0.0 && a.abs() > 1e-12 {
                    let root = root.sqrt();
                    for t in [(-b + root) / a, (-b - root) / a] {
                        consider(t, (start.1 + t * d.1).abs() <= 1.0 && radius(t) >= 0.0);
                    }
                }
                if d.1.abs() > 1e-12 {
                    for end in [-1.0, 1.0] {
                        let t = (end - start.1) / d.1;
                        let (x, z) = (start.0 + t * d.0, start.2 + t * d.2);
                        let radius = middle + slope * end;
                        consider(t, x * x + z * z <= radius * radius);
                    }
                }
                best
            }
        }
    }

    /// Direction away from the surface, in the picture's coordinates, where the line
    /// of sight from `start` meets it after `t`.
    pub(super) fn normal(&self, start: Vector, t: f32) -> Vector {
        let p = start + self.sight * t;
        let away = match self.shape {
            Shape::Ball => p,
            Shape::Block => {
                let (x, y, z) = (p.0.abs(), p.1.abs(), p.2.abs());
                if x >= y && x >= z {
                    Vector(p.0, 0.0, 0.0)
                } else if y >= z {
                    Vector(0.0, p.1, 0.0)
                } else {
                    Vector(0.0, 0.0, p.2)
                }
            }
            Shape::Column { bottom, top } => {
                if p.1.abs() > 0.9999 {
                    Vector(0.0, p.1, 0.0)
                } else {
                    let slope = (top - bottom) * 0.5;
                    Vector(p.0, -slope * ((bottom + top) * 0.5 + slope * p.1), p.2)
                }
            }
        };
        self.into.transposed().apply(away).unit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPRIGHT: Matrix = Matrix([Vector(1.0, 0.0, 0.0), Vector(0.0, 1.0, 0.0), Vector(0.0, 0.0, 1.0)]);

    fn placed(shape: Shape, pose: &Matrix) -> Placed {
        let solid = Solid { shape, axes: UPRIGHT, centre: Vector::default(), material: 0 };
        Placed::new(&solid, pose, Vector::default())
    }

    fn inside(shape: Shape, p: Vector) -> bool {
        match shape {
            Shape::Ball => p.dot(p) <= 1.0,
            Shape::Block => p.array().iter().all(|x| x.abs() <= 1.0),
            Shape::Column { bottom, top } => {
                let radius = (bottom + top) * 0.5 + (top - bottom) * 0.5 * p.1;
                p.1.abs() <= 1.0 && p.0 * p.0 + p.2 * p.2 <= radius * radius
            }
        }
    }

    #[test]
    fn the_line_of_sight_meets_a_solid_where_marching_along_it_does() {
        let pose = Matrix::pose(0.4, 0.6, -0.3);
        for shape in [
            Shape::Ball,
            Shape::Block,
            Shape::Column { bottom: 1.0, top: 0.3 },
            Shape::Column { bottom: 0.5, top: 0.5 },
        ] {
            let solid = placed(shape, &pose);
            for i in 0..400 {
                let at = Vector((i % 20) as f32 * 0.17 - 1.6, (i / 20) as f32 * 0.17 - 1.6, 0.0);
                let marched = (0..4000)
                    .map(|k| 2.0 - k as f32 * 0.001)
                    .find(|&z| inside(shape, solid.local(at + Vector(0.0, 0.0, z))));
                match (solid.meet(solid.local(at)), marched) {
                    (Some(t), Some(z)) => assert!((t - z).abs() < 2e-3, "{shape:?} at {at:?}: {t} and {z}"),
                    (Some(t), None) => {
                        // Grazed between two samples of the march: the chord is short.
                        let behind = solid.local(at + Vector(0.0, 0.0, t - 0.002));
                        assert!(!inside(shape, behind), "{shape:?} at {at:?}");
                    }
                    (None, found) => assert_eq!(found, None, "{shape:?} at {at:?}"),
                }
            }
        }
    }

    #[test]
    fn normals_face_the_viewer() {
        let pose = Matrix::pose(1.0, 0.2, 0.5);
        for shape in [Shape::Ball, Shape::Block, Shape::Column { bottom: 1.0, top: 0.2 }] {
            let solid = placed(shape, &pose);
            let start = solid.local(Vector(0.1, -0.05, 0.0));
            let normal = solid.normal(start, solid.meet(start).unwrap());
            assert!(normal.2 > 0.0 && (normal.length() - 1.0).abs() < 1e-5, "{shape:?}: {normal:?}");
        }
    }
}
