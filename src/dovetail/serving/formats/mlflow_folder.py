"""The folder of an MLflow model: what `MLmodel` says, and files that must lie inside.

Whoever wrote the folder wrote every name in it, so each path is checked and each size bounded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dovetail.base.extras import require
from dovetail.serving.errors import BadModelError
from dovetail.serving.formats.mlflow_schema import Schema, read_schema
from dovetail.serving.tensors import DATATYPES, Array

__all__ = ["Folder", "read_folder"]

_LARGEST = 4 << 20
_NEWEST = 3
_EXAMPLE_LARGEST = 16 << 20


@dataclass(frozen=True)
class Folder:
    """An MLflow model's folder.

    Args:
        path: the folder.
        description: what its `MLmodel` says.
    """

    path: Path
    description: Mapping[str, Any]

    @cached_property
    def flavours(self) -> Mapping[str, Mapping[str, Any]]:
        """What is said of each flavour, by name.

        Raises:
            BadModelError: there are none.
        """
        found = self.description.get("flavors")
        if not isinstance(found, dict) or not found:
            raise BadModelError(self.path, "its MLmodel names no flavors")
        return {str(name): said if isinstance(said, dict) else {} for name, said in found.items()}

    @cached_property
    def schema(self) -> Schema:
        """The signature.

        Raises:
            BadModelError: it is damaged.
        """
        try:
            return read_schema(self.description.get("signature"))
        except ValueError as error:
            raise BadModelError(self.path, f"its signature is damaged: {error}") from error

    def file(self, flavour: str, *keys: str) -> Path:
        """Return the data file or folder of a flavour.

        Args:
            flavour: the flavour's name.
            keys: entries that may name it, the first present one counts.

        Raises:
            BadModelError: it is not named, missing, or lies outside the folder.
        """
        said = self.flavours[flavour]
        data = next((said[key] for key in keys if isinstance(said.get(key), str)), None)
        if data is None:
            raise BadModelError(self.path, "its MLmodel does not name the data file")
        file = (self.path / str(data)).resolve()
        if not file.is_relative_to(self.path.resolve()):
            raise BadModelError(self.path, f"its data file {data!r} lies outside the folder")
        if not file.exists():
            raise BadModelError(self.path, f"its data file {data!r} is missing")
        return file

    def example(self) -> dict[str, Array]:
        """Return the author's example as the tensors of a request; empty where it cannot be one."""
        document = self._example_document()
        if isinstance(document, dict) and "columns" in document and "data" in document:
            rows, names = document["data"], [str(name) for name in document["columns"]]
        else:
            if isinstance(document, dict):
                document = document.get("data", document.get("inputs"))
            rows, names = document, [column.name for column in self.schema.columns]
        try:
            if names and not isinstance(document, dict | None) and len(rows[0]) != len(names):
                names = []
            if names and all(len(row) == len(names) for row in rows):
                return self._columns(rows, names)
            matrix = np.array(rows, dtype=np.float64)
        except (TypeError, ValueError, IndexError, KeyError):
            return {}
        return {"input": matrix} if matrix.ndim >= 1 else {}

    def matrix(self) -> Array | None:
        """Return the author's example as one matrix of numbers, where it is one."""
        found = self.example()
        try:
            columns = [np.asarray(array, np.float64) for array in found.values()]
        except (TypeError, ValueError):
            return None
        if len(columns) == 1 and columns[0].ndim == 2:
            return columns[0]
        if not columns or any(column.ndim != 1 for column in columns):
            return None
        return np.column_stack(columns)

    def _columns(self, rows: list[list[Any]], names: list[str]) -> dict[str, Array]:
        said = {column.name: column for column in self.schema.columns}
        found = {}
        for index, name in enumerate(names):
            cells = [row[index] for row in rows]
            column = said.get(name)
            if column is not None and column.content == "json":
                cells = [json.dumps(cell) for cell in cells]
            is_text = column.is_text if column is not None else any(type(c) is str for c in cells)
            if is_text:
                found[name] = np.array([*cells, None], dtype=object)[:-1]
            elif column is not None and None not in cells:
                found[name] = np.array(cells, dtype=DATATYPES[column.datatype])
            else:
                found[name] = np.array(cells, dtype=np.float64)
        return found

    def _example_document(self) -> Any:
        info = self.description.get("saved_input_example_info")
        name = info.get("artifact_path") if isinstance(info, dict) else None
        if not isinstance(name, str):
            return None
        file = (self.path / name).resolve()
        if not file.is_relative_to(self.path.resolve()) or not file.is_file():
            return None
        if file.stat().st_size > _EXAMPLE_LARGEST:
            return None
        try:
            return json.loads(file.read_bytes())  # MLflow writes bare NaN
        except (ValueError, RecursionError):
            return None


def read_folder(path: Path) -> Folder:
    """Read an `MLmodel`.

    Args:
        path: the folder that holds it.

    Raises:
        BadModelError: it is damaged, or was written by an MLflow that is not known yet.
    """
    yaml = require("yaml", extra="serving", feature="an MLflow model")
    file = path / "MLmodel"
    if file.stat().st_size > _LARGEST:
        raise BadModelError(path, "its MLmodel is over 4 MiB")
    try:
        description = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadModelError(path, f"its MLmodel is not YAML: {error}") from error
    if not isinstance(description, dict):
        raise BadModelError(path, "its MLmodel is not a mapping")
    written = str(description.get("mlflow_version") or "")
    major = written.partition(".")[0]
    if major.isdigit() and int(major) > _NEWEST:
        raise BadModelError(
            path,
            f"it was written by MLflow {written}, of which nothing is known here",
            fix=f"log it with MLflow {_NEWEST} or older, or serve its native file",
        )
    return Folder(path, description)
