"""Joint streams: columns that each look as ever, but no longer go together as they did.

A joint stream is the product of two centred sums of numeric columns; its distribution moves when
the covariance between the two does. With few columns every pair is a stream. With many, each sum
takes a few columns at random: changes of the whole structure show, one pair among thousands may
not. What centres and scales the columns comes from the rows that shape the bins, so that the
stream is as exact as any other.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import msgspec
import numpy as np

from dovetail.monitoring.columns import ColumnProfile, Roles, Values, numbers_of, profile
from dovetail.monitoring.numeric import Floats

PAIRED = 20
"""Most numeric columns of which every pair is watched."""
PROJECTIONS = 128
"""Streams of a wider table."""
QUANTILES = 12
"""Bins of a joint stream: there are many, and a reference is to stay small."""
_TERMS = 4
_SEED = 1742


class Term(msgspec.Struct, frozen=True):
    """One column in a sum, as `weight (value - centre)`."""

    column: str
    centre: float
    weight: float


class Joint(msgspec.Struct, frozen=True, kw_only=True):
    """A product of two sums of columns.

    Attributes:
        left: One sum.
        right: The other; it shares no column with the first.
        profile: What the product looked like on the reference.
    """

    left: list[Term]
    right: list[Term]
    profile: ColumnProfile

    def values(self, columns: Mapping[str, Values], rows: int) -> Floats:
        """The product on each row; missing where any of its columns is.

        Args:
            columns: The features by name.
            rows: How many rows there are.
        """
        return _sum(self.left, columns, rows) * _sum(self.right, columns, rows)


def _sum(terms: Sequence[Term], columns: Mapping[str, Values], rows: int) -> Floats:
    total = np.zeros(rows)
    for term in terms:
        if term.column not in columns:
            return np.full(rows, np.nan)
        # One stray string makes a batch of strings; what reads as a number still is one.
        values = numbers_of(columns[term.column])
        finite = np.where(np.isfinite(values), values, np.nan)
        total += term.weight * (finite - term.centre)
    return total


def joints(
    features: Mapping[str, Values], roles: Roles, like: Sequence[Joint] | None = None
) -> list[Joint]:
    """The joint streams of a reference.

    Args:
        features: Its columns; those that do not vary, or are no numbers, take no part.
        roles: Which rows shape.
        like: Streams made of other rows, to count these rows in.
    """
    if like is not None:
        return [_counted(stream, features, roles, stream.profile) for stream in like]
    terms = []
    for name, values in features.items():
        if isinstance(values, np.ndarray):
            known = values[roles.shaping & np.isfinite(values)]
            deviation = float(known.std()) if len(known) else 0.0
            if deviation > 0 and np.isfinite(deviation):
                terms.append(Term(name, float(known.mean()), 1 / deviation))
    made = []
    for left, right in _sides(terms):
        empty = ColumnProfile(name=_name(left, right), kind="numeric", counts=[])
        made.append(_counted(Joint(left=left, right=right, profile=empty), features, roles))
    return made


def _counted(
    stream: Joint, features: Mapping[str, Values], roles: Roles, like: ColumnProfile | None = None
) -> Joint:
    values = stream.values(features, len(roles.shaping))
    shown = profile(stream.profile.name, values, roles, QUANTILES, like)
    return msgspec.structs.replace(stream, profile=shown)


def _sides(terms: list[Term]) -> list[tuple[list[Term], list[Term]]]:
    if len(terms) <= PAIRED:
        return [([a], [b]) for a, b in combinations(terms, 2)]
    random = np.random.default_rng(_SEED)
    sides = []
    for _ in range(PROJECTIONS):
        chosen = random.choice(len(terms), 2 * _TERMS, replace=False)
        signs = random.choice([-1.0, 1.0], 2 * _TERMS)
        signed = [
            msgspec.structs.replace(terms[i], weight=terms[i].weight * sign)
            for i, sign in zip(chosen.tolist(), signs.tolist(), strict=True)
        ]
        sides.append((signed[:_TERMS], signed[_TERMS:]))
    return sides


def _name(left: list[Term], right: list[Term]) -> str:
    a, b = (" + ".join(term.column for term in side) for side in (left, right))
    return f"{a} with {b}"
