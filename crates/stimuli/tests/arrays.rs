//! Folders of `.npy` files.

use std::fs;
use std::path::Path;

use redyn_stimuli::{OpenOptions, open};

/// A `.npy` file of format 1.0, as `numpy.save` writes it.
fn save(path: &Path, kind: &str, fortran: &str, shape: &str, bytes: &[u8]) {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 > 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

/// Three images of 8 x 8, all values equal to the image's number plus a base.
fn split(folder: &Path, base: u8) {
    let pixels: Vec<u8> = (0..3 * 192).map(|at| base + (at / 192) as u8).collect();
    save(&folder.join("images.npy"), "|u1", "False", "(3, 8, 8, 3)", &pixels);
    save(&folder.join("labels.npy"), "<i2", "False", "(3,)", &[1, 0, 0, 0, 1, 0]);
}

fn failure(root: &Path) -> String {
    let error = open(root.to_str().unwrap(), &OpenOptions::default()).unwrap_err();
    error.to_string().replace(root.to_str().unwrap(), "ROOT")
}

#[test]
fn one_folder_or_one_a_split_can_be_opened() {
    let root = tempfile::tempdir().unwrap();
    split(root.path(), 10);
    let data = open(root.path().to_str().unwrap(), &OpenOptions::default()).unwrap();
    let all = data.split("all").unwrap();
    assert_eq!((all.labels(), data.classes.clone()), (vec![1, 0, 1], vec!["0".into(), "1".into()]));
    assert_eq!(all.image(2).unwrap().pixels, vec![12; 192]);

    let root = tempfile::tempdir().unwrap();
    split(&root.path().join("train"), 10);
    split(&root.path().join("val"), 20);
    fs::write(root.path().join("classes.txt"), "cup\ndog\negg\n").unwrap();
    let data =
        open(root.path().to_str().unwrap(), &OpenOptions { image_size: Some(16), ..OpenOptions::default() })
            .unwrap();
    assert_eq!(data.classes, ["cup", "dog", "egg"]);
    assert_eq!(data.split("val").unwrap().image(1).unwrap().pixels, vec![21; 16 * 16 * 3]);
}

#[test]
fn faulty_arrays_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let (images, labels) = (root.path().join("images.npy"), root.path().join("labels.npy"));
    split(root.path(), 0);
    save(&labels, "<i8", "False", "(2,)", &[0; 16]);
    assert_eq!(failure(root.path()), "ROOT/labels.npy: shape [2], expected [3]");
    save(&labels, "<f4", "False", "(3,)", &[0; 12]);
    assert_eq!(failure(root.path()), "ROOT/labels.npy: <f4 values, integer expected");
    save(&labels, "|i1", "False", "(3,)", &[0, 255, 0]);
    assert_eq!(failure(root.path()), "ROOT/labels.npy: label -1 of image 1 is outside 0..1");
    fs::remove_file(&labels).unwrap();
    assert!(failure(root.path()).starts_with("cannot open ROOT/labels.npy"));
    split(root.path(), 0);
    save(&images, "<f4", "False", "(3, 8, 8, 3)", &[0; 2304]);
    assert_eq!(failure(root.path()), "ROOT/images.npy: <f4 values, uint8 expected");
    save(&images, "|u1", "False", "(3, 3, 8, 8)", &[0; 576]);
    assert_eq!(
        failure(root.path()),
        "ROOT/images.npy: shape [3, 3, 8, 8], expected [image, height, width, 3]"
    );
    save(&images, "|u1", "True", "(3, 8, 8, 3)", &[0; 576]);
    assert!(failure(root.path()).contains("Fortran order"));
    save(&images, "|u1", "False", "(3, 8, 8, 3)", &[0; 575]);
    assert!(failure(root.path()).contains("truncated"));
    fs::write(&images, "no array").unwrap();
    assert!(failure(root.path()).starts_with("ROOT/images.npy cannot be read as an array"));
}
