"""Has the input changed? Day by day against the reference, within an alarm budget for the year.

One stream for each column and one for the scores. The state after any number of days is counts
per bin and a few sums per day and stream, so it can be kept, restarted and looked at whenever.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

import msgspec
import numpy as np

from dovetail.monitoring.columns import Bins, ColumnProfile, Values, typed
from dovetail.monitoring.evidence import YEAR, DaySums, Evidence, sum_day, weigh
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.reference import PREDICTION, Reference
from dovetail.wire.monitoring import ColumnDrift, Drift

_DECIMAL = math.log(10)


@dataclass
class Watch:
    """The running evidence of some streams.

    Attributes:
        profiles: What each stream looked like on the reference.
        pools: Counts per bin of the reference and all days so far.
        days: The days of this alarm budget and their sums.
        upward: Watch only for values becoming larger.
    """

    profiles: list[ColumnProfile]
    pools: list[Bins]
    days: list[tuple[str, DaySums]] = field(default_factory=list)
    upward: bool = False

    @classmethod
    def fresh(cls, profiles: list[ColumnProfile], *, upward: bool = False) -> Self:
        """Begin with the reference alone."""
        return cls(profiles, [np.array(p.counts, dtype=np.int64) for p in profiles], upward=upward)

    def step(self, day: str, bins: list[Bins | None], about: str) -> Evidence:
        """Add a day and weigh all evidence; after a year a new budget begins.

        Args:
            day: Its date.
            bins: For each stream the bin of every value, None where it was not seen.
            about: What is watched; with the day it seeds the randomisation of ties.
        """
        seed = int.from_bytes(hashlib.sha256(f"{about}\0{day}".encode()).digest()[:8])
        if len(self.days) >= YEAR:
            self.days = []
        self.days.append((day, sum_day(bins, self.pools, seed)))
        weights = np.full(len(self.profiles), 1 / len(self.profiles))
        return weigh([sums for _, sums in self.days], weights, upward=self.upward)

    def pack_pools(self) -> bytes:
        """The pools as little-endian int64, one after the other."""
        return np.concatenate(self.pools).astype("<i8").tobytes()

    def unpack_pools(self, data: bytes) -> None:
        """The inverse of `pack_pools`."""
        flat = np.frombuffer(data, "<i8").astype(np.int64)
        ends = np.cumsum([len(p.counts) for p in self.profiles])[:-1]
        self.pools = [part.copy() for part in np.split(flat, ends)]


def watch_inputs(reference: Reference) -> Watch:
    """Watch the features and scores of a version."""
    return Watch.fresh(reference.streams)


def assess(
    watch: Watch,
    day: str,
    columns: Mapping[str, Values],
    scores: Floats | None,
    *,
    alpha: float,
    about: str = "",
) -> Drift:
    """Add a day of inputs and say how sure a change is.

    Args:
        watch: The evidence so far; it moves on.
        day: The date.
        columns: The features; a column of the reference that is not among them counts as missing
            on every row. Empty where no features are known.
        scores: The scores, None where they are not known.
        alpha: The chance of a false alarm that a quiet year may have.
        about: What is watched.
    """
    columns = align([p.name for p in watch.profiles], columns)
    bins = [_bins(profile, columns, scores) for profile in watch.profiles]
    evidence = watch.step(day, bins, about)
    found = [
        _column(profile, bins[j], _values(profile, columns, scores), evidence, j, watch)
        for j, profile in enumerate(watch.profiles)
    ]
    threshold = -math.log(alpha)
    return Drift(
        rows=max((len(b) for b in bins if b is not None), default=0),
        evidence=decimal(evidence.log_e),
        threshold=threshold / _DECIMAL,
        alarm=evidence.log_e >= threshold,
        columns=tuple(sorted(found, key=lambda c: -c.evidence)),
    )


def decimal(log_e: float) -> float:
    """Natural to decimal logarithm, to four digits, and no negative zero."""
    return round(log_e / _DECIMAL, 4) + 0.0


def align(names: Sequence[str], columns: Mapping[str, Values]) -> Mapping[str, Values]:
    """Give columns that came without names (f0, f1, ...) those of the reference, by position."""
    expected = [name for name in names if name != PREDICTION]
    numbered = [f"f{j}" for j in range(len(expected))]
    if list(columns) == numbered and expected != numbered:
        return dict(zip(expected, columns.values(), strict=True))
    return columns


def join(requests: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """Put the columns of several requests after each other; what one lacks is missing there."""
    names = list(dict.fromkeys(name for columns in requests for name in columns))
    joined: dict[str, Values] = {}
    for name in names:
        parts = [_part(columns, name) for columns in requests]
        if all(isinstance(part, np.ndarray) for part in parts):
            joined[name] = np.concatenate(parts).astype(np.float64)
        else:
            joined[name] = typed([value for part in parts for value in part])
    return joined


def _part(columns: Mapping[str, Any], name: str) -> Any:
    if name in columns:
        return columns[name]
    return np.full(len(next(iter(columns.values()), ())), np.nan)


def _values(
    profile: ColumnProfile, columns: Mapping[str, Values], scores: Floats | None
) -> Values | None:
    if profile.name == PREDICTION:
        return scores
    if not columns:
        return None
    found = columns.get(profile.name)
    if found is None:
        return np.full(len(next(iter(columns.values()))), np.nan)
    return found


def _bins(
    profile: ColumnProfile, columns: Mapping[str, Values], scores: Floats | None
) -> Bins | None:
    values = _values(profile, columns, scores)
    return None if values is None or len(values) == 0 else profile.bins(values)


def _column(
    profile: ColumnProfile,
    bins: Bins | None,
    values: Values | None,
    evidence: Evidence,
    stream: int,
    watch: Watch,
) -> ColumnDrift:
    log_e = float(evidence.streams[stream])
    since = watch.days[int(evidence.since[stream])][0]
    made = ColumnDrift(
        column=profile.name,
        evidence=decimal(log_e),
        since=date.fromisoformat(since) if log_e > _DECIMAL else None,
    )
    if bins is None:
        return made
    said = profile.describe(np.bincount(bins, minlength=len(profile.counts)).astype(np.int64))
    return msgspec.structs.replace(made, **said, shift=_shift(profile, values))


def _shift(profile: ColumnProfile, values: Values | None) -> float | None:
    if not isinstance(values, np.ndarray) or not profile.deviation or profile.mean is None:
        return None
    known = values[np.isfinite(values)]
    return float((known.mean() - profile.mean) / profile.deviation) if len(known) else None
