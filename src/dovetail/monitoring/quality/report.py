"""All that can be said of how a model does over some rows, in one value that is also its JSON."""

from collections.abc import Mapping

import numpy as np

from dovetail.monitoring.columns import Values
from dovetail.monitoring.quality.arrival import arrival
from dovetail.monitoring.quality.business import Business, business
from dovetail.monitoring.quality.realised import confusion, realised
from dovetail.monitoring.quality.reliability import reliability
from dovetail.monitoring.quality.rows import Rows
from dovetail.monitoring.quality.segments import segments
from dovetail.wire.monitoring import Estimated, Measured, Point, Quality, Segment


def describe(
    rows: Rows,
    *,
    threshold: float = 0.5,
    estimated: Estimated | None = None,
    by: Values | None = None,
    functions: Mapping[str, Business] | None = None,
) -> Quality:
    """Measure rows.

    Args:
        rows: Labelled or not.
        threshold: At and above it a binary answer counts as positive.
        estimated: What to expect of the same rows, from a labelled reference.
        by: A column of the same length to split the rows by.
        functions: Business figures by name.
    """
    parts = segments(by) if by is not None else {}
    known = rows.at(rows.known)
    return Quality(
        task=rows.task,
        arrival=arrival(rows, threshold=threshold),
        realised=_figures(rows, threshold, functions or {}),
        reliability=_reliability(rows),
        estimated=estimated,
        segments=sorted(
            (
                Segment(
                    name=name,
                    arrival=arrival(rows.at(mask), threshold=threshold),
                    realised=_figures(rows.at(mask), threshold, functions or {}),
                )
                for name, mask in parts.items()
            ),
            key=lambda s: -s.arrival.predictions,
        ),
        classes=list(rows.classes),
        confusion=confusion(known).tolist() if rows.classes and len(known) else [],
        class_reliability=[
            reliability(known.answers[:, k], (known.labels == k).astype(np.float64))
            for k in range(len(rows.classes) if len(known) and not rows.named else 0)
        ],
    )


def _figures(rows: Rows, threshold: float, functions: Mapping[str, Business]) -> list[Measured]:
    return [*realised(rows, threshold=threshold), *business(functions, rows)]


def _reliability(rows: Rows) -> list[Point]:
    known = rows.at(rows.known)
    if rows.task == "regression" or rows.named or len(known) == 0:
        return []
    if rows.task == "binary":
        return reliability(known.answers, known.labels)
    right = known.answers.argmax(axis=1) == known.labels
    return reliability(known.answers.max(axis=1), right.astype(float))
