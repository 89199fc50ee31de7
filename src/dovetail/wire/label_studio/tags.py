"""The tags of label configs: the names that Label Studio knows, and the values read from them."""

from collections.abc import Mapping
from typing import Literal

import msgspec

__all__ = ["KINDS", "LAYOUT", "OBJECTS", "Control", "Kind", "Label", "Object", "flat"]

Kind = Literal[
    "classes", "spans", "boxes", "regions", "number", "rating", "text", "pairwise", "ranking",
    "taxonomy", "datetime", "other",
]  # fmt: skip
"""What a control's answer is; several tags can share one."""

KINDS: Mapping[str, Kind] = {
    "Choices": "classes",
    "Labels": "spans", "HyperTextLabels": "spans", "ParagraphLabels": "spans",
    "TimeSeriesLabels": "spans", "TimelineLabels": "spans",
    "Rectangle": "boxes", "RectangleLabels": "boxes",
    "Polygon": "regions", "PolygonLabels": "regions", "Ellipse": "regions",
    "EllipseLabels": "regions", "KeyPoint": "regions", "KeyPointLabels": "regions",
    "Brush": "regions", "BrushLabels": "regions", "Bitmask": "regions",
    "BitmaskLabels": "regions", "MagicWand": "regions", "Vector": "regions",
    "VectorLabels": "regions", "OcrLabels": "regions", "VideoRectangle": "regions",
    "VideoVector": "regions", "VideoVectorLabels": "regions",
    "Number": "number", "Rating": "rating", "TextArea": "text", "DateTime": "datetime",
    "Pairwise": "pairwise", "Ranker": "ranking", "Taxonomy": "taxonomy",
}  # fmt: skip
OBJECTS = frozenset(
    {
        "Audio", "AudioPlus", "Chat", "HyperText", "Image", "List", "Markdown", "Paragraphs",
        "Pdf", "Table", "Text", "TimeSeries", "Video",
    }
)  # fmt: skip
LAYOUT = frozenset(
    {
        "Bucket", "Channel", "Choice", "Collapse", "Column", "Dialogs", "Filter", "Header",
        "Hint", "Label", "MultiChannel", "Pagination", "Panel", "Relation", "Relations",
        "Repeater", "Shortcut", "Style", "TimelineLabels", "View", "ChatMessage", "ReactCode",
    }
)  # fmt: skip

SINGLE: frozenset[Kind] = frozenset({"classes", "pairwise", "rating"})
"""Kinds whose answer is one of a few, unless several may be taken or regions are asked about."""
SIDES = ("left", "right")
"""What a Pairwise's `selected` says: the first object of its toName, or the second."""
STARS = 5
"""How many a Rating has that does not say."""
MOST_STARS = 1000
"""A rating beyond is a number, not one of a few."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that a control offers.

    Attributes:
        value: What is shown.
        alias: What is stored instead of it, where it is given.
        hotkey: The key that takes it.
        background: Its colour, as CSS.
        selected: Whether it is taken at first.
        children: Answers below it, in a taxonomy.
        attributes: All attributes as written.
    """

    value: str
    alias: str | None = None
    hotkey: str | None = None
    background: str | None = None
    selected: bool = False
    children: tuple["Label", ...] = ()
    attributes: dict[str, str] = {}

    @property
    def name(self) -> str:
        """What is stored in results."""
        return self.alias or self.value


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that shows data.

    Attributes:
        name: What controls refer to.
        tag: Such as "Text" or "Image".
        value: What is written in `value` or `valueList`.
        field: The field of the data that it shows, "" where it shows a fixed text.
        is_list: Whether that field holds a list of addresses (`valueList`).
        value_type: `valueType`: "url" where the field holds an address of the text.
        attributes: All attributes as written.
        line: Where it is written, counted from 1.
    """

    name: str
    tag: str
    value: str
    field: str = ""
    is_list: bool = False
    value_type: str | None = None
    attributes: dict[str, str] = {}
    line: int = 0


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that takes an answer.

    Attributes:
        name: What results carry as `from_name`.
        to_names: The objects that it is about, what results carry as `to_name`.
        tag: Such as "Choices"; `type` is what results carry.
        kind: What its answer is.
        labels: The answers that it offers, those of nested tags included.
        multiple: Whether several labels may be taken at once (`choice="multiple"`).
        required: Whether an annotation without an answer is refused.
        per_region: Whether it is answered for each region instead of the item.
        dynamic: Whether its labels are in the data (`value="$field"`) or at an address.
        minimum, maximum, step: Bounds of a number; a rating's maximum is `maxRating`, else 5.
        conditions: whenTagName, whenLabelValue, whenChoiceValue, visibleWhen, as far as given.
        attributes: All attributes as written.
        line: Where it is written, counted from 1.
    """

    name: str
    to_names: tuple[str, ...]
    tag: str
    kind: Kind = "other"
    labels: tuple[Label, ...] = ()
    multiple: bool = False
    required: bool = False
    per_region: bool = False
    dynamic: bool = False
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    conditions: dict[str, str] = {}
    attributes: dict[str, str] = {}
    line: int = 0

    @property
    def type(self) -> str:
        """What results of this control carry as `type`."""
        return self.tag.lower()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of all labels, nested ones included, as results store them."""
        return tuple(dict.fromkeys(label.name for label in flat(self.labels)))

    @property
    def is_single(self) -> bool:
        """Whether an answer is one of a few for the whole item, as `Answer.label` reads it.

        True of Choices with one choice, Pairwise and Rating: what votes are counted and combined
        of. Everything that asks which controls those are asks here.
        """
        return self.kind in SINGLE and not self.multiple and not self.per_region

    @property
    def options(self) -> tuple[str, ...]:
        """The finite set that a single answer is out of; empty where the answer is no such."""
        if not self.is_single:
            return ()
        if self.kind == "pairwise":
            return SIDES
        if self.kind == "rating":
            stars = self.maximum or STARS
            return tuple(str(n) for n in range(1, int(stars) + 1)) if stars <= MOST_STARS else ()
        return self.classes


def flat(labels: tuple[Label, ...]) -> list[Label]:
    """Labels with those below them, in the order they are written."""
    return [one for label in labels for one in (label, *flat(label.children))]
