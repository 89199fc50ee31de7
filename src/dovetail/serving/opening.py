"""Opening the kept files of a version, at load, at start and when a model that rested is asked.

What a model brings (libraries, trees, sessions) lives long, and Python's collector would look
through all of it again and again, for tens of milliseconds in which nobody is answered. So once a
model is open, what there is by then is left out of its rounds (`gc.freeze`).
"""

import gc
from functools import partial

from dovetail.base.errors import DovetailError
from dovetail.serving.cache import Cache, Opened, measured
from dovetail.serving.compile import Compilation
from dovetail.serving.errors import BadModelError, rename
from dovetail.serving.files import Files
from dovetail.serving.isolation import Forms
from dovetail.serving.layouts.card import asked
from dovetail.serving.limits import Limits
from dovetail.serving.model import Model, open_form
from dovetail.serving.predictor import Predictor
from dovetail.serving.store import Version
from dovetail.serving.trust import Trust

__all__ = ["Opener"]

_UNKNOWN = Compilation(original="", serves="", why="it was not opened since the server started")


class Opener:
    """Opens versions.

    Args:
        files: where they are kept.
        compile: whether compiled forms may serve.
        forms: where they are kept; None compiles in this process.
        trust: what may execute code when it is loaded.
        limits: how much of the server one model may take.
        cache: keeps those in memory that are used; None keeps all.
        lazy: whether models are opened after a restart only when they are asked.
    """

    def __init__(
        self,
        files: Files,
        *,
        compile: bool,
        forms: Forms | None,
        trust: Trust,
        limits: Limits,
        cache: Cache | None = None,
        lazy: bool = False,
    ) -> None:
        self._files, self._compile, self._forms = files, compile, forms
        self._trust, self._limits, self._lazy = trust, limits, lazy
        self._cache = cache or Cache()

    def open(self, version: Version) -> Model:
        """Return a version that answers.

        Raises:
            DovetailError: its files are not what they were, or cannot be loaded.
        """
        opened = self._opened(version)
        return self._model(version, opened.predictor, opened.compilation, opened.memory)

    @property
    def has_stopped(self) -> bool:
        """Whether the server ends, so that a model that is not open says nothing of the model."""
        return self._forms is not None and self._forms.has_stopped

    def leaves_to_rest(self) -> bool:
        """Whether what is loaded again after a restart waits for its first request."""
        return self._lazy or not self._cache.has_room()

    def rest(self, version: Version) -> Model:
        """Return a version that is opened by its first request."""
        return self._model(version, None, _UNKNOWN, 0)

    def _model(
        self,
        version: Version,
        predictor: Predictor | None,
        compilation: Compilation,
        memory: int,
    ) -> Model:
        path = self._files.content(version.model, version.version)
        return Model(
            version.model,
            version.version,
            predictor,
            compilation,
            uri=version.uri,
            digest=version.digest,
            limits=self._limits.with_own(**asked(path)),
            cache=self._cache,
            reopen=partial(self._opened, version),
            memory=memory,
        )

    def _opened(self, version: Version) -> Opened:
        files, digest = self._files, version.digest
        trusted = self._trust.covers(version.uri)
        try:
            path = files.check(version.model, version.version, digest)
            opened = measured(
                lambda: open_form(
                    path, digest, compile=self._compile, forms=self._forms, trusted=trusted
                ),
                path,
            )
        except DovetailError as error:
            rename(error, files.folder(version.model, version.version), version.uri)
            raise
        except Exception as error:  # a library may raise anything; the others are to load
            why = f"reading it failed with {type(error).__name__}: {error}"
            raise BadModelError(version.uri or version.model, why) from error
        gc.collect()
        gc.freeze()
        return opened
