"""Results in a notebook: tables, labelled arrays, figures."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import numpy as np
import pytest

import redyn


def test_every_table_becomes_a_frame_and_labelled_arrays(trajectories: redyn.Trajectories) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("xarray")
    for name in ("accuracy", "stable_step", "change", "boundary", "zones", "readout_similarity"):
        found = getattr(trajectories, name)(replicates=20)
        for table in found.tables.values():
            frame = found.to_pandas(table.name)
            assert list(frame.columns) == [column.name for column in table.columns]
            assert len(frame) == len(table)
            assert frame.attrs["descriptions"].keys() == set(frame.columns)
            labelled = found.to_xarray(table.name)
            for row in table.rows if "row" not in labelled.dims else []:
                cells = dict(zip(frame.columns, row))
                at = {key: cells[key] for key in labelled.dims}
                for variable in labelled.data_vars:
                    value = labelled[variable].sel(at).item()
                    assert value == cells[variable] or cells[variable] is None


def test_a_series_is_labelled_by_step(trajectories: redyn.Trajectories) -> None:
    pytest.importorskip("xarray")
    accuracy = trajectories.accuracy(replicates=20)
    labelled = accuracy.to_xarray()
    assert labelled.sizes["step"] == trajectories.n_steps
    assert labelled["value"].values.tolist() == [one.value for one in accuracy.per_step]


@pytest.mark.parametrize("name", ["accuracy", "stable_step", "change", "boundary"])
def test_every_table_can_be_drawn(trajectories: redyn.Trajectories, name: str) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    found = getattr(trajectories, name)(replicates=20)
    for table in found.tables:
        axes = found.plot(table)
        assert axes.get_title() == found.analysis.title and axes.get_ylabel()
        assert axes.lines or axes.containers
        matplotlib.pyplot.close(axes.figure)


def test_a_notebook_shows_tables_and_escapes_names(toy: Any) -> None:
    made = redyn.Trajectories(toy.representations, toy.labels, readout=toy.readout, name="<b>LA</b>")
    shown = made.stable_step(replicates=20)._repr_html_()
    assert "&lt;b&gt;LA" in shown and "<b>LA" not in shown
    assert shown.count("<table>") >= 3 and "48 more rows" in shown


def test_values_are_attributes_and_tables_items(trajectories: redyn.Trajectories) -> None:
    found = trajectories.stable_step(replicates=20)
    assert list(found)[:3] == ["courses", "by_step", "images"]
    assert found["by_step"]["correct"].tolist() == found.correct_by_step.tolist()
    assert found.courses[0].share.n == trajectories.n_images
    assert "mean_step" in repr(found) and "mean_step" in dir(found)
    with pytest.raises(AttributeError, match="`stable_step` gives no `speed`"):
        found.speed
    with pytest.raises(redyn.InputError, match="has no table `course`"):
        found["course"]


def test_no_value_hides_behind_a_name_of_the_result(trajectories: redyn.Trajectories) -> None:
    for name in ("accuracy", "stable_step", "change", "boundary", "zones", "convergence", "projection"):
        found = getattr(trajectories, name)(replicates=10)
        for value in found.values:
            assert getattr(found, value) is found.values[value]


def test_an_absent_package_is_named(trajectories: redyn.Trajectories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(redyn.MissingPackage, match="to_pandas needs pandas") as caught:
        trajectories.accuracy(replicates=0).to_pandas()
    assert caught.value.hint == "pip install pandas"
    assert isinstance(caught.value, ImportError)


def test_errors_and_results_survive_a_pickle(trajectories: redyn.Trajectories) -> None:
    error = pickle.loads(pickle.dumps(redyn.InputError("no", "yes")))
    assert (str(error), error.hint) == ("no", "yes")
    found = pickle.loads(pickle.dumps(trajectories.accuracy(replicates=10)))
    again = trajectories.accuracy(replicates=10)
    np.testing.assert_array_equal(found["accuracy"]["value"], again["accuracy"]["value"])
