"""Dovetail's own HTTP surface for retention: rules that say which runs of an experiment stay.

A rule is looked at first and applied then, by command or once a day: runs that it does not keep
are deleted as a client deletes them and can still be restored; what has been deleted for longer
than the rule's grace period goes for good; long histories of finished runs are thinned.
"""

from typing import Annotated, Any, Literal

import msgspec

from dovetail.wire.http import HttpClient, segment

__all__ = ["PREFIX", "Applied", "Best", "Client", "Preview", "Rule", "RuleOf", "Surplus", "Thinned"]

PREFIX = "/api/tracking/retention"


class Best(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The best runs by the newest value of a metric."""

    metric: Annotated[str, msgspec.Meta(min_length=1, max_length=250)]
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    direction: Literal["max", "min"] = "max"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs of an experiment stay.

    A run stays if any of these keeps it, if it is not finished, or if a version of a registered
    model stands on it. Without `keep_newest` and `keep_days` no run is deleted.

    Attributes:
        keep_newest: How many of the newest runs.
        keep_days: Runs that ended at most so many days ago.
        keep_tagged: Runs with one of these tags, as `key` or `key=value`.
        keep_best: Runs that are among the best by a metric.
        grace_days: After how many days what is deleted goes for good.
        thin_after_days: How many days after its end a run's histories may be thinned.
        thin_to: To how many points a history is thinned; None for never.
    """

    keep_newest: Annotated[int, msgspec.Meta(ge=1)] | None = None
    keep_days: Annotated[float, msgspec.Meta(ge=0, le=36500)] | None = None
    keep_tagged: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    keep_best: tuple[Best, ...] = ()
    grace_days: Annotated[float, msgspec.Meta(ge=0, le=36500)] = 30.0
    thin_after_days: Annotated[float, msgspec.Meta(ge=0, le=36500)] = 30.0
    thin_to: Annotated[int, msgspec.Meta(ge=10)] | None = None

    def deletes(self) -> bool:
        """Return whether the rule deletes any run."""
        return self.keep_newest is not None or self.keep_days is not None

    def words(self) -> str:
        """Return what the rule says, for people."""
        parts = []
        if self.keep_newest is not None:
            parts.append(f"the newest {self.keep_newest}")
        if self.keep_days is not None:
            parts.append(f"younger than {self.keep_days:g} days")
        parts += [f"tagged {tag}" for tag in self.keep_tagged]
        parts += [f"the best {one.count} by {one.metric}" for one in self.keep_best]
        kept = f"keep {', '.join(parts)}" if self.deletes() else "keep every run"
        thinned = f"; thin to {self.thin_to} points" if self.thin_to else ""
        return f"{kept}; gone after {self.grace_days:g} days{thinned}"


class RuleOf(msgspec.Struct, frozen=True, kw_only=True):
    """The rule of an experiment, and who set it when."""

    experiment_id: str
    name: str
    rule: Rule
    set_by: str
    set_at: int


class Surplus(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a rule does not keep."""

    id: str
    name: str
    started: int


class Thinned(msgspec.Struct, frozen=True, kw_only=True):
    """A history that is longer than a rule allows."""

    run_id: str
    key: str
    points: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule would do now; nothing has happened.

    Attributes:
        experiment_id: Whose rule.
        rule: The rule.
        delete: Runs that would be deleted, to be restored within the grace period.
        keep: How many runs stay, by what keeps them.
        purge: How many runs would go for good, deleted longer ago than the grace period.
        thin: Histories that would be thinned, longest first.
        points: How many points thinning would remove.
    """

    experiment_id: str
    rule: Rule
    delete: tuple[Surplus, ...] = ()
    keep: dict[str, int] = {}
    purge: int = 0
    thin: tuple[Thinned, ...] = ()
    points: int = 0


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What applying a rule has done and begun.

    Attributes:
        experiment_id: Whose rule.
        deleted: How many runs were deleted.
        job: The removal of what was deleted long ago; None if nothing was.
        thinning: Whether histories are being thinned in the background.
    """

    experiment_id: str
    deleted: int
    job: str | None = None
    thinning: bool = False


class Client(HttpClient):
    """A client of the retention rules of a tracking server.

    Examples:
        >>> with Client("http://localhost:8080") as retention:  # doctest: +SKIP
        ...     retention.put("1", Rule(keep_newest=100, keep_days=30))
        ...     retention.check("1").points
    """

    def list(self) -> list[RuleOf]:
        """Every rule."""
        return self.get(PREFIX, list[RuleOf])

    def put(self, experiment_id: str, rule: Rule) -> RuleOf:
        """Set the rule of an experiment. Needs the role admin."""
        return self.post(f"{PREFIX}/{segment(experiment_id)}", rule, RuleOf, method="PUT")

    def delete(self, experiment_id: str) -> None:
        """Remove the rule of an experiment. Needs the role admin."""
        self.send("DELETE", f"{PREFIX}/{segment(experiment_id)}")

    def check(self, experiment_id: str, rule: Rule | None = None) -> Preview:
        """Say what a rule would do, by default the one that is set. Needs the role editor."""
        path = f"{PREFIX}/{segment(experiment_id)}/preview"
        body: Any = {} if rule is None else {"rule": rule}
        return self.post(path, body, Preview, repeatable=True)

    def run(self, experiment_id: str) -> Applied:
        """Apply the rule of an experiment now. Needs the role admin."""
        return self.post(f"{PREFIX}/{segment(experiment_id)}/apply", {}, Applied)
