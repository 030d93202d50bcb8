//! Input that cannot be used is refused in one sentence that says what and where, with a hint.

use std::path::PathBuf;

use redyn::network::Weights;
use redyn::zoo::{read_weights, write_weights};

use crate::common::{DATA, NETWORK, Room, floats, npy};

#[test]
fn a_missing_file_is_named_by_every_command_that_would_read_it() {
    let room = Room::new();
    for (line, sentence) in [
        (
            format!("train {NETWORK} --data gone --out run"),
            "cannot open gone: No such file or directory (os error 2)",
        ),
        ("data show gone".into(), "cannot open gone: No such file or directory (os error 2)"),
        ("data pack gone a.h5".into(), "cannot open gone: No such file or directory (os error 2)"),
        (
            format!("data show {DATA} --hierarchy gone.tsv"),
            "cannot read gone.tsv: No such file or directory (os error 2)",
        ),
        ("unroll gone --out a.zarr".into(), "weights gone: No such file or directory (os error 2)"),
        (
            "analyze gone.zarr".into(),
            "cannot read `gone.zarr/zarr.json`: No such file or directory (os error 2)",
        ),
        ("analyze gone.npz".into(), "cannot open `gone.npz`: No such file or directory (os error 2)"),
        (
            "store gone.zarr".into(),
            "cannot read `gone.zarr/zarr.json`: No such file or directory (os error 2)",
        ),
        (
            "export gone.zarr --npz a.npz".into(),
            "cannot read `gone.zarr/zarr.json`: No such file or directory (os error 2)",
        ),
        (
            "import gone.npz --out a.zarr".into(),
            "cannot open `gone.npz`: No such file or directory (os error 2)",
        ),
        (
            "import gone.json --out a.zarr".into(),
            "cannot read `gone.json`: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(room.mistake(&line, sentence), "check the path for a typing mistake", "{line}");
    }
    room.mistake("report gone", "gone holds no results");
    room.mistake(
        &format!("train {NETWORK} --data {DATA} --out gone --resume"),
        "gone holds no checkpoint to resume from",
    );
    assert!(room.files("").is_empty(), "{:?}", room.files("").keys());
}

#[test]
fn a_truncated_file_is_named() {
    let room = Room::with_store();
    room.fine("export a.zarr --npz a.npz");
    room.fine(&format!("data pack {DATA} a.h5 --image-size 16"));
    for name in ["run/weights.safetensors", "a.npz", "a.h5"] {
        let bytes = room.read(name);
        room.write(&format!("cut/{name}"), &bytes[..bytes.len() / 2]);
    }
    room.write("cut/images.npy", npy("|u1", "(2, 8, 8, 3)", &[0; 383]));
    room.write("cut/labels.npy", npy("|u1", "(2,)", &[0, 0]));
    for (line, start) in [
        (
            "unroll cut/run/weights.safetensors --out b.zarr",
            "weights cut/run/weights.safetensors: not a whole safetensors file",
        ),
        ("import cut/a.npz --out b.zarr", "`cut/a.npz`"),
        ("data show cut/a.h5", "cut/a.h5 cannot be read as HDF5"),
        (
            "data show cut",
            "cut/images.npy cannot be read as an array: it is truncated: 511 bytes, its header promises 512",
        ),
    ] {
        let (error, _) = room.refused(2, line);
        assert!(error.starts_with(start), "{line}: {error}");
    }
    let checkpoint = room.read("run/checkpoint.safetensors");
    room.write("run/checkpoint.safetensors", &checkpoint[..1000]);
    let line = format!("train {NETWORK} --data {DATA} --out run --epochs 1 --batch 16 --steps 3 --resume");
    let (error, _) = room.refused(2, &line);
    assert!(error.starts_with("weights run/checkpoint.safetensors: not a whole"), "{error}");
    assert!(!room.exists("b.zarr"));
}

#[test]
fn an_hdf5_file_that_is_not_in_the_layout_says_what_is_missing_or_strange() {
    let room = Room::new();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../stimuli/tests/miniecoset");
    for name in ["no_labels", "float_data", "flat_data", "short_labels", "label_out_of_range", "nan_mean"] {
        std::fs::copy(folder.join(name).with_extension("h5"), room.path(&format!("{name}.h5"))).unwrap();
    }
    for (name, sentence, hint) in [
        (
            "no_labels.h5",
            "no_labels.h5 has no `test/labels`, only test/data",
            "MiniEcoset's layout: SPLIT/data, ",
        ),
        (
            "float_data.h5",
            "float_data.h5 at `test/data`: float32 values, uint8 expected",
            "convert the array",
        ),
        (
            "flat_data.h5",
            "flat_data.h5 at `train/data`: shape [7, 192], expected [image, height, width, 3]",
            "bring the array to",
        ),
        (
            "short_labels.h5",
            "short_labels.h5 at `train/labels`: shape [6], expected [7]",
            "bring the array to",
        ),
        (
            "label_out_of_range.h5",
            "label_out_of_range.h5 at `train/labels`: label 3 of image 4 is outside 0..3",
            "labels count from 0 to 2",
        ),
        (
            "nan_mean.h5",
            "nan_mean.h5 at `train_img_mean_channels` and `train_img_std_channels`: the green channel has mean NaN \
             and standard deviation 15",
            "each channel needs",
        ),
    ] {
        for line in [format!("data show {name}"), format!("train {NETWORK} --data {name} --out run")] {
            let found = room.mistake(&line, sentence);
            assert!(found.starts_with(hint), "{name}: {found}");
        }
    }
    assert!(!room.exists("run"));
}

#[test]
fn an_image_that_does_not_decode_is_named_and_left_out_only_on_request() {
    let room = Room::new();
    room.fine(&format!("data generate photos --stimuli {DATA} --image-size 16"));
    let bytes = room.read("photos/train/oak/000025.png");
    room.write("photos/train/oak/broken.png", &bytes[..bytes.len() / 2]);
    room.write("photos/test/oak/text.jpg", "not an image");
    let train = format!("train {NETWORK} --data photos --out run --epochs 1 --batch 16 --steps 2");
    for line in ["data show photos --image-size 16", train.as_str(), "data pack photos a.h5 --image-size 16"]
    {
        let (error, hint) = room.refused(2, line);
        assert!(error.starts_with("image photos/train/oak/broken.png does not decode: "), "{error}");
        assert!(hint.contains("`--skip-bad`"), "{hint}");
    }
    assert!(!room.exists("run/record.json") && !room.exists("a.h5"));

    let said = room.say("data show photos --image-size 16 --skip-bad --json");
    assert_eq!(said.code, Some(0), "{said:?}");
    let [count, first, second] = said.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{said:?}") };
    assert_eq!(count, "note: 2 images were left out:");
    assert_eq!(first, "  test/oak/text.jpg: neither JPEG, PNG nor WebP by its first bytes");
    assert!(second.starts_with("  train/oak/broken.png: "), "{second}");
    let summary: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(summary["skipped"].as_array().unwrap().len(), 2);
    assert_eq!(summary["splits"][1]["n_images"], 64);
    room.fine(&format!("{train} --skip-bad"));
}

#[test]
fn labels_outside_the_classes_and_classes_without_images_are_named() {
    let room = Room::new();
    room.write("arrays/images.npy", npy("|u1", "(2, 8, 8, 3)", &[7; 384]));
    room.write("arrays/labels.npy", npy("|i1", "(2,)", &[1, 255]));
    room.mistake("data show arrays", "arrays/labels.npy: label -1 of image 1 is outside 0..2");
    room.write("arrays/classes.txt", "cup\n");
    room.write("arrays/labels.npy", npy("|i1", "(2,)", &[0, 1]));
    room.mistake("data show arrays", "arrays/labels.npy: label 1 of image 1 is outside 0..1");

    room.fine(&format!("data generate photos --stimuli {DATA} --image-size 16"));
    std::fs::create_dir(room.path("photos/train/unicorn")).unwrap();
    let hint = room.mistake("data show photos", "class `unicorn` has no image in photos/train/unicorn");
    assert_eq!(hint, "put images into the folder, or remove it");
}

#[test]
fn numbers_that_can_only_be_pixels_by_mistake_are_refused() {
    let room = Room::new();
    room.write("arrays/labels.npy", npy("|u1", "(1,)", &[0]));
    for value in [f32::NAN, f32::INFINITY, 0.5] {
        room.write("arrays/images.npy", npy("<f4", "(1, 8, 8, 3)", &floats(&[value; 192])));
        let hint = room.mistake("data show arrays", "arrays/images.npy: <f4 values, uint8 expected");
        assert_eq!(hint, "convert the array before storing it");
    }
}

#[test]
fn every_key_of_weights_that_do_not_fit_is_listed() {
    let room = Room::with_run();
    let (mut weights, notes) = read_weights(&room.path("run/weights.safetensors")).unwrap();
    let shape = weights.0["readout.weight"].shape.clone();
    let names: Vec<String> = weights.0.keys().take(2).cloned().collect();
    let lost = weights.0.remove(&names[0]).unwrap();
    weights.0.remove(&names[1]).unwrap();
    weights.0.insert("stranger.weight".into(), lost);
    weights.0.get_mut("readout.weight").unwrap().shape.reverse();
    write_weights(&room.path("other.safetensors"), &weights, &notes).unwrap();
    let (error, _) = room.refused(2, "unroll other.safetensors --data builtin --out a.zarr");
    let turned: Vec<usize> = shape.iter().rev().copied().collect();
    for part in [
        "other.safetensors: ".to_owned(),
        names[0].clone(),
        names[1].clone(),
        "stranger.weight".into(),
        format!("{shape:?}"),
        format!("{turned:?}"),
    ] {
        assert!(error.contains(&part), "`{part}` is not in: {error}");
    }
    assert!(!room.exists("a.zarr"));
}

/// Weights of the run after a change, in a file of their own.
fn changed(room: &Room, change: impl Fn(&mut Weights)) {
    let (mut weights, notes) = read_weights(&room.path("run/weights.safetensors")).unwrap();
    change(&mut weights);
    write_weights(&room.path("changed.safetensors"), &weights, &notes).unwrap();
}

#[test]
fn weights_and_activations_that_are_not_finite_are_found() {
    let room = Room::with_run();
    let unroll = format!("unroll changed.safetensors --data {DATA} --steps 3 --out a.zarr");
    for value in [f32::NAN, f32::NEG_INFINITY] {
        changed(&room, |weights| weights.0.get_mut("readout.weight").unwrap().data[5] = value);
        let (error, _) = room.refused(2, &unroll);
        assert!(error.starts_with("changed.safetensors: weight `readout.weight` holds 1 "), "{error}");
        assert!(error.ends_with("the first at index 5"), "{error}");
        assert!(!room.exists("a.zarr"));
    }
    changed(&room, |weights| {
        weights.0.get_mut("readout.weight").unwrap().data.iter_mut().for_each(|value| *value *= f32::MAX);
    });
    let (error, hint) = room.refused(1, &unroll);
    assert!(error.starts_with("`logits` holds ") && error.ends_with(" at step 0"), "{error}");
    assert!(hint.starts_with("look at weights and images"), "{hint}");
}

#[test]
fn imported_numbers_that_are_not_finite_are_found_in_their_file() {
    let room = Room::new();
    room.write("labels.npy", npy("|u1", "(2,)", &[0, 1]));
    room.write("logits.npy", npy("<f4", "(2, 2, 2)", &floats(&[0.0; 8])));
    room.write(
        "manifest.json",
        r#"{ "name": "a", "network": "b", "labels": { "file": "labels.npy" },
            "taps": { "it": { "file": "it.npy", "axes": ["image", "step", "unit"] } },
            "outputs": { "file": "logits.npy", "axes": ["image", "step", "class"] } }"#,
    );
    let mut values = [1.0; 12];
    for value in [f32::NAN, f32::INFINITY] {
        values[10] = value;
        room.write("it.npy", npy("<f4", "(2, 2, 3)", &floats(&values)));
        let sentence = format!("`it.npy`, `it`: image 1 has {value} at step 1");
        room.mistake(&format!("import manifest.json --out {value}.zarr"), &sentence);
    }
    room.write("it.npy", npy("<f4", "(3, 2, 2)", &floats(&[1.0; 12])));
    room.mistake(
        "import manifest.json --out b.zarr",
        "`it.npy`, `it` has shape [3, 2, 2], expected 2 images, as there are labels",
    );
    room.write("labels.npy", npy("|u1", "(2,)", &[0, 2]));
    room.write("it.npy", npy("<f4", "(2, 2, 3)", &floats(&[1.0; 12])));
    room.mistake(
        "import manifest.json --out b.zarr",
        "`labels.npy`, `labels`: image 1 has label 2, there are 2 classes",
    );
    assert!(!room.exists("b.zarr"));
}

#[test]
fn data_that_do_not_fit_the_network_are_refused_by_training_and_unrolling_alike() {
    let room = Room::with_run();
    let ten = "blt64:width=0.0625,image_size=16,classes=10";
    let sentence = "the network takes 10 classes, the data have 16";
    let hint = room.mistake(&format!("train {ten} --data {DATA} --out other"), sentence);
    assert_eq!(hint, "set the network's classes: blt64:classes=16");
    let sentence = "the network takes 16 classes, the data have 2";
    room.mistake("unroll run --only-classes oak,tiger --out a.zarr", sentence);
    assert!(!room.exists("a.zarr"));
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let room = Room::with_store();
    for (line, sentence, near) in [
        ("trian", "unrecognized subcommand 'trian'", "did you mean `train`? "),
        ("models shwo blt64", "unrecognized subcommand 'shwo'", "did you mean `show`? "),
        (
            "analyze a.zarr --replicate 3",
            "unexpected argument '--replicate' found",
            "did you mean `--replicates`? ",
        ),
        (
            "export a.zarr --npz a.npz --spatial flaten",
            "invalid value 'flaten' for '--spatial <SPATIAL>' [possible values: average, flatten]",
            "did you mean `flatten`? ",
        ),
        ("models show blt46", "no network named `blt46`", "did you mean `blt64`?"),
        (
            "models show blt64:latreal=1",
            "network `blt64` has no setting `latreal`",
            "did you mean `lateral`?",
        ),
        ("analyses show acuracy", "no analysis named `acuracy`", "did you mean `accuracy`?"),
        ("analyze a.zarr --only acuracy", "no analysis named `acuracy`", "did you mean `accuracy`?"),
        ("analyze a.zarr --area gpa", "no area `gpa` in `a.zarr`", "did you mean `gap`?"),
        ("export a.zarr --area gpa --npz a.npz", "no area `gpa` in `a.zarr`", "did you mean `gap`?"),
        ("unroll run --areas v44 --out b.zarr", "no tap named `v44`", "did you mean `v4`?"),
        (
            "unroll run --cut v4.laterl --out b.zarr",
            "no edge named `v4.laterl`",
            "did you mean `v4.lateral`?",
        ),
        (
            "data show builtin:train=64 --only-classes tigre",
            "builtin:seed=1,train=64,val=1600,test=3200,clutter=0.5,occlusion=0.3,contrast=0.6,noise=0.2 \
             has no class `tigre`",
            "did you mean `tiger`?",
        ),
        ("data show builtin:sed=3", "built-in stimuli have no option `sed`", "did you mean `seed`?"),
    ] {
        let hint = room.mistake(line, sentence);
        assert!(hint.starts_with(near), "{line}: {hint}");
    }
    for line in [
        "unroll run --split tset --out b.zarr".to_owned(),
        format!("data show {DATA} --split tset --sheet a.png"),
    ] {
        let (error, hint) = room.refused(2, &line);
        assert!(error.ends_with("has no split `tset`, only test, train, val"), "{error}");
        assert_eq!(hint, "did you mean `test`?");
    }
    let hint = room.mistake("unroll run --epoch 7 --out b.zarr", "run keeps no weights of epoch 7");
    assert_eq!(hint, "it keeps those of -1, 0");
    assert!(!room.exists("b.zarr") && !room.exists("a.png") && !room.exists("results"));
}

#[test]
fn what_is_forgotten_on_the_command_line_is_told_in_one_sentence() {
    let room = Room::new();
    let hint = room.mistake(
        "train",
        "the following required arguments were not provided: --data <DATA>, --out <OUT>, <MODEL>",
    );
    assert_eq!(hint, "`redyn train --help` tells what can be said");
    room.mistake(
        "unroll run --out a.zarr --memory lots",
        "invalid value 'lots' for '--memory <MEMORY>': write a number with K, M, G or T: 512M",
    );
    room.mistake(
        &format!("train {NETWORK} --data {DATA} --out run --learning-rate 0"),
        "the recipe cannot be carried out: the learning rate is 0",
    );
}
