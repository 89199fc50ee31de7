"""The page of one version: where it comes from, what it takes, how good it was, how to load it."""

from typing import Any

from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.handlers import history as history_cases
from dovetail.tracking.handlers import versions as cases
from dovetail.tracking.places import place_of
from dovetail.tracking.previews.card import ModelCard, read_card
from dovetail.tracking.store import history
from dovetail.tracking.store.behind import models_of, runs_of
from dovetail.tracking.ui.files import Owner, files_view, of_version
from dovetail.tracking.ui.registry.model import by_weight, finite
from dovetail.tracking.ui.registry.models import own_tags
from dovetail.tracking.ui.registry.telling import model_href, version_href
from dovetail.tracking.ui.registry.views import Measure, Pair, VersionPage
from dovetail.wire.history import HistoryEvent
from dovetail.wire.mlflow import GetModelVersion, LoggedModel, Metric, ModelVersion, Run

__all__ = ["Behind", "behind", "card_of", "version_page"]

EVENTS = 50
CONTEXT = "mlflow.data.context"


class Behind:
    """What lies behind a version.

    Args:
        run: that made it, if it is there.
        model: the logged model that it is, if it is one.
    """

    def __init__(self, run: Run | None, model: LoggedModel | None) -> None:
        self.run, self.model = run, model

    @property
    def params(self) -> list[Pair]:
        """Parameters of the run, and those of the logged model that the run does not have."""
        found = {p.key: p.value for p in self.model.data.params} if self.model else {}
        if self.run is not None:
            found |= {param.key: param.value for param in self.run.data.params}
        return [Pair(key, found[key]) for key in sorted(found)]

    @property
    def metrics(self) -> list[Measure]:
        """The newest value of each metric on each dataset; the logged model's win."""
        found: dict[tuple[str, str], Metric] = {}
        for metric in self.run.data.metrics if self.run else ():
            found[metric.key, ""] = metric
        for metric in self.model.data.metrics if self.model else ():
            key = metric.key, metric.dataset_name or ""
            old = found.get(key)
            if old is None or (metric.timestamp, metric.step) >= (old.timestamp, old.step):
                found[key] = metric
        return [_measure(found[key], key[1]) for key in sorted(found)]

    @property
    def datasets(self) -> list[dict[str, Any]]:
        """What the run read."""
        read = self.run.inputs.dataset_inputs if self.run and self.run.inputs else ()
        return [
            {
                "name": one.dataset.name,
                "digest": one.dataset.digest,
                "context": next((t.value for t in one.tags if t.key == CONTEXT), None),
                "source_type": one.dataset.source_type,
            }
            for one in read
        ]


def _measure(metric: Metric, dataset: str) -> Measure:
    return Measure(
        key=metric.key,
        value=finite(metric.value),
        step=metric.step,
        at=metric.timestamp,
        dataset=dataset,
    )


def behind(c: Connection, versions: list[ModelVersion]) -> list[Behind]:
    """Return what lies behind versions, in their order."""
    runs = runs_of(c, (version.run_id for version in versions))
    models = models_of(c, (version.model_id for version in versions))
    return [Behind(runs.get(v.run_id or ""), models.get(v.model_id or "")) for v in versions]


def card_of(b: Backend, owner: Owner) -> ModelCard | None:
    """Return what a version's folder says of it; None if it holds no model or is elsewhere."""
    try:
        place = place_of(b, owner.root)
    except InvalidParameterError:
        return None
    return read_card(place.store, place.path)


def version_page(b: Backend, c: Connection, request: Request) -> VersionPage:
    """Return everything about one version.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: names the model and the version.
    """
    name, number = request.path_params["name"], request.path_params["version"]
    version = cases.get(b, c, GetModelVersion(name, number)).model_version
    (made,) = behind(c, [version])
    files = files_view(b, of_version(c, name, version.version), "")
    aliases = sorted(version.aliases, key=by_weight)
    return VersionPage(
        name=name,
        version=version.version,
        href=version_href(name, version.version),
        model=model_href(name),
        aliases=aliases,
        stage=version.current_stage or history.NO_STAGE,
        state=version.status or "",
        state_message=version.status_message or "",
        created=version.creation_timestamp,
        updated=version.last_updated_timestamp,
        actor=history.who_made(c, name, [int(version.version)]).get(int(version.version)),
        description=version.description or "",
        source=version.source or "",
        run=_run(made.run),
        logged_model=_logged(made.model),
        tags=own_tags(version.tags),
        params=made.params,
        metrics=made.metrics,
        datasets=made.datasets,
        card=files.card,
        files=files,
        events=_events(c, name, version.version),
        loads=[*(f"models:/{name}@{alias}" for alias in aliases), f"models:/{name}/{number}"],
        address=str(request.base_url).rstrip("/"),
    )


def _run(run: Run | None) -> Pair | None:
    if run is None:
        return None
    return Pair(run.info.run_name or run.info.run_id, f"/tracking/runs/{run.info.run_id}")


def _logged(model: LoggedModel | None) -> Pair | None:
    if model is None:
        return None
    return Pair(model.info.name, f"/tracking/logged-models/{model.info.model_id}")


def _events(c: Connection, name: str, version: str) -> list[HistoryEvent]:
    rows = history.events_of_version(c, name, version, EVENTS)
    return [history_cases.event(row) for row in rows]
