"""PyTorch models: archives of `torch.export` (`.pt2`) and TorchScript (`.pt`, `.pth`, `.ts`).

Both execute code when they are read, so both need trust. TorchScript is a program. Of an archive,
`torch.export.load` (2.13) unpickles the example inputs, unpickles weights that are marked so, and
evaluates symbolic sizes as Python. Weights alone (safetensors, a saved state dict) cannot be
served, because the program that they belong to is not in them.
"""

import zipfile
from pathlib import Path

from dovetail.base.errors import DovetailError
from dovetail.serving.errors import BadModelError, UntrustedModelError
from dovetail.serving.formats.torch_predictors import (
    ExportedPredictor,
    Predicting,
    ScriptPredictor,
    library,
)

__all__ = ["compiles", "load", "matches"]

_EXPORTED, _SCRIPTS, _WEIGHTS = ".pt2", (".pt", ".pth", ".ts"), ".safetensors"
_EXPORT = "export the model: torch.export.save(torch.export.export(model, args), 'model.pt2')"


def matches(path: Path) -> bool:
    """Whether it is a file of PyTorch's by its name, or a folder with exactly one."""
    return _file(path) is not None


def compiles(path: Path) -> bool:
    """Whether it may have a compiled form: never; `torch.onnx` makes an ONNX file beforehand."""
    del path
    return False


def load(path: Path, *, trusted: bool = False) -> Predicting:
    """Load an archive or a TorchScript program for one thread a call.

    Args:
        path: the file, or a folder with exactly one.
        trusted: whether it may execute code while it is loaded.

    Raises:
        BadModelError: it is damaged, or has no program in it.
        UntrustedError: it is not trusted.
        UnavailableError: PyTorch is not installed.
    """
    file = _file(path) or path
    if file.suffix == _WEIGHTS:
        raise BadModelError(
            path, "it has weights and no program that they belong to (safetensors)", fix=_EXPORT
        )
    names = _entries(file, trusted)
    if file.suffix != _EXPORTED and not any("/code/" in name for name in names):
        raise BadModelError(
            path, "it is a pickle of weights or of a Python object, not a program", fix=_EXPORT
        )
    if not trusted:
        kind = "an archive of torch.export" if file.suffix == _EXPORTED else "TorchScript"
        raise UntrustedModelError(
            path,
            f"it is {kind}, which could execute code when it is opened",
            instead="convert the model to ONNX (torch.onnx.export)",
        )
    torch = library()
    try:
        if file.suffix == _EXPORTED:
            return ExportedPredictor(torch, torch.export.load(str(file)), file)
        return ScriptPredictor(torch, torch.jit.load(str(file), map_location="cpu"), file)
    except DovetailError:
        raise
    except Exception as error:
        # PyTorch raises whatever its parsers raise; the file is what all of them are about.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise BadModelError(path, f"PyTorch cannot read it: {lines[0][:300]}") from error


def _file(path: Path) -> Path | None:
    known = (_EXPORTED, *_SCRIPTS, _WEIGHTS)
    if path.is_file():
        return path if path.suffix in known else None
    if not path.is_dir():
        return None
    files = [file for file in path.iterdir() if file.suffix in known and file.is_file()]
    programs = [file for file in files if file.suffix != _WEIGHTS]
    if len(programs) == 1:
        return programs[0]
    return files[0] if files and not programs else None


def _entries(file: Path, trusted: bool) -> list[str]:
    """Return the names in the archive; both kinds are zip files."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if not trusted and isinstance(error, zipfile.BadZipFile):
            raise UntrustedModelError(
                file,
                "it is truncated or a bare pickle, and opening one could execute code",
                instead=_EXPORT,
            ) from error
        raise BadModelError(
            file, f"it is truncated or not PyTorch's: {error}", fix=_EXPORT
        ) from error
    for name in names:
        if name.startswith("/") or ".." in Path(name).parts:
            raise BadModelError(file, f"its entry {name!r} leads out of the archive")
    return names
