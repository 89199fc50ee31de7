"""Views worth trying: windows fitted to how often things happen, the last row, what stands still.

A candidate is a view of the piece as it will be written, so what is measured is what is kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dovetail.features.aggregations import Aggregation, Count, Mean, Share, Sum
from dovetail.features.frames import KNOWN
from dovetail.features.moments import span_us
from dovetail.features.suggest.streams import Stream
from dovetail.features.views import Entity, LatestView, StaticView, View, WindowView

_LADDER = ("1h", "2h", "3h", "6h", "12h", "24h", "3d", "7d", "14d", "28d", "90d", "180d", "365d")
_TILES = ("1m", "5m", "15m", "1h", "6h", "24h")
_EVENTS_WANTED = (2, 8, 32, 200)
"""Windows are chosen to hold about so many events of a key: the moment, the recent, the usual."""
_TILES_IN_SHORTEST = 6
_OFTEN_ZERO = 0.5


@dataclass(frozen=True)
class Candidate:
    """A view that may help, and what it answers from.

    Attributes:
        view: The view.
        stream: What it looks at.
    """

    view: View
    stream: Stream


def candidates(stream: Stream, keys: Sequence[str]) -> list[Candidate]:
    """Return the views of a stream for a set of its keys."""
    if stream.is_timeless:
        return _static(stream, keys)
    gap, history = _pace(stream, keys)
    if not gap:
        return []
    found = []
    if stream.source.id_columns and (view := _windows(stream, keys, gap, history)) is not None:
        found.append(Candidate(view, stream))
    return [*found, Candidate(_latest(stream, keys, gap), stream)]


def name_of(stream: Stream, keys: Sequence[str], kind: str) -> str:
    """Return the name of a view: what it looks at, of whom, and how."""
    return "_".join((stream.source.name, kind, *(("by", *keys) if keys else ("overall",))))


def entities(keys: Sequence[str]) -> list[Entity]:
    """Return one entity a key."""
    return [Entity(key) for key in keys]


def _static(stream: Stream, keys: Sequence[str]) -> list[Candidate]:
    columns = (*stream.numbers, *stream.categories)
    if not columns or not keys:
        return []
    view = StaticView(
        name_of(stream, keys, "facts"),
        entities=entities(keys),
        source=stream.source,
        features=columns,
    )
    return [Candidate(view, stream)]


def _windows(stream: Stream, keys: Sequence[str], gap: float, history: float) -> WindowView | None:
    lengths = _lengths(gap, history)
    if not lengths:
        return None
    shortest = span_us(lengths[0])
    tile = next(
        t for t in reversed(_TILES) if span_us(t) * _TILES_IN_SHORTEST <= shortest or t == "1m"
    )
    while any(span_us(length) % span_us(tile) for length in lengths):
        tile = _TILES[_TILES.index(tile) - 1]
    return WindowView(
        name_of(stream, keys, "past"),
        entities=entities(keys),
        source=stream.source,
        tile=tile,
        windows=lengths,
        aggregations=_aggregations(stream),
    )


def _aggregations(stream: Stream) -> list[Aggregation]:
    found: list[Aggregation] = [Count()]
    for column in stream.numbers:
        values = stream.rows[column]
        if column in stream.table.flags:
            found.append(Share(column))
            continue
        found.append(Mean(column))
        zeros = float((values == 0).mean() or 0.0)  # type: ignore[arg-type]
        if zeros > _OFTEN_ZERO and float(values.min() or 0) >= 0:  # type: ignore[arg-type]
            found.append(Sum(column))
        elif (high := _round(values.quantile(0.8))) is not None and high > 0:
            found.append(Share(column, above=high))
    return found


def _latest(stream: Stream, keys: Sequence[str], gap: float) -> LatestView:
    columns = (*stream.numbers, *stream.categories)
    reach = next((w for w in _LADDER if span_us(w) >= 6 * gap), _LADDER[-1])
    return LatestView(
        name_of(stream, keys, "last"),
        entities=entities(keys),
        source=stream.source,
        features=(stream.source.event_time, *columns),
        ttl=reach,
    )


def _lengths(gap: float, history: float) -> list[str]:
    """Return windows that hold about the wanted numbers of events, none over a third of history."""
    fitting = [w for w in _LADDER if span_us(w) <= history / 3]
    if not fitting:
        return []
    chosen = []
    for wanted in _EVENTS_WANTED:
        best = min(fitting, key=lambda w: abs(_log(span_us(w)) - _log(wanted * gap)))
        chosen.append(best)
    return [w for w in _LADDER if w in chosen]


def _log(value: float) -> float:
    return math.log(max(value, 1.0))


def _pace(stream: Stream, keys: Sequence[str]) -> tuple[float, float]:
    """Return the time between two rows of the key of a typical row, and the whole span."""
    rows = stream.rows
    times = rows[KNOWN].to_numpy()
    history = float(times.max() - times.min()) if len(times) else 0.0
    if not history:
        return 0.0, 0.0
    if not keys:
        return history / rows.height, history
    counts = rows.group_by(list(keys)).len()["len"].to_numpy().astype(float)
    # Of rows, not of keys: most keys are rare, most questions ask about frequent ones.
    typical = float((counts * counts).sum() / counts.sum())
    return history / typical, history


def _round(value: float | None) -> float | None:
    """Return a threshold with two significant digits, as a person would write it."""
    return float(f"{value:.2g}") if value is not None else None
