//! A scene to pixels.
//!
//! Solids are drawn at twice the resolution with a depth buffer, shaded once per
//! visible sample, and averaged; the background is drawn once a pixel and darkened
//! by a blurred, shifted copy of the outlines.

use super::scene::{Light, Object, Scene};
use super::texture::hash;
use super::vector::Vector;
use crate::Image;

/// Samples a pixel along each side.
const SAMPLES: usize = 2;

/// A picture and what was measured on it.
pub(super) struct Rendered {
    pub(super) image: Image,
    /// Part of the object's outline that is hidden.
    pub(super) occlusion: f64,
    /// Longer side of the object's outline as a fraction of the picture's.
    pub(super) object_size: f64,
}

/// The visible surface at each sample.
struct Canvas {
    side: usize,
    depth: Vec<f32>,
    /// Object and part, counted from 1; 0 is the background.
    seen: Vec<(u16, u16)>,
}

impl Canvas {
    fn at(&self, sample: usize) -> f32 {
        (2 * sample + 1) as f32 / self.side as f32 - 1.0
    }

    /// Samples whose centres lie between two coordinates.
    fn span(&self, low: f32, high: f32) -> std::ops::Range<usize> {
        let side = self.side as f32;
        let index = |x: f32| ((x + 1.0) * 0.5 * side - 0.5).clamp(0.0, side);
        let (first, last) = (index(low).ceil() as usize, index(high).floor() as usize + 1);
        first.min(self.side)..last.min(self.side)
    }

    fn draw(&mut self, object: &Object, number: u16) {
        for ((part, _), which) in object.parts.iter().zip(1..) {
            let (x, y) = (part.centre.0, part.centre.1);
            let columns = self.span(x - part.reach.0, x + part.reach.0);
            // Rows go down, y goes up.
            for row in self.span(-(y + part.reach.1), part.reach.1 - y) {
                let (start, step) = part.row(-self.at(row));
                for column in columns.clone() {
                    let start = start + step * self.at(column);
                    let sample = row * self.side + column;
                    if let Some(z) = part.meet(start)
                        && z > self.depth[sample]
                    {
                        self.depth[sample] = z;
                        self.seen[sample] = (number, which);
                    }
                }
            }
        }
    }
}

/// Draw a scene at a size.
pub(super) fn render(scene: &Scene, size: usize) -> Rendered {
    let side = SAMPLES * size;
    let mut canvas = Canvas { side, depth: vec![f32::MIN; side * side], seen: vec![(0, 0); side * side] };
    let objects: Vec<&Object> = scene.behind.iter().chain([&scene.object]).chain(&scene.occluders).collect();
    let own = scene.behind.len() as u16 + 1;
    let count = |canvas: &Canvas| canvas.seen.iter().filter(|seen| seen.0 == own).count();
    let mut unhidden = 0;
    for (object, number) in objects.iter().zip(1..) {
        canvas.draw(object, number);
        if number == own {
            unhidden = count(&canvas);
        }
    }
    let occlusion = 1.0 - count(&canvas) as f64 / unhidden.max(1) as f64;
    let [left, right, bottom, top] = scene.object.bounds();
    let object_size = f64::from((right - left).max(top - bottom)) * 0.5;

    let pixels: Vec<(Vector, f32)> =
        (0..size * size).map(|pixel| resolve(&canvas, &objects, &scene.light, pixel)).collect();
    let coverage: Vec<f32> = pixels.iter().map(|pixel| pixel.1).collect();
    let shadow = soft_shadow(&coverage, size, &scene.light);
    let middle = grey(scene);
    let mut image = Image::black(size, size);
    for (pixel, out) in image.pixels.chunks_exact_mut(3).enumerate() {
        let (x, y) = (centre(pixel % size, size), -centre(pixel / size, size));
        let (mut light, covered) = pixels[pixel];
        if covered < 1.0 {
            let lit =
                scene.background.at(x, y, 2.0 / size as f32) * (1.0 - scene.light.shadow * shadow[pixel]);
            light = light + lit * (1.0 - covered);
        }
        let contrast = scene.properties.contrast as f32;
        for (channel, value) in light.array().into_iter().enumerate() {
            // The square root stands for a display's gamma.
            let shown = middle + contrast * (value.max(0.0).sqrt() - middle);
            let grain = 0.2 * scene.properties.noise as f32 * normal(pixel, channel, scene.noise_seed);
            out[channel] = ((shown + grain) * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
        }
    }
    Rendered { image, occlusion, object_size }
}

/// Light from the solids in a pixel, and how much of it they cover.
///
/// Where one part fills three samples or four, the first and the last of them (corners
/// across) stand for all: textures stay smooth at half the price.
fn resolve(canvas: &Canvas, objects: &[&Object], light: &Light, pixel: usize) -> (Vector, f32) {
    const N: usize = SAMPLES * SAMPLES;
    let size = canvas.side / SAMPLES;
    let corner = pixel / size * SAMPLES * canvas.side + pixel % size * SAMPLES;
    let samples: [usize; N] = std::array::from_fn(|i| corner + i / SAMPLES * canvas.side + i % SAMPLES);
    let seen = samples.map(|sample| canvas.seen[sample]);
    let (mut sum, mut covered) = (Vector::default(), 0.0);
    for (i, &what) in seen.iter().enumerate() {
        if what.0 == 0 {
            continue;
        }
        covered += 1.0;
        let same = seen.iter().filter(|&&other| other == what).count();
        let is_end = !seen[..i].contains(&what) || !seen[i + 1..].contains(&what);
        if is_end {
            let (row, column) = (samples[i] / canvas.side, samples[i] % canvas.side);
            let at = Vector(canvas.at(column), -canvas.at(row), canvas.depth[samples[i]]);
            let shaded = shade(objects[usize::from(what.0) - 1], usize::from(what.1) - 1, at, light);
            sum = sum + shaded * if same > 2 { 0.5 * same as f32 } else { 1.0 };
        }
    }
    (sum * (1.0 / N as f32), covered / N as f32)
}

fn centre(index: usize, size: usize) -> f32 {
    (2 * index + 1) as f32 / size as f32 - 1.0
}

/// The grey that pictures of low contrast fade to: the background's own.
fn grey(scene: &Scene) -> f32 {
    let mut sum = 0.0;
    for spot in [(-0.6, -0.6), (0.6, -0.6), (0.0, 0.0), (-0.6, 0.6), (0.6, 0.6)] {
        let [r, g, b] = scene.background.at(spot.0, spot.1, 0.5).array();
        sum += ((r + g + b) / 3.0).max(0.0).sqrt();
    }
    sum / 5.0
}

/// Light that a point of a surface sends to the viewer.
fn shade(object: &Object, part: usize, at: Vector, light: &Light) -> Vector {
    let (placed, material) = &object.parts[part];
    let material = &object.materials[*material];
    let normal = placed.normal(placed.local(Vector(at.0, at.1, 0.0)), at.2);
    let within = object.into.apply(at - object.position);
    let albedo = material.at(within, object.texture_seed);
    let facing = normal.dot(light.direction).max(0.0);
    let sky = light.below.mix(light.above, 0.5 + 0.5 * normal.1);
    // Edges turned away from the viewer see less of the surroundings.
    let open = 0.7 + 0.3 * normal.2.max(0.0);
    let mut highlight = normal.dot(light.highlight).max(0.0);
    for _ in 0..4 {
        highlight *= highlight;
    }
    albedo.times(light.lamp * facing + sky * open) + light.lamp * (0.6 * material.gloss * highlight)
}

/// The outlines, shifted away from the lamp and blurred (three box filters).
fn soft_shadow(coverage: &[f32], size: usize, light: &Light) -> Vec<f32> {
    let reach = 0.11 * size as f32;
    let (dx, dy) = (-light.direction.0 * reach, light.direction.1 * reach);
    let (dx, dy) = (super::texture::floor(dx + 0.5), super::texture::floor(dy + 0.5));
    let from = |index: usize, shift: i32| index.checked_add_signed(-shift as isize).filter(|&i| i < size);
    let mut shadow: Vec<f32> = (0..size * size)
        .map(|pixel| match (from(pixel / size, dy), from(pixel % size, dx)) {
            (Some(row), Some(column)) => coverage[row * size + column],
            _ => 0.0,
        })
        .collect();
    let radius = (size / 20).max(1);
    for _ in 0..2 {
        for line in 0..size {
            blur(&mut shadow, line * size, 1, size, radius);
            blur(&mut shadow, line, size, size, radius);
        }
    }
    shadow
}

/// A box filter along one line of `n` values, `stride` apart, zero beyond its ends.
fn blur(values: &mut [f32], start: usize, stride: usize, n: usize, radius: usize) {
    let line: Vec<f32> = (0..n).map(|i| values[start + i * stride]).collect();
    let share = 1.0 / (2 * radius + 1) as f32;
    for i in 0..n {
        let window = &line[i.saturating_sub(radius)..(i + radius + 1).min(n)];
        values[start + i * stride] = window.iter().sum::<f32>() * share;
    }
}

/// About a standard normal: the sum of four even 8-bit draws, centred and scaled.
fn normal(pixel: usize, channel: usize, seed: u32) -> f32 {
    let bits = hash(pixel as u32, channel as u32, 0, seed);
    let sum = (bits & 0xff) + (bits >> 8 & 0xff) + (bits >> 16 & 0xff) + (bits >> 24);
    (sum as f32 - 510.0) / 147.8
}
