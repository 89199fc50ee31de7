"""What the admin API of routing says and takes."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from dovetail.serving.routing.document import Routing, State

__all__ = [
    "Alias",
    "ArmReport",
    "ArmsReport",
    "Counted",
    "Entry",
    "Feedback",
    "History",
    "RuleNow",
    "entry_of",
]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What was in force from some moment on.

    Attributes:
        id: of the entry.
        since: RFC 3339; empty where that is not known.
        actor: who put it in force; empty where nobody did, or it is not known.
        cause: `load`, `put`, `traffic`, `alias`, `follow`, `unload`, `delete` or `rollback`.
        routing: the rule.
        aliases: alias to version.
    """

    id: int
    since: str
    actor: str
    cause: str
    routing: Routing
    aliases: dict[str, str]


class RuleNow(msgspec.Struct, frozen=True, kw_only=True):
    """The rule of a model.

    Attributes:
        model: the model.
        routing: the rule; it can be put again as it is.
        aliases: alias to version.
        weights: the share that each loaded version has now; only ratios count.
        id: of the entry in the history.
        since: RFC 3339.
        actor: who put it in force.
        cause: as in the history.
    """

    model: str
    routing: Routing
    aliases: dict[str, str]
    weights: dict[str, float]
    id: int
    since: str
    actor: str
    cause: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What was in force for a model, newest first."""

    model: str
    entries: list[Entry]


class Alias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version that an alias is to stand for."""

    version: str


class Feedback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of a request.

    Attributes:
        id: of the request.
        reward: the larger, the better.
        version: what answered it, where that may be forgotten.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    reward: float
    version: str = ""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a reward.

    Attributes:
        version: that answered the request.
        counted: False where the request had its reward already.
    """

    version: str
    counted: bool


class ArmReport(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an experiment or a bandit.

    Attributes:
        version: which.
        share: of requests that it gets now.
        requests: that it answered or failed.
        errors: that it failed.
        rewards: that came.
        mean: of the rewards; None before the first.
        low: lower end of the 95 % credible interval of the mean.
        high: upper end.
        best: the probability that its mean is the largest of all.
        beats_baseline: the probability that its mean is larger than the baseline's.
    """

    version: str
    share: float
    requests: int
    errors: int
    rewards: int
    mean: float | None
    low: float
    high: float
    best: float
    beats_baseline: float | None


class ArmsReport(msgspec.Struct, frozen=True, kw_only=True):
    """How the versions of an experiment or a bandit do.

    Attributes:
        model: the model.
        kind: of the rule.
        name: under which rewards are added up.
        reward: `binary` or `real`.
        baseline: what the others are compared with; None for a bandit.
        arms: the versions.
    """

    model: str
    kind: str
    name: str
    reward: str
    baseline: str | None
    arms: list[ArmReport]


def entry_of(state: State) -> Entry:
    """Return an entry of the history as the API writes it."""
    since = datetime.fromtimestamp(state.at_ms / 1000, UTC) if state.at_ms else None
    return Entry(
        id=state.id,
        since=since.isoformat(timespec="milliseconds").replace("+00:00", "Z") if since else "",
        actor=state.actor,
        cause=state.cause,
        routing=state.routing,
        aliases=state.aliases,
    )
