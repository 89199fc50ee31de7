"""Who answers in a project: routed sources, the project's own labeller, models that predicted.

Promised and achieved quality stand side by side. Every figure has its interval, and says on how
many answers it rests; what else is known of people has a page of its own.
"""

from collections.abc import Callable

import msgspec
from starlette.requests import Request

from dovetail.labels.handlers import Handlers
from dovetail.labels.handlers.configs import config_of
from dovetail.labels.people.access import Access
from dovetail.labels.routing.served.handlers import Routing
from dovetail.labels.routing.served.records import Policy
from dovetail.labels.routing.served.reports import Report
from dovetail.labels.sources.specs import People, Spec, encode
from dovetail.wire.label_learner import Learner

__all__ = ["ModelRow", "SkillRow", "SourceRow", "SourcesPage", "sources_page"]


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


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A source, or one of the people; `spec` is its description as JSON, None for a person."""

    name: str
    kind: str
    paused: bool
    accuracy: float | None
    lower: float
    upper: float
    answers: int
    cost: float
    seconds: float
    spent: float
    problem: str
    spec: str | None


class SourcesPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows.

    Attributes:
        id, name: of the project.
        learner: the project's own labeller.
        skills: how good its present version is.
        may_change: whether the reader may change what is wanted, and the sources.
        tasks: how many there are.
        policy: what is wanted of the labels.
        stated: whether anybody said so.
        controls: what can be routed.
        functions: the operator's labelling functions, for who may change.
        sources: who can be asked, and how good they are as far as that is known.
        report: promised and achieved quality; None where nobody stated what is wanted.
        models: model versions with predictions; `shown` is the one that the desk shows.
    """

    id: int
    name: str
    learner: Learner
    skills: list[SkillRow]
    may_change: bool
    tasks: int
    policy: Policy
    stated: bool
    controls: list[str]
    functions: tuple[str, ...]
    sources: list[SourceRow]
    report: Report | None
    models: list[ModelRow]


def sources_page(
    handlers: Handlers,
    learner_of: Callable[[int], Learner],
    routing: Routing,
    access: Access,
    request: Request,
) -> SourcesPage:
    """Who answers in a project.

    Raises:
        AbsentError: there is no such project.
    """
    number = request.path_params["project"]
    project = handlers.projects.get(number, 0)
    learner, stated = learner_of(number), routing.is_stated(number)
    report = routing.report(number) if stated else None
    may_change = access.role(request.state.principal, number) == "manager"
    config = config_of(project.label_config or "")
    return SourcesPage(
        id=number,
        name=project.title or f"Project {number}",
        learner=learner,
        skills=_skills(learner),
        may_change=may_change,
        tasks=project.task_number,
        policy=routing.policy(number),
        stated=stated,
        controls=[one.name for one in config.controls.values() if len(one.options) >= 2],
        functions=routing.functions() if may_change else (),
        sources=_sources(report, routing.specs(number)),
        report=report,
        models=[
            ModelRow(version=version, predictions=count, shown=version == project.model_version)
            for version, count in handlers.projects.model_versions(number).items()
        ],
    )


def _skills(learner: Learner) -> list[SkillRow]:
    """How good the labeller's present version is at each question."""
    return [
        SkillRow(
            control=one.control,
            accuracy=one.accuracy,
            lower=one.lower,
            upper=one.upper,
            confidence=one.confidence,
            answers=one.answers,
            text=one.text,
        )
        for one in (learner.version.skills if learner.version else ())
    ]


def _sources(report: Report | None, specs: list[Spec]) -> list[SourceRow]:
    """The sources with what is known of them, people last."""
    if not any(isinstance(one, People) for one in specs):
        specs = [*specs, People()]
    known = {one.name: one for one in specs}
    rows = [
        SourceRow(
            name=one.name.removesuffix("@localhost") if one.spec is None else one.name,
            kind=known[one.name].kind_of if one.spec is not None else one.kind,
            paused=one.spec is not None and getattr(known[one.name], "paused", False),
            accuracy=one.accuracy, lower=one.lower, upper=one.upper, answers=one.answers,
            cost=one.cost, seconds=one.seconds, spent=one.spent, problem=one.problem,
            spec=encode(known[one.name]) if one.spec is not None else None,
        )
        for one in (report.sources if report else [])
        if one.spec is None or one.name in known
    ]  # fmt: skip
    there = {row.name for row in rows if row.spec is not None}
    rows += [
        SourceRow(
            name=one.name, kind=one.kind_of, paused=getattr(one, "paused", False), accuracy=None,
            lower=0, upper=1, answers=0, cost=one.cost, seconds=one.seconds, spent=0, problem="",
            spec=encode(one),
        )
        for one in specs
        if one.name not in there
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row.kind in ("people", "person"), row.kind == "person"))
