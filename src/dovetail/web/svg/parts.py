"""What the drawings share: nodes and edges, and the colours of levels and series."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "info", "warn", "alarm", "idle"]

LEVELS: dict[str, str] = {
    "ok": "#1c7448",
    "info": "#1a5688",
    "warn": "#8a5200",
    "alarm": "#b0241c",
    "idle": "#6b655d",
}
SERIES = ("#1f66a3", "#b3611a", "#4e7a27", "#7a4a9c")
QUIET = "#8f887e"
INK = "#1e1c19"
INK_2 = "#57524b"
LINE = "#cbc5bb"
PAPER = "#ffffff"


@dataclass(frozen=True)
class Node:
    """One stop of a graph.

    Attributes:
        id: What edges call it.
        label: What people call it.
        note: A second line: what fills it, how much it holds.
        level: How it is.
        state: The level in a word, for those who do not see its colour.
        href: Where more about it is.
    """

    id: str
    label: str
    note: str = ""
    level: Level = "idle"
    state: str = ""
    href: str = ""


@dataclass(frozen=True)
class Edge:
    """A directed connection between two nodes.

    Attributes:
        source: The node that it leaves.
        target: The node that it reaches.
        label: What flows.
        level: How it is; `idle` is drawn quietly.
    """

    source: str
    target: str
    label: str = ""
    level: Level = "idle"
