//! Weights that others wrote, taken in: files by PyTorch itself, where it is installed.
//! `REDYN_TORCH` names a Python with it (default `python3`); a test without one says so and passes.

use std::process::Command;

use redyn::network::Weights;
use redyn::zoo::{build, read_weights, write_weights};
use serde_json::Value;

use crate::common::{DATA, Room, floats};

/// The name of a published file, but for its size.
const NAME: &str = "b64_l_1_t_1_ltinteract_additive_T_3_ltposition_all_num_7";
/// A network whose settings only keys, shapes and that name tell.
const SPEC: &str = "blt64:top_down=1,classifier_bias=1,width=0.0625,image_size=16,classes=16";

/// Reads the tensors that [`room_with_torch`] leaves, as `weights`.
const SCRIPT: &str = "
import json, sys, warnings
from collections import OrderedDict
import numpy, torch
values, at = numpy.fromfile('values', '<f4'), 0
weights = OrderedDict()
for name, shape in json.load(open('names')):
    n = int(numpy.prod(shape))
    weights[name] = torch.from_numpy(values[at:at + n].reshape(shape).copy())
    at += n
NAME = 'b64_l_1_t_1_ltinteract_additive_T_3_ltposition_all_num_7'
def legacy(thing, file):
    torch.save(thing, file, _use_new_zipfile_serialization=False)
";

/// A room in which PyTorch has written files; none where it is not installed.
fn room_with_torch(script: &str) -> Option<(Room, Weights)> {
    let interpreter = std::env::var("REDYN_TORCH").unwrap_or_else(|_| "python3".into());
    let there = Command::new(&interpreter).args(["-c", "import numpy, torch"]).output();
    if !there.as_ref().is_ok_and(|output| output.status.success()) {
        let reason = there.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned(),
        );
        eprintln!("skipped: {interpreter}: {reason}");
        return None;
    }
    let room = Room::new();
    let graph = build(SPEC).unwrap().graph;
    let weights = Weights::initial(&graph, 5);
    let names: Vec<_> = graph.parameters().iter().map(|p| (&p.name, &p.shape)).collect();
    let values: Vec<u8> = graph.parameters().iter().flat_map(|p| floats(&weights.0[&p.name].data)).collect();
    room.write("names", serde_json::to_vec(&names).unwrap());
    room.write("values", values);
    let output = Command::new(&interpreter)
        .args(["-c", &format!("{SCRIPT}{script}")])
        .current_dir(room.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some((room, weights))
}

/// Import a file and give the weights written, with the report.
fn imported(room: &Room, file: &str, options: &str) -> (Weights, Value) {
    let report = room.fine(&format!("import {file} --out taken.safetensors --json {options}"));
    let (weights, notes) = read_weights(&room.path("taken.safetensors")).unwrap();
    assert_eq!(notes["imported_from"], file);
    (weights, serde_json::from_str(&report).unwrap())
}

fn with_status<'r>(report: &'r Value, status: &str) -> Vec<&'r Value> {
    report["keys"].as_array().unwrap().iter().filter(|row| row["status"] == status).collect()
}

#[test]
fn what_pytorch_wrote_is_read_to_the_bit_in_every_layout_it_has() {
    let script = "
torch.save(weights, f'{NAME}.pth')
legacy(weights, f'{NAME}_epoch_29.pth')
wrapped = {'epoch': 3, 'flags': {'lr': 0.1, 'name': 'x'}, 'best': None,
           'state_dict': OrderedDict(('module.' + name, value) for name, value in weights.items()),
           'optimizer': {'state': {0: {'momentum_buffer': torch.ones(3)}}, 'param_groups': [{'params': [0]}]}}
legacy(wrapped, f'{NAME}_epoch_-1.pth')
torch.save(wrapped, f'{NAME}_epoch_0.pth')
torch.save(weights, f'{NAME}_epoch_4.pth', pickle_protocol=4)
module = torch.nn.Module()
for name, value in weights.items():
    inner = module
    *path, last = name.split('.')
    for part in path:
        if not hasattr(inner, part): inner.add_module(part, torch.nn.Module())
        inner = getattr(inner, part)
    inner.register_parameter(last, torch.nn.Parameter(value))
torch.save({'model': module.state_dict(keep_vars=True), 'more': {'t': torch.ones(2)}}, f'{NAME}_epoch_5.pth')
torch.save(OrderedDict((name, value.double()) for name, value in weights.items()), f'{NAME}_epoch_6.pth')
# Views: all tensors in one storage, kernels in reversed order of their dimensions.
whole = torch.cat([value.permute(*reversed(range(value.dim()))).reshape(-1) for value in weights.values()])
views, at = OrderedDict(), 0
for name, value in weights.items():
    part = whole[at:at + value.numel()].view(*reversed(value.shape))
    views[name] = part.permute(*reversed(range(value.dim())))
    assert torch.equal(views[name], value) and (value.dim() < 2 or not views[name].is_contiguous() or 1 in value.shape)
    at += value.numel()
legacy(views, f'{NAME}_epoch_7.pth')
torch.save(views, f'{NAME}_epoch_8.pth')
";
    let Some((room, weights)) = room_with_torch(script) else { return };
    for (epoch, format, within) in [
        (None, "PyTorch", None),
        (Some(29), "PyTorch before 1.6", None),
        (Some(-1), "PyTorch before 1.6", Some("state_dict")),
        (Some(0), "PyTorch", Some("state_dict")),
        (Some(4), "PyTorch", None),
        (Some(5), "PyTorch", Some("model")),
        (Some(6), "PyTorch", None),
        (Some(7), "PyTorch before 1.6", None),
        (Some(8), "PyTorch", None),
    ] {
        let file = epoch.map_or_else(|| format!("{NAME}.pth"), |epoch| format!("{NAME}_epoch_{epoch}.pth"));
        let (taken, report) = imported(&room, &file, "");
        assert!(taken == weights, "{file}");
        assert_eq!(report["network"], SPEC);
        assert_eq!((&report["steps"], &report["steps_told"]), (&Value::from(3), &Value::from(true)));
        assert_eq!(report["epoch"], epoch.map_or(Value::Null, Value::from));
        assert_eq!((report["format"].as_str(), report["within"].as_str()), (Some(format), within));
        let status = if within == Some("state_dict") { "renamed" } else { "matched" };
        assert_eq!(with_status(&report, status).len(), weights.0.len(), "{report}");
    }
}

#[test]
fn half_precision_is_widened_and_whole_numbers_are_no_weights() {
    let script = "
for kind in ['half', 'bfloat16']:
    torch.save(OrderedDict((name, getattr(value, kind)()) for name, value in weights.items()), f'{NAME}_{kind}.pth')
    legacy(OrderedDict((name, getattr(value, kind)()) for name, value in weights.items()), f'{NAME}_{kind}_old.pth')
weights['retina.bias'] = weights['retina.bias'].long()
torch.save(weights, f'{NAME}_long.pth')
";
    let Some((room, weights)) = room_with_torch(script) else { return };
    for (kind, fraction) in [("half", 10), ("bfloat16", 7)] {
        let (taken, _) = imported(&room, &format!("{NAME}_{kind}.pth"), "");
        assert_eq!(taken, imported(&room, &format!("{NAME}_{kind}_old.pth"), "").0);
        for (name, tensor) in &weights.0 {
            for (&ours, &theirs) in taken.0[name].data.iter().zip(&tensor.data) {
                // Half a unit in the last place, also of the smallest normal number.
                let limit = (theirs.abs() * 0.5_f32.powi(fraction + 1)).max(0.5_f32.powi(25));
                assert!((ours - theirs).abs() <= limit, "{name}: {ours} for {theirs} as {kind}");
            }
        }
    }
    let file = format!("{NAME}_long.pth");
    let sentence =
        format!("weights {file}: `retina.bias` holds whole numbers of 64 bits, where weights are fractions");
    room.mistake(&format!("import {file} --out a.safetensors"), &sentence);
}

#[test]
fn a_checkpoint_is_unrolled_as_the_weights_it_holds() {
    let Some((room, weights)) = room_with_torch("legacy(weights, f'{NAME}.pth')") else { return };
    let notes = [("network", SPEC), ("steps", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    write_weights(&room.path("direct.safetensors"), &weights, &notes.into()).unwrap();
    let (taken, _) = imported(&room, &format!("{NAME}.pth"), "");
    assert_eq!(taken, weights);
    for (source, store) in [(format!("{NAME}.pth"), "a.zarr"), ("direct.safetensors".into(), "b.zarr")] {
        room.fine(&format!("unroll {source} --data {DATA} --name net --out {store}"));
    }
    let chunks = |store: &str| {
        let mut files = room.files(store);
        files.retain(|name, _| !name.ends_with("zarr.json"));
        files
    };
    assert!(!chunks("a.zarr").is_empty());
    assert_eq!(
        chunks("a.zarr"),
        chunks("b.zarr"),
        "steps, logits and representations are the same to the bit"
    );
}

#[test]
fn what_the_file_does_not_tell_is_asked_for_by_name() {
    let script = "
torch.save(weights, 'nameless.pth')
torch.save(weights, NAME.replace('_t_1', '_t_0') + '.pth')
";
    let Some((room, weights)) = room_with_torch(script) else { return };
    let hint = room.mistake(
        "unroll nameless.pth --data builtin --out a.zarr",
        "weights nameless.pth do not tell the setting `interaction`: it is in no key, and the file's \
         name has no part `ltinteract_`",
    );
    assert_eq!(hint, "say which it is: --model blt64:interaction=multiplicative");
    let (taken, report) = imported(&room, "nameless.pth", "--model blt64:interaction=multiplicative");
    assert_eq!(taken, weights);
    assert_eq!(
        report["network"],
        "blt64:top_down=1,interaction=multiplicative,classifier_bias=1,width=0.0625,image_size=16,classes=16"
    );
    assert_eq!((&report["steps"], &report["steps_told"]), (&Value::from(10), &Value::from(false)));

    let file = format!("{}.pth", NAME.replace("_t_1", "_t_0"));
    let hint = room.mistake(
        &format!("import {file} --out a.safetensors"),
        &format!(
            "weights {file} do not tell the setting `top_down`: the file is named `t_0`, its keys say 1"
        ),
    );
    assert_eq!(hint, "say which it is: --model blt64:top_down=1");
    imported(&room, &file, "--model blt64:top_down=1");
}

#[test]
fn every_key_is_accounted_for_and_none_is_left_at_random_unasked() {
    let script = "
lost = OrderedDict(list(weights.items())[:len(weights) // 2])
lost['stranger.weight'] = torch.ones(2, 2)
lost['retina.num_batches_tracked'] = torch.tensor(5)
torch.save(lost, f'{NAME}.pth')
";
    let Some((room, weights)) = room_with_torch(script) else { return };
    let import = format!("import {NAME}.pth --model {SPEC} --out a.safetensors");
    let said = room.say(&import);
    let (error, _) = said.refusal(2);
    let names: Vec<String> = build(SPEC).unwrap().graph.parameters().iter().map(|p| p.name.clone()).collect();
    let n_kept = names.len() / 2;
    assert!(error.starts_with(&format!("{NAME}.pth: weights do not fit the network: missing ")), "{error}");
    for name in &names[n_kept..] {
        assert!(error.contains(&format!("missing `{name}` ")), "{name}: {error}");
        assert!(said.stderr.contains(&format!("MISSING     {name} ")), "{said:?}");
    }
    assert!(error.ends_with("unexpected `stranger.weight` [2, 2]"), "{error}");
    assert!(!room.exists("a.safetensors"));
    room.refused(2, &format!("{import} --allow-missing"));
    room.refused(2, &format!("{import} --allow-unexpected"));

    let (taken, report) = imported(
        &room,
        &format!("{NAME}.pth"),
        &format!("--model {SPEC} --allow-missing --allow-unexpected"),
    );
    let fresh = Weights::initial(&build(SPEC).unwrap().graph, 1);
    for (index, name) in names.iter().enumerate() {
        let expected = if index < n_kept { &weights } else { &fresh };
        assert_eq!(taken.0[name], expected.0[name], "{name}");
    }
    for (status, n) in
        [("matched", n_kept), ("missing", names.len() - n_kept), ("unexpected", 1), ("skipped", 1)]
    {
        assert_eq!(with_status(&report, status).len(), n, "{status}: {report}");
    }
    let (_, notes) = read_weights(&room.path("taken.safetensors")).unwrap();
    assert_eq!(notes["at_random"], format!("seed 1: {}", names[n_kept..].join(", ")));
    // What redyn wrote is a checkpoint with nothing left to ask.
    let (again, report) = imported(&room, "taken.safetensors", "");
    assert_eq!((again, &report["network"]), (taken, &Value::from(SPEC)));
}

#[test]
fn weights_of_another_network_are_told_from_broken_ones() {
    let script = "
torch.save(weights, f'{NAME}.pth')
torch.save({'encoder.weight': torch.ones(2, 2), 'decoder.weight': torch.ones(2)}, 'other.pth')
torch.save({'epoch': 3}, 'empty.pth')
torch.save({'a': {'x': torch.ones(2)}, 'b': {'y': torch.ones(2)}}, 'two.pth')
";
    let Some((room, _)) = room_with_torch(script) else { return };
    let hint = room.mistake(
        "import other.pth --out a.safetensors",
        "weights other.pth: 0 of its 2 tensors are those of any one network",
    );
    assert_eq!(hint, "`redyn models list` shows the networks there are");
    let hint = room.mistake(
        &format!("import {NAME}.pth --model blt128:classes=3 --out a.safetensors"),
        &format!(
            "weights {NAME}.pth: 12 of its 26 tensors are those of \
             blt128:top_down=1,classifier_bias=1,width=0.0625,image_size=16,classes=3"
        ),
    );
    assert_eq!(hint, "blt64 is nearest, with 26 of 26: --model blt64");
    room.mistake(
        "unroll empty.pth --data builtin --out a.zarr",
        "weights empty.pth: a PyTorch file without a dictionary of tensors",
    );
    room.mistake(
        "unroll two.pth --data builtin --out a.zarr",
        "weights two.pth: several dictionaries of tensors (a, b), none of them called `state_dict`",
    );
}

#[test]
fn truncated_damaged_and_newer_files_are_told_apart() {
    let script = "
import io, zipfile
torch.save(weights, 'new.pth')
legacy(weights, 'old.pth')
for name in ['new', 'old']:
    whole = open(f'{name}.pth', 'rb').read()
    for share, file in [(9, 'end'), (5, 'middle'), (1, 'start')]:
        open(f'{name}_{file}.pth', 'wb').write(whole[:len(whole) * share // 10])
def changed(file, change):
    old, new = zipfile.ZipFile('new.pth'), zipfile.ZipFile(file, 'w')
    for item in old.infolist():
        data = change(item.filename, old.read(item))
        if data is not None: new.writestr(item.filename, data)
    new.close()
changed('newer.pth', lambda name, data: b'11\\n' if name.endswith('/version') else data)
changed('lost.pth', lambda name, data: None if name.endswith('/data/3') else data)
open('newer_old.pth', 'wb').write(open('old.pth', 'rb').read().replace(b'M\\xe9\\x03.', b'M\\xea\\x03.', 1))
whole = bytearray(open('new.pth', 'rb').read())
whole[len(whole) // 2] ^= 1
open('damaged.pth', 'wb').write(whole)
torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), 'program.pth')
";
    let Some((room, _)) = room_with_torch(script) else { return };
    for (file, start, hint) in [
        ("new_end", " are truncated: the list of its parts", "compare"),
        ("new_middle", " are truncated: the list of its parts", "compare"),
        ("new_start", " are truncated: the list of its parts", "compare"),
        ("old_end", " are truncated: ", "compare"),
        ("old_middle", " are truncated: ", "compare"),
        ("old_start", " are truncated: ", "compare"),
        ("lost", " are truncated: the archive has no storage", "compare"),
        ("newer", ": PyTorch archive of version 11, where up to 10 is known here", "save"),
        ("newer_old", ": PyTorch file of protocol 1002, where up to 1001 is known here", "save"),
        ("program", ": a TorchScript program; only files of weights are read", "weights are read from"),
    ] {
        let (error, found) = room.refused(2, &format!("import {file}.pth --out a.safetensors"));
        assert!(error.starts_with(&format!("weights {file}.pth{start}")), "{file}: {error}");
        assert!(found.starts_with(hint), "{file}: {found}");
    }
    let (error, _) =
        room.refused(2, "import damaged.pth --model blt64:interaction=additive --out a.safetensors");
    assert!(error.contains("is damaged: its bytes do not have the checksum they were saved with"), "{error}");
    assert!(!room.exists("a.safetensors"));
}

#[test]
fn a_pickle_that_would_run_something_is_refused_and_nothing_is_run() {
    let script = "
import os
class Evil:
    def __reduce__(self): return os.system, ('touch run',)
class Sly:
    def __reduce__(self): return eval, ('open(\"run\", \"w\")',)
torch.save({'retina.weight': torch.ones(2), 'x': Evil()}, 'evil.pth')
legacy({'retina.weight': torch.ones(2), 'x': Evil()}, 'evil_old.pth')
torch.save({'retina.weight': torch.ones(2), 'x': Sly()}, 'sly.pth')
torch.save({'state_dict': weights, 'best': numpy.float64(3)}, 'numpy.pth')
torch.save(torch.nn.Linear(2, 2), 'whole.pth')
";
    let Some((room, _)) = room_with_torch(script) else { return };
    for (file, import) in [
        ("evil", "posix.system"),
        ("evil_old", "posix.system"),
        ("sly", "__builtin__.eval"),
        ("numpy", "numpy.core.multiarray.scalar"),
        ("whole", "torch.nn.modules.linear.Linear"),
    ] {
        let sentence =
            format!("weights {file}.pth: its pickle imports `{import}`, which tensors do not need");
        for line in [
            format!("import {file}.pth --out a.safetensors"),
            format!("unroll {file}.pth --data builtin --out a.zarr"),
        ] {
            let hint = room.mistake(&line, &sentence);
            assert!(hint.starts_with("PyTorch would run it on opening the file"), "{hint}");
        }
    }
    assert!(!room.exists("run"));
}
