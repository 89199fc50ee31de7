"""Has the input changed? Day by day against the reference, within an alarm budget for the year.

One stream for each column, one for the scores, and streams of columns together. The state after
any number of days is counts per bin and a few sums per day and stream, so it can be kept,
restarted and looked at whenever. Parts of one day may be counted apart (`tally.py`); evidence is
weighed in one place, for it ranks every row among all before it.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Self

import msgspec
import numpy as np

from dovetail.monitoring.columns import Bins, ColumnProfile, Values, typed
from dovetail.monitoring.embedding import Embed
from dovetail.monitoring.evidence import YEAR, DaySums, Evidence, sum_day, weigh
from dovetail.monitoring.joint import Joint
from dovetail.monitoring.learner import Learner, Told
from dovetail.monitoring.looks import change, looks
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.reference import PREDICTION, Reference
from dovetail.monitoring.seasons import SEASONS, season_of
from dovetail.monitoring.sketch import Codes, Learnt
from dovetail.monitoring.tally import Tally, tally
from dovetail.monitoring.views import View, expand, gather, sources
from dovetail.wire.monitoring import ColumnDrift, Drift

_DECIMAL = math.log(10)
_JOINT = 0.2
"""The share of the budget for columns together, where such streams exist."""
_LEARNT = 0.2
"""The share of the budget for the classifier, where the reference kept rows for it."""
TOGETHER = "(columns together)"
"""What the classifier's finding names as its column, before the columns it looks at most."""


@dataclass
class Watch:
    """The running evidence of some streams.

    Attributes:
        profiles: What each stream looked like on the reference; the joint ones come last.
        pools: For each stream the calibrating rows and all days so far, shape (seasons, bins).
        joints: What the joint streams are made of.
        season: Which days are compared with each other.
        days: The days of this alarm budget and their sums.
        upward: Watch only for values becoming larger.
        views: How columns of vectors, texts and images become numeric ones.
        embed: Functions of the user's that make vectors of values, by column.
        learner: The classifier, where the reference kept rows for it.
        told: What the classifier said on the latest day.
    """

    profiles: list[ColumnProfile]
    pools: list[Bins]
    joints: list[Joint] = field(default_factory=list)
    season: str = ""
    days: list[tuple[str, DaySums]] = field(default_factory=list)
    upward: bool = False
    views: list[View] = field(default_factory=list)
    embed: Mapping[str, Embed] | None = None
    learner: Learner | None = None
    told: Told | None = None

    @classmethod
    def fresh(
        cls,
        profiles: list[ColumnProfile],
        *,
        joints: Sequence[Joint] = (),
        season: str = "",
        upward: bool = False,
        learner: Learner | None = None,
    ) -> Self:
        """Begin with the reference alone."""
        streams = [*profiles, *(joint.profile for joint in joints)]
        pools = [p.calibration() for p in streams]
        return cls(streams, pools, list(joints), season, upward=upward, learner=learner)

    @property
    def weights(self) -> Floats:
        """Each stream's share of the budget."""
        joint = len(self.joints)
        single = len(self.profiles) - joint
        rest = 1.0 if self.learner is None else 1 - _LEARNT
        if not joint or not single:
            return np.full(len(self.profiles), rest / len(self.profiles))
        return np.repeat([(rest - _JOINT) / single, _JOINT / joint], [single, joint])

    def read(self, columns: Mapping[str, Any]) -> Mapping[str, Values]:
        """The columns that are watched, of those that came in; of what was read before, itself."""
        names = [profile.name for profile in self.profiles[: _single(self)]]
        if not self.views:
            return align(names, columns)
        names = sources(self.views, [name for name in names if name != PREDICTION])
        gathered = align(names, gather(self.views, names, columns))
        found = expand(self.views, gathered, self.embed)
        return {name: typed(values) for name, values in found.items()}

    def tally(self, columns: Mapping[str, Values], scores: Values | None) -> Tally:
        """Count rows for `step`."""
        coder = None if self.learner is None else self.learner.learnt.coder
        return tally(self.profiles, self.joints, columns, scores, coder)

    def step(
        self, day: str, counts: Sequence[Bins | None], about: str, codes: Codes | None = None
    ) -> Evidence:
        """Add a day and weigh all evidence; after a year a new budget begins.

        Args:
            day: Its date.
            counts: For each stream the day's rows in each bin, None where it was not seen.
            about: What is watched; with the day it seeds the order of rows and ties.
            codes: Some of its rows, for the classifier.
        """
        seed = int.from_bytes(hashlib.sha256(f"{about}\0{day}".encode()).digest()[:8])
        if len(self.days) >= YEAR:
            self.days = []
        if self.learner is not None and not self.days:
            self.learner.restart()
        season = season_of(self.season, date.fromisoformat(day)) if self.season else 0
        pools = [pool[season if len(pool) > 1 else 0] for pool in self.pools]
        merged = [
            None if seen is None else profile.merged(seen)
            for profile, seen in zip(self.profiles, counts, strict=True)
        ]
        self.days.append((day, sum_day(merged, pools, seed)))
        found = weigh([sums for _, sums in self.days], self.weights, upward=self.upward)
        if self.learner is None:
            return found
        self.told = self.learner.step(day, codes, season, len(self.days) - 1, seed + 1)
        return replace(found, log_e=max(found.log_e, self.told.log_e + math.log(_LEARNT)))

    def pack_pools(self) -> bytes:
        """The pools as little-endian int64, one after the other, then what was learnt."""
        pools = np.concatenate([pool.ravel() for pool in self.pools]).astype("<i8").tobytes()
        return pools if self.learner is None else pools + self.learner.pack()

    def unpack_pools(self, data: bytes) -> None:
        """The inverse of `pack_pools`."""
        size = 8 * sum(pool.size for pool in self.pools)
        if self.learner is not None and len(data) > size:
            self.learner.unpack(data[size:])
        flat = np.frombuffer(data[:size], "<i8").astype(np.int64)
        ends = np.cumsum([pool.size for pool in self.pools])[:-1]
        parts = np.split(flat, ends)
        self.pools = [
            part.reshape(pool.shape).copy() for part, pool in zip(parts, self.pools, strict=True)
        ]


def watch_inputs(reference: Reference) -> Watch:
    """Watch the features and scores of a version."""
    learner = None
    if reference.sketch is not None and all(p.merge for p in reference.columns):
        learnt = Learnt(reference.sketch, reference.columns)
        learner = Learner(learnt, SEASONS[reference.season])
    watch = Watch.fresh(
        reference.streams, joints=reference.joints, season=reference.season, learner=learner
    )
    watch.views = reference.views
    return watch


def assess(
    watch: Watch,
    day: str,
    columns: Mapping[str, Values],
    scores: Values | None,
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
        scores: The scores, or the classes chosen; None where they are not known.
        alpha: The chance of a false alarm that a quiet year may have.
        about: What is watched.
    """
    seen = watch.tally(watch.read(columns), scores)
    return assess_tally(watch, day, seen, alpha=alpha, about=about)


def assess_tally(watch: Watch, day: str, seen: Tally, *, alpha: float, about: str = "") -> Drift:
    """The same for a day that was counted before, perhaps in parts."""
    evidence = watch.step(day, seen.counts, about, seen.codes)
    single = _single(watch)
    found = [_column(watch, seen, evidence, j) for j in range(len(watch.profiles))]
    told = found[:single] + _told(watch.joints, found[:single], found[single:])
    told += _learnt(watch.told, told)
    threshold = -math.log(alpha)
    return Drift(
        rows=seen.rows,
        evidence=decimal(evidence.log_e),
        threshold=threshold / _DECIMAL,
        alarm=evidence.log_e >= threshold,
        columns=tuple(sorted(told, key=lambda c: -c.evidence)),
    )


def _told(
    joints: Sequence[Joint], columns: Sequence[ColumnDrift], found: Sequence[ColumnDrift]
) -> list[ColumnDrift]:
    """The joint streams worth a line: not those that show what one of their columns shows."""
    alone = {c.column: c.evidence for c in columns if c.since is not None}
    told = []
    for joint, one in zip(joints, found, strict=True):
        strongest = max((alone.get(t.column, 0.0) for t in (*joint.left, *joint.right)), default=0)
        if one.since is not None and 2 * strongest < one.evidence:
            told.append(one)
    return told


def _learnt(told: Told | None, found: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """The classifier's line, where it sees what no other stream does."""
    strongest = max((c.evidence for c in found if c.since is not None), default=0.0)
    if told is None or told.log_e <= _DECIMAL or decimal(told.log_e) < 2 * strongest:
        return []
    name = f"{TOGETHER} {', '.join(told.columns)}"
    since = date.fromisoformat(told.since)
    evidence = decimal(told.log_e)
    return [ColumnDrift(column=name, evidence=evidence, since=since, change="relation")]


def _single(watch: Watch) -> int:
    return len(watch.profiles) - len(watch.joints)


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


def _column(watch: Watch, seen: Tally, evidence: Evidence, stream: int) -> ColumnDrift:
    profile, counts = watch.profiles[stream], seen.counts[stream]
    log_e = float(evidence.streams[stream])
    since = watch.days[int(evidence.since[stream])][0]
    suspicious = log_e > _DECIMAL
    made = ColumnDrift(
        column=profile.name,
        evidence=decimal(log_e),
        since=date.fromisoformat(since) if suspicious else None,
    )
    if counts is None:
        return made
    made = msgspec.structs.replace(
        made, **profile.describe(counts), shift=seen.shift(profile, stream)
    )
    if not suspicious:
        return made
    if stream >= _single(watch):
        word = "covariance up" if (made.shift or 0.0) > 0 else "covariance down"
        return msgspec.structs.replace(made, change=word)
    word = change(profile, counts, int(evidence.bets[stream]))
    return msgspec.structs.replace(made, change=word, looks=looks(profile, counts))
