"""How much more often a row of the reference occurs now: weights under covariate shift.

A logistic regression on the columns and their squares tells the current rows from the reference;
its odds, times the ratio of the sizes, are the density ratio. Labelled reference rows weighted by
it stand for unlabelled current ones as long as P(label | columns) is unchanged.

Source: M. Sugiyama, T. Suzuki and T. Kanamori, Density Ratio Estimation (2012), chapter 4.
"""

import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

_CAP = 20.0
_PENALTY = 10.0
_STEPS = 25


def logistic(
    design: Floats, labels: Floats, *, offset: Floats | None = None, penalty: float = _PENALTY
) -> Floats:
    """Ridge-penalised logistic regression by Newton's method; the intercept comes last.

    Args:
        design: Shape (n, d).
        labels: 0 or 1, shape (n,).
        offset: Known part of the log-odds, shape (n,).
        penalty: Of the squared coefficients, halved; the intercept is free.

    Returns:
        Coefficients, shape (d + 1,).
    """
    x = np.hstack([design, np.ones((len(design), 1))])
    ridge = np.full(x.shape[1], penalty)
    ridge[-1] = 1e-6
    beta = np.zeros(x.shape[1])
    known = 0.0 if offset is None else offset
    for _ in range(_STEPS):
        p = sigmoid(x @ beta + known)
        gradient = x.T @ (p - labels) + ridge * beta
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        beta -= step
        if np.abs(step).max() < 1e-6:
            break
    return beta


def sigmoid(x: npt.NDArray[np.float64]) -> Floats:
    """1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(x / 2)), dtype=np.float64)


def density_ratio(reference: Floats, current: Floats) -> Floats:
    """The weight of each reference row, with mean 1.

    Args:
        reference: Design of the reference, shape (n, d).
        current: Design of the current rows, shape (m, d).

    Returns:
        Shape (n,); no weight is above 20 times the mean before the last scaling.
    """
    both = np.vstack([reference, current])
    source = np.r_[np.zeros(len(reference)), np.ones(len(current))]
    beta = logistic(both, source)
    odds = np.exp((reference @ beta[:-1] + beta[-1]).clip(-30, 30))
    weights = np.minimum(odds * len(reference) / len(current), _CAP)
    return np.asarray(weights / weights.mean(), dtype=np.float64)
