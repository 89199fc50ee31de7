"""What a preview shows, as values: the page and its JSON twin are made from the same."""

from typing import Literal

import msgspec

__all__ = ["Column", "Line", "Node", "Preview", "Table", "Text"]


class Column(msgspec.Struct, frozen=True):
    """A column of a table and what its cells look like."""

    name: str
    type: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The first rows of a table.

    Attributes:
        columns: The first columns.
        rows: The first rows, cells as text, long ones cut; None where a value is missing.
        total: How many rows there are; None where only the beginning was read.
        width: How many columns there are.
    """

    columns: list[Column]
    rows: list[list[str | None]]
    total: int | None
    width: int


class Line(msgspec.Struct, frozen=True):
    """A line of text with its number."""

    number: int
    text: str


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a text.

    Attributes:
        language: What it is written in, for people: `Python`, `Markdown`.
        lines: The lines of this part.
        next_byte: Where the next part begins; None if this is the last.
        next_line: The number of the next part's first line.
    """

    language: str
    lines: list[Line]
    next_byte: int | None = None
    next_line: int = 1


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a document with what lies below it.

    Attributes:
        key: Its name or position; empty for the whole.
        kind: `object`, `list`, or what a leaf is.
        text: A leaf's value, or how much an object or list holds.
        children: What lies below, cut after so many values.
        cut: Whether some is not shown.
    """

    key: str
    kind: str
    text: str
    children: list["Node"] = []
    cut: bool = False


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What can be seen of a file without loading it.

    Attributes:
        kind: Which of the fields is filled.
        notes: What is not shown and why.
        image: Address of the picture.
        table: The first rows.
        text: A part of the text.
        tree: The document.
    """

    kind: Literal["image", "table", "text", "tree", "none"]
    notes: list[str] = []
    image: str = ""
    table: Table | None = None
    text: Text | None = None
    tree: Node | None = None
