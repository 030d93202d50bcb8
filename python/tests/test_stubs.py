"""The types that editors see are those of the registry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import redyn
from redyn._stubs import stub


def test_the_stub_is_that_of_the_registry() -> None:
    there = Path(redyn.__file__).with_name("_analyses.pyi")
    assert there.read_text() == stub(), "run `python -m redyn._stubs python/redyn/_analyses.pyi`"
    assert there.with_name("py.typed").exists()


def test_stubs_and_package_agree() -> None:
    pytest.importorskip("mypy.stubtest")
    settings = Path(__file__).parents[2] / "pyproject.toml"
    line = [sys.executable, "-m", "mypy.stubtest", "redyn", "--ignore-missing-stub", "--mypy-config-file", str(settings)]
    said = subprocess.run(line, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
