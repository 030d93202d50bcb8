//! Three-dimensional vectors and matrices of `f32`, with nothing that rounds differently elsewhere.

use std::ops::{Add, Mul, Neg, Sub};

/// A point, a direction, or a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Vector(pub(super) f32, pub(super) f32, pub(super) f32);

impl Add for Vector {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1, self.2 + other.2)
    }
}

impl Sub for Vector {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0, self.1 - other.1, self.2 - other.2)
    }
}

impl Mul<f32> for Vector {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self(self.0 * factor, self.1 * factor, self.2 * factor)
    }
}

impl Neg for Vector {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0, -self.1, -self.2)
    }
}

impl Vector {
    pub(super) fn dot(self, other: Self) -> f32 {
        self.0 * other.0 + self.1 * other.1 + self.2 * other.2
    }

    pub(super) fn cross(self, other: Self) -> Self {
        Self(
            self.1 * other.2 - self.2 * other.1,
            self.2 * other.0 - self.0 * other.2,
            self.0 * other.1 - self.1 * other.0,
        )
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    pub(super) fn unit(self) -> Self {
        self * (1.0 / self.length().max(1e-20))
    }

    /// Component by component.
    pub(super) fn times(self, other: Self) -> Self {
        Self(self.0 * other.0, self.1 * other.1, self.2 * other.2)
    }

    /// From `self` (0) to `other` (1).
    pub(super) fn mix(self, other: Self, share: f32) -> Self {
        self + (other - self) * share
    }

    pub(super) fn array(self) -> [f32; 3] {
        [self.0, self.1, self.2]
    }
}

/// A 3 x 3 matrix by its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Matrix(pub(super) [Vector; 3]);

impl Matrix {
    pub(super) fn from_columns(a: Vector, b: Vector, c: Vector) -> Self {
        Self([Vector(a.0, b.0, c.0), Vector(a.1, b.1, c.1), Vector(a.2, b.2, c.2)])
    }

    pub(super) fn apply(&self, v: Vector) -> Vector {
        Vector(self.0[0].dot(v), self.0[1].dot(v), self.0[2].dot(v))
    }

    pub(super) fn transposed(&self) -> Self {
        let [a, b, c] = self.0;
        Self::from_columns(a, b, c)
    }

    pub(super) fn then(&self, first: &Self) -> Self {
        let columns = first.transposed().0.map(|column| self.apply(column));
        Self::from_columns(columns[0], columns[1], columns[2])
    }

    pub(super) fn scaled(&self, factor: f32) -> Self {
        Self(self.0.map(|row| row * factor))
    }

    pub(super) fn inverse(&self) -> Self {
        let [a, b, c] = self.0;
        let determinant = 1.0 / a.dot(b.cross(c));
        Self::from_columns(b.cross(c) * determinant, c.cross(a) * determinant, a.cross(b) * determinant)
    }

    /// Turn about the vertical, then tilt towards the viewer, then roll in the picture (radians).
    pub(super) fn pose(yaw: f64, pitch: f64, roll: f64) -> Self {
        let (cy, sy) = (libm::cos(yaw) as f32, libm::sin(yaw) as f32);
        let (cp, sp) = (libm::cos(pitch) as f32, libm::sin(pitch) as f32);
        let (cr, sr) = (libm::cos(roll) as f32, libm::sin(roll) as f32);
        let turn = Self([Vector(cy, 0.0, sy), Vector(0.0, 1.0, 0.0), Vector(-sy, 0.0, cy)]);
        let tilt = Self([Vector(1.0, 0.0, 0.0), Vector(0.0, cp, -sp), Vector(0.0, sp, cp)]);
        let roll = Self([Vector(cr, -sr, 0.0), Vector(sr, cr, 0.0), Vector(0.0, 0.0, 1.0)]);
        roll.then(&tilt).then(&turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let matrix = Matrix::pose(0.3, -0.7, 1.1).then(&Matrix([
            Vector(2.0, 0.5, 0.0),
            Vector(0.0, 3.0, 0.1),
            Vector(1.0, 0.0, 0.5),
        ]));
        let one = matrix.then(&matrix.inverse()).0.map(Vector::array);
        for (row, expected) in one.iter().zip([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) {
            for (a, b) in row.iter().zip(expected) {
                assert!((a - b).abs() < 1e-5, "{one:?}");
            }
        }
    }

    #[test]
    fn a_camera_above_sees_the_top() {
        let up = Matrix::pose(0.0, 0.5, 0.0).apply(Vector(0.0, 1.0, 0.0));
        assert!(up.2 > 0.0, "the top leans towards the viewer: {up:?}");
    }
}
