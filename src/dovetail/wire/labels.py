"""Our own part of the labelling protocol: named snapshots of a project, and what is in them.

Everything else of labelling speaks Label Studio's REST API (`wire.label_studio`). A snapshot is
what a model was trained on: it never changes, says where each label comes from, and can be checked.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import httpx
import msgspec

from dovetail.wire.http import HttpClient, segment

__all__ = [
    "Change",
    "Client",
    "ControlFacts",
    "Difference",
    "File",
    "Label",
    "MakeSnapshot",
    "Snapshot",
    "Source",
    "SourceFacts",
    "TableFormat",
    "Verdict",
]

TableFormat = Literal["jsonl", "csv", "parquet"]


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer that a label rests on.

    Attributes:
        kind: Who answered: a person or a model.
        name: The person's name, or the model's version.
        id: Number of the annotation or the prediction.
        answer: What was said; equal answers are equal texts.
        at: When it was saved, RFC 3339.
        seconds: How long it took, where that was measured.
        ground_truth: Whether it is held to be true.
    """

    kind: Literal["person", "model"]
    name: str
    id: int
    answer: str
    at: str = ""
    seconds: float | None = None
    ground_truth: bool = False


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a snapshot says on one control of one task.

    Attributes:
        task: The task's number.
        control: The control's name.
        kind: What its answers are: classes, number, text, spans, boxes, ...
        label: The label, number or text; None for what has a place in the item.
        result: The answer as Label Studio's regions.
        how: "ground truth", "one answer", "median", "closest to the others", "more than half", or
            the model that combined the answers, such as "dawid-skene".
        probability: Of the label, by that model; None where none was used.
        agreement: Mean agreement of the answers, 0 to 1; None for a single one.
        sources: The answers that it rests on.
    """

    task: int
    control: str
    kind: str
    label: str | float | None = None
    result: list[dict[str, Any]] = []
    how: str = ""
    probability: float | None = None
    agreement: float | None = None
    sources: tuple[Source, ...] = ()


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one source's answers to one control are worth, by what the others say."""

    name: str
    answers: int
    accuracy: float
    lower: float
    upper: float
    weight: float


class ControlFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the answers to one control were combined.

    Attributes:
        control: Its name.
        how: Ways that labels were found, and how many labels each found.
        labels: How many labels there are of each class.
        model: The model that combined answers, "" for none.
        agreement: Mean agreement over tasks with several answers.
        sources: What each source is worth, where a model told.
    """

    control: str
    how: dict[str, int] = {}
    labels: dict[str, int] = {}
    model: str = ""
    agreement: float | None = None
    sources: tuple[SourceFacts, ...] = ()


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a snapshot."""

    sha256: str
    bytes: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A named, numbered, unchanging state of a project's labels.

    Attributes:
        id: Its number.
        name: Several versions share one.
        version: Counts from 1 for each name.
        project: Number of the project.
        title: The project's title then.
        digest: SHA-256 over label config, tasks and labels: equal for equal content.
        config_digest: SHA-256 of the label config.
        label_config: The XML.
        tasks: How many tasks are in it.
        labels: How many labels.
        predictions: Whether models' answers count beside people's.
        controls: How each control's answers were combined.
        files: Its files by name.
        created_at: RFC 3339.
        created_by: Who made it.
        software: Version of Dovetail that made it.
    """

    id: int
    name: str
    version: int
    project: int
    title: str
    digest: str
    config_digest: str
    label_config: str
    tasks: int
    labels: int
    predictions: bool
    controls: tuple[ControlFacts, ...]
    files: dict[str, File]
    created_at: str
    created_by: str
    software: str

    @property
    def reference(self) -> str:
        """How it is named in full, such as "gold@3"."""
        return f"{self.name}@{self.version}"


class MakeSnapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a snapshot.

    Attributes:
        name: Letters, digits, dots, dashes and underscores.
        predictions: Whether models' answers count beside people's.
        model: How classes are combined: auto, majority, dawid-skene, one-coin or vote-ratio.
    """

    name: str
    predictions: bool = False
    model: str = "auto"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A label that two snapshots do not have in common; None where one has no label there."""

    task: int
    control: str
    before: str | float | None
    after: str | float | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one snapshot to another.

    Attributes:
        before: Reference of the one.
        after: Reference of the other.
        same_config: Whether the label configs are equal.
        tasks_added, tasks_removed, tasks_changed: Numbers of tasks; changed is their data.
        labels_added, labels_removed, labels_changed: How many labels.
        unchanged: Labels that are equal.
        changes: The first of the labels that differ.
    """

    before: str
    after: str
    same_config: bool
    tasks_added: list[int]
    tasks_removed: list[int]
    tasks_changed: list[int]
    labels_added: int
    labels_removed: int
    labels_changed: int
    unchanged: int
    changes: list[Change]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a snapshot is still what it was when it was made.

    Attributes:
        ok: Whether it is.
        digest: What its content comes to now.
        faults: What is wrong, each a sentence.
    """

    ok: bool
    digest: str
    faults: list[str]


class Client(HttpClient):
    """A client of our labelling server, for snapshots.

    Args:
        url: Where the server is.
        transport: Reaches a server in this process; None for the network.
        token: An API token.
        basic: User and password, where there is no token.
        timeout: Seconds for connecting, and for each wait on the other side.

    Examples:
        >>> with Client("http://localhost:8080") as labels:  # doctest: +SKIP
        ...     made = labels.make(3, "gold")
        ...     for label in labels.labels(3, made.reference):
        ...         print(label.task, label.control, label.label, label.probability)
    """

    def make(
        self, project: int, name: str, *, predictions: bool = False, model: str = "auto"
    ) -> Snapshot:
        """Make a snapshot; where nothing changed since the last of that name, that one is given.

        Raises:
            BadRequest: The name or the model is none.
            NotFound: There is no such project.
        """
        body = MakeSnapshot(name=name, predictions=predictions, model=model)
        return self.post(_path(project), body, Snapshot)

    def snapshots(self, project: int, *, name: str = "") -> list[Snapshot]:
        """The snapshots of a project, newest first."""
        query = [("name", name)] if name else []
        return self.get(_path(project), list[Snapshot], query)

    def snapshot(self, project: int, reference: str) -> Snapshot:
        """One snapshot.

        Args:
            project: The project's number.
            reference: "gold" for the newest of that name, "gold@2", or a number.

        Raises:
            NotFound: There is none.
        """
        return self.get(_path(project, reference), Snapshot)

    def labels(self, project: int, reference: str) -> Iterator[Label]:
        """The labels of a snapshot with what each rests on, in the order of the tasks."""
        decode = msgspec.json.Decoder(Label).decode
        for line in self._lines(f"{_path(project, reference)}/labels"):
            yield decode(line)

    def tasks(self, project: int, reference: str) -> Iterator[dict[str, Any]]:
        """The tasks of a snapshot with their annotations, as Label Studio's export has them."""
        for line in self._lines(f"{_path(project, reference)}/tasks"):
            yield msgspec.json.decode(line)

    def table(
        self, project: int, reference: str, format: TableFormat = "parquet"
    ) -> Iterable[bytes]:
        """A row a task: its data, and for each control the label and its probability."""
        query = [("format", format)]
        response = self.stream(f"{_path(project, reference)}/table", query=query)
        return _parts(response)

    def diff(self, project: int, before: str, after: str) -> Difference:
        """What changed from one snapshot of a project to another."""
        return self.get(f"{_path(project, before)}/diff/{segment(after)}", Difference)

    def verify(self, project: int, reference: str) -> Verdict:
        """Whether a snapshot's files are what they were when it was made."""
        return self.get(f"{_path(project, reference)}/verify", Verdict)

    def _lines(self, path: str) -> Iterator[str]:
        response = self.stream(path)
        try:
            yield from (line for line in _split(response.iter_bytes()))
        finally:
            response.close()


def _path(project: int, *reference: str) -> str:
    parts: Sequence[str] = [segment(part) for part in reference]
    return "/".join([f"/api/labels/projects/{project}/snapshots", *parts])


def _split(parts: Iterator[bytes]) -> Iterator[str]:
    """Lines at line feeds only: texts hold other separators."""
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        yield from (line.decode() for line in lines if line)
    if rest:
        yield rest.decode()


def _parts(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    finally:
        response.close()
