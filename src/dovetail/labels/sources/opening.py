"""From a description to a source that answers."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dovetail.labels.sources.endpoints import HttpSource
from dovetail.labels.sources.functions import Function, load
from dovetail.labels.sources.guarded import Guarded
from dovetail.labels.sources.models import BackendSource, InferenceSource
from dovetail.labels.sources.seam import Source, SourceError
from dovetail.labels.sources.specs import Endpoint, Functions, Inference, MlBackend, Spec
from dovetail.wire.http import HttpClient
from dovetail.wire.label_studio import backend
from dovetail.wire.open_inference.client import Client

__all__ = ["Opener"]

SECRETS = "DOVETAIL_SOURCE_"


class Opener:
    """Opens sources.

    Args:
        functions: The operator's file of labelling functions; none where it is empty.
        allow: Hosts and networks that sources may be at although they are not public.
        seconds: How long an answer may take.
    """

    def __init__(self, functions: str, allow: Sequence[str], seconds: float = 30.0) -> None:
        self._path, self._allow, self._seconds = functions, tuple(allow), seconds
        self._functions: dict[str, Function] | None = None

    def functions(self) -> Mapping[str, Function]:
        """The labelling functions of the operator's file.

        Raises:
            SourceError: the file cannot be loaded.
        """
        if self._functions is None:
            self._functions = load(Path(self._path)) if self._path else {}
        return self._functions

    def check(self, spec: Spec) -> None:
        """Check a description as far as that goes without asking anybody.

        Raises:
            SourceError: it cannot be opened.
        """
        source = self.open(spec)
        if source is not None:
            source.close()

    def open(self, spec: Spec) -> Source | None:
        """Return the source; None for people, who are not asked but ask.

        Raises:
            SourceError: it cannot be made.
        """
        if isinstance(spec, Functions):
            found = self.functions().get(spec.name)
            if found is None:
                raise SourceError(
                    f"there is no labelling function {spec.name!r}",
                    why="known are: " + (", ".join(self.functions()) or "none"),
                    fix="name a file with it as `functions` under [labels] in dovetail.toml",
                    field="name",
                )
            return found
        if isinstance(spec, Inference):
            client = Client(
                spec.url, transport=self._transport(), token=_secret(spec.secret),
                timeout=self._seconds,
            )  # fmt: skip
            return InferenceSource(spec, client)
        if isinstance(spec, MlBackend):
            asked = backend.Client(spec.url, transport=self._transport(), timeout=self._seconds)
            return BackendSource(spec.name, asked)
        if isinstance(spec, Endpoint):
            http = HttpClient(
                spec.url, transport=self._transport(), token=_secret(spec.secret),
                timeout=self._seconds,
            )  # fmt: skip
            return HttpSource(spec, http)
        return None

    def _transport(self) -> Guarded:
        return Guarded(self._allow, self._seconds)


def _secret(name: str) -> str | None:
    """Return a token that the operator put into the environment under a name for sources."""
    if not name:
        return None
    found = os.environ.get(SECRETS + name)
    if not found:
        raise SourceError(
            f"the token {name!r} of a source is not known",
            fix=f"start the server with the environment variable {SECRETS}{name}",
            field="secret",
        )
    return found
