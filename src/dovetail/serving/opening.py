"""Opens the kept files of a version: checked, in the form that serves, within its limits."""

from dataclasses import dataclass

from dovetail.base.errors import DovetailError
from dovetail.serving.errors import BadModelError, rename
from dovetail.serving.files import Files
from dovetail.serving.isolation import Forms
from dovetail.serving.layouts.card import asked
from dovetail.serving.limits import Limits
from dovetail.serving.model import Model
from dovetail.serving.store import Version
from dovetail.serving.trust import Trust

__all__ = ["Opener"]


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens versions.

    Args:
        files: where the models' files are kept.
        compile: whether compiled forms may serve.
        forms: where they are kept; None compiles in this process.
        trust: what may execute code when it is loaded.
        limits: how much of the server one model may take.
    """

    files: Files
    compile: bool
    forms: Forms | None
    trust: Trust
    limits: Limits

    def open(self, version: Version) -> Model:
        """Return a version, ready to answer.

        Raises:
            DovetailError: its files are not those that were kept, or cannot be loaded.
        """
        kept = self.files.folder(version.model, version.version)
        try:
            path = self.files.check(version.model, version.version, version.digest)
            return Model.load(
                path,
                name=version.model,
                version=version.version,
                compile=self.compile,
                forms=self.forms,
                uri=version.uri,
                digest=version.digest,
                trusted=self.trust.covers(version.uri),
                limits=self.limits.with_own(**asked(path)),
            )
        except Exception as caught:  # a library may raise anything; the others are to load
            error = caught if isinstance(caught, DovetailError) else _unreadable(version, caught)
            rename(error, kept, version.uri)
            raise error from caught


def _unreadable(version: Version, error: Exception) -> BadModelError:
    why = f"{type(error).__name__}: {error}"
    return BadModelError(version.uri or version.model, f"reading it failed with {why}")
