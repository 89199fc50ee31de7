"""Two pages: which models serve and in which form, and one model with how to call it."""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.serving.errors import UnknownModelError
from dovetail.serving.follow import Follower
from dovetail.serving.model import Model
from dovetail.serving.payload import PayloadLog
from dovetail.serving.repository import Repository
from dovetail.serving.settings import ServingSettings
from dovetail.serving.timing import Timing
from dovetail.web.pages import page_route
from dovetail.wire.open_inference import TensorMetadata

__all__ = ["ModelPage", "ServingPage", "VersionRow", "make_pages"]

_REFRESH = 5


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one model, loaded or not."""

    model: str
    version: str
    href: str
    state: str
    level: str
    reason: str = ""
    share: float | None = None
    form: str = ""
    largest_difference: float | None = None
    answered: int = 0
    failed: int = 0
    mean_ms: float | None = None
    uri: str = ""


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the settings, and what is wrong with it."""

    uri: str
    problem: str


class ServingPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page `/serving` shows."""

    rows: list[VersionRow]
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
    example: str


def make_pages(
    repository: Repository,
    follower: Follower,
    payload_log: PayloadLog | None,
    settings: ServingSettings,
) -> list[BaseRoute]:
    """Return the routes of the pages.

    Args:
        repository: the models.
        follower: what keeps the settings' models loaded.
        payload_log: where requests are told; None for nowhere.
        settings: the table `[serving]`.
    """

    def overview(_: Request) -> ServingPage:
        """Which models answer, and in which form."""
        return ServingPage(
            rows=_rows(repository),
            followed=[
                Followed(uri=uri, problem=follower.problems.get(uri, "")) for uri in settings.models
            ],
            payload_to=", ".join(q.name for q in payload_log.queues) if payload_log else "",
            payload_waiting=payload_log.waiting if payload_log else 0,
            payload_problem=payload_log.problem if payload_log else "",
        )

    def one(request: Request) -> ModelPage:
        """One model: its versions, their forms, how to call it."""
        address = str(request.base_url).rstrip("/")
        return _model_page(repository, request.path_params["model"], address)

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


def _rows(repository: Repository, name: str = "") -> list[VersionRow]:
    models = {(model.name, model.version): model for model in repository.loaded(name)}
    shares = {model: _shares(repository, model) for model in {key[0] for key in models}}
    rows = []
    for entry in repository.index():
        if name not in ("", entry.name):
            continue
        model = models.get((entry.name, entry.version))
        if model is not None:
            rows.append(_loaded_row(model, shares[entry.name].get(entry.version, 0.0)))
            continue
        unloaded = entry.reason == "unloaded"
        rows.append(
            VersionRow(
                model=entry.name,
                version=entry.version,
                href=f"/serving/{entry.name}",
                state="unloaded" if unloaded else "failed",
                level="idle" if unloaded else "alarm",
                reason="" if unloaded else entry.reason,
            )
        )
    return rows


def _shares(repository: Repository, name: str) -> dict[str, float]:
    weights = repository.weights(name)
    total = sum(weights.values()) or 1.0
    return {version: weight / total for version, weight in weights.items()}


def _loaded_row(model: Model, share: float) -> VersionRow:
    record, counted = model.compilation, model.statistics.counts()
    return VersionRow(
        model=model.name,
        version=model.version,
        href=f"/serving/{model.name}",
        state="serving" if share else "ready",
        level="ok" if share else "info",
        share=share,
        form="compiled" if record.compiled else "as stored",
        largest_difference=record.largest_difference,
        answered=counted.succeeded,
        failed=counted.failed,
        mean_ms=counted.mean_ms,
        uri=model.uri,
    )


def _model_page(repository: Repository, name: str, address: str) -> ModelPage:
    rows = _rows(repository, name)
    if not rows:
        raise UnknownModelError(name)
    models = repository.loaded(name)
    shown = models[-1].describe() if models else None
    return ModelPage(
        name=name,
        rows=rows,
        forms=[_form(model) for model in models],
        inputs=_tensors(shown.inputs if shown else ()),
        outputs=_tensors(shown.outputs if shown else ()),
        columns=list(models[-1].columns) if models else [],
        example=_example(models[-1], address) if models else "",
    )


def _form(model: Model) -> Form:
    record = msgspec.structs.asdict(model.compilation)
    return Form(version=model.version, digest=model.digest, **record)


def _tensors(specs: Sequence[TensorMetadata]) -> list[Tensor]:
    return [
        Tensor(name=spec.name, datatype=spec.datatype, shape=str(list(spec.shape)))
        for spec in specs
    ]


def _example(model: Model, address: str) -> str:
    """Return a command that calls the model with one row of zeros."""
    spec = model.predictor.signature.inputs[0]
    shape = [1 if size < 0 else size for size in spec.shape]
    elements = 1
    for size in shape:
        elements *= size
    data = [""] * elements if spec.datatype == "BYTES" else [0] * min(elements, 4096)
    body = {
        "inputs": [{"name": spec.name, "shape": shape, "datatype": spec.datatype, "data": data}]
    }
    text = msgspec.json.encode(body).decode()
    return f"curl -s {address}/v2/models/{model.name}/infer -d '{text}'"
