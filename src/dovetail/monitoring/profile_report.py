"""A table beside a reference profile, column by column, for the one-shot comparison.

A profile has bins, not values. Both sides of a column are therefore told by bins: the profile's
counts, and the table's rows in the same bins. A test of bins is valid, Kolmogorov-Smirnov's a
little conservative: it sees the largest difference at the profile's some 80 cuts only. Means and
deviations are exact on both sides. Two profiles are told by the bins that both have in common.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.classical.samples import KEPT, Levels, Numbers, Sample, sample
from dovetail.monitoring.columns import ColumnProfile
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.profile_columns import in_common
from dovetail.monitoring.reference import Reference
from dovetail.wire.monitoring import Figures

__all__ = ["Binned", "figures_of"]

OTHER = "(other)"


class Binned(Mapping[str, Sample]):
    """The columns of a profile as samples.

    Args:
        reference: The profile.
        score: What the column of scores is called in the other table; "" leaves scores out.
        other: The other table, where it is a profile too.

    Raises:
        InvalidInputError: Scores are named and the profile has none.
    """

    def __init__(
        self, reference: Reference, score: str = "", other: Reference | None = None
    ) -> None:
        self.reference, self.other = reference, other
        self._columns = columns_of_profile(reference, score)
        theirs = {} if other is None else columns_of_profile(other, score)
        self._pairs = {
            name: in_common(column, theirs[name])
            for name, column in self._columns.items()
            if name in theirs
        }

    def __getitem__(self, name: str) -> Sample:
        """The reference's side of a column."""
        column = self._pairs[name][0] if name in self._pairs else self._columns[name]
        return self._sample(column)

    def _sample(self, column: ColumnProfile) -> Sample:
        missing = column.counts[-1]
        if column.kind == "category":
            known = zip(column.levels, column.counts, strict=False)
            counts = {level: count for level, count in known if count}
            other = {OTHER: column.counts[-2]} if column.counts[-2] else {}
            return Levels(counts | other, column.rows, missing)
        inner = np.asarray(column.counts[:-1])
        missing += int(inner[0] + inner[-1])  # infinities, which a comparison counts as missing
        inner[0] = inner[-1] = 0
        return _numbers(column, inner, column.rows, missing, column.mean, column.deviation)

    def __iter__(self) -> Iterator[str]:
        """The names of the columns."""
        return iter(self._columns)

    def __len__(self) -> int:
        """How many columns there are."""
        return len(self._columns)

    def beside(self, name: str, values: Any) -> Sample:
        """The other table's side of a column, in the profile's bins."""
        if name in self._pairs:
            return self._sample(self._pairs[name][1])
        column, found = self._columns[name], sample(values)
        if isinstance(found, Numbers) and column.kind == "numeric":
            cuts = np.asarray(column.cuts)
            counts = np.bincount(np.searchsorted(cuts, found.values), minlength=len(cuts) + 1)
            mean, deviation = found.mean, found.deviation
            return _numbers(column, counts, found.rows, found.missing, mean, deviation)
        if isinstance(found, Levels) and column.kind == "category" and column.counts[-2]:
            # Which of the other levels are new cannot be told from a count of them all.
            named = {level: n for level, n in found.counts.items() if level in {*column.levels}}
            other = sum(found.counts.values()) - sum(named.values())
            counted = named | ({OTHER: other} if other else {})
            return Levels(counted, found.rows, found.missing)
        return found


def columns_of_profile(reference: Reference, score: str) -> dict[str, ColumnProfile]:
    """The columns of a profile by name, with the scores under the name that they go by.

    Raises:
        InvalidInputError: Scores are named and the profile has none.
    """
    columns = {column.name: column for column in reference.columns}
    if score and reference.task == "multiclass":
        raise InvalidInputError(
            "a report does not compare the scores of several classes",
            why="the profile is of a model of several classes",
            fix="leave --score out; the other columns are compared all the same",
        )
    if score and score not in columns:
        if reference.prediction is None:
            raise InvalidInputError(
                "the profile has no scores", fix="make it with --score, or leave --score out"
            )
        columns[score] = reference.prediction
    return columns


def _numbers(
    column: ColumnProfile,
    counts: np.ndarray[Any, Any],
    rows: int,
    missing: int,
    mean: float | None,
    deviation: float | None,
) -> Numbers:
    """Rows as if each were in the middle of its bin, in bounded memory."""
    total = int(counts.sum())
    size = min(total, KEPT)
    ends = np.cumsum(counts)
    at = (np.arange(size) + 0.5) * (total / max(1, size))
    made = Numbers(_middles(column)[np.searchsorted(ends, at)], rows, missing, total)
    if mean is not None and deviation is not None:
        made.__dict__.update(mean=mean, deviation=deviation)
    return made


def _middles(column: ColumnProfile) -> Floats:
    """A number in each known bin; the outer ones lie beyond all values of the reference."""
    cuts = np.asarray(column.cuts)
    if len(cuts) == 0:
        return np.zeros(1)
    middles = cuts[:-1] / 2 + cuts[1:] / 2
    # One bin holds one value where the cuts are neighbours; its upper cut is that value.
    single = np.nextafter(cuts[:-1], np.inf) == cuts[1:]
    inner = np.where(single, cuts[1:], middles)
    return np.concatenate([cuts[:1], inner, np.nextafter(cuts[-1:], np.inf)])


def figures_of(reference: Reference) -> Figures:
    """How the version did on the reference."""
    if reference.prediction is None:
        return Figures()
    made = reference.performance
    if made is None or reference.scored is None:
        known = reference.prediction.rows - reference.prediction.counts[-1]
        return Figures(predictions=known, mean_score=reference.prediction.mean)
    return Figures(
        predictions=reference.prediction.rows - reference.prediction.counts[-1],
        outcomes=sum(reference.scored.rows),
        positives=made.positives,
        mean_score=reference.prediction.mean,
        auc=made.auc,
        log_loss=made.log_loss,
        brier=made.brier,
    )
