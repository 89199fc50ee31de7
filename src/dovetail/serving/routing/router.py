"""What a rule does with a request.

A router is made when a rule, an alias or a version changes, and is never changed: requests read
it without a lock. Where one version answers everything there is none, so that costs nothing.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from dovetail.serving.model import Model
from dovetail.serving.questions import Follow, Question, Reply
from dovetail.serving.routing.document import (
    EpsilonGreedy,
    Experiment,
    Fixed,
    Routing,
    Rule,
    Split,
    Thompson,
    renamed,
)
from dovetail.serving.routing.keys import Key, key_of, reader
from dovetail.serving.traffic import choose_version

__all__ = ["Choice", "Learning", "Observers", "Router", "make_router"]


class Choice(Protocol):
    """A rule at work."""

    def choose(self, question: Question) -> str:
        """Return the version that answers."""

    def weights(self) -> dict[str, float]:
        """Return the share that each version has now; only ratios count."""


class Observers(Protocol):
    """Gives rules what they need beside themselves."""

    def learning(self, model: str, rule: Experiment | EpsilonGreedy | Thompson) -> "Learning":
        """Return what decides from rewards, and is told of requests."""

    def shadowing(self, model: str, routing: Routing, versions: Mapping[str, Model]) -> Follow:
        """Return what sends copies to a shadow."""


class Learning(Choice, Follow, Protocol):
    """A rule that learns from how its questions went."""


class _Fixed:
    """One version.

    Args:
        version: which.
    """

    def __init__(self, version: str) -> None:
        self._version = version

    def choose(self, question: Question) -> str:
        return self._version

    def weights(self) -> dict[str, float]:
        return {self._version: 1.0}


class _Split:
    """Versions by weight.

    Args:
        model: the model's name.
        rule: the weights, and what they are sticky by.
    """

    def __init__(self, model: str, rule: Split) -> None:
        self._model, self._weights = model, rule.weights
        self._key = reader(rule.sticky_by)

    def choose(self, question: Question) -> str:
        return choose_version(self._model, key_of(question, self._key), self._weights)

    def weights(self) -> dict[str, float]:
        return dict(self._weights)


class Router:
    """A rule over loaded versions.

    Args:
        routing: the rule, every name in it a loaded version.
        versions: the loaded versions.
        choice: what decides.
        learning: who is told of requests that the rule decided.
        shadowing: who is told of all requests but those that the shadow itself answered.
    """

    def __init__(
        self,
        routing: Routing,
        versions: Mapping[str, Model],
        choice: Choice,
        learning: Follow | None,
        shadowing: Follow | None,
    ) -> None:
        self.routing = routing
        self._versions, self.choice = versions, choice
        self._overrides: list[tuple[Key, str, Model]] = [
            (reader(one.by), one.value, versions[one.version]) for one in routing.overrides
        ]
        self._both = _Followers([f for f in (learning, shadowing) if f is not None])
        self._shadowing = shadowing

    def weights(self) -> dict[str, float]:
        """Return the share that each version has now; only ratios count."""
        return self.choice.weights()

    def pick(self, question: Question) -> Model:
        """Return the version that answers, and leave in the question who is to be told."""
        for read, value, model in self._overrides:
            if read(question) == value:
                question.follow = self._shadowing
                return model
        if self._both.followers:
            question.follow = self._both
        return self._versions[self.choice.choose(question)]


class _Followers:
    """Several of them as one.

    Args:
        followers: who is told.
    """

    def __init__(self, followers: list[Follow]) -> None:
        self.followers = followers

    def answered(self, question: Question, reply: Reply, ns: int) -> None:
        for follower in self.followers:
            follower.answered(question, reply, ns)

    def failed(self, question: Question, model: Model, error: Exception, ns: int) -> None:
        for follower in self.followers:
            follower.failed(question, model, error, ns)


def make_router(
    model: str,
    routing: Routing,
    versions: Mapping[str, Model],
    resolve: Callable[[str], str | None],
    observers: Observers,
) -> Router | Model:
    """Return what a rule does over the versions that are loaded now.

    Args:
        model: the model's name.
        routing: the rule; what it names and is not loaded is left out.
        versions: the loaded versions, at least one.
        resolve: gives the version that a name stands for, None if that is not loaded.
        observers: gives rules what they need beside themselves.

    Returns:
        The one version where one answers everything and nothing else happens.
    """
    plain = renamed(routing, resolve, versions)
    rule = plain.rule
    if isinstance(rule, Fixed) and not plain.overrides and plain.shadow is None:
        return versions[rule.version]
    shadowing = observers.shadowing(model, plain, versions) if plain.shadow is not None else None
    choice, learning = _choice(model, rule, observers)
    return Router(plain, versions, choice, learning, shadowing)


def _choice(model: str, rule: Rule, observers: Observers) -> tuple[Choice, Follow | None]:
    if isinstance(rule, Fixed):
        return _Fixed(rule.version), None
    if isinstance(rule, Split):
        return _Split(model, rule), None
    learning = observers.learning(model, rule)
    return learning, learning
