"""Task files that come in, by the end of their name: one task an object, a row, a line or a file.

Whatever is wrong is said with the file, the line and the column. Nothing of a file is used before
all of it could be read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from dovetail.base.errors import InvalidInputError
from dovetail.labels.formats.objects import read_json, read_json_lines
from dovetail.labels.formats.pictures_in import MEDIA, Asset, folder_assets, zip_assets
from dovetail.labels.formats.tabular import read_parquet, read_table
from dovetail.labels.formats.texts import decoded

__all__ = ["SUFFIXES", "Asset", "Intake", "read", "read_path", "with_assets"]

Task = dict[str, Any]


@dataclass(frozen=True)
class Intake:
    """What a file holds.

    Attributes:
        tasks: objects with `data`, and maybe `annotations`, `predictions` and `meta`.
        assets: pictures, sounds and the like that are tasks themselves, once they have an address.
        skipped: what was passed over, each with the reason.
    """

    tasks: list[Task] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


Read = Callable[[BinaryIO, str, str], list[Task]]


def _lines(file: BinaryIO, name: str, field: str) -> list[Task]:
    text = decoded(file.read(), name)
    return [{"data": {field: line}} for line in text.splitlines() if line.strip()]


def _page(file: BinaryIO, name: str, field: str) -> list[Task]:
    return [{"data": {field: decoded(file.read(), name)}}]


_READERS: dict[str, Read] = {
    ".json": lambda file, name, field: read_json(file.read(), name),
    ".jsonl": lambda file, name, field: read_json_lines(decoded(file.read(), name), name),
    ".ndjson": lambda file, name, field: read_json_lines(decoded(file.read(), name), name),
    ".csv": lambda file, name, field: read_table(decoded(file.read(), name), name),
    ".tsv": lambda file, name, field: read_table(decoded(file.read(), name), name, "\t"),
    ".parquet": lambda file, name, field: read_parquet(file, name),
    ".txt": _lines,
    ".html": _page,
    ".htm": _page,
}
SUFFIXES = (*_READERS, ".zip", *MEDIA)
_NAMES_FIELD = frozenset({".txt", ".html", ".htm", ".zip", *MEDIA})


def read(file: BinaryIO, name: str, fields: tuple[str, ...] = ()) -> Intake:
    """Read a file.

    Args:
        file: at its beginning.
        name: what it is called; its end says what it is.
        fields: what the project's label config shows; lines of text, pages, pictures and sounds
            become that field, of which there may be one only.

    Raises:
        InvalidInputError: the file cannot be used.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInputError(
            f"{name} is of no known kind", fix=f"give it one of these: {', '.join(SUFFIXES)}"
        )
    field = _only_field(name, fields) if suffix in _NAMES_FIELD else ""
    if suffix == ".zip":
        assets, skipped = zip_assets(file, name)
        return Intake(assets=assets, skipped=skipped)
    if suffix in MEDIA:
        content = file.read()
        return Intake(assets=[Asset(PurePosixPath(name).name, MEDIA[suffix], lambda: content)])
    tasks = _READERS[suffix](file, name, field)
    if not tasks:
        raise InvalidInputError(f"{name} holds no task", fix="give it at least one")
    return Intake(tasks=tasks)


def read_path(path: Path, fields: tuple[str, ...] = ()) -> Intake:
    """Read a file, or all pictures and sounds of a folder.

    Raises:
        InvalidInputError: it is not there, or cannot be used.
    """
    if path.is_dir():
        _only_field(str(path), fields)
        assets, skipped = folder_assets(path)
        return Intake(assets=assets, skipped=skipped)
    try:
        with path.open("rb") as file:
            return read(file, path.name, fields)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read", why=str(error.strerror)) from error


def _only_field(name: str, fields: tuple[str, ...]) -> str:
    if len(fields) == 1:
        return fields[0]
    shown = ", ".join(fields) or "none"
    raise InvalidInputError(
        f"{name} fills one field, and the label config shows {len(fields)}",
        why=f"its fields: {shown}",
        fix="give a JSON, CSV or Parquet file with a column for each field",
    )


def with_assets(intake: Intake, field: str, addresses: Iterator[str]) -> list[Task]:
    """Make tasks of assets that have an address now, in their order."""
    placed = zip(intake.assets, addresses, strict=True)
    return [{"data": {field: address}, "meta": {"file": asset.name}} for asset, address in placed]
