"""Models that name the class they choose and state no probability.

Right or wrong is all that can be said of such an answer: there is a table of confusions, accuracy
and F1, but no AUC, no log-loss and no calibration.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dovetail.monitoring.classes import Label, position
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.quality.rows import Rows

__all__ = ["Named", "named_rows", "numbered_names"]

_MOST_NAMES = 200
"""More different answers are texts rather than classes."""


@dataclass(frozen=True)
class Named:
    """Rows of a model that names classes.

    Attributes:
        answers: The class named, None on rows without one.
        labels: What came true of each, as it was stated; None where it is not known yet.
    """

    answers: Sequence[str | None]
    labels: Sequence[Label | None]


def named_rows(parts: Iterable[Named], classes: Sequence[str] = ()) -> Rows | None:
    """Put answers and outcomes on one list of classes.

    Args:
        parts: The rows.
        classes: Names that are known, in their order; what else is answered or came true follows.

    Returns:
        The rows, those refused that name no class; None where there are more names than any
        classifier has classes.
    """
    answers = [name for part in parts for name in part.answers]
    labels = [label for part in parts for label in part.labels]
    seen = {name for name in answers if name is not None}
    seen |= {label for label in labels if isinstance(label, str)}
    names = (*classes, *sorted(seen - set(classes)))
    if len(names) > _MOST_NAMES:
        return None
    at = {name: k for k, name in enumerate(names)}
    said = np.array([-1 if name is None else at[name] for name in answers], dtype=np.int64)
    came = np.array([position(label, names) for label in labels], dtype=np.float64)
    odd = np.array([label is not None for label in labels], dtype=bool) & np.isnan(came)
    kept = np.flatnonzero((said >= 0) & ~odd)
    chosen = np.eye(len(names))[said[kept]]
    refused = len(answers) - len(kept)
    return Rows("multiclass", chosen, came[kept], names, refused, kept, named=True)


def numbered_names(scores: Floats, classes: Sequence[str]) -> list[str | None]:
    """The names of classes that were answered by position; None where a number is none."""
    at = [position(float(score), classes) for score in scores]
    return [None if k != k else classes[int(k)] for k in at]
