//! Image folders: every kind of file, and everything that can be wrong with them.
//!
//! `tests/images/make.py` made the images with Pillow.

use std::fs;
use std::path::{Path, PathBuf};

use redyn_core::Diagnose;
use redyn_stimuli::{BadImages, OpenOptions, StimuliError, open};

fn images() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/images")
}

/// `train/cup`, `train/dog`, `test/cup` with one PNG each.
fn small_folder() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for class in ["train/cup", "train/dog", "test/cup"] {
        put(root.path(), class, "colour.PNG");
    }
    root
}

fn put(root: &Path, class: &str, name: &str) {
    fs::create_dir_all(root.join(class)).unwrap();
    fs::copy(images().join(name), root.join(class).join(name)).unwrap();
}

fn opened(root: &Path, image_size: usize) -> Result<redyn_stimuli::DataSet, StimuliError> {
    open(root.to_str().unwrap(), &OpenOptions { image_size: Some(image_size), ..OpenOptions::default() })
}

/// Lossless files must agree; decoders of lossy ones round differently.
const LOSSY: i32 = 3;
/// CMYK additionally goes through another conversion than Pillow's.
const CMYK: i32 = 6;

#[test]
fn every_kind_of_file_looks_as_pillow_shows_it() {
    let files = [
        ("colour.JPG", LOSSY),
        ("progressive.jpeg", LOSSY),
        ("turned.jpg", LOSSY),
        ("grey.jpg", LOSSY),
        ("cmyk.jpg", CMYK),
        ("colour.PNG", 0),
        ("palette.png", 0),
        ("alpha.png", 0),
        ("grey_alpha.png", 0),
        ("bits.png", 0),
        ("grey16.png", 0),
        ("lossless.webp", 0),
        ("lossy.WebP", LOSSY),
        ("a_png_by_content.jpeg", 0),
        ("no_ending", 0),
    ];
    for (name, tolerance) in files {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "train/x", name);
        // The short side is 24: only the crop acts.
        let data = opened(root.path(), 24).unwrap();
        assert_eq!(data.split("train").unwrap().id(0), format!("train/x/{name}"));
        let found = data.split("train").unwrap().image(0).unwrap_or_else(|error| panic!("{error}"));
        let bytes = fs::read(images().join(format!("{name}.npy"))).unwrap();
        let array = npyz::NpyFile::new(&bytes[..]).unwrap();
        let shape: Vec<usize> = array.shape().iter().map(|&n| n as usize).collect();
        let expected: Vec<u8> = array.into_vec().unwrap();
        let (top, left) = ((shape[0] - 24) / 2, (shape[1] - 24) / 2);
        for row in 0..24 {
            for column in 0..24 {
                let at = 3 * ((row + top) * shape[1] + column + left);
                for (a, b) in found.pixel(row, column).into_iter().zip(&expected[at..at + 3]) {
                    let off = (i32::from(a) - i32::from(*b)).abs();
                    assert!(off <= tolerance, "{name} at ({row}, {column}): {a} and {b}");
                }
            }
        }
    }
}

#[test]
fn classes_are_those_of_train_and_other_files_are_counted() {
    let root = small_folder();
    fs::write(root.path().join("train/dog/notes.txt"), "not an image").unwrap();
    fs::write(root.path().join("train/dog/.hidden.jpg"), "not seen").unwrap();
    let data = opened(root.path(), 16).unwrap();
    assert_eq!(data.classes, ["cup", "dog"]);
    assert_eq!(data.split("train").unwrap().labels(), [0, 1]);
    assert_eq!(data.notes.len(), 2, "{:?}", data.notes);
    assert!(
        data.notes[0].starts_with("1 files that are no JPEG, PNG or WebP were ignored"),
        "{:?}",
        data.notes
    );
    assert_eq!(data.notes[1], "split `test` has no image of 1 of the 2 classes");
}

#[test]
fn a_bad_image_is_named_or_left_out() {
    let root = small_folder();
    put(root.path(), "train/dog", "colour.JPG");
    let whole = fs::read(images().join("colour.JPG")).unwrap();
    fs::write(root.path().join("train/dog/cut.jpg"), &whole[..whole.len() - 40]).unwrap();
    fs::write(root.path().join("train/dog/empty.png"), "").unwrap();
    fs::write(root.path().join("train/dog/text.webp"), "no picture").unwrap();

    let data = opened(root.path(), 16).unwrap();
    let train = data.split("train").unwrap();
    let bad: Vec<String> = (0..train.len()).filter_map(|i| Some(train.image(i).err()?.to_string())).collect();
    assert_eq!(bad.len(), 3, "{bad:?}");
    assert!(bad[0].contains("train/dog/cut.jpg does not decode: truncated"), "{}", bad[0]);
    let error = (0..train.len()).find_map(|i| train.image(i).err()).unwrap();
    assert!(error.hint().unwrap().contains("--skip-bad"));

    let options = OpenOptions { image_size: Some(16), bad_images: BadImages::Skip, ..OpenOptions::default() };
    let data = open(root.path().to_str().unwrap(), &options).unwrap();
    let train = data.split("train").unwrap();
    assert_eq!(train.len(), 3);
    assert!((0..3).all(|i| train.image(i).is_ok()));
    let skipped: Vec<&str> = data.skipped.iter().map(|skipped| skipped.id.as_str()).collect();
    assert_eq!(skipped, ["train/dog/cut.jpg", "train/dog/empty.png", "train/dog/text.webp"]);
}

#[test]
fn images_cut_off_anywhere_do_not_decode() {
    for name in ["colour.JPG", "progressive.jpeg", "colour.PNG", "lossless.webp", "lossy.WebP"] {
        let whole = fs::read(images().join(name)).unwrap();
        // A PNG's last twelve bytes say only that it ends.
        let needed = whole.len() - if name.ends_with("PNG") { 12 } else { 2 };
        for keep in (0..needed).step_by(7) {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("train/x")).unwrap();
            fs::write(root.path().join("train/x").join(name), &whole[..keep]).unwrap();
            let image = opened(root.path(), 16).unwrap().split("train").unwrap().image(0);
            assert!(image.is_err(), "{name}: {keep} of {} bytes", whole.len());
        }
    }
}

#[test]
fn what_is_no_image_folder_is_told_apart() {
    let root = small_folder();
    let message = |root: &Path| {
        let error = opened(root, 16).unwrap_err();
        error.to_string().replace(root.to_str().unwrap(), "ROOT")
    };
    fs::create_dir(root.path().join("train/egg")).unwrap();
    assert_eq!(message(root.path()), "class `egg` has no image in ROOT/train/egg");
    fs::remove_dir(root.path().join("train/egg")).unwrap();
    put(root.path(), "test/cap", "colour.PNG");
    assert_eq!(message(root.path()), "`train` of ROOT, unlike `test`, has no class `cap`");
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(message(empty.path()), "ROOT is not a data set: no folder of the form SPLIT/CLASS in it");
    put(empty.path(), "cup", "colour.PNG");
    assert_eq!(
        message(empty.path()),
        "ROOT is not a data set: `cup` holds images, where class folders are expected"
    );
    assert!(message(Path::new("/nowhere/at/all")).starts_with("cannot open ROOT"));
}

#[test]
fn a_size_is_asked_for_where_images_have_none_in_common() {
    let root = small_folder();
    let error = open(root.path().to_str().unwrap(), &OpenOptions::default()).unwrap_err();
    assert!(
        error.to_string().ends_with("images differ in size or are not square (24 x 32, 24 x 32)"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--image-size"));
    assert!(matches!(opened(root.path(), 3), Err(StimuliError::ImageSize { size: 3, .. })));
}

#[test]
fn a_digest_sees_every_byte_and_every_name() {
    let root = small_folder();
    let digest = || opened(root.path(), 16).unwrap().digest().unwrap();
    let first = digest();
    assert_eq!(first, digest());
    assert_eq!(first.len(), 64);
    let path = root.path().join("train/dog/colour.PNG");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let flipped = digest();
    assert_ne!(first, flipped);
    fs::rename(&path, root.path().join("train/dog/other.png")).unwrap();
    assert_ne!(flipped, digest());
}

#[test]
fn a_table_in_the_folder_gives_names_and_hierarchy() {
    let root = small_folder();
    let table =
        "label\twnid\tname\tanimacy\tbasic\n0\tcup\tmug\tinanimate\tcrockery\n1\tdog\tpug\tanimate\tdog\n";
    fs::write(root.path().join("hierarchy.tsv"), table).unwrap();
    let data = opened(root.path(), 16).unwrap();
    assert_eq!(data.classes, ["mug", "pug"]);
    assert_eq!(data.hierarchy.unwrap().groups, [["inanimate", "crockery"], ["animate", "dog"]]);
    fs::write(root.path().join("hierarchy.tsv"), "class\tbasic\ncup\tcrockery\n").unwrap();
    let error = opened(root.path(), 16).unwrap_err();
    assert!(
        error.to_string().ends_with("hierarchy.tsv: hierarchy table: no line for class `dog`"),
        "{error}"
    );
}

#[test]
fn splits_are_found_by_name_or_the_nearest_is_offered() {
    let data = opened(small_folder().path(), 16).unwrap();
    let error = data.split("tset").err().unwrap();
    assert!(error.to_string().ends_with("has no split `tset`, only test, train"), "{error}");
    assert_eq!(error.hint().unwrap(), "did you mean `test`?");
}
