"""Text and code by the part, with line numbers; what is no text is told apart by its bytes."""

import codecs

from dovetail.tracking.previews.source import Source
from dovetail.tracking.previews.values import Line, Preview, Text

__all__ = ["decoded", "is_binary", "preview"]

WINDOW = 40 << 10
MOST_LINES = 1000
LONGEST = 2000
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LANGUAGES = {
    "py": "Python",
    "ipynb": "Notebook",
    "md": "Markdown",
    "html": "HTML",
    "htm": "HTML",
    "xml": "XML",
    "svg": "SVG",
    "json": "JSON",
    "jsonl": "JSON lines",
    "ndjson": "JSON lines",
    "yaml": "YAML",
    "yml": "YAML",
    "toml": "TOML",
    "ini": "INI",
    "cfg": "INI",
    "csv": "CSV",
    "tsv": "TSV",
    "sql": "SQL",
    "sh": "Shell",
    "js": "JavaScript",
    "css": "CSS",
    "r": "R",
    "log": "Log",
    "txt": "Text",
}


def is_binary(head: bytes) -> bool:
    """Tell whether bytes are no text: a zero byte, or many that text does not have."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    odd = sum(byte < 9 or 13 < byte < 32 for byte in head)
    return b"\x00" in head or odd * 20 > len(head)


def decoded(data: bytes, encoding: str = "") -> tuple[str, bool]:
    """Return bytes as text and whether all of them were text.

    Args:
        data: the bytes; a mark at their start says how they are encoded.
        encoding: how they are encoded; UTF-8 if empty and there is no mark.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
            break
    encoding = encoding or "utf-8"
    try:
        return data.decode(encoding), True
    except UnicodeDecodeError:
        return data.decode(encoding, "replace"), False


def preview(source: Source, start: int = 0, line: int = 1, notes: tuple[str, ...] = ()) -> Preview:
    """Return a part of a text.

    Args:
        source: the file.
        start: the byte at which the part begins.
        line: the number of its first line.
        notes: what else to say.
    """
    start = max(0, min(start, source.size))
    data = source.read(start, WINDOW)
    wide = _wide(source, data, start)
    data, end = _whole_lines(source, data, start, wide)
    text, is_clean = decoded(data, wide)
    said = list(notes)
    if not is_clean:
        said.append("The file is not valid UTF-8; what could not be read shows as \ufffd.")
    rows = text.removesuffix("\n").split("\n")
    if any(len(row) > LONGEST for row in rows):
        said.append(f"Lines are cut after {LONGEST:,} characters.")
    lines = [Line(line + i, _cut(row.rstrip("\r"))) for i, row in enumerate(rows)]
    more = end < source.size
    shown = Text(
        language=LANGUAGES.get(source.suffix, "Text"),
        lines=lines,
        next_byte=end if more else None,
        next_line=line + text.count("\n"),
    )
    return Preview(kind="text", text=shown, notes=said)


def _wide(source: Source, data: bytes, start: int) -> str:
    """Return the encoding of a file whose characters have two bytes, else nothing."""
    head = data[:2] if start == 0 else source.head(2)
    return next((name for mark, name in _BOMS[1:] if head.startswith(mark)), "")


def _whole_lines(source: Source, data: bytes, start: int, wide: str) -> tuple[bytes, int]:
    """Return the lines that end in the window, at most so many, and where they end."""
    if wide:
        data = data[: len(data) // 2 * 2]
        return data, start + len(data)
    lines = data.split(b"\n", MOST_LINES)
    if len(lines) > MOST_LINES:
        data = data[: len(data) - len(lines[-1])]
    elif start + len(data) < source.size and b"\n" in data:
        data = data[: data.rindex(b"\n") + 1]
    elif start + len(data) < source.size:
        data = data[: _character_end(data)]
    return data, start + len(data)


def _character_end(data: bytes) -> int:
    """Return where the last whole UTF-8 character ends, so that a long line is not cut in one."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            width = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return len(data) if width <= back else len(data) - back
    return len(data)


def _cut(row: str) -> str:
    return row if len(row) <= LONGEST else row[:LONGEST] + "…"
