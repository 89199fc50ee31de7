"""Products of up to three features, and scores made of them that tell two tables apart.

Means of products hold all that a day needs to be remembered by: means, covariances and, of the
first two dozen features, what three do together. Two scores are learnt of them. The sparse one
takes the few products that moved beyond chance: a pair, a triple, an exclusive or. The dense one
takes the directions in which the covariance changed most, and a shift that is spread over many
columns: a rotated subspace, a factor that moves all columns a little.

Sources: R. A. Fisher (1936) for the linear part; D. Donoho and J. Jin (2008) for thresholding
features by their z-scores; J. Baik, G. Ben Arous and S. Peche (2005) for which eigenvalues of a
sample covariance are beyond chance.
"""

from dataclasses import dataclass
from itertools import combinations

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.sketch import Matrix

TRIPLES = 24
"""Features of which all products of three are looked at: the first ones, numbers before levels."""
_TERMS = 64
_LEAST = 4
_DIRECTIONS = 6
_SHRINK = 0.5
_FLOOR = 1e-6
_ROUNDS = 10
_SEED = 5
_LOWEST = -0.8


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A function of a row's features.

    Attributes:
        products: The features of each product, one to three.
        weights: The weight of each product.
        shift: Weights of the features themselves, float32; empty for none.
        directions: Directions, float32 [features, count] row by row; empty for none.
        strengths: The weight of the square along each direction.
    """

    products: list[tuple[int, ...]] = []
    weights: list[float] = []
    shift: bytes = b""
    directions: bytes = b""
    strengths: list[float] = []

    def __call__(self, x: Matrix) -> Floats:
        """The score of each row, shape (rows,)."""
        total = np.zeros(len(x))
        for product, weight in zip(self.products, self.weights, strict=True):
            total += weight * np.prod(x[:, list(product)], axis=1, dtype=np.float64)
        if self.shift:
            total += x @ np.frombuffer(self.shift, "<f4")
        if self.directions:
            sides = np.frombuffer(self.directions, "<f4").reshape(x.shape[1], -1)
            total += (x @ sides).astype(np.float64) ** 2 @ np.asarray(self.strengths)
        return total

    def loads(self, features: int) -> Floats:
        """How much each of the features counts, shape (features,)."""
        loads = np.zeros(features)
        for product, weight in zip(self.products, self.weights, strict=True):
            loads[list(product)] += abs(weight)
        if self.shift:
            loads += np.abs(np.frombuffer(self.shift, "<f4"))
        if self.directions:
            sides = np.frombuffer(self.directions, "<f4").reshape(features, -1)
            loads += sides.astype(np.float64) ** 2 @ np.abs(self.strengths)
        return loads


@dataclass(frozen=True)
class Means:
    """How far the means of products over some rows are from those of the reference.

    Attributes:
        values: The differences, shape (products,).
        rows: How many rows they are worth.
    """

    values: npt.NDArray[np.float32]
    rows: float


class Products:
    """All products of some features: singles, pairs with squares, triples of the first features.

    Args:
        x: Features of the rows of the reference, shape (rows, features).
    """

    def __init__(self, x: Matrix) -> None:
        self.features = x.shape[1]
        self.reference_rows = len(x)
        self._pairs = np.triu_indices(self.features)
        self._triples = list(combinations(range(min(self.features, TRIPLES)), 3))
        self.means = self.measure(x)
        squares = self.measure(x * x)
        self.variances = np.maximum(squares - self.means.astype(np.float64) ** 2, 0.0)
        self._whitener: Floats | None = None

    @property
    def count(self) -> int:
        """How many products there are."""
        return int(self.features + len(self._pairs[0]) + len(self._triples))

    def measure(self, x: Matrix) -> npt.NDArray[np.float32]:
        """The mean of each product over some rows, shape (products,)."""
        pairs = (x.T @ x)[self._pairs]
        parts = [x.sum(axis=0), pairs]
        if self._triples:
            some = x[:, :TRIPLES]
            cube = np.stack([(some * some[:, [i]]).T @ some for i in range(some.shape[1])])
            parts.append(cube[tuple(np.array(self._triples).T)])
        return (np.concatenate(parts) / max(1, len(x))).astype(np.float32)

    def product(self, number: int) -> tuple[int, ...]:
        """The features of a product."""
        if number < self.features:
            return (number,)
        number -= self.features
        if number < len(self._pairs[0]):
            return int(self._pairs[0][number]), int(self._pairs[1][number])
        return self._triples[number - len(self._pairs[0])]

    def sparse(self, now: Means) -> Score:
        """The few products that moved most, each by how far and how surely.

        Args:
            now: How far the means of the rows to tell apart are from those of the reference.
        """
        moved = now.values.astype(np.float64)
        fit = self.variances > _FLOOR
        noise = np.sqrt(np.where(fit, self.variances, 1.0) * self._noise(now))
        z = np.where(fit, moved / noise, 0.0)
        edge = np.sqrt(2 * np.log(max(2, self.count)))
        most = min(_TERMS, len(z)) - 1
        order = np.argpartition(-np.abs(z), most)[: most + 1]
        order = order[np.argsort(-np.abs(z[order]), kind="stable")]
        sure = int((np.abs(z[order]) > edge).sum())
        kept = order[: max(_LEAST, sure)]
        weights = moved[kept] / np.where(fit, self.variances, 1.0)[kept]
        return Score(
            products=[self.product(i) for i in kept.tolist()],
            weights=np.where(fit[kept], weights, 0.0).tolist(),
        )

    def dense(self, now: Means) -> Score:
        """The directions along which the spread changed most, and a shift of all columns.

        Args:
            now: How far the means of the rows to tell apart are from those of the reference.
        """
        moved = now.values.astype(np.float64)
        whitener = self._white()
        values, vectors = self._directions(self._square(moved[self.features :]))
        edge = np.sqrt(self.features * self._noise(now))
        kept = np.arange(max(1, int((np.abs(values) > edge).sum())))
        strengths = np.maximum(values[kept], _LOWEST)
        strengths = strengths / (1 + strengths) / 2
        away = whitener @ moved[: self.features]
        spread = away @ away / (self.features * self._noise(now))
        shift = whitener @ away if spread > 1 else np.zeros(0)
        return Score(
            shift=shift.astype("<f4").tobytes(),
            directions=np.ascontiguousarray(whitener @ vectors[:, kept], dtype="<f4").tobytes(),
            strengths=strengths.tolist(),
        )

    def _directions(self, change: Floats) -> tuple[Floats, Floats]:
        """The largest eigenvalues of a change of covariance, whitened, and their vectors.

        Found by block power iteration: a few directions, near enough, for a hundredth of the cost.
        """
        whitener, count = self._white(), min(self.features, 2 * _DIRECTIONS)
        block = np.random.default_rng(_SEED).standard_normal((self.features, count))
        for _ in range(_ROUNDS):
            block = np.linalg.qr(whitener @ (change @ (whitener @ block)))[0]
        small = block.T @ (whitener @ (change @ (whitener @ block)))
        values, turn = np.linalg.eigh((small + small.T) / 2)
        order = np.argsort(-np.abs(values), kind="stable")[:_DIRECTIONS]
        return values[order], (block @ turn)[:, order]

    def _noise(self, now: Means) -> float:
        return 1 / max(1.0, now.rows) + 1 / self.reference_rows

    def _square(self, pairs: Floats) -> Floats:
        made = np.zeros((self.features, self.features))
        upper = pairs[: len(self._pairs[0])]
        made[self._pairs] = upper
        made.T[self._pairs] = upper
        return made

    def _white(self) -> Floats:
        """What makes the features of the reference uncorrelated, about."""
        if self._whitener is None:
            covariance = self._square(self.means[self.features :].astype(np.float64))
            share = min(_SHRINK, self.features / self.reference_rows)
            covariance = (1 - share) * covariance + share * np.eye(self.features)
            values, vectors = np.linalg.eigh(covariance)
            scale = 1 / np.sqrt(np.maximum(values, 0.01))
            self._whitener = (vectors * scale) @ vectors.T
        return self._whitener
