"""Splitting rows by any column: by level where it is text, by cuts where it is a number."""

import itertools
from collections import Counter

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.columns import Values
from dovetail.monitoring.numeric import Floats

LEVELS = 12
BINS = 4
OTHER = "(other)"
MISSING = "(missing)"
Mask = npt.NDArray[np.bool_]


def segments(values: Values, cuts: Floats | None = None) -> dict[str, Mask]:
    """Masks by segment name; every row is in exactly one.

    Args:
        values: The column.
        cuts: Where a numeric column is cut, increasing; its quartiles by default, or one segment a
            value where it has at most 12.

    Example:
        >>> {name: int(mask.sum()) for name, mask in segments(["a", "b", "a", None]).items()}
        {'a': 2, 'b': 1, '(missing)': 1}
    """
    if isinstance(values, list):
        return _levels(values)
    known = np.isfinite(values)
    whole = np.unique(values[known])
    if cuts is None and len(whole) <= LEVELS:
        return _levels([f"{v:g}" if k else None for v, k in zip(values, known, strict=True)])
    if cuts is None:
        cuts = np.unique(np.quantile(values[known], np.arange(1, BINS) / BINS))
    where = np.searchsorted(cuts, values, side="right")
    found = {
        name: known & (where == b)
        for b, name in enumerate(_names(cuts))
        if (known & (where == b)).any()
    }
    return found | ({MISSING: ~known} if not known.all() else {})


def _names(cuts: Floats) -> list[str]:
    if len(cuts) == 0:
        return ["(all)"]
    inner = [f"{a:.4g} to {b:.4g}" for a, b in itertools.pairwise(cuts)]
    return [f"under {cuts[0]:.4g}", *inner, f"{cuts[-1]:.4g} and over"]


def _levels(values: list[str | None]) -> dict[str, Mask]:
    counts = Counter(v for v in values if v is not None)
    ordered = sorted(counts.items(), key=lambda i: (-i[1], i[0]))
    shown = {level for level, _ in ordered[:LEVELS]}
    names = np.array(
        [MISSING if v is None else v if v in shown else OTHER for v in values], dtype=object
    )
    wanted = [*(level for level, _ in ordered[:LEVELS]), OTHER, MISSING]
    masks = {name: np.asarray(names == name, dtype=np.bool_) for name in wanted}
    return {name: mask for name, mask in masks.items() if mask.any()}
