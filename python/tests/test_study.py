"""Several networks at once: results, claims and report, as the command line makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import command
from test_analyses import equal

import redyn
from redyn._results import lifted


@pytest.fixture(scope="module")
def network(toy: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, redyn.Trajectories]:
    """Two seeds of a network, one's untrained twin and a feedforward control, in memory."""
    draw = np.random.default_rng(5)

    def made(name: str, representations: Any, **how: Any) -> redyn.Trajectories:
        return redyn.Trajectories(representations, toy.labels, readout=toy.readout, name=name, network="toy", area="it", **how)

    noise = draw.normal(size=toy.representations.shape).astype(np.float32)
    return {
        "one": made("LA", toy.representations, seed=1, epoch=20),
        "two": made("LB", toy.representations + 0.3 * noise, seed=2, epoch=20),
        "twin": made("LA untrained", noise, seed=1, epoch=-1),
        "control": made("B", toy.representations[:, -1:], epoch=20),
    }


@pytest.fixture(scope="module")
def stores(network: dict[str, redyn.Trajectories], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("stores")
    for name, trajectories in network.items():
        trajectories.save(folder / f"{name}.zarr")
    return [folder / f"{name}.zarr" for name in network]


def test_companions_are_found_and_all_numbers_are_the_command_lines(
    network: dict[str, redyn.Trajectories], stores: list[Path], tmp_path: Path
) -> None:
    said = command("analyze", *stores, "--out", tmp_path / "there", "--replicates", 20)
    assert said.returncode == 0, said.stderr
    there = json.loads((tmp_path / "there" / "results.json").read_text())
    for given in (list(network.values()), [redyn.open(store) for store in stores]):
        results = redyn.analyze(given, replicates=20)
        assert list(results) == ["LA", "LB"]
        for expected in there["results"]["networks"]:
            found = results[expected["name"]]
            assert list(found) == [finding["analysis"] for finding in expected["findings"]]
            for finding in expected["findings"]:
                values = {name: value for name, value in finding.items() if name != "analysis"}
                assert equal(found[finding["analysis"]].values, lifted(values))
        assert results["LA"].feedforward_norm.about.untrained[0] == "LA untrained"
        assert equal(results.claims.values, lifted(there["judged"]))
        for table in results.between:
            lines = (tmp_path / "there" / "tables" / f"{table}.csv").read_text().splitlines()
            assert lines[0] == ",".join(column.name for column in results.between[table].columns)
            assert len(lines) == len(results.between[table]) + 1 > 1
    results.save(tmp_path / "here")
    here, other = (sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*")) for n in ("here", "there"))
    assert here == other
    for path in here:
        if path.suffix == ".csv":
            assert (tmp_path / "here" / path).read_bytes() == (tmp_path / "there" / path).read_bytes()


def test_claims_are_those_of_the_command_line(network: dict[str, redyn.Trajectories], stores: list[Path]) -> None:
    said = command("claims", *stores, "--json", "--replicates", 20)
    claims = redyn.claims(list(network.values()), replicates=20)
    assert equal(claims.values, lifted(json.loads(said.stdout)))
    table = claims["claims"]
    assert len(table) == sum(len(one.claims) for one in claims.networks) + 1
    assert {"holds", "reversed", "undecided"} >= set(table["verdict"])
    assert "holds" in repr(claims) and "<table>" in claims._repr_html_()


def test_the_second_papers_claims_are_those_of_the_command_line(
    network: dict[str, redyn.Trajectories], stores: list[Path]
) -> None:
    said = command("claims", *stores[:2], "--json", "--replicates", 20, "--paper", "luo2026", "--base", 1)
    claims = redyn.claims([network["one"], network["two"]], replicates=20, paper="luo2026", base=1)
    assert claims.values.paper == "luo2026"
    assert equal(claims.values, lifted(json.loads(said.stdout)))


def test_the_report_is_one_page_or_a_folder(network: dict[str, redyn.Trajectories], tmp_path: Path) -> None:
    results = redyn.analyze([network["one"], network["twin"]], replicates=10)
    page = redyn.report(results, tmp_path / "report.html", title="A & B")
    text = page.read_text()
    assert "A &amp; B" in text and "http://" not in text.replace("http://www.w3.org", "")
    folder = results.report(tmp_path / "folder")
    assert folder == tmp_path / "folder" / "report.html" and (tmp_path / "folder" / "figures").is_dir()
    of_one = redyn.report(network["one"], tmp_path / "one.html", replicates=0)
    assert of_one.exists()


def test_what_belongs_to_none_is_told(network: dict[str, redyn.Trajectories], toy: Any) -> None:
    stranger = redyn.Trajectories(toy.representations * 2, toy.labels, readout=toy.readout, name="stray", seed=9, epoch=-1)
    with pytest.warns(UserWarning, match="stray is untrained and belongs to none"):
        redyn.analyze([network["one"], stranger], only=["accuracy"], replicates=0)


def test_mistakes_are_said_in_one_sentence(network: dict[str, redyn.Trajectories], tmp_path: Path) -> None:
    with pytest.raises(redyn.InputError, match="no trajectories are given"):
        redyn.claims([])
    with pytest.raises(redyn.InputError, match="no analysis named `acuracy`") as caught:
        redyn.analyze(network["one"], only=["acuracy"])
    assert "did you mean `accuracy`?" in (caught.value.hint or "")
    with pytest.raises(redyn.InputError, match="no network `LC` was analysed"):
        redyn.analyze(network["one"], only=["accuracy"], replicates=0)["LC"]
    with pytest.raises(redyn.RedynError):
        redyn.report(network["one"], tmp_path / "no" / "folder" / "report.html", replicates=0)
