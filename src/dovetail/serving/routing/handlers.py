"""The use cases of routing's admin API, without a transport."""

import math

import msgspec

from dovetail.base.errors import ConflictError, InvalidInputError
from dovetail.serving.repository import Repository
from dovetail.serving.routing.desk import Desk
from dovetail.serving.routing.document import Experiment, Routing, State
from dovetail.serving.routing.learning import Learner
from dovetail.serving.routing.ledger import Noted
from dovetail.serving.routing.messages import (
    Alias,
    ArmReport,
    ArmsReport,
    Counted,
    Feedback,
    History,
    RuleNow,
    entry_of,
)
from dovetail.serving.routing.observing import Observing
from dovetail.serving.routing.posterior import interval, superior
from dovetail.serving.routing.shadow import ShadowReport
from dovetail.wire.open_inference import Traffic

__all__ = ["RoutingHandlers"]


class RoutingHandlers:
    """What can be asked about rules.

    Args:
        repository: the models.
        desk: what changes rules.
        observing: what rules have seen.
    """

    def __init__(self, repository: Repository, desk: Desk, observing: Observing) -> None:
        self._repository, self._desk, self._observing = repository, desk, observing

    def routing(self, model: str) -> RuleNow:
        """Return the rule in force."""
        return self._in_force(self._desk.routing(model))

    def put_routing(self, model: str, routing: Routing, actor: str) -> RuleNow:
        """Put a rule in force."""
        return self._in_force(self._desk.put(model, routing, actor))

    def delete_routing(self, model: str, actor: str) -> RuleNow:
        """End the rule: the version with the largest share answers everything."""
        return self._in_force(self._desk.delete(model, actor))

    def rollback(self, model: str, actor: str) -> RuleNow:
        """Go back to what was in force before."""
        return self._in_force(self._desk.rollback(model, actor))

    def history(self, model: str, most: int) -> History:
        """Return what was in force, newest first."""
        found = self._desk.history(model, most)
        return History(model=model, entries=[entry_of(state) for state in found])

    def traffic(self, model: str) -> Traffic:
        """Return how unversioned requests are divided."""
        return Traffic(self._repository.weights(model))

    def put_traffic(self, model: str, traffic: Traffic, actor: str) -> Traffic:
        """Divide unversioned requests by weights."""
        self._desk.put_weights(model, traffic.weights, actor)
        return self.traffic(model)

    def aliases(self, model: str) -> dict[str, str]:
        """Return the aliases of a model."""
        return self._desk.routing(model).aliases

    def put_alias(self, model: str, alias: str, asked: Alias, actor: str) -> RuleNow:
        """Let an alias stand for a version."""
        return self._in_force(self._desk.put_alias(model, alias, asked.version, actor))

    def delete_alias(self, model: str, alias: str, actor: str) -> RuleNow:
        """Forget an alias."""
        return self._in_force(self._desk.delete_alias(model, alias, actor))

    def shadow(self, model: str) -> ShadowReport:
        """Return how the shadow's answers compare.

        Raises:
            ConflictError: the rule in force has no shadow.
        """
        router = self._repository.router(model)
        shadow = router.routing.shadow if router is not None else None
        if shadow is None:
            raise ConflictError(
                f"model {model!r} has no shadow",
                fix=f"dovetail serving route {model} --shadow VERSION",
            )
        return self._observing.shadows.report(model, shadow.version)

    def arms(self, model: str) -> ArmsReport:
        """Return how the versions of an experiment or a bandit do.

        Raises:
            ConflictError: the rule in force does not learn.
        """
        learner = self._learner(model)
        if learner is None:
            raise ConflictError(
                f"the rule of model {model!r} is neither an experiment nor a bandit",
                fix=f"PUT one to /v2/models/{model}/routing",
            )
        self._observing.ledger.flush()
        return _report(learner)

    def feedback(self, model: str, asked: Feedback) -> Counted:
        """Take in a reward; one request has one.

        Raises:
            InvalidInputError: the reward is not one.
            NotFoundError: it is not known which version answered.
        """
        learner = self._learner(model)
        if not math.isfinite(asked.reward):
            raise InvalidInputError("the reward is not a number")
        given = None
        if learner is not None:
            if learner.rule.reward == "binary" and asked.reward not in (0, 1):
                raise InvalidInputError(
                    f"the reward is {asked.reward}, the rule takes 0 or 1",
                    fix='put a rule with "reward": "real"',
                )
            if asked.version in learner.arms:
                given = Noted(model, asked.id, asked.version, learner.rule.name)
            elif asked.version:
                raise InvalidInputError(
                    f"version {asked.version!r} takes no part in the rule of {model!r}",
                    fix=f"it has: {', '.join(learner.arms)}",
                )
        noted, counted = self._observing.ledger.reward(model, asked.id, asked.reward, given)
        return Counted(version=noted.version, counted=counted)

    def _learner(self, model: str) -> Learner | None:
        router = self._repository.router(model)
        choice = router.choice if router is not None else None
        return choice if isinstance(choice, Learner) else None

    def _in_force(self, state: State) -> RuleNow:
        entry = msgspec.structs.asdict(entry_of(state))
        return RuleNow(model=state.model, weights=self._repository.weights(state.model), **entry)


def _report(learner: Learner) -> ArmsReport:
    rule, found = learner.rule, learner.posteriors()
    best, shares = superior(found), learner.weights()
    total = sum(shares.values())
    baseline = rule.baseline if isinstance(rule, Experiment) else None
    reports = []
    for index, (version, arm) in enumerate(learner.arms.items()):
        low, high = interval(found[index])
        beats = None
        if baseline is not None and version != baseline:
            other = found[list(learner.arms).index(baseline)]
            beats = float(superior([other, found[index]])[1])
        totals = arm.totals
        reports.append(
            ArmReport(
                version=version,
                share=shares[version] / total,
                requests=arm.requests,
                errors=arm.errors,
                rewards=totals.rewards,
                mean=totals.total / totals.rewards if totals.rewards else None,
                low=low,
                high=high,
                best=float(best[index]),
                beats_baseline=beats,
            )
        )
    return ArmsReport(
        model=learner.model,
        kind=str(rule.__struct_config__.tag),
        name=rule.name,
        reward=rule.reward,
        baseline=baseline,
        arms=reports,
    )
