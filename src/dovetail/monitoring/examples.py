"""A few rows that show what an alert is about, with links to the requests that brought them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from dovetail.monitoring.columns import ColumnProfile, Values
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.store import Located
from dovetail.wire.monitoring import ColumnDrift

__all__ = ["example_rows", "worst_rows"]

_ROWS, _COLUMNS = 5, 5


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
    known = {profile.name: profile for profile in profiles}
    named = [one for one in guilty if one.column in known and one.column in columns][:_COLUMNS]
    size = sum(part.rows for part in located)
    if not named or any(len(columns[one.column]) != size for one in named):
        return []
    strange = np.zeros(size)
    for one in named:
        strange += _strangeness(known[one.column], columns[one.column])
    chosen = np.argsort(-strange, kind="stable")[:_ROWS].tolist()
    return _told(model, {one.column: columns[one.column] for one in named}, chosen, located)


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


def _strangeness(profile: ColumnProfile, values: Values) -> Any:
    """How rare the bin of each value was on the reference, in natural units of information."""
    counts = np.asarray(profile.counts, dtype=np.float64)
    return -np.log((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))[profile.bins(values)]


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return float(value) if isinstance(value, np.floating) else value
