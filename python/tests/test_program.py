"""The command line, installed by pip."""

import re
import shutil
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest
from conftest import command

import redyn


def test_the_version_is_that_of_the_program() -> None:
    assert command("--version").stdout == f"redyn {redyn.__version__}\n"


def test_the_package_is_installed_under_its_version() -> None:
    try:
        installed = metadata.version("redyn")
    except metadata.PackageNotFoundError:
        pytest.skip("redyn is not installed, but found on the path")
    assert installed == redyn.__version__


def test_the_script_on_the_path_is_the_same_program() -> None:
    script = shutil.which("redyn", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("redyn is not installed, but found on the path")
    there = subprocess.run([script, "analyses", "list"], capture_output=True, text=True, check=True)
    assert there.stdout == command("analyses", "list").stdout
    for name in redyn.ANALYSES:
        assert name in there.stdout


def test_a_mistake_ends_with_status_2_a_sentence_and_a_hint() -> None:
    said = command("trian")
    assert said.returncode == 2
    assert re.fullmatch(r"error: unrecognized subcommand 'trian'\nhint: did you mean `train`\?.*\n", said.stderr)


def test_the_command_is_recorded_as_it_was_typed(store: Path, tmp_path: Path) -> None:
    said = command("analyze", store, "--only", "accuracy", "--out", tmp_path, "--replicates", 10)
    assert said.returncode == 0, said.stderr
    assert '"command":["redyn","analyze"' in (tmp_path / "results.json").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on Unix")
def test_the_program_hears_ctrl_c(tmp_path: Path) -> None:
    words = "train blt64:width=0.1,image_size=16 --data builtin:train=4000,val=8,test=8 --epochs 50 --out run"
    line = [sys.executable, "-m", "redyn", *words.split()]
    program = subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run").exists() and program.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    program.send_signal(signal.SIGINT)
    # Only the second one ends it at once; the first is answered.
    said = program.communicate(timeout=60)[1]
    assert "stopping at the next safe point" in said
    # Work that can be continued ends with the status that schedulers take for that.
    assert program.returncode == 75
