"""Fitted estimators from files: skops, which names every type that it makes, and pickles.

skops makes only types that are known to run no code when they are made. Beside those that it knows
itself, some parts of scikit-learn are harmless and part of everyday models; they are listed here.
Whatever else a file asks for, it is refused with the names, unless its source is trusted. A list
of types in the file or beside it (MLflow writes one) is not asked: who wrote the file wrote it too.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dovetail.base.errors import DovetailError
from dovetail.base.extras import require
from dovetail.serving.errors import BadModelError, UntrustedModelError
from dovetail.serving.formats.sklearn_lightgbm import TYPES as LIGHTGBM
from dovetail.serving.formats.sklearn_lightgbm import check_boosters
from dovetail.serving.formats.sklearn_walk import tree_problem

__all__ = ["PICKLES", "SUFFIXES", "check_file", "open_estimator"]

PICKLES = frozenset({".joblib", ".pkl", ".pickle"})
SUFFIXES = PICKLES | {".skops"}
_EXTRA, _FEATURE = "serving-sklearn", "a scikit-learn model"
_LARGEST_RATIO, _SMALL = 50, 256 << 20
_SHOWN = 6

_HARMLESS_PACKAGES = (
    "sklearn.gaussian_process.kernels.",
    "sklearn.feature_selection._univariate_selection.",
    "sklearn.neural_network._stochastic_optimizers.",
    "sklearn._loss.",
    "sklearn.metrics._scorer.",
    "sklearn.model_selection._split.",
)
_HARMLESS = frozenset(
    {
        "collections.OrderedDict",
        "numpy.dtype",
        "numpy.mean",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.cluster._bisect_k_means._BisectingTree",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)


def open_estimator(file: Path, *, trusted: bool) -> Any:
    """Return the object that a file holds.

    Args:
        file: `.skops`, `.joblib`, `.pkl` or `.pickle`.
        trusted: whether it may execute code while it is opened.

    Raises:
        BadModelError: it is damaged, or was written by a version that differs too much.
        UntrustedModelError: it is a pickle, or asks for types that are not known to be harmless,
            and is not trusted.
    """
    check_file(file, trusted=trusted)
    if file.suffix == ".skops":
        return _skops(file, trusted)
    return _opened(file, require("joblib", extra=_EXTRA, feature=_FEATURE).load)


def check_file(file: Path, *, trusted: bool) -> None:
    """Refuse what can be told without opening it.

    Raises:
        BadModelError: it is no archive, or unpacks to far more than it is.
        UntrustedModelError: it is a pickle that is not trusted.
    """
    if file.suffix == ".skops":
        _check_archive(file)
    elif not trusted:
        raise UntrustedModelError(
            file,
            "opening a pickle could execute code",
            instead="save the model with skops (`skops.io.dump(model, 'model.skops')`), or export"
            " it to ONNX",
        )


def _skops(file: Path, trusted: bool) -> Any:
    skops = require("skops.io", extra=_EXTRA, feature=_FEATURE)
    asked = _opened(file, lambda source: skops.get_untrusted_types(file=source))
    refused = [name for name in asked if not _is_harmless(name)]
    if not trusted and LIGHTGBM.intersection(asked):
        check_boosters(file)
    if refused and not trusted:
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise UntrustedModelError(
            file,
            "making what it holds could execute code: it asks for the types"
            f" {', '.join(refused[:_SHOWN])}{more}",
            instead="leave them out of the model",
        )
    model = _opened(file, lambda source: skops.load(source, trusted=asked))
    if not trusted and (problem := tree_problem(model)):
        raise BadModelError(file, problem)
    return model


def _is_harmless(name: str) -> bool:
    return name in _HARMLESS or name in LIGHTGBM or name.startswith(_HARMLESS_PACKAGES)


def _check_archive(file: Path) -> None:
    """Refuse a file that is no archive, or unpacks to far more than it is."""
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise BadModelError(file, f"it is not a skops file: {error}") from error
    if unpacked > max(_SMALL, _LARGEST_RATIO * file.stat().st_size):
        raise BadModelError(file, f"it would unpack to {unpacked >> 20} MiB")


def _opened(file: Path, load: Callable[[Path], Any]) -> Any:
    try:
        return load(file)
    except DovetailError:
        raise
    except ModuleNotFoundError as error:
        raise BadModelError(
            file, f"it needs the library {error.name!r}", fix=f"pip install {error.name}"
        ) from error
    except RecursionError as error:
        raise BadModelError(file, "it is nested too deeply") from error
    except Exception as error:
        # Whatever a damaged file, or one of another version, makes the libraries say.
        version = require("sklearn", extra=_EXTRA, feature=_FEATURE).__version__
        raise BadModelError(
            file,
            f"{type(error).__name__}: {_first_line(error)}",
            fix=f"if it is not damaged, install the versions that wrote it; here scikit-learn is"
            f" {version}",
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else "no more is said"
