"""Data of tasks as rows of features, learned once and kept with the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dovetail.base.errors import InvalidInputError
from dovetail.labels.learning.columns import (
    LENGTH,
    Categories,
    Column,
    Kind,
    Numbers,
    Vectors,
    as_text,
    kind_of,
)
from dovetail.labels.learning.inputs import Inputs
from dovetail.labels.learning.reading import Reader
from dovetail.labels.learning.rows import Rows, Singles, beside, minus
from dovetail.labels.learning.texts import WIDTH, grams, rarities, weighed

__all__ = ["Data", "Duel", "Encoder"]

Data = Mapping[str, Any]
"""The data of a task, by field."""
_SAMPLE = 5_000
_MOST_FIELDS = 500
_SIDE = "side"


@dataclass(frozen=True)
class Encoder:
    """Turns data into rows.

    Attributes:
        columns: Learned fields that become dense columns, by name.
        texts: The fields that are read as text, together.
        rarity: float32[WIDTH], the weight of each hashed column; empty without texts.
        kept: bool[WIDTH], hashed columns that are of use; likewise.
        scale: What the dense numbers and categories are multiplied with.
        duels: Fields that are learned from as a difference.
    """

    columns: Mapping[str, Column]
    texts: tuple[str, ...]
    rarity: Singles
    kept: npt.NDArray[np.bool_]
    scale: float
    duels: tuple["Duel", ...] = ()

    @classmethod
    def learned(
        cls, sample: Sequence[Data], inputs: Inputs, reader: Reader | None = None
    ) -> "Encoder":
        """Learn from a sample of tasks, labelled or not.

        Args:
            sample: Their data; the first 5,000 are used.
            inputs: The fields to learn from; "page.title" is a field within a field, and a field
                of fields stands for each of them.
            reader: Gives the bytes of images that are not within the tasks, and models that embed.

        Raises:
            InvalidInputError: No field can be learned from.
            MissingExtraError: There are images, and Pillow is not installed.
        """
        some, reader = sample[:_SAMPLE], reader or Reader()
        columns: dict[str, Column] = {}
        texts: list[str] = []
        for name in _spread(some, inputs.fields):
            values = [value_at(data, name) for data in some]
            kind: Kind | None = "image" if name in inputs.images else kind_of(values)
            if kind == "text":
                texts.append(name)
                if reader.texts is not None:
                    columns[name] = Vectors.of(values, reader, "text-model")
            elif kind == "image" and reader.images is not None:
                columns[name] = Vectors.of(values, reader, "image-model")
            elif kind is not None:
                columns[name] = _LEARNED[kind](values, reader)
        duels = _duels(some, inputs, reader)
        if not columns and not texts and not duels:
            asked = dict.fromkeys(
                (*inputs.fields, *(name for pair in inputs.pairs for name in pair))
            )
            raise InvalidInputError(
                f"none of the fields {', '.join(asked) or '(none)'} can be learned from",
                fix="name fields with text, numbers, vectors or images",
            )
        rarity, kept = np.zeros(0, np.float32), np.zeros(0, bool)
        if texts:
            found = grams([_joined(data, texts) for data in some])
            rarity, kept = rarities(found, len(some))
        made = cls(columns, tuple(texts), rarity, kept, 1.0, duels)
        return made._scaled(some, reader)

    def _scaled(self, sample: Sequence[Data], reader: Reader) -> "Encoder":
        plain = [c for c in self.columns.values() if not isinstance(c, Vectors)]
        if not plain:
            return self
        block = self._dense(sample[:1000], reader, only_plain=True)
        length = float((block**2).sum(1).mean())
        scale = float(np.sqrt(LENGTH / length)) if length > LENGTH else 1.0
        return replace(self, scale=scale)

    def rows(self, tasks: Sequence[Data], reader: Reader | None = None) -> Rows:
        """Turn the data of some tasks into rows."""
        reader = reader or Reader()
        return beside(
            [self._plain(tasks, reader), *(one.rows(tasks, reader) for one in self.duels)]
        )

    def _plain(self, tasks: Sequence[Data], reader: Reader) -> Rows:
        dense = self._dense(tasks, reader)
        if not self.texts:
            return Rows.of_dense(dense)
        found = grams([_joined(data, self.texts) for data in tasks])
        start, columns, values = weighed(found, self.rarity, self.kept)
        return Rows(dense, start, columns, values * np.float32(np.sqrt(LENGTH)), WIDTH)

    def _dense(self, tasks: Sequence[Data], reader: Reader, *, only_plain: bool = False) -> Singles:
        blocks = [np.zeros((len(tasks), 0), np.float32)]
        for name, column in self.columns.items():
            is_plain = not isinstance(column, Vectors)
            if only_plain and not is_plain:
                continue
            block = column.encode([value_at(data, name) for data in tasks], reader)
            blocks.append(block * np.float32(self.scale) if is_plain else block)
        return np.hstack(blocks)


@dataclass(frozen=True)
class Duel:
    """Two fields that are held against each other.

    Attributes:
        left: The one.
        right: The other.
        encoder: What turns either into a row.
    """

    left: str
    right: str
    encoder: Encoder

    def rows(self, tasks: Sequence[Data], reader: Reader) -> Rows:
        """Left less right, for each task."""
        left, right = (
            self.encoder.rows([{_SIDE: value_at(data, name)} for data in tasks], reader)
            for name in (self.left, self.right)
        )
        return minus(left, right)


def _duels(sample: Sequence[Data], inputs: Inputs, reader: Reader) -> tuple[Duel, ...]:
    """What can be compared of the pairs: each learned from both of its sides together."""
    found = []
    for left, right in inputs.pairs:
        values = [value_at(data, name) for data in sample for name in (left, right)]
        if all(value is None or value == "" for value in values):
            continue
        images = (_SIDE,) if left in inputs.images and right in inputs.images else ()
        sides = [{_SIDE: value} for value in values]
        found.append(Duel(left, right, Encoder.learned(sides, Inputs((_SIDE,), images), reader)))
    return tuple(found)


def value_at(data: Data, name: str) -> Any:
    """The value of a field; "page.title" is within "page" where no field has the whole name."""
    if name in data:
        return data[name]
    value: Any = data
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _spread(sample: Sequence[Data], fields: Sequence[str]) -> list[str]:
    """The fields, with those within a field that holds an object, as a table's row does."""
    found: dict[str, None] = {}
    for name in fields:
        values = [value_at(data, name) for data in sample]
        inner = [value for value in values if isinstance(value, Mapping)]
        if 2 * len(inner) > sum(1 for value in values if value is not None):
            keys = dict.fromkeys(str(key) for value in inner for key in value)
            found.update(dict.fromkeys(f"{name}.{key}" for key in keys))
        else:
            found[name] = None
    return list(found)[:_MOST_FIELDS]


def _joined(data: Data, names: Sequence[str]) -> str:
    return "\n".join(as_text(value_at(data, name)) for name in names)


_LEARNED: dict[Kind, Any] = {
    "number": lambda values, reader: Numbers.of(values),
    "category": lambda values, reader: Categories.of(values),
    "vector": lambda values, reader: Vectors.of(values, reader),
    "image": lambda values, reader: Vectors.of(values, reader, "image"),
}
