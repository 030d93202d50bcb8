"""Arrays of any library and layout, and everything that can be wrong with them."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import redyn


def same(toy: SimpleNamespace, representations: Any, **choices: Any) -> redyn.Trajectories:
    """Trajectories that read as those of the plain array, to the bit."""
    choices.setdefault("readout", toy.readout)
    made = redyn.Trajectories(representations, choices.pop("labels", toy.labels), **choices)
    np.testing.assert_array_equal(made.representations, toy.representations)
    plain = redyn.Trajectories(toy.representations, toy.labels, readout=toy.readout)
    np.testing.assert_array_equal(made.logits, plain.logits)
    return made


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        read_only,
        lambda array: array.astype(np.float64),
        lambda array: array.astype(">f4"),
        lambda array: array.tolist(),
        lambda array: np.repeat(array, 2, axis=0)[::2],
        lambda array: np.concatenate([array, array], axis=2)[..., : array.shape[2]],
        lambda array: array[::-1].copy()[::-1],
    ],
    ids=["fortran", "read-only", "float64", "big-endian", "lists", "strided", "part of a wider", "backwards"],
)
def test_every_layout_reads_as_the_plain_array(toy: SimpleNamespace, layout: Any) -> None:
    same(toy, layout(toy.representations))


def test_axes_come_in_any_order(toy: SimpleNamespace) -> None:
    published = np.ascontiguousarray(toy.representations.transpose(1, 0, 2))
    same(toy, published, axes="step image unit")


def test_half_precision_is_widened(toy: SimpleNamespace) -> None:
    half = toy.representations.astype(np.float16)
    made = redyn.Trajectories(half, toy.labels, readout=toy.readout)
    np.testing.assert_array_equal(made.representations, half.astype(np.float32))


def test_a_memory_map_is_read_from_its_file(toy: SimpleNamespace, tmp_path: Any) -> None:
    np.save(tmp_path / "a.npy", toy.representations)
    same(toy, np.load(tmp_path / "a.npy", mmap_mode="r"))


def test_arrays_on_disk_are_sliced(toy: SimpleNamespace, tmp_path: Any) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["it"] = toy.representations
        same(toy, file["it"])


def test_xarray_names_its_own_axes(toy: SimpleNamespace) -> None:
    xarray = pytest.importorskip("xarray")
    assembly = xarray.DataArray(
        toy.representations.transpose(2, 0, 1), dims=("neuroid", "presentation", "time_bin")
    )
    same(toy, assembly)


def test_anything_that_speaks_dlpack_is_read_without_a_copy(toy: SimpleNamespace) -> None:
    from redyn._arrays import Array

    class Exporter:
        def __dlpack__(self, **how: Any) -> Any:
            return toy.representations.__dlpack__(**how)

        def __dlpack_device__(self) -> Any:
            return toy.representations.__dlpack_device__()

    assert np.shares_memory(Array("it", Exporter()).source, toy.representations)
    same(toy, Exporter())


def test_labels_may_be_names(toy: SimpleNamespace) -> None:
    names = np.array(["pug", "mug", "kite", "bus"])
    made = same(toy, toy.representations, labels=names[toy.labels], classes=names)
    np.testing.assert_array_equal(made.labels, toy.labels)
    assert made.classes == names.tolist()


def test_a_recording_is_decoded_where_nothing_tells_what_was_said(toy: SimpleNamespace) -> None:
    recording = redyn.Trajectories(toy.representations, toy.labels, decode=True, name="IT")
    assert recording.readout is None and len(recording.classes) == 4
    np.testing.assert_array_equal(recording.representations, toy.representations)
    accuracy = recording.accuracy(replicates=20)
    assert accuracy.last.estimate.value > 0.8 > accuracy.per_step[0].value


def test_several_areas_are_kept_apart(toy: SimpleNamespace) -> None:
    early = toy.representations[:, :3] * 2
    made = redyn.Trajectories(
        {"v1": early, "it": toy.representations}, toy.labels, readout=toy.readout, steps={"v1": [0, 1, 2]}
    )
    assert (made.area, made.areas) == ("it", ["v1", "it"])
    other = made.select("v1")
    np.testing.assert_array_equal(other.representations, early)
    np.testing.assert_array_equal(other.logits, made.logits[:, :3])
    assert other.readout is None


def test_maps_are_averaged_or_flattened(toy: SimpleNamespace) -> None:
    maps = np.arange(60 * 2 * 3 * 2 * 2, dtype=np.float32).reshape(60, 2, 3, 2, 2)
    logits = np.zeros((60, 2, 4), dtype=np.float32)
    made = redyn.Trajectories(maps, toy.labels, logits=logits)
    np.testing.assert_array_equal(made.representations, maps.mean(axis=(3, 4)))
    np.testing.assert_array_equal(made.select(spatial="flatten").representations, maps.reshape(60, 2, 12))


def test_a_published_file_and_a_store_are_opened(toy: SimpleNamespace, store: Any, tmp_path: Any) -> None:
    np.testing.assert_array_equal(redyn.open(store).representations, toy.representations)
    logits = redyn.open(store).logits
    published = {
        "representations_all": toy.representations.transpose(1, 0, 2).astype(np.float64),
        "outputs_all": logits.transpose(1, 0, 2).astype(np.float64),
        "labels_all": toy.labels,
        "readout_weight": toy.readout,
        "readout_bias": toy.bias,
    }
    np.savez(tmp_path / "LA.npz", **published)
    opened = redyn.open(tmp_path / "LA.npz")
    np.testing.assert_array_equal(opened.representations, toy.representations)
    np.testing.assert_array_equal(opened.labels, toy.labels)


def test_a_store_is_saved_once_and_reads_the_same(trajectories: redyn.Trajectories, tmp_path: Any) -> None:
    saved = trajectories.save(tmp_path / "a.zarr", memory="64K")
    np.testing.assert_array_equal(saved.representations, trajectories.representations)
    np.testing.assert_array_equal(saved.logits, trajectories.logits)
    assert saved.image_ids == trajectories.image_ids


def with_value(array: np.ndarray, value: float) -> np.ndarray:
    array = array.astype(np.float64)
    array[3, 2, 1] = value
    return array


ragged = [np.zeros((5, 8)), np.zeros((4, 8))]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (dict(labels=np.zeros(12, int)), "`representations` has 60 images in shape (60, 5, 8), `labels` has 12 in shape (12,)"),
        (dict(labels=np.full(60, 0.5)), "`labels` must be whole numbers: image 0 has 0.5"),
        (dict(labels=np.array([None] * 60)), "`labels` holds objects, numbers are needed: shape (60,)"),
        (dict(labels=np.full(60, 7)), "image 0 has label 7, but there are 4 classes"),
        (dict(labels=np.full(60, -1)), "image 0 has label -1, but there are 4 classes"),
        (dict(labels=np.array([], int)), "`labels` holds no image: shape (0,)"),
        (dict(labels=["pug"] * 60), "labels are names, and nothing tells the order of the classes"),
        (dict(readout=np.zeros((4, 7))), "`readout` has shape (4, 7): it reads 7 units, `representations` has 8, its shape is (60, 5, 8)"),
        (dict(readout=np.zeros((8, 4))), "`readout` has shape (8, 4): it reads 4 units, `representations` has 8, its shape is (60, 5, 8) (is it transposed?)"),
        (dict(readout=np.zeros(8)), "`readout` has shape (8,), expected axes class, unit"),
        (dict(readout=np.full((4, 8), np.nan)), "`readout` holds values that are not finite"),
        (dict(bias=np.zeros(3)), "`bias` has shape (3,), `readout` has shape (4, 8): class, unit"),
        (dict(readout=None), "neither a readout nor logits are given: nothing tells what was answered at each step"),
        (dict(logits=np.zeros((60, 5, 3))), "`logits` has 3 classes in shape (60, 5, 3), `readout` has 4 in shape (4, 8)"),
        (dict(logits=np.zeros((60, 4, 4))), "`logits` has 4 steps in shape (60, 4, 4), the representations have 5"),
        (dict(logits=np.zeros((59, 5, 4))), "`logits` has 59 images in shape (59, 5, 4), `labels` has 60 in shape (60,)"),
        (dict(steps=[0, 1]), "2 steps are named, `representations` has 5 in shape (60, 5, 8)"),
        (dict(classes=["a"]), "1 names of classes for 4 classes"),
        (dict(image_ids=["a"]), "1 names of images for 60 labels"),
        (dict(representations=with_value(np.zeros((60, 5, 8)), np.nan)), "`area` holds NaN for image 3 at step 2"),
        (dict(representations=with_value(np.zeros((60, 5, 8)), 1e300)), "`area` holds inf for image 3 at step 2"),
        (dict(representations=np.zeros((60, 5, 8), complex)), "`representations` holds complex128, numbers are needed: shape (60, 5, 8)"),
        (dict(representations=np.array([object()] * 60)), "`representations` holds objects, numbers are needed: shape (60,)"),
        (dict(representations=ragged), "`representations` is no array"),
        (dict(representations=np.zeros((60, 5, 2, 4))), "`representations` has shape (60, 5, 2, 4), which does not tell what its axes are"),
        (dict(axes="step unit"), "`representations` has shape (60, 5, 8), but 2 axes are named"),
        (dict(axes="step unit neuron"), "one must be `image`"),
        (dict(hierarchy={"wide": ["a", "b"]}), "hierarchy level `wide` has 2 groups, there are 4 classes"),
    ],
)
def test_bad_input_meets_one_sentence(toy: SimpleNamespace, change: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {
        "representations": toy.representations, "labels": toy.labels, "readout": toy.readout, **change
    }
    with pytest.raises(redyn.InputError, match=re.escape(sentence)) as caught:
        redyn.Trajectories(given.pop("representations"), given.pop("labels"), **given)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_a_hint_tells_where_the_images_are(toy: SimpleNamespace) -> None:
    published = toy.representations.transpose(1, 0, 2)
    with pytest.raises(redyn.InputError) as caught:
        redyn.Trajectories(published, toy.labels, readout=toy.readout)
    assert caught.value.hint == 'axis 1 has as many: name the axes in their order, axes="? image ?"'


def test_what_is_no_store_is_refused_with_a_hint(tmp_path: Any) -> None:
    with pytest.raises(redyn.RedynError) as caught:
        redyn.open(tmp_path)
    assert "is not a trajectory store" in str(caught.value)
    assert caught.value.hint
    with pytest.raises(redyn.RedynError, match="cannot read"):
        redyn.open(tmp_path / "gone.zarr")


def test_an_unknown_area_is_answered_with_the_known(store: Any) -> None:
    with pytest.raises(redyn.InputError, match="no area `itt`") as caught:
        redyn.open(store, "itt")
    assert caught.value.hint == "did you mean `it`? areas: it"


def test_an_array_that_fails_while_it_is_read_says_so(toy: SimpleNamespace) -> None:
    class Broken:
        shape, dtype = (60, 5, 8), np.dtype("f4")

        def __getitem__(self, key: Any) -> Any:
            raise OSError("the disk is gone")

    with pytest.raises(redyn.InputError, match="cannot be read: OSError: the disk is gone"):
        redyn.Trajectories(Broken(), toy.labels, readout=toy.readout)
