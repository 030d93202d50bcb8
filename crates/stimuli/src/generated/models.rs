//! How each class is put together.
//!
//! Coordinates of an object: x forward, y up, z to its right, all within about −1 to 1.
//! Plants and furniture have their front towards z. Proportions, colours and patterns
//! vary from one exemplar to the next; what makes the class does not.

use redyn_core::random::Stream;

use super::solid::{Shape, Solid};
use super::texture::{Material, Pattern};
use super::vector::{Matrix, Vector};

/// Puts one exemplar together.
pub(super) type Build = fn(&mut Sketch);

/// An object in the making.
pub(super) struct Sketch {
    pub(super) solids: Vec<Solid>,
    pub(super) materials: Vec<Material>,
    pub(super) stream: Stream,
}

/// A colour of display by hue (in turns), saturation and value, as linear light.
pub(super) fn colour(hue: f32, saturation: f32, value: f32) -> Vector {
    let channel = |offset: f32| {
        let turn = (hue + offset) - super::texture::floor(hue + offset) as f32;
        let ramp = ((turn * 6.0 - 3.0).abs() - 1.0).clamp(0.0, 1.0);
        let shown = value * (1.0 - saturation * (1.0 - ramp));
        shown * shown
    };
    Vector(channel(0.0), channel(2.0 / 3.0), channel(1.0 / 3.0))
}

impl Sketch {
    pub(super) fn new(stream: Stream) -> Self {
        Self { solids: Vec::new(), materials: Vec::new(), stream }
    }

    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        self.stream.between(f64::from(low), f64::from(high)) as f32
    }

    fn material(&mut self, colour: Vector, second: Vector, pattern: Pattern, gloss: f32) -> usize {
        self.materials.push(Material { colour, second, pattern, gloss });
        self.materials.len() - 1
    }

    /// A surface of one hue range with a darker second colour.
    fn tinted(
        &mut self,
        hue: (f32, f32),
        saturation: (f32, f32),
        value: (f32, f32),
        pattern: Pattern,
        gloss: f32,
    ) -> usize {
        let (h, s, v) = (
            self.between(hue.0, hue.1),
            self.between(saturation.0, saturation.1),
            self.between(value.0, value.1),
        );
        let second = self.between(0.45, 0.7);
        self.material(colour(h, s, v), colour(h + 0.03, s, v * second), pattern, gloss)
    }

    /// Paint of any hue.
    pub(super) fn paint(&mut self, gloss: f32) -> usize {
        self.tinted((0.0, 1.0), (0.2, 0.85), (0.45, 0.95), Pattern::Plain, gloss)
    }

    fn dark(&mut self) -> usize {
        self.tinted((0.0, 1.0), (0.0, 0.2), (0.1, 0.25), Pattern::Plain, 0.3)
    }

    fn wood(&mut self) -> usize {
        self.tinted((0.05, 0.1), (0.35, 0.65), (0.35, 0.75), Pattern::Grain(9.0), 0.15)
    }

    fn leaf(&mut self) -> usize {
        self.tinted((0.19, 0.38), (0.35, 0.75), (0.5, 0.85), Pattern::Grain(7.0), 0.1)
    }

    fn add(&mut self, shape: Shape, axes: Matrix, centre: Vector, material: usize) {
        self.solids.push(Solid { shape, axes, centre, material });
    }

    pub(super) fn ball(&mut self, material: usize, centre: [f32; 3], radii: [f32; 3]) {
        self.add(Shape::Ball, stretch(radii), point(centre), material);
    }

    /// An egg along a direction.
    fn egg(&mut self, material: usize, from: [f32; 3], to: [f32; 3], thickness: (f32, f32)) {
        let axes = along(from, to, thickness);
        self.add(Shape::Ball, axes, (point(from) + point(to)) * 0.5, material);
    }

    pub(super) fn block(&mut self, material: usize, centre: [f32; 3], half: [f32; 3]) {
        self.add(Shape::Block, stretch(half), point(centre), material);
    }

    /// A block swept back: its middle line goes from one point to another.
    fn wing(&mut self, material: usize, from: [f32; 3], to: [f32; 3], chord: f32, thickness: f32) {
        let line = (point(to) - point(from)) * 0.5;
        let axes = Matrix::from_columns(Vector(chord, 0.0, 0.0), Vector(0.0, thickness, 0.0), line);
        self.add(Shape::Block, axes, (point(from) + point(to)) * 0.5, material);
    }

    /// A tapered round bar from one point to another.
    pub(super) fn limb(&mut self, material: usize, from: [f32; 3], to: [f32; 3], radii: (f32, f32)) {
        let shape = Shape::Column { bottom: radii.0, top: radii.1 };
        self.add(shape, along(from, to, (1.0, 1.0)), (point(from) + point(to)) * 0.5, material);
    }
}

fn point(p: [f32; 3]) -> Vector {
    Vector(p[0], p[1], p[2])
}

fn stretch(half: [f32; 3]) -> Matrix {
    Matrix([Vector(half[0], 0.0, 0.0), Vector(0.0, half[1], 0.0), Vector(0.0, 0.0, half[2])])
}

/// Axes with y along a line, x and z across it.
fn along(from: [f32; 3], to: [f32; 3], thickness: (f32, f32)) -> Matrix {
    let line = (point(to) - point(from)) * 0.5;
    let aside =
        if line.1.abs() > 0.9 * line.length() { Vector(1.0, 0.0, 0.0) } else { Vector(0.0, 1.0, 0.0) };
    let x = line.cross(aside).unit();
    let z = x.cross(line).unit();
    Matrix::from_columns(x * thickness.0, line, z * thickness.1)
}

/// Both sides of a symmetric object.
const SIDES: [f32; 2] = [-1.0, 1.0];

pub(super) fn heron(s: &mut Sketch) {
    let feather = s.tinted((0.5, 0.72), (0.05, 0.4), (0.5, 0.95), Pattern::Grain(6.0), 0.05);
    let wing = s.tinted((0.5, 0.72), (0.1, 0.45), (0.3, 0.7), Pattern::Grain(10.0), 0.05);
    let horn = s.tinted((0.08, 0.15), (0.4, 0.8), (0.5, 0.9), Pattern::Plain, 0.2);
    let (neck, legs, beak) = (s.between(0.45, 0.62), s.between(0.75, 0.95), s.between(0.38, 0.52));
    s.egg(feather, [-0.42, -0.02, 0.0], [0.42, 0.26, 0.0], (0.24, 0.27));
    s.egg(wing, [-0.62, -0.08, 0.17], [0.25, 0.22, 0.2], (0.09, 0.2));
    s.egg(wing, [-0.62, -0.08, -0.17], [0.25, 0.22, -0.2], (0.09, 0.2));
    s.limb(wing, [-0.35, 0.02, 0.0], [-0.78, -0.12, 0.0], (0.12, 0.04));
    s.limb(feather, [0.32, 0.18, 0.0], [0.52, 0.18 + 0.5 * neck, 0.0], (0.11, 0.07));
    s.limb(feather, [0.52, 0.16 + 0.5 * neck, 0.0], [0.45, 0.2 + neck, 0.0], (0.075, 0.065));
    s.ball(feather, [0.5, 0.22 + neck, 0.0], [0.14, 0.1, 0.1]);
    s.limb(horn, [0.58, 0.22 + neck, 0.0], [0.6 + beak, 0.16 + neck, 0.0], (0.06, 0.012));
    for side in SIDES {
        s.limb(horn, [0.0, 0.0, 0.1 * side], [0.06 * side, -legs, 0.1 * side], (0.045, 0.03));
        s.limb(horn, [0.06 * side, -legs, 0.1 * side], [0.06 * side + 0.2, -legs, 0.1 * side], (0.03, 0.02));
    }
}

pub(super) fn duck(s: &mut Sketch) {
    let feather = s.tinted((0.05, 0.16), (0.1, 0.7), (0.45, 0.95), Pattern::Grain(6.0), 0.08);
    let head = s.tinted((0.1, 0.45), (0.2, 0.8), (0.3, 0.9), Pattern::Plain, 0.3);
    let wing = s.tinted((0.05, 0.14), (0.2, 0.5), (0.3, 0.65), Pattern::Grain(10.0), 0.05);
    let beak = s.tinted((0.06, 0.14), (0.6, 0.95), (0.7, 1.0), Pattern::Plain, 0.3);
    let (neck, bulk) = (s.between(0.3, 0.45), s.between(0.36, 0.46));
    s.egg(feather, [-0.7, -0.12, 0.0], [0.62, -0.06, 0.0], (bulk, bulk));
    s.ball(feather, [0.38, 0.0, 0.0], [0.3, 0.32, 0.3]);
    s.limb(feather, [-0.5, 0.0, 0.0], [-0.92, 0.26, 0.0], (0.2, 0.04));
    for side in SIDES {
        s.egg(wing, [-0.6, 0.1, 0.36 * side], [0.3, -0.04, 0.38 * side], (0.09, 0.2));
        s.limb(beak, [0.0, -0.42, 0.16 * side], [0.04, -0.72, 0.16 * side], (0.05, 0.045));
        s.egg(beak, [-0.04, -0.73, 0.16 * side], [0.26, -0.73, 0.16 * side], (0.11, 0.03));
    }
    s.limb(head, [0.42, 0.1, 0.0], [0.56, 0.14 + neck, 0.0], (0.2, 0.15));
    s.ball(head, [0.6, 0.24 + neck, 0.0], [0.24, 0.21, 0.2]);
    s.egg(beak, [0.76, 0.2 + neck, 0.0], [1.1, 0.15 + neck, 0.0], (0.13, 0.05));
}

/// The body that both cats share.
fn cat(s: &mut Sketch, fur: usize, belly: usize, slim: f32) {
    let nose = s.dark();
    let (crouch, tail) = (s.between(0.42, 0.58), s.between(-0.1, 0.45));
    s.egg(fur, [-0.66, 0.1, 0.0], [0.6, 0.12, 0.0], (0.29 * slim, 0.25 * slim));
    s.ball(fur, [0.4, 0.12, 0.0], [0.27, 0.3 * slim, 0.24 * slim]);
    s.ball(fur, [-0.5, 0.08, 0.0], [0.24, 0.28 * slim, 0.23 * slim]);
    s.egg(belly, [-0.4, -0.06, 0.0], [0.45, -0.06, 0.0], (0.18, 0.15));
    s.ball(fur, [0.8, 0.34, 0.0], [0.22, 0.21, 0.21]);
    s.ball(belly, [0.98, 0.26, 0.0], [0.12, 0.1, 0.12]);
    s.ball(nose, [1.08, 0.3, 0.0], [0.035, 0.035, 0.05]);
    for side in SIDES {
        s.ball(fur, [0.72, 0.55, 0.14 * side], [0.05, 0.09, 0.07]);
        s.ball(nose, [0.97, 0.41, 0.09 * side], [0.03, 0.03, 0.03]);
        let stride = s.between(-0.16, 0.16);
        s.limb(fur, [0.42, 0.05, 0.14 * side], [0.42 + stride, -crouch, 0.14 * side], (0.12 * slim, 0.075));
        s.egg(
            belly,
            [0.36 + stride, -crouch, 0.14 * side],
            [0.6 + stride, -crouch, 0.14 * side],
            (0.08, 0.06),
        );
        s.limb(fur, [-0.52, 0.05, 0.14 * side], [-0.52 - stride, -crouch, 0.14 * side], (0.14 * slim, 0.075));
        s.egg(
            belly,
            [-0.6 - stride, -crouch, 0.14 * side],
            [-0.34 - stride, -crouch, 0.14 * side],
            (0.08, 0.06),
        );
    }
    s.limb(fur, [-0.7, 0.18, 0.0], [-1.02, tail, 0.0], (0.065, 0.05));
    s.limb(fur, [-1.02, tail - 0.02, 0.0], [-1.16, tail + 0.3, 0.0], (0.05, 0.045));
}

pub(super) fn tiger(s: &mut Sketch) {
    let (hue, value) = (s.between(0.05, 0.11), s.between(0.75, 1.0));
    let (saturation, bands) = (s.between(0.45, 0.9), s.between(3.2, 4.6));
    let fur =
        s.material(colour(hue, saturation, value), colour(hue, 0.3, 0.12), Pattern::Stripes(bands), 0.05);
    let belly = s.tinted((0.07, 0.12), (0.05, 0.25), (0.8, 1.0), Pattern::Plain, 0.05);
    cat(s, fur, belly, 1.1);
}

pub(super) fn leopard(s: &mut Sketch) {
    let (hue, value) = (s.between(0.07, 0.13), s.between(0.75, 1.0));
    let (saturation, blotches) = (s.between(0.35, 0.75), s.between(7.5, 10.0));
    let fur =
        s.material(colour(hue, saturation, value), colour(hue, 0.4, 0.13), Pattern::Spots(blotches), 0.05);
    let belly = s.tinted((0.08, 0.13), (0.05, 0.25), (0.8, 1.0), Pattern::Plain, 0.05);
    cat(s, fur, belly, 0.95);
}

/// Four wheels under a car.
fn wheels(s: &mut Sketch, radius: f32, at: (f32, f32), height: f32) {
    let (tyre, hub) = (s.dark(), s.tinted((0.5, 0.7), (0.0, 0.15), (0.6, 0.9), Pattern::Plain, 0.6));
    for side in SIDES {
        for x in [at.0, at.1] {
            s.limb(tyre, [x, height, 0.3 * side], [x, height, 0.45 * side], (radius, radius));
            s.limb(hub, [x, height, 0.44 * side], [x, height, 0.465 * side], (radius * 0.55, radius * 0.5));
        }
    }
}

/// Lamps at both ends of a car.
fn lamps(s: &mut Sketch, height: f32, length: f32) {
    let front = s.tinted((0.12, 0.17), (0.05, 0.3), (0.9, 1.0), Pattern::Plain, 0.8);
    let back = s.tinted((0.98, 1.0), (0.8, 0.95), (0.6, 0.9), Pattern::Plain, 0.6);
    for side in SIDES {
        s.ball(front, [length, height, 0.3 * side], [0.04, 0.06, 0.08]);
        s.ball(back, [-length, height, 0.32 * side], [0.03, 0.07, 0.06]);
    }
}

pub(super) fn hatchback(s: &mut Sketch) {
    let (body, glass) = (s.paint(0.8), s.tinted((0.5, 0.65), (0.1, 0.4), (0.12, 0.3), Pattern::Plain, 0.9));
    let (roof, front) = (s.between(0.3, 0.4), s.between(0.0, 0.12));
    s.block(body, [0.0, -0.12, 0.0], [0.86, 0.2, 0.41]);
    s.egg(body, [0.2, -0.02, 0.0], [0.96, -0.08, 0.0], (0.4, 0.2));
    s.egg(body, [-0.94, -0.05, 0.0], [0.2, -0.05, 0.0], (0.4, 0.24));
    s.block(body, [-0.32, roof * 0.55, 0.0], [0.44, roof * 0.62, 0.36]);
    s.egg(body, [-0.82, roof, 0.0], [0.2, roof, 0.0], (0.35, 0.2));
    s.block(glass, [-0.32, roof * 0.72, 0.0], [0.36, 0.13, 0.366]);
    s.wing(glass, [0.14 + front, roof * 0.6, -0.3], [0.14 + front, roof * 0.6, 0.3], 0.05, 0.16);
    s.block(body, [-0.3, roof * 0.72, 0.0], [0.03, 0.15, 0.37]);
    wheels(s, 0.2, (-0.56, 0.58), -0.32);
    lamps(s, -0.06, 0.9);
}

pub(super) fn pickup(s: &mut Sketch) {
    let (body, glass) = (s.paint(0.7), s.tinted((0.5, 0.65), (0.1, 0.4), (0.12, 0.3), Pattern::Plain, 0.9));
    let (bed, cabin) = (s.dark(), s.between(0.36, 0.48));
    s.block(body, [0.52, -0.06, 0.0], [0.44, 0.2, 0.41]);
    s.egg(body, [0.4, 0.04, 0.0], [1.02, -0.02, 0.0], (0.4, 0.2));
    s.block(body, [0.12, cabin * 0.5, 0.0], [0.26, cabin * 0.6, 0.37]);
    s.block(glass, [0.12, cabin * 0.72, 0.0], [0.2, 0.12, 0.376]);
    s.wing(glass, [0.39, cabin * 0.65, -0.31], [0.39, cabin * 0.65, 0.31], 0.02, 0.14);
    s.block(bed, [-0.5, -0.18, 0.0], [0.44, 0.06, 0.38]);
    for side in SIDES {
        s.block(body, [-0.5, -0.06, 0.38 * side], [0.46, 0.17, 0.03]);
    }
    s.block(body, [-0.94, -0.06, 0.0], [0.03, 0.17, 0.4]);
    wheels(s, 0.24, (-0.56, 0.6), -0.32);
    lamps(s, -0.02, 0.97);
}

pub(super) fn airliner(s: &mut Sketch) {
    let hull = s.tinted((0.5, 0.7), (0.0, 0.15), (0.75, 1.0), Pattern::Plain, 0.6);
    let (accent, metal) =
        (s.paint(0.5), s.tinted((0.5, 0.7), (0.0, 0.15), (0.45, 0.75), Pattern::Plain, 0.7));
    let (sweep, span) = (s.between(0.25, 0.42), s.between(0.8, 0.98));
    s.egg(hull, [-1.0, 0.02, 0.0], [1.05, 0.0, 0.0], (0.16, 0.16));
    s.limb(hull, [0.3, 0.0, 0.0], [-0.98, 0.08, 0.0], (0.155, 0.05));
    s.wing(accent, [0.95, 0.05, -0.04], [0.95, 0.05, 0.04], 0.06, 0.035);
    for side in SIDES {
        s.wing(metal, [0.1, -0.05, 0.0], [0.1 - sweep, 0.02, span * side], 0.15, 0.022);
        s.wing(metal, [-0.82, 0.08, 0.0], [-0.98, 0.1, 0.36 * side], 0.09, 0.018);
        s.limb(
            accent,
            [0.22 - 0.3 * sweep, -0.14, 0.36 * side],
            [-0.08 - 0.3 * sweep, -0.14, 0.36 * side],
            (0.075, 0.055),
        );
    }
    let fin = Matrix::from_columns(Vector(0.14, 0.0, 0.0), Vector(-0.12, 0.2, 0.0), Vector(0.0, 0.0, 0.02));
    s.add(Shape::Block, fin, Vector(-0.9, 0.26, 0.0), accent);
}

pub(super) fn biplane(s: &mut Sketch) {
    let (cloth, hull) = (s.paint(0.2), s.paint(0.3));
    let (strut, dark) = (s.wood(), s.dark());
    let (span, gap) = (s.between(0.82, 0.98), s.between(0.36, 0.46));
    s.limb(hull, [0.62, 0.0, 0.0], [-0.85, 0.08, 0.0], (0.17, 0.06));
    s.ball(dark, [0.64, 0.0, 0.0], [0.1, 0.14, 0.14]);
    s.wing(dark, [0.76, -0.28, -0.06], [0.76, 0.28, 0.06], 0.02, 0.03);
    for height in [gap, gap - 0.5] {
        s.wing(cloth, [0.26, height, -span], [0.26, height, span], 0.17, 0.022);
    }
    s.wing(cloth, [-0.8, 0.1, -0.34], [-0.8, 0.1, 0.34], 0.11, 0.018);
    s.block(cloth, [-0.84, 0.24, 0.0], [0.1, 0.15, 0.018]);
    s.ball(dark, [0.0, 0.14, 0.0], [0.12, 0.06, 0.09]);
    for side in SIDES {
        for x in [0.14, 0.38] {
            s.limb(strut, [x, gap, 0.6 * span * side], [x, gap - 0.5, 0.6 * span * side], (0.02, 0.02));
        }
        s.limb(strut, [0.3, gap, 0.14 * side], [0.3, 0.05, 0.1 * side], (0.02, 0.02));
        s.limb(strut, [0.34, -0.1, 0.08 * side], [0.4, -0.38, 0.2 * side], (0.025, 0.025));
        s.limb(dark, [0.4, -0.4, 0.18 * side], [0.4, -0.4, 0.25 * side], (0.11, 0.11));
    }
}

pub(super) fn pine(s: &mut Sketch) {
    let (bark, needles) = (s.wood(), s.leaf());
    let (tiers, width) = (3 + s.stream.below(3), s.between(0.42, 0.6));
    s.limb(bark, [0.0, -1.0, 0.0], [0.0, 0.2, 0.0], (0.11, 0.06));
    for tier in 0..tiers {
        let low = -0.62 + 1.3 * tier as f32 / tiers as f32;
        let radius = width * (1.0 - 0.75 * tier as f32 / tiers as f32);
        let (lean, height) = (s.between(-0.04, 0.04), s.between(0.62, 0.72));
        s.limb(needles, [lean, low, -lean], [0.0, low + height, 0.0], (radius, 0.02));
    }
}

pub(super) fn oak(s: &mut Sketch) {
    let (bark, leaf) = (s.wood(), s.leaf());
    let crown = s.between(0.5, 0.62);
    s.limb(bark, [0.0, -1.0, 0.0], [0.0, 0.1, 0.0], (0.16, 0.1));
    for side in SIDES {
        s.limb(bark, [0.0, -0.25, 0.0], [0.45 * side, 0.25, 0.1 * side], (0.07, 0.04));
    }
    s.ball(leaf, [0.0, 0.38, 0.0], [crown, 0.46, crown]);
    for i in 0..8_i16 {
        let turn = f64::from(i) * std::f64::consts::FRAC_PI_4 + f64::from(s.between(-0.2, 0.2));
        let (reach, height, size) = (s.between(0.4, 0.55), s.between(0.05, 0.65), s.between(0.22, 0.34));
        s.ball(
            leaf,
            [reach * libm::cos(turn) as f32, height, reach * libm::sin(turn) as f32],
            [size, size * 0.85, size],
        );
    }
}

/// A stem with two leaves, up to a height.
fn stem(s: &mut Sketch, top: f32, leaf_length: f32) {
    let green = s.leaf();
    let bend = s.between(-0.1, 0.1);
    s.limb(green, [bend, -1.0, 0.0], [0.0, top, 0.0], (0.045, 0.04));
    for side in SIDES {
        let (low, rise) = (s.between(-0.85, -0.6), s.between(0.7, 1.1));
        s.egg(green, [bend, low, 0.0], [0.42 * side, low + rise * leaf_length, 0.12], (0.1, 0.025));
    }
}

pub(super) fn daisy(s: &mut Sketch) {
    let petal = s.tinted((0.0, 1.0), (0.0, 0.55), (0.8, 1.0), Pattern::Plain, 0.05);
    let eye = s.tinted((0.08, 0.15), (0.6, 0.95), (0.6, 0.95), Pattern::Grain(16.0), 0.05);
    let (petals, reach) = (9 + s.stream.below(5), s.between(0.5, 0.62));
    let (heart, nod) = (s.between(0.17, 0.23), s.between(0.1, 0.35));
    stem(s, 0.38, 0.5);
    let centre = [0.0, 0.42, 0.12];
    for i in 0..petals {
        let turn = std::f64::consts::TAU * i as f64 / petals as f64;
        let (x, y) = (libm::cos(turn) as f32, libm::sin(turn) as f32);
        let tip = [reach * x, centre[1] + reach * y, centre[2] - nod * y * reach];
        s.egg(petal, [0.12 * x, centre[1] + 0.12 * y, centre[2]], tip, (0.12, 0.03));
    }
    s.ball(eye, [centre[0], centre[1], centre[2] + 0.03], [heart, heart, 0.1]);
}

pub(super) fn tulip(s: &mut Sketch) {
    let petal = s.tinted((0.8, 1.17), (0.35, 0.9), (0.65, 1.0), Pattern::Grain(3.0), 0.15);
    let (width, height) = (s.between(0.2, 0.28), s.between(0.55, 0.7));
    stem(s, 0.2, 1.2);
    s.ball(petal, [0.0, 0.36, 0.0], [width, 0.26, width]);
    for i in 0..6_i16 {
        let turn = std::f64::consts::FRAC_PI_3 * f64::from(i);
        let (x, z) = (libm::cos(turn) as f32, libm::sin(turn) as f32);
        let out = width * if i % 2 == 0 { 1.15 } else { 0.85 };
        s.egg(petal, [0.5 * out * x, 0.12, 0.5 * out * z], [out * x, 0.22 + height, out * z], (0.13, 0.13));
    }
}

pub(super) fn stool(s: &mut Sketch) {
    let (seat, frame) = (s.paint(0.3), s.wood());
    let (legs, splay, height) = (3 + s.stream.below(2), s.between(0.4, 0.55), s.between(0.4, 0.6));
    s.limb(seat, [0.0, height - 0.1, 0.0], [0.0, height, 0.0], (0.5, 0.52));
    let foot = |i: usize| {
        let turn = std::f64::consts::TAU * (i as f64 + 0.5) / legs as f64;
        (libm::cos(turn) as f32, libm::sin(turn) as f32)
    };
    for i in 0..legs {
        let ((x, z), (next_x, next_z)) = (foot(i), foot(i + 1));
        s.limb(frame, [0.32 * x, height - 0.1, 0.32 * z], [splay * x, -0.95, splay * z], (0.055, 0.045));
        let r = 0.6 * splay + 0.4 * 0.32;
        s.limb(frame, [r * x, -0.4, r * z], [r * next_x, -0.4, r * next_z], (0.03, 0.03));
    }
}

pub(super) fn armchair(s: &mut Sketch) {
    let (cover, legs) = (s.paint(0.05), s.wood());
    let cushion = s.tinted((0.0, 1.0), (0.1, 0.7), (0.4, 0.9), Pattern::Grain(6.0), 0.05);
    let (back, arms) = (s.between(0.55, 0.8), s.between(0.08, 0.2));
    s.block(cover, [0.0, -0.42, 0.0], [0.56, 0.2, 0.5]);
    s.ball(cushion, [0.0, -0.2, 0.1], [0.46, 0.13, 0.46]);
    s.block(cover, [0.0, back * 0.5 - 0.3, -0.46], [0.56, back * 0.5 + 0.28, 0.13]);
    s.limb(cover, [-0.56, back - 0.05, -0.46], [0.56, back - 0.05, -0.46], (0.15, 0.15));
    s.ball(cushion, [0.0, back * 0.5 - 0.1, -0.32], [0.42, 0.36, 0.1]);
    for side in SIDES {
        s.block(cover, [0.62 * side, -0.3, 0.0], [0.11, 0.3, 0.52]);
        s.limb(cover, [0.62 * side, arms - 0.1, -0.5], [0.62 * side, arms - 0.1, 0.54], (0.15, 0.15));
        for z in [-0.4, 0.4] {
            s.limb(legs, [0.55 * side, -0.6, z], [0.58 * side, -0.85, z], (0.06, 0.04));
        }
    }
}

pub(super) fn floor_lamp(s: &mut Sketch) {
    let (metal, pole) = (s.dark(), s.tinted((0.0, 1.0), (0.0, 0.4), (0.25, 0.8), Pattern::Plain, 0.7));
    let shade = s.tinted((0.0, 1.0), (0.05, 0.5), (0.75, 1.0), Pattern::Rings(5.0), 0.05);
    let (wide, narrow, tall) = (s.between(0.36, 0.46), s.between(0.18, 0.28), s.between(0.4, 0.52));
    s.limb(metal, [0.0, -1.0, 0.0], [0.0, -0.93, 0.0], (0.34, 0.3));
    s.limb(pole, [0.0, -0.95, 0.0], [0.0, 0.6, 0.0], (0.035, 0.03));
    s.limb(shade, [0.0, 1.0 - tall, 0.0], [0.0, 1.0, 0.0], (wide, narrow));
}

pub(super) fn desk_lamp(s: &mut Sketch) {
    let (paint, joint) = (s.paint(0.6), s.dark());
    let bulb = s.tinted((0.12, 0.17), (0.05, 0.3), (0.95, 1.0), Pattern::Plain, 0.2);
    let (lean, rise, droop) = (s.between(0.25, 0.5), s.between(0.1, 0.35), s.between(0.25, 0.5));
    let (elbow, head) = ([-lean, rise, 0.0], [0.35, 0.75 - 0.3 * droop, 0.0]);
    s.limb(paint, [0.0, -0.9, 0.0], [0.0, -0.78, 0.0], (0.45, 0.38));
    s.limb(paint, [0.0, -0.8, 0.0], elbow, (0.05, 0.045));
    s.ball(joint, elbow, [0.09, 0.09, 0.09]);
    s.limb(paint, elbow, head, (0.045, 0.04));
    s.ball(joint, head, [0.08, 0.08, 0.08]);
    let mouth = [head[0] + 0.38, head[1] - droop, 0.0];
    s.limb(paint, head, mouth, (0.12, 0.36));
    s.ball(bulb, [head[0] + 0.35, head[1] - 0.93 * droop, 0.0], [0.16, 0.16, 0.16]);
}
