//! What can be measured of images: contrast, edges, spectrum, how typical they are of their class.

use std::f64::consts::TAU;

use rayon::prelude::*;

use crate::generated::Properties;
use crate::{Image, Stimuli, StimuliError};

/// Side of the thumbnails in which images are compared with one another.
const THUMBNAIL: usize = 8;
/// How many nearest images are asked for their class.
const NEIGHBOURS: usize = 10;
/// Images read at a time.
const AT_ONCE: usize = 256;

/// Measures of one image. Luminance is Rec. 709's mixture of the stored values, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// Standard deviation of luminance.
    pub rms_contrast: f64,
    /// Mean length of the gradient of luminance, per pixel (central differences).
    pub edge_density: f64,
    /// Slope of log10 amplitude against log10 spatial frequency, from one cycle per image to
    /// half a cycle per pixel: about −1 for photographs. Absent for an image of one colour.
    pub spectral_slope: Option<f64>,
    /// Distance to the mean of the other images of its class, between thumbnails of 8 x 8
    /// pixels with values from 0 to 1. Absent for the only image of a class.
    pub prototype_distance: Option<f64>,
    /// How many of its 10 nearest images (or of all others, if they are fewer), between
    /// thumbnails, are of its class.
    pub class_neighbours: usize,
    /// The truth about how it was made, for generated images.
    pub made: Option<Properties>,
}

/// Measure every image of a split.
///
/// # Errors
/// An image that cannot be read.
///
/// # Limits
/// Neighbours take time with the square of the number of images.
pub fn measure(split: &dyn Stimuli) -> Result<Vec<Measures>, StimuliError> {
    let n = split.len();
    let (mut alone, mut thumbnails) = (Vec::with_capacity(n), Vec::with_capacity(n));
    let all: Vec<usize> = (0..n).collect();
    for some in all.chunks(AT_ONCE) {
        let images = split.images(some)?;
        let measured: Vec<(Alone, Vec<f32>)> =
            images.par_iter().map(|image| (Alone::of(image), thumbnail(image))).collect();
        for (measures, thumbnail) in measured {
            alone.push(measures);
            thumbnails.push(thumbnail);
        }
    }
    let labels = split.labels();
    let prototypes = prototype_distances(&thumbnails, &labels);
    let neighbours = class_neighbours(&thumbnails, &labels);
    let made: Vec<Option<Properties>> = all.par_iter().map(|&index| split.properties(index)).collect();
    Ok((0..n)
        .map(|index| Measures {
            rms_contrast: alone[index].rms_contrast,
            edge_density: alone[index].edge_density,
            spectral_slope: alone[index].spectral_slope,
            prototype_distance: prototypes[index],
            class_neighbours: neighbours[index],
            made: made[index],
        })
        .collect())
}

/// What an image says without the others.
struct Alone {
    rms_contrast: f64,
    edge_density: f64,
    spectral_slope: Option<f64>,
}

impl Alone {
    fn of(image: &Image) -> Self {
        let (side, luminance) = (image.height, luminance(image));
        let mean = luminance.iter().sum::<f64>() / luminance.len() as f64;
        let variance =
            luminance.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / luminance.len() as f64;
        Self {
            rms_contrast: variance.sqrt(),
            edge_density: edge_density(&luminance, side),
            spectral_slope: spectral_slope(&luminance, side, mean),
        }
    }
}

fn luminance(image: &Image) -> Vec<f64> {
    let mix = |pixel: &[u8]| {
        (0.2126 * f64::from(pixel[0]) + 0.7152 * f64::from(pixel[1]) + 0.0722 * f64::from(pixel[2])) / 255.0
    };
    image.pixels.chunks_exact(3).map(mix).collect()
}

/// Mean length of central differences, over the pixels that have four neighbours.
fn edge_density(luminance: &[f64], side: usize) -> f64 {
    let at = |x: usize, y: usize| luminance[y * side + x];
    let inner = 1..side.saturating_sub(1);
    let mut total = 0.0;
    for y in inner.clone() {
        for x in inner.clone() {
            let across = (at(x + 1, y) - at(x - 1, y)) / 2.0;
            let down = (at(x, y + 1) - at(x, y - 1)) / 2.0;
            total += across.hypot(down);
        }
    }
    total / (inner.len() * inner.len()).max(1) as f64
}

/// Least squares line through the log amplitudes of all frequencies up to half a cycle per
/// pixel, under a Hann window; every frequency counts alike.
fn spectral_slope(luminance: &[f64], side: usize, mean: f64) -> Option<f64> {
    let window: Vec<f64> =
        (0..side).map(|at| 0.5 - 0.5 * (TAU * (at as f64 + 0.5) / side as f64).cos()).collect();
    let turn: Vec<(f64, f64)> = (0..side)
        .map(|at| (TAU * at as f64 / side as f64).sin_cos())
        .map(|(sine, cosine)| (cosine, -sine))
        .collect();
    // Rows first, then columns; frequencies of one half-plane, the other being its mirror image.
    let half = side / 2;
    let mut rows = vec![(0.0, 0.0); side * (half + 1)];
    for y in 0..side {
        for u in 0..=half {
            let (mut real, mut imaginary) = (0.0, 0.0);
            for x in 0..side {
                let value = window[x] * window[y] * (luminance[y * side + x] - mean);
                let (cosine, sine) = turn[u * x % side];
                real += value * cosine;
                imaginary += value * sine;
            }
            rows[y * (half + 1) + u] = (real, imaginary);
        }
    }
    let (mut n, mut sums) = (0.0, [0.0; 4]);
    for u in 0..=half {
        for v in 0..side {
            let frequency = (u as f64).hypot(v.min(side - v) as f64);
            if frequency < 1.0 || frequency > half as f64 {
                continue;
            }
            let (mut real, mut imaginary) = (0.0, 0.0);
            for y in 0..side {
                let (a, b) = rows[y * (half + 1) + u];
                let (cosine, sine) = turn[v * y % side];
                real += a * cosine - b * sine;
                imaginary += a * sine + b * cosine;
            }
            let amplitude = real.hypot(imaginary);
            // Rounding is no spectrum.
            if amplitude > 1e-9 * side as f64 {
                let (x, y) = (frequency.log10(), amplitude.log10());
                n += 1.0;
                sums.iter_mut().zip([x, y, x * x, x * y]).for_each(|(sum, term)| *sum += term);
            }
        }
    }
    let [x, y, xx, xy] = sums;
    let spread = n * xx - x * x;
    (n > 2.0 && spread > 1e-9 * n * n).then(|| (n * xy - x * y) / spread)
}

/// Means over an 8 x 8 grid of boxes, per channel, 0 to 1.
fn thumbnail(image: &Image) -> Vec<f32> {
    let side = image.height;
    let mut sums = vec![0.0; THUMBNAIL * THUMBNAIL * 3];
    let mut counts = vec![0.0; THUMBNAIL * THUMBNAIL];
    for (index, pixel) in image.pixels.chunks_exact(3).enumerate() {
        let (x, y) = (index % side, index / side);
        let place = y * THUMBNAIL / side * THUMBNAIL + x * THUMBNAIL / side;
        counts[place] += 255.0;
        (0..3).for_each(|channel| sums[3 * place + channel] += f64::from(pixel[channel]));
    }
    // An image smaller than the grid leaves boxes without a pixel.
    let mean =
        |(at, sum): (usize, &f64)| if counts[at / 3] > 0.0 { (sum / counts[at / 3]) as f32 } else { 0.0 };
    sums.iter().enumerate().map(mean).collect()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

fn prototype_distances(thumbnails: &[Vec<f32>], labels: &[usize]) -> Vec<Option<f64>> {
    let n_classes = labels.iter().max().map_or(0, |&label| label + 1);
    let mut sums = vec![vec![0.0; 3 * THUMBNAIL * THUMBNAIL]; n_classes];
    let mut counts = vec![0.0; n_classes];
    for (thumbnail, &label) in thumbnails.iter().zip(labels) {
        counts[label] += 1.0;
        sums[label].iter_mut().zip(thumbnail).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let to_others = |(thumbnail, &label): (&Vec<f32>, &usize)| {
        let others = counts[label] - 1.0;
        let square = |(&sum, &value): (&f64, &f32)| {
            let value = f64::from(value);
            ((sum - value) / others - value).powi(2)
        };
        (others > 0.0).then(|| sums[label].iter().zip(thumbnail).map(square).sum::<f64>().sqrt())
    };
    thumbnails.iter().zip(labels).map(to_others).collect()
}

fn class_neighbours(thumbnails: &[Vec<f32>], labels: &[usize]) -> Vec<usize> {
    let n = thumbnails.len();
    let of_image = |image: usize| {
        let mut others: Vec<(f32, usize)> = (0..n)
            .filter(|&other| other != image)
            .map(|other| (distance(&thumbnails[image], &thumbnails[other]), other))
            .collect();
        let k = NEIGHBOURS.min(others.len());
        let nearer = |a: &(f32, usize), b: &(f32, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if k < others.len() {
            others.select_nth_unstable_by(k, nearer);
        }
        others[..k].iter().filter(|(_, other)| labels[*other] == labels[image]).count()
    };
    (0..n).into_par_iter().map(of_image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenOptions;

    /// A picture whose amplitude spectrum falls as `frequency^slope`, by its definition.
    fn picture(side: usize, slope: f64) -> Vec<f64> {
        let mut picture = vec![0.0; side * side];
        let half = side as i64 / 2;
        let mut stream = redyn_core::random::Stream::new(1, &[]);
        for u in 0..=half {
            for v in -half..half {
                let frequency = (u as f64).hypot(v as f64);
                if frequency < 1.0 || frequency > half as f64 {
                    continue;
                }
                let (amplitude, phase) = (frequency.powf(slope), stream.between(0.0, TAU));
                for (index, value) in picture.iter_mut().enumerate() {
                    let (x, y) = ((index % side) as f64, (index / side) as f64);
                    *value += amplitude * (TAU * (u as f64 * x + v as f64 * y) / side as f64 + phase).cos();
                }
            }
        }
        picture
    }

    #[test]
    fn the_slope_of_a_spectrum_is_found() {
        for slope in [-1.5, -1.0, -0.5] {
            let picture = picture(32, slope);
            let mean = picture.iter().sum::<f64>() / picture.len() as f64;
            let found = spectral_slope(&picture, 32, mean).unwrap();
            // The window mixes neighbouring frequencies and single pictures scatter.
            assert!((found - slope).abs() < 0.15, "{found} {slope}");
        }
        assert_eq!(spectral_slope(&[0.5; 64], 8, 0.5), None);
    }

    #[test]
    fn a_ramp_has_the_density_of_its_slope() {
        let ramp: Vec<f64> = (0..100).map(|index| 0.03 * f64::from(index % 10)).collect();
        assert!((edge_density(&ramp, 10) - 0.03).abs() < 1e-12);
    }

    #[test]
    fn prototypes_leave_the_image_itself_out() {
        let thumbnail = |value: f32| vec![value; 3 * THUMBNAIL * THUMBNAIL];
        let thumbnails = [0.1, 0.3, 0.8, 0.5].map(thumbnail);
        let found = prototype_distances(&thumbnails, &[0, 0, 0, 1]);
        // Others of the first: 0.3 and 0.8, mean 0.55; 192 equal differences of 0.45.
        assert!((found[0].unwrap() - 0.45 * 192.0_f64.sqrt()).abs() < 1e-6);
        assert_eq!(found[3], None);
    }

    #[test]
    fn neighbours_are_the_nearest_others() {
        let mut stream = redyn_core::random::Stream::new(2, &[]);
        let thumbnails: Vec<Vec<f32>> =
            (0..40).map(|_| (0..192).map(|_| stream.unit() as f32).collect()).collect();
        let labels: Vec<usize> = (0..40).map(|image| image % 3).collect();
        let found = class_neighbours(&thumbnails, &labels);
        for image in 0..40 {
            let mut order: Vec<usize> = (0..40).filter(|&other| other != image).collect();
            let to = |other: usize| distance(&thumbnails[image], &thumbnails[other]);
            order.sort_by(|&a, &b| to(a).total_cmp(&to(b)));
            let plain = order[..10].iter().filter(|&&other| labels[other] == labels[image]).count();
            assert_eq!(found[image], plain);
        }
        assert_eq!(class_neighbours(&thumbnails[..3], &[0, 0, 1]), [1, 1, 0]);
    }

    #[test]
    fn generated_images_come_with_the_truth() {
        let data = crate::open("builtin:train=0,val=0,test=48", &OpenOptions::default()).unwrap();
        let found = measure(data.split("test").unwrap().as_ref()).unwrap();
        assert_eq!(found.len(), 48);
        assert!(found.iter().all(|measures| measures.made.is_some() && measures.spectral_slope.is_some()));
        assert!(found.iter().all(|measures| measures.rms_contrast > 0.0 && measures.edge_density > 0.0));
    }
}
