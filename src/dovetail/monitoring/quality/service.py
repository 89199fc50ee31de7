"""How a watched model does, for the service: the same measuring over what its store holds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from msgspec import Struct

from dovetail.monitoring.classes import names_of, position
from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.named import Named, named_rows, numbered_names
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.quality.business import Business
from dovetail.monitoring.quality.estimate import expect
from dovetail.monitoring.quality.history import History, Stretch
from dovetail.monitoring.quality.report import describe
from dovetail.monitoring.quality.rows import Rows, Task
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.reference_classes import calibrated_shares
from dovetail.wire.monitoring import Estimated, Quality


class Asked(Struct, frozen=True, kw_only=True):
    """What is asked for.

    Attributes:
        choice: Which predictions count.
        task: "binary", "multiclass" or "regression"; None to tell by what was answered.
        threshold: At and above it a score counts as positive.
        by: A feature to split by, None for none.
    """

    choice: Choice
    task: Task | None = None
    threshold: float = 0.5
    by: str | None = None


def measure(
    history: History,
    model: str,
    days: list[str],
    asked: Asked,
    references: Mapping[str, Reference],
    functions: Mapping[str, Business] | None = None,
) -> Quality:
    """All figures of some days.

    Args:
        history: Where the predictions are.
        model: The model.
        days: Which days.
        asked: What is asked for.
        references: Of the model's versions.
        functions: Business figures by name.

    Raises:
        RowsInvalidError: A label is none of the task, or no request has the feature.
    """
    stretch = history.read(model, days, asked.choice, asked.by)
    if asked.by is not None and len(stretch.scores) and not stretch.has_feature:
        raise RowsInvalidError(
            f"no request of '{model}' has the feature '{asked.by}'",
            why="the window's requests carry no such column, or none as JSON",
        )
    task = asked.task or _task(stretch, references)
    rows = _named(stretch, task, references) or _rows(stretch, task, references)
    values = stretch.values
    if values is not None:
        values = (
            values[rows.kept] if isinstance(values, np.ndarray) else [values[k] for k in rows.kept]
        )
    return describe(
        rows,
        threshold=asked.threshold,
        estimated=_estimated(rows, stretch, references, asked.threshold),
        by=values,
        functions=functions,
    )


def _named(stretch: Stretch, task: Task, references: Mapping[str, Reference]) -> Rows | None:
    """The rows of a model that names or numbers its classes; None for one that says more."""
    if stretch.shares is not None or task == "regression":
        return None
    known = [one for v in stretch.versions[::-1] if (one := references.get(v)) and one.classes]
    classes = known[0].classes if known else []
    names = stretch.names
    if names is None:
        if task != "multiclass":
            return None
        names = numbered_names(stretch.scores, classes)
    return named_rows([Named(names, stretch.labels)], classes)


def _task(stretch: Stretch, references: Mapping[str, Reference]) -> Task:
    """What the references say; without any, what the answers and labels look like."""
    said = {references[v].task for v in set(stretch.versions) if v in references}
    if len(said) == 1:
        return said.pop()
    if stretch.shares is not None or stretch.names is not None:
        return "multiclass"
    labels = [y for y in stretch.labels if y is not None]
    scores = stretch.scores[np.isfinite(stretch.scores)]
    inside = ((scores >= 0) & (scores <= 1)).all()
    named = any(isinstance(y, str) for y in labels)
    return "binary" if inside and (named or set(labels) <= {0.0, 1.0}) else "regression"


def _rows(stretch: Stretch, task: Task, references: Mapping[str, Reference]) -> Rows:
    if task != "multiclass":
        numbers = [
            position(y, _names(references, v, 2)) if isinstance(y, str) else y
            for y, v in zip(stretch.labels, stretch.versions, strict=True)
        ]
        return Rows.read(stretch.scores, numbers, task=task)
    shares = stretch.shares
    if shares is None:
        shares = np.full((len(stretch.labels), 2), np.nan)
    width = shares.shape[1]
    # One list of names, for a figure is of a class whoever answered: the newest reference's.
    known = [n for v in stretch.versions[::-1] if len(n := _names(references, v, width)) == width]
    names = names_of(known[0] if known else (), width)
    labels = [position(y, names) for y in stretch.labels]
    odd = [y is not None and k != k for y, k in zip(stretch.labels, labels, strict=True)]
    table = np.where(np.array(odd, dtype=bool)[:, None], np.nan, shares)  # refused, and counted
    rows = Rows.read(table, [None] * len(labels), task=task, classes=names)
    return replace(rows, labels=np.array(labels, dtype=np.float64)[rows.kept])


def _names(references: Mapping[str, Reference], version: str, width: int) -> Sequence[str]:
    """The classes of a version, where its reference has so many."""
    reference = references.get(version)
    return reference.classes if reference and len(reference.classes) == width else ()


def _estimated(
    rows: Rows, stretch: Stretch, references: Mapping[str, Reference], threshold: float
) -> Estimated | None:
    """By each version's calibration; None where one has none, or for a regression."""
    if rows.task == "regression" or rows.named or len(rows) == 0:
        return None
    versions = np.array(stretch.versions, dtype=object)[rows.kept]
    probabilities = np.empty(rows.answers.shape)
    labelled = None
    for version in set(versions.tolist()):
        reference = references.get(version)
        if reference is None or reference.loss is None:
            return None
        here = versions == version
        calibrated = _calibrated(reference, rows.answers[here])
        if calibrated is None:
            return None
        probabilities[here] = calibrated
        labelled = min(labelled or reference.loss.rows, reference.loss.rows)
    return expect(rows.answers, probabilities, threshold=threshold, labelled=labelled or 1)


def _calibrated(reference: Reference, answers: Floats) -> Floats | None:
    if answers.ndim > 1:
        return calibrated_shares(reference, answers)
    return None if reference.calibration is None else reference.calibration(answers)
