"""The page that compares runs, and what its address may ask for."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.store import lines
from dovetail.tracking.ui.compare.axes import Axis, axis_of, numeric, usable
from dovetail.tracking.ui.compare.parallel import parallel
from dovetail.tracking.ui.compare.scatter import scatter
from dovetail.tracking.ui.compare.table import Compared, Group, compared_of, groups_of
from dovetail.tracking.ui.experiment import LEVELS
from dovetail.tracking.ui.run import groups_of as metric_groups
from dovetail.web.svg.element import Svg

__all__ = ["ComparePage", "compare_page", "run_ids"]

MOST = 100
AXES = 7


class Scatter(msgspec.Struct, frozen=True):
    """Which columns the scatter shows; None where the runs have too few numbers for one."""

    x: Axis | None
    y: Axis | None
    colour: Axis | None


class ComparePage(msgspec.Struct, frozen=True):
    """The page `/tracking/compare`.

    Attributes:
        runs: what each is, and the address of the comparison without it.
        missing: ids that no run has.
        every: whether the table also shows what all runs share.
        toggle: the address of the other table.
        groups: the rows of the table.
        axes: those of the parallel coordinates.
        axis_names: columns that can be axes.
        numbers: columns that can be an axis of the scatter.
        scatter: the columns that it shows.
        metrics: metrics that have a curve, in groups; their data is at `/tracking/charts.json`.
        look: how the curves are drawn.
        kept: parts of the address that forms keep.
        csv: the address of the table as CSV.
    """

    runs: list[dict[str, Any]]
    missing: list[str]
    every: bool
    toggle: str
    groups: list[Group]
    axes: list[Axis]
    axis_names: list[str]
    numbers: list[str]
    scatter: Scatter
    metrics: list[dict[str, Any]]
    look: dict[str, str]
    kept: list[tuple[str, str]]
    csv: str

    def parallel_drawing(self) -> Svg:
        """Return the parallel coordinates."""
        return parallel(self.axes, [run["name"] for run in self.runs])

    def scatter_drawing(self) -> Svg:
        """Return the scatter."""
        x, y = self.scatter.x, self.scatter.y
        if x is None or y is None:
            return Svg("")
        return scatter(x, y, self.scatter.colour, [(r["name"], r["href"]) for r in self.runs])


def run_ids(request: Request) -> list[str]:
    """Return the runs that an address names, `runs=a,b` or `runs=a&runs=b`.

    Raises:
        InvalidParameterError: they are too many.
    """
    named = [
        part.strip() for text in request.query_params.getlist("runs") for part in text.split(",")
    ]
    found = list(dict.fromkeys(part for part in named if part))
    if len(found) > MOST:
        raise InvalidParameterError(
            f"At most {MOST} runs can be compared; the address names {len(found)}. Choose fewer."
        )
    return found


def compare_page(c: Connection, request: Request) -> ComparePage:
    """Return runs side by side.

    Args:
        c: where to read.
        request: `runs` names them; `show=all`, `axis`, `sx`, `sy` and `sc` say what is shown.
    """
    asked = run_ids(request)
    rows = lines.runs_of(c, asked)
    found = compared_of(c, rows)
    every = request.query_params.get("show") == "all" or len(rows) < 2
    names = usable(found) if len(rows) > 1 else []
    numbers = [name for name in names if numeric(found.column(name)) is not None]
    known = [row.run_id for row in rows]
    return ComparePage(
        runs=[_run(row, known, request) for row in rows],
        missing=[run_id for run_id in asked if run_id not in known],
        every=every,
        toggle=_address(request, known, show=None if every else "all"),
        groups=groups_of(found, every=every),
        axes=_axes(found, request.query_params.getlist("axis"), names),
        axis_names=names,
        numbers=numbers,
        scatter=_scatter(found, request, names, numbers),
        metrics=metric_groups(lines.curved(c, [row.id for row in rows])),
        look={name: request.query_params.get(name, "") for name in ("x", "log", "smooth")},
        kept=[("runs", ",".join(known)), *_rest(request, ("runs",))],
        csv="/tracking/compare.csv?" + urlencode({"runs": ",".join(known)}),
    )


def _run(row: Any, known: Sequence[str], request: Request) -> dict[str, Any]:
    others = [run_id for run_id in known if run_id != row.run_id]
    return {
        "run_id": row.run_id,
        "name": row.run_name or row.run_id,
        "href": f"/tracking/runs/{row.run_id}",
        "experiment": f"/tracking/experiments/{row.experiment_id}",
        "status": row.status,
        "level": LEVELS.get(row.status, "idle"),
        "started": row.start_time or None,
        "without": _address(request, others),
    }


def _rest(request: Request, without: Sequence[str]) -> list[tuple[str, str]]:
    return [pair for pair in request.query_params.multi_items() if pair[0] not in without]


def _address(request: Request, runs: Sequence[str], **changes: str | None) -> str:
    pairs = [("runs", ",".join(runs)), *_rest(request, ("runs", *changes))]
    pairs += [(key, value) for key, value in changes.items() if value is not None]
    return "?" + urlencode(pairs, safe=",/")


def _axes(found: Compared, asked: Sequence[str], names: Sequence[str]) -> list[Axis]:
    """Return the chosen axes, else settings on the left and results on the right."""
    chosen = [name for name in dict.fromkeys(asked) if name in names]
    if len(chosen) < 2:
        params = [name for name in names if name.startswith("params.")]
        metrics = [name for name in names if name.startswith("metrics.")]
        results = metrics[: max(2, AXES - len(params))]
        chosen = [*params[: AXES - len(results)], *results]
    return [axis_of(found, name) for name in chosen] if len(chosen) > 1 else []


def _scatter(
    found: Compared, request: Request, names: Sequence[str], numbers: Sequence[str]
) -> Scatter:
    if len(numbers) < 2:
        return Scatter(None, None, None)
    metrics = [name for name in numbers if name.startswith("metrics.")]
    query = request.query_params
    usual_y = metrics[0] if metrics else numbers[1]
    usual_x = next(name for name in numbers if name != usual_y)
    x, y, colour = query.get("sx"), query.get("sy"), query.get("sc")
    if colour is None:
        colour = next((name for name in names if name not in (usual_x, usual_y)), "")
    return Scatter(
        axis_of(found, x if x and x in numbers else usual_x),
        axis_of(found, y if y and y in numbers else usual_y),
        axis_of(found, colour) if colour in names else None,
    )
