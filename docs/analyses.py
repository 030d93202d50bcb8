"""Makes the book's pages of the analyses out of the analyses themselves.

    python docs/analyses.py BOOK DEMO

BOOK is a copy of `docs/src`: pages are written to `BOOK/analyses`, and named in its `SUMMARY.md` and `analyses.md`.
DEMO is the folder of a `redyn demo`, whose stores give the tables and whose report gives the figures.
"""

from __future__ import annotations

import html
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import redyn

#: Figures of the report that go by another name than their analysis.
FIGURES: dict[str, list[str]] = {
    "stable_step": ["stable_step", "stable_classes"],
    "readout_similarity": ["dendrogram"],
    "zones": ["flow", "transitions", "hierarchy"],
    "local_geometry": ["local_geometry", "category_change"],
    "global_geometry": ["global_geometry", "prototype_shift"],
    "nearest_centroid": ["category_neighbours"],
    "knn_preservation": ["category_neighbours"],
}

#: What some analyses cannot do without, in Python and on the command line.
NEEDS = {
    "feedforward_norm": "Feedforward controls: `controls=[...]`; or stores of one step, of the same images, beside the others.",
    "lesion": 'Runs with edges cut: `lesions={"v4.lateral": traj}`; or stores of `redyn unroll --cut` beside the intact one.',
    "image_properties": "Properties of the images: `properties=` a table or a file; or `--properties` with a file of "
    "`redyn data properties`.",
    "stability": "Jacobians of the network: `jacobians=FILE`; or `--jacobians FILE`, as `redyn stability RUN --out FILE` writes it.",
}

_SOURCE = "https://github.com/redyn/redyn/blob/main/crates/analysis/src"


def pages(traj: redyn.Trajectories, untrained: redyn.Trajectories, figures: Path | None) -> dict[str, str]:
    """The page of every analysis, its tables as these trajectories fill them, with the report's figures."""
    beside = _companions(traj, untrained)
    return {
        name: _page(entry, _tables(traj, name, beside.get(name, {})), _shown(name, figures))
        for name, entry in redyn.ANALYSES.items()
    }


def _companions(traj: redyn.Trajectories, untrained: redyn.Trajectories) -> dict[str, dict[str, Any]]:
    """What single analyses compare to; only the tables' columns are looked at."""
    weight, bias = traj.readout or (None, None)
    control = redyn.Trajectories(traj.representations[:, :1], traj.labels, readout=weight, bias=bias, name="control")
    return {
        "change": {"untrained": untrained},
        "feedforward_norm": {"controls": [control]},
        "lesion": {"lesions": {"it.lateral": untrained}},
        "image_properties": {"properties": {"size": np.linspace(0, 1, len(traj))}},
    }


def _tables(traj: redyn.Trajectories, name: str, beside: Mapping[str, Any]) -> list[redyn.Table]:
    if name == "stability":
        # Its Jacobians are of weights, which trajectories do not hold.
        return []
    return list(getattr(traj, name)(replicates=0, **beside).tables.values())


def _shown(name: str, figures: Path | None) -> list[tuple[str, str, str]]:
    """File, title and caption of an analysis's figures."""
    if figures is None:
        return []
    found = []
    for figure in FIGURES.get(name, [name]):
        path = figures / f"{figure}.svg"
        if not path.exists():
            if name in FIGURES:
                raise FileNotFoundError(f"the report has no figure `{figure}`, which is to show `{name}`")
            continue
        text = path.read_text(encoding="utf-8")
        title, caption = (re.search(f"<{tag} [^>]*>(.*?)</{tag}>", text, re.S) for tag in ("title", "desc"))
        assert title is not None and caption is not None, f"{path} says nothing of itself"
        found.append((path.name, title[1], caption[1]))
    return found


def _page(entry: redyn.Analysis, tables: Sequence[redyn.Table], figures: Sequence[tuple[str, str, str]]) -> str:
    parts = [
        f"# {entry.title}",
        f"`{entry.name}`: {_cell(entry.summary)}.",
        _cell(entry.description),
        f"**Reference.** {_cell(entry.reference)}. **Formulas** and their tests: [`{entry.name}.rs`]({_SOURCE}/{entry.name}.rs).",
    ]
    for file, title, caption in figures:
        parts.append(f"![{title}](figures/{file})")
        parts.append(f'<p class="caption">From the demo. {caption}</p>')
    parts.append("## Ask for it")
    parts.append(
        "| in Python | on the command line |\n|---|---|\n"
        f"| `traj.{entry.name}()`, `redyn.{entry.name}(traj)` | `redyn analyze STORE --only {entry.name}` |"
    )
    if entry.name in NEEDS:
        parts.append(f"**It needs:** {NEEDS[entry.name]}")
    if tables:
        parts.append("## What it gives")
    for table in tables:
        rows = "".join(f"| `{c.name}` | {_cell(c.unit)} | {_cell(c.description)} |\n" for c in table.columns)
        parts.append(f"### `{table.name}`\n\n| column | unit | meaning |\n|---|---|---|\n{rows.rstrip()}")
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")


def write(book: Path, made: Mapping[str, str], figures: Path | None) -> None:
    """Write pages into a copy of the book's sources, and name them there."""
    folder = book / "analyses"
    folder.mkdir(exist_ok=True)
    for name, text in made.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
        for figure in re.findall(r"\(figures/([^)]*)\)", text) if figures is not None else []:
            (folder / "figures").mkdir(exist_ok=True)
            shutil.copy(figures / figure, folder / "figures")
    entry = "- [The analyses](analyses.md)\n"
    summary = (book / "SUMMARY.md").read_text(encoding="utf-8")
    assert entry in summary, f"SUMMARY.md has no line {entry!r}"
    below = "".join(f"  - [{name}](analyses/{name}.md)\n" for name in made)
    (book / "SUMMARY.md").write_text(summary.replace(entry, entry + below), encoding="utf-8")
    rows = "".join(f"| [{name}](analyses/{name}.md) | {_cell(redyn.ANALYSES[name].summary)} |\n" for name in made)
    with open(book / "analyses.md", "a", encoding="utf-8") as page:
        page.write(f"| analysis | what it gives |\n|---|---|\n{rows}")


def main(book: Path, demo: Path) -> None:
    """Pages for `book`, with tables and figures of `demo`."""
    traj, untrained = (redyn.open(demo / "stores" / f"{name}.zarr") for name in ("LA", "LA-untrained"))
    figures = demo / "results" / "report" / "figures"
    write(book, pages(traj, untrained, figures), figures)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
