"""Who answers besides people: the project's own labeller, and the models that predicted.

How good people are has a page of its own. Every figure has its interval, and says on how many
answers it rests.
"""

from collections.abc import Callable

import msgspec
from starlette.requests import Request

from dovetail.labels.handlers import Handlers
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
        models: model versions with predictions; `shown` is the one that the desk shows.
    """

    id: int
    name: str
    learner: Learner
    skills: list[SkillRow]
    models: list[ModelRow]


def sources_page(
    handlers: Handlers, learner_of: Callable[[int], Learner], request: Request
) -> SourcesPage:
    """Who answers in a project besides people.

    Raises:
        AbsentError: there is no such project.
    """
    number = request.path_params["project"]
    project = handlers.projects.get(number, 0)
    learner = learner_of(number)
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
        models=[
            ModelRow(version=version, predictions=count, shown=version == project.model_version)
            for version, count in handlers.projects.model_versions(number).items()
        ],
    )
