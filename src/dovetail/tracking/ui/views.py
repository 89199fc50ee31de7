"""What the pages show, as values: the HTML page and its JSON twin are made from the same."""

from typing import Any

import msgspec

from dovetail.tracking.ui.files import FilesView
from dovetail.web.charts import Chart
from dovetail.web.sorting import Sort

__all__ = [
    "ExperimentLine",
    "ExperimentPage",
    "Experiments",
    "RunPage",
]


class ExperimentLine(msgspec.Struct, frozen=True):
    """An experiment in the list; times in milliseconds since 1970."""

    name: str
    href: str
    runs: int
    newest: int | None
    created: int


class Experiments(msgspec.Struct, frozen=True):
    """The page `/tracking`."""

    experiments: list[ExperimentLine]
    sort: Sort
    address: str


class ExperimentPage(msgspec.Struct, frozen=True):
    """The page of one experiment: its runs as a table whose columns are what they logged."""

    name: str
    experiment_id: str
    filter: str
    problem: str | None
    columns: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    sort: Sort
    next: str


class RunPage(msgspec.Struct, frozen=True):
    """The page of one run."""

    run: dict[str, Any]
    experiment: dict[str, str]
    metrics: list[dict[str, Any]]
    charts: list[Chart]
    params: list[dict[str, str]]
    tags: list[dict[str, str]]
    datasets: list[dict[str, Any]]
    models: list[dict[str, Any]]
    files: FilesView
