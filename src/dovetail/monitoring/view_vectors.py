"""Vectors as a few numbers a row: how long, how far from the reference, and where to.

An embedding has hundreds of components of which none means anything by itself. Watched are its
norm, its distance from the nearest of a few centres of the reference, and projections: on the
directions along which the reference varies most, where most changes of a model's inputs lie, and on
random ones, of which whatever moves many components moves some. The classifier (`learner.py`) looks
at them all together. What is learnt comes from rows that shape only, so the numbers are as
exchangeable as any other column.

Source: W. B. Johnson and J. Lindenstrauss (1984) for random projections; S. Lloyd (1982) for
k-means.
"""

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

__all__ = ["VectorView", "as_vectors"]

PROJECTIONS = 16
"""Random directions of a long vector; a shorter one is looked at component by component."""
_CENTRES = 16
_ROUNDS = 10
_LEAST = 20
_SEED = 313
_STILL = 1e-9
Vectors = npt.NDArray[np.float32]


class VectorView(msgspec.Struct, frozen=True, kw_only=True):
    """What vectors looked like on the rows that shaped.

    Attributes:
        size: Components.
        mean: Of each component, float32.
        scale: Its standard deviation, float32.
        centres: Of groups of like vectors, standardised, float32 [count, size].
        axes: Directions along which the reference varies most, float32 [count, size].
        norm: Whether the norm says something (of normalised vectors it does not).
    """

    size: int
    mean: bytes
    scale: bytes
    centres: bytes
    axes: bytes = b""
    norm: bool = True

    @classmethod
    def fit(cls, vectors: Vectors, *, norm: bool = True) -> "VectorView":
        """Learn centres and scales.

        Args:
            vectors: Shape (rows, size); rows that are not finite are left out.
            norm: Whether the norm says something.
        """
        known = vectors[np.isfinite(vectors).all(axis=1)]
        size = vectors.shape[1]
        mean = known.mean(axis=0) if len(known) else np.zeros(size)
        scale = known.std(axis=0) if len(known) else np.ones(size)
        scale = np.where(scale > _STILL, scale, 1.0)
        found = cls(size=size, mean=_bytes(mean), scale=_bytes(scale), centres=b"", norm=norm)
        scaled = found.scaled(known)
        axes = _axes(scaled) if size > PROJECTIONS else b""
        return msgspec.structs.replace(found, centres=_bytes(_centres(scaled)), axes=axes)

    def is_sound(self) -> bool:
        """Whether the parts fit together."""
        sides = len(self.mean) == len(self.scale) == 4 * self.size > 0
        blocks = [len(self.centres), len(self.axes)]
        return sides and blocks[0] > 0 and not any(size % (4 * self.size) for size in blocks)

    def scaled(self, vectors: Vectors) -> Vectors:
        """The vectors in standard deviations of the reference."""
        mean, scale = (np.frombuffer(side, "<f4") for side in (self.mean, self.scale))
        return np.asarray((vectors - mean) / scale, dtype=np.float32)

    def outputs(self) -> list[str]:
        """Names of the numbers."""
        sides = [f"component {j}" for j in range(self.size)]
        if self.size > PROJECTIONS:
            sides = [f"axis {j}" for j in range(len(self.axes) // (4 * self.size))]
            sides += [f"direction {j}" for j in range(PROJECTIONS)]
        return ["distance", *(["norm"] if self.norm else []), *sides]

    def __call__(self, vectors: Vectors) -> dict[str, Floats]:
        """The numbers of each row, NaN where its vector is not known."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = self.scaled(vectors)
            centres = np.frombuffer(self.centres, "<f4").reshape(-1, self.size)
            found = [_nearest(scaled, centres)]
            if self.norm:
                found.append(np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1)))
            sides = scaled
            if self.size > PROJECTIONS:
                axes = np.frombuffer(self.axes, "<f4").reshape(-1, self.size)
                sides = np.hstack([scaled @ axes.T, scaled @ _directions(self.size)])
        columns = [*found, *sides.T.astype(np.float64)]
        return dict(zip(self.outputs(), columns, strict=True))


def as_vectors(values: Any, size: int | None = None) -> Vectors:
    """A column as vectors of one size, NaN where a row has none or one of another size.

    Args:
        values: An array [rows, size], or a sequence of lists or arrays, None where missing. More
            dimensions are laid out one after the other.
        size: Components; that of the first vector by default.
    """
    if isinstance(values, np.ndarray) and values.dtype != object and values.ndim > 1:
        made = values.reshape(len(values), -1).astype(np.float32)
        if size is None or made.shape[1] == size:
            return made
        return np.full((len(values), size), np.nan, np.float32)
    flat = [_flat(value) for value in values]
    if size is None:
        size = next((len(one) for one in flat if one is not None), 0)
    made = np.full((len(flat), size), np.nan, np.float32)
    for row, one in zip(made, flat, strict=True):
        if one is not None and len(one) == size:
            row[:] = one
    return made


def _flat(value: Any) -> Vectors | None:
    if value is None:
        return None
    try:
        return np.asarray(value, dtype=np.float32).ravel()
    except (TypeError, ValueError):
        return None


def _bytes(values: Any) -> bytes:
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def _directions(size: int) -> Vectors:
    sides = np.random.default_rng(_SEED).standard_normal((size, PROJECTIONS))
    return np.asarray(sides / np.sqrt(size), dtype=np.float32)


def _axes(scaled: Vectors) -> bytes:
    """The first principal directions, by block power iteration."""
    count = min(PROJECTIONS, len(scaled) // 4)
    block = np.random.default_rng(_SEED).standard_normal((scaled.shape[1], max(1, count)))
    for _ in range(_ROUNDS if count else 0):
        block = np.linalg.qr(scaled.T @ (scaled @ block))[0]
    return _bytes(block.T[:count])


def _nearest(scaled: Vectors, centres: Vectors) -> Floats:
    """Distance to the nearest centre, in standard deviations of a component."""
    squares = np.square(scaled, dtype=np.float64).sum(axis=1)[:, None]
    squares = squares - 2 * (scaled @ centres.T) + np.square(centres).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares.min(axis=1), 0.0) / max(1, scaled.shape[1])))


def _centres(scaled: Vectors) -> Vectors:
    count = max(1, min(_CENTRES, len(scaled) // _LEAST))
    if len(scaled) < count:
        return np.zeros((1, scaled.shape[1]), np.float32)
    random = np.random.default_rng(_SEED)
    centres = scaled[random.choice(len(scaled), count, replace=False)].copy()
    for _ in range(_ROUNDS):
        gaps = np.square(centres).sum(axis=1) - 2 * (scaled @ centres.T)
        group = gaps.argmin(axis=1)
        for i in range(count):
            mine = scaled[group == i]
            if len(mine):
                centres[i] = mine.mean(axis=0)
    return centres
