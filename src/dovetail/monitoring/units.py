"""Whether a column came in another unit: all of its quantiles are the old ones, times one number.

A world that changes moves, widens or skews a column; it hardly multiplies every quantile alike. A
factor of five or more is told whatever it is, a smaller one where two units are known by it.
"""

import numpy as np

from dovetail.monitoring.columns import ColumnProfile
from dovetail.monitoring.looks import QUANTILES, quantiles
from dovetail.monitoring.numeric import Floats

__all__ = ["rescaled"]

_FEWEST = 50
_LARGE, _ALIKE, _NEAR = 5.0, 0.15, 0.04
_SPREADS = 0.5
_KNOWN = (
    (1.60934, "miles and kilometres"),
    (1.852, "nautical miles and kilometres, or knots and km/h"),
    (1.94384, "m/s and knots"),
    (2.20462, "kilograms and pounds"),
    (2.23694, "m/s and mph"),
    (2.54, "inches and centimetres"),
    (3.28084, "metres and feet"),
    (3.6, "m/s and km/h"),
    (3.78541, "gallons and litres"),
)


def rescaled(profile: ColumnProfile, values: Floats) -> str:
    """What a change of unit looks like, in words; "" where it does not look like one.

    Example:
        >>> from dovetail.monitoring.columns import profile
        >>> wind = np.random.default_rng(0).normal(10, 2, 2000)
        >>> rescaled(profile("wind", wind), 3.6 * wind)
        'changed unit: wind is 3.6 times what it was, as between m/s and km/h'
    """
    known = values[np.isfinite(values)]
    before = np.array(quantiles(profile, np.asarray(profile.counts)))
    if len(known) < _FEWEST or len(before) < len(QUANTILES):
        return ""
    after = np.quantile(known, QUANTILES)
    old, new = (float(side[3] - side[1]) for side in (before, after))
    if old <= 0 or new <= 0:
        return ""
    degrees = _degrees(before, after, new / old, new)
    if degrees:
        return f"changed unit: {profile.name} is as if in {degrees}"
    # Around zero a factor is not told from a column that has become wider.
    if abs(before[2]) < _SPREADS * old or before[2] * after[2] <= 0:
        return ""
    factor = float(after[2] / before[2])
    if np.abs(after - factor * before).max() > _ALIKE * new:
        return ""
    larger, turned = max(factor, 1 / factor), factor < 1
    exact, units = next((one for one in _KNOWN if abs(larger / one[0] - 1) < _NEAR), (larger, ""))
    if not units and larger < _LARGE:
        return ""
    said = f"1/{exact:,.3g} of" if turned else f"{exact:,.3g} times"
    between = f", as between {units}" if units else ""
    return f"changed unit: {profile.name} is {said} what it was{between}"


def _degrees(before: Floats, after: Floats, factor: float, spread: float) -> str:
    """Celsius, Fahrenheit and kelvin differ by more than a factor."""
    scales = (
        (1.8, 32.0, "Fahrenheit where it was Celsius"),
        (1 / 1.8, -32 / 1.8, "Celsius where it was Fahrenheit"),
        (1.0, 273.15, "kelvin where it was Celsius"),
        (1.0, -273.15, "Celsius where it was kelvin"),
    )
    for k, shift, names in scales:
        close = np.abs(after - k * before - shift).max() <= _ALIKE * spread
        if abs(factor / k - 1) < 2 * _NEAR and close:
            return names
    return ""
