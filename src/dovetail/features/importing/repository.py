"""Finds out what to read of a Feast repository: its registry file, or else its Python files."""

from pathlib import Path
from typing import Any

from dovetail.base.extras import require
from dovetail.features.errors import DefinitionError
from dovetail.features.importing.found import FoundRepository
from dovetail.features.importing.registry import read_registry
from dovetail.features.importing.source_code import read_source
from dovetail.wire.feast_registry import InvalidRegistry

__all__ = ["read_repository"]

CONFIGURATION = "feature_store.yaml"
LARGEST = 64 << 20


def read_repository(path: Path) -> FoundRepository:
    """Read a Feast repository without executing anything of it.

    Args:
        path: A folder with `feature_store.yaml`, or a registry file.

    Raises:
        DefinitionError: There is none, or it cannot be read.
    """
    if path.is_file():
        return _registry(path)
    if not path.is_dir():
        raise DefinitionError(f"There is no Feast repository {path}")
    folder = path if (path / CONFIGURATION).is_file() else path / "feature_repo"
    if not (folder / CONFIGURATION).is_file():
        raise DefinitionError(
            f"{path} has no {CONFIGURATION}", fix="Give the folder that has it, or a registry file"
        )
    registry = _registry_path(folder)
    if registry is not None and registry.is_file():
        return _registry(registry)
    files = {
        file: file.read_text(errors="replace")
        for file in sorted(folder.rglob("*.py"))
        if not {"venv", ".venv", "__pycache__"} & set(file.relative_to(folder).parts)
    }
    return read_source(files, f"the Python files of {folder.name}")


def _registry(path: Path) -> FoundRepository:
    if path.stat().st_size > LARGEST:
        raise DefinitionError(f"The registry {path} is larger than {LARGEST >> 20} MiB")
    try:
        return read_registry(path.read_bytes(), f"Feast's registry {path.name}")
    except InvalidRegistry as error:
        raise DefinitionError(
            f"{path} is not a registry file of Feast", why=str(error), fix="Run feast apply again"
        ) from error


def _registry_path(folder: Path) -> Path | None:
    """Return where the configuration says that the registry is; None where it is no file."""
    yaml = require("yaml", extra="features", feature=f"reading {CONFIGURATION}")
    try:
        read: Any = yaml.safe_load((folder / CONFIGURATION).read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DefinitionError(
            f"{folder / CONFIGURATION} is no YAML", why=str(error).splitlines()[0]
        ) from error
    registry = read.get("registry") if isinstance(read, dict) else None
    if isinstance(registry, dict):
        registry = registry.get("path") if registry.get("registry_type", "file") == "file" else None
    if not isinstance(registry, str) or "://" in registry:
        return None
    return folder / registry
