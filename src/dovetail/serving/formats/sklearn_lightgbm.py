"""Boosters of LightGBM inside skops: the text that native code will read is checked first.

MLflow saves LightGBM's scikit-learn classes this way. skops does not count them as harmless, since
LightGBM reads their text without looking; `check_text` looks.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dovetail.serving.errors import BadModelError
from dovetail.serving.formats.lightgbm_text import check_text

__all__ = ["TYPES", "check_boosters"]

TYPES = frozenset(
    {
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMModel",
        "lightgbm.sklearn.LGBMRanker",
        "lightgbm.sklearn.LGBMRegressor",
    }
)
_SCHEMA = "schema.json"


def check_boosters(file: Path) -> None:
    """Check the text of each booster in a skops file.

    Raises:
        BadModelError: a booster is damaged, or is not kept as LightGBM keeps it.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            schema = json.loads(archive.read(_SCHEMA))
    except (KeyError, ValueError, RecursionError) as error:
        raise BadModelError(file, f"its schema is damaged: {error}") from error
    for node in _nodes(schema):
        if node.get("__module__", "").startswith("lightgbm.basic"):
            check_text(_text(node, file), file)


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _text(node: dict[str, Any], file: Path) -> str:
    try:
        if node["__class__"] != "Booster" or node["__loader__"] != "ObjectNode":
            raise ValueError("it is not a booster")
        state = node["content"]["content"]
        text = state["_handle" if "_handle" in state else "handle"]
        if text["__loader__"] != "JsonNode":
            raise ValueError("its text is not text")
        found = json.loads(text["content"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadModelError(file, f"a booster in it is damaged: {error}") from error
    if not isinstance(found, str):
        raise BadModelError(file, "a booster in it is damaged: its text is not text")
    return found
