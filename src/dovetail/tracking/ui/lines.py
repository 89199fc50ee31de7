"""The data of charts: parts of metrics of some runs, sampled so that no spike is lost.

A long metric is first cut into blocks, for a fraction of a second in each request, so that none
takes long; the answer then says that it waits for more. An answer has an ETag made from the newest
points, so asking again for a run that logs nothing costs two look-ups.
"""

import gzip
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.engine import Connection, Row
from starlette.requests import Request
from starlette.responses import Response

from dovetail.base.sql import Database
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.store import lines, rollups, windows
from dovetail.tracking.store.stretches import Stretch
from dovetail.tracking.store.windows import Part, Window

__all__ = ["Line", "Lines", "Wish", "lines_of", "lines_response"]

CHUNKS = 24
MOST_LINES = 200
MOST_POINTS = 2000
AXES = ("step", "time", "relative")


class Line(msgspec.Struct, frozen=True):
    """One metric of one run.

    Attributes:
        run: the run's id.
        name: its name.
        key: the metric.
        x: steps, milliseconds since 1970, or seconds since the run began.
        y: both extremes of each part, in their order; None where no value is finite.
        mean_x: the middle of each part, for smoothing; empty where every point is in `y`.
        mean: the mean of each part.
        points: how many points that stands for.
        holes: how many of them are NaN or infinite.
        done: the share of the points that could be read; less than 1 while blocks are being built.
    """

    run: str
    name: str
    key: str
    x: list[float]
    y: list[float | None]
    mean_x: list[float]
    mean: list[float | None]
    points: int
    holes: int
    done: float


class Lines(msgspec.Struct, frozen=True):
    """What a chart shows.

    Attributes:
        x: the axis.
        lines: one for each run and metric that has points.
        running: whether a run may still log.
        waiting: whether asking again at once gives more.
    """

    x: str
    lines: list[Line]
    running: bool
    waiting: bool


class Wish(msgspec.Struct, frozen=True):
    """What an address asks of the data of charts."""

    runs: list[str]
    keys: list[str]
    axis: str
    low: float | None
    high: float | None
    points: int

    @classmethod
    def of(cls, request: Request) -> "Wish":
        """Read an address.

        Raises:
            InvalidParameterError: it asks for too much, or for what is no number.
        """
        query = request.query_params
        runs = [part for text in query.getlist("runs") for part in text.split(",") if part]
        keys = list(dict.fromkeys(query.getlist("key")))
        axis = query.get("x", "step")
        if axis not in AXES:
            raise InvalidParameterError(f"x must be one of {', '.join(AXES)}, not {axis!r}.")
        if len(runs) * len(keys) > MOST_LINES:
            raise InvalidParameterError(
                f"A request draws at most {MOST_LINES} lines; {len(runs)} runs and {len(keys)} "
                "metrics are more. Ask for fewer at a time."
            )
        points = _number(query.get("points"), "points") or 320
        low, high = _number(query.get("from"), "from"), _number(query.get("to"), "to")
        return cls(runs, keys, axis, low, high, int(min(max(points, 2), MOST_POINTS)))

    def part(self, start: int) -> Part:
        """Return the part of the metrics of a run that began at a time."""
        low, high = self.low, self.high
        if self.axis == "step":
            return Part("step", _floor(low), _floor(high), self.points)
        if self.axis == "relative":
            low = None if low is None else start + low * 1000
            high = None if high is None else start + high * 1000
        return Part("time", _floor(low), _floor(high), self.points)


def _number(text: str | None, name: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise InvalidParameterError(f"{name} must be a number, not {text!r}.") from error
    if not abs(value) < 1e18:
        raise InvalidParameterError(f"{name} must be a number of at most 18 digits, not {text!r}.")
    return value


def _floor(value: float | None) -> int | None:
    return None if value is None else round(value)


def lines_response(database: Database, request: Request) -> Response:
    """Return the lines that an address asks for, or that nothing is new.

    Raises:
        InvalidParameterError: the address asks for too much, or for what is no number.
    """
    wish = Wish.of(request)
    tag = database.read(lambda c: _tag(c, wish, request.url.query))
    headers = {"ETag": tag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    found = lines_of(database, wish)
    if found.waiting:
        del headers["ETag"]
    body = msgspec.json.encode(found)
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 4, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, headers=headers, media_type="application/json")


def _tag(c: Connection, wish: Wish, query: str) -> str:
    rows = lines.runs_of(c, wish.runs)
    state = [(row.run_id, row.run_name, row.status, row.start_time) for row in rows]
    ends = [tuple(row) for row in lines.ends(c, [row.id for row in rows], wish.keys)]
    return f'"{hashlib.sha256(repr((query, state, ends)).encode()).hexdigest()[:20]}"'


def lines_of(database: Database, wish: Wish) -> Lines:
    """Return the lines of a wish, building blocks of long metrics for a little while."""
    rows = database.read(lambda c: lines.runs_of(c, wish.runs))
    by_key = {row.id: row for row in rows}
    ends = database.read(lambda c: lines.ends(c, list(by_key), wish.keys))
    places = {row.id: i for i, row in enumerate(rows)}
    ends.sort(key=lambda end: (wish.keys.index(end.key), places[end.run]))
    drawn: list[Line] = []
    waiting, left = False, CHUNKS
    for end in ends:
        row = by_key[end.run]
        part = wish.part(row.start_time)
        window = _look(database, end, part)
        if window.waiting and left:
            left = _built(database, end, left)
            window = _look(database, end, part)
        waiting = waiting or window.waiting
        drawn.append(_line(row, end, window, wish))
    running = any(row.status in ("RUNNING", "SCHEDULED") for row in rows)
    return Lines(wish.axis, drawn, running, waiting)


def _built(database: Database, end: Row[Any], left: int) -> int:
    """Build blocks of a metric and return how many chunks of them may still be built."""

    def extend(c: Connection) -> bool:
        return rollups.extend(c, end.run, end.key)

    while left:
        left -= 1
        if not database.write(extend):
            break
    return left


def _look(database: Database, end: Row[Any], part: Part) -> Window:
    return database.read(lambda c: windows.look(c, end.run, end.key, part))


def _line(row: Row[Any], end: Row[Any], window: Window, wish: Wish) -> Line:
    xs: list[float] = []
    ys: list[float | None] = []
    for stretch in window.stretches:
        for at, value in _extremes(stretch, wish.axis, row.start_time):
            xs.append(at)
            ys.append(value)
    every = all(stretch.points == 1 for stretch in window.stretches)
    middles = (
        []
        if every
        else [_middle(stretch, wish.axis, row.start_time) for stretch in window.stretches]
    )
    return Line(
        run=row.run_id,
        name=row.run_name,
        key=end.key,
        x=xs,
        y=ys,
        mean_x=middles,
        mean=[] if every else [_short(stretch.mean) for stretch in window.stretches],
        points=window.count,
        holes=sum(stretch.holes for stretch in window.stretches),
        done=_done(end, window),
    )


def _done(end: Row[Any], window: Window) -> float:
    if not window.waiting or not window.stretches:
        return 1.0
    return min(1.0, window.stretches[-1].last_step / end.step) if end.step > 0 else 0.0


def _extremes(stretch: Stretch, axis: str, start: int) -> Sequence[tuple[float, float | None]]:
    if stretch.low is None:
        return [(_x(stretch.first_step, stretch.first_timestamp, axis, start), None)]
    low = (_x(stretch.low_step, stretch.low_timestamp, axis, start), _short(stretch.low))
    high = (_x(stretch.high_step, stretch.high_timestamp, axis, start), _short(stretch.high))
    if low == high:
        return [low]
    return [low, high] if low[0] <= high[0] else [high, low]


def _x(step: int, timestamp: int, axis: str, start: int) -> float:
    if axis == "step":
        return step
    return timestamp if axis == "time" else (timestamp - start) / 1000


def _middle(stretch: Stretch, axis: str, start: int) -> float:
    first = _x(stretch.first_step, stretch.first_timestamp, axis, start)
    last = _x(stretch.last_step, stretch.last_timestamp, axis, start)
    return (first + last) / 2


def _short(value: float | None) -> float | None:
    """Return a value with seven digits, which no screen can tell from the whole."""
    return None if value is None else float(f"{value:.7g}")
