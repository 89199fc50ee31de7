"""P-values of many columns, adjusted so that all of them together keep one promise."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from dovetail.monitoring.distances import holm
from dovetail.monitoring.numeric import Floats


def bonferroni(p: Floats) -> Floats:
    """Times the number of columns: any false alarm with at most alpha, whatever the dependence."""
    return np.minimum(1.0, p * len(p))


def benjamini_hochberg(p: Floats) -> Floats:
    """The share of false ones among the columns named is at most alpha on average.

    Source: Y. Benjamini and Y. Hochberg (1995); for independent or positively dependent columns.
    """
    count = len(p)
    order = np.argsort(p)[::-1]
    scaled = np.minimum.accumulate(p[order] * count / np.arange(count, 0, -1))
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted


def none(p: Floats) -> Floats:
    """As they are: each column alone errs with alpha, twenty of them together with 64 %."""
    return p


CORRECTIONS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {"holm": holm, "bonferroni": bonferroni, "benjamini-hochberg": benjamini_hochberg, "none": none}
)
