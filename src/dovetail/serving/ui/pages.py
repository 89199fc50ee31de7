"""Two pages: which models serve and in which form, and one model with how to call it."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.serving.errors import UnknownModelError
from dovetail.serving.follow import Follower
from dovetail.serving.graphs.model import GraphModel
from dovetail.serving.model import Model
from dovetail.serving.payload import PayloadLog
from dovetail.serving.rates import Rates
from dovetail.serving.repository import Repository
from dovetail.serving.settings import ServingSettings
from dovetail.serving.timing import Timing
from dovetail.serving.ui.calls import Call, calls, drawing
from dovetail.serving.ui.rows import RuleView, VersionRow, rows, rule
from dovetail.serving.ui.trying import Group, curl, groups
from dovetail.web.pages import page_route
from dovetail.web.svg.element import Svg
from dovetail.wire.open_inference import TensorMetadata

__all__ = ["ModelPage", "ServingPage", "make_pages"]

_REFRESH = 5


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the settings, and what is wrong with it."""

    uri: str
    problem: str


class ServingPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page `/serving` shows."""

    rows: list[VersionRow]
    total: int
    states: dict[str, int]
    asked: str
    state: str
    address: str
    followed: list[Followed]
    payload_to: str
    payload_waiting: int
    payload_problem: str


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """An input or output."""

    name: str
    datatype: str
    shape: str


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """Which form of a version serves, and how that was decided."""

    version: str
    original: str
    serves: str
    compiled: bool
    largest_difference: float | None
    rows: int
    original_us: float | None
    compiled_us: float | None
    why: str
    uri: str
    digest: str
    labels_differing: int = 0
    timings: tuple[Timing, ...] = ()


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of one model shows."""

    name: str
    rows: list[VersionRow]
    forms: list[Form]
    inputs: list[Tensor]
    outputs: list[Tensor]
    columns: list[str]
    form: list[Group]
    versions: list[str]
    rule: RuleView | None
    example: str
    address: str
    calls: list[Call]

    def drawing(self) -> Svg:
        """Draw what a graph asks."""
        return drawing(self.name, self.calls)


def make_pages(
    repository: Repository,
    rates: Rates,
    follower: Follower,
    payload_log: PayloadLog | None,
    settings: ServingSettings,
) -> list[BaseRoute]:
    """Return the routes of the pages.

    Args:
        repository: the models.
        rates: what they did lately.
        follower: what keeps the settings' models loaded.
        payload_log: where requests are told; None for nowhere.
        settings: the table `[serving]`.
    """

    def overview(request: Request) -> ServingPage:
        """Which models answer, and in which form."""
        asked, state = (request.query_params.get(key, "") for key in ("ask", "state"))
        every = rows(repository, rates)
        return ServingPage(
            rows=[
                row
                for row in every
                if asked.lower() in row.model.lower() and state in ("", row.state)
            ],
            total=len(every),
            states=dict(Counter(row.state for row in every).most_common()),
            asked=asked,
            state=state,
            address=_address(request),
            followed=[
                Followed(uri=uri, problem=follower.problems.get(uri, "")) for uri in settings.models
            ],
            payload_to=", ".join(q.name for q in payload_log.queues) if payload_log else "",
            payload_waiting=payload_log.waiting if payload_log else 0,
            payload_problem=payload_log.problem if payload_log else "",
        )

    def one(request: Request) -> ModelPage:
        """One model: its versions, their forms, how to call it."""
        return _model_page(repository, rates, request.path_params["model"], _address(request))

    return [
        *page_route(
            "/serving", overview, template="serving/models.html", title="Serving", refresh=_REFRESH
        ),
        *page_route(
            "/serving/{model}",
            one,
            template="serving/model.html",
            title=lambda page: page.name,
            refresh=_REFRESH,
        ),
    ]


def _address(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _model_page(repository: Repository, rates: Rates, name: str, address: str) -> ModelPage:
    found = rows(repository, rates, name)
    if not found:
        raise UnknownModelError(name)
    models = repository.loaded(name)
    shown = models[-1].describe() if models else None
    form = groups(models[-1]) if models else []
    return ModelPage(
        name=name,
        rows=found,
        forms=[_form(model) for model in models if not isinstance(model, GraphModel)],
        inputs=_tensors(shown.inputs if shown else ()),
        outputs=_tensors(shown.outputs if shown else ()),
        columns=list(models[-1].columns) if models else [],
        form=form,
        versions=[model.version for model in models],
        rule=rule(repository, name),
        example=curl(models[-1], form, address) if models else "",
        address=address,
        calls=[step for m in models if isinstance(m, GraphModel) for step in calls(m.graph)],
    )


def _form(model: Model) -> Form:
    record = msgspec.structs.asdict(model.compilation)
    return Form(version=model.version, uri=model.uri, digest=model.digest, **record)


def _tensors(specs: Sequence[TensorMetadata]) -> list[Tensor]:
    return [
        Tensor(name=spec.name, datatype=spec.datatype, shape=str(list(spec.shape)))
        for spec in specs
    ]
