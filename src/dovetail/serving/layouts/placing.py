"""How a version's files come from a repository: as few as are needed, under a name that is known.

A file named without a suffix that its format knows gets one, because a format is told by it.
"""

from pathlib import Path

from dovetail.serving.copying import copy_model, inside
from dovetail.serving.errors import BadModelError
from dovetail.serving.formats import onnx
from dovetail.serving.layouts.card import Card, Placed

__all__ = ["broken", "place"]

_SUFFIXES = {
    "onnx": (".onnx",),
    "lightgbm": (".txt", ".bst", ".lgb", ".lightgbm"),
    "xgboost": (".json", ".ubj", ".bst", ".xgb", ".model", ".deprecated"),
    "catboost": (".cbm", ".json"),
    "sklearn": (".joblib", ".pkl", ".pickle", ".skops"),
    "torch": (".pt", ".pt2", ".pth", ".ts"),
}
_ODD = {("xgboost", ".model"): ".bst"}  # Triton's names


def place(
    name: str,
    version: str,
    source: Path,
    card: Card,
    *,
    within: tuple[Path, ...],
    ignored: tuple[str, ...] = (),
) -> Placed:
    """Return a version whose files are copied when it is loaded.

    Args:
        name: the model.
        version: the version.
        source: its file or folder.
        card: what the configuration says.
        within: the folders that no link may leave.
        ignored: settings that have no meaning here.
    """
    real = source.resolve()  # what is trusted or not is this, and this is what is copied

    def fetch(content: Path) -> None:
        boundary = next((root.resolve() for root in within if inside(real, (root,))), None)
        if boundary is None:
            raise BadModelError(source, "it is a link that leads out of the repository")
        if real.is_dir():
            copy_model(real, content / source.name, within=boundary)
            return
        copy_model(real, content / _named(source, card.format), within=boundary)
        if source.suffix == ".onnx":
            for beside in onnx.companions(real):
                copy_model(beside, content / beside.relative_to(real.parent), within=boundary)

    return Placed(name, version, source, card, fetch, real.as_uri(), ignored)


def broken(name: str, version: str, source: Path, layout: str, error: BadModelError) -> Placed:
    """Return a version that cannot be loaded, which is to be shown with the reason."""

    def fetch(content: Path) -> None:
        del content
        raise error

    uri = source.absolute().as_uri()
    card = Card(layout=layout)
    return Placed(name, version, source, card, fetch, uri, problem=error.why, fix=error.fix)


def _named(source: Path, kind: str) -> str:
    known = _SUFFIXES.get(kind)
    suffix = _ODD.get((kind, source.suffix), source.suffix)
    if not known or suffix in known:
        return source.stem + suffix
    return f"{source.name}{known[0]}"
