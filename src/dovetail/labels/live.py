"""Posteriors that follow answers one by one.

Incremental expectation and maximisation (Neal and Hinton 1998): an answer changes one item's
posterior; what that item had told about its sources is taken back, and what it tells now is added.
One answer costs the answers on its item, never the data set.
"""

from typing import Any

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.combining import Combined
from dovetail.labels.models import learned
from dovetail.labels.votes import Floats

__all__ = ["Live"]


class Live:
    """Posteriors that are current after each answer.

    New items and new sources are welcome; new labels are not. The model of the sources is the one
    that `combine` chose; each source's numbers go on being learned. For one thread at a time.

    Args:
        combined: Where to begin.

    Example:
        >>> from dovetail.labels import combine
        >>> start = combine([1, 1, 2, 2], ["ann", "bob"] * 2, ["a", "a", "b", "b"])
        >>> live = Live(start)
        >>> live.add(3, "ann", "b").argmax()
        np.int64(1)
    """

    def __init__(self, combined: Combined) -> None:
        votes = combined.votes
        self._fitted, self._classes = (
            combined.fitted,
            {x: i for i, x in enumerate(combined.classes)},
        )
        self._sources = {name: code for code, name in enumerate(combined.sources)}
        self._posterior: dict[Any, Floats] = dict(
            zip(combined.items, combined.posterior, strict=True)
        )
        self._prior: dict[Any, Floats] = (
            {} if combined.prior is None else dict(zip(combined.items, combined.prior, strict=True))
        )
        self._answers: dict[Any, dict[int, int]] = {name: {} for name in combined.items}
        of_item = [self._answers[name] for name in combined.items]
        for item, source, label in zip(
            votes.item.tolist(), votes.source.tolist(), votes.label.tolist(), strict=True
        ):
            of_item[item][source] = label
        self._counts = list(votes.counts(combined.posterior))
        self._pool: Floats = np.sum(self._counts, 0)
        self._weights = combined.fitted.weight.tolist()

    def posterior(self, item: Any) -> Floats:
        """float[classes]: the probability of each label of an item.

        Raises:
            InvalidInputError: nobody answered about this item yet.
        """
        if item not in self._posterior:
            raise InvalidInputError(f"no answer about {item!r} is known")
        return self._posterior[item].copy()

    def add(self, item: Any, source: Any, label: Any) -> Floats:
        """Take one answer and return float[classes], the item's new posterior.

        An answer to what the source has answered already replaces that.

        Raises:
            InvalidInputError: the label is not among the classes.
        """
        if label not in self._classes:
            raise InvalidInputError(
                f"the label {label!r} is not among the classes",
                fix="combine all answers anew, with this label among the classes",
            )
        who = self._sources.setdefault(source, len(self._sources))
        if who == len(self._counts):
            self._counts.append(np.zeros_like(self._pool))
            self._weights.append(1.0)
        answers = self._answers.setdefault(item, {})
        if item in self._posterior:
            self._tell(answers, -self._posterior.pop(item))
        answers[who] = self._classes[label]
        self._posterior[item] = found = self._settle(item, answers)
        self._tell(answers, found)
        return found.copy()

    def _settle(self, item: Any, answers: dict[int, int]) -> Floats:
        """Posterior of an item from its answers, by what other items tell of their sources."""
        who, said = list(answers), np.fromiter(answers.values(), np.int64, len(answers))
        weight = np.array([self._weights[source] for source in who])
        counts = np.stack([self._counts[source] for source in who])
        table = learned(self._fitted, counts, self._pool)[np.arange(len(who)), said]
        evidence = self._prior.get(item, self._fitted.prior) + weight @ table
        if not self._fitted.held:
            return self._fitted.settle(evidence)
        shares = np.bincount(said, weight, len(self._pool))
        return self._fitted.settle(evidence, shares / shares.sum())

    def _tell(self, answers: dict[int, int], posterior: Floats) -> None:
        """Add an item's posterior to what is known of its sources; take it back where negative."""
        for source, label in answers.items():
            self._counts[source][label] += posterior
            self._pool[label] += posterior
