"""How a watched model does, for the service: the same measuring over what its store holds."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.quality.business import Business
from dovetail.monitoring.quality.estimate import expect
from dovetail.monitoring.quality.history import History, Stretch
from dovetail.monitoring.quality.report import describe
from dovetail.monitoring.quality.rows import Rows, Task
from dovetail.monitoring.reference import Reference
from dovetail.wire.monitoring import Estimated, Quality


class Asked(Struct, frozen=True, kw_only=True):
    """What is asked for.

    Attributes:
        choice: Which predictions count.
        task: "binary" or "regression"; None to tell by the scores and labels themselves.
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
    rows = Rows.read(stretch.scores, stretch.labels, task=task)
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


def _task(stretch: Stretch, references: Mapping[str, Reference]) -> Task:
    """What the references say; without any, binary where scores are probabilities of 0 or 1."""
    said = {references[v].task for v in set(stretch.versions) if v in references}
    if len(said) == 1:
        return said.pop()
    labels, scores = (a[np.isfinite(a)] for a in (stretch.labels, stretch.scores))
    inside = (scores >= 0) & (scores <= 1)
    return "binary" if np.isin(labels, (0.0, 1.0)).all() and inside.all() else "regression"


def _estimated(
    rows: Rows, stretch: Stretch, references: Mapping[str, Reference], threshold: float
) -> Estimated | None:
    """By each version's calibration; None where one has none, or for a regression."""
    if rows.task != "binary" or len(rows) == 0:
        return None
    versions = np.array(stretch.versions, dtype=object)[rows.kept]
    probabilities = np.empty(len(rows))
    labelled = None
    for version in set(versions.tolist()):
        reference = references.get(version)
        calibration = reference.calibration if reference else None
        if reference is None or calibration is None or reference.loss is None:
            return None
        here = versions == version
        probabilities[here] = calibration(rows.answers[here])
        labelled = min(labelled or reference.loss.rows, reference.loss.rows)
    return expect(rows.answers, probabilities, threshold=threshold, labelled=labelled or 1)
