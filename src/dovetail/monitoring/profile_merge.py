"""Profiles of parts become that of the whole: shards, hours, days, in any order.

Counts are exact whatever the order. Parts made like one of them (`Reference.fit(..., like=...)`)
share all bins and lose nothing. Parts that were made alone have most cuts in common, for the cuts
come from one tree (`profile_cuts.py`); pairs of columns are scaled by their own rows, so those of
such parts differ and are left out of the sum. Means are equal up to the rounding of floats.
"""

from collections.abc import Sequence
from functools import reduce

import msgspec
import numpy as np

from dovetail.monitoring.columns import Bins, ColumnProfile
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.joint import Joint
from dovetail.monitoring.profile_columns import absent, add_columns
from dovetail.monitoring.profile_scores import Scored
from dovetail.monitoring.reference import Performance, Reference

__all__ = ["merge_profiles"]


def merge_profiles(first: Reference, *others: Reference) -> Reference:
    """The profile of all rows of several profiles.

    Args:
        first: One of them; the order changes nothing.
        others: The others. A column that a part does not have counts as missing on all its rows.

    Raises:
        ReferenceInvalidError: They are of different models, versions, seasons or tasks, or a
            column holds numbers in one and texts in another.

    Example:
        >>> morning = Reference.fit({"wind": [3.5, 4.0, 9.0, 2.0]}, version="7")
        >>> evening = Reference.fit({"wind": [1.0, 6.0]}, version="7", like=morning)
        >>> day = merge_profiles(morning, evening)
        >>> day.rows, day.columns[0].mean
        (6, 4.25)
    """
    return reduce(_add, others, first).sealed()


def _add(a: Reference, b: Reference) -> Reference:
    pairs = (
        ("season", a.season, b.season),
        ("task", a.task, b.task),
        ("classes", ", ".join(a.classes), ", ".join(b.classes)),
    )
    for what, one, other in pairs:
        if one != other:
            raise _apart(what, one, other)
    if a.views != b.views:
        raise ReferenceInvalidError(
            "profiles that look at vectors, texts or images differently cannot be merged",
            fix="make all parts like one of them",
        )
    days = [day for one in (a, b) for day in (one.first, one.last) if day is not None]
    made = msgspec.structs.replace(
        a,
        version=_same("version", a.version, b.version),
        model=_same("model", a.model, b.model),
        rows=a.rows + b.rows,
        first=min(days, default=None),
        last=max(days, default=None),
        columns=_columns(a, b),
        prediction=_either(a.prediction, b.prediction),
        loss=_either(a.loss, b.loss),
        surprise=_either(a.surprise, b.surprise),
        joints=_joints(a.joints, b.joints),
        sketch=None,
        scored=a.scored + b.scored if a.scored and b.scored else a.scored or b.scored,
        performance=_performance(a, b),
        class_scored=_class_scored(a, b),
    )
    if a.scored and b.scored and made.scored:
        calibration = made.scored.calibration
        knots, heights = calibration.scores.tolist(), calibration.probabilities.tolist()
        return msgspec.structs.replace(made, knots=knots, heights=heights)
    owner = a if a.scored else b
    return msgspec.structs.replace(made, knots=owner.knots, heights=owner.heights)


def _class_scored(a: Reference, b: Reference) -> list[Scored]:
    if a.class_scored and b.class_scored:
        return [x + y for x, y in zip(a.class_scored, b.class_scored, strict=True)]
    return a.class_scored or b.class_scored


def _same(what: str, one: str, other: str) -> str:
    if one and other and one != other:
        raise _apart(what, one, other)
    return one or other


def _apart(what: str, one: str, other: str) -> ReferenceInvalidError:
    return ReferenceInvalidError(
        f"profiles of the {what}s '{one}' and '{other}' cannot be merged",
        fix=f"merge parts of one {what} only",
    )


def _columns(a: Reference, b: Reference) -> list[ColumnProfile]:
    mine, theirs = ({column.name: column for column in one.columns} for one in (a, b))
    names = list(mine) if list(mine) == list(theirs) else sorted({*mine, *theirs})
    made = []
    for name in names:
        one, other = mine.get(name), theirs.get(name)
        some = one or other
        if some is None:  # not reached: the name is from one of the two
            continue
        one = one or absent(some, a.rows, _calibrating(a, some))
        other = other or absent(some, b.rows, _calibrating(b, some))
        made.append(add_columns(one, other))
    return made


def _calibrating(reference: Reference, like: ColumnProfile) -> Bins:
    """Calibrating rows by season; all columns have the same."""
    if reference.columns:
        return np.array([sum(pool) for pool in reference.columns[0].pools])
    return np.zeros(len(like.pools), dtype=np.int64)


def _either(a: ColumnProfile | None, b: ColumnProfile | None) -> ColumnProfile | None:
    return add_columns(a, b) if a and b else a or b


def _joints(a: Sequence[Joint], b: Sequence[Joint]) -> list[Joint]:
    """The streams of which both have the same terms."""
    theirs = {_terms(joint): joint for joint in b}
    ordered = a if [_terms(x) for x in a] == list(theirs) else sorted(a, key=_terms)
    return [
        msgspec.structs.replace(one, profile=add_columns(one.profile, theirs[_terms(one)].profile))
        for one in ordered
        if _terms(one) in theirs
    ]


def _terms(joint: Joint) -> bytes:
    return msgspec.json.encode((joint.left, joint.right))


def _performance(a: Reference, b: Reference) -> Performance | None:
    if a.class_scored or b.class_scored:
        return _class_performance(a, b)
    known = [(one.scored, one.performance) for one in (a, b) if one.scored and one.performance]
    if len(known) < 2:
        return known[0][1] if known else None
    sizes = [sum(scored.rows) for scored, _ in known]
    shares = [size / sum(sizes) for size in sizes]

    def mean(name: str) -> float:
        pairs = zip(shares, known, strict=True)
        return float(sum(share * getattr(one, name) for share, (_, one) in pairs))

    (first, _), (second, _) = known
    return Performance(
        auc=_auc(first, second),
        log_loss=mean("log_loss"),
        brier=mean("brier"),
        positives=mean("positives"),
    )


def _class_performance(a: Reference, b: Reference) -> Performance | None:
    known = [(one.class_scored[0], one.performance) for one in (a, b) if one.class_scored]
    sizes = [sum(scored.rows) for scored, _ in known]

    def mean(name: str) -> float:
        pairs = zip(sizes, known, strict=True)
        return float(sum(n * getattr(one, name) for n, (_, one) in pairs) / sum(sizes))

    areas = [one.auc for one in _class_scored(a, b)]
    whole = [area for area in areas if area is not None]
    return Performance(
        auc=float(np.mean(whole)) if len(whole) == len(areas) else None,
        log_loss=mean("log_loss"),
        brier=mean("brier"),
    )


def _auc(a: Scored, b: Scored) -> float | None:
    return (a + b).auc
