"""A part of a day, counted: what evidence needs of its rows, whatever their number and order.

Tallies of the same streams add up: shards or hours count apart, and one place weighs their sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dovetail.monitoring.columns import Bins, ColumnProfile, Values
from dovetail.monitoring.joint import Joint
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.reference import PREDICTION
from dovetail.monitoring.sketch import Coded, Coder, Codes


@dataclass(frozen=True)
class Tally:
    """Counts of some rows for each of S streams.

    Attributes:
        rows: How many rows.
        counts: Rows in each bin of the stream's profile; None where it was not seen.
        known: Finite numbers of the stream, shape (S,).
        total: Their sum, shape (S,).
        codes: Some of the rows coded, shape (rows, columns), where a classifier learns of them.
    """

    rows: int
    counts: list[Bins | None]
    known: Floats
    total: Floats
    codes: Codes | None = None

    def __add__(self, other: "Tally") -> "Tally":
        """Both parts together."""
        counts = [
            b if a is None else a if b is None else a + b
            for a, b in zip(self.counts, other.counts, strict=True)
        ]
        rows = self.rows + other.rows
        codes = [part for part in (self.codes, other.codes) if part is not None]
        return Tally(
            rows,
            counts,
            self.known + other.known,
            self.total + other.total,
            np.concatenate(codes) if codes else None,
        )

    def shift(self, profile: ColumnProfile, stream: int) -> float | None:
        """Difference of the means in standard deviations of the reference, where both exist."""
        if not profile.deviation or profile.mean is None or not self.known[stream]:
            return None
        mean = self.total[stream] / self.known[stream]
        # Rounded, so that the order in which parts were added does not show.
        return round(float((mean - profile.mean) / profile.deviation), 9)


def tally(
    profiles: Sequence[ColumnProfile],
    joints: Sequence[Joint],
    columns: Mapping[str, Values],
    scores: Values | None,
    coder: Coder | None = None,
) -> Tally:
    """Count rows.

    Args:
        profiles: Of the streams; those of the joint streams come last.
        joints: What the joint streams are made of.
        columns: The features; a stream that is not among them is missing on every row. Empty
            where no features are known.
        scores: The scores, or the classes chosen; None where they are not known.
        coder: Codes some of the rows, where a classifier learns of them.
    """
    size = len(next(iter(columns.values()))) if columns else 0
    single = len(profiles) - len(joints)
    counts: list[Bins | None] = []
    known, total = np.zeros(len(profiles)), np.zeros(len(profiles))
    coded = Coded(coder, size) if coder is not None and size else None
    for j, profile in enumerate(profiles):
        if j >= single:
            values: Values | None = joints[j - single].values(columns, size) if columns else None
        elif profile.name == PREDICTION:
            values = scores
        else:
            values = columns.get(profile.name, np.full(size, np.nan)) if columns else None
        if values is None or not len(values):
            counts.append(None)
            continue
        bins = profile.bins(values)
        counts.append(np.bincount(bins, minlength=len(profile.counts)).astype(np.int64))
        if coded is not None and j < single:
            coded.put(profile.name, bins)
        if isinstance(values, np.ndarray):
            finite = values[np.isfinite(values)]
            known[j], total[j] = len(finite), finite.sum()
    rows = max((int(seen.sum()) for seen in counts if seen is not None), default=0)
    return Tally(rows, counts, known, total, None if coded is None else coded.codes)
