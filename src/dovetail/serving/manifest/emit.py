"""Objects as YAML or JSON: one stream for `kubectl apply -f -`, or one file each in a folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dovetail.base.extras import require
from dovetail.serving.manifest.parts import Object, check

__all__ = ["documents", "to_folder", "to_list", "to_text"]


def documents(objects: Sequence[Object]) -> list[dict[str, Any]]:
    """Return the objects as plain mappings, each held against its type.

    Raises:
        InvalidInputError: one of them would not be valid.
    """
    return [check(one) for one in objects]


def to_text(objects: Sequence[Object]) -> str:
    """Return the objects as one YAML stream.

    Raises:
        InvalidInputError: one of them would not be valid.
    """
    return "---\n".join(_yaml(document) for document in documents(objects))


def to_list(objects: Sequence[Object]) -> dict[str, Any]:
    """Return the objects as one List, which is how a cluster takes several in one JSON document.

    Raises:
        InvalidInputError: one of them would not be valid.
    """
    return {"apiVersion": "v1", "kind": "List", "items": documents(objects)}


def to_folder(objects: Sequence[Object], folder: Path) -> list[Path]:
    """Write a file per object, each whole, replacing what was there under its name.

    Args:
        objects: what to write; nothing is written unless all are valid.
        folder: made if it is not there.

    Returns:
        The files.
    """
    texts = {_file_name(document): _yaml(document) for document in documents(objects)}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in texts.items():
        staging = folder / f".{name}.part"
        staging.write_text(text)
        os.replace(staging, folder / name)
        written.append(folder / name)
    return written


def _file_name(document: dict[str, Any]) -> str:
    return f"{document['kind'].lower()}-{document['metadata']['name']}.yaml"


def _yaml(document: dict[str, Any]) -> str:
    yaml = require("yaml", extra="serving", feature="writing manifests")

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        """Writes text of several lines as a block, and nothing by reference."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def text(dumper: Any, data: str) -> Any:
        style = "|" if "\n" in data else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    dumped: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, width=100, allow_unicode=True)
    return dumped
