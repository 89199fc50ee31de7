"""The state machine that closes the circle.

    watching -> training -> comparing -> canary -> promoting -> watching
                               |           |          |
                               v           v          v
                            rejected  rolled_back   refused by the gate: tried again each day

Each step does its work, which may be repeated without harm, and then stores in one transaction the
next state, what happened, and whether the day is done. So a loop that is killed anywhere starts
again at the step it had not finished and ends in the same state, with the same history.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from dovetail.base import telemetry
from dovetail.loop.actions import Actions
from dovetail.loop.compare import Comparison
from dovetail.loop.deploy import Deployer
from dovetail.loop.evaluation import Evaluation
from dovetail.loop.happenings import end_of, event, verdict
from dovetail.loop.joints import Joints
from dovetail.loop.policy import Decision, Lesson, Trial, decide
from dovetail.loop.probation import Probation
from dovetail.loop.recipe import Recipe
from dovetail.loop.settings import LoopSettings
from dovetail.loop.store import Cycle, Event, LoopStore
from dovetail.wire.http import BadRequest, NotFound, Refused

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
        self._evaluation = Evaluation(settings, deployer, recipe)
        self._probation = Probation(settings, store, self._actions, deployer, self._evaluation)
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
        cycle = self.store.open_cycle()
        if cycle is None:
            cycle = self._watch(day)
        while cycle is not None and cycle.state in self._steps:
            cycle = self._steps[cycle.state](cycle, day)
        if self.store.get("last_day") != str(day):
            self.store.set(last_day=str(day))
        return self.store.history(day)

    def resume(self) -> None:
        """Make the inference server hold what the store says is in force or may be needed."""
        weights = self.store.get("weights", {})
        for version in sorted(weights):
            self.deployer.load(version)
        for version in sorted(self._kept_versions() - set(weights)):
            try:
                self.deployer.load(version)
            except (BadRequest, NotFound) as error:
                log.warning("a version that is kept cannot be loaded", version=version, why=error)
        if weights:
            self.deployer.split(weights)

    def _kept_versions(self) -> set[str]:
        """Return what is loaded beside the versions that get traffic."""
        cycle, previous = self.store.open_cycle(), self.store.get("previous")
        kept = {version for version in self.settings.pinned if self._actions.is_registered(version)}
        if cycle is not None and cycle.state in ("canary", "promoting"):
            kept.add(_known(cycle.challenger))
        return kept | ({previous} if previous else set())

    # Watching

    def _watch(self, day: date) -> Cycle | None:
        champion = self.champion
        if champion is None:
            return self._start(day)
        if not self._probation.judge(day, champion):
            return None
        champion = _known(self.champion)
        if not self._look_is_due(day):
            return None
        decision = self._look(day, champion)
        facts = msgspec.structs.asdict(decision)
        if decision.retrain:
            begun = event(day, "training", None, decision.text, facts)
            return self.store.begin(day, champion, begun, {"looked": str(day)})
        looked = event(day, "looked", champion, decision.text, facts)
        self.store.note(looked, {"looked": str(day), **_done(day)})
        return None

    def _start(self, day: date) -> Cycle | None:
        """Adopt the version that the alias names, or train the first one once there are rows."""
        found = self._actions.adoptable(day)
        if found is None:
            if not len(self._evaluation.rows(self._training_end(day), day)):
                return None
            return self.store.begin(
                day, None, event(day, "training", None, "there is no champion yet")
            )
        version, trained_until = found
        weights = {version: 100.0}
        self.deployer.load(version)
        self.deployer.split(weights)
        text = f"version {version} was {self.settings.model}@{self.settings.alias} already"
        values = {
            "champion": version,
            "weights": weights,
            "trained_until": str(trained_until),
        }
        self.store.note(event(day, "adopted", version, text), {**values, **_done(day)})
        return None

    def _look_is_due(self, day: date) -> bool:
        looked = self.store.get("looked")
        return (
            looked is None or (day - date.fromisoformat(looked)).days >= self.settings.check_every
        )

    def _look(self, day: date, champion: str) -> Decision:
        trained_until = date.fromisoformat(self.store.get("trained_until"))
        start = max(day - timedelta(days=self.settings.window - 1), trained_until)
        rows = self._evaluation.rows(start, day)
        self.deployer.load(champion)
        return decide(
            self.settings,
            age=(day - trained_until).days + 1,
            scores=self.deployer.score(champion, rows.inputs),
            labels=rows.labels,
            days=(day - start).days + 1,
            lessons=msgspec.convert(self.store.get("lessons", []), list[Lesson]),
            trial=self._last_trial(day),
        )

    def _last_trial(self, day: date) -> Trial | None:
        stood = self.store.get("trial")
        if stood is None:
            return None
        days_ago = (day - date.fromisoformat(stood["day"])).days
        return Trial(days_ago=days_ago, gain=stood["gain"])

    # Training

    def _training_end(self, day: date) -> date:
        return day + timedelta(days=1 - self.settings.holdout)

    def _train(self, cycle: Cycle, day: date) -> Cycle:
        until = self._training_end(date.fromisoformat(cycle.started))
        version = self.recipe.train(until, cycle.id)
        facts = {"trained_until": str(until)}
        self._actions.record_training(version, cycle.id, until)
        text = f"version {version} trained on everything before {until}"
        trained = event(day, "trained", version, text, facts)
        return self.store.advance(cycle, "comparing", trained, challenger=version, facts=facts)

    # Comparing

    def _compare(self, cycle: Cycle, day: date) -> Cycle | None:
        challenger = _known(cycle.challenger)
        start = date.fromisoformat(cycle.facts["trained_until"])
        found = self._evaluation.compare(cycle.champion, challenger, start, day)
        better = found.low > 0 if cycle.champion is not None else found.rows > 0
        facts = msgspec.structs.asdict(found)
        self._actions.give_evidence(challenger, "evaluation", better, facts, day)
        lessons = self._learn(cycle, found)
        if not better:
            self._drop(challenger)
            text = f"version {challenger} is not surely better than {cycle.champion}"
            rejected = event(day, "rejected", challenger, text, facts)
            values = {**lessons, "trial": {"day": str(day), "gain": found.gain}, **_done(day)}
            return self.store.advance(cycle, "rejected", rejected, values=values)
        won = event(day, "compared", challenger, verdict(challenger, cycle.champion, found), facts)
        if cycle.champion is None or self.settings.canary_days == 0:
            return self.store.advance(cycle, "promoting", won, values=lessons)
        return self._start_canary(cycle, day, won, lessons)

    def _start_canary(
        self, cycle: Cycle, day: date, won: Event, lessons: dict[str, Any]
    ) -> Cycle | None:
        share = self.settings.canary_percent
        weights = {_known(cycle.champion): 100 - share, _known(cycle.challenger): share}
        self.deployer.split(weights)
        until = day + timedelta(days=self.settings.canary_days)
        self.store.advance(
            cycle,
            "canary",
            won,
            facts={"canary_from": str(day + timedelta(days=1)), "canary_until": str(until)},
            values={**lessons, "weights": weights, **_done(day)},
        )
        return None

    def _learn(self, cycle: Cycle, found: Comparison) -> dict[str, Any]:
        """Return the lessons with this comparison's, if there were two versions and rows."""
        if cycle.champion is None or found.rows == 0:
            return {}
        until, before = cycle.facts["trained_until"], self.store.get("trained_until")
        age = (date.fromisoformat(until) - date.fromisoformat(before)).days
        lesson = Lesson(age=max(age, 1), gain=found.gain)
        return {"lessons": [*self.store.get("lessons", []), msgspec.to_builtins(lesson)]}

    # Canary

    def _watch_canary(self, cycle: Cycle, day: date) -> Cycle | None:
        if str(day) < cycle.facts["canary_until"]:
            return None
        challenger, champion = _known(cycle.challenger), _known(cycle.champion)
        start = date.fromisoformat(cycle.facts["canary_from"])
        found = self._evaluation.compare(champion, challenger, start, day)
        if found.rows == 0:  # no outcome is known yet: the canary goes on
            return None
        live = self._actions.live_figures(challenger, start, day)
        facts = {**msgspec.structs.asdict(found), "live": live}
        worse = found.high < 0
        self._actions.give_evidence(challenger, "canary", not worse, facts, day)
        if not worse:
            text = f"version {challenger} held as a canary on {found.rows} rows"
            held = event(day, "canary", challenger, text, facts)
            return self.store.advance(cycle, "promoting", held)
        weights = {champion: 100.0}
        self.deployer.split(weights)
        self._drop(challenger)
        text = f"version {challenger} did worse than {champion} as a canary"
        lost = event(day, "rolled_back", challenger, text, facts)
        trial = {"day": str(day), "gain": found.gain}
        values = {"weights": weights, "trial": trial, **_done(day)}
        return self.store.advance(cycle, "rolled_back", lost, values=values)

    # Promoting

    def _promote(self, cycle: Cycle, day: date) -> Cycle | None:
        challenger = _known(cycle.challenger)
        self.deployer.load(challenger)
        try:
            self._actions.move_alias(challenger, end_of(day))
        except Refused as error:
            refusal = str(error.message)
            if cycle.facts.get("refusal") != refusal:
                refused = event(day, "refused", challenger, refusal)
                facts = {"refusal": refusal}
                self.store.advance(cycle, "promoting", refused, facts=facts, values=_done(day))
            return None
        weights = {challenger: 100.0}
        self.deployer.split(weights)
        trained_until = date.fromisoformat(cycle.facts["trained_until"])
        self._actions.set_reference(challenger, self._evaluation.rows(trained_until, day))
        self._retire(cycle.champion)
        text = f"version {challenger} is {self.settings.model}@{self.settings.alias}"
        return self.store.advance(
            cycle,
            "promoted",
            event(day, "promoted", challenger, text),
            values={
                "champion": challenger,
                "weights": weights,
                "previous": cycle.champion,
                "trained_until": str(trained_until),
                "previous_trained_until": self.store.get("trained_until"),
                "promoted_on": str(day),
                "trial": None,
                "looked": str(day),
                **_done(day),
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


def _done(day: date) -> dict[str, Any]:
    """Return the value that closes a day, to be stored with the day's last event."""
    return {"last_day": str(day)}


def _known(version: str | None) -> str:
    if version is None:
        raise RuntimeError("a cycle reached this step without a version")
    return version
