"""An MLflow server as the target of a move, over its REST API.

The API gives out ids and times itself. The old ids go into tags of the new runs and logged models,
which is also how a move that was cut short finds what it had made. Numbers of versions are kept:
where one is missing, a version is made and deleted again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from math import nan
from typing import TYPE_CHECKING, TypeVar

from dovetail.base.errors import ConflictError, InvalidInputError
from dovetail.tracking.move.checksum import REGISTRATIONS
from dovetail.tracking.move.files import FolderFiles, ProxyFiles
from dovetail.tracking.move.journal import MODEL, NUMBERS, RUN, Item, Journal
from dovetail.tracking.move.records import (
    ModelRecord,
    Placed,
    Point,
    RegisteredRecord,
    RunRecord,
    Terms,
)
from dovetail.tracking.move.rest_mirror import MODEL_ID, RUN_ID, RestMirror, marked
from dovetail.tracking.move.rest_source import RestSource
from dovetail.tracking.move.rest_versions import put_registered
from dovetail.tracking.paths import proxied_path
from dovetail.wire.http import BadRequest, Conflict, NotFound
from dovetail.wire.mlflow import (
    Client,
    CreateLoggedModel,
    CreateRun,
    Experiment,
    FinalizeLoggedModel,
    GetExperiment,
    GetLoggedModel,
    GetRun,
    LoggedModel,
    LoggedModelParameter,
    LogInputs,
    LogLoggedModelParams,
    LogOutputs,
    Metric,
    ModelInput,
    ModelOutput,
    Run,
    SetExperimentTag,
    Tag,
    UpdateRun,
    endpoints,
)

if TYPE_CHECKING:
    from dovetail.tracking.move.traces.records import TraceWriter

__all__ = ["RestTarget"]

L = TypeVar("L")
FEW = 100
_LOST = (
    f"ids of runs and logged models: the old ones are in the tags {RUN_ID} and {MODEL_ID}",
    "when experiments, logged models, registered models and versions were made and changed",
    "who made a version, and when a run was deleted",
    "traces, which an export to a database keeps",
)


class RestTarget:
    """An MLflow server.

    Args:
        client: speaks to it.
        label: its name in reports.
        journal: what was moved before.
    """

    terms = Terms(ids=False, times=False, lost=_LOST)

    def __init__(self, client: Client, label: str, journal: Journal) -> None:
        self.client, self.label, self._journal = client, label, journal
        self.traces: TraceWriter | None = None
        self._uris: dict[str, str] = {}
        self._runs: dict[str, Run] = {}
        self._models: dict[str, LoggedModel] = {}

    def place(self, experiment: Experiment, known: Placed | None) -> Placed:
        """Make an experiment, or find the one of that name; it is active until the end."""
        try:
            found = self.client.get_experiment_by_name(experiment.name)
            is_joined = known.is_joined if known else True
        except NotFound:
            number = self.client.create_experiment(experiment.name)
            found, is_joined = self.client.get_experiment(number), False
        number = found.experiment_id
        if found.lifecycle_stage != "active":
            self.client.call(endpoints.RESTORE_EXPERIMENT, GetExperiment(number))
        has = {tag.key for tag in found.tags} if is_joined else set()
        for tag in experiment.tags:
            if tag.key not in has:
                request = SetExperimentTag(number, tag.key, tag.value)
                self.client.call(endpoints.SET_EXPERIMENT_TAG, request)
        self._find_earlier(number)
        is_same = number == experiment.experiment_id
        note = "" if is_same else f"it is {number} there"
        return Placed(number, found.artifact_location or "", experiment.name, note, is_joined)

    def _find_earlier(self, number: str) -> None:
        """Remember the runs and logged models that a move has made in an experiment before."""
        source = RestSource(self.client, self.label)
        for batch in source.runs(number, lambda _: False):
            for record in batch:
                if old := marked(record.run.data.tags, RUN_ID):
                    self._runs[old] = record.run
        for model in source.models(number):
            if old := marked(model.model.info.tags, MODEL_ID):
                self._models[old] = model.model

    def run_uri(self, placed: Placed, run_id: str) -> str:
        """Return where the artifacts of a run lie; unknown until it is made."""
        return self._uris.get(run_id, "")

    def model_uri(self, placed: Placed, model_id: str) -> str:
        """Return where the files of a logged model lie; unknown until it is made."""
        return self._uris.get(model_id, "")

    def put_runs(self, placed: Placed, records: Sequence[RunRecord]) -> Mapping[str, str]:
        """Write runs and return their ids in the target."""
        with _refusals():
            return {one.id: self._put_run(placed, one) for one in records}

    def _put_run(self, placed: Placed, record: RunRecord) -> str:
        info, data = record.run.info, record.run.data
        run = self._runs.get(record.id)
        if run is None:
            request = CreateRun(
                experiment_id=placed.id,
                user_id=info.user_id,
                run_name=info.run_name,
                start_time=info.start_time,
                tags=(Tag(RUN_ID, record.id),),
            )
            run = self.client.call(endpoints.CREATE_RUN, request).run
        elif run.info.lifecycle_stage != "active":
            self.client.call(endpoints.RESTORE_RUN, GetRun(run_id=run.info.run_id))
        number = run.info.run_id
        self._runs[record.id] = run
        self._uris[number] = run.info.artifact_uri or ""
        self.client.log_batch(
            number,
            params={p.key: p.value for p in data.params},
            tags={t.key: t.value for t in data.tags},
        )
        if record.run.inputs and record.run.inputs.dataset_inputs:
            read = LogInputs(run_id=number, datasets=record.run.inputs.dataset_inputs)
            self.client.call(endpoints.LOG_INPUTS, read)
        ended = UpdateRun(run_id=number, status=info.status, end_time=info.end_time)
        self.client.call(endpoints.UPDATE_RUN, ended)
        return number

    def put_points(self, placed: Placed, points: Sequence[Point]) -> None:
        """Write points of runs that were written before."""
        with _refusals():
            for run, some in groupby(sorted(points, key=_run_of), key=_run_of):
                metrics = [Metric(p[1], nan if p[5] else p[4], p[3], p[2]) for p in some]
                self.client.log_batch(run, metrics=metrics)

    def finish_runs(self, placed: Placed, records: Sequence[RunRecord]) -> None:
        """Link runs to logged models, then delete those that are deleted."""
        for record in records:
            item = self._journal.find(RUN, record.id)
            if item is None or not item.target:
                continue
            self._link(record, item.target)
            if record.run.info.lifecycle_stage != "active":
                self.client.call(endpoints.DELETE_RUN, GetRun(run_id=item.target))

    def _link(self, record: RunRecord, number: str) -> None:
        made = record.run.outputs.model_outputs if record.run.outputs else ()
        read = record.run.inputs.model_inputs if record.run.inputs else ()
        if not (made or read):
            return
        run = self.client.get_run(number)
        outputs = [ModelOutput(self._model(one.model_id), one.step) for one in made]
        inputs = [ModelInput(self._model(one.model_id)) for one in read]
        new_outputs = _without(outputs, run.outputs.model_outputs if run.outputs else ())
        new_inputs = _without(inputs, run.inputs.model_inputs if run.inputs else ())
        if new_outputs:
            told = LogOutputs(run_id=number, models=tuple(new_outputs))
            self.client.call(endpoints.LOG_OUTPUTS, told)
        if new_inputs:
            given = LogInputs(run_id=number, models=tuple(new_inputs))
            self.client.call(endpoints.LOG_INPUTS, given)

    def _model(self, model_id: str) -> str:
        item = self._journal.find(MODEL, model_id)
        return item.target if item and item.target else model_id

    def put_model(self, placed: Placed, record: ModelRecord) -> str:
        """Write a logged model and return its id in the target."""
        with _refusals():
            return self._put_model(placed, record)

    def _put_model(self, placed: Placed, record: ModelRecord) -> str:
        info, data = record.model.info, record.model.data
        params = [LoggedModelParameter(p.key, p.value) for p in data.params]
        model = self._models.get(record.id)
        if model is None:
            request = CreateLoggedModel(
                experiment_id=placed.id,
                name=info.name,
                model_type=info.model_type,
                source_run_id=self._run(info.source_run_id),
                params=tuple(params[:FEW]),
                tags=(*(t for t in info.tags if t.key != REGISTRATIONS), Tag(MODEL_ID, record.id)),
            )
            model = self.client.call(endpoints.CREATE_LOGGED_MODEL, request).model
        number = model.info.model_id
        self._models[record.id] = model
        self._uris[number] = model.info.artifact_uri or ""
        for start in range(FEW, len(params), FEW):
            some = LogLoggedModelParams(number, tuple(params[start : start + FEW]))
            self.client.call(endpoints.LOG_LOGGED_MODEL_PARAMS, some)
        self._measure(number, record)
        if info.status != model.info.status:
            self.client.call(
                endpoints.FINALIZE_LOGGED_MODEL, FinalizeLoggedModel(number, info.status)
            )
        return number

    def _measure(self, number: str, record: ModelRecord) -> None:
        for m in record.model.data.metrics:
            if run := self._run(m.run_id):
                point = Metric(
                    *(m.key, m.value, m.timestamp, m.step, number),
                    *(m.dataset_name, m.dataset_digest, run),
                )
                self.client.log_batch(run, metrics=[point])

    def _run(self, run_id: str | None) -> str | None:
        item = self._journal.find(RUN, run_id) if run_id else None
        return item.target if item and item.target else run_id

    def finish_model(self, record: ModelRecord) -> None:
        """Delete a logged model that is deleted."""
        item = self._journal.find(MODEL, record.id)
        if item and item.target and record.is_deleted:
            self.client.call(endpoints.DELETE_LOGGED_MODEL, GetLoggedModel(item.target))

    def finish_experiment(self, placed: Placed, experiment: Experiment) -> None:
        """Delete an experiment that is deleted."""
        if experiment.lifecycle_stage != "active":
            self.client.call(endpoints.DELETE_EXPERIMENT, GetExperiment(placed.id))

    def has_registered(self, name: str) -> bool:
        """Tell whether a registered model has the name."""
        try:
            self.client.get_registered_model(name)
        except NotFound:
            return False
        return True

    def put_registered(self, record: RegisteredRecord) -> None:
        """Write a registered model with its versions, over what is there of the same name."""
        name = record.model.name
        before = self._journal.find(NUMBERS, name)
        with _refusals():
            last = put_registered(self.client, record, int(before.target) if before else 0)
        self._journal.write([Item(kind=NUMBERS, id=name, target=str(last))])

    def put_file(self, uri: str, path: str, chunks: Iterator[bytes]) -> None:
        """Store a file below an artifact URI."""
        base = proxied_path(uri)
        if base is None:
            raise InvalidInputError(
                f"files cannot be stored at {uri!r}", why="the server does not serve artifacts"
            )
        with _refusals():
            self.client.put_artifact(f"{base}/{path}", chunks)

    def files(self) -> ProxyFiles:
        """Return the same files to be read."""
        return ProxyFiles(self.client, FolderFiles(()))

    def reader(self) -> RestMirror:
        """Return the same store to be read, with runs and models under the source's ids."""
        return RestMirror(RestSource(self.client, self.label), self._journal)

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()


def _run_of(point: Point) -> str:
    return point[0]


def _without(wanted: Iterable[L], there: Sequence[L]) -> list[L]:
    return [one for one in wanted if one not in there]


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the server refuses into a reason to pass one thing over; silence ends the move."""
    try:
        yield
    except (BadRequest, Conflict, NotFound) as error:
        raise ConflictError(f"the server refused it: {error.message}") from error
