"""Which items to label next: strategies as plug-ins.

A strategy is a function of a pool: what the model says of the open items, where they lie, where the
labelled ones lie. A plug-in is an entry point of the group `dovetail.labels.strategies` whose
object is such a function; its name is used like ours.

The default covers the data at first (TypiClust) and then takes what the model is unsure of, in
dense places first and not twice in one place: bare uncertainty picks odd items and near-twins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

import numpy as np

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.labels.learning.clusters import clustered, distances, typicality
from dovetail.labels.votes import Codes, Floats

__all__ = ["DEFAULT", "GROUP", "Pool", "Strategy", "choose", "strategy", "strategy_names"]

GROUP = "dovetail.labels.strategies"
DEFAULT = "typical-margin"
_NEAR = 20  # neighbours that make a place dense
_REACH = 1.75  # times the usual distance to a neighbour: within it a pick stands for the others
_DENSE = 0.25  # how much density counts beside doubt
_CANDIDATES = 1_500  # items that are compared with each other
_CLUSTERS = 500


@dataclass(frozen=True)
class Pool:
    """The items to choose from.

    Attributes:
        probabilities: float[n, classes] of the open items; None before there is a model, and for
            answers that are numbers.
        points: float[n, size], where they lie.
        labelled: float[m, size], where the labelled items lie.
        seed: For whatever is drawn by chance.
    """

    probabilities: Floats | None
    points: Floats
    labelled: Floats
    seed: int = 0

    def unsure(self) -> Floats:
        """float[n]: one less the margin between the two likeliest classes; 1 without a model."""
        told = self.probabilities
        if told is None or told.shape[1] < 2:
            return np.ones(len(self.points))
        top = np.partition(told, -2, axis=1)
        found: Floats = 1 - (top[:, -1] - top[:, -2])
        return found


Strategy = Callable[[Pool, int], Codes]
"""From a pool and a number, that many places in the pool, the best first."""


def choose(name: str, pool: Pool, count: int) -> Codes:
    """int[at most count]: places in the pool, the best first, by a strategy.

    Raises:
        NotFoundError: there is no such strategy.
        InvalidInputError: it answered with what are no places.
    """
    count = min(count, len(pool.points))
    if count <= 0:
        return np.zeros(0, np.int64)
    found = np.asarray(strategy(name)(pool, count))
    good = found.ndim == 1 and np.issubdtype(found.dtype, np.integer) and len(found) <= count
    if not good or len(np.unique(found)) < len(found) or (found >= len(pool.points)).any():
        raise InvalidInputError(
            f"the strategy {name!r} did not answer with at most {count} different places"
        )
    return found.astype(np.int64)


def strategy(name: str) -> Strategy:
    """Return a strategy by its name.

    Raises:
        NotFoundError: there is none.
    """
    if name in _OURS:
        return _OURS[name]
    for point in entry_points(group=GROUP, name=name):
        loaded: Strategy = point.load()
        return loaded
    raise NotFoundError(
        f"there is no strategy {name!r}", fix=f"choose one of {', '.join(strategy_names())}"
    )


def strategy_names() -> list[str]:
    """The names of all strategies, installed ones included."""
    return sorted({*_OURS, *(point.name for point in entry_points(group=GROUP))})


def by_chance(pool: Pool, count: int) -> Codes:
    """Any items: the baseline, and the only choice that keeps a sample fair."""
    rng = np.random.default_rng(pool.seed + len(pool.labelled))
    return rng.permutation(len(pool.points))[:count].astype(np.int64)


def by_margin(pool: Pool, count: int) -> Codes:
    """What the model is least sure of, by the margin between its two likeliest classes."""
    if pool.probabilities is None:
        return by_types(pool, count)
    return np.argsort(-pool.unsure(), kind="stable")[:count]


def by_entropy(pool: Pool, count: int) -> Codes:
    """What the model is least sure of, over all classes; wasteful where they are many."""
    told = pool.probabilities
    if told is None:
        return by_types(pool, count)
    sure: Floats = (told * np.log(told + 1e-12)).sum(1)
    return np.argsort(sure, kind="stable")[:count]


def by_coreset(pool: Pool, count: int) -> Codes:
    """What lies farthest from all that is labelled, one after the other (Sener 2018)."""
    points, taken = pool.points, np.zeros(count, np.int64)
    if len(pool.labelled):
        far = _nearest(points, pool.labelled)
    else:
        far = distances(points, points.mean(0, keepdims=True))[:, 0]
    for place in range(count):
        taken[place] = far.argmax()
        far = np.minimum(far, distances(points, points[[taken[place]]])[:, 0])
        far[taken[place]] = -1.0
    return taken


def by_types(pool: Pool, count: int) -> Codes:
    """The most typical item of each of the largest clusters without a label (Hacohen 2022)."""
    some, points = _candidates(pool, count)
    labelled = pool.labelled[-_CLUSTERS:]
    size = min(len(labelled) + count, _CLUSTERS, max(count, len(points) // 2))
    everything = np.vstack([points, labelled]) if len(labelled) else points
    rng = np.random.default_rng(pool.seed + len(pool.labelled))
    cluster = clustered(everything, size, rng)
    covered = np.bincount(cluster[len(points) :], minlength=size) > 0
    cluster = cluster[: len(points)]
    sizes = np.bincount(cluster, minlength=size)
    order: Codes = np.lexsort((-sizes, covered))
    found: list[int] = []
    taken = np.zeros(len(points), bool)
    while len(found) < count:
        for number in order[sizes[order] > 0]:
            members = np.flatnonzero((cluster == number) & ~taken)
            if len(members) and len(found) < count:
                best = members[typicality(points[members], _NEAR).argmax()]
                taken[best] = True
                found.append(int(best))
    return some[np.array(found, np.int64)]


def by_typical_margin(pool: Pool, count: int) -> Codes:
    """What the model is unsure of, in dense places, each place once; TypiClust without a model."""
    if pool.probabilities is None:
        return by_types(pool, count)
    some, points = _candidates(pool, count)
    apart = np.sqrt(distances(points, points))
    near = min(_NEAR, len(points) - 1)
    if near < 1:
        return some[:count]
    close = np.partition(apart, near, axis=1)[:, : near + 1]
    usual = max(float(np.median(close)), 1e-12)
    worth = pool.unsure()[some] / (close.sum(1) / near + 1e-3 * usual) ** _DENSE
    alone = np.full(len(points), np.inf)
    found = np.zeros(count, np.int64)
    open_ = np.ones(len(points), bool)
    for place in range(count):
        score = worth * np.minimum(1.0, alone / (_REACH * usual)) ** 2
        best = int(np.where(open_, score, -1.0).argmax())
        found[place] = best
        open_[best] = False
        alone = np.minimum(alone, apart[best])
    return some[found]


def _candidates(pool: Pool, count: int) -> tuple[Codes, Floats]:
    """Places of at most so many items, by chance, and where they lie."""
    most = max(_CANDIDATES, 2 * count)
    everything = np.arange(len(pool.points))
    if len(everything) <= most:
        return everything, pool.points
    rng = np.random.default_rng(pool.seed + len(pool.labelled))
    some = np.sort(rng.permutation(everything)[:most])
    return some, pool.points[some]


def _nearest(points: Floats, others: Floats) -> Floats:
    parts = [
        distances(points, others[first : first + 500]).min(1)
        for first in range(0, len(others), 500)
    ]
    found: Floats = np.min(parts, axis=0)
    return found


_OURS: dict[str, Strategy] = {
    DEFAULT: by_typical_margin,
    "coreset": by_coreset,
    "entropy": by_entropy,
    "margin": by_margin,
    "random": by_chance,
    "typiclust": by_types,
}
