"""What one field of the data becomes: numbers, categories, vectors, images or hashed texts.

Each kind is learned from a sample of the open items as well as of the labelled ones, for what is
rare and what is usual need no labels. Blocks are scaled to about the same length, so that one
ridge fits all.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.learning.pictures import picture_rows
from dovetail.labels.learning.reading import Reader
from dovetail.labels.learning.rows import Singles
from dovetail.labels.votes import Floats

__all__ = ["LENGTH", "Categories", "Column", "Kind", "Numbers", "Vectors", "as_text", "kind_of"]

Kind = Literal["number", "category", "text", "vector", "image"]
Source = Literal["vector", "image", "text-model", "image-model"]
LENGTH = 15.0
"""Mean squared length of a block."""
_LEVELS = 50
_SHORT = 64
_MOSTLY = 0.9
_DEEPEST = 6
_LARGEST = 1e15  # beyond it a number is a mistake, and its square is none
_TAG = re.compile(r"<[^<>]{0,2000}>")


class Column(Protocol):
    """A learned field."""

    def encode(self, values: Sequence[Any], reader: Reader) -> Singles:
        """float32[n, width] of the field's values."""

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """What to keep: JSON values, and arrays."""


def kind_of(values: Sequence[Any]) -> Kind | None:
    """Guess what a field holds from a sample of its values; None where nothing can be learned."""
    known = [value for value in values if value is not None and value != ""]
    if not known:
        return None
    if _share(known, _is_vector) > _MOSTLY:
        return "vector"
    if _share(known, lambda v: _number(v) is not None) > _MOSTLY:
        return "number"
    texts = [as_text(value) for value in known]
    levels = set(texts)
    short = all(len(text) <= _SHORT for text in levels)
    if short and len(levels) <= min(_LEVELS, max(2, len(texts) // 3)):
        return "category"
    return "text"


def _share(values: Sequence[Any], good: Any) -> float:
    return sum(1 for value in values if good(value)) / len(values)


def _is_vector(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    )


def _number(value: Any) -> float | None:
    try:
        found = float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None
    return found if found is not None and abs(found) <= _LARGEST else None


def as_text(value: Any, depth: int = 0) -> str:
    """What a value says in words; tags of hypertext, and what is nested deeply, are left out."""
    if value is None or depth > _DEEPEST:
        return ""
    if isinstance(value, Mapping):
        return " ".join(as_text(one, depth + 1) for one in value.values())
    if isinstance(value, list):
        return " ".join(as_text(one, depth + 1) for one in value)
    text = value if isinstance(value, str) else str(value)
    return _TAG.sub(" ", text) if "<" in text else text


@dataclass(frozen=True)
class Numbers:
    """A number: standardised, and whether it is missing.

    Attributes:
        middle: What stands for a missing one.
        mean: Of the filled numbers.
        deviation: Likewise.
    """

    middle: float
    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Numbers":
        """Learn from a sample."""
        known = np.array([x for x in map(_number, values) if x is not None])
        middle = float(np.median(known))
        # Far-out values say that they are far out, and do not flatten the rest.
        low, high = np.quantile(known, [0.01, 0.99])
        kept = np.clip(known, low, high)
        return cls(middle, float(kept.mean()), max(float(kept.std()), 1e-9))

    def encode(self, values: Sequence[Any], reader: Reader) -> Singles:
        """float32[n, 2]."""
        told = [_number(value) for value in values]
        filled = np.array([self.middle if x is None else x for x in told])
        scaled = np.clip((filled - self.mean) / self.deviation, -5, 5)
        return np.stack([scaled, [x is None for x in told]], 1).astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """What to keep."""
        return {"middle": self.middle, "mean": self.mean, "deviation": self.deviation}, {}


@dataclass(frozen=True)
class Categories:
    """One of a few texts, as indicators.

    Attributes:
        levels: The texts, sorted.
    """

    levels: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Categories":
        """Learn from a sample."""
        return cls(tuple(sorted({as_text(value) for value in values})[: _LEVELS + 1]))

    def encode(self, values: Sequence[Any], reader: Reader) -> Singles:
        """float32[n, levels]; a text that was not there is none of them."""
        place = {level: i for i, level in enumerate(self.levels)}
        found = np.zeros((len(values), len(self.levels)), np.float32)
        for row, value in enumerate(values):
            column = place.get(as_text(value))
            if column is not None:
                found[row, column] = 1.5
        return found

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """What to keep."""
        return {"levels": list(self.levels)}, {}


@dataclass(frozen=True)
class Vectors:
    """An embedding, in the data or by a model, or the features of an image: centred and scaled.

    Attributes:
        centre: float[size].
        scale: What the block as a whole is multiplied with.
        source: Where the vectors are from.
    """

    centre: Floats
    scale: float
    source: Source = "vector"

    @classmethod
    def of(cls, values: Sequence[Any], reader: Reader, source: Source = "vector") -> "Vectors":
        """Learn from a sample."""
        block = _block(values, _usual_size(values), reader, source).astype(float)
        known = block[np.isfinite(block).all(1)]
        if not len(known):
            known = np.zeros((1, block.shape[1]))
        centre = known.mean(0)
        length = float(((known - centre) ** 2).sum(1).mean())
        return cls(centre, float(np.sqrt(LENGTH / length)) if length > 1e-12 else 0.0, source)

    def encode(self, values: Sequence[Any], reader: Reader) -> Singles:
        """float32[n, size]; zero, the middle, where there is none."""
        block = _block(values, len(self.centre), reader, self.source)
        if block.shape[1] != len(self.centre):
            raise InvalidInputError(
                f"the model gives vectors of {block.shape[1]}, and gave {len(self.centre)} before",
                fix="let the labeller learn anew",
            )
        found = np.nan_to_num((block - self.centre) * self.scale, posinf=0.0, neginf=0.0)
        return found.astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """What to keep."""
        return {"scale": self.scale, "source": self.source}, {"centre": self.centre}


def _usual_size(values: Sequence[Any]) -> int:
    sizes = [len(value) for value in values if _is_vector(value)]
    return max(set(sizes), key=sizes.count) if sizes else 1


def _block(values: Sequence[Any], size: int, reader: Reader, source: Source) -> Singles:
    if source == "image":
        return picture_rows(values, reader)
    if source in ("text-model", "image-model"):
        embed = reader.texts if source == "text-model" else reader.images
        if embed is None:
            raise InvalidInputError(
                "the labeller learned from vectors of a model that is no longer named",
                fix="name it again under [labels], or let the labeller learn anew",
            )
        given = [
            (as_text(value) or None) if source == "text-model" else reader.body(value)
            for value in values
        ]
        return reader.memory.through(source, given, embed)
    found = np.full((len(values), size), np.nan, np.float32)
    for row, value in enumerate(values):
        if _is_vector(value) and len(value) == size:
            found[row] = value
    return found
