"""What a model folder says of itself: `MLmodel`, its signature, requirements and input example.

`MLmodel` is read as plain YAML. The model's own files are not opened.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from dovetail.base.artifacts import ArtifactStore
from dovetail.base.errors import InvalidInputError, MissingExtraError, NotFoundError
from dovetail.tracking.previews.source import Source
from dovetail.tracking.previews.texts import decoded
from dovetail.tracking.previews.trees import LARGEST_YAML, load_yaml

__all__ = ["Fact", "Field", "Flavour", "ModelCard", "read_card"]

REQUIREMENTS, MOST = 32 << 10, 300
_DEEP = 4
_PYTHON = "python_function"


class Field(msgspec.Struct, frozen=True):
    """One input, output or parameter of a model."""

    name: str
    type: str
    required: bool | None = None
    default: str | None = None


class Fact(msgspec.Struct, frozen=True):
    """A name and a value."""

    name: str
    value: str


class Flavour(msgspec.Struct, frozen=True):
    """A way to load the model, and what it takes."""

    name: str
    facts: list[Fact]


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """A model folder.

    Attributes:
        inputs: what the model takes; empty if nobody said.
        outputs: what it gives.
        params: what can be set when it is called.
        flavours: ways to load it.
        facts: versions, sizes and times, as `MLmodel` tells them.
        requirements: lines of `requirements.txt`.
        example: name of the file with an input example; empty if there is none.
        problem: why `MLmodel` could not be read, or nothing.
    """

    inputs: list[Field] = []
    outputs: list[Field] = []
    params: list[Field] = []
    flavours: list[Flavour] = []
    facts: list[Fact] = []
    requirements: list[str] = []
    example: str = ""
    problem: str = ""


def read_card(store: ArtifactStore, folder: str) -> ModelCard | None:
    """Return what a folder says of itself, or None if it holds no model.

    Args:
        store: where the folder is.
        folder: its path in the store.
    """
    described = _text(store, f"{folder}/MLmodel", LARGEST_YAML)
    if described is None:
        return None
    needs = (_text(store, f"{folder}/requirements.txt", REQUIREMENTS) or "").splitlines()
    requirements = [line.strip() for line in needs if line.strip()][:MOST]
    try:
        found = load_yaml(described)
        if not isinstance(found, dict):
            raise ValueError("it holds no fields")
        return _card(found, requirements)
    except (ValueError, RecursionError, MissingExtraError) as error:
        return ModelCard(requirements=requirements, problem=f"MLmodel cannot be read: {error}")


def _text(store: ArtifactStore, path: str, most: int) -> str | None:
    try:
        found = store.stat(path)
        if found.is_dir:
            return None
        return decoded(Source(store, path, found.size).head(most))[0]
    except (NotFoundError, InvalidInputError):
        return None


def _card(found: Mapping[str, Any], requirements: list[str]) -> ModelCard:
    signature = _mapping(found.get("signature"))
    flavours = _mapping(found.get("flavors"))
    example = _mapping(found.get("saved_input_example_info")).get("artifact_path")
    return ModelCard(
        inputs=_fields(signature.get("inputs")),
        outputs=_fields(signature.get("outputs")),
        params=_fields(signature.get("params")),
        flavours=[Flavour(str(name), _facts(_mapping(v))) for name, v in flavours.items()],
        facts=_about(found, _mapping(flavours.get(_PYTHON))),
        requirements=requirements,
        example=str(example) if isinstance(example, str) else "",
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _facts(values: Mapping[str, Any]) -> list[Fact]:
    return [Fact(str(key), _short(value)) for key, value in values.items() if value is not None]


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 200 else text[:200] + "…"


def _about(found: Mapping[str, Any], python: Mapping[str, Any]) -> list[Fact]:
    size = found.get("model_size_bytes")
    told = {
        "Python": python.get("python_version"),
        "MLflow": found.get("mlflow_version"),
        "Made": found.get("utc_time_created"),
        "Size": f"{size:,} bytes" if isinstance(size, int) else None,
        "Loader": python.get("loader_module"),
        "Model": found.get("model_uuid"),
    }
    metadata = _mapping(found.get("metadata"))
    return [*_facts(told), *(Fact(f"metadata.{key}", _short(v)) for key, v in metadata.items())]


def _fields(text: object) -> list[Field]:
    """Return the fields of a schema, which `MLmodel` holds as JSON in a text."""
    if not isinstance(text, str):
        return []
    found = json.loads(text)
    members = found if isinstance(found, list) else [found]
    return [_field(i, _mapping(one)) for i, one in enumerate(members[:MOST])]


def _field(index: int, one: Mapping[str, Any]) -> Field:
    required, default = one.get("required"), one.get("default")
    return Field(
        name=str(one.get("name", index)),
        type=_type(one, _DEEP),
        required=required if isinstance(required, bool) else None,
        default=None if default is None else _short(default),
    )


def _type(one: Mapping[str, Any], deep: int) -> str:
    kind = str(one.get("type", "any"))
    if deep == 0:
        return kind
    if kind == "tensor":
        spec = _mapping(one.get("tensor-spec"))
        shape = spec.get("shape")
        sizes = ", ".join("any" if s == -1 else str(s) for s in shape) if shape else ""
        return f"{spec.get('dtype', 'any')} tensor ({sizes})"
    if kind == "array":
        return f"list of {_type(_mapping(one.get('items')), deep - 1)}"
    if kind == "object":
        parts = _mapping(one.get("properties")).items()
        inner = (f"{name}: {_type(_mapping(part), deep - 1)}" for name, part in parts)
        return "{" + ", ".join(inner) + "}"
    shape = one.get("shape")
    return f"{kind} {_short(shape)}" if shape else kind
