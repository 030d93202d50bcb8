"""What an analysis found: numbers with intervals, and tidy tables of them."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from redyn._errors import InputError, need

if TYPE_CHECKING:
    from redyn._analyses import Analysis

#: Rows of a table that a notebook shows.
_SHOWN = 12


class Estimate(NamedTuple):
    """A value, its interval, and of how many images it speaks."""

    value: float
    low: float | None
    high: float | None
    n: int

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        inside = "" if self.low is None else f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{self.value:.4g}{inside} (n = {self.n})"


class Column(NamedTuple):
    """What stands in one column of a table."""

    name: str
    unit: str
    description: str


class Record(dict[str, Any]):
    """Named values, `record.name` or `record["name"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]


def lifted(found: Any) -> Any:
    """Estimates, arrays and named values of what crossed as JSON."""
    if isinstance(found, dict):
        if found.keys() == {"value", "low", "high", "n"}:
            return Estimate(**found)
        if found.keys() == {"v", "dim", "data"}:
            return np.array(found["data"]).reshape(found["dim"])
        return Record({name: lifted(value) for name, value in found.items()})
    if isinstance(found, list):
        if found and all(type(value) in (int, float) for value in found):
            return np.array(found)
        return [lifted(value) for value in found]
    return found


class Table:
    """A tidy table: one row per observation, every column with its unit and meaning."""

    def __init__(self, name: str, columns: list[dict[str, str]], rows: list[list[Any]]) -> None:
        self.name = name
        self.columns = [Column(**column) for column in columns]
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> np.ndarray:
        """A column: integers, numbers with NaN where there is none, or texts."""
        return _array([row[self._place(column)] for row in self.rows])

    def _place(self, column: str) -> int:
        names = [one.name for one in self.columns]
        if column not in names:
            raise InputError(f"table `{self.name}` has no column `{column}`", f"columns: {', '.join(names)}")
        return names.index(column)

    def keys(self) -> list[str]:
        """The columns that tell the rows apart: as few as do, from the first on."""
        for n in range(1, len(self.columns) + 1):
            if len({tuple(row[:n]) for row in self.rows}) == len(self.rows):
                return [column.name for column in self.columns[:n]]
        return [column.name for column in self.columns]

    def to_pandas(self) -> Any:
        """As a DataFrame; `attrs` holds units and meanings of the columns."""
        pandas = need("pandas", "to_pandas")
        frame = pandas.DataFrame({column.name: self[column.name] for column in self.columns})
        frame.attrs["units"] = {column.name: column.unit for column in self.columns}
        frame.attrs["descriptions"] = {column.name: column.description for column in self.columns}
        return frame

    def to_xarray(self) -> Any:
        """As a Dataset with the columns that tell rows apart as dimensions, or `row` where that would
        be mostly empty."""
        xarray = need("xarray", "to_xarray")
        keys = self.keys()
        labels = {key: list(dict.fromkeys(row[self._place(key)] for row in self.rows)) for key in keys}
        size = int(np.prod([len(values) for values in labels.values()]))
        if size > 4 * len(self.rows):
            keys, labels = ["row"], {"row": list(range(len(self.rows)))}
            place: list[tuple[int, ...]] = [(index,) for index in range(len(self.rows))]
        else:
            position = {key: {value: i for i, value in enumerate(labels[key])} for key in keys}
            place = [tuple(position[key][row[self._place(key)]] for key in keys) for row in self.rows]
        shape = tuple(len(labels[key]) for key in keys)
        variables = {}
        for column in self.columns:
            if column.name in keys:
                continue
            values = self[column.name]
            if size != len(self.rows) and values.dtype.kind in "iu" and keys != ["row"]:
                values = values.astype(np.float64)
            empty = np.nan if values.dtype.kind == "f" else None if values.dtype.kind == "O" else 0
            filled = np.full(shape, empty, dtype=values.dtype)
            for at, value in zip(place, values):
                filled[at] = value
            variables[column.name] = (keys, filled, {"units": column.unit, "long_name": column.description})
        return xarray.Dataset(variables, coords={key: _array(labels[key]) for key in keys}, attrs={"name": self.name})

    def plot(self, ax: Any = None) -> Any:
        """Estimates with their intervals: over steps as lines, else as points. Gives matplotlib's axes."""
        pyplot = need("matplotlib.pyplot", "plot")
        names = [column.name for column in self.columns]
        y = "value" if "value" in names else self._last_number()
        axes = pyplot.subplots()[1] if ax is None else ax
        keys = [key for key in self.keys() if key != y]
        x = next((key for key in keys if "step" in key and self[key].dtype.kind in "iu"), None)
        others = [key for key in keys if key != x]
        groups: dict[tuple[Any, ...], list[list[Any]]] = {}
        for row in self.rows:
            groups.setdefault(tuple(row[self._place(key)] for key in others), []).append(row)
        for place, (group, rows) in enumerate(groups.items()):
            part = Table(self.name, [column._asdict() for column in self.columns], rows)
            label = ", ".join(str(value) for value in group) or None
            value = part[y].astype(np.float64)
            low, high = (
                (part["low"].astype(np.float64), part["high"].astype(np.float64)) if "low" in names else (value, value)
            )
            if x is not None:
                line = axes.plot(part[x], value, marker="o", markersize=3, label=label)[0]
                axes.fill_between(part[x], low, high, color=line.get_color(), alpha=0.2, linewidth=0)
            else:
                error = np.nan_to_num(np.abs([value - low, high - value]))
                axes.errorbar(np.full(len(rows), place), value, yerr=error, fmt="o", label=label)
        if x is None:
            axes.set_xticks(range(len(groups)), [", ".join(map(str, group)) for group in groups], rotation=45)
        else:
            axes.set_xlabel(self._label(x))
            if len(groups) > 1:
                axes.legend(fontsize="small")
        axes.set_ylabel(self._label(y))
        return axes

    def _last_number(self) -> str:
        numbers = [column.name for column in self.columns if self[column.name].dtype.kind in "iuf"]
        if not numbers:
            raise InputError(f"table `{self.name}` has no numbers to draw")
        return numbers[-1]

    def _label(self, name: str) -> str:
        column = self.columns[self._place(name)]
        words = name.replace("_", " ") if name != "value" else self.name.replace("_", " ")
        return f"{words} ({column.unit})" if column.unit else words

    def __repr__(self) -> str:
        return f"<redyn.Table {self.name!r}: {len(self)} rows, {', '.join(c.name for c in self.columns)}>"

    def _repr_html_(self) -> str:
        head = "".join(f'<th title="{_text(c.description)}">{_text(c.name)}</th>' for c in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in self.rows[:_SHOWN]
        )
        more = len(self) - _SHOWN
        rest = f"<p>{more} more rows</p>" if more > 0 else ""
        caption = f"<caption>{_text(self.name)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


class Tables:
    """What has tables, as items; the first is the main one."""

    def __init__(self, what: str, tables: list[dict[str, Any]]) -> None:
        self._what = what
        self.tables = {one["name"]: Table(**one) for one in tables}

    def __getitem__(self, table: str) -> Table:
        if table not in self.tables:
            raise InputError(f"{self._what} has no table `{table}`", f"tables: {', '.join(self.tables)}")
        return self.tables[table]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def _main(self, table: str | None) -> Table:
        return self[next(iter(self.tables)) if table is None else table]

    def to_pandas(self, table: str | None = None) -> Any:
        """A table (default: the first) as a DataFrame."""
        return self._main(table).to_pandas()

    def to_xarray(self, table: str | None = None) -> Any:
        """A table (default: the first) as a Dataset."""
        return self._main(table).to_xarray()

    def _repr_html_(self) -> str:
        return self._main(None)._repr_html_()


class Result:
    """What an analysis found about one set of trajectories.

    Its values are attributes (`result.mean_step`), its tables items (`result["courses"]`).
    """

    def __init__(self, analysis: Analysis, values: Record, tables: dict[str, Table], about: Record) -> None:
        self.analysis = analysis
        self.values = values
        self.tables = tables
        #: Name, network, area, sizes and digest of the trajectories, and the options.
        self.about = about

    @classmethod
    def of(
        cls, analysis: Analysis, about: dict[str, Any], finding: dict[str, Any], tables: list[dict[str, Any]]
    ) -> Result:
        """The result that crossed as JSON."""
        values = lifted({name: value for name, value in finding.items() if name != "analysis"})
        return cls(analysis, values, {one["name"]: Table(**one) for one in tables}, lifted(about))

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("values", {})
        if name in values:
            return values[name]
        raise AttributeError(f"`{self.__dict__['analysis'].name}` gives no `{name}`" if values else name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.values]

    def __getitem__(self, table: str) -> Table:
        return self.tables[self._named(table)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def _named(self, table: str | None) -> str:
        if table is None:
            return next(iter(self.tables))
        if table not in self.tables:
            raise InputError(
                f"`{self.analysis.name}` has no table `{table}`", f"tables: {', '.join(self.tables)}"
            )
        return table

    def to_pandas(self, table: str | None = None) -> Any:
        """A table (default: the first) as a DataFrame."""
        return self[self._named(table)].to_pandas()

    def to_xarray(self, table: str | None = None) -> Any:
        """A table (default: the first) as a Dataset."""
        return self[self._named(table)].to_xarray()

    def plot(self, table: str | None = None, ax: Any = None) -> Any:
        """Draw a table (default: the first) with intervals; gives matplotlib's axes."""
        axes = self[self._named(table)].plot(ax)
        axes.set_title(self.analysis.title)
        return axes

    def __repr__(self) -> str:
        lines = [f"{self.analysis.title}: {self.about.name}, {self.about.n_images} images"]
        for name, value in self.values.items():
            if isinstance(value, (Estimate, int, float, str)) and not isinstance(value, bool):
                lines.append(f"  {name}: {value}")
        lines.append(f"  tables: {', '.join(self.tables)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        about = f"{self.about.name}, area {self.about.area}: {self.about.n_images} images, {self.about.n_steps} steps"
        tables = "".join(table._repr_html_() for table in self.tables.values())
        return (
            f"<div><h4>{_text(self.analysis.title)}</h4><p>{_text(self.analysis.summary)} ({_text(about)})</p>"
            f"{tables}</div>"
        )


def _array(values: list[Any]) -> np.ndarray:
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    if any(value is None or isinstance(value, float) for value in values):
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=np.int64)


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _cell(cell: Any) -> str:
    if cell is None:
        return ""
    return f"{cell:.4g}" if isinstance(cell, float) else _text(str(cell))
