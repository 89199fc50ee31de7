"""A new champion on trial: after some days it is compared with the version before.

The version before stays loaded meanwhile. If the new champion turns out surely worse, traffic and
alias go back to it. Traffic goes first, because it helps at once and asks nobody; should the
registry refuse the alias, the return is tried again each day.
"""

from datetime import date, timedelta

import msgspec

from dovetail.loop.actions import Actions
from dovetail.loop.deploy import Deployer
from dovetail.loop.evaluation import Evaluation
from dovetail.loop.happenings import end_of, event
from dovetail.loop.settings import LoopSettings
from dovetail.loop.store import LoopStore
from dovetail.wire.http import Refused

__all__ = ["Probation"]


class Probation:
    """Judges each champion once.

    Args:
        settings: after how many days.
        store: who is champion, since when, and who was before.
        actions: moves the alias.
        deployer: moves the traffic.
        evaluation: compares.
    """

    def __init__(
        self,
        settings: LoopSettings,
        store: LoopStore,
        actions: Actions,
        deployer: Deployer,
        evaluation: Evaluation,
    ) -> None:
        self._settings, self._store = settings, store
        self._actions, self._deployer, self._evaluation = actions, deployer, evaluation

    def judge(self, day: date, champion: str) -> bool:
        """Keep the champion or go back, if that is due.

        Returns:
            False while going back waits for the registry, True otherwise.
        """
        previous = self._store.get("previous")
        if self._store.get("going_back") is not None:
            return self._go_back(day, champion, previous)
        since = self._due_since(day, champion)
        if previous is None or since is None:
            return True
        found = self._evaluation.compare(previous, champion, since, day)
        if found.rows == 0:
            return True
        facts = msgspec.structs.asdict(found)
        if found.high >= 0:
            text = f"version {champion} kept after {(day - since).days + 1} days"
            self._store.note(event(day, "kept", champion, text, facts), {"judged": champion})
            return True
        self._store.set(going_back=facts, weights={previous: 100.0})
        return self._go_back(day, champion, previous)

    def _due_since(self, day: date, champion: str) -> date | None:
        """Return the first day of the champion's reign if judgement is due, else None."""
        promoted = self._store.get("promoted_on")
        if promoted is None or not self._settings.probation:
            return None
        since = date.fromisoformat(promoted) + timedelta(days=1)
        days = (day - since).days + 1
        is_due = days >= self._settings.probation and self._store.get("judged") != champion
        return since if is_due else None

    def _go_back(self, day: date, champion: str, previous: str) -> bool:
        facts, weights = self._store.get("going_back"), {previous: 100.0}
        self._deployer.load(previous)
        self._deployer.split(weights)
        try:
            self._actions.move_alias(previous, end_of(day))
        except Refused as error:
            refusal = str(error.message)
            if self._store.get("return_refused") != refusal:
                refused = event(day, "refused", previous, refusal)
                self._store.note(refused, {"return_refused": refusal})
            return False
        if champion not in self._settings.pinned:
            self._deployer.unload(champion)
        text = f"version {champion} did worse than {previous}, which is champion again"
        self._store.note(
            event(day, "rolled_back", champion, text, facts),
            {
                "champion": previous,
                "weights": weights,
                "previous": None,
                "trained_until": self._store.get("previous_trained_until"),
                "going_back": None,
                "return_refused": None,
            },
        )
        return True
