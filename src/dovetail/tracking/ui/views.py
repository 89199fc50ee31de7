"""What the pages show, as values: the HTML page and its JSON twin are made from the same."""

from typing import Any

import msgspec

from dovetail.tracking.ui.columns import Column
from dovetail.tracking.ui.files import FilesView
from dovetail.web.sorting import Sort

__all__ = [
    "ExperimentLine",
    "ExperimentPage",
    "Experiments",
    "RunPage",
]


class ExperimentLine(msgspec.Struct, frozen=True):
    """An experiment in the list; times in milliseconds since 1970, size in bytes, if measured."""

    name: str
    href: str
    runs: int
    newest: int | None
    created: int
    size: int | None = None


class Experiments(msgspec.Struct, frozen=True):
    """The page `/tracking`."""

    experiments: list[ExperimentLine]
    is_measured: bool
    sort: Sort
    address: str


class ExperimentPage(msgspec.Struct, frozen=True):
    """The page of one experiment: its runs as a table whose columns are what they logged.

    Attributes:
        name: the experiment's name.
        experiment_id: its number.
        stage: its lifecycle stage.
        description: its note.
        filter: as it was given.
        problem: why the filter cannot be used.
        notes: what may be wrong with it.
        columns: those that are shown.
        choices: all that there are, in groups.
        runs: a page of them, with times in milliseconds since 1970 and `took` in seconds.
        larger: links to all children of the parents that have more than are shown.
        sort: the order.
        total: how many fit, at most ten seconds old; None where counting would take long.
        deleted: whether these are the deleted runs.
        nested: whether children stand beneath their parents.
        first: the link to the first page.
        next: the link to the next page.
        csv: the link to all that fit, as CSV.
    """

    name: str
    experiment_id: str
    stage: str
    description: str
    filter: str
    problem: str | None
    notes: list[str]
    columns: list[Column]
    choices: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    larger: dict[str, str]
    sort: Sort
    total: int | None
    deleted: bool
    nested: bool
    first: str
    next: str
    csv: str


class RunPage(msgspec.Struct, frozen=True):
    """The page of one run.

    Attributes:
        run: what it is; times in milliseconds since 1970, `took` in seconds.
        experiment: its name and address.
        description: its note.
        parent: the run that it is a child of.
        children: its first children.
        all_children: the link to all of them as a table.
        compare_children: the link to them side by side.
        code: where its code came from.
        groups: the metrics that have a curve, by the first part of their names; their data is at
            `/tracking/charts.json`.
        look: how the charts are drawn.
        metrics: the newest value of each.
        params: what was set.
        tags: those that people set.
        system_tags: those that clients set by themselves.
        datasets: what was read.
        models: what was read and made.
        files: what it left.
    """

    run: dict[str, Any]
    experiment: dict[str, str]
    description: str
    parent: dict[str, Any] | None
    children: list[dict[str, Any]]
    all_children: str
    compare_children: str
    code: list[dict[str, str]]
    groups: list[dict[str, Any]]
    look: dict[str, str]
    metrics: list[dict[str, Any]]
    params: list[dict[str, str]]
    tags: list[dict[str, str]]
    system_tags: list[dict[str, str]]
    datasets: list[dict[str, Any]]
    models: list[dict[str, Any]]
    files: FilesView
