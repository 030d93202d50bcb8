//! HDF5 files in MiniEcoset's layout, as h5py writes them (`tests/miniecoset/make.py`).

use std::path::PathBuf;

use redyn_core::Diagnose;
use redyn_stimuli::{OpenOptions, StimuliError, open};

fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/miniecoset");
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn every_storage_and_number_format_reads_the_same() {
    for name in ["contiguous.h5", "chunked.h5", "gzip.h5", "latest.h5", "big_endian.h5", "variable_names.h5"]
    {
        let data =
            open(&file(name), &OpenOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(data.classes, ["ant", "bee", "wasp"], "{name}");
        assert_eq!(data.split_names().collect::<Vec<_>>(), ["test", "train"], "{name}");
        let statistics = data.statistics().unwrap();
        assert_eq!((statistics.mean, statistics.std), ([20.0, 21.0, 22.0], [14.0, 15.0, 16.0]), "{name}");
        for (split, base, n) in [("train", 0, 7), ("test", 40, 4)] {
            let split = data.split(split).unwrap();
            assert_eq!(split.labels(), (0..n).map(|i| i % 3).collect::<Vec<_>>(), "{name}");
            let order = [3, 0, 1, 2, 2];
            let together = split.images(&order).unwrap();
            for (&i, image) in order.iter().zip(together) {
                assert_eq!(image, split.image(i).unwrap(), "{name}");
                let expected: Vec<u8> = (0..192).map(|at| base + 7 * i as u8 + (at % 3) as u8).collect();
                assert_eq!(image.pixels, expected, "{name}, image {i}");
            }
        }
        assert_eq!(data.split("test").unwrap().id(3), "test/3");
    }
}

#[test]
fn faulty_files_are_told_apart() {
    let message = |name: &str| {
        let path = file(name);
        let error = open(&path, &OpenOptions::default()).unwrap_err();
        error.to_string().replace(&path, "FILE")
    };
    for (name, expected) in [
        ("no_labels.h5", "FILE has no `test/labels`, only test/data"),
        (
            "no_categories.h5",
            "FILE has no `categories`, only test, train, train_img_mean_channels, train_img_std_channels",
        ),
        (
            "no_mean.h5",
            "FILE has no `train_img_mean_channels`, only test, train, categories, train_img_std_channels",
        ),
        ("float_data.h5", "FILE at `test/data`: float32 values, uint8 expected"),
        ("float_labels.h5", "FILE at `test/labels`: float64 values, integer expected"),
        ("flat_data.h5", "FILE at `train/data`: shape [7, 192], expected [image, height, width, 3]"),
        ("short_labels.h5", "FILE at `train/labels`: shape [6], expected [7]"),
        ("label_out_of_range.h5", "FILE at `train/labels`: label 3 of image 4 is outside 0..3"),
        ("negative_label.h5", "FILE at `train/labels`: label -1 of image 4 is outside 0..3"),
        ("two_means.h5", "FILE at `train_img_mean_channels`: shape [2], expected [3]"),
    ] {
        assert_eq!(message(name), expected, "{name}");
    }
    assert!(message("nan_mean.h5").contains("the green channel has mean NaN"), "{}", message("nan_mean.h5"));
    assert!(message("zero_std.h5").contains("the green channel has mean 21 and standard deviation 0"));
}

#[test]
fn a_truncated_file_is_an_error_that_says_so() {
    let whole = std::fs::read(file("contiguous.h5")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for keep in [0, 100, 1000, whole.len() / 2, whole.len() - 1] {
        let path = folder.path().join("cut.h5");
        std::fs::write(&path, &whole[..keep]).unwrap();
        let opened = open(path.to_str().unwrap(), &OpenOptions::default());
        let read = opened.and_then(|data| {
            ["train", "test"].iter().try_for_each(|split| {
                let split = data.split(split)?;
                split.images(&(0..split.len()).collect::<Vec<_>>()).map(drop)
            })
        });
        let error = read.expect_err(&format!("{keep} of {} bytes", whole.len()));
        assert!(matches!(error, StimuliError::Hdf5 { .. }), "{error}");
        assert!(error.hint().unwrap().contains("truncated"));
    }
}

#[test]
fn a_table_beside_the_file_gives_the_hierarchy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.h5");
    std::fs::copy(file("contiguous.h5"), &path).unwrap();
    let table = "label\twnid\tname\tanimacy\tbasic\n0\tn1\tant\tanimate\tant\n1\tn2\tbee\tanimate\tstinger\n2\tn3\twasp\tanimate\tstinger\n";
    std::fs::write(folder.path().join("data.h5.hierarchy.tsv"), table).unwrap();
    let data = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    let hierarchy = data.hierarchy.unwrap();
    assert_eq!(hierarchy.levels, ["animacy", "basic"]);
    assert_eq!((hierarchy.distance(1, 2), hierarchy.distance(0, 1)), (0, 1));
}

#[test]
fn a_data_set_can_be_cut_down_to_some_classes() {
    let options = OpenOptions { classes: Some(vec!["wasp".into(), "ant".into()]), ..OpenOptions::default() };
    let data = open(&file("gzip.h5"), &options).unwrap();
    let train = data.split("train").unwrap();
    assert_eq!(data.classes, ["wasp", "ant"]);
    assert_eq!(train.labels(), [1, 0, 1, 0, 1]);
    assert_eq!(
        (0..5).map(|i| train.id(i)).collect::<Vec<_>>(),
        ["train/0", "train/2", "train/3", "train/5", "train/6"]
    );
    let options = OpenOptions { classes: Some(vec!["bea".into()]), ..OpenOptions::default() };
    assert_eq!(open(&file("gzip.h5"), &options).unwrap_err().hint().unwrap(), "did you mean `bee`?");
}
