"""The state machine that closes the circle.

    watching -> training -> comparing -> canary -> promoting -> watching
                               |           |          |
                               v           v          v
                            rejected  rolled_back   refused by the gate: tried again each day

Each step does its work, which may be repeated without harm, and then stores the next state in one
transaction. So a loop that is killed anywhere starts again at the step it had not finished and
ends in the same state.
"""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from dovetail.base import telemetry
from dovetail.loop.actions import Actions
from dovetail.loop.compare import Comparison, compare
from dovetail.loop.deploy import Deployer
from dovetail.loop.joints import Joints
from dovetail.loop.policy import Decision, Lesson, decide
from dovetail.loop.recipe import Recipe
from dovetail.loop.settings import LoopSettings
from dovetail.loop.store import Cycle, Event, LoopStore
from dovetail.wire.http import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Loop"]

log = telemetry.logger("loop")


class Loop:
    """Looks after one model.

    Args:
        settings: what it does, and when.
        joints: the protocol clients.
        deployer: how versions get onto the inference server.
        recipe: how to train, and recent labelled rows.
        store: its own state.
    """

    def __init__(
        self,
        settings: LoopSettings,
        joints: Joints,
        deployer: Deployer,
        recipe: Recipe,
        store: LoopStore,
    ) -> None:
        self.settings, self.deployer, self.recipe = settings, deployer, recipe
        self.store = store
        self._actions = Actions(settings, joints, deployer)
        self._steps: dict[str, Callable[[Cycle, date], Cycle | None]] = {
            "training": self._train,
            "comparing": self._compare,
            "canary": self._watch_canary,
            "promoting": self._promote,
        }

    @property
    def champion(self) -> str | None:
        """The version in force."""
        version: str | None = self.store.get("champion")
        return version

    def tick(self, day: date) -> list[Event]:
        """Do what is due at the end of a day; a day that was done before does nothing.

        Args:
            day: the day that has just ended, outcomes included.

        Returns:
            What happened.
        """
        if str(day) <= self.store.get("last_day", ""):
            return []
        seen = len(self.store.history())
        cycle = self.store.open_cycle()
        if cycle is None:
            cycle = self._watch(day)
        while cycle is not None and cycle.state in self._steps:
            cycle = self._steps[cycle.state](cycle, day)
        self.store.set(last_day=str(day))
        return self.store.history()[seen:]

    def resume(self) -> None:
        """Make the inference server hold what the store says is in force."""
        weights = self.store.get("weights", {})
        for version in {*weights, *self._kept_versions()}:
            self.deployer.load(version)
        if weights:
            self.deployer.split(weights)

    def _kept_versions(self) -> set[str]:
        known = {cycle.challenger for cycle in self.store.cycles() if cycle.state == "promoted"}
        return set(self.settings.pinned) & {version for version in known if version}

    # Watching

    def _watch(self, day: date) -> Cycle | None:
        champion = self.champion
        if champion is None:
            text = "there is no champion yet"
            return self.store.begin(day, None, _event(day, "training", None, text))
        self._judge_probation(day, champion)
        if not self._look_is_due(day):
            return None
        decision = self._look(day, champion)
        facts = msgspec.structs.asdict(decision)
        if not decision.retrain:
            event = _event(day, "looked", champion, decision.text, facts)
            self.store.note(event, {"looked": str(day)})
            return None
        self.store.set(looked=str(day))
        return self.store.begin(day, champion, _event(day, "training", None, decision.text, facts))

    def _look_is_due(self, day: date) -> bool:
        looked = self.store.get("looked")
        return (
            looked is None or (day - date.fromisoformat(looked)).days >= self.settings.check_every
        )

    def _look(self, day: date, champion: str) -> Decision:
        start = day - timedelta(days=self.settings.window - 1)
        rows = self.recipe.examples(start, day + timedelta(days=1))
        trained_until = date.fromisoformat(self.store.get("trained_until"))
        return decide(
            self.settings,
            age=(day - trained_until).days + 1,
            scores=self.deployer.score(champion, rows.inputs),
            labels=rows.labels,
            days=self.settings.window,
            lessons=msgspec.convert(self.store.get("lessons", []), list[Lesson]),
        )

    # Training

    def _train(self, cycle: Cycle, day: date) -> Cycle:
        until = day + timedelta(days=1 - self.settings.holdout)
        version = self.recipe.train(until, cycle.id)
        facts = {"trained_until": str(until)}
        self._actions.record_training(version, cycle.id, until)
        text = f"version {version} trained on everything before {until}"
        event = _event(day, "trained", version, text, facts)
        return self.store.advance(cycle, "comparing", event, challenger=version, facts=facts)

    # Comparing

    def _compare(self, cycle: Cycle, day: date) -> Cycle | None:
        challenger = _known(cycle.challenger)
        self.deployer.load(challenger)
        found = self._compare_on(cycle.champion, challenger, cycle.facts["trained_until"], day)
        better = cycle.champion is None or found.low > 0
        facts = msgspec.structs.asdict(found)
        self._actions.give_evidence(challenger, "evaluation", better, facts, day)
        lessons = self._learn(cycle, found, day)
        if not better:
            self._drop(challenger)
            text = f"version {challenger} is not surely better than {cycle.champion}"
            event = _event(day, "rejected", challenger, text, facts)
            return self.store.advance(cycle, "rejected", event, values=lessons)
        text = _verdict(challenger, cycle.champion, found)
        event = _event(day, "compared", challenger, text, facts)
        if cycle.champion is None or self.settings.canary_days == 0:
            return self.store.advance(cycle, "promoting", event, values=lessons)
        weights = self._canary_weights(cycle.champion, challenger)
        self.deployer.split(weights)
        until = day + timedelta(days=self.settings.canary_days)
        return self.store.advance(
            cycle,
            "canary",
            event,
            facts={"canary_from": str(day + timedelta(days=1)), "canary_until": str(until)},
            values={**lessons, "weights": weights},
        )

    def _canary_weights(self, champion: str, challenger: str) -> dict[str, float]:
        share = self.settings.canary_percent
        return {champion: 100 - share, challenger: share}

    def _compare_on(
        self, champion: str | None, challenger: str, start: str, day: date
    ) -> Comparison:
        rows = self.recipe.examples(date.fromisoformat(start), day + timedelta(days=1))
        scores = self.deployer.score(challenger, rows.inputs)
        before = scores if champion is None else self.deployer.score(champion, rows.inputs)
        return compare(before, scores, rows.labels, rows.days, self.settings.confidence)

    def _learn(self, cycle: Cycle, found: Comparison, day: date) -> dict[str, Any]:
        if cycle.champion is None:
            return {}
        age = (day - date.fromisoformat(self.store.get("trained_until"))).days
        lesson = Lesson(age=max(age, 1), gain=found.gain)
        return {"lessons": [*self.store.get("lessons", []), msgspec.to_builtins(lesson)]}

    # Canary

    def _watch_canary(self, cycle: Cycle, day: date) -> Cycle | None:
        if str(day) < cycle.facts["canary_until"]:
            return None
        challenger, champion = _known(cycle.challenger), _known(cycle.champion)
        start = cycle.facts["canary_from"]
        found = self._compare_on(champion, challenger, start, day)
        live = self._actions.live_figures(challenger, date.fromisoformat(start), day)
        facts = {**msgspec.structs.asdict(found), "live": live}
        worse = found.high < 0
        self._actions.give_evidence(challenger, "canary", not worse, facts, day)
        if worse:
            self.deployer.split({champion: 100})
            self._drop(challenger)
            text = f"version {challenger} did worse than {champion} as a canary"
            event = _event(day, "rolled_back", challenger, text, facts)
            return self.store.advance(
                cycle, "rolled_back", event, values={"weights": {champion: 100}}
            )
        text = f"version {challenger} held as a canary on {found.rows} rows"
        event = _event(day, "canary", challenger, text, facts)
        return self.store.advance(cycle, "promoting", event)

    # Promoting

    def _promote(self, cycle: Cycle, day: date) -> Cycle | None:
        challenger = _known(cycle.challenger)
        try:
            self._actions.move_alias(challenger, _end_of(day))
        except Refused as error:
            refusal = str(error.message)
            if cycle.facts.get("refusal") != refusal:
                event = _event(day, "refused", challenger, refusal)
                self.store.advance(cycle, "promoting", event, facts={"refusal": refusal})
            return None
        weights = {challenger: 100.0}
        self.deployer.split(weights)
        rows = self.recipe.examples(
            date.fromisoformat(cycle.facts["trained_until"]), day + timedelta(days=1)
        )
        self._actions.set_reference(challenger, rows)
        self._retire(cycle.champion)
        text = f"version {challenger} is {self.settings.model}@{self.settings.alias}"
        return self.store.advance(
            cycle,
            "promoted",
            _event(day, "promoted", challenger, text),
            values={
                "champion": challenger,
                "weights": weights,
                "previous": cycle.champion,
                "trained_until": cycle.facts["trained_until"],
                "previous_trained_until": self.store.get("trained_until"),
                "promoted_on": str(day),
                "looked": str(day),
            },
        )

    def _retire(self, outgoing: str | None) -> None:
        """Unload what came before the outgoing champion, which stays for a rollback."""
        before = self.store.get("previous")
        if before is not None and before != outgoing:
            self._drop(before)

    def _drop(self, version: str) -> None:
        if version not in self.settings.pinned:
            self.deployer.unload(version)

    # Probation

    def _judge_probation(self, day: date, champion: str) -> None:
        """Go back to the version before if the new champion turns out worse."""
        previous, promoted = self.store.get("previous"), self.store.get("promoted_on")
        if previous is None or promoted is None:
            return
        since = date.fromisoformat(promoted) + timedelta(days=1)
        if (day - since).days + 1 != self.settings.probation:
            return
        found = self._compare_on(previous, champion, str(since), day)
        facts = msgspec.structs.asdict(found)
        if found.high >= 0:
            text = f"version {champion} kept after {self.settings.probation} days"
            self.store.note(_event(day, "kept", champion, text, facts))
            return
        self._actions.move_alias(previous, _end_of(day))
        weights = {previous: 100.0}
        self.deployer.split(weights)
        text = f"version {champion} did worse than {previous}, which is champion again"
        self.store.note(
            _event(day, "rolled_back", champion, text, facts),
            {
                "champion": previous,
                "weights": weights,
                "previous": None,
                "trained_until": self.store.get("previous_trained_until"),
            },
        )


def _event(
    day: date, kind: str, version: str | None, text: str, facts: dict[str, Any] | None = None
) -> Event:
    log.info(text, day=str(day), event_kind=kind)
    return Event(day=str(day), kind=kind, version=version, text=text, facts=facts or {})


def _known(version: str | None) -> str:
    if version is None:
        raise RuntimeError("a cycle reached this step without a version")
    return version


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _verdict(challenger: str, champion: str | None, found: Comparison) -> str:
    if champion is None:
        return f"version {challenger} evaluated on {found.rows} rows"
    return (
        f"version {challenger} saves {found.gain:.4f} log-loss a row over {champion} "
        f"({found.low:.4f} to {found.high:.4f})"
    )
