//! Shears, shifts and rotations: for each pixel of the result, the nearest pixel of
//! the original under the inverse map, black beyond its edge.

use crate::Image;

/// Inverse map about the image's centre, `[x', y'] = [[a, b], [c, d]] [x, y] + [e, f]`,
/// in rows `[a, b, e, c, d, f]`.
type Affine = [f64; 6];

/// `torchvision.transforms.functional._get_inverse_affine_matrix` without scaling,
/// with at most one of rotation and shears.
struct Motion {
    centre: [f64; 2],
    radians: f64,
    translate: [f64; 2],
    shear: [f64; 2],
}

impl Motion {
    const NONE: Self = Self { centre: [0.0; 2], radians: 0.0, translate: [0.0; 2], shear: [0.0; 2] };

    fn inverse(&self) -> Affine {
        let ([cx, cy], [tx, ty], [sx, sy]) = (self.centre, self.translate, self.shear);
        let (cos, sin, tan) = (libm::cos, libm::sin, libm::tan);
        let turned = self.radians - sy;
        let a = cos(turned) / cos(sy);
        let b = -cos(turned) * tan(sx) / cos(sy) - sin(self.radians);
        let c = sin(turned) / cos(sy);
        let d = -sin(turned) * tan(sx) / cos(sy) + cos(self.radians);
        let shift = |u: f64, v: f64, centre: f64| u * (-cx - tx) + v * (-cy - ty) + centre;
        [d, -b, shift(d, -b, cx), -c, a, shift(-c, a, cy)]
    }
}

/// Degrees and back, as torchvision passes its angles on: the detour changes bits.
fn there_and_back(radians: f64) -> f64 {
    radians.to_degrees().to_radians()
}

/// The upper left corner, from the centre: where torchvision anchors its shears here.
fn corner(image: &Image) -> [f64; 2] {
    [-(image.width as f64) * 0.5, -(image.height as f64) * 0.5]
}

pub(super) fn shear_x(image: &Image, amount: f64) -> Image {
    let shear = [there_and_back(libm::atan(amount)), 0.0];
    warp(image, Motion { centre: corner(image), shear, ..Motion::NONE }.inverse())
}

pub(super) fn shear_y(image: &Image, amount: f64) -> Image {
    let shear = [0.0, there_and_back(libm::atan(amount))];
    warp(image, Motion { centre: corner(image), shear, ..Motion::NONE }.inverse())
}

pub(super) fn translate(image: &Image, x: f64, y: f64) -> Image {
    warp(image, Motion { translate: [x, y], ..Motion::NONE }.inverse())
}

pub(super) fn rotate(image: &Image, degrees: f64) -> Image {
    warp(image, Motion { radians: (-degrees).to_radians(), ..Motion::NONE }.inverse())
}

/// Sample the original at the mapped centre of every pixel.
///
/// Every step in `f32` and in the order of torchvision's grid and torch's
/// `grid_sample`, since a position half-way between two pixels goes to the even one.
fn warp(image: &Image, map: Affine) -> Image {
    let (height, width) = (image.height, image.width);
    let half = [width as f32 * 0.5, height as f32 * 0.5];
    let map = map.map(|value| value as f32);
    let scaled = [
        map[0] / half[0],
        map[1] / half[0],
        map[2] / half[0],
        map[3] / half[1],
        map[4] / half[1],
        map[5] / half[1],
    ];
    let mut out = Image::black(height, width);
    for row in 0..height {
        let y = row as f32 + 0.5 - half[1];
        for column in 0..width {
            let x = column as f32 + 0.5 - half[0];
            let position = |row: [f32; 3], half: f32| {
                let normalised = x * row[0] + y * row[1] + row[2];
                ((normalised + 1.0) * half - 0.5).round_ties_even()
            };
            let from_x = position([scaled[0], scaled[1], scaled[2]], half[0]);
            let from_y = position([scaled[3], scaled[4], scaled[5]], half[1]);
            if from_x >= 0.0 && from_y >= 0.0 && from_x < width as f32 && from_y < height as f32 {
                out.set(row, column, image.pixel(from_y as usize, from_x as usize));
            }
        }
    }
    out
}
