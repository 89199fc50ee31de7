"""Where the templates and static files of web and of each piece lie.

Pages of a piece are found by its name alone: `serving/models.html` lies in
`dovetail/serving/ui/templates/serving/`. Nothing is imported to find it, so a page costs only its
own piece. A piece from another distribution names its folder once with `register`.
"""

import re
from pathlib import Path

WEB = Path(__file__).resolve().parent
HOUSE = WEB.parent
_named: dict[str, Path] = {}


def register(piece: str, ui: Path) -> None:
    """Tell where a piece from outside this package keeps its `ui` folder.

    Args:
        piece: The piece's name, the first part of its template and static names.
        ui: The folder that holds `templates/<piece>/` and `static/`.
    """
    _named[piece] = ui


def templates(piece: str) -> Path:
    """The folder that a piece's template names start from.

    Raises:
        ValueError: The name is not one that a piece can have.
    """
    return WEB / "templates" if piece == "web" else _ui(piece) / "templates"


def static(piece: str) -> Path:
    """The folder of a piece's static files; `vendor` is that of the vendored scripts.

    Raises:
        ValueError: The name is not one that a piece can have.
    """
    if piece == "web":
        return WEB / "static"
    return WEB / "vendor" if piece == "vendor" else _ui(piece) / "static"


def _ui(piece: str) -> Path:
    if piece in _named:
        return _named[piece]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", piece):
        raise ValueError(f"{piece!r} is no name of a piece")
    return HOUSE / piece / "ui"
