"""Use cases on experiments."""

from sqlalchemy.engine import Connection

from dovetail.tracking import paging
from dovetail.tracking.backend import Backend
from dovetail.tracking.filters import EXPERIMENTS, parse_filter, parse_order
from dovetail.tracking.handlers.views import stages_of
from dovetail.tracking.paths import absolute, check_location
from dovetail.tracking.store import experiments, inputs, search_experiments
from dovetail.tracking.validation import (
    check_experiment_name,
    check_experiment_tag,
    check_max_results,
    check_search_datasets,
    experiment_number,
)
from dovetail.wire.mlflow import (
    CreateExperiment,
    CreateExperimentResponse,
    DeleteExperimentTag,
    Empty,
    ExperimentResponse,
    GetExperiment,
    GetExperimentByName,
    SearchDatasets,
    SearchDatasetsResponse,
    SearchExperiments,
    SearchExperimentsResponse,
    SetExperimentTag,
    UpdateExperiment,
)

__all__ = [
    "create",
    "delete",
    "delete_tag",
    "get",
    "get_by_name",
    "restore",
    "search",
    "search_datasets",
    "set_tag",
    "update",
]


def create(b: Backend, c: Connection, q: CreateExperiment) -> CreateExperimentResponse:
    """Create an experiment under a free name."""
    check_experiment_name(q.name)
    for tag in q.tags:
        check_experiment_tag(tag.key, tag.value)
    location = q.artifact_location
    if location:
        check_location(location)
        location = absolute(location)
    number = experiments.create(c, q.name, location, b.root, q.tags, b.now())
    return CreateExperimentResponse(str(number))


def get(b: Backend, c: Connection, q: GetExperiment) -> ExperimentResponse:
    """Get an experiment, deleted or not, by id."""
    row = experiments.get(c, experiment_number(q.experiment_id))
    return ExperimentResponse(experiments.entities(c, [row])[0])


def get_by_name(b: Backend, c: Connection, q: GetExperimentByName) -> ExperimentResponse:
    """Get an experiment, deleted or not, by name."""
    row = experiments.by_name(c, q.experiment_name)
    return ExperimentResponse(experiments.entities(c, [row])[0])


def update(b: Backend, c: Connection, q: UpdateExperiment) -> Empty:
    """Rename an experiment."""
    check_experiment_name(q.new_name)
    experiments.rename(c, experiment_number(q.experiment_id), q.new_name, b.now())
    return Empty()


def delete(b: Backend, c: Connection, q: GetExperiment) -> Empty:
    """Mark an experiment and its runs as deleted."""
    experiments.delete(c, experiment_number(q.experiment_id), b.now())
    return Empty()


def restore(b: Backend, c: Connection, q: GetExperiment) -> Empty:
    """Undo a deletion."""
    experiments.restore(c, experiment_number(q.experiment_id), b.now())
    return Empty()


def set_tag(b: Backend, c: Connection, q: SetExperimentTag) -> Empty:
    """Set a tag of an experiment."""
    check_experiment_tag(q.key, q.value)
    experiments.set_tag(c, experiment_number(q.experiment_id), q.key, q.value)
    return Empty()


def delete_tag(b: Backend, c: Connection, q: DeleteExperimentTag) -> Empty:
    """Delete a tag of an experiment."""
    experiments.delete_tag(c, experiment_number(q.experiment_id), q.key)
    return Empty()


def search(b: Backend, c: Connection, q: SearchExperiments) -> SearchExperimentsResponse:
    """Find experiments, a page at a time."""
    check_max_results(q.max_results)
    offset = paging.offset_of(q.page_token)
    rows = search_experiments.find(
        c,
        parse_filter(q.filter, EXPERIMENTS),
        parse_order(q.order_by, EXPERIMENTS),
        stages_of(q.view_type),
        (offset, q.max_results + 1),
    )
    found, token = paging.page(rows, offset, q.max_results)
    return SearchExperimentsResponse(
        experiments=tuple(experiments.entities(c, found)), next_page_token=token
    )


def search_datasets(b: Backend, c: Connection, q: SearchDatasets) -> SearchDatasetsResponse:
    """List the datasets that the runs of some experiments read."""
    check_search_datasets(q.experiment_ids)
    numbers = [experiment_number(text) for text in q.experiment_ids]
    return SearchDatasetsResponse(tuple(inputs.summaries(c, numbers)))
