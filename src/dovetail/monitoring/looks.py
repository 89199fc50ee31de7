"""What a change looks like: quantiles or levels before and after, and a word for its direction.

This is for people. It never decides about an alarm.
"""

from itertools import pairwise

import numpy as np

from dovetail.monitoring.columns import Bins, ColumnProfile
from dovetail.monitoring.evidence import BETS
from dovetail.monitoring.numeric import Floats
from dovetail.wire.monitoring import Look

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SHOWN = 5
_HALF = 0.5


def looks(profile: ColumnProfile, counts: Bins) -> tuple[Look, ...]:
    """The reference beside other rows: quantiles of numbers, the levels that moved most.

    Args:
        profile: The column on the reference.
        counts: The other rows in each of its bins.
    """
    before, after = np.asarray(profile.counts), counts
    shares = _shares(before), _shares(after)
    found = []
    if profile.kind == "numeric":
        # A side without any known value has no quantiles, and then none are shown.
        pairs = zip(quantiles(profile, before), quantiles(profile, after), strict=False)
        found = [
            Look(label=f"{at:.0%}", before=a, after=b)
            for at, (a, b) in zip(QUANTILES, pairs, strict=False)
        ]
        moved = [len(before) - 1]
    else:
        moved = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:_SHOWN].tolist()
    names = [*profile.levels, "(other)", "(missing)"]
    for i in moved:
        a, b = (float(side[i]) for side in shares)
        if a != b:
            found.append(Look(label=names[i - len(before)], before=a, after=b))
    return tuple(found)


def change(profile: ColumnProfile, counts: Bins, bet: int) -> str:
    """One word or two for what happened.

    Args:
        profile: The column on the reference.
        counts: The latest rows in each of its bins.
        bet: Which of `BETS` has won most.
    """
    groups = profile.groups()
    before, after = (
        _shares(np.bincount(groups, weights=side)) for side in (np.asarray(profile.counts), counts)
    )
    distance = float(np.abs(after - before).sum()) / 2
    if distance > 0:
        missing = float(after[-1] - before[-1])
        if abs(missing) > _HALF * distance:
            return "more missing" if missing > 0 else "less missing"
        if profile.describe(counts)["unseen"] > _HALF * distance:
            return "new values"
    return "levels" if profile.kind == "category" else BETS[bet]


def _shares(counts: Bins | Floats) -> Floats:
    return np.asarray(counts / max(1, counts.sum()), dtype=np.float64)


def quantiles(profile: ColumnProfile, counts: Bins) -> list[float]:
    """Quantiles from counts, straight within a bin; the outer bins end at the outer cuts."""
    known = counts[:-1]
    if len(profile.cuts) == 0 or not known.any():
        return []
    edges = [profile.cuts[0], *profile.cuts, profile.cuts[-1]]
    heights = np.r_[0, np.cumsum(known)] / known.sum()
    found = []
    for at in QUANTILES:
        i = min(int(np.searchsorted(heights[1:], at)), len(known) - 1)
        low, high = list(pairwise(edges))[i]
        step = heights[i + 1] - heights[i]
        part = (at - heights[i]) / step if step > 0 else 1.0
        found.append(float(low + part * (high - low)))
    return found
