//! Files that TensorFlow and Keras wrote (`tests/checkpoints/make.py`), read without them.

use std::fs;
use std::path::{Path, PathBuf};

use redyn_zoo::ZooError;
use redyn_zoo::checkpoint::{Checkpoint, Dtype, Format};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints").join(name)
}

/// What the script put into tensor `index`.
fn expect(checkpoint: &Checkpoint, index: usize, name: &str, shape: &[usize], dtype: Dtype) {
    assert_eq!(checkpoint.tensors[name].dtype, dtype, "{name}");
    let tensor = checkpoint.read(name).unwrap();
    assert_eq!(tensor.shape, shape, "{name}");
    for (place, value) in tensor.data.iter().enumerate() {
        assert_eq!(*value, index as f32 + 0.25 * place as f32, "{name}, {place}");
    }
}

#[test]
fn a_bundle_is_read_by_the_name_of_any_of_its_files() {
    let shard = "bundle.ckpt.data-00000-of-00001";
    for name in ["bundle.ckpt", "bundle.ckpt.index", shard, "bundle.ckpt.meta"] {
        let bundle = Checkpoint::open(&file(name)).unwrap();
        assert_eq!(bundle.format, Format::Bundle);
        let conv = "tnn_model/conv1";
        expect(&bundle, 0, &format!("{conv}/pre_0/bias"), &[2], Dtype::F64);
        expect(&bundle, 1, &format!("{conv}/pre_0/weights_basenet"), &[3, 3, 1, 2], Dtype::F32);
        expect(&bundle, 2, &format!("{conv}/memory_decay"), &[], Dtype::F32);
        let depthwise = "tnn_model/conv4/ReciprocalGateCell/cell/tau/depthwise_weights";
        expect(&bundle, 3, depthwise, &[3, 3, 2, 1], Dtype::F32);
        expect(&bundle, 4, "tnn_model/imnetds/pre_3/weights", &[2, 3], Dtype::Bf16);
        // Four more with what momentum remembers, and a step; the text is no tensor of numbers.
        assert_eq!(bundle.tensors.len(), 5 + 4 + 1);
        assert_eq!(bundle.tensors["global_step"].dtype, Dtype::Whole(8));
        let error = bundle.read("global_step").unwrap_err().to_string();
        assert!(error.ends_with("`global_step` holds whole numbers of 64 bits, where weights are fractions"));
    }
}

#[test]
fn a_bundle_that_lost_something_says_what() {
    let folder = tempfile::tempdir().unwrap();
    let (index, shard) = ("bundle.ckpt.index", "bundle.ckpt.data-00000-of-00001");
    let whole = [index, shard].map(|name| fs::read(file(name)).unwrap());
    let open = |bytes: [Option<&[u8]>; 2]| {
        for (name, bytes) in [index, shard].into_iter().zip(bytes) {
            let path = folder.path().join(name);
            bytes.map_or_else(|| fs::remove_file(&path), |bytes| fs::write(&path, bytes)).unwrap();
        }
        Checkpoint::open(&folder.path().join("bundle.ckpt"))
    };
    let [i, s] = &whole;
    let said = |error: ZooError| error.to_string().replace(&folder.path().display().to_string(), "");
    let error = said(open([Some(i), Some(&s[..300])]).unwrap_err());
    assert!(
        error.starts_with(&format!("weights /bundle.ckpt are truncated: `{shard}` ends before `")),
        "{error}"
    );
    let error = said(open([Some(i), None]).unwrap_err());
    assert_eq!(error, format!("weights /bundle.ckpt are truncated: `{shard}` is not beside it"));
    let error = said(open([Some(&i[..i.len() - 7]), Some(s)]).unwrap_err());
    assert!(error.contains("its end, which says where the index begins, is missing"), "{error}");

    let mut damaged = s.clone();
    for byte in &mut damaged {
        *byte ^= 16;
    }
    let bundle = open([Some(i), Some(&damaged)]).unwrap();
    let error = said(bundle.read("tnn_model/conv1/pre_0/weights_basenet").unwrap_err());
    assert!(error.contains("is damaged: its bytes do not have the checksum"), "{error}");
}

#[test]
fn weights_and_whole_models_of_keras_2_are_read_by_layer() {
    for (name, within) in [("keras2.h5", None), ("keras2_whole.h5", Some("model_weights"))] {
        let keras = Checkpoint::open(&file(name)).unwrap();
        assert_eq!((keras.format, keras.within.as_deref()), (Format::Keras, within));
        let norm = "BatchNorm_Layer_0_Time_0";
        expect(&keras, 0, "RCL_0_BConv/kernel", &[3, 3, 1, 2], Dtype::F32);
        for (index, variable) in ["gamma", "beta", "moving_mean", "moving_variance"].iter().enumerate() {
            expect(&keras, 1 + index, &format!("{norm}/{variable}"), &[2], Dtype::F32);
        }
        expect(&keras, 5, "ReadoutDense/kernel", &[2, 3], Dtype::F32);
        expect(&keras, 6, "ReadoutDense/bias", &[3], Dtype::F32);
        assert_eq!(keras.tensors.len(), 7);
    }
}

#[test]
fn keras_3_and_other_files_of_hdf5_are_told_apart() {
    let error = Checkpoint::open(&file("keras3.weights.h5")).unwrap_err().to_string();
    assert!(error.ends_with("keras3.weights.h5: weights of Keras 3, where up to 2 is known here"), "{error}");
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stimuli/tests/miniecoset/no_labels.h5");
    let error = Checkpoint::open(&images).unwrap_err().to_string();
    assert!(error.contains("an HDF5 file without `layer_names`: not weights that Keras wrote"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.h5");
    fs::write(&cut, &fs::read(file("keras2.h5")).unwrap()[..9000]).unwrap();
    let error = Checkpoint::open(&cut).unwrap_err().to_string();
    assert!(error.contains("not a whole HDF5 file of weights"), "{error}");
}
