//! The stores as Python's own tools see them. `REDYN_PYTHON` names the interpreter (default
//! `python3`); a test whose modules are not installed says so and passes.

use std::process::Command;

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
