"""The file of a reference profile: JSON that says what it is, and is looked over before use.

    {"format": "dovetail.monitoring.profile", "schema": 1, "made_by": "dovetail 0.4",
     "reference": {"version": "3", "rows": 50000, "columns": [...], ...}}

`docs/how-to/monitoring-profile.md` describes the fields. Profiles come from training jobs and
registries, so nothing in them is believed: JSON runs no code, sizes are bounded, and whatever one
part says of another is checked, for a reader would else fail later or count in the wrong bin.
Fields that this version does not know are passed over; a file whose `schema` is newer is refused.
"""

import math
from collections.abc import Iterable, Sequence
from importlib import metadata
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from dovetail.monitoring.columns import ColumnProfile
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.joint import Joint
from dovetail.monitoring.profile_scores import Scored
from dovetail.monitoring.seasons import SEASONS

__all__ = ["FORMAT", "LIMIT", "SCHEMA", "is_profile", "read_file", "write_file"]

FORMAT = "dovetail.monitoring.profile"
SCHEMA = 1
"""The newest layout that this version reads, and the one that it writes."""
LIMIT = 64 * 2**20
"""Bytes of the largest file that is read."""
_STREAMS = 20_000
_BINS = 4096
_MOST = 2**53

R = TypeVar("R")


class _Head(msgspec.Struct):
    format: str = ""
    schema: int = 0
    made_by: str = ""
    reference: msgspec.Raw = msgspec.Raw(b"null")


def is_profile(data: bytes) -> bool:
    """Whether bytes claim to be a profile, of any schema."""
    try:
        return msgspec.json.decode(data, type=_Head).format == FORMAT
    except (msgspec.DecodeError, RecursionError):
        return False


def write_file(reference: Any) -> bytes:
    """The file of a reference."""
    made_by = f"dovetail {metadata.version('dovetail')}"
    head = {"format": FORMAT, "schema": SCHEMA, "made_by": made_by, "reference": reference}
    return msgspec.json.encode(head)


def read_file(data: bytes, kind: type[R]) -> R:
    """Read a file that anybody may have written.

    Args:
        data: The file.
        kind: `Reference`.

    Raises:
        ReferenceInvalidError: It is no profile, too large, too new, or its parts contradict.
    """
    if len(data) > LIMIT:
        raise _invalid(f"it has {len(data):,} bytes, more than {LIMIT:,}")
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.format != FORMAT:
            raise _invalid(f"its format is '{head.format[:60]}', not '{FORMAT}'")
        if head.schema > SCHEMA:
            raise ReferenceInvalidError(
                f"the profile has schema {head.schema}, and this version reads up to {SCHEMA}",
                why=f"it was written by {head.made_by[:60] or 'a newer version'}",
                fix="upgrade dovetail here, or make the profile with this version",
            )
        found = msgspec.json.decode(head.reference, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _invalid(str(error)) from error
    _check(found)
    return found


def _check(reference: Any) -> None:
    """Refuse a reference whose parts do not fit together."""
    _require(0 < reference.rows <= _MOST, "it has no rows")
    _require(reference.season in SEASONS, f"there is no season '{reference.season[:60]}'")
    streams = [*reference.columns, *(joint.profile for joint in reference.joints)]
    _require(len(streams) <= _STREAMS, f"it has {len(streams):,} streams, over {_STREAMS:,}")
    names = [column.name for column in reference.columns]
    _require(len(set(names)) == len(names), "two columns have the same name")
    streams += [p for p in (reference.prediction, reference.loss, reference.surprise) if p]
    for stream in streams:
        _check_column(stream, SEASONS[reference.season], reference.rows)
    for column in reference.columns:
        _require(column.rows == reference.rows, f"'{column.name}' counts other rows than it has")
    for joint in reference.joints:
        _check_joint(joint)
    knots, heights = reference.knots, reference.heights
    _require(len(knots) == len(heights) <= LIMIT, "knots and heights differ in number")
    _require(_is_rising(knots) and _is_rising(heights, strictly=False), "the calibration falls")
    if reference.scored is not None:
        _check_scored(reference.scored)
    classes, scored = reference.classes, reference.class_scored
    _require(len(set(classes)) == len(classes) <= _BINS, "a class is named twice")
    _require(len(scored) in (0, len(classes)), "its classes are not all calibrated")
    for one in scored:
        _check_scored(one)
    labelled = reference.scored is not None or scored
    _require(not labelled or reference.performance is not None, "it has labels but no performance")


def _check_column(column: ColumnProfile, seasons: int, rows: int) -> None:
    about = f"column '{column.name[:60]}'"
    edges: Sequence[Any] = column.cuts if column.kind == "numeric" else column.levels
    _require(len(edges) <= _BINS, f"{about} has {len(edges):,} bins, over {_BINS:,}")
    _require(len(column.counts) == len(edges) + 2, f"{about} has not one count a bin")
    _require(_is_counts(column.counts, rows), f"{about} counts more rows than there are")
    _require(_is_rising(column.cuts), f"{about} has cuts that do not increase")
    _require(len(set(column.levels)) == len(column.levels), f"{about} has a level twice")
    moments = (column.mean, column.deviation, column.length, column.length_deviation)
    _require(all(m is None or math.isfinite(m) for m in moments), f"{about} has no finite mean")
    # Without pools there would be drift findings, yet no guarantee: only old stores hold such.
    width, merge = len(column.pools[0]) if column.pools else 0, column.merge
    _require(len(column.pools) == seasons, f"{about} has not one pool a season")
    _require(len(merge) == len(column.counts), f"{about} does not merge every bin")
    _require(merge[-2:] == [width - 2, width - 1], f"{about} has pools of another width")
    steps = [b - a for a, b in pairwise(merge)]
    if column.kind == "numeric":
        _require(merge[0] >= 0 and min(steps) >= 0, f"{about} merges bins out of order")
    _require(set(merge) == set(range(width)), f"{about} has bins of evidence without a value")
    for pool in column.pools:
        _require(len(pool) == width and _is_counts(pool, rows), f"{about} has a broken pool")


def _check_joint(joint: Joint) -> None:
    terms = [*joint.left, *joint.right]
    _require(0 < len(terms) <= 64, "a joint stream has no or too many terms")
    finite = all(math.isfinite(x) for term in terms for x in (term.centre, term.weight))
    _require(finite, "a joint stream has a weight that is not finite")


def _check_scored(scored: Scored) -> None:
    bins = len(scored.cuts) + 1
    parts = (scored.rows, scored.positives, scored.totals)
    _require(bins <= _BINS and all(len(p) == bins for p in parts), "the scores' bins do not fit")
    _require(_is_rising(scored.cuts), "the scores' cuts do not increase")
    _require(sum(scored.rows) > 0, "the scores' bins hold no row")
    pairs = zip(scored.rows, scored.positives, strict=True)
    _require(all(0 <= up <= rows <= _MOST for rows, up in pairs), "the scores' counts do not fit")
    _require(all(map(math.isfinite, scored.totals)), "a sum of scores is not finite")


def _is_counts(counts: Iterable[int], most: int) -> bool:
    found = list(counts)
    return all(count >= 0 for count in found) and sum(found) <= most


def _is_rising(values: Sequence[float], *, strictly: bool = True) -> bool:
    if not all(map(math.isfinite, values)):
        return False
    return all(a < b if strictly else a <= b for a, b in pairwise(values))


def _require(fits: bool, why: str) -> None:
    if not fits:
        raise _invalid(why)


def _invalid(why: str) -> ReferenceInvalidError:
    return ReferenceInvalidError(
        "this is no valid monitoring profile",
        why=why,
        fix="make one with `dovetail monitoring profile make`",
    )
