"""The page of one experiment: a table of runs that is filtered, ordered and cut by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy.engine import Connection, Row
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.filters import RUNS, Condition, parse_filter
from dovetail.tracking.handlers import experiments as experiment_cases
from dovetail.tracking.store import run_columns, run_table
from dovetail.tracking.store.experiments import ACTIVE, DELETED
from dovetail.tracking.store.run_columns import Cells, Keys
from dovetail.tracking.ui import columns, hints, tokens
from dovetail.tracking.ui.memory import Memory
from dovetail.tracking.ui.views import ExperimentPage
from dovetail.web.sorting import Sort
from dovetail.wire.mlflow import GetExperiment

__all__ = ["LEVELS", "Asked", "duration_of", "experiment_page", "lines_of"]

PAGE = 50
FAMILIES = 20
FRESH = 10
PARENT = "mlflow.parentRunId"
LEVELS = {"FINISHED": "ok", "FAILED": "alarm", "KILLED": "warn", "RUNNING": "info"}


@dataclass(frozen=True)
class Asked:
    """What an address asks of the table of runs."""

    experiment: int
    stage: str
    filter: str
    nested: bool
    sort: Sort
    keys: Keys
    names: list[str]
    count: int

    @classmethod
    def of(cls, c: Connection, request: Request, experiment: int, memory: Memory) -> "Asked":
        """Read an address.

        Args:
            c: where to read.
            request: `filter` is a filter string, `sort` a column, `col` the columns, `view` may be
                `deleted`, and `nested` puts children beneath their parents.
            experiment: the experiment's number.
            memory: holds totals and keys for some seconds.
        """
        query = request.query_params
        stage = DELETED if query.get("view") == "deleted" else ACTIVE
        place = (experiment, stage)
        keys = memory.get(
            ("keys", *place), FRESH, lambda: run_columns.keys_of(c, experiment, stage)
        )
        count = memory.get(("count", *place), FRESH, lambda: run_table.count(c, experiment, stage))
        return cls(
            experiment=experiment,
            stage=stage,
            filter=query.get("filter", "").strip(),
            nested=query.get("nested") == "1",
            sort=_sort(request),
            keys=keys,
            names=columns.chosen(request, keys),
            count=count,
        )

    def conditions(self) -> list[Condition]:
        """Return what must hold of the runs.

        Raises:
            InvalidParameterError: the filter cannot be read.
        """
        held = parse_filter(self.filter, RUNS)
        return [*held, Condition("tag", PARENT, "IS NULL", None)] if self.nested else held

    def query(self, after: run_table.Cursor | None, limit: int) -> run_table.TableQuery:
        """Return what to ask of the database."""
        return run_table.TableQuery(
            experiment=self.experiment,
            stage=self.stage,
            conditions=self.conditions(),
            order=columns.order_of(self.sort.by, not self.sort.descending),
            after=after,
            limit=limit,
            few=self.count <= run_table.FEW,
        )


def _sort(request: Request) -> Sort:
    wish = request.query_params.get("sort", "-started")
    if not columns.is_sortable(wish.removeprefix("-")):
        wish = "-started"
    kept = tuple(
        pair for pair in request.query_params.multi_items() if pair[0] not in ("sort", "after")
    )
    return Sort(by=wish.removeprefix("-"), descending=wish.startswith("-"), query=kept)


def experiment_page(b: Backend, c: Connection, request: Request, memory: Memory) -> ExperimentPage:
    """Return the runs that the address asks for, and what else it could ask for."""
    number = request.path_params["experiment_id"]
    experiment = experiment_cases.get(b, c, GetExperiment(number)).experiment
    asked = Asked.of(c, request, int(experiment.experiment_id), memory)
    problem, found, notes = None, run_table.Page([], None, 0), []
    try:
        after = tokens.cursor_of(request.query_params.get("after"))
        query = asked.query(after, FAMILIES if asked.nested else PAGE)
        notes = hints.unknown_keys(query.conditions, asked.keys)
        found = run_table.page(c, query)
    except InvalidParameterError as error:
        problem = str(error)
    below = run_table.children(c, [row.run_id for row in found.rows]) if asked.nested else {}
    rows = [one for row in found.rows for one in _family(row, below)]
    cells = run_columns.cells(
        c,
        {row.id: row.run_id for row, _ in rows},
        columns.wanted(asked.names, f"tags.{PARENT}"),
        links="models" in asked.names or "datasets" in asked.names,
    )
    every = not asked.filter and not asked.nested
    return ExperimentPage(
        name=experiment.name,
        experiment_id=number,
        stage=experiment.lifecycle_stage,
        description=_note(experiment.tags),
        filter=asked.filter,
        problem=problem,
        notes=notes,
        columns=columns.columns_of(asked.names, cells),
        choices=columns.choices(asked.keys, asked.names),
        runs=lines_of(rows, cells, asked.names),
        larger={key: _children_of(key) for key, held in below.items() if _is_cut(held)},
        sort=asked.sort,
        total=asked.count if every else found.total,
        deleted=asked.stage == DELETED,
        nested=asked.nested,
        first=_link(asked, {}) if request.query_params.get("after") else "",
        next=_link(asked, {"after": tokens.token_of(found.next)}) if found.next else "",
        csv=f"/tracking/experiments/{number}/runs.csv" + _link(asked, {"col": asked.names}),
    )


def _note(tags: Sequence[Any]) -> str:
    return next((tag.value for tag in tags if tag.key == "mlflow.note.content"), "")


def _family(row: Row[Any], below: Mapping[str, Sequence[Row[Any]]]) -> list[tuple[Row[Any], int]]:
    children = below.get(row.run_id, ())[: run_table.CHILDREN]
    return [(row, 0), *((child, 1) for child in children)]


def _is_cut(children: Sequence[Row[Any]]) -> bool:
    return len(children) > run_table.CHILDREN


def _children_of(run_id: str) -> str:
    return "?" + urlencode({"filter": f"tags.{PARENT} = '{run_id}'"})


def _link(asked: Asked, changes: Mapping[str, Any]) -> str:
    kept = [(key, value) for key, value in asked.sort.query if key not in changes]
    wish = ("-" if asked.sort.descending else "") + asked.sort.by
    return "?" + urlencode([*kept, ("sort", wish), *changes.items()], doseq=True)


def lines_of(
    rows: Sequence[tuple[Row[Any], int]], cells: Mapping[int, Cells], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the lines of a table: the attributes of each run and the chosen cells."""
    return [_line(row, depth, cells.get(row.id, Cells()), names) for row, depth in rows]


def _line(row: Row[Any], depth: int, cells: Cells, names: Sequence[str]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "run_id": row.run_id,
        "name": row.run_name or row.run_id,
        "href": f"/tracking/runs/{row.run_id}",
        "depth": depth,
        "parent": cells.tags.get(PARENT, ""),
        "status": row.status,
        "level": LEVELS.get(row.status, "idle"),
        "started": row.start_time or None,
        "ended": row.end_time or None,
        "took": duration_of(row.start_time, row.end_time),
        "user": row.user_id or None,
        "source": cells.tags.get(columns.SOURCE),
        "models": [
            {"text": text, "href": f"/tracking/models/{quote(name)}" if name else ""}
            for text, name in cells.models
        ],
        "datasets": ", ".join(cells.datasets) or None,
    }
    for name in names:
        group, dot, key = name.partition(".")
        if dot:
            line[name] = getattr(cells, group).get(key)
    return line


def duration_of(start: int | None, end: int | None) -> float | None:
    """Return the seconds between two instants in milliseconds, None while there is no end."""
    return (end - start) / 1000 if start and end and end >= start else None
