"""Figures of one's own: money, minutes, whatever a function makes of answers and labels."""

from collections.abc import Callable, Mapping

import numpy as np

from dovetail.monitoring.errors import RowsInvalidError
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.quality import intervals
from dovetail.monitoring.quality.rows import Rows
from dovetail.wire.monitoring import Measured

Business = Callable[[Floats, Floats], Floats | float]
"""Takes the answers and labels of labelled rows. Returns one number a row, whose mean is the
figure, or one number for all of them."""
_RESAMPLES = 200


def business(functions: Mapping[str, Business], rows: Rows) -> list[Measured]:
    """Apply each function to the rows whose label is known.

    One number a row gets the interval of a mean; one number for all gets that of 200 bootstrap
    resamples, drawn with a fixed seed.

    Raises:
        RowsInvalidError: A function returns something else, or is not finite.

    Example:
        >>> rows = Rows.read([0.9, 0.2, 0.7], [1, 0, 0])
        >>> cost = lambda p, y: 5.0 * ((p > 0.5) & (y == 0))
        >>> business({"cost": cost}, rows)[0].value
        1.6666666666666667
    """
    known = rows.at(rows.known)
    if len(known) == 0:
        return [intervals.unknown(name) for name in functions]
    return [_one(name, function, known) for name, function in functions.items()]


def _one(name: str, function: Business, rows: Rows) -> Measured:
    found = _call(name, function, rows)
    if found.ndim:
        return intervals.mean(name, found)
    r = np.random.default_rng(0)
    draws = (rows.at(r.integers(0, len(rows), len(rows))) for _ in range(_RESAMPLES))
    again = [float(_call(name, function, drawn)) for drawn in draws]
    low, high = np.quantile(again, [0.025, 0.975])
    return Measured(
        name=name,
        value=float(found),
        low=float(low),
        high=float(high),
        interval="bootstrap",
        rows=len(rows),
    )


def _call(name: str, function: Business, rows: Rows) -> Floats:
    found = np.asarray(function(rows.answers, rows.labels), dtype=np.float64)
    if found.shape not in ((), (len(rows),)) or not np.isfinite(found).all():
        raise RowsInvalidError(
            f"the business figure '{name}' returned shape {list(found.shape)}"
            f"{'' if np.isfinite(found).all() else ', not all finite'} for {len(rows)} rows",
            fix="return one number a row, or one for all",
        )
    return found
