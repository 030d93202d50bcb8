//! The stores as Python's own tools see them. `REDYN_PYTHON` names the interpreter (default
//! `python3`); a test whose modules are not installed says so and passes.

use std::process::Command;

use redyn_core::TrajectorySource;
use redyn_store::{Published, Spatial, Store, Work, export_npz, import, import_npz};

/// Run a script with some arguments; none if a module is missing.
fn python(modules: &[&str], script: &str, arguments: &[&std::path::Path]) -> Option<String> {
    let interpreter = std::env::var("REDYN_PYTHON").unwrap_or_else(|_| "python3".into());
    let imports = format!("import {}", modules.join(", "));
    let there = Command::new(&interpreter).args(["-c", &imports]).output();
    if !there.as_ref().is_ok_and(|output| output.status.success()) {
        let reason = there.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned(),
        );
        eprintln!("skipped: {interpreter}: {reason}");
        return None;
    }
    // Warnings are errors: a store that opens with complaints does not open as it is.
    let output = Command::new(&interpreter)
        .args(["-W", "error", "-c", &format!("import sys\n{imports}\n{script}")])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn zarr_python_opens_a_store_and_reads_the_same_values() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a.zarr");
    crate::common::write(&root, &crate::common::plan(7, 3), || ()).unwrap();
    let script = r"
for consolidated in [None, False, True]:
    g = zarr.open_group(sys.argv[1], mode='r', use_consolidated=consolidated)
    assert g.attrs['format'] == 'redyn.trajectories' and g.attrs['complete'], dict(g.attrs)
    assert g.attrs['classes'] == ['pug', 'mug', 'kite']
    assert g['labels'][:].tolist() == [i % 3 for i in range(7)]
    assert g['image_id'][:].tolist() == [f'photo/ü{i}.jpg' for i in range(7)]
    i, t, u = numpy.indices((7, 4, 5))
    numpy.testing.assert_array_equal(g['taps/gap'][:], (100 * i + 10 * t + u + .25).astype('f4'))
    i, t, u = numpy.indices((7, 2, 18))
    maps = g['taps/v2']
    numpy.testing.assert_array_equal(maps[:].reshape(7, 2, 18), -(100 * i + 10 * (t + 2) + u + .25).astype('f4'))
    assert maps.attrs['steps'] == [2, 3] and maps.chunks == (3, 2, 2, 3, 3)
    assert maps.metadata.dimension_names == ('image', 'v2_step', 'v2_channel', 'v2_height', 'v2_width')
    i, t, k = numpy.indices((7, 4, 3))
    numpy.testing.assert_array_equal(g['logits'][:], ((i + 2 * t + 5 * k) % 7 - 3).astype('f4'))
    assert g['logits'].metadata.dimension_names == ('image', 'step', 'class')
    assert g['readout/weight'][:].tolist() == numpy.arange(15.).reshape(3, 5).tolist()
    assert g['readout/bias'][:].tolist() == [.5, 1.5, 2.5]
    assert sorted(g) == ['image_id', 'labels', 'logits', 'readout', 'taps'], sorted(g)
    assert sorted(g['taps']) == ['gap', 'v2']
";
    python(&["numpy", "zarr"], script, &[&root]);
}

#[test]
fn zarr_python_notices_a_flipped_byte() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a.zarr");
    crate::common::write(&root, &crate::common::plan(7, 3), || ()).unwrap();
    let chunk = root.join("taps/gap/c.1.0.0");
    let mut bytes = std::fs::read(&chunk).unwrap();
    bytes[5] ^= 1;
    std::fs::write(chunk, bytes).unwrap();
    let script = r"
array = zarr.open_group(sys.argv[1], mode='r')['taps/gap']
array[:3]
try:
    array[3]
except ValueError as error:
    assert 'checksum' in str(error), error
else:
    raise SystemExit('read a damaged chunk')
";
    python(&["zarr"], script, &[&root]);
}

#[test]
fn xarray_opens_every_group() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a.zarr");
    crate::common::write(&root, &crate::common::plan(7, 3), || ()).unwrap();
    let script = r"
root = xarray.open_zarr(sys.argv[1])
assert dict(root.sizes) == {'image': 7, 'step': 4, 'class': 3}, root
assert float(root.logits.isel(image=6, step=3).max()) == 2.0
taps = xarray.open_zarr(sys.argv[1], group='taps')
assert taps.v2.mean(['v2_height', 'v2_width']).dims == ('image', 'v2_step', 'v2_channel')
assert float(taps.gap[6, 3, 4]) == 634.25
tree = xarray.open_datatree(sys.argv[1], engine='zarr')
assert set(tree.groups) == {'/', '/taps', '/readout'}, tree.groups
";
    python(&["xarray", "zarr"], script, &[&root]);
}

/// Writes `a.npz` in the published layout: `gap`, logits and labels as in `common`.
const PUBLISHED: &str = r"
t, i, u = numpy.indices((4, 7, 5))
representations = (100 * i + 10 * t + u + .25).astype(float)
t, i, k = numpy.indices((4, 7, 3))
z = ((i + 2 * t + 5 * k) % 7 - 3).astype(float)
p = numpy.exp(z) / numpy.exp(z).sum(-1, keepdims=True)
outputs = numpy.log(p.clip(1e-10, 1))
labels = numpy.arange(7.) % 3
weight = numpy.arange(15, dtype='f4').reshape(3, 5)
";

#[test]
fn numpy_reads_an_export_in_the_published_layout() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a.zarr");
    crate::common::write(&root, &crate::common::plan(7, 3), || ()).unwrap();
    let store = Store::open(&root).unwrap();
    let npz = folder.path().join("a.npz");
    let gap = store.trajectories("gap", Spatial::Flatten).unwrap();
    export_npz(&gap, &npz, &Work::within(1 << 20)).unwrap();
    let script = format!(
        r"{PUBLISHED}
npz = numpy.load(sys.argv[1])
assert sorted(npz) == ['labels_all', 'outputs_all', 'readout_bias', 'readout_weight', 'representations_all']
assert all(npz[key].dtype == 'f8' for key in ['labels_all', 'outputs_all', 'representations_all'])
numpy.testing.assert_array_equal(npz['representations_all'], representations)
numpy.testing.assert_allclose(npz['outputs_all'], outputs, rtol=0, atol=1e-14)
numpy.testing.assert_array_equal(npz['labels_all'], labels)
numpy.testing.assert_array_equal(npz['readout_weight'], weight)
assert npz['readout_weight'].dtype == npz['readout_bias'].dtype == 'f4'
assert npz['readout_bias'].tolist() == [.5, 1.5, 2.5]
"
    );
    python(&["numpy"], &script, &[&npz]);
}

#[test]
fn what_numpy_saved_is_imported_in_either_order_and_precision() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        r"{PUBLISHED}
empty = numpy.zeros(0)
f, F = numpy.float32, numpy.asfortranarray
def save(how, name, representations, outputs):
    how(f'{{sys.argv[1]}}/{{name}}.npz', representations_all=representations, outputs_all=outputs,
        labels_all=labels, readout_weight=weight, readout_bias=empty)
save(numpy.savez, 'plain', representations, outputs)
save(numpy.savez, 'single', representations.astype(f), outputs.astype(f))
save(numpy.savez, 'fortran', F(representations), F(outputs))
save(numpy.savez_compressed, 'packed', representations.astype('>f8'), F(outputs.astype(f)))
"
    );
    if python(&["numpy"], &script, &[folder.path()]).is_none() {
        return;
    }
    for name in ["plain", "single", "fortran", "packed"] {
        // A budget of two images at a time.
        let work = Work::within(2 * (4 * 4 * (5 + 3) + 16 * 4 * 5));
        let out = folder.path().join(format!("{name}.zarr"));
        let npz = folder.path().join(format!("{name}.npz"));
        let store = import_npz(&npz, &out, &Published::default(), &work).unwrap();
        let gap = store.trajectories("gap", Spatial::Flatten).unwrap();
        let block = gap.read_images(0..7).unwrap();
        for ((image, step, unit), &value) in block.representations.indexed_iter() {
            assert_eq!(value, crate::common::gap(image, step, unit), "{name}");
        }
        for ((image, step, class), &value) in block.logits.indexed_iter() {
            let z = |class| f64::from(crate::common::logit(image, step, class));
            let log = z(class) - (0..3).map(|class| z(class).exp()).sum::<f64>().ln();
            assert!((f64::from(value) - log).abs() < 1e-6, "{name}");
        }
        let readout = gap.description().readout.clone().unwrap();
        assert_eq!((readout.weight[[2, 4]], readout.bias), (14.0, None));
        assert_eq!(block.labels, [0, 1, 2, 0, 1, 2, 0]);
    }
    // One flipped byte in the middle of the numbers.
    let npz = folder.path().join("plain.npz");
    let mut bytes = std::fs::read(&npz).unwrap();
    bytes[700] ^= 1;
    std::fs::write(&npz, bytes).unwrap();
    let work = Work::within(1 << 20);
    let error = import_npz(&npz, &folder.path().join("x.zarr"), &Published::default(), &work).unwrap_err();
    assert!(error.to_string().ends_with("`representations_all`: Invalid checksum"), "{error}");
}

#[test]
fn the_documented_manifest_imports_what_python_wrote() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("manifest.json"), include_str!("../../src/import/manifest.json"))
        .unwrap();
    std::fs::write(folder.path().join("images.txt"), "a\nb\nc\nd\n").unwrap();
    std::fs::write(
        folder.path().join("hierarchy.tsv"),
        "class\tkind\npug\tanimal\nmug\tthing\nkite\tthing\n",
    )
    .unwrap();
    let script = r"
import h5py, safetensors.numpy, os
os.chdir(sys.argv[1])
numpy.save('it.npy', numpy.asfortranarray(numpy.arange(5 * 4 * 6.).reshape(5, 4, 6)))
with h5py.File('v4.h5', 'w') as h5:
    v4 = numpy.arange(4 * 3 * 2 * 3 * 2, dtype='f4').reshape(4, 3, 2, 3, 2)
    h5.create_dataset('rates/v4', data=v4, chunks=(3, 2, 1, 3, 2), compression='gzip', shuffle=True)
tensors = {'logits': numpy.arange(60, dtype='f2').reshape(4, 5, 3),
           'fc.weight': numpy.arange(18, dtype='f4').reshape(3, 6), 'fc.bias': numpy.ones(3, 'f8')}
safetensors.numpy.save_file(tensors, 'out.safetensors')
numpy.save('labels.npy', numpy.array([2, 1, 0, 2], 'u1'))
";
    if python(&["numpy", "h5py", "safetensors"], script, &[folder.path()]).is_none() {
        return;
    }
    // Three images at a time, so that HDF5 chunks and batches do not coincide.
    let per_image = 4 * (5 * 6 + 3 * 12 + 5 * 3) + 16 * 36;
    let out = folder.path().join("out.zarr");
    let store = import(&folder.path().join("manifest.json"), &out, &Work::within(3 * per_image)).unwrap();
    assert_eq!((store.image_ids().join(""), store.labels()), ("abcd".into(), &[2, 1, 0, 2][..]));
    assert_eq!(store.about().hierarchy.as_ref().unwrap().distance(1, 2), 0);
    let it = store.trajectories("it", Spatial::Flatten).unwrap();
    let block = it.read_images(0..4).unwrap();
    for ((image, step, unit), &value) in block.representations.indexed_iter() {
        assert_eq!(value, (step * 24 + image * 6 + unit) as f32);
    }
    assert_eq!(block.logits[[3, 4, 2]], 59.0);
    assert_eq!(it.description().readout.as_ref().unwrap().bias.as_ref().unwrap()[2], 1.0);
    let v4 = store.trajectories("v4", Spatial::Flatten).unwrap();
    let block = v4.read_images(0..4).unwrap();
    assert_eq!(
        (v4.steps(), &v4.description().time.as_ref().unwrap().times[..]),
        (vec![2, 3, 4], &[20.0, 30.0, 40.0][..])
    );
    for ((image, place, unit), &value) in block.representations.indexed_iter() {
        assert_eq!(value, (image * 36 + place * 12 + unit) as f32);
    }
}
