"""Rules of routing as data: which version of a model answers which request.

One document per model, the same in the admin API, in the store and in files. A version may be named
by an alias wherever it may be named at all. What a rule does is in `router`; here is only what it
says, whether that makes sense, and what is left of it when versions go.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Literal

import msgspec

from dovetail.base.errors import InvalidInputError
from dovetail.serving.errors import UnknownModelError
from dovetail.serving.traffic import check_weights, newest

__all__ = [
    "EpsilonGreedy",
    "Experiment",
    "Fixed",
    "Override",
    "Reward",
    "Routing",
    "Rule",
    "Shadow",
    "Split",
    "State",
    "Thompson",
    "answers",
    "check_routing",
    "names_in",
    "renamed",
    "without",
]

Source = Annotated[str, msgspec.Meta(pattern=r"^(id|parameter:.+|header:.+)$", max_length=200)]
"""Where a key is read: `id`, `parameter:NAME` of the request, or `header:NAME` (HTTP or gRPC)."""

Weights = dict[str, float]
Reward = Literal["binary", "real"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Rule(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """The base of the rules."""


class Fixed(_Rule, frozen=True, kw_only=True, tag="fixed"):
    """One version answers everything."""

    version: Name


class Split(_Rule, frozen=True, kw_only=True, tag="split"):
    """Versions answer in proportion to weights; one key always meets the same version.

    Attributes:
        weights: version to weight; only ratios count.
        sticky_by: where the key is read; the request's id where the request has no such key.
    """

    weights: Weights
    sticky_by: Source = "id"


class Experiment(_Rule, frozen=True, kw_only=True, tag="experiment"):
    """A split whose versions are compared: requests, errors, rewards.

    Attributes:
        weights: version to weight.
        baseline: what the others are compared with; by default the first version.
        name: rewards are added up under it; a new name begins from nothing.
        reward: whether rewards are 0 or 1, or any numbers.
        sticky_by: where the key is read.
    """

    weights: Weights
    baseline: str = ""
    name: Name = "default"
    reward: Reward = "binary"
    sticky_by: Source = "id"


class EpsilonGreedy(_Rule, frozen=True, kw_only=True, tag="epsilon-greedy"):
    """The version with the best mean reward answers; a share of requests tries the others.

    Attributes:
        arms: the versions.
        epsilon: the share that goes to any version, evenly.
        name: rewards are added up under it; a new name begins from nothing.
        reward: whether rewards are 0 or 1, or any numbers.
        sticky_by: where a key is read; None draws for each request.
    """

    arms: tuple[Name, ...]
    epsilon: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    name: Name = "default"
    reward: Reward = "binary"
    sticky_by: Source | None = None


class Thompson(_Rule, frozen=True, kw_only=True, tag="thompson"):
    """Each version answers as often as it is likely to be the best, as far as rewards tell.

    Binary rewards have Beta posteriors, real ones normal posteriors of unknown variance (Russo et
    al., A Tutorial on Thompson Sampling, 2018).

    Attributes:
        arms: the versions.
        name: rewards are added up under it; a new name begins from nothing.
        reward: whether rewards are 0 or 1, or any numbers.
        sticky_by: where a key is read; None draws for each request.
    """

    arms: tuple[Name, ...]
    name: Name = "default"
    reward: Reward = "binary"
    sticky_by: Source | None = None


Rule = Fixed | Split | Experiment | EpsilonGreedy | Thompson


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that say a certain thing meet a certain version, whatever the rule.

    Attributes:
        by: where the value is read.
        value: what it must be, as text.
        version: what answers then.
    """

    by: Source
    value: str
    version: Name


class Shadow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version that gets copies of requests, and whose answers are only compared.

    Attributes:
        version: which one.
        share: of requests that are copied.
        tolerance: numbers that differ by no more agree.
    """

    version: Name
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    tolerance: Annotated[float, msgspec.Meta(ge=0)] = 1e-6


class Routing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides which version of a model answers.

    Attributes:
        rule: what decides.
        overrides: looked at first, in order.
        shadow: what gets copies.
        uris: where versions come from that are not loaded yet.
        format: of this document.
    """

    rule: Rule
    overrides: tuple[Override, ...] = ()
    shadow: Shadow | None = None
    uris: dict[str, str] = {}
    format: Literal[1] = 1


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A rule and the aliases that were in force together from some moment on.

    Attributes:
        model: the model.
        routing: the rule.
        aliases: alias to version.
        at_ms: since when, in milliseconds since 1970.
        actor: who put it in force, where that is known.
        cause: `load`, `put`, `traffic`, `alias`, `follow`, `unload`, `delete` or `rollback`.
        before: the entry that a rollback goes back to.
        id: of the entry.
    """

    model: str
    routing: Routing
    aliases: dict[str, str] = {}
    at_ms: int = 0
    actor: str = ""
    cause: str = ""
    before: int | None = None
    id: int = 0


def names_in(routing: Routing) -> Iterator[str]:
    """Yield each version or alias that a rule names."""
    rule = routing.rule
    if isinstance(rule, Fixed):
        yield rule.version
    elif isinstance(rule, Split | Experiment):
        yield from rule.weights
        if isinstance(rule, Experiment) and rule.baseline:
            yield rule.baseline
    else:
        yield from rule.arms
    yield from (override.version for override in routing.overrides)
    if routing.shadow is not None:
        yield routing.shadow.version


def check_routing(model: str, routing: Routing, known: Collection[str]) -> Routing:
    """Return a rule that makes sense.

    Args:
        model: the model's name, for messages.
        routing: what was asked for.
        known: loaded versions and their aliases.

    Raises:
        UnknownModelError: it names a version that is not loaded.
        InvalidInputError: it makes no sense.
    """
    for name in names_in(routing):
        if name not in known:
            raise UnknownModelError(model, name, tuple(sorted(known)))
    rule = routing.rule
    if isinstance(rule, Split | Experiment):
        weights = check_weights(model, rule.weights, known)
        rule = msgspec.structs.replace(rule, weights=weights)
        if isinstance(rule, Experiment):
            rule = _with_baseline(rule)
        return msgspec.structs.replace(routing, rule=rule)
    if isinstance(rule, EpsilonGreedy | Thompson):
        if len(set(rule.arms)) != len(rule.arms):
            raise InvalidInputError("an arm is named twice", fix="name each version once")
        if len(rule.arms) < 2:
            raise InvalidInputError("a bandit needs two arms", fix="name two versions or more")
    return routing


def _with_baseline(rule: Experiment) -> Experiment:
    if len(rule.weights) < 2:
        raise InvalidInputError(
            "an experiment needs two versions", fix="give each of two versions a weight over 0"
        )
    baseline = rule.baseline or next(iter(rule.weights))
    if baseline not in rule.weights:
        raise InvalidInputError(
            f"the baseline {baseline!r} takes no part in the experiment",
            fix=f"name one of {', '.join(rule.weights)}",
        )
    return msgspec.structs.replace(rule, baseline=baseline)


def renamed(
    routing: Routing, name_of: Callable[[str], str | None], left: Collection[str]
) -> Routing:
    """Return a rule with its versions named otherwise, and without those that have no name.

    Args:
        routing: the rule.
        name_of: gives the new name, None for a version that is gone.
        left: the versions that can answer if none is left of those in the rule.
    """
    rule = _renamed_rule(routing.rule, name_of) or Fixed(version=newest(left))
    overrides = []
    for override in routing.overrides:
        version = name_of(override.version)
        if version is not None:
            overrides.append(msgspec.structs.replace(override, version=version))
    shadow = routing.shadow
    if shadow is not None:
        version = name_of(shadow.version)
        shadow = msgspec.structs.replace(shadow, version=version) if version else None
    return msgspec.structs.replace(routing, rule=rule, overrides=tuple(overrides), shadow=shadow)


def answers(state: State | None, versions: Collection[str]) -> bool:
    """Whether a rule gives requests to a version that is loaded."""
    if state is None:
        return False
    main = msgspec.structs.replace(state.routing, overrides=(), shadow=None)
    return any(state.aliases.get(name, name) in versions for name in names_in(main))


def without(state: State | None, gone: Collection[str], left: Collection[str]) -> State | None:
    """Return what follows a state when versions are unloaded; None where it stays as it is.

    Args:
        state: the rule and the aliases in force.
        gone: the versions that go.
        left: those that stay; where none does, the rule waits for them to come back.
    """
    if state is None or not left:
        return None
    aliases = {a: v for a, v in state.aliases.items() if v not in gone}

    def name_of(known: str) -> str | None:
        return None if state.aliases.get(known, known) in gone else known

    if all(name_of(known) for known in names_in(state.routing)) and aliases == state.aliases:
        return None
    routing = renamed(state.routing, name_of, left)
    return State(
        model=state.model, routing=routing, aliases=aliases, cause="unload", before=state.id
    )


def _renamed_rule(rule: Rule, name_of: Callable[[str], str | None]) -> Rule | None:
    if isinstance(rule, Fixed):
        version = name_of(rule.version)
        return Fixed(version=version) if version else None
    if isinstance(rule, Split | Experiment):
        weights: Weights = {}
        for name, weight in rule.weights.items():
            version = name_of(name)
            if version is not None:
                weights[version] = weights.get(version, 0.0) + weight
        if len(weights) < 2:
            return Fixed(version=next(iter(weights))) if weights else None
        if isinstance(rule, Split):
            return msgspec.structs.replace(rule, weights=weights)
        baseline = name_of(rule.baseline) or next(iter(weights))
        return msgspec.structs.replace(rule, weights=weights, baseline=baseline)
    named = (name_of(name) for name in rule.arms)
    arms = tuple(dict.fromkeys(name for name in named if name is not None))
    if len(arms) < 2:
        return Fixed(version=arms[0]) if arms else None
    return msgspec.structs.replace(rule, arms=arms)
