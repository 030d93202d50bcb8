//! Pictures that a table names.

use std::fs;
use std::path::{Path, PathBuf};

use redyn_core::Diagnose;
use redyn_stimuli::{DataSet, Frame, OpenOptions, StimuliError, open};

const TABLE: &str = "WordNet_ID,filename\nn02795169,b.JPEG\nn01518878,c.JPEG\nn02795169,a.JPEG\n";

fn image(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name)
}

/// A table, and its pictures in folders of their classes or in one.
fn probe(nested: bool) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("probe.csv"), TABLE).unwrap();
    for (class, file, picture) in [
        ("n02795169", "a.JPEG", "colour.JPG"),
        ("n02795169", "b.JPEG", "grey.jpg"),
        ("n01518878", "c.JPEG", "turned.jpg"),
    ] {
        let folder = root.path().join(if nested { class } else { "" });
        fs::create_dir_all(&folder).unwrap();
        fs::copy(image(picture), folder.join(file)).unwrap();
    }
    root
}

fn opened(specification: &str) -> Result<DataSet, StimuliError> {
    let options = OpenOptions { image_size: Some(16), frame: Frame::Square, ..OpenOptions::default() };
    open(specification, &options)
}

#[test]
fn probe_images_keep_the_order_and_the_class_numbers_of_the_reference() {
    let (nested, flat, apart) = (probe(true), probe(false), tempfile::tempdir().unwrap());
    fs::write(apart.path().join("probe.csv"), TABLE).unwrap();
    let beside = |root: &Path| root.join("probe.csv").display().to_string();
    let elsewhere = format!("{}:{}", beside(apart.path()), flat.path().display());
    let sets = [beside(nested.path()), beside(flat.path()), elsewhere].map(|name| opened(&name).unwrap());
    for data in &sets {
        assert_eq!((data.classes.len(), data.image_size), (1000, 16));
        assert_eq!(data.notes, ["images of 2 of ImageNet's 1000 classes"]);
        let test = data.split("test").unwrap();
        // ImageFolder's order, by class and file; numbers of ostrich and barrel in ImageNet.
        assert_eq!(test.labels(), [9, 427, 427]);
        let ids: Vec<String> = (0..3).map(|index| test.id(index)).collect();
        assert_eq!(ids, ["n01518878/c.JPEG", "n02795169/a.JPEG", "n02795169/b.JPEG"]);
        // Grey is repeated in all channels, as `convert("RGB")` does.
        assert!(test.image(2).unwrap().pixels.chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
        assert_eq!(data.digest().unwrap(), sets[0].digest().unwrap());
    }
}

#[test]
fn what_a_camera_noted_does_not_turn_a_probe_image() {
    let root = probe(true);
    let data = opened(&root.path().join("probe.csv").display().to_string()).unwrap();
    let (split, straight) = (data.split("test").unwrap(), tempfile::tempdir().unwrap());
    // The same pixels without the note: torchvision shows both alike.
    fs::create_dir_all(straight.path().join("train/x")).unwrap();
    fs::copy(image("colour.JPG"), straight.path().join("train/x/a.jpg")).unwrap();
    let straight = opened(straight.path().to_str().unwrap()).unwrap().split("train").unwrap();
    assert_eq!(split.image(0).unwrap(), straight.image(0).unwrap());
}

#[test]
fn pictures_that_are_not_there_are_counted_and_the_first_named() {
    let root = probe(true);
    let table = root.path().join("probe.csv");
    let lines: String = (0..7).map(|n| format!("n01518878,gone_{n}.JPEG\n")).collect();
    fs::write(&table, format!("{TABLE}{lines}")).unwrap();
    let error = opened(&table.display().to_string()).unwrap_err();
    let (table, root) = (table.display(), root.path().display());
    assert_eq!(
        error.to_string(),
        format!(
            "{table} names 7 of 10 images that are not in {root}: n01518878/gone_0.JPEG, \
             n01518878/gone_1.JPEG, n01518878/gone_2.JPEG, ..."
        )
    );
    assert!(error.hint().unwrap().ends_with(&format!("`--data {table}:FOLDER`")), "{:?}", error.hint());
}

#[test]
fn lines_that_cannot_be_meant_are_named_by_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("t.csv");
    for (text, line, why) in [
        ("n01,a.png\nn02\n", 2, "1 columns, expected a WordNet id and a file name"),
        (
            "WordNet_ID,filename\nn01,../a.png\n",
            2,
            "`n01,../a.png` is not a WordNet id and the name of a file",
        ),
        ("n01,a.png\n\nn01,a.png\n", 3, "`n01,a.png` is there twice"),
    ] {
        fs::write(&table, text).unwrap();
        let error = opened(&table.display().to_string()).unwrap_err().to_string();
        assert_eq!(error, format!("{} line {line}: {why}", table.display()));
    }
    fs::write(&table, "WordNet_ID,filename\n").unwrap();
    assert!(matches!(opened(&table.display().to_string()), Err(StimuliError::NoImages { .. })));
}

#[test]
fn ids_outside_imagenet_are_classes_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("t.csv"), "n00000002,colour.PNG\nn00000001,palette.png\n").unwrap();
    for name in ["colour.PNG", "palette.png"] {
        fs::copy(image(name), root.path().join(name)).unwrap();
    }
    let data = opened(&root.path().join("t.csv").display().to_string()).unwrap();
    assert_eq!(data.classes, ["n00000001", "n00000002"]);
    assert_eq!(data.split("test").unwrap().labels(), [0, 1]);
}
