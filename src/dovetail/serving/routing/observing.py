"""What rules are given beside themselves: the ledger that they learn from, and the shadows."""

from collections.abc import Mapping

from dovetail.serving.model import Model
from dovetail.serving.questions import Follow
from dovetail.serving.routing.document import EpsilonGreedy, Experiment, Routing, Thompson
from dovetail.serving.routing.learning import Learner
from dovetail.serving.routing.ledger import Ledger
from dovetail.serving.routing.shadow import Shadows

__all__ = ["Observing"]


class Observing:
    """Follows what rules route.

    Args:
        ledger: what experiments and bandits learn from.
        shadows: what sends copies.
    """

    def __init__(self, ledger: Ledger, shadows: Shadows) -> None:
        self.ledger, self.shadows = ledger, shadows

    def learning(self, model: str, rule: Experiment | EpsilonGreedy | Thompson) -> Learner:
        """Return what decides from rewards, and is told of requests."""
        return Learner(model, rule, self.ledger)

    def shadowing(self, model: str, routing: Routing, versions: Mapping[str, Model]) -> Follow:
        """Return what sends copies to a shadow."""
        if routing.shadow is None:
            raise ValueError(f"the rule of {model!r} has no shadow")
        return self.shadows.shadowing(versions[routing.shadow.version], routing.shadow)

    def start(self) -> None:
        """Begin to write decisions and to ask shadows."""
        self.ledger.start()
        self.shadows.start()

    def stop(self) -> None:
        """Write what is queued, and end."""
        self.shadows.stop()
        self.ledger.stop()
