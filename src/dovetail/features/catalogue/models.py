"""The models that use a feature service, as the registries tell.

A model version says so by the tag `dovetail.feature_service`, which whoever registers it sets; or
`dovetail features use` recorded it where definitions are applied; or the service names its model by
a tag of its own, `tags={"model": "delays"}`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.features.applied.planned import Use
from dovetail.features.views import FeatureService
from dovetail.web.piece import Endpoint
from dovetail.wire import mlflow
from dovetail.wire.http import WireError

__all__ = ["TAG", "ModelUse", "Models"]

log = telemetry.logger("features")
TAG = "dovetail.feature_service"
KEPT_S = 30.0
TIMEOUT_S = 5.0
SHOWN = 3
AWAY = "The model registry does not answer; models are as last known"


@dataclass(frozen=True)
class ModelUse:
    """A model that uses a service.

    Attributes:
        model: Its name.
        versions: The versions that say so, the newest first; empty where the service says it.
        href: The page about it; empty where it is not here.
    """

    model: str
    versions: tuple[str, ...] = ()
    href: str = ""

    @property
    def said(self) -> str:
        """Which versions they are, in words."""
        if not self.versions:
            return "model"
        more = ", ..." if len(self.versions) > SHOWN else ""
        word = "version" if len(self.versions) == 1 else "versions"
        return f"{word} {', '.join(self.versions[:SHOWN])}{more}"


class Models:
    """Asks the registry who uses a service; answers are kept for half a minute.

    Args:
        endpoint: Gives the model registry; None where there is none.
        recorded: Gives the uses of a service that were recorded with the applied definitions.
    """

    def __init__(
        self,
        endpoint: Callable[[], Endpoint] | None = None,
        recorded: Callable[[str], Sequence[Use]] = lambda _: (),
    ) -> None:
        self._endpoint, self._recorded = endpoint, recorded
        self._kept: dict[str, tuple[float, list[ModelUse]]] = {}
        self._failed = -KEPT_S

    def of(self, service: FeatureService) -> tuple[list[ModelUse], str | None]:
        """Return the models of a service, and why the registry does not tell if so."""
        registered, problem = self._registered(service.name)
        versions = {use.model: set(use.versions) for use in registered}
        for use in self._recorded(service.name):
            versions.setdefault(use.model, set()).update((use.model_version,))
        if named := service.tags.get("model"):
            versions.setdefault(named, set())
        pages = {use.model: use.href for use in registered}
        uses = [
            ModelUse(
                model,
                tuple(sorted(filter(None, held), key=_counted, reverse=True)),
                pages.get(model, ""),
            )
            for model, held in versions.items()
        ]
        return uses, problem

    def _registered(self, service: str) -> tuple[list[ModelUse], str | None]:
        if self._endpoint is None or "'" in service:  # the filter has no way to write a quote
            return [], None
        now = time.monotonic()
        at, held = self._kept.get(service, (-KEPT_S, []))
        if now - at < KEPT_S:
            return held, None
        if now - self._failed < KEPT_S:  # a page waits for a registry that is away once, not always
            return held, AWAY
        try:
            endpoint = self._endpoint()
            with endpoint.open(mlflow.Client, timeout=TIMEOUT_S) as client:
                wanted = client.search_model_versions(f"tags.`{TAG}` = '{service}'")
                versions = [(v.name, v.version) for v in wanted]
        except (DovetailError, WireError) as error:
            log.warning("the model registry does not tell who uses a service", error=str(error))
            self._failed = now
            return held, AWAY
        names = sorted({name for name, _ in versions})
        uses = [
            ModelUse(
                name,
                tuple(sorted((v for n, v in versions if n == name), key=_counted, reverse=True)),
                f"/tracking/models/{quote(name, safe='')}" if endpoint.embedded else "",
            )
            for name in names
        ]
        self._kept[service] = (now, uses)
        return uses, None


def _counted(version: str) -> tuple[int, str]:
    return (int(version) if version.isdecimal() else 0, version)
