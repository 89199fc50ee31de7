"""All that can be said of how a model does over some rows, in one value that is also its JSON."""

from collections.abc import Mapping

from msgspec import Struct

from dovetail.monitoring.columns import Values
from dovetail.monitoring.quality.arrival import Arrival, arrival
from dovetail.monitoring.quality.business import Business, business
from dovetail.monitoring.quality.estimate import Estimated
from dovetail.monitoring.quality.intervals import Measured
from dovetail.monitoring.quality.realised import realised
from dovetail.monitoring.quality.reliability import Point, reliability
from dovetail.monitoring.quality.rows import Rows, Task
from dovetail.monitoring.quality.segments import segments


class Segment(Struct, frozen=True, kw_only=True):
    """How the model does on a part of the rows.

    Attributes:
        name: The level of the column, or the range.
        arrival: Which labels are here.
        realised: Figures over its labelled rows.
    """

    name: str
    arrival: Arrival
    realised: list[Measured]


class Quality(Struct, frozen=True, kw_only=True):
    """How a model does over some rows.

    Attributes:
        task: "binary", "multiclass" or "regression".
        arrival: Which labels are here, and what the missing ones may do.
        realised: Figures over the labelled rows.
        reliability: Shares against probabilities; of a multi-class model, how often its first
            choice is right against how sure it was.
        estimated: Figures to expect of all rows; None without a labelled reference.
        segments: By the levels or ranges of one column, most rows first; empty unless asked for.
    """

    task: Task
    arrival: Arrival
    realised: list[Measured] = []
    reliability: list[Point] = []
    estimated: Estimated | None = None
    segments: list[Segment] = []

    def __getitem__(self, name: str) -> Measured:
        """The realised figure of a name.

        Raises:
            KeyError: There is none.
        """
        found = {figure.name: figure for figure in self.realised}
        return found[name]


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
    )


def _figures(rows: Rows, threshold: float, functions: Mapping[str, Business]) -> list[Measured]:
    return [*realised(rows, threshold=threshold), *business(functions, rows)]


def _reliability(rows: Rows) -> list[Point]:
    known = rows.at(rows.known)
    if rows.task == "regression" or len(known) == 0:
        return []
    if rows.task == "binary":
        return reliability(known.answers, known.labels)
    right = known.answers.argmax(axis=1) == known.labels
    return reliability(known.answers.max(axis=1), right.astype(float))
