"""What the rewards of versions tell of their true means.

A binary reward's mean has a Beta posterior from a uniform prior. A real reward's mean has the
Student t posterior of a normal with unknown variance; its prior has the weight of one reward and
lies where the rewards of all versions lie, so that no scale has to be known beforehand (Murphy,
Conjugate Bayesian Analysis of the Gaussian Distribution, 2007, section 6).
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from dovetail.serving.routing.document import Reward
from dovetail.serving.tensors import Array

__all__ = ["Beta", "Posterior", "StudentT", "Totals", "interval", "posteriors", "superior"]

DRAWS = 50_000
_SEED = 20180707


class Totals(NamedTuple):
    """The rewards of one version, added up.

    Attributes:
        rewards: how many.
        total: their sum.
        squares: the sum of their squares.
    """

    rewards: int = 0
    total: float = 0.0
    squares: float = 0.0


class Posterior(Protocol):
    """Where a mean reward lies."""

    @property
    def mean(self) -> float:
        """Its expected value."""

    def draw(self) -> float:
        """Return one random value, quickly."""

    def draws(self, random: np.random.Generator, size: int) -> Array:
        """Return many random values, FP64 of shape `[size]`."""


@dataclass(frozen=True, slots=True)
class Beta:
    """The posterior of a probability.

    Args:
        a: 1 plus the number of ones.
        b: 1 plus the number of zeros.
    """

    a: float
    b: float

    @property
    def mean(self) -> float:
        """Its expected value."""
        return self.a / (self.a + self.b)

    def draw(self) -> float:
        """Return one random value."""
        return random.betavariate(self.a, self.b)

    def draws(self, random: np.random.Generator, size: int) -> Array:
        """Return many random values."""
        return random.beta(self.a, self.b, size)


@dataclass(frozen=True, slots=True)
class StudentT:
    """The posterior of the mean of a normal whose variance is unknown.

    Args:
        center: where it lies.
        kappa: the rewards behind it, with the one of the prior.
        alpha: half its degrees of freedom.
        beta: half the sum of squares.
    """

    center: float
    kappa: float
    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        """Its expected value."""
        return self.center

    def draw(self) -> float:
        """Return one random value: a precision, then a mean of that precision."""
        precision = random.gammavariate(self.alpha, 1 / self.beta)
        return random.gauss(self.center, 1 / math.sqrt(self.kappa * max(precision, 1e-300)))

    def draws(self, random: np.random.Generator, size: int) -> Array:
        """Return many random values."""
        scale = math.sqrt(self.beta / (self.alpha * self.kappa))
        return self.center + scale * random.standard_t(2 * self.alpha, size)


def posteriors(reward: Reward, arms: Sequence[Totals]) -> list[Posterior]:
    """Return the posterior of each arm.

    Args:
        reward: whether rewards are 0 or 1, or any numbers.
        arms: what came of each.
    """
    if reward == "binary":
        return [Beta(1 + arm.total, 1 + max(arm.rewards - arm.total, 0.0)) for arm in arms]
    n = sum(arm.rewards for arm in arms)
    center = sum(arm.total for arm in arms) / n if n else 0.0
    spread = sum(arm.squares for arm in arms) / n - center**2 if n > 1 else 0.0
    beta = spread if spread > 0 else max(center**2, 1.0) if n < 2 else 1e-12
    return [_student(arm, center, beta) for arm in arms]


def _student(arm: Totals, center: float, beta: float) -> StudentT:
    n = arm.rewards
    mean = arm.total / n if n else center
    within = max(arm.squares - n * mean**2, 0.0)
    between = n * (mean - center) ** 2 / (1 + n)
    return StudentT(
        center=(center + n * mean) / (1 + n),
        kappa=1 + n,
        alpha=1 + n / 2,
        beta=beta + (within + between) / 2,
    )


def interval(posterior: Posterior, level: float = 0.95) -> tuple[float, float]:
    """Return the central credible interval of a mean, from 50,000 draws of a fixed seed.

    Args:
        posterior: of the mean.
        level: the probability within.
    """
    drawn = posterior.draws(np.random.default_rng(_SEED), DRAWS)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def superior(posteriors: Sequence[Posterior], draws: int = DRAWS) -> Array:
    """Return which arm is the best in how many draws.

    Args:
        posteriors: of the arms' means.
        draws: how many.

    Returns:
        Each arm's share of draws in which its mean is the largest, shape `[arms]`.
    """
    generator = np.random.default_rng(_SEED)
    drawn = np.stack([one.draws(generator, draws) for one in posteriors])
    return np.bincount(drawn.argmax(axis=0), minlength=len(posteriors)) / draws
