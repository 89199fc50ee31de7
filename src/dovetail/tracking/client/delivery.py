"""From a journal to the server, in order, each record with effect exactly once.

A batch is remembered as done after the server has acknowledged it, so a batch may be sent twice
when the answer is lost. Twice is as once: MLflow keeps a point of a metric (key, step, timestamp,
value) once, a parameter keeps its value, tags of one run are sent in order. A run and a version
of a model carry a tag with a key of their own and are looked for before they are made again.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from dovetail.tracking.client.journal import Journal
from dovetail.tracking.client.records import Begin, End, File, Param, Point, Record, Register, Tag
from dovetail.tracking.client.surroundings import connect
from dovetail.wire.http import BadAnswer, BadRequest, Conflict, NotFound
from dovetail.wire.mlflow import (
    Client,
    LogBatch,
    Metric,
    RunInfo,
    UpdateRun,
    endpoints,
    proxy_path,
)
from dovetail.wire.mlflow import Param as WireParam
from dovetail.wire.mlflow import Tag as WireTag

__all__ = ["KEY_TAG", "Delivery", "Undeliverable"]

log = logging.getLogger("dovetail.tracking")
KEY_TAG = "dovetail.key"
MOST, MOST_TEXTS = 1000, 100  # MLflow refuses more in one batch
PATIENCE = 20  # refusals in a row after which a journal is given up
CHUNK = 1 << 20


class Undeliverable(Exception):
    """The server will never take the journal: its run is gone."""


class Delivery:
    """Delivers one journal, whose lock the caller holds.

    Args:
        journal: what to deliver.
        open_client: returns a client of a server.
    """

    def __init__(self, journal: Journal, open_client: Callable[[str], Client] = connect) -> None:
        self._journal, self._open = journal, open_client
        self._progress = journal.progress()
        self._client: Client | None = None
        self._refused = 0
        self.delivered = False

    @property
    def run_id(self) -> str | None:
        """The run's id, once the server has given one."""
        return self._progress.run_id

    def step(self) -> bool:
        """Deliver what fits into one request; False when there is nothing to deliver now.

        Raises:
            WireError: the server is away, or does not let us in: try again later.
            Undeliverable: trying again is in vain.
        """
        for segment in self._journal.segments():
            offset = self._progress.offsets.get(segment, 0)
            batch, after = self._gather(segment, offset)
            if batch:
                self._send(batch)
                self._save(offsets={**self._progress.offsets, segment: after})
                return True
            if self._progress.end or not self._journal.is_growing(segment):
                self._forget(segment)
        return self._finish()

    def close(self) -> None:
        """Give the connection back."""
        if self._client is not None:
            self._client.close()

    def _gather(self, segment: str, offset: int) -> tuple[list[Record], int]:
        """Return the records that one request can carry, and the offset after them."""
        batch: list[Record] = []
        texts, after = 0, offset
        for record, end in self._journal.read(segment, offset):
            alone = not isinstance(record, Point | Param | Tag)
            texts += isinstance(record, Param | Tag)
            if batch and (alone or texts > MOST_TEXTS or len(batch) == MOST):
                break
            batch.append(record)
            after = end
            if alone:
                break
        return batch, after

    def _send(self, batch: list[Record]) -> None:
        first = batch[0]
        try:
            if isinstance(first, Begin):
                self._begin(first)
            elif isinstance(first, File):
                self._upload(first)
            elif isinstance(first, Register):
                self._register(first)
            elif isinstance(first, End):
                self._save(end=first)
            else:
                self._log(batch)
        except (BadRequest, Conflict) as error:
            if isinstance(first, Begin):
                self._give_up(f"the run cannot be made: {error}")
            self._drop(first, str(error))

    def _server(self) -> Client:
        if self._client is None:
            self._client = self._open(self._progress.uri)
        return self._client

    # The run

    def _begin(self, record: Begin) -> None:
        self._save(uri=record.uri)
        server = self._server()
        try:
            if record.run_id is not None:
                self._continue(server, record.run_id)
                return
            experiment = _experiment(server, record.experiment)
            run = self._made_before(server, experiment)
            if run is None:
                self._save(asked=True)
                run = server.create_run(
                    experiment,
                    name=record.name,
                    start_time=record.started,
                    user=record.tags.get("mlflow.user"),
                    tags=record.tags,
                ).info
            self._save(run_id=run.run_id, artifact_uri=run.artifact_uri or "")
        except NotFound as error:
            self._give_up(str(error))

    def _continue(self, server: Client, run_id: str) -> None:
        run = server.get_run(run_id).info
        server.call(endpoints.UPDATE_RUN, UpdateRun(run_id=run_id, status="RUNNING"))
        self._save(run_id=run.run_id, artifact_uri=run.artifact_uri or "")

    def _made_before(self, server: Client, experiment: str) -> RunInfo | None:
        """Return the run that an attempt made whose answer was lost."""
        if not self._progress.asked:
            return None
        wanted = f"tags.`{KEY_TAG}` = '{self._journal.key}'"
        found = next(server.search_runs([experiment], filter=wanted, limit=1), None)
        return found.info if found else None

    def _finish(self) -> bool:
        """Tell the end, once everything before it is told; a run whose process died has one too."""
        end, progress = self._progress.end, self._progress
        segments = self._journal.segments()
        if end is None and not segments:
            end = End("KILLED", self._journal.last_written())
        unread = [s for s in segments if next(self._journal.read(s, progress.offsets.get(s, 0)), 0)]
        if end is None or unread:
            return bool(unread)
        if progress.run_id is not None:
            request = UpdateRun(run_id=progress.run_id, status=end.status, end_time=end.at)
            with contextlib.suppress(NotFound):
                self._server().call(endpoints.UPDATE_RUN, request)
        self.delivered = True
        self._journal.remove()
        return False

    # What it said

    def _log(self, batch: list[Record]) -> None:
        try:
            self._server().call(endpoints.LOG_BATCH, _message(self._known(), batch))
        except NotFound as error:
            self._give_up(str(error))
        except (BadRequest, Conflict) as error:
            if len(batch) == 1:
                self._drop(batch[0], str(error))
                return
            half = len(batch) // 2
            self._log(batch[:half])
            self._log(batch[half:])
        else:
            self._refused = 0

    def _upload(self, record: File) -> None:
        file = self._journal.file(record.copy)
        if file.exists():
            try:
                place = f"{proxy_path(self._progress.artifact_uri)}/{record.path}"
            except BadAnswer as error:
                self._drop(record, f"{error.message}: upload it with the storage's own client")
            else:
                large = file.stat().st_size > 8 * CHUNK
                self._server().put_artifact(place, _Chunks(file) if large else file.read_bytes())
        file.unlink(missing_ok=True)

    def _register(self, record: Register) -> None:
        server, run_id = self._server(), self._known()
        with contextlib.suppress(Conflict):
            server.create_registered_model(record.name)
        found = server.search_model_versions(f"run_id = '{run_id}'")
        version = next((v for v in found if any(t.value == record.key for t in v.tags)), None)
        if version is None:
            source = f"{self._progress.artifact_uri}/{record.path}"
            tags = {**record.tags, KEY_TAG: record.key}
            version = server.create_model_version(record.name, source, run_id=run_id, tags=tags)
        if record.alias is not None:
            server.set_alias(record.name, record.alias, str(version.version))

    # Bookkeeping

    def _known(self) -> str:
        if self._progress.run_id is None:
            raise Undeliverable("the journal has no beginning")
        return self._progress.run_id

    def _save(self, **changed: object) -> None:
        self._progress = msgspec.structs.replace(self._progress, **changed)
        self._journal.save(self._progress)

    def _forget(self, segment: str) -> None:
        self._journal.drop(segment)
        rest = {name: at for name, at in self._progress.offsets.items() if name != segment}
        self._save(offsets=rest)

    def _drop(self, record: Record, why: str) -> None:
        self._refused += 1
        log.warning("the tracking server refuses %r: %s", record, why)
        if self._refused >= PATIENCE:
            self._give_up(why)

    def _give_up(self, why: str) -> None:
        self._journal.refuse(why)
        raise Undeliverable(why)


class _Chunks:
    """A file's content in chunks, from the start each time it is asked for."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        with self._file.open("rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")


def _experiment(server: Client, name: str) -> str:
    try:
        return server.ensure_experiment(name)
    except Conflict:  # made by somebody else in between
        return server.get_experiment_by_name(name).experiment_id


def _message(run_id: str, batch: list[Record]) -> LogBatch:
    params = {r.key: r.value for r in batch if isinstance(r, Param)}
    tags = {r.key: r.value for r in batch if isinstance(r, Tag)}
    return LogBatch(
        run_id=run_id,
        metrics=tuple(Metric(r.key, r.number, r.at, r.step) for r in batch if isinstance(r, Point)),
        params=tuple(WireParam(key, value) for key, value in params.items()),
        tags=tuple(WireTag(key, value) for key, value in tags.items()),
    )
