"""Profiles from tables and files, and what a profile says, for the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.classical.samples import Coded
from dovetail.monitoring.columns import ColumnProfile
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.files import read_columns
from dovetail.monitoring.profile_file import LIMIT
from dovetail.monitoring.reference import Reference, Task

_DAY_SECONDS = 86_400.0
_TWO = 2

__all__ = ["ColumnOutline", "Outline", "outline", "profile_of", "read_profile"]


class ColumnOutline(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a profile in a line.

    Attributes:
        column: Its name.
        kind: "numeric" or "category".
        rows: Rows of the reference.
        missing: Share of missing values.
        mean: Mean of numbers, or of the lengths of texts in characters.
        deviation: Standard deviation of the same.
        smallest: The smallest number.
        largest: The largest number.
        levels: How many levels are counted by name.
        bins: How many bins evidence has.
    """

    column: str
    kind: str
    rows: int
    missing: float
    mean: float | None = None
    deviation: float | None = None
    smallest: float | None = None
    largest: float | None = None
    levels: int = 0
    bins: int = 0


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile says, without its bins."""

    model: str
    version: str
    rows: int
    season: str
    task: str
    first: str | None
    last: str | None
    digest: str
    joints: int
    auc: float | None
    columns: list[ColumnOutline]


def read_profile(path: Path) -> Reference:
    """Read the file of a profile.

    Raises:
        InvalidInputError: It cannot be read.
        ReferenceInvalidError: It is no profile, or a newer one than this version reads.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise InvalidInputError(f"'{path}' cannot be read", why=str(error)) from error
    try:
        return Reference.from_profile(data)
    except ReferenceInvalidError as error:
        raise ReferenceInvalidError(
            f"{path}: {error.what}", why=error.why, fix=error.fix
        ) from error


def profile_of(
    table: Path,
    *,
    model: str = "",
    version: str = "",
    score: str = "",
    label: str = "",
    day: str = "",
    season: str = "",
    ignore: str = "",
    task: Task | None = None,
    classes: str = "",
    like: Reference | None = None,
) -> Reference:
    """Summarise a table in a file.

    Args:
        table: The file.
        model: The model's name; that of `like` by default.
        version: Its version; likewise.
        score: The column of scores; of several classes the columns of their probabilities, with
            commas between.
        label: The column of outcomes.
        day: The column of dates.
        season: Which days are compared with each other.
        ignore: Columns to leave out, with commas between.
        task: "binary", "multiclass" or "regression"; that of the scores by default.
        classes: Names of the classes in the order of their probabilities, with commas between.
        like: A profile of other rows, whose bins to use.

    Raises:
        InvalidInputError: The file cannot be read, or has no such column.
        ReferenceInvalidError: It cannot be summarised.
    """
    columns = read_columns(table)
    answers = [score] if score in columns else _names(score)
    skipped = {label, day, *answers, *_names(ignore)} - {""}
    missing = [name for name in skipped if name not in columns]
    if missing:
        raise InvalidInputError(
            f"'{table}' has no column '{missing[0]}'", fix=f"it has {', '.join(list(columns)[:20])}"
        )
    task = task or ("multiclass" if len(answers) > 1 else "binary")
    moments = [name for name, kind in columns.types.items() if kind.startswith(("time", "date"))]
    features = {
        name: _values(columns, name)
        for name in columns
        if name not in skipped and name not in moments
    }
    return Reference.fit(
        features,
        scores=_scores(columns, answers),
        labels=_values(columns, label) if label else None,
        version=version or (like.version if like else ""),
        model=model or (like.model if like else ""),
        season=season,
        days=_days(columns, day) if day else (),
        task=task,
        classes=_names(classes),
        like=like,
    )


def _names(text: str) -> list[str]:
    """Names with commas between."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _scores(columns: Mapping[str, Any], names: Sequence[str]) -> Any:
    """A column of scores; of several, rows of probabilities, shape (n, K)."""
    if len(names) < _TWO:
        return _values(columns, names[0]) if names else None
    parts = [_values(columns, name) for name in names]
    for name, part in zip(names, parts, strict=True):
        if not isinstance(part, np.ndarray):
            raise InvalidInputError(f"column '{name}' holds no probabilities", why="it has texts")
    return np.stack(parts, axis=1)


def _values(columns: Mapping[str, Any], name: str) -> Any:
    values = columns[name]
    if isinstance(values, Coded):
        levels = np.array([*values.levels, None], dtype=object)
        return levels[values.codes].tolist()  # a code of -1 is missing
    return values


def _days(columns: Any, name: str) -> list[str]:
    values = _values(columns, name)
    if not isinstance(values, np.ndarray):
        return [str(value) for value in values]
    unit = {"d": 1.0, "t": _DAY_SECONDS}.get(columns.types[name][:1])
    if unit is None or not np.isfinite(values).all():
        raise InvalidInputError(f"column '{name}' holds no days", fix="write them like 2013-04-01")
    return [str(day) for day in (values // unit).astype("datetime64[D]")]


def outline(reference: Reference) -> Outline:
    """What a profile says, column by column; scores come last."""
    performance = reference.performance
    return Outline(
        model=reference.model,
        version=reference.version,
        rows=reference.rows,
        season=reference.season,
        task=reference.task,
        first=reference.first.isoformat() if reference.first else None,
        last=reference.last.isoformat() if reference.last else None,
        digest=reference.digest,
        joints=len(reference.joints),
        auc=performance.auc if performance else None,
        columns=[_line(column) for column in reference.streams],
    )


def _line(column: ColumnProfile) -> ColumnOutline:
    counted = column.counts[1:-2] if column.kind == "numeric" else []
    filled = np.flatnonzero(counted)
    return ColumnOutline(
        column=column.name,
        kind=column.kind,
        rows=column.rows,
        missing=column.counts[-1] / column.rows,
        mean=column.mean if column.kind == "numeric" else column.length,
        deviation=column.deviation if column.kind == "numeric" else column.length_deviation,
        # The first edge lies just below the smallest value.
        smallest=float(np.nextafter(column.cuts[filled[0]], np.inf)) + 0.0 if len(filled) else None,
        largest=column.cuts[filled[-1] + 1] if len(filled) else None,
        levels=len(column.levels),
        bins=len(column.pools[0]) if column.pools else 0,
    )
