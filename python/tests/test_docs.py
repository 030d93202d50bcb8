"""Every block of code on the pages of the book is run, page by page, from top to bottom.

Blocks of `sh` and `python` run in a folder of their page, which later blocks find as earlier ones left it; a block
of `text` right below one is what it prints (`…` stands for anything). Lines that begin with `~` are hidden from
readers. A block that cannot run here is marked `ignore`, with the reason in a comment above; where a package is
missing, the rest of its page is skipped.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import redyn

os.environ.setdefault("MPLBACKEND", "agg")

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path.relative_to(DOCS / "src").as_posix() for path in (DOCS / "src").rglob("*.md"))


class Block(NamedTuple):
    """A block of code, and where it stands."""

    page: str
    line: int
    language: str
    ignored: bool
    reason: str | None
    code: str
    prints: str | None


def blocks(page: str, text: str) -> list[Block]:
    """The blocks of a page that are run, or say why not."""
    found: list[Block] = []
    lines, comment, last_is_code, at = text.splitlines(), None, False, 0
    while at < len(lines):
        fence = re.fullmatch(r"```(\w*)(?:,(\w+))?", lines[at])
        if fence is None:
            if lines[at].strip():
                said = re.fullmatch(r"<!-- not run: (.+) -->", lines[at])
                comment = said[1] if said else None
                last_is_code = False
            at += 1
            continue
        end = lines.index("```", at + 1)
        code = "\n".join(re.sub(r"^(\s*)~", r"\1", line) for line in lines[at + 1 : end])
        language, attribute = fence.groups()
        if language == "text":
            assert found and last_is_code, f"{page}:{at + 1}: a block of text follows no code"
            found[-1] = found[-1]._replace(prints=code)
        else:
            assert language in ("sh", "python"), f"{page}:{at + 1}: what is `{language}`?"
            assert attribute in (None, "ignore"), f"{page}:{at + 1}: what is `{attribute}`?"
            found.append(Block(page, at + 2, language, attribute == "ignore", comment, code, None))
        comment, last_is_code, at = None, language != "text", end + 1
    return found


ALL = [block for page in PAGES for block in blocks(page, (DOCS / "src" / page).read_text(encoding="utf-8"))]


class Page:
    """A folder, and what Python's blocks have made so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "page"}
        #: Why the rest of the page does not run.
        self.ended: str | None = None


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `redyn`, whichever Python this is."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "redyn"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m redyn "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    return {page: Page(tmp_path_factory.mktemp(Path(page).stem)) for page in PAGES}


@pytest.mark.parametrize("block", ALL, ids=[f"{block.page}:{block.line}" for block in ALL])
def test_a_block_runs(
    block: Block, opened: dict[str, Page], program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, place = opened[block.page], f"{block.page}:{block.line}"
    if block.ignored:
        assert block.reason, f"{place} does not say why it is not run"
        pytest.skip(f"{place}: {block.reason}")
    if page.ended is not None:
        pytest.skip(f"{place}: {page.ended}")
    page.ended = f"an earlier block of the page, {place}, did not run"
    monkeypatch.chdir(page.folder)
    monkeypatch.setenv("PATH", f"{program}{os.pathsep}{os.environ['PATH']}")
    try:
        printed = _sh(block) if block.language == "sh" else _python(block, page)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "redyn" or not (missing or isinstance(error, redyn.MissingPackage)):
            raise
        page.ended = str(error)
        pytest.skip(f"{place}: {page.ended}")
    if block.prints is not None:
        expected = ".*".join(map(re.escape, block.prints.strip().split("…")))
        assert re.fullmatch(expected, printed.strip()), f"{place} prints\n{printed}"
    page.ended = None


def _sh(block: Block) -> str:
    line = ["bash", "-euo", "pipefail", "-c", block.code]
    said = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, f"{block.page}:{block.line}: {said.stdout}{said.stderr}"
    return said.stdout


def _python(block: Block, page: Page) -> str:
    # Empty lines above, so that errors name the line of the page.
    code = compile("\n" * (block.line - 1) + block.code, block.page, "exec")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, page.names)  # noqa: S102
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    return printed.getvalue()


def test_blocks_are_found_with_their_reasons_and_what_they_print() -> None:
    text = "# A\n\n```python\n~hidden = 1\nprint(hidden)\n```\n\n```text\n1\n```\n\n<!-- not run: no cluster -->\n```sh,ignore\nsbatch\n```\n"
    first, second = blocks("a.md", text)
    assert (first.line, first.code, first.prints) == (4, "hidden = 1\nprint(hidden)", "1")
    assert second.ignored and second.reason == "no cluster"
    with pytest.raises(AssertionError, match="follows no code"):
        blocks("a.md", "words\n\n```text\n1\n```")


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("analyses", DOCS / "analyses.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_analysis_has_a_page_of_its_words_and_columns(trajectories: redyn.Trajectories, tmp_path: Path) -> None:
    made = generator().pages(trajectories, trajectories, None)
    assert list(made) == list(redyn.ANALYSES)
    for name, text in made.items():
        entry = redyn.ANALYSES[name]
        assert text.startswith(f"# {entry.title}\n") and f"redyn.{name}(traj)" in text
        # What Markdown would read as marks is escaped.
        plain = re.sub(r"\\([_*|])", r"\1", text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        assert entry.description in plain and entry.reference in plain
        assert ("## What it gives" in text) == (name != "stability")
    for column in trajectories.accuracy(replicates=0)["accuracy"].columns:
        assert f"| `{column.name}` |" in made["accuracy"]
    book = tmp_path / "src"
    shutil.copytree(DOCS / "src", book)
    generator().write(book, made, None)
    follow_links(book)


def follow_links(book: Path) -> None:
    """Every page is in the contents, and every link within the book leads somewhere."""
    named = re.findall(r"\]\(([^)]+\.md)\)", (book / "SUMMARY.md").read_text(encoding="utf-8"))
    there = {path.relative_to(book).as_posix() for path in book.rglob("*.md")} - {"SUMMARY.md"}
    assert sorted(named) == sorted(there)
    for page in there:
        for link in re.findall(r"\]\(([^)]+)\)", (book / page).read_text(encoding="utf-8")):
            if not link.startswith("https://"):
                target = (book / page).parent / link.partition("#")[0]
                assert target.exists() or link == "demo.svg", f"{page} links to {link}"
