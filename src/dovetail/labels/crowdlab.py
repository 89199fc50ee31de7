"""People and a model together: what answers say of an item, and what a model sees in it.

CROWDLAB (Goh et al. 2022) averages a model's prediction with people's answers, each by how far it
agrees with the others. Here the model's prediction is the item's prior instead, raised to the power
and shifted by the class offsets under which the answers are likeliest; people's confusions and
these are learned together. So a model that was trained on noisy labels, and is too unsure, is
sharpened; one that knows nothing is ignored; and one answer an item is enough, since the model
tells good people from bad. Predictions must be out of sample: by a model that did not see the
item's answers.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.models import Fitted, confusions
from dovetail.labels.votes import Floats, Votes, softmax

__all__ = ["WithModel", "combine_model"]

_POWERS = (0.0, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
_ROUNDS = 20
_SETTLED = 1e-3
_LEAST = 1e-4  # a model's zero is no proof
_DOUBT = 0.01  # nats an item for each power: sharpness must be told by the answers
_FITTED_ON = 20_000


@dataclass(frozen=True)
class WithModel:
    """Sources and a model, fitted together.

    Attributes:
        fitted: What sources' answers say.
        power: What the model's probabilities are raised to; 0 where it is no help.
        offset: float[classes], added to its log-probabilities.
    """

    fitted: Fitted
    power: float
    offset: Floats

    def prior(self, probability: Floats) -> Floats:
        """float[items, classes]: log-probabilities before any answer, by the model."""
        return _log_softmax(self.power * _logs(probability) + self.offset)

    def posterior(self, votes: Votes, probability: Floats) -> Floats:
        """float[items, classes]: probability of each label.

        Args:
            votes: The answers.
            probability: float[items, classes], the model's.
        """
        return softmax(votes.evidence(self.fitted.weighted) + self.prior(probability))


def combine_model(
    votes: Votes, probability: Floats, weight: Floats | None = None
) -> tuple[WithModel, Floats]:
    """Combine answers with the predictions of a model.

    Args:
        votes: The answers, one an item or more.
        probability: float[items, classes], the model's out-of-sample predictions.
        weight: float[sources], what an answer of each counts; 1 if not given.

    Returns:
        What was learned, and float[items, classes] of probabilities.

    Raises:
        InvalidInputError: the predictions have another shape, or are no probabilities.

    Example:
        One answer an item: two people, one of them careless, and a model that was trained on what
        they said, so that it is unsure but seldom wrong:

        >>> rng = np.random.default_rng(0)
        >>> truth, who = rng.integers(0, 3, 900), rng.integers(0, 2, 900)
        >>> right = rng.random(900) < np.array([0.9, 0.5])[who]
        >>> votes = Votes(np.arange(900), who, np.where(right, truth, (truth + 1) % 3), 900, 2, 3)
        >>> sees = np.where(rng.random(900) < 0.9, truth, (truth + 2) % 3)
        >>> _, posterior = combine_model(votes, np.where(np.eye(3)[sees] > 0, 0.6, 0.2))
        >>> said = (posterior.argmax(1) == truth).mean()
        >>> bool(right.mean() < 0.75 and said > 0.9)
        True
    """
    shape = votes.items, votes.classes
    if probability.shape != shape:
        raise InvalidInputError(
            f"predictions have the shape {probability.shape}, not items and classes: {shape}"
        )
    if not np.isfinite(probability).all() or (probability < 0).any():
        raise InvalidInputError("predictions hold values that are no probabilities")
    weight = np.ones(votes.sources) if weight is None else weight
    some = votes.some_items(_FITTED_ON)
    found = _learn(votes.of_items(some), probability.take(some, 0), weight)
    return found, found.posterior(votes, probability)


def _learn(votes: Votes, probability: Floats, weight: Floats) -> WithModel:
    """Expectation and maximisation of people's confusions and the model's sharpness in turn."""
    logs, answered = _logs(probability), votes.answered()
    place, offset = _POWERS.index(1.0), np.zeros(votes.classes)
    shares = votes.shares(weight)
    posterior = np.where(answered[:, None], (shares + probability) / 2, probability)
    for _ in range(_ROUNDS):
        table = np.log(confusions(votes.counts(posterior))).reshape(-1, votes.classes)
        fitted = Fitted("crowdlab", table, np.zeros(votes.classes), weight)
        evidence = votes.evidence(fitted.weighted)
        place, offset = _sharpness(logs[answered], evidence[answered], offset, place)
        before, posterior = posterior, softmax(_POWERS[place] * logs + offset + evidence)
        if np.abs(posterior - before).max() < _SETTLED:
            break
    return WithModel(fitted, _POWERS[place], offset)


def _sharpness(logs: Floats, evidence: Floats, offset: Floats, place: int) -> tuple[int, Floats]:
    """The power, a step from the last at most, and offsets under which answers are likeliest."""
    best = (-np.inf, place, offset)
    for tried in range(max(place - 1, 0), min(place + 2, len(_POWERS))):
        raised, shift = _POWERS[tried] * logs, offset.copy()
        for _ in range(3):
            prior, posterior = softmax(raised + shift), softmax(raised + shift + evidence)
            shift = shift + np.log((posterior.sum(0) + 1) / (prior.sum(0) + 1))
        likely = float(_log_sum(_log_softmax(raised + shift) + evidence).mean())
        likely -= _DOUBT * _POWERS[tried]
        if likely > best[0] + 1e-9:
            best = (likely, tried, shift)
    return best[1], best[2]


def _logs(probability: Floats) -> Floats:
    found: Floats = np.log(np.maximum(probability, _LEAST))
    return found


def _log_sum(logs: Floats) -> Floats:
    most = logs.max(1, keepdims=True)
    found: Floats = most[:, 0] + np.log(np.exp(logs - most).sum(1))
    return found


def _log_softmax(logs: Floats) -> Floats:
    return logs - _log_sum(logs)[:, None]
