//! What an image shows, before anything is drawn: object, view, light, surroundings.

use redyn_core::random::Stream;

use super::background::Background;
use super::classes::CLASSES;
use super::models::Sketch;
use super::solid::Placed;
use super::texture::Material;
use super::vector::{Matrix, Vector};
use super::{Properties, Specification};

/// An object where it stands. The picture goes from −1 to 1 both ways, y up.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) parts: Vec<(Placed, usize)>,
    pub(super) materials: Vec<Material>,
    /// From the picture's coordinates to the object's, where its textures live.
    pub(super) into: Matrix,
    pub(super) position: Vector,
    pub(super) texture_seed: u32,
}

/// Everything there is to draw.
pub(super) struct Scene {
    /// Behind the object of interest: unrelated pieces, farthest first.
    pub(super) behind: Vec<Object>,
    pub(super) object: Object,
    pub(super) occluders: Vec<Object>,
    pub(super) background: Background,
    pub(super) light: Light,
    /// Size and occlusion are those aimed at; drawing measures them.
    pub(super) properties: Properties,
    pub(super) noise_seed: u32,
}

/// One distant lamp and the glow of the surroundings.
pub(super) struct Light {
    /// Towards the lamp.
    pub(super) direction: Vector,
    /// Half-way between the lamp and the viewer: where highlights are.
    pub(super) highlight: Vector,
    pub(super) lamp: Vector,
    pub(super) above: Vector,
    pub(super) below: Vector,
    /// How dark a full shadow is, 0 to 1.
    pub(super) shadow: f32,
}

/// Most unrelated pieces behind an object.
const MOST_PIECES: f64 = 9.0;

impl Scene {
    /// The scene of one image: a function of its arguments alone.
    pub(super) fn draw(specification: &Specification, split: u64, index: u64, class: usize) -> Self {
        let mut random = Stream::new(specification.seed, &[split, index]);
        let kind = &CLASSES[class];
        let clutter = random.between(0.0, specification.clutter);
        let hidden = random.between(0.0, specification.occlusion);
        let contrast = random.between(specification.contrast, 1.0);
        let noise = random.between(0.0, specification.noise);

        let turn =
            random.between(-kind.yaw, kind.yaw) + if kind.two_sided && random.coin() { 180.0 } else { 0.0 };
        let pitch = random.between(kind.pitch.0, kind.pitch.1);
        let roll = random.between(-8.0, 8.0);
        let pose = Matrix::pose(turn.to_radians(), pitch.to_radians(), roll.to_radians());
        let mut object = assemble(|sketch| (kind.build)(sketch), &mut random, &pose);
        let size = random.between(0.55, 0.95);
        object.fit(size as f32, &mut random);

        let n_behind = (clutter * MOST_PIECES + random.unit()) as usize;
        let behind = (0..n_behind)
            .map(|i| {
                let mut piece = piece(&mut random);
                let size = random.between(0.2, 0.6) as f32;
                let spot = Vector(
                    random.between(-1.0, 1.0) as f32,
                    random.between(-1.0, 0.8) as f32,
                    -12.0 + i as f32,
                );
                piece.place(size, spot);
                piece
            })
            .collect();
        let n_occluders =
            if hidden < LEAST_HIDDEN { 0 } else { 1 + usize::from(hidden > 0.15 && random.coin()) };
        let occluders: Vec<Object> = (0..n_occluders)
            .map(|i| {
                let angle = random.between(0.0, std::f64::consts::TAU);
                let aside = size * random.between(0.1, 0.5);
                let spot = object.position
                    + Vector(
                        (aside * libm::cos(angle)) as f32,
                        (aside * libm::sin(angle)) as f32,
                        8.0 + 4.0 * i as f32,
                    );
                occluder(&mut random, &object, spot, hidden / n_occluders as f64)
            })
            .collect();

        let light = Light::draw(&mut random);
        let background = Background::draw(&mut random, clutter);
        let noise_seed = random.word() as u32;
        let properties = Properties { size, occlusion: hidden, clutter, contrast, noise, yaw: turn };
        Self { behind, object, occluders, background, light, properties, noise_seed }
    }
}

/// Put an object together and turn it; its position and size come later.
fn assemble(build: impl Fn(&mut Sketch), random: &mut Stream, pose: &Matrix) -> Object {
    let mut sketch = Sketch::new(Stream::new(random.word(), &[]));
    build(&mut sketch);
    let parts = sketch
        .solids
        .iter()
        .map(|solid| (Placed::new(solid, pose, Vector::default()), solid.material))
        .collect();
    Object {
        parts,
        materials: sketch.materials,
        into: pose.transposed(),
        position: Vector::default(),
        texture_seed: random.word() as u32,
    }
}

/// A few parts of something, in any position: what clutters a scene shares its
/// features with the objects, so that features alone give nothing away.
fn piece(random: &mut Stream) -> Object {
    let kind = &CLASSES[random.below(CLASSES.len())];
    let pose = any_pose(random);
    let mut object = assemble(|sketch| (kind.build)(sketch), random, &pose);
    let n = (1 + random.below(4)).min(object.parts.len());
    let first = random.below(object.parts.len() - n + 1);
    object.parts = object.parts[first..first + n].to_vec();
    object
}

/// Less than this is not worth hiding.
const LEAST_HIDDEN: f64 = 0.03;

/// A branch, a pebble or a box before an object, as large as it takes to hide about
/// the part wanted.
fn occluder(random: &mut Stream, object: &Object, spot: Vector, hidden: f64) -> Object {
    let original = obstacle(random);
    let mut size = (1.2 * hidden.sqrt()) as f32;
    let mut occluder = original.clone();
    occluder.place(size, spot);
    // What it hides grows about as its area: two corrections come close enough.
    for _ in 0..2 {
        let found = hidden_by(object, &occluder).max(0.01);
        size *= libm::sqrt(hidden / found).clamp(0.4, 1.6) as f32;
        occluder = original.clone();
        occluder.place(size.min(1.2), spot);
    }
    occluder
}

/// Points along each side of an object's outline at which occlusion is estimated.
const PROBES: usize = 14;

/// Part of an object's outline that lies behind another, on a coarse grid.
fn hidden_by(object: &Object, occluder: &Object) -> f64 {
    let [left, right, bottom, top] = object.bounds();
    let at = |low: f32, high: f32, i: usize| low + (high - low) * (i as f32 + 0.5) / PROBES as f32;
    let (mut seen, mut hidden) = (0_usize, 0_usize);
    for i in 0..PROBES * PROBES {
        let probe = Vector(at(left, right, i % PROBES), at(bottom, top, i / PROBES), 0.0);
        if object.covers(probe) {
            seen += 1;
            hidden += usize::from(occluder.covers(probe));
        }
    }
    hidden as f64 / seen.max(1) as f64
}

fn obstacle(random: &mut Stream) -> Object {
    let kind = random.below(3);
    let pose = any_pose(random);
    assemble(
        |sketch| {
            let paint = sketch.paint(0.2);
            match kind {
                0 => {
                    let (a, b) = (sketch.between(0.2, 0.4), sketch.between(0.2, 0.4));
                    sketch.limb(paint, [-1.0, -0.3, 0.0], [1.0, 0.3, 0.0], (a, b));
                }
                1 => {
                    let (a, b) = (sketch.between(0.5, 1.0), sketch.between(0.5, 1.0));
                    sketch.ball(paint, [0.0; 3], [1.0, a, b]);
                }
                _ => {
                    let (a, b) = (sketch.between(0.3, 0.9), sketch.between(0.3, 0.9));
                    sketch.block(paint, [0.0; 3], [0.8, a, b]);
                }
            }
        },
        random,
        &pose,
    )
}

fn any_pose(random: &mut Stream) -> Matrix {
    let mut angle = || random.between(0.0, std::f64::consts::TAU);
    Matrix::pose(angle(), angle(), angle())
}

impl Object {
    /// Whether a point of the picture shows the object.
    fn covers(&self, point: Vector) -> bool {
        self.parts.iter().any(|(part, _)| part.covers(point))
    }

    /// Left, right, bottom and top of the object's outline.
    pub(super) fn bounds(&self) -> [f32; 4] {
        self.parts.iter().fold([f32::MAX, f32::MIN, f32::MAX, f32::MIN], |[l, r, b, t], (part, _)| {
            let ((x, y), (w, h)) = ((part.centre.0, part.centre.1), part.reach);
            [l.min(x - w), r.max(x + w), b.min(y - h), t.max(y + h)]
        })
    }

    /// Make its longer side `size` of the picture's and put it anywhere within.
    fn fit(&mut self, size: f32, random: &mut Stream) {
        let [left, right, bottom, top] = self.bounds();
        let scale = 2.0 * size / (right - left).max(top - bottom);
        let room = |extent: f32| 1.0 - 0.5 * extent * scale;
        let (x, y) = (room(right - left), room(top - bottom));
        let centre = Vector((left + right) * 0.5, (bottom + top) * 0.5, 0.0) * scale;
        let spot = Vector(
            random.between(-f64::from(x), f64::from(x)) as f32,
            random.between(-f64::from(y), f64::from(y)) as f32,
            0.0,
        );
        self.move_to(scale, spot - centre);
    }

    /// Make its longer side `size` of the picture's and centre it on a spot.
    fn place(&mut self, size: f32, spot: Vector) {
        let [left, right, bottom, top] = self.bounds();
        let scale = 2.0 * size / (right - left).max(top - bottom);
        self.move_to(scale, spot - Vector((left + right) * 0.5, (bottom + top) * 0.5, 0.0) * scale);
    }

    fn move_to(&mut self, scale: f32, position: Vector) {
        for (part, _) in &mut self.parts {
            part.rescale(scale, position);
        }
        self.into = self.into.scaled(1.0 / scale);
        self.position = position;
    }
}

impl Light {
    fn draw(random: &mut Stream) -> Self {
        let (x, y, z) = (random.between(-0.9, 0.9), random.between(0.3, 1.2), random.between(0.3, 1.0));
        let direction = Vector(x as f32, y as f32, z as f32).unit();
        let (strength, glow) = (random.between(0.7, 1.2) as f32, random.between(0.3, 0.6) as f32);
        let warmth = random.between(-0.12, 0.12) as f32;
        Self {
            direction,
            highlight: (direction + Vector(0.0, 0.0, 1.0)).unit(),
            lamp: Vector(1.0 + warmth, 1.0, 1.0 - warmth) * strength,
            above: Vector(1.0 - warmth, 1.0, 1.0 + warmth) * glow,
            below: Vector(1.0, 0.95, 0.85) * (glow * 0.45),
            shadow: random.between(0.25, 0.7) as f32,
        }
    }
}
