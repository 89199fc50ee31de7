"""Which preview fits a file: by its first bytes and by the end of its name."""

from dovetail.base.errors import MissingExtraError
from dovetail.tracking.previews import images, parquet, tables, texts, trees
from dovetail.tracking.previews.source import Source
from dovetail.tracking.previews.values import Preview

__all__ = ["preview"]

HEAD = 4096
_JSON = ("json", "ipynb", "geojson")
_YAML = ("yaml", "yml")
_LINES = ("jsonl", "ndjson")
_PICKLES = ("pkl", "pickle", "joblib", "cloudpickle", "pt", "pth", "ckpt")
_ARCHIVES = ("zip", "tar", "gz", "tgz", "bz2", "xz", "zst", "7z", "jar", "whl", "skops")
_NEVER = {
    **dict.fromkeys(_PICKLES, "A file of this kind can run code when it is loaded."),
    **dict.fromkeys(_ARCHIVES, "This is an archive."),
}


def preview(source: Source, image: str, start: int = 0, line: int = 1) -> Preview:
    """Return what can be seen of a file.

    Args:
        source: the file.
        image: the address at which it is served if it is a picture.
        start: for text, the byte at which the part begins.
        line: the number of the part's first line.
    """
    if source.size == 0:
        return Preview(kind="none", notes=["The file is empty."])
    if start > 0:
        return texts.preview(source, start, line)
    if source.suffix in _NEVER:
        return Preview(kind="none", notes=[f"{_NEVER[source.suffix]} It is never opened here."])
    if images.media_type(source) is not None:
        return _image(source, image)
    head = source.head(HEAD)
    if head.startswith(b"PAR1"):
        return parquet.preview(source)
    if texts.is_binary(head):
        return Preview(kind="none", notes=["This is a binary file of a kind that is not shown."])
    return _textual(source)


def _image(source: Source, image: str) -> Preview:
    if source.size > images.LARGEST:
        limit = images.LARGEST >> 20
        return Preview(kind="none", notes=[f"Pictures over {limit} MB are not shown."])
    return Preview(kind="image", image=image)


def _textual(source: Source) -> Preview:
    notes: tuple[str, ...] = ()
    found: Preview | None = None
    if source.suffix in ("csv", "tsv"):
        found, notes = tables.delimited(source), ("The file cannot be read as a table.",)
    elif source.suffix in _LINES:
        found = tables.json_lines(source)
    elif source.suffix in _JSON:
        found, notes = _json(source)
    elif source.suffix in _YAML or source.name == "MLmodel":
        found, notes = _yaml(source)
    elif source.suffix in ("html", "htm", "xhtml"):
        notes = ("HTML is shown as text and never rendered here. Download it to open it.",)
    return found or texts.preview(source, notes=notes)


def _json(source: Source) -> tuple[Preview | None, tuple[str, ...]]:
    text = texts.decoded(source.head(trees.LARGEST))[0]
    is_whole = source.size <= trees.LARGEST
    if table := tables.json_table(text, is_whole=is_whole):
        return table, ()
    if not is_whole:
        return None, (f"Documents over {trees.LARGEST >> 10} KB are shown as text.",)
    return trees.from_json(text), ("The file is not valid JSON, or too deep to be shown folded.",)


def _yaml(source: Source) -> tuple[Preview | None, tuple[str, ...]]:
    if source.size > trees.LARGEST_YAML:
        return None, (f"Documents over {trees.LARGEST_YAML >> 10} KB are shown as text.",)
    try:
        found = trees.from_yaml(texts.decoded(source.head(trees.LARGEST_YAML))[0])
    except MissingExtraError as error:
        return None, (str(error),)
    return found, ("The file is not plain YAML, or refers to itself, so it is shown as text.",)
