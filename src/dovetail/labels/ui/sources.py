"""Who answers in a project: routed sources, the project's own labeller, models that predicted.

Promised and achieved quality stand side by side. Every figure has its interval, and says on how
many answers it rests; what else is known of people has a page of its own.
"""

from collections.abc import Callable

import msgspec
from starlette.requests import Request

from dovetail.labels.handlers import Handlers
from dovetail.labels.routing.served.handlers import Routing
from dovetail.labels.routing.served.records import Policy
from dovetail.labels.routing.served.reports import Report
from dovetail.wire.label_learner import Learner

__all__ = ["ModelRow", "SkillRow", "SourcesPage", "sources_page"]


class SkillRow(msgspec.Struct, frozen=True, kw_only=True):
    """How well the labeller answers one question."""

    control: str
    accuracy: float | None
    lower: float | None
    upper: float | None
    confidence: float | None
    answers: int
    text: str


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A model version and how many predictions it made."""

    version: str
    predictions: int
    shown: bool


class SourcesPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows.

    Attributes:
        id, name: of the project.
        learner: the project's own labeller.
        skills: how good its present version is.
        policy: what is wanted of the labels.
        report: promised and achieved quality; None where nobody stated what is wanted.
        models: model versions with predictions; `shown` is the one that the desk shows.
    """

    id: int
    name: str
    learner: Learner
    skills: list[SkillRow]
    policy: Policy
    report: Report | None
    models: list[ModelRow]


def sources_page(
    handlers: Handlers, learner_of: Callable[[int], Learner], routing: Routing, request: Request
) -> SourcesPage:
    """Who answers in a project.

    Raises:
        AbsentError: there is no such project.
    """
    number = request.path_params["project"]
    project = handlers.projects.get(number, 0)
    learner, policy = learner_of(number), routing.policy(number)
    skills = learner.version.skills if learner.version else ()
    return SourcesPage(
        id=number,
        name=project.title or f"Project {number}",
        learner=learner,
        skills=[
            SkillRow(
                control=one.control,
                accuracy=one.accuracy,
                lower=one.lower,
                upper=one.upper,
                confidence=one.confidence,
                answers=one.answers,
                text=one.text,
            )
            for one in skills
        ],
        policy=policy,
        report=routing.report(number) if policy.enabled else None,
        models=[
            ModelRow(version=version, predictions=count, shown=version == project.model_version)
            for version, count in handlers.projects.model_versions(number).items()
        ],
    )
