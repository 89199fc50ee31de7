"""A Python class as a model: a `.py` file, or a folder with `model.py`, from a trusted source.

The class has one method, `predict(self, inputs)`; all else is optional. The guide
`serving-formats` has the whole contract. The file is executed, so it is loaded where it is trusted
and nowhere else.
"""

import hashlib
import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType

from dovetail.base.errors import DovetailError
from dovetail.serving.errors import BadModelError, UntrustedModelError
from dovetail.serving.formats.answers import said
from dovetail.serving.formats.code import leave_no_bytecode
from dovetail.serving.formats.python_predictor import PythonPredictor

__all__ = ["compiles", "load", "matches"]

_FILE = "model.py"
_PREFERRED = "Model"


def matches(path: Path) -> bool:
    """Whether it is a `.py` file, or a folder with `model.py`."""
    file = _file(path)
    return file.suffix == ".py" and file.is_file()


def compiles(path: Path) -> bool:
    """Whether it may have a compiled form: never."""
    del path
    return False


def load(path: Path, *, trusted: bool = False) -> PythonPredictor:
    """Execute the file, make one object of its class, and let it load what it needs.

    Args:
        path: the file, or a folder with `model.py`.
        trusted: whether it may be executed.

    Raises:
        BadModelError: the code fails, or has no class that can be served.
        UntrustedModelError: it is not trusted.
    """
    file = _file(path)
    if not trusted:
        raise UntrustedModelError(
            path, "it is a Python program", instead="export the model to a format of its library"
        )
    leave_no_bytecode()
    module = _executed(file, is_package=path.is_dir())
    found = _class_of(module, file)
    try:
        model = found()
        if callable(getattr(model, "load", None)):
            model.load(file.parent)
        return PythonPredictor(model)
    except DovetailError as error:
        raise BadModelError(file, str(error)) from error
    except (Exception, SystemExit) as error:
        raise BadModelError(file, _where(error, file)) from error


def _executed(file: Path, *, is_package: bool) -> ModuleType:
    """Execute a file as a module under a name of its own; beside it in a folder are its parts."""
    name = f"dovetail_model_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]}"
    for known in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[known]  # of an earlier load, whose files may have been others
    places = [str(file.parent)] if is_package else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=places)
    if spec is None or spec.loader is None:
        raise BadModelError(file, "Python cannot load it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and relative imports look there
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise BadModelError(
            file, f"it needs the library {error.name!r}", fix=f"pip install {error.name}"
        ) from error
    except (Exception, SystemExit) as error:
        raise BadModelError(file, _where(error, file)) from error
    return module


def _class_of(module: ModuleType, file: Path) -> type:
    """Return the class to serve: the only one with `predict`, or the one named `Model`."""
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and callable(getattr(value, "predict", None))
    ]
    chosen = [one for one in own if one.__name__ == _PREFERRED] if len(own) > 1 else own
    if len(chosen) != 1:
        names = ", ".join(one.__name__ for one in own)
        raise BadModelError(
            file,
            f"several of its classes have `predict`: {names}" if own else "it has no model",
            fix="name one of them Model"
            if own
            else "write a class with a method `predict(self, inputs)`",
        )
    if inspect.iscoroutinefunction(vars(chosen[0]).get("predict")):
        raise BadModelError(file, "its `predict` is async", fix="write `def predict`")
    return chosen[0]


def _where(error: BaseException, file: Path) -> str:
    """Return what an error says, and in which line of the file it came up."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == file
    ]
    return f"line {lines[-1]}: {said(error)}" if lines else said(error)


def _file(path: Path) -> Path:
    return path / _FILE if path.is_dir() else path
