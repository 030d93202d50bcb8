//! The built-in stimuli are what they say, on every machine.

use std::fmt::Write as _;

use redyn_stimuli::generated::{Specification, generate};
use redyn_stimuli::{DataSet, OpenOptions, StimuliError, open};
use sha2::{Digest, Sha256};

fn builtin(options: &str, image_size: usize) -> DataSet {
    open(
        &format!("builtin:{options}"),
        &OpenOptions { image_size: Some(image_size), ..OpenOptions::default() },
    )
    .unwrap()
}

fn digest(data: &DataSet, split: &str, n: usize) -> String {
    let split = data.split(split).unwrap();
    let mut hash = Sha256::new();
    for index in 0..n {
        hash.update(split.image(index).unwrap().pixels);
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A change here changes everybody's default data: raise `GENERATOR_VERSION` with it.
#[test]
fn the_same_seed_gives_the_same_bytes_on_every_machine() {
    let found = [
        digest(&builtin("", 32), "train", 160),
        digest(&builtin("seed=7,clutter=1,occlusion=1,noise=1", 48), "test", 32),
    ];
    let pinned = [
        "58c52fc5fa9bf82d7773aded41a13781b05cabae859b98aea57cc382c506e1f5",
        "6ade81ff0a705925415126da8d634845f307728903bec3975c1bcbc019ac49ba",
    ];
    assert_eq!(found, pinned);
}

#[test]
fn an_image_depends_on_seed_split_and_number_alone() {
    let (few, many) = (builtin("train=20,val=20", 32), builtin("train=4000", 32));
    let (train, more) = (few.split("train").unwrap(), many.split("train").unwrap());
    assert_eq!(train.image(19).unwrap(), more.image(19).unwrap());
    assert_ne!(train.image(3).unwrap(), few.split("val").unwrap().image(3).unwrap());
    assert_ne!(train.image(3).unwrap(), builtin("seed=2", 32).split("train").unwrap().image(3).unwrap());
}

#[test]
fn classes_take_turns_in_three_levels() {
    let data = builtin("train=40", 32);
    let hierarchy = data.hierarchy.as_ref().unwrap();
    assert_eq!(data.classes.len(), 16);
    assert_eq!(data.split("train").unwrap().labels()[14..18], [14, 15, 0, 1]);
    // Class, basic and superordinate: 0, 1 and 2 levels apart.
    assert_eq!([1, 2, 4].map(|other| hierarchy.distance(0, other)), [0, 1, 2]);
}

#[test]
fn the_same_scene_is_drawn_at_any_size() {
    let options = "noise=0,contrast=1";
    let (small, large) = (builtin(options, 32), builtin(options, 128));
    let (small, large) = (small.split("train").unwrap(), large.split("train").unwrap());
    for index in 0..32 {
        let (small, large) = (small.image(index).unwrap(), large.image(index).unwrap());
        let mut off = 0.0;
        for row in 0..32 {
            for column in 0..32 {
                for channel in 0..3 {
                    let block =
                        (0..16).map(|i| f64::from(large.pixel(4 * row + i / 4, 4 * column + i % 4)[channel]));
                    off += (block.sum::<f64>() / 16.0 - f64::from(small.pixel(row, column)[channel])).abs();
                }
            }
        }
        // Edges and textures finer than a small pixel differ; another scene is off by 40 and more.
        let mean = off / (32.0 * 32.0 * 3.0);
        assert!(mean < 9.0, "image {index} differs by {mean} levels on average");
    }
}

#[test]
fn knobs_bound_what_single_images_draw() {
    let bare = builtin("clutter=0,occlusion=0,contrast=1,noise=0", 32);
    let hard = builtin("clutter=1,occlusion=0.5,contrast=0.3,noise=1", 32);
    let (bare, hard) = (bare.split("train").unwrap(), hard.split("train").unwrap());
    let (mut hidden, mut most, mut contrast) = (0.0, 0.0_f64, 1.0_f64);
    for index in 0..200 {
        let easy = bare.properties(index).unwrap();
        assert_eq!((easy.clutter, easy.occlusion, easy.contrast, easy.noise), (0.0, 0.0, 1.0, 0.0));
        assert!((0.54..=0.96).contains(&easy.size), "{}", easy.size);
        let found = hard.properties(index).unwrap();
        hidden += found.occlusion / 200.0;
        most = most.max(found.occlusion);
        contrast = contrast.min(found.contrast);
    }
    // Aimed at evenly between 0 and 0.5.
    assert!((0.17..0.33).contains(&hidden), "mean occlusion {hidden}");
    assert!(most < 0.8, "largest occlusion {most}");
    assert!((0.3..0.35).contains(&contrast), "least contrast {contrast}");
}

#[test]
fn less_contrast_and_more_noise_show_in_the_pixels() {
    let spread = |options: &str| {
        let data = builtin(&format!("clutter=0,occlusion=0,{options}"), 32);
        let statistics = data.statistics().unwrap();
        statistics.std.iter().sum::<f64>() / 3.0
    };
    let (full, noisy) = (spread("train=320,contrast=1,noise=0"), spread("train=320,contrast=1,noise=1"));
    let pale = spread("train=320,contrast=0.1,noise=0");
    assert!(noisy > full + 2.0, "{noisy} and {full}");
    assert!(pale < full - 5.0, "{pale} and {full}");
}

#[test]
fn a_digest_names_the_specification() {
    let digest = |options: &str| builtin(options, 32).split_digest("train").unwrap();
    assert_eq!(digest("train=10"), digest("train=10,val=5"));
    assert_ne!(digest("train=10"), digest("train=11"));
    assert_ne!(digest("train=10"), digest("train=10,noise=0.5"));
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let error = generate(&Specification::default(), 5000).unwrap_err();
    assert!(matches!(error, StimuliError::ImageSize { size: 5000, .. }));
}
