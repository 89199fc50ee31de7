"""What a report and an assessment both use: a distance to look at, and Holm's correction.

Figures such as PSI depend on sample size and bins, so they rank and describe; the alarms come
from `evidence.py`. The tests and distances of two files are in `classical`.
"""

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

Counts = npt.NDArray[np.int64]


def psi(reference: Counts, current: Counts) -> float:
    """The population stability index of two rows of bin counts, each smoothed by half a row."""
    p = (reference + 0.5) / (reference + 0.5).sum()
    q = (current + 0.5) / (current + 0.5).sum()
    return float(np.sum((q - p) * np.log(q / p)))


def holm(p_values: Floats) -> Floats:
    """Holm's adjusted p-values: reject those below alpha, whatever the dependence."""
    count = len(p_values)
    order = np.argsort(p_values)
    scaled = np.maximum.accumulate(p_values[order] * (count - np.arange(count)))
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted
