"""A few rows that show what an alert is about, with links to the requests that brought them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

from dovetail.monitoring.columns import ColumnProfile, Values
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.store import Located
from dovetail.wire.monitoring import ColumnDrift, Drift

__all__ = ["Example", "example_rows", "far_rows", "worst_rows"]

_ROWS, _COLUMNS = 5, 5
_TIE = 1e-3


class Example(msgspec.Struct, frozen=True):
    """A row that shows what a finding is about.

    Attributes:
        row: Its number among the rows of the day.
        values: What it holds in the columns that the finding names.
    """

    row: int
    values: dict[str, float | str | None]


def example_rows(
    model: str,
    profiles: Sequence[ColumnProfile],
    guilty: Sequence[ColumnDrift],
    columns: Mapping[str, Values],
    located: Sequence[Located],
) -> list[dict[str, Any]]:
    """The rows of a day that are least like the reference in the columns that a finding names.

    Args:
        model: The model.
        profiles: The columns of the reference.
        guilty: The columns that the finding names, strongest first.
        columns: The day's values.
        located: Which requests brought them, in the same order.

    Returns:
        At most five rows of at most five columns each: request_id, row, values, href.
    """
    named = _named(profiles, guilty, columns)
    size = sum(part.rows for part in located)
    if not named or any(len(columns[name]) != size for name in named):
        return []
    shown = {name: columns[name] for name in named}
    return _told(model, shown, _strangest(named, columns), located)


def worst_rows(
    model: str,
    columns: Mapping[str, Values],
    losses: Floats,
    scores: Floats,
    labels: Floats,
    located: Sequence[Located],
) -> list[dict[str, Any]]:
    """The labelled rows with the largest losses; see `example_rows`.

    Args:
        model: The model.
        columns: What to show of them beside score and outcome.
        losses: NaN where the label is not known.
        scores: What was answered.
        labels: What came true.
        located: Which requests brought them, in the same order.
    """
    if sum(part.rows for part in located) != len(losses):
        return []
    ordered = np.argsort(-np.nan_to_num(losses, nan=-np.inf), kind="stable")[:_ROWS]
    shown = {"(prediction)": scores, "(outcome)": labels, **columns}
    return _told(model, shown, ordered.tolist(), located)


def _told(
    model: str, columns: Mapping[str, Values], chosen: Sequence[int], located: Sequence[Located]
) -> list[dict[str, Any]]:
    starts = np.cumsum([0, *(part.rows for part in located)])
    found = []
    for at in chosen:
        place = int(np.searchsorted(starts, at, side="right")) - 1
        request_id = located[place].request_id
        found.append(
            {
                "request_id": request_id,
                "row": at - int(starts[place]),
                "values": {name: _plain(values[at]) for name, values in columns.items()},
                "href": f"/monitoring/models/{quote(model, safe='')}"
                f"/requests/{quote(request_id, safe='')}",
            }
        )
    return found


def far_rows(
    profiles: Sequence[ColumnProfile], found: Drift, columns: Mapping[str, Values]
) -> list[Example]:
    """The same of rows that came without requests: at most five, by their number."""
    guilty = [one for one in found.columns if one.since is not None]
    named = _named(profiles, guilty, columns)
    return [
        Example(at, {name: _plain(columns[name][at]) for name in named})
        for at in (_strangest(named, columns) if named else [])
    ]


def _named(
    profiles: Sequence[ColumnProfile],
    guilty: Sequence[ColumnDrift],
    columns: Mapping[str, Values],
) -> dict[str, ColumnProfile]:
    """The profiles of the strongest columns that a finding names, of those that are there."""
    known = {profile.name: profile for profile in profiles}
    names = [one.column for one in guilty if one.column in known and one.column in columns]
    return {name: known[name] for name in names[:_COLUMNS]}


def _strangest(named: Mapping[str, ColumnProfile], columns: Mapping[str, Values]) -> list[int]:
    strange = sum(_strangeness(profile, columns[name]) for name, profile in named.items())
    found: list[int] = np.argsort(-np.asarray(strange), kind="stable")[:_ROWS].tolist()
    return found


def _strangeness(profile: ColumnProfile, values: Values) -> Floats:
    """How rare the bin of each value was on the reference, in natural units of information.

    Within a bin what is farther from the mean is stranger.
    """
    counts = np.asarray(profile.counts, dtype=np.float64)
    rare = -np.log((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))[profile.bins(values)]
    if not isinstance(values, np.ndarray) or profile.mean is None or not profile.deviation:
        return np.asarray(rare, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        away = np.abs(values - profile.mean) / profile.deviation
    return np.asarray(rare + _TIE * np.nan_to_num(away, nan=0.0).clip(0, 1 / _TIE))


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return float(value) if isinstance(value, np.floating) else value
