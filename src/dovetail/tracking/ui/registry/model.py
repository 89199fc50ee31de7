"""The page of one model: which version is in use, what there is, and what happened."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import history as history_cases
from dovetail.tracking.handlers import models as model_cases
from dovetail.tracking.handlers import versions as version_cases
from dovetail.tracking.store import history
from dovetail.tracking.store.behind import runs_of
from dovetail.tracking.ui.registry.models import following, own_tags
from dovetail.tracking.ui.registry.telling import model_href, version_href
from dovetail.tracking.ui.registry.views import AliasLine, ModelPage, VersionLine
from dovetail.wire.mlflow import (
    Alias,
    GetRegisteredModel,
    ModelVersion,
    Run,
    SearchModelVersions,
)

__all__ = ["by_weight", "finite", "model_page"]

PAGE = 50
WIDEST = 4
RECENT = 20
IN_USE = ("champion", "production", "prod")


def model_page(b: Backend, c: Connection, request: Request) -> ModelPage:
    """Return everything about one model, its versions a page at a time.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: names the model; `page` is a page token of its versions.
    """
    name = request.path_params["name"]
    model = model_cases.get(b, c, GetRegisteredModel(name)).registered_model
    quoted = name.replace("'", "''")
    asked = SearchModelVersions(
        filter=f"name = '{quoted}'",
        max_results=PAGE,
        order_by=("version_number DESC",),
        page_token=request.query_params.get("page"),
    )
    found = version_cases.search(b, c, asked)
    runs = runs_of(c, (version.run_id for version in found.model_versions))
    metrics = _common(runs.values())
    makers = history.who_made(c, name, (int(v.version) for v in found.model_versions))
    lines = [_line(v, runs.get(v.run_id or ""), metrics, makers) for v in found.model_versions]
    return ModelPage(
        name=name,
        href=model_href(name),
        description=model.description or "",
        created=model.creation_timestamp,
        updated=model.last_updated_timestamp,
        tags=own_tags(model.tags),
        aliases=_aliases(b, c, name, model.aliases),
        versions=lines,
        metrics=metrics,
        stages=any(line.stage != history.NO_STAGE for line in lines),
        next=following(request, found.next_page_token),
        events=[history_cases.event(row) for row in history.events(c, name, {}, (0, RECENT))],
        address=str(request.base_url).rstrip("/"),
    )


def _aliases(b: Backend, c: Connection, name: str, aliases: Iterable[Alias]) -> list[AliasLine]:
    since = history.state(c, name, max(b.now(), 1 << 62))
    lines = []
    for one in sorted(aliases, key=lambda one: by_weight(one.alias)):
        row = since.get((history.ALIAS, one.alias))
        line = AliasLine(
            alias=one.alias,
            version=one.version,
            href=version_href(name, one.version),
            since=row.at if row is not None else None,
            actor=row.actor if row is not None else None,
        )
        lines.append(line)
    return lines


def by_weight(alias: str) -> tuple[bool, str]:
    """Return by what aliases are ordered: the one in use first."""
    return alias not in IN_USE, alias


def _common(runs: Iterable[Run]) -> list[str]:
    """Return the metrics that most runs have, most common first."""
    counted = Counter(metric.key for run in runs for metric in run.data.metrics)
    return [key for key, _ in counted.most_common(WIDEST)]


def finite(value: float) -> float | None:
    """Return a value that JSON can tell, or None."""
    return value if math.isfinite(value) else None


def _line(
    version: ModelVersion,
    run: Run | None,
    metrics: Iterable[str],
    makers: Mapping[int, str | None],
) -> VersionLine:
    values = {m.key: finite(m.value) for m in run.data.metrics} if run is not None else {}
    return VersionLine(
        version=version.version,
        href=version_href(version.name, version.version),
        aliases=sorted(version.aliases, key=by_weight),
        stage=version.current_stage or history.NO_STAGE,
        status=version.status or "",
        created=version.creation_timestamp,
        actor=makers.get(int(version.version)),
        description=version.description or "",
        source=version.source or "",
        run=(run.info.run_name or run.info.run_id) if run is not None else "",
        run_href=f"/tracking/runs/{run.info.run_id}" if run is not None else "",
        metrics={key: values.get(key) for key in metrics},
        tags=own_tags(version.tags),
    )
