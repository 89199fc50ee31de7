"""Where a change sits: which parts of the rows it is in, and how much of it each explains.

The change is a sum over rows, so it is also a sum over the parts of any split of the rows: what a
part adds to it, by the whole, is its share. A part that holds a fifth of the rows and nine tenths
of the change is worth naming; one that holds as much of both is not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dovetail.monitoring.columns import ColumnProfile, Values
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.quality.segments import Mask, segments

__all__ = ["Concentration", "of_column", "of_loss"]

_COLUMNS = 30
_LEAST_SHARE, _OVER, _ERRORS = 0.4, 1.5, 4.0
_ROUND = 3


@dataclass(frozen=True)
class Concentration:
    """A part of the rows that a change sits in.

    Attributes:
        column: What the rows were split by.
        segment: Which part: a level or a range.
        share: What share of the change it explains.
        rows: What share of the rows it holds.
    """

    column: str
    segment: str
    share: float
    rows: float


def of_column(
    profile: ColumnProfile, now: Mapping[str, Values], then: Mapping[str, Values]
) -> list[Concentration]:
    """Where the change of one column sits, the most telling part first.

    The change is the sum over bins of the difference of shares times the logarithm of their ratio
    (the population stability index); each row brings the logarithm of its bin.

    Args:
        profile: The column.
        now: The changed rows by column.
        then: Rows from before the change.

    Example:
        >>> from dovetail.monitoring.columns import profile
        >>> r = np.random.default_rng(0)
        >>> origin = ["JFK", "EWR", "LGA", "EWR"] * 200
        >>> wind = r.normal(size=800)
        >>> storm = wind + 3.0 * (np.array(origin) == "JFK")
        >>> found = of_column(
        ...     profile("wind", wind), {"wind": storm, "origin": origin},
        ...     {"wind": wind, "origin": origin},
        ... )
        >>> found[0].segment, found[0].rows
        ('JFK', 0.25)
    """
    name = profile.name
    if name not in now or name not in then:
        return []
    groups = profile.groups()
    bins = [groups[profile.bins(rows[name])] for rows in (now, then)]
    size = int(groups.max()) + 1
    shares = [(np.bincount(side, minlength=size) + 0.5) / (len(side) + 0.5 * size) for side in bins]
    weights = np.log(shares[0] / shares[1])
    a, b = (weights[side] for side in bins)
    return _telling(_parts(now, then, {name}), a, b, within=False)


def of_loss(
    now: Mapping[str, Values], then: Mapping[str, Values], losses: Floats, before: Floats
) -> list[Concentration]:
    """Where a rise of the loss sits, the most telling part first.

    A part explains its share of the rows times what its mean loss has risen by.

    Args:
        now: The rows whose loss has risen, by column.
        then: Rows from before.
        losses: The losses of the former.
        before: The losses of the latter.
    """
    return _telling(_parts(now, then, set()), losses, before, within=True)


def _parts(
    now: Mapping[str, Values], then: Mapping[str, Values], without: set[str]
) -> Iterator[tuple[str, str, Mask, Mask]]:
    """Every part of every split: column, name, its rows now, its rows then."""
    names = [name for name in now if name in then and name not in without]
    for name in names[:_COLUMNS]:
        both = _both(now[name], then[name])
        if both is None:
            continue
        size = len(now[name])
        for segment, mask in segments(both).items():
            yield name, segment, mask[:size], mask[size:]


def _both(a: Values, b: Values) -> Values | None:
    """The two after each other; None where one is text and the other is not."""
    if isinstance(a, list) and isinstance(b, list):
        return a + b
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.concatenate([a, b])
    return None


def _telling(
    parts: Iterator[tuple[str, str, Mask, Mask]], now: Floats, then: Floats, *, within: bool
) -> list[Concentration]:
    """The parts that explain clearly more of the change than they hold of the rows."""
    if len(now) == 0 or len(then) == 0:
        return []
    total = float(now.mean() - then.mean())
    found: list[tuple[float, Concentration]] = []
    for column, segment, here, there in parts:
        rows = float(here.mean())
        if within:
            old = float(then[there].mean()) if there.any() else float(then.mean())
            value = rows * (float(now[here].mean()) - old) if here.any() else 0.0
            error = rows * _error(now[here], then[there])
        else:
            value = float((now * here).mean() - (then * there).mean())
            error = _error(now * here, then * there)
        share = value / total if total > 0 else 0.0
        held = max(rows, float(there.mean()))
        clear = value - held * total > _ERRORS * error
        if share >= max(_LEAST_SHARE, _OVER * held) and clear:
            one = Concentration(
                column, segment, round(min(share, 1.0), _ROUND), round(rows, _ROUND)
            )
            found.append((share - held, one))
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _error(a: Floats, b: Floats) -> float:
    """The standard error of a difference of two means."""
    parts = [float(side.var()) / len(side) for side in (a, b) if len(side)]
    return float(np.sqrt(sum(parts)))
