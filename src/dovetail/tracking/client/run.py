"""A run as a training script sees it: every call returns at once and none can fail the script."""

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dovetail.base.ids import new_id
from dovetail.tracking.client import surroundings
from dovetail.tracking.client.delivery import KEY_TAG, Delivery, Undeliverable
from dovetail.tracking.client.journal import Journal, journals
from dovetail.tracking.client.records import (
    Begin,
    End,
    File,
    Param,
    Point,
    Record,
    Register,
    Status,
    Tag,
    storable,
)
from dovetail.tracking.client.sender import Sender
from dovetail.wire.http import WireError

__all__ = ["Run", "resend", "start_run"]

log = logging.getLogger("dovetail.tracking")
PATIENCE = 30.0
MOST_PARAM, MOST_TAG = 6000, 8000  # characters; MLflow refuses more


class Run:
    """One run of a training script; made by `start_run`.

    What is logged is appended to a journal on disk and delivered by a thread. So no call waits for
    the network, and nothing that was logged is lost when the server, the network or this process
    dies: what is left is sent by the next `start_run` with the same spool, or by
    `dovetail tracking resend`.
    """

    def __init__(self, journal: Journal, begin: Begin) -> None:
        self._journal, self._pid = journal, os.getpid()
        self._params: dict[str, str] = {}
        self._ended = False
        self._told: set[str] = set()
        journal.claim()
        self._keep(begin)
        self._delivery = Delivery(journal)
        self._sender = Sender(self._delivery)
        atexit.register(self._at_exit)

    @property
    def key(self) -> str:
        """The run's own key; it is also the run's tag `dovetail.key`."""
        return self._journal.key

    @property
    def id(self) -> str | None:
        """The run's id on the server, None until the server has given one; see `flush`."""
        return self._delivery.run_id

    @property
    def problem(self) -> str:
        """Why the server does not take the run now, "" while it does."""
        return self._sender.problem

    def log_metric(
        self, key: str, value: Any, step: int = 0, *, timestamp: int | None = None
    ) -> None:
        """Log one point of a metric.

        Args:
            key: the metric's name.
            value: a number, or what `float` makes one of: NumPy scalars, tensors of one element.
            step: an integer that says where in training it is.
            timestamp: milliseconds since 1970; by default now.
        """
        try:
            number = storable(float(value))
            at = time.time_ns() // 1_000_000 if timestamp is None else int(timestamp)
            point = Point(key, number, at, int(step))
        except (TypeError, ValueError, OverflowError) as error:
            self._tell(f"metric {key!r} is not logged: {error}")
            return
        self._keep(point)

    def log_metrics(
        self, metrics: Mapping[str, Any], step: int = 0, *, timestamp: int | None = None
    ) -> None:
        """Log points of several metrics at one step and time."""
        at = time.time_ns() // 1_000_000 if timestamp is None else timestamp
        for key, value in metrics.items():
            self.log_metric(key, value, step, timestamp=at)

    def log_param(self, key: str, value: Any) -> None:
        """Log a parameter; the first value stands, because MLflow lets none change."""
        text = self._cut(f"param {key!r}", str(value), MOST_PARAM)
        if self._params.setdefault(key, text) != text:
            self._tell(f"param {key!r} stays {self._params[key]!r}: it was logged before")
            return
        self._keep(Param(key, text))

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log several parameters."""
        for key, value in params.items():
            self.log_param(key, value)

    def set_tag(self, key: str, value: Any) -> None:
        """Set a tag; the last value stands."""
        self._keep(Tag(key, self._cut(f"tag {key!r}", str(value), MOST_TAG)))

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags."""
        for key, value in tags.items():
            self.set_tag(key, value)

    def log_artifact(self, file: str | os.PathLike[str], folder: str = "") -> None:
        """Upload a file, or a folder with all that is in it.

        A copy is taken before the call returns, so that the file may change.

        Args:
            file: what to upload.
            folder: where below the run's artifacts.
        """
        source = Path(file)
        files = (
            [f for f in sorted(source.rglob("*")) if f.is_file()] if source.is_dir() else [source]
        )
        for one in files:
            try:
                inside = one.relative_to(source.parent).as_posix()
                self._keep(File(_below(folder, inside), self._journal.copy(one)))
            except OSError as error:
                self._tell(f"artifact {one} is not logged: {error}")

    def log_text(self, text: str, path: str) -> None:
        """Upload a text as a file below the run's artifacts."""
        try:
            self._keep(File(_below("", path), self._journal.keep(text.encode())))
        except OSError as error:
            self._tell(f"artifact {path} is not logged: {error}")

    def register_model(
        self,
        name: str,
        path: str = "model",
        *,
        alias: str | None = None,
        tags: Mapping[str, str] = {},
    ) -> None:
        """Register a folder of the run's artifacts as the next version of a model.

        Args:
            name: the registered model; made where it is missing.
            path: the folder, logged before.
            alias: an alias to point at the new version.
            tags: of the version.
        """
        key = new_id()
        self._keep(Register(key=key, name=name, path=path, alias=alias, tags=dict(tags)))

    def flush(self, timeout: float = PATIENCE) -> bool:
        """Wait until the server has all that was logged; False if it is away, or time is over.

        Args:
            timeout: seconds to wait at most.
        """
        return self._sender.flush(timeout)

    def close(self, status: Status = "FINISHED", timeout: float = PATIENCE) -> bool:
        """End the run and wait for its delivery as `flush` does."""
        if self._ended or os.getpid() != self._pid:
            return not self._sender.problem
        self._keep(End(status, time.time_ns() // 1_000_000))
        self._ended = True
        atexit.unregister(self._at_exit)
        done = self._sender.flush(timeout)
        self._sender.stop()
        if not done:
            log.warning(
                "the run is not delivered yet; it is kept in %s and sent by the next run, or by: "
                "dovetail tracking resend --spool %s",
                self._journal.folder,
                self._journal.folder.parent,
            )
            self._journal.release()
        return done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(_status(kind))

    def _at_exit(self) -> None:
        failed = getattr(sys, "last_type", None)  # the exception that ends the script, if one does
        self.close(_status(failed))

    def _keep(self, record: Record) -> None:
        if self._ended:
            self._tell("something is not logged: the run has ended")
            return
        try:
            self._journal.append(record)
        except OSError as error:
            self._tell(f"nothing can be kept in {self._journal.folder}: {error}")
            return
        if self._pid == os.getpid() and not isinstance(record, Begin):
            self._sender.wake()

    def _cut(self, what: str, text: str, most: int) -> str:
        if len(text) > most:
            self._tell(f"{what} is cut to {most} characters")
        return text[:most]

    def _tell(self, problem: str) -> None:
        """Warn, once for each kind of problem."""
        if problem not in self._told and len(self._told) < 100:
            self._told.add(problem)
            log.warning("%s", problem)


def start_run(
    experiment: str = "Default",
    name: str | None = None,
    *,
    params: Mapping[str, Any] = {},
    tags: Mapping[str, Any] = {},
    run_id: str | None = None,
    uri: str | None = None,
    spool: str | os.PathLike[str] | None = None,
) -> Run:
    """Start a run on a tracking server, ours or any MLflow server; returns at once.

    Args:
        experiment: its name; the experiment is made where it is missing.
        name: the run's name; by default the server makes one up.
        params: parameters to log.
        tags: tags to set.
        run_id: a run to continue, instead of a new one.
        uri: the server; by default `MLFLOW_TRACKING_URI`, else http://127.0.0.1:8080.
        spool: folder for what is not delivered yet; by default `DOVETAIL_SPOOL`, else
            `.dovetail/spool` below the working folder.

    Example:
        >>> with start_run("flights", params={"depth": 6}) as run:  # doctest: +SKIP
        ...     for step in range(100):
        ...         run.log_metric("loss", 1 / (step + 1), step)
    """
    folder = _writable(surroundings.spool_folder(spool))
    left = journals(folder)
    if left:
        threading.Thread(target=_send_left, args=(left,), daemon=True).start()
    key = new_id()
    begin = Begin(
        uri=surroundings.server_uri(uri),
        experiment=experiment,
        name=name,
        run_id=run_id,
        started=time.time_ns() // 1_000_000,
        tags={**surroundings.source_tags(), KEY_TAG: key},
    )
    run = Run(Journal(folder / key), begin)
    run.log_params(params)
    run.set_tags(tags)
    revision = surroundings.commit(sys.argv[0]) if sys.argv[0] else None
    if revision is not None:
        run.set_tag("mlflow.source.git.commit", revision)
    return run


def resend(spool: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Deliver what earlier processes could not; those of living processes are left to them.

    Args:
        spool: the folder, as for `start_run`.

    Returns:
        For each run by its key "" when it was delivered, else why not.
    """
    found = {}
    for journal in journals(surroundings.spool_folder(spool)):
        if not journal.claim():
            continue
        delivery = Delivery(journal)
        try:
            while delivery.step():
                pass
            found[journal.key] = "" if delivery.delivered else "it is not complete"
        except (WireError, Undeliverable, OSError) as error:
            found[journal.key] = str(error)
        finally:
            delivery.close()
            journal.release()
    return found


def _send_left(left: list[Journal]) -> None:
    for folder in {journal.folder.parent for journal in left}:
        for key, problem in resend(folder).items():
            if problem:
                log.info("run %s of an earlier process is kept: %s", key, problem)


def _writable(folder: Path) -> Path:
    """Return the spool's folder, or a temporary one where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
        why = "it is not writable"
    except OSError as error:
        why = str(error)
    import tempfile

    other = Path(tempfile.mkdtemp(prefix="dovetail-spool-"))
    log.warning("the spool %s cannot be used (%s): %s is used instead", folder, why, other)
    return other


def _below(folder: str, path: str) -> str:
    return "/".join(part for part in (folder.strip("/"), path.strip("/")) if part)


def _status(error: type[BaseException] | None) -> Status:
    if error is None:
        return "FINISHED"
    return "KILLED" if issubclass(error, KeyboardInterrupt) else "FAILED"
