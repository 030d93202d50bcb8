//! Networks from files in their authors' layout with the closed-form weights of the goldens: what
//! such a file gives is to the bit what `golden.rs` and `networks.rs` hold against the references.
//! PyTorch writes its own (`REDYN_TORCH` names a Python with it), h5py what Keras would
//! (`REDYN_PYTHON`), both `python3` if not said; a test without them says so and passes.
//! TensorFlow's are written here.

mod bundle;
mod closed_form;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use redyn_engine::{Cpu, Engine};
use redyn_network::{Plan, Request, Session, Weights};
use redyn_zoo::{Fit, Missing, Network, Status, Unexpected, build};

/// A golden case as the file its authors would publish.
struct File {
    golden: &'static str,
    gain: f64,
    /// How keys are written: see [`TORCH`].
    layout: &'static str,
    /// Name of the file.
    name: &'static str,
    /// The network that name and keys tell.
    spec: &'static str,
}

const PLAIN: File = File { golden: "", gain: 1.0, layout: "plain", name: "", spec: "" };

const FILES: [File; 8] = [
    File {
        golden: "blt64_LA",
        name: "b64_l_1_t_0_ltinteract_additive_T_10_ltposition_all_num_1.pth",
        spec: "blt64",
        ..PLAIN
    },
    File {
        golden: "blt64_TM",
        layout: "old",
        name: "b64_l_0_t_1_ltinteract_multiplicative_T_10_ltposition_all_num_1_epoch_29.pth",
        spec: "blt64:lateral=0,top_down=1,interaction=multiplicative",
        ..PLAIN
    },
    File {
        golden: "blt64_LT_A",
        name: "b64_l_1_t_1_ltinteract_additive_T_10_ltposition_all_num_2_epoch_-1.pth",
        spec: "blt64:top_down=1",
        ..PLAIN
    },
    // No recurrence, so its interaction is of no consequence; the name says what the flag was.
    File {
        golden: "blt64_BNet",
        layout: "old",
        name: "b64_l_0_t_0_ltinteract_None_T_1_ltposition_None_num_1.pth",
        spec: "blt64:lateral=0,interaction=multiplicative",
        ..PLAIN
    },
    File {
        golden: "cornet_rt_T5",
        layout: "cornet",
        name: "cornet_rt-933c001c.pth",
        spec: "cornet_rt",
        ..PLAIN
    },
    File {
        golden: "blt_vs_biological_T12",
        name: "blt_vs_slt_111_biounroll_1_t_12_readout_multi_dataset_ecoset_num_1.pth",
        spec: "blt_vs:unroll=biological,classes=565",
        ..PLAIN
    },
    File { golden: "lrm3_2pass", gain: 1.5, layout: "lrm", name: "lrm3-63ab1b3b06.pth", spec: "lrm3" },
    File {
        golden: "resnet18_64px_100",
        layout: "torchvision",
        name: "resnet18.pth",
        spec: "resnet18:classes=100",
        ..PLAIN
    },
];

/// The layouts: a bare dictionary, also in the format from before PyTorch 1.6; CORnet's wrapped
/// in one of its training and in `DataParallel`; LRM's the same, by the names its loader changes;
/// torchvision's with the counters of batch norms.
const TORCH: &str = "
import json, re, sys
from collections import OrderedDict
sys.path.insert(0, sys.argv[1])
import closed_form, torch
for case, gain, layout, name in zip(*[iter(sys.argv[3:])] * 4):
    tensors = json.load(open(f'{sys.argv[1]}/{case}.param_shapes.json'))['tensors']
    weights = OrderedDict()
    for tensor in tensors:
        key = tensor['name']
        values = closed_form.tensor(key, tensor['shape'], tensor['kind'], gain=float(gain))
        if layout == 'lrm':
            key = re.sub(r'features_([0-9]+)', r'features\\1', key.replace('feedforward.', 'backbone.'))
        if layout in ('lrm', 'cornet'):
            key = 'module.' + key
        weights[key] = torch.from_numpy(values)
        if layout == 'torchvision' and key.endswith('running_var'):
            weights[key.replace('running_var', 'num_batches_tracked')] = torch.tensor(7)
    if layout == 'cornet':
        weights = {'epoch': 25, 'state_dict': weights, 'optimizer': {'state': {}, 'param_groups': []}}
    if layout == 'lrm':
        weights = {'epoch': 100, 'model': weights}
    torch.save(weights, f'{sys.argv[2]}/{name}', _use_new_zipfile_serialization=layout not in ('old', 'cornet'))
";

/// Weights as Keras 2 writes them with h5py.
const KERAS: &str = "
import json, sys
sys.path.insert(0, sys.argv[1])
import closed_form, h5py
for case, gain, name in zip(*[iter(sys.argv[3:])] * 3):
    tensors = json.load(open(f'{sys.argv[1]}/{case}.param_shapes.json'))['tensors']
    layers = {}
    for tensor in tensors:
        layers.setdefault(tensor['name'].split('/')[0], []).append(tensor)
    with h5py.File(f'{sys.argv[2]}/{name}', 'w') as file:
        file.attrs['layer_names'] = [layer.encode() for layer in ['input_1', *layers]]
        file.attrs['backend'] = b'tensorflow'
        file.attrs['keras_version'] = b'2.2.4-tf'
        file.create_group('input_1').attrs['weight_names'] = []
        for layer, tensors in layers.items():
            group = file.create_group(layer)
            group.attrs['weight_names'] = [f'{tensor[\"name\"]}:0'.encode() for tensor in tensors]
            for tensor in tensors:
                values = closed_form.tensor(tensor['name'], tensor['shape'], tensor['kind'], 'tf', float(gain))
                group.create_dataset(f'{tensor[\"name\"]}:0', data=values)
";

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// Let a Python with some modules write files into a folder; false where it has them not.
fn written(variable: &str, modules: &str, script: &str, folder: &Path, arguments: &[String]) -> bool {
    let interpreter = std::env::var(variable).unwrap_or_else(|_| "python3".into());
    let there = Command::new(&interpreter).args(["-c", &format!("import {modules}")]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {interpreter} lacks one of {modules}");
        return false;
    }
    let output = Command::new(&interpreter)
        .args(["-B", "-c", script])
        .args([goldens().as_path(), folder])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// A file's network and weights: those of the closed form, all of them, nothing else in the file.
fn check(path: &Path, spec: &str, gain: f64) -> (Fit, Weights) {
    let fit = Fit::of(path, None).unwrap();
    assert_eq!(fit.network.spec, build(spec).unwrap().spec, "{}", path.display());
    let weights = fit.load(Missing::Refuse, Unexpected::Refuse).unwrap();
    let direct = closed_form::weights(&fit.network.graph, gain);
    assert!(weights == direct, "{}", path.display());
    (fit, weights)
}

/// Logits and representations of one image at every step.
fn run(network: &Network, weights: &Weights, steps: usize) -> Vec<f32> {
    let engine = Cpu::default();
    let plan = Plan::new(&network.graph, &Request::taps(steps, ["readout", "gap"])).unwrap();
    let session = Session::new(&engine, &network.graph, plan, weights).unwrap();
    let mut all = Vec::new();
    session.run(&closed_form::images(1, 64, 8, closed_form::Input::Blt), |emission| {
        let mut values = vec![0.0; emission.shape.len()];
        engine.read(emission.value, &mut values);
        all.append(&mut values);
    });
    all
}

#[test]
fn files_of_pytorch_give_the_bits_of_the_weights_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = FILES.iter().flat_map(|file| {
        [file.golden.to_owned(), file.gain.to_string(), file.layout.to_owned(), file.name.to_owned()]
    });
    let arguments: Vec<String> = arguments.collect();
    if !written("REDYN_TORCH", "numpy, torch", TORCH, folder.path(), &arguments) {
        return;
    }
    for file in FILES {
        let (fit, weights) = check(&folder.path().join(file.name), file.spec, file.gain);
        let counters = if file.layout == "torchvision" { 20 } else { 0 };
        assert_eq!(fit.rows_with(Status::Skipped).count(), counters, "{}", file.name);
        if file.golden.starts_with("blt64") {
            let steps = fit.network.card.steps.min(3);
            let direct = closed_form::weights(&fit.network.graph, file.gain);
            let (ours, theirs) = (run(&fit.network, &weights, steps), run(&fit.network, &direct, steps));
            assert_eq!(ours.len(), steps * (512 + 100));
            assert!(ours.iter().zip(&theirs).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", file.name);
        }
    }
    // CORnet-RT and -R have the same parameters: what does not say which it is, is refused.
    let unnamed = folder.path().join("weights.pth");
    fs::copy(folder.path().join("cornet_rt-933c001c.pth"), &unnamed).unwrap();
    let error = Fit::of(&unnamed, None).unwrap_err();
    assert!(error.to_string().ends_with("weights.pth fit cornet_rt and cornet_r alike"), "{error}");
    let hint = redyn_core::Diagnose::hint(&error).unwrap();
    assert_eq!(hint, "say which it is: --model cornet_rt or --model cornet_r");
    let said = Fit::of(&unnamed, Some("cornet_r")).unwrap();
    assert_eq!(said.network.spec.name, "cornet_r");
    assert_eq!(said.rows_with(Status::Renamed).count(), said.rows.len(), "all but for `module.`");
}

#[test]
fn files_of_keras_give_the_bits_of_the_weights_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("bl_T8", "1", "bl_imagenet.h5", "bl"), ("b", "1.5", "b_imagenet.h5", "b")];
    let arguments: Vec<String> =
        files.iter().flat_map(|&(golden, gain, name, _)| [golden, gain, name].map(str::to_owned)).collect();
    if !written("REDYN_PYTHON", "numpy, h5py", KERAS, folder.path(), &arguments) {
        return;
    }
    for (_, gain, name, spec) in files {
        let (fit, _) = check(&folder.path().join(name), spec, gain.parse().unwrap());
        // Every kernel and the readout's matrix are turned.
        let kernels = fit.network.graph.parameters().iter().filter(|parameter| parameter.shape.len() > 1);
        assert_eq!(fit.rows_with(Status::Renamed).count(), kernels.count(), "{name}");
    }
}

#[test]
fn bundles_of_tensorflow_give_the_bits_of_the_weights_in_them() {
    let folder = tempfile::tempdir().unwrap();
    for (golden, spec, gain) in
        [("rgc_shallow_T16", "rgc_shallow", 1.0), ("rgc_intermediate_T17", "rgc_intermediate", 0.75)]
    {
        let about = fs::read(goldens().join(format!("{golden}.param_shapes.json"))).unwrap();
        let about: serde_json::Value = serde_json::from_slice(&about).unwrap();
        let ours = closed_form::weights(&build(spec).unwrap().graph, gain);
        let mut tensors = Vec::new();
        for tensor in about["tensors"].as_array().unwrap() {
            let name = tensor["name"].as_str().unwrap();
            let shape: Vec<usize> = serde_json::from_value(tensor["shape"].clone()).unwrap();
            let bytes = tensorflows(name, &shape, &ours.0[name].data);
            tensors.push(bundle::Tensor { name: name.to_owned(), shape, kind: 1, bytes });
        }
        let momentum = "tnn_model/conv1/pre_0/bias/Momentum".to_owned();
        tensors.push(bundle::Tensor { name: momentum, shape: vec![64], kind: 1, bytes: vec![0; 256] });
        let step = 400_000_u64.to_le_bytes().to_vec();
        tensors.push(bundle::Tensor { name: "global_step".into(), shape: Vec::new(), kind: 9, bytes: step });
        // The files of all networks are called alike, in folders of the networks' names.
        let path = folder.path().join(spec).join("model.ckpt");
        fs::create_dir(path.parent().unwrap()).unwrap();
        bundle::write(&path, tensors);
        let (fit, _) = check(&path, spec, gain);
        assert_eq!(fit.rows_with(Status::Skipped).count(), 2, "{spec}");
    }
}

/// Our values in the order of TensorFlow: kernels `[row, column, in, out]`, depthwise ones
/// `[row, column, channel, 1]`, matrices `[in, out]`.
fn tensorflows(name: &str, shape: &[usize], ours: &[f32]) -> Vec<u8> {
    let [rows, columns, third, fourth] = match *shape {
        [rows, columns, third, fourth] => [rows, columns, third, fourth],
        [third, fourth] => [1, 1, third, fourth],
        _ => return ours.iter().flat_map(|value| value.to_le_bytes()).collect(),
    };
    let mut bytes = Vec::with_capacity(4 * ours.len());
    for tap in 0..rows * columns {
        for third_at in 0..third {
            for fourth_at in 0..fourth {
                let pair = if name.contains("depthwise") { third_at } else { fourth_at * third + third_at };
                bytes.extend(ours[pair * rows * columns + tap].to_le_bytes());
            }
        }
    }
    bytes
}
