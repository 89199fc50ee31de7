"""What is moved between stores, whoever keeps it: the two seams that every store of a move fills.

A source yields records in the words of the protocol, with what the protocol leaves out beside them
(when a run was deleted, which numbers of versions are gone). A target takes them. A store that can
be written to is also read back, so that what arrived is compared with what was sent.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from dovetail.tracking.move.files import Files
from dovetail.wire.mlflow import Experiment, LoggedModel, ModelVersion, RegisteredModel, Run

if TYPE_CHECKING:
    from dovetail.tracking.move.traces.records import TraceReader, TraceWriter

__all__ = [
    "DELETED_VERSION",
    "ModelRecord",
    "Placed",
    "Point",
    "RegisteredRecord",
    "RunRecord",
    "Skip",
    "Source",
    "Target",
    "Terms",
    "VersionRecord",
]

DELETED_VERSION = "Deleted_Internal"
Point = tuple[str, str, int, int, float, bool]
"""Run, key, step, timestamp, value, whether it is NaN; as the stores keep them."""
Skip = Callable[[str], bool]
"""Tells whether a run is already here."""


@dataclass(frozen=True)
class RunRecord:
    """A run without its metrics, which come as points.

    Attributes:
        run: the run with parameters, tags, inputs and outputs.
        deleted_time: when it was deleted, if that is known.
    """

    run: Run
    deleted_time: int | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.run.info.run_id


@dataclass(frozen=True)
class ModelRecord:
    """A logged model with parameters, tags and metrics.

    Attributes:
        model: the model.
        is_deleted: whether it is marked as deleted.
    """

    model: LoggedModel
    is_deleted: bool = False

    @property
    def id(self) -> str:
        """The model's id."""
        return self.model.info.model_id


@dataclass(frozen=True)
class VersionRecord:
    """A version of a registered model; a deleted one only keeps its number.

    Attributes:
        version: the version, without aliases.
        location: where its files are.
    """

    version: ModelVersion
    location: str

    @property
    def is_deleted(self) -> bool:
        """Whether only the number is left."""
        return self.version.current_stage == DELETED_VERSION


@dataclass(frozen=True)
class RegisteredRecord:
    """A registered model with its tags and aliases, and all its versions by number."""

    model: RegisteredModel
    versions: tuple[VersionRecord, ...]


@dataclass(frozen=True)
class Placed:
    """Where an experiment lies in the target.

    Attributes:
        id: its id there.
        location: the URI below which its artifacts lie there.
        name: its name there.
        note: what a person should know of it.
        is_joined: whether it was there before, with a life of its own.
    """

    id: str
    location: str
    name: str
    note: str = ""
    is_joined: bool = False


@dataclass(frozen=True)
class Terms:
    """What a target can keep.

    Attributes:
        ids: the ids of runs and logged models.
        times: when things were made and changed.
        lost: what it cannot keep, in words for the report.
    """

    ids: bool = True
    times: bool = True
    lost: tuple[str, ...] = field(default=())


class Source(Protocol):
    """A store that is read."""

    label: str
    """The name of the store, without passwords."""
    traces: "TraceReader | None"
    """Its traces, if they can be read."""

    def experiments(self) -> Iterator[Experiment]:
        """Yield every experiment, deleted ones too."""

    def runs(self, experiment_id: str, skip: Skip) -> Iterator[list[RunRecord]]:
        """Yield the runs of an experiment in batches, without those that may be skipped."""

    def points(self, runs: Sequence[RunRecord]) -> Iterator[list[Point]]:
        """Yield every point of the metrics of some runs once, in batches."""

    def models(self, experiment_id: str) -> Iterator[ModelRecord]:
        """Yield the logged models of an experiment."""

    def registry(self) -> Iterator[RegisteredRecord]:
        """Yield every registered model."""

    def left_out(self) -> Mapping[str, str]:
        """Return what the store has that is not read, each with the reason."""

    def close(self) -> None:
        """Give the connections back."""


class Target(Protocol):
    """A store that is written to. Whatever is written twice is there once."""

    label: str
    terms: Terms
    traces: "TraceWriter | None"
    """Its traces, if they can be written."""

    def place(self, experiment: Experiment, known: Placed | None) -> Placed:
        """Make an experiment, or find the one that was made for it."""

    def run_uri(self, placed: Placed, run_id: str) -> str:
        """Return where the artifacts of a run are to lie."""

    def model_uri(self, placed: Placed, model_id: str) -> str:
        """Return where the files of a logged model are to lie."""

    def put_runs(self, placed: Placed, records: Sequence[RunRecord]) -> Mapping[str, str]:
        """Write runs and return their ids in the target."""

    def put_points(self, placed: Placed, points: Sequence[Point]) -> None:
        """Write points of runs that were written before."""

    def finish_runs(self, placed: Placed, records: Sequence[RunRecord]) -> None:
        """Bring runs to the state in which they are to stay, once all of them is there."""

    def finish_model(self, record: ModelRecord) -> None:
        """Bring a logged model to the state in which it is to stay."""

    def finish_experiment(self, placed: Placed, experiment: Experiment) -> None:
        """Bring an experiment to the state in which it is to stay."""

    def put_model(self, placed: Placed, record: ModelRecord) -> str:
        """Write a logged model and return its id in the target."""

    def has_registered(self, name: str) -> bool:
        """Tell whether a registered model has the name."""

    def put_registered(self, record: RegisteredRecord) -> None:
        """Write a registered model with its versions, over what is there of the same name."""

    def put_file(self, uri: str, path: str, chunks: Iterator[bytes]) -> None:
        """Store a file below an artifact URI."""

    def files(self) -> Files:
        """Return the same files to be read."""

    def reader(self) -> Source:
        """Return the same store to be read, with runs and models under the source's ids."""

    def close(self) -> None:
        """Give the connections back."""
