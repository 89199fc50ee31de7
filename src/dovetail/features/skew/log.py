"""A sample of the questions and answers of the online store, in files of a day.

Serves `compare`. Nothing here holds an answer up: what is sampled is handed to a thread through a
bounded queue, and what does not fit is dropped and counted.
"""

import queue
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import Counter

from dovetail.base import telemetry
from dovetail.features.errors import RowsError
from dovetail.features.moments import moment, moment_text
from dovetail.features.online.answers import Answer
from dovetail.wire.feast import GetOnlineFeatures

__all__ = ["Served", "ServedLog", "read_log"]

log = telemetry.logger("features")
WAITING = 1_000
SERVED = Counter(
    "dovetail_features_served_sampled", "Sampled lookups, by what became of them.", ["outcome"]
)


class Served(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question and its answer.

    Attributes:
        asked: When it was asked, RFC 3339.
        columns: Entities, request data and features by name, one value an entity.
        names: Which of the columns are features.
        service: The feature service that was asked for; empty for single features.
        features: The features that were asked for, `view:feature`.
        full_feature_names: Whether features are called `view__feature`.
    """

    asked: str
    columns: dict[str, list[Any]]
    names: list[str]
    service: str = ""
    features: list[str] = []
    full_feature_names: bool = False


@dataclass(frozen=True)
class _Told:
    question: GetOnlineFeatures
    answer: Answer
    as_of: int


class ServedLog:
    """Keeps a share of what is served.

    Args:
        folder: Where the files are; one a day, `2026-03-01.jsonl`.
        share: Which share of the questions is kept, 0 to 1.
        most_bytes: When the files take more, the oldest go.
    """

    def __init__(self, folder: Path, share: float, most_bytes: int) -> None:
        self._folder, self._share, self._most = folder, share, most_bytes
        self._queue: queue.Queue[_Told | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._write, name="features-served", daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def tell(self, question: GetOnlineFeatures, answer: Answer, as_of: int) -> None:
        """Keep a question and its answer, if it is in the sample; never waits."""
        if random.random() >= self._share or not answer.length:
            return
        try:
            self._queue.put_nowait(_Told(question, answer, as_of))
        except queue.Full:
            SERVED.labels("dropped").inc()

    def stop(self) -> None:
        """Write what is waiting, and stop."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _write(self) -> None:
        while (told := self._queue.get()) is not None:
            try:
                self._keep(told)
                SERVED.labels("kept").inc()
            except Exception as error:
                SERVED.labels("failed").inc()
                log.error("a served answer could not be kept", error=str(error), exc_info=error)

    def _keep(self, told: _Told) -> None:
        line = Served(
            asked=moment_text(told.as_of),
            columns=told.answer.columns(),
            names=list(told.answer.names),
            service=told.question.feature_service or "",
            features=list(told.question.features or []),
            full_feature_names=told.question.full_feature_names,
        )
        day = self._folder / f"{moment(told.as_of):%Y-%m-%d}.jsonl"
        is_new = not day.exists()
        with day.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
        if is_new or day.stat().st_size > self._most:
            self._make_room(day)

    def _make_room(self, current: Path) -> None:
        """Remove the oldest days until the files fit; a day that is too large on its own too."""
        days = sorted(self._folder.glob("*.jsonl"))
        held = sum(day.stat().st_size for day in days)
        for day in days:
            if held <= self._most:
                return
            held -= day.stat().st_size
            day.unlink()


def read_log(path: Path) -> Iterator[Served]:
    """Read a file of served answers, or all files of a folder, the oldest first.

    Raises:
        RowsError: There is no such file, or a line is not of this format.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise RowsError(
            f"There are no served answers in {path}",
            fix="Set [features] served_share, for example to 0.01, and ask again later",
        )
    decoder = msgspec.json.Decoder(Served)
    for file in files:
        lines = file.read_bytes().splitlines()
        for number, line in enumerate(lines, 1):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                if number == len(lines) and file == files[-1]:
                    return  # the line that is just being written
                raise RowsError(
                    f"Line {number} of {file} is not a served answer", why=str(error)
                ) from None
