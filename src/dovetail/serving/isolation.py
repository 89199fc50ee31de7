"""Compiling in a process of its own, once per model.

Reading a model runs native code of a large library. In a process of its own a damaged model cannot
take the server down, nor fill its memory, nor hold it up, and the library's memory goes when the
form is made. The form is kept by the digest of the model's files, so the next start opens it at
once.

`main` is what that process runs; `nursery` says how the import of its libraries is shared.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from dovetail import __version__
from dovetail.base.errors import (
    DovetailError,
    IntegrityError,
    UnavailableError,
    UntrustedError,
)
from dovetail.base.ids import new_id
from dovetail.base.telemetry import logger
from dovetail.serving import formats
from dovetail.serving.compile import Compilation, choose
from dovetail.serving.compiled import CompiledForm, CompiledPredictor
from dovetail.serving.errors import BadModelError
from dovetail.serving.nursery import Ended, Nursery, serve
from dovetail.serving.predictor import Predictor

__all__ = ["Forms"]

log = logger("serving")
_SECONDS = 600
_BYTES = 8 << 30
"""Address space of the process; libraries reserve far more of it than they use."""
_PROGRAM = "import sys; from dovetail.serving.isolation import main; main(*sys.argv[1:])"
_RECORD, _ERROR = "choice.json", "error.json"
_TRUSTED = "trusted"
_LAYOUT = "2"
_LIBRARIES = ("numpy", "onnx", "onnxruntime")
"""What decides a form beside the libraries of the format."""
_WARM = ("catboost", "joblib", "lightgbm", "onnx", "onnxruntime", "pandas", "scipy", "skops",
         "sklearn", "xgboost")  # fmt: skip
"""What is imported once for many models."""


class Forms:
    """Compiled forms, kept by what they were made of and by.

    Args:
        root: the folder of all of them.

    Attributes:
        has_stopped: whether no more are made, because the server ends.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._nursery = Nursery()
        self.has_stopped = False

    def stop(self) -> None:
        """End what is being made: a server that is told to stop does not wait for it."""
        self.has_stopped = True
        self._nursery.kill()

    def choose(
        self, path: Path, digest: str, *, trusted: bool = False
    ) -> tuple[Predictor, Compilation]:
        """Return the form of a model that should serve.

        Args:
            path: the model's file or folder.
            digest: of its files.
            trusted: whether it may execute code while it is loaded.

        Raises:
            BadModelError: it is damaged, or ended the process that read it.
            UntrustedError: reading it would execute code, and it is not trusted.
        """
        if not formats.compiles(path):
            return choose(formats.load(path, trusted=trusted))
        # What trust made is not given to who has none: the refusal is the same each time.
        folder = self._root / f"{digest[:32]}-{_made_by(path)}{'-trusted' if trusted else ''}"
        if not (folder / _RECORD).is_file():
            with _alone(folder):
                if not (folder / _RECORD).is_file():  # another may have made it meanwhile
                    self._make(path, folder, trusted)
        record = msgspec.json.decode((folder / _RECORD).read_bytes(), type=Compilation)
        if not record.compiled:
            log.warning("model not compiled", file=path.name, why=record.why)
            return formats.load(path, trusted=trusted), record
        try:
            return CompiledForm.read(folder).open(), record
        except (IntegrityError, BadModelError):
            shutil.rmtree(folder)
            raise

    def _make(self, path: Path, folder: Path, trusted: bool) -> None:
        staging = self._root / f".{new_id()}"
        staging.mkdir(parents=True)
        try:
            self._run(path, staging, trusted)
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            staging.rename(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _run(self, path: Path, folder: Path, trusted: bool) -> None:
        """Run the process and raise here what it raised there."""
        if self.has_stopped:
            raise _stopped(path)
        job = [str(path), str(folder), *([_TRUSTED] * trusted)]
        try:
            done = self._nursery.run(_PROGRAM, formats.needs(path).unused, job, _SECONDS)
        except TimeoutError as error:
            raise BadModelError(
                path, f"reading it took more than {_SECONDS} seconds, and was ended"
            ) from error
        if done.code and self.has_stopped:
            raise _stopped(path)
        _raise_what_it_said(done, path, folder, trusted)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one thread of one process make a form while others that want it wait for it."""
    try:
        import fcntl
    except ImportError:  # Windows; there a form may be made twice
        yield
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _stopped(path: Path) -> UnavailableError:
    return UnavailableError(f"model {str(path)!r} is not loaded", why="the server was told to stop")


def _raise_what_it_said(done: Ended, path: Path, folder: Path, trusted: bool) -> None:
    """Raise here what the process raised there."""
    if done.code == 0:
        return
    if not (folder / _ERROR).is_file():
        lines = done.words.strip().splitlines()
        raise BadModelError(
            path,
            f"the process that read it ended with {done.code}",
            fix=f"its last words: {lines[-1][:200]}" if lines else "",
        )
    said: dict[str, Any] = msgspec.json.decode((folder / _ERROR).read_bytes())
    if said["code"] == UntrustedError.code:
        raise UntrustedError(said["what"], why=said["why"], fix=said["fix"])
    if said["code"] == BadModelError.code:
        raise BadModelError(path, said["why"], fix=said["fix"])
    # A library is missing: say so here, in its own words.
    choose(formats.load(path, trusted=trusted))


def _made_by(path: Path) -> str:
    """Name what decides the form beside the model: our version and the libraries'."""
    found = [__version__, _LAYOUT]
    for library in (*formats.needs(path).libraries, *_LIBRARIES):
        try:
            found.append(version(library))
        except PackageNotFoundError:
            found.append("none")
    return "-".join(found)


def _bound_memory() -> None:
    """Let the process fail where a model asks for more memory than any would need."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _BYTES if hard == resource.RLIM_INFINITY else min(_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def main(*unused: str) -> None:
    """Be a process that makes forms in its children.

    Args:
        unused: modules that libraries import where they are installed, and that are not needed.
    """
    for module in unused:
        sys.modules.setdefault(module, None)  # type: ignore[arg-type]
    serve(make, _WARM)


def make(model: str, target: str, trusted: str = "") -> int:
    """Choose a model's form and write it and the choice into a folder.

    Args:
        model: the model's file or folder.
        target: the folder to write into.
        trusted: "trusted" where it may execute code while it is loaded.

    Returns:
        The exit code: 0 when the choice is written, 1 when the error is.
    """
    path, folder = Path(model), Path(target)
    _bound_memory()
    try:
        chosen, record = choose(formats.load(path, trusted=trusted == _TRUSTED))
    except MemoryError:
        error = BadModelError(path, f"reading it takes more than {_BYTES >> 30} GiB of memory")
        return _failed(folder, error)
    except DovetailError as error:
        return _failed(folder, error)
    if isinstance(chosen, CompiledPredictor):
        chosen.form.write(folder)
    (folder / _RECORD).write_bytes(msgspec.json.encode(record))
    return 0


def _failed(folder: Path, error: DovetailError) -> int:
    said = {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}
    (folder / _ERROR).write_bytes(msgspec.json.encode(said))
    return 1
