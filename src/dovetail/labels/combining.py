"""Many answers in, one calibrated posterior an item out, and what each source is worth.

The model is fitted on a sample of the items where there are very many, and then applied to all in
one pass, so a million items take as long as reading their answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.choice import LeftOut, choose
from dovetail.labels.copies import copy_weights
from dovetail.labels.crowdlab import combine_model
from dovetail.labels.models import LEARNERS, Fitted, refit
from dovetail.labels.votes import Codes, Floats, Votes

__all__ = ["Combined", "Quality", "combine", "combine_votes", "wilson"]

_FITTED_ON = 20_000
_TRIED_ON = 1_000
_Z = 1.959964  # 95 %


@dataclass(frozen=True)
class Quality:
    """How good one source is, by what the others say.

    Attributes:
        source: Its name.
        answers: How many it gave.
        accuracy: Share of them that are right, expected.
        lower: Lower end of a 95 % interval of that (Wilson).
        upper: Its upper end.
        weight: What an answer counts; below 1 where others copy it or it them.
    """

    source: str
    answers: int
    accuracy: float
    lower: float
    upper: float
    weight: float


@dataclass(frozen=True)
class Combined:
    """What many answers come to.

    Attributes:
        items: Names of the items, in order of first appearance.
        sources: Names of the sources, likewise.
        classes: The labels, sorted.
        posterior: float[items, classes], probability of each label.
        model: majority, dawid-skene, one-coin, vote-ratio or crowdlab, by `fitted.name`.
        votes: The answers as codes.
        fitted: The model that was chosen or asked for.
        prior: float[items, classes], log-probabilities before any answer, where a model gave some.
    """

    items: Sequence[Any]
    sources: Sequence[Any]
    classes: Sequence[Any]
    posterior: Floats
    model: str
    votes: Votes
    fitted: Fitted
    prior: Floats | None = None

    @property
    def labels(self) -> list[Any]:
        """The likeliest label of each item."""
        return [self.classes[code] for code in self.posterior.argmax(1)]

    @property
    def confidence(self) -> Floats:
        """float[items]: its probability."""
        highest: Floats = self.posterior.max(1)
        return highest

    def quality(self) -> list[Quality]:
        """Return what each source is worth, in the order of `sources`."""
        votes = self.votes
        sure = self.posterior[votes.item, votes.label]
        right = np.bincount(votes.source, sure, votes.sources)
        answers = np.bincount(votes.source, minlength=votes.sources)
        weight = self.fitted.weight
        return [
            Quality(str(name), int(n), *wilson(float(r), int(n)), float(w))
            for name, n, r, w in zip(self.sources, answers, right, weight, strict=True)
        ]


def combine(
    items: Sequence[Any],
    sources: Sequence[Any],
    labels: Sequence[Any],
    *,
    classes: Sequence[Any] | None = None,
    model: str = "auto",
    probabilities: Mapping[Any, Sequence[float]] | None = None,
) -> Combined:
    """Combine answers, given as three columns of one length, into one posterior an item.

    An answer of None is an abstention. Where a source answers an item twice, the last counts.

    Args:
        items: What each answer is about; any values that can be compared for equality.
        sources: Who gave it: a person, a labelling function, a model.
        labels: The answer.
        classes: All possible labels; those that occur, where not given.
        model: majority, dawid-skene, one-coin, vote-ratio, or auto to let left-out answers choose.
        probabilities: For items, a trained model's out-of-sample probability of each class, in the
            order of the classes (sorted, where not given). Then people and model are combined
            (`crowdlab.py`), and items without any answer are labelled too.

    Raises:
        InvalidInputError: columns differ in length, a label is not among the classes, fewer than
            two labels occur, there is no such model, or predictions are not of this form.

    Example:
        Ann and Bob agree; Eve answers at random:

        >>> items = [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
        >>> labels = ["yes", "yes", "no", "no", "no", "no"] * 2
        >>> combine(items, ["ann", "bob", "eve"] * 4, labels).labels
        ['yes', 'no', 'yes', 'no']
    """
    if not len(items) == len(sources) == len(labels):
        raise InvalidInputError("items, sources and labels differ in length")
    seen_items, item = _codes([*items, *(probabilities or {})])
    item = item[: len(items)]
    seen_sources, source = _codes(sources)
    kept = sorted({x for x in labels if x is not None}) if classes is None else list(classes)
    place = {name: code for code, name in enumerate(kept)} | {None: -1}
    strange = next((x for x in labels if x not in place), None)
    if strange is not None:
        raise InvalidInputError(f"the label {strange!r} is not among the classes")
    label = np.fromiter((place[x] for x in labels), np.int64, len(labels))
    last = _last(item, source, len(seen_sources))
    last = last[label[last] >= 0]
    parts = item[last], source[last], label[last]
    votes = Votes(*parts, len(seen_items), len(seen_sources), len(kept))
    named = seen_items, seen_sources, kept
    if probabilities is not None:
        told = _told(seen_items, probabilities, len(kept))
        found, posterior = combine_model(votes, told)
        return Combined(*named, posterior, "crowdlab", votes, found.fitted, found.prior(told))
    fitted, posterior = combine_votes(votes, model)
    return Combined(*named, posterior, fitted.name, votes, fitted)


def _told(items: list[Any], known: Mapping[Any, Sequence[float]], classes: int) -> Floats:
    """float[items, classes]: predictions, even where there are none."""
    table = np.full((len(items), classes), 1 / classes)
    for row, item in enumerate(items):
        told = known.get(item)
        if told is None:
            continue
        if len(told) != classes:
            raise InvalidInputError(
                f"the predictions of {item!r} are {len(told)}, the classes {classes}"
            )
        table[row] = told
    return table


def combine_votes(votes: Votes, model: str = "auto") -> tuple[Fitted, Floats]:
    """Do the same with answers that are codes already.

    Args:
        votes: The answers.
        model: majority, dawid-skene, one-coin, vote-ratio, or auto.

    Returns:
        The model, and float[items, classes] of probabilities.

    Raises:
        InvalidInputError: there is no such model, or there are no answers.

    Example:
        >>> fitted, posterior = combine_votes(Votes.of_matrix([[0, 0], [1, 1], [1, -1]], 2))
        >>> posterior.argmax(1).tolist()
        [0, 1, 1]
    """
    if model != "auto" and model not in LEARNERS:
        raise InvalidInputError(
            f"there is no model {model!r}", fix=f"choose auto or one of: {', '.join(LEARNERS)}"
        )
    if not len(votes.item):
        raise InvalidInputError("there are no answers to combine", why="every source abstained")
    part = votes.sample(_FITTED_ON)
    weight = copy_weights(part)
    tried = part.sample(_TRIED_ON)
    left = LeftOut(tried)
    fitted = choose(tried, weight, left) if model == "auto" else LEARNERS[model](tried, weight)
    if tried is not part:
        fitted = refit(fitted, part)
    fitted = replace(fitted, power=left.temper(fitted))
    return fitted, fitted.posterior(votes)


def _codes(values: Sequence[Any]) -> tuple[list[Any], Codes]:
    """Distinct values in order of appearance, and the place of each."""
    place: dict[Any, int] = {}
    codes = np.fromiter((place.setdefault(x, len(place)) for x in values), np.int64, len(values))
    return list(place), codes


def _last(item: Codes, source: Codes, sources: int) -> Codes:
    """Places of each source's last answer on an item, in the order of the items."""
    pair = item * sources + source
    order = np.argsort(pair, kind="stable")
    found: Codes = order[np.append(np.diff(pair[order]) != 0, True)] if len(order) else order
    return found


def wilson(right: float, answers: float) -> tuple[float, float, float]:
    """Return a share, and the ends of its 95 % interval (Wilson 1927)."""
    if not answers:
        return float("nan"), 0.0, 1.0
    share, z = right / answers, _Z**2 / answers
    middle = (share + z / 2) / (1 + z)
    half = _Z * ((share * (1 - share) / answers + z / (4 * answers)) ** 0.5) / (1 + z)
    return share, max(0.0, middle - half), min(1.0, middle + half)
