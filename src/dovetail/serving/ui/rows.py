"""The rows that both pages share: one for each version, loaded or not."""

from urllib.parse import quote

import msgspec

from dovetail.base.errors import DovetailError
from dovetail.serving.counters import BOARD
from dovetail.serving.graphs.model import GraphModel
from dovetail.serving.model import Model
from dovetail.serving.rates import Rates
from dovetail.serving.repository import Repository
from dovetail.serving.routing.messages import entry_of
from dovetail.serving.statistics import LARGEST, MODEL, Counts
from dovetail.wire.open_inference import IndexEntry

__all__ = ["RuleView", "VersionRow", "page_of", "rows", "rule", "shares"]


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one model; rate, errors and latencies are those of the last minute."""

    model: str
    version: str
    href: str
    state: str
    level: str
    reason: str = ""
    share: float | None = None
    form: str = ""
    largest_difference: float | None = None
    rate: float | None = None
    errors: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    course: list[float] = []
    in_flight: int = 0
    answered: int = 0
    failed: int = 0
    mean_ms: float | None = None
    uri: str = ""
    loaded: bool = False


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """What decides which version answers."""

    kind: str
    sticky_by: str
    since: str
    actor: str
    shadow: str
    overrides: int
    aliases: dict[str, str]
    can_roll_back: bool


def page_of(name: str) -> str:
    """Return the address of a model's page."""
    return f"/serving/{quote(name, safe='@')}"


def rule(repository: Repository, name: str) -> RuleView | None:
    """Return the rule of a model; None where no version of it is loaded."""
    try:
        state = repository.state(name)
    except DovetailError:
        return None
    routing, entry = state.routing, entry_of(state)
    shadow = routing.shadow
    copied = f"version {shadow.version}, {shadow.share:.0%} of requests" if shadow else ""
    return RuleView(
        kind=str(routing.rule.__struct_config__.tag),
        sticky_by=getattr(routing.rule, "sticky_by", None) or "",
        since=entry.since,
        actor=entry.actor,
        shadow=copied,
        overrides=len(routing.overrides),
        aliases=state.aliases,
        can_roll_back=state.before is not None,
    )


def rows(repository: Repository, rates: Rates, name: str = "") -> list[VersionRow]:
    """Return the versions of one model, or of all."""
    models = {(model.name, model.version): model for model in repository.loaded(name)}
    weights = {model: shares(repository, model) for model in {key[0] for key in models}}
    counts = BOARD.totals(MODEL, LARGEST)
    found = []
    for entry in repository.index():
        if name not in ("", entry.name):
            continue
        model = models.get((entry.name, entry.version))
        if model is not None:
            now = Counts(counts.get((model.name, model.version), []))
            share = weights[entry.name].get(entry.version, 0.0)
            found.append(_loaded(model, share, now, rates))
            continue
        found.append(_absent(entry))
    return found


def _absent(entry: IndexEntry) -> VersionRow:
    unloaded = entry.reason == "unloaded"
    if entry.state == "LOADING":
        state, level = "loading", "info"
    else:
        state, level = ("unloaded", "idle") if unloaded else ("failed", "alarm")
    return VersionRow(
        model=entry.name,
        version=entry.version,
        href=page_of(entry.name),
        state=state,
        level=level,
        reason="" if unloaded else entry.reason,
    )


def shares(repository: Repository, name: str) -> dict[str, float]:
    """Return the share of the requests that each version of a model gets, from 0 to 1."""
    weights = repository.weights(name)
    total = sum(weights.values()) or 1.0
    return {version: weight / total for version, weight in weights.items()}


def _form_of(model: Model) -> str:
    if isinstance(model, GraphModel):
        return "graph"
    return "compiled" if model.compilation.compiled else "as stored"


def _loaded(model: Model, share: float, counted: Counts, rates: Rates) -> VersionRow:
    record = model.compilation
    lately = rates.lately(model.name, model.version, counted)
    return VersionRow(
        model=model.name,
        version=model.version,
        href=page_of(model.name),
        state="serving" if share else "ready",
        level="ok" if share else "info",
        share=share,
        form=_form_of(model),
        largest_difference=record.largest_difference,
        rate=lately.rate,
        errors=lately.errors,
        p50_ms=lately.p50_ms,
        p99_ms=lately.p99_ms,
        course=lately.course,
        in_flight=counted.in_flight,
        answered=counted.succeeded,
        failed=counted.failed,
        mean_ms=counted.mean_ms,
        uri=model.uri,
        loaded=True,
    )
