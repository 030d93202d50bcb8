//! Every operation of TrivialAugmentWide against torchvision's own bytes.
//!
//! `tests/augment/make.py` made the references and says how.

use std::fmt::Write as _;

use redyn_core::random::{Stream, mix};
use redyn_stimuli::{BINS, Image, Operation, TrivialAugmentWide};
use sha2::{Digest, Sha256};

fn picture(n: usize) -> Image {
    let value = |row: usize, column: usize, channel: usize| {
        let i = 1 + channel + 3 * (column / 2 + n * (row / 2));
        (mix((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 56) as u8
    };
    let pixels = (0..n * n * 3).map(|at| value(at / (3 * n), at / 3 % n, at % 3)).collect();
    Image::new(n, n, pixels)
}

fn named(name: &str) -> Operation {
    *Operation::ALL.iter().find(|operation| format!("{operation:?}") == name).expect("a known operation")
}

fn augmented(image: &Image, operation: Operation, bin: usize, sign: f64) -> Image {
    TrivialAugmentWide { operation, magnitude: sign * operation.magnitude(bin) }.apply(image)
}

#[test]
fn outputs_at_several_magnitudes_are_torchvisions() {
    let array = npyz::NpyFile::new(&include_bytes!("augment/images.npy")[..]).unwrap();
    let bytes: Vec<u8> = array.into_vec().unwrap();
    let images: Vec<&[u8]> = bytes.chunks_exact(16 * 16 * 3).collect();
    let input = picture(16);
    assert_eq!(images[0], input.pixels, "both sides must start from the same picture");
    for (case, expected) in include_str!("augment/cases.tsv").lines().skip(1).zip(images).skip(1) {
        let [name, bin, sign] = case.split('\t').collect::<Vec<_>>()[..] else { panic!("{case}") };
        let found = augmented(&input, named(name), bin.parse().unwrap(), sign.parse().unwrap());
        let differing = found.pixels.iter().zip(expected).filter(|(a, b)| a != b).count();
        assert_eq!(differing, 0, "{name}, bin {bin}, sign {sign}: {differing} of 768 values differ");
    }
}

#[test]
fn outputs_at_all_magnitudes_and_sizes_are_torchvisions() {
    for line in include_str!("augment/digests.tsv").lines().skip(1) {
        let [size, name, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (operation, input) = (named(name), picture(size.parse().unwrap()));
        let mut hash = Sha256::new();
        for bin in 0..if operation.has_magnitude() { BINS } else { 1 } {
            for &sign in if operation.is_signed() { &[1.0, -1.0][..] } else { &[1.0] } {
                hash.update(augmented(&input, operation, bin, sign).pixels);
            }
        }
        let found = hash.finalize().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        assert_eq!(found, expected, "{name} at {size} pixels");
    }
}

#[test]
fn every_operation_is_drawn_equally_often() {
    let mut stream = Stream::new(5, &[]);
    let mut counts = [0_i32; 14];
    for _ in 0..28_000 {
        counts[TrivialAugmentWide::draw(&mut stream).operation as usize] += 1;
    }
    // Standard deviation of a count is 43: five of them.
    assert!(counts.iter().all(|&count| (count - 2000).abs() < 216), "{counts:?}");
}

#[test]
fn a_flat_image_survives_the_stretching_operations() {
    let flat = Image::new(8, 8, vec![77; 192]);
    for operation in [Operation::AutoContrast, Operation::Equalize] {
        assert_eq!(augmented(&flat, operation, 0, 1.0), flat);
    }
}
