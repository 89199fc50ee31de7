"""Rules that learn: experiments and bandits.

They choose from what the ledger has added up, and tell it of every request. A request's id meets
the same version again for as long as the ledger remembers it.
"""

import random
import time

from dovetail.base.errors import InvalidInputError, UnavailableError
from dovetail.serving.model import Model
from dovetail.serving.questions import Question, Reply
from dovetail.serving.routing.document import EpsilonGreedy, Experiment, Thompson
from dovetail.serving.routing.keys import key_of, reader
from dovetail.serving.routing.ledger import Arm, Ledger, Noted
from dovetail.serving.routing.posterior import Posterior, posteriors, superior
from dovetail.serving.traffic import choose_version

__all__ = ["Learner"]

_SHARES_SECONDS = 1.0
_SHARES_DRAWS = 4000
_NOT_ITS_FAULT = (InvalidInputError, UnavailableError)


class Learner:
    """An experiment or a bandit over loaded versions.

    Args:
        model: the model's name.
        rule: what it does, over versions.
        ledger: what it learns from.
    """

    def __init__(
        self, model: str, rule: Experiment | EpsilonGreedy | Thompson, ledger: Ledger
    ) -> None:
        self.model, self.rule, self._ledger = model, rule, ledger
        names = tuple(rule.weights) if isinstance(rule, Experiment) else rule.arms
        self.arms: dict[str, Arm] = {v: ledger.arm(model, rule.name, v) for v in names}
        self._key = reader(rule.sticky_by) if rule.sticky_by is not None else None
        self._shares: dict[str, float] = {}
        self._shares_until = 0.0

    # Choosing

    def choose(self, question: Question) -> str:
        """Return the version that answers."""
        rule = self.rule
        if isinstance(rule, Experiment):
            return self._by_key(question, rule.weights)
        known = self._ledger.recall(self.model, question.id)
        if known is not None and known.experiment == rule.name and known.version in self.arms:
            return known.version
        if self._key is not None:
            return self._by_key(question, self._cached_shares())
        if isinstance(rule, EpsilonGreedy):
            if random.random() < rule.epsilon:
                return random.choice(rule.arms)
            means = [posterior.mean for posterior in self.posteriors()]
            return rule.arms[means.index(max(means))]
        drawn = [posterior.draw() for posterior in self.posteriors()]
        return rule.arms[drawn.index(max(drawn))]

    def _by_key(self, question: Question, weights: dict[str, float]) -> str:
        key = key_of(question, self._key) if self._key is not None else question.id or ""
        return choose_version(self.model, key, weights)

    def posteriors(self) -> list[Posterior]:
        """Return where each arm's mean reward lies, in the order of `arms`."""
        return posteriors(self.rule.reward, [arm.totals for arm in self.arms.values()])

    def weights(self) -> dict[str, float]:
        """Return the share that each version has now."""
        rule = self.rule
        if isinstance(rule, Experiment):
            return dict(rule.weights)
        found = self.posteriors()
        if isinstance(rule, Thompson):
            shares = superior(found, _SHARES_DRAWS).tolist()
            return dict(zip(rule.arms, shares, strict=True))
        means = [posterior.mean for posterior in found]
        even = rule.epsilon / len(rule.arms)
        weights = dict.fromkeys(rule.arms, even)
        weights[rule.arms[means.index(max(means))]] += 1 - rule.epsilon
        return weights

    def _cached_shares(self) -> dict[str, float]:
        now = time.monotonic()
        if now >= self._shares_until:
            self._shares, self._shares_until = self.weights(), now + _SHARES_SECONDS
        return self._shares

    # Learning

    def answered(self, question: Question, reply: Reply, ns: int) -> None:
        """Note an answer, unless it was for a test."""
        if question.told.role != "test":
            self._note(question, reply.model.version, failed=False)

    def failed(self, question: Question, model: Model, error: Exception, ns: int) -> None:
        """Note a failure that is the version's own; a bandit takes it as a reward of 0."""
        if not isinstance(error, _NOT_ITS_FAULT):
            self._note(question, model.version, failed=True)

    def _note(self, question: Question, version: str, *, failed: bool) -> None:
        punishes = failed and self.rule.reward == "binary" and not isinstance(self.rule, Experiment)
        noted = Noted(self.model, question.id or "", version, self.rule.name, failed, punishes)
        self._ledger.note(noted)
