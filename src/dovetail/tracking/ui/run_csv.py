"""The table of runs as CSV: every run that fits, in the order and with the columns of the page."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dovetail.tracking.handlers import experiments as experiment_cases
from dovetail.tracking.routes.protocol import Operations
from dovetail.tracking.store import run_columns, run_table
from dovetail.tracking.ui import columns
from dovetail.tracking.ui.experiment import PARENT, Asked, lines_of
from dovetail.tracking.ui.memory import Memory
from dovetail.web import formats
from dovetail.wire.mlflow import GetExperiment

__all__ = ["attached", "run_csv", "written"]

CHUNK = 500
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def run_csv(operations: Operations, request: Request, memory: Memory) -> Response:
    """Return the runs that an address asks for, read and sent a part at a time.

    Raises:
        InvalidParameterError: the filter cannot be read.
        MissingResourceError: there is no such experiment.
    """
    backend, database = operations.backend, operations.database
    number = request.path_params["experiment_id"]
    found = database.read(lambda c: experiment_cases.get(backend, c, GetExperiment(number)))
    key = int(found.experiment.experiment_id)
    asked = database.read(lambda c: Asked.of(c, request, key, memory))
    asked.conditions()
    return attached(_parts(operations, asked), f"experiment-{key}-runs.csv")


def attached(parts: Iterator[str], name: str) -> Response:
    """Return CSV as a file with a name."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
    return StreamingResponse(parts, headers=headers, media_type="text/csv; charset=utf-8")


def _parts(operations: Operations, asked: Asked) -> Iterator[str]:
    yield written([["run_id", "name", *asked.names, "parent_run_id"]])
    after: run_table.Cursor | None = None
    wanted = columns.wanted(asked.names, f"tags.{PARENT}")
    while True:
        query = asked.query(after, CHUNK)

        def read(c: Any, query: run_table.TableQuery = query) -> tuple[run_table.Page, Any]:
            page = run_table.page(c, query)
            rows = {row.id: row.run_id for row in page.rows}
            return page, run_columns.cells(c, rows, wanted)

        page, cells = operations.database.read(read)
        lines = lines_of([(row, 0) for row in page.rows], cells, asked.names)
        yield written([_cells(line, asked.names) for line in lines])
        if page.next is None:
            return
        after = page.next


def _cells(line: dict[str, Any], names: Sequence[str]) -> list[object]:
    return [
        line["run_id"],
        line["name"],
        *(_cell(name, line[name]) for name in names),
        line["parent"],
    ]


def _cell(name: str, value: Any) -> object:
    if name in ("started", "ended"):
        return formats.iso(value)
    if name == "models":
        return ", ".join(model["text"] for model in value)
    return value


def written(rows: Sequence[Sequence[object]]) -> str:
    """Return rows as CSV; text that a spreadsheet would take for a formula is made plain.

    Example:
        >>> written([["=1+1", -0.5, None]])
        "'=1+1,-0.5,\\r\\n"
    """
    out = io.StringIO()
    csv.writer(out).writerows([[_plain(cell) for cell in row] for row in rows])
    return out.getvalue()


def _plain(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(FORMULA) and not _is_number(cell):
        return "'" + cell
    return cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
