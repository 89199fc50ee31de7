"""An `mlruns` folder as a source of a move: experiments, runs and logged models.

The layout is that of MLflow's FileStore from 1.x to 3.x: a folder for each experiment, deleted ones
below `.trash`, and in them a folder for each run, with one file for each parameter, tag and metric.
What cannot be read is passed over and named; the rest comes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dovetail.base.errors import DovetailError, InvalidInputError
from dovetail.tracking.move.folder_files import (
    META,
    files_below,
    folders,
    meta,
    number,
    read_lines,
    texts,
)
from dovetail.tracking.move.folder_points import parse, read_points
from dovetail.tracking.move.folder_registry import read_registry
from dovetail.tracking.move.records import ModelRecord, Point, RegisteredRecord, RunRecord, Skip
from dovetail.tracking.move.sql_source import STATUSES
from dovetail.tracking.move.texts import is_broken
from dovetail.wire.mlflow import (
    Dataset,
    DatasetInput,
    Experiment,
    LoggedModel,
    LoggedModelData,
    LoggedModelInfo,
    LoggedModelParameter,
    Metric,
    ModelInput,
    ModelOutput,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    Tag,
)

if TYPE_CHECKING:
    from dovetail.tracking.move.traces.records import TraceReader

__all__ = ["TRASH", "FolderSource"]

BATCH, POINTS = 200, 10_000
KEY = 250
TRASH = ".trash"
_NOT_RUNS = {"tags", "datasets", "traces", "models"}
_NUMBER = re.compile(r"\d{1,18}")
_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}


class FolderSource:
    """An `mlruns` folder.

    Args:
        root: the folder.

    Raises:
        InvalidInputError: it is none.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.label = root.resolve(), str(root.absolute())
        self.traces: TraceReader | None = None  # such folders keep few, and the oldest ones
        self._faults: dict[str, str] = {}
        self._places: dict[str, Path] = {}
        for place in (*folders(self.root), *folders(self.root / TRASH)):
            if _NUMBER.fullmatch(place.name) and (place / META).is_file():
                self._places.setdefault(place.name, place)
        if not self._places and not (self.root / "models").is_dir():
            raise InvalidInputError(
                f"{self.label} is not an mlruns folder",
                why="it has no numbered folder with a meta.yaml",
                fix="give the folder that MLflow wrote, or sqlite:///mlflow.db for a database",
            )

    def _fault(self, place: Path, why: object) -> None:
        self._faults[repr(str(place.relative_to(self.root)))[1:-1]] = str(why)

    def experiments(self) -> Iterator[Experiment]:
        """Yield every experiment, deleted ones too."""
        for name, place in sorted(self._places.items(), key=lambda item: int(item[0])):
            try:
                found = meta(place)
                tags = tuple(Tag(key, value) for key, value in texts(place / "tags"))
            except DovetailError as error:
                self._fault(place, error)
                continue
            made = number(found.get("creation_time"))
            is_deleted = place.parent.name == TRASH or found.get("lifecycle_stage") == "deleted"
            yield Experiment(
                experiment_id=str(int(name)),
                name=str(found.get("name") or name),
                artifact_location=str(found.get("artifact_location") or ""),
                lifecycle_stage="deleted" if is_deleted else "active",
                creation_time=made,
                last_update_time=number(found.get("last_update_time"), made),
                tags=tags,
            )

    def runs(self, experiment_id: str, skip: Skip) -> Iterator[list[RunRecord]]:
        """Yield the runs of an experiment in batches, without those that may be skipped."""
        batch: list[RunRecord] = []
        place = self._place(experiment_id)
        datasets = _Datasets(place)
        for run in folders(place):
            if run.name in _NOT_RUNS or skip(run.name) or not (run / META).is_file():
                continue
            try:
                batch.append(_run(run, experiment_id, datasets))
            except (DovetailError, ValueError) as error:
                self._fault(run, error)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _place(self, experiment_id: str) -> Path:
        named = (p for name, p in self._places.items() if int(name) == int(experiment_id))
        return next(named)

    def points(self, runs: Sequence[RunRecord]) -> Iterator[list[Point]]:
        """Yield every point of the metrics of some runs once, in batches."""
        batch: list[Point] = []
        for record in runs:
            place = self._place(record.run.info.experiment_id) / record.id / "metrics"
            for path in files_below(place):
                key = path.relative_to(place).as_posix()
                if len(key) > KEY or is_broken(key):
                    self._fault(path, f"the key is longer than {KEY} characters, or not in UTF-8")
                    continue
                try:
                    for point in read_points(path):
                        batch.append((record.id, key, *point))
                        if len(batch) == POINTS:
                            yield batch
                            batch = []
                except DovetailError as error:
                    self._fault(path, error)
        if batch:
            yield batch

    def models(self, experiment_id: str) -> Iterator[ModelRecord]:
        """Yield the logged models of an experiment."""
        for place in folders(self._place(experiment_id) / "models"):
            try:
                yield _model(place, experiment_id)
            except (DovetailError, ValueError, IndexError) as error:
                self._fault(place, error)

    def registry(self) -> Iterator[RegisteredRecord]:
        """Yield every registered model."""
        return read_registry(self.root / "models", self._fault)

    def left_out(self) -> Mapping[str, str]:
        """Return what the folder has that is not read, each with the reason."""
        count = sum(len(folders(place / "traces")) for place in self._places.values())
        traces = {"traces": f"{count} in the source; they are not brought over"} if count else {}
        return {**self._faults, **traces}

    def close(self) -> None:
        """Nothing to give back."""


class _Datasets:
    """The datasets of one experiment, each read once."""

    def __init__(self, experiment: Path) -> None:
        self._root = experiment / "datasets"
        self._known: dict[str, Dataset] = {}

    def get(self, name: str) -> Dataset:
        if name not in self._known:
            if "/" in name or name in ("", ".", ".."):
                raise ValueError(f"{name!r} cannot be a dataset")
            found = meta(self._root / name)
            texts_of = {key: _text(found.get(key)) for key in ("schema", "profile")}
            self._known[name] = Dataset(
                name=str(found.get("name")),
                digest=str(found.get("digest")),
                source_type=str(found.get("source_type") or ""),
                source=str(found.get("source") or ""),
                **texts_of,
            )
        return self._known[name]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _run(place: Path, experiment_id: str, datasets: _Datasets) -> RunRecord:
    found = meta(place)
    run_id = str(found.get("run_id") or found.get("run_uuid") or "")
    if run_id != place.name or str(found.get("experiment_id")) != place.parent.name:
        raise ValueError("its meta.yaml belongs to another run")
    tags = tuple(Tag(key, value) for key, value in texts(place / "tags"))
    named = next((tag.value for tag in tags if tag.key == "mlflow.runName"), "")
    in_trash = place.parent.parent.name == TRASH  # a database deletes runs with their experiment
    info = RunInfo(
        run_id=run_id,
        run_name=str(found.get("run_name") or found.get("name") or named),
        experiment_id=experiment_id,
        user_id=str(found.get("user_id") or ""),
        status=_STATUS.get(number(found.get("status"), 1), "RUNNING"),  # type: ignore[arg-type]
        start_time=number(found.get("start_time")),
        end_time=number(found.get("end_time")) or None,
        artifact_uri=str(found.get("artifact_uri") or ""),
        lifecycle_stage="deleted" if in_trash else str(found.get("lifecycle_stage") or "active"),
    )
    params = tuple(Param(key, value) for key, value in texts(place / "params"))
    read, models = _inputs(place / "inputs", datasets)
    run = Run(
        info=info,
        data=RunData(params=params, tags=tags),
        inputs=RunInputs(dataset_inputs=read, model_inputs=models),
        outputs=RunOutputs(model_outputs=tuple(_outputs(place / "outputs"))),
    )
    return RunRecord(run, number(found.get("deleted_time")) or None)


def _inputs(
    place: Path, datasets: _Datasets
) -> tuple[tuple[DatasetInput, ...], tuple[ModelInput, ...]]:
    read, models = [], []
    for folder in folders(place):
        found = meta(folder)
        source = str(found.get("source_id"))
        if found.get("source_type") == "MODEL":
            models.append(ModelInput(source))
            continue
        tags = found.get("tags") or {}
        labels = tuple(Tag(str(key), str(value)) for key, value in tags.items())
        read.append(DatasetInput(dataset=datasets.get(source), tags=labels))
    return tuple(read), tuple(models)


def _outputs(place: Path) -> Iterator[ModelOutput]:
    for folder in folders(place):
        yield ModelOutput(folder.name, number(meta(folder).get("step")))


def _model(place: Path, experiment_id: str) -> ModelRecord:
    found = meta(place)
    model_id = str(found.get("model_id"))
    if model_id != place.name:
        raise ValueError("its meta.yaml belongs to another model")
    made = number(found.get("creation_timestamp"))
    info = LoggedModelInfo(
        model_id=model_id,
        experiment_id=experiment_id,
        name=str(found.get("name") or ""),
        creation_timestamp_ms=made,
        last_updated_timestamp_ms=number(found.get("last_updated_timestamp"), made),
        artifact_uri=str(found.get("artifact_location") or ""),
        status=STATUSES[number(found.get("status"))],  # type: ignore[arg-type]
        model_type=_text(found.get("model_type")),
        source_run_id=_text(found.get("source_run_id")),
        tags=tuple(Tag(key, value) for key, value in texts(place / "tags")),
    )
    data = LoggedModelData(
        params=tuple(LoggedModelParameter(k, v) for k, v in texts(place / "params")),
        metrics=tuple(_measured(place / "metrics", model_id)),
    )
    return ModelRecord(LoggedModel(info=info, data=data), found.get("lifecycle_stage") == "deleted")


def _measured(place: Path, model_id: str) -> Iterator[Metric]:
    """Yield a logged model's metrics: timestamp, value, step, run, and maybe a dataset."""
    seen: set[tuple[str, int, int, str]] = set()
    for path in files_below(place):
        key = path.relative_to(place).as_posix()
        for line in read_lines(path):
            step, timestamp, value, _ = parse(path, line)
            parts = line.split()
            run_id = parts[3]
            name = " ".join(parts[4:-1]) or None
            digest = parts[-1] if name else None
            if (key, timestamp, step, run_id) not in seen:
                seen.add((key, timestamp, step, run_id))
                yield Metric(key, value, timestamp, step, model_id, name, digest, run_id)
