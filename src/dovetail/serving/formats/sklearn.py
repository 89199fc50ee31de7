"""scikit-learn's estimators: `.skops` from anyone, `.joblib` and `.pkl` from trusted sources.

The file names and the outputs are those of MLServer's runtime, so that a folder made for it, and a
client made for it, work here. An estimator of any library that follows scikit-learn will do.
"""

from pathlib import Path
from typing import Any

from dovetail.serving.errors import BadModelError
from dovetail.serving.formats import Needs
from dovetail.serving.formats.sklearn_files import SUFFIXES, check_file, open_estimator
from dovetail.serving.formats.sklearn_predictor import METHODS, SklearnPredictor

__all__ = ["check", "compiles", "load", "make", "matches", "needs"]

_FILES = ("model.skops", "model.joblib", "model.pickle", "model.pkl")


def matches(path: Path) -> bool:
    """Whether it is a file with one of the suffixes, or a folder with one under a usual name."""
    file = _file(path)
    return file.suffix in SUFFIXES and file.is_file()


def compiles(path: Path) -> bool:
    """Whether it may have a compiled form: always."""
    del path
    return True


def needs(path: Path) -> Needs:
    """Return what compiling needs."""
    del path
    return Needs(("scikit-learn", "xgboost-cpu", "xgboost", "lightgbm"))


def check(path: Path, *, trusted: bool = False) -> None:
    """Refuse a pickle that is not trusted and an archive that is none, without scikit-learn.

    Raises:
        BadModelError: it is no archive.
        UntrustedModelError: opening it could execute code, and it is not trusted.
    """
    check_file(_file(path), trusted=trusted)


def load(path: Path, *, trusted: bool = False) -> SklearnPredictor:
    """Load a fitted estimator.

    Args:
        path: the file, or a folder with `model.skops`, `model.joblib`, `model.pickle` or
            `model.pkl`.
        trusted: whether it may execute code while it is opened.

    Raises:
        BadModelError: it is damaged, or holds no fitted estimator.
        UntrustedModelError: opening it could execute code, and it is not trusted.
    """
    file = _file(path)
    return make(open_estimator(file, trusted=trusted), file)


def make(estimator: Any, file: Path, **known: Any) -> SklearnPredictor:
    """Return what answers with an estimator.

    Args:
        estimator: what a file held.
        file: that file.
        known: what else is known, as `SklearnPredictor` takes it.

    Raises:
        BadModelError: it is no fitted estimator.
    """
    kind = type(estimator)
    if isinstance(estimator, type) or not any(hasattr(estimator, name) for name in METHODS):
        raise BadModelError(
            file,
            f"it holds a {kind.__module__}.{kind.__qualname__}, which cannot predict or transform",
            fix="save the fitted estimator or pipeline itself",
        )
    if not _is_fitted(estimator):
        raise BadModelError(file, f"its {kind.__qualname__} is not fitted")
    suffix = file.suffix.removeprefix(".")
    platform = f"sklearn_{'pickle' if suffix == 'pkl' else suffix}"
    return SklearnPredictor(estimator, platform=platform, **known)


def _is_fitted(estimator: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except TypeError:  # not scikit-learn's own kind of estimator
        return True
    return True


def _file(path: Path) -> Path:
    if path.is_dir():
        return next((path / name for name in _FILES if (path / name).is_file()), path)
    return path
