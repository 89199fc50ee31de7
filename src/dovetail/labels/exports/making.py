"""The files of a snapshot: tasks as they are, labels with what they rest on, and one digest.

Nothing in the files depends on when or by whom a snapshot is made, so the same state of a project
always has the same digest.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dovetail.base.artifacts import ArtifactStore
from dovetail.labels.exports.deciding import Said, decide
from dovetail.wire.label_studio.answers import answers
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.labels import ControlFacts, File, Label, Source

__all__ = ["LABELS", "TASKS", "Made", "digest_of", "make", "sha256_of"]

TASKS, LABELS = "tasks.jsonl", "labels.jsonl"
_CHUNK = 1 << 20
Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """What was written.

    Attributes:
        tasks: how many tasks.
        labels: how many labels.
        controls: how they were found.
        files: digests and sizes, by name.
        digest: of the content as a whole.
        config_digest: of the label config.
    """

    tasks: int
    labels: int
    controls: tuple[ControlFacts, ...]
    files: dict[str, File]
    digest: str
    config_digest: str


@dataclass
class _Counted:
    """Lines on their way to a store: hashed, counted, gathered to chunks."""

    lines: Iterable[bytes]
    sha256: Any = field(default_factory=hashlib.sha256)
    size: int = 0
    count: int = 0

    def __iter__(self) -> Iterator[bytes]:
        gathered: list[bytes] = []
        size = 0
        for line in self.lines:
            gathered += (line, b"\n")
            size += len(line) + 1
            self.count += 1
            if size > _CHUNK:
                yield self._add(gathered)
                gathered, size = [], 0
        if gathered:
            yield self._add(gathered)

    def _add(self, parts: list[bytes]) -> bytes:
        chunk = b"".join(parts)
        self.sha256.update(chunk)
        self.size += len(chunk)
        return chunk

    @property
    def file(self) -> File:
        return File(sha256=self.sha256.hexdigest(), bytes=self.size)


def make(
    store: ArtifactStore,
    folder: str,
    tasks: Iterable[bytes],
    config: LabelConfig,
    *,
    names: Mapping[int, str],
    predictions: Mapping[int, Sequence[Raw]] | None = None,
    model: str = "auto",
) -> Made:
    """Write the files of a snapshot.

    Args:
        store: where to.
        folder: below which they lie.
        tasks: exported tasks as JSON, by rising number.
        config: the project's label config.
        names: people by number.
        predictions: models' answers by task; None where they do not count.
        model: how classes are combined.

    Raises:
        InvalidInputError: there is no such model.
    """
    gathered = _Gathered(config, names, predictions)
    kept = _Counted(gathered.through(tasks))
    store.put(f"{folder}/{TASKS}", kept)
    labels, controls = _decided(gathered.answers, config, model)
    written = _Counted(msgspec.json.encode(label) for label in labels)
    store.put(f"{folder}/{LABELS}", written)
    files = {TASKS: kept.file, LABELS: written.file}
    config_digest = sha256_of(config.xml.encode())
    return Made(
        tasks=kept.count,
        labels=written.count,
        controls=controls,
        files=files,
        digest=digest_of(config_digest, files),
        config_digest=config_digest,
    )


def digest_of(config_digest: str, files: Mapping[str, File]) -> str:
    """The digest of a snapshot's content, of the digests of its parts."""
    lines = [f"label_config {config_digest}"]
    lines += [f"{name} {files[name].sha256}" for name in sorted(files)]
    return sha256_of("\n".join(lines).encode())


def sha256_of(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


class _Gathered:
    """Everybody's answers, read while the tasks pass by."""

    def __init__(
        self,
        config: LabelConfig,
        names: Mapping[int, str],
        predictions: Mapping[int, Sequence[Raw]] | None,
    ) -> None:
        self._config, self._names, self._predictions = config, names, predictions or {}
        self.answers: dict[str, dict[int, list[Said]]] = {}

    def through(self, tasks: Iterable[bytes]) -> Iterator[bytes]:
        for line in tasks:
            task = msgspec.json.decode(line)
            number = int(task["id"])
            for annotation in sorted(task.get("annotations") or (), key=lambda one: one["id"]):
                if not annotation.get("was_cancelled"):
                    self._add(number, self._person(annotation), annotation.get("result") or ())
            for prediction in self._predictions.get(number, ()):
                self._add(number, _model(prediction), prediction.get("result") or ())
            yield line.replace(b"\n", b" ")  # JSON has line feeds between its parts only

    def _add(self, task: int, source: Source, result: Sequence[Any]) -> None:
        for name, answer in answers(result, self._config).items():
            regions = [
                one for one in result if isinstance(one, Mapping) and one.get("from_name") == name
            ]
            said = msgspec.structs.replace(source, answer=answer.key)
            of_control = self.answers.setdefault(name, {})
            of_control.setdefault(task, []).append(Said(said, answer, regions))

    def _person(self, annotation: Raw) -> Source:
        who = annotation.get("completed_by")
        if isinstance(who, Mapping):
            who = who.get("id")
        name = self._names.get(who, f"annotator-{who}") if isinstance(who, int) else "unknown"
        seconds = annotation.get("lead_time")
        return Source(
            kind="person",
            name=name,
            id=int(annotation["id"]),
            answer="",
            at=str(annotation.get("created_at") or ""),
            seconds=float(seconds) if isinstance(seconds, int | float) else None,
            ground_truth=bool(annotation.get("ground_truth")),
        )


def _model(prediction: Raw) -> Source:
    return Source(
        kind="model",
        name=str(prediction.get("model_version") or "undefined"),
        id=int(prediction["id"]),
        answer="",
        at=str(prediction.get("created_at") or ""),
    )


def _decided(
    gathered: Mapping[str, Mapping[int, Sequence[Said]]], config: LabelConfig, model: str
) -> tuple[list[Label], tuple[ControlFacts, ...]]:
    labels: list[Label] = []
    facts = []
    for name in sorted(gathered):
        control = config.control(name)
        if control is not None:
            found, told = decide(control, name, gathered[name], config, model)
            labels += found
            facts.append(told)
    labels.sort(key=lambda label: (label.task, label.control))
    return labels, tuple(facts)
