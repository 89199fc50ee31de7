"""Columns whose values are no numbers or levels: vectors, texts, images, each as a few numbers.

A view turns such a column into numeric ones, `body: length` or `photo: sharpness`, which are then
watched like any other: by themselves, in pairs, and by the classifier. What a view learns (centres,
a vocabulary) it learns from the rows that shape the bins, so that the guarantee holds as it does
for every column.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.classical.rows import take
from dovetail.monitoring.classical.samples import Coded
from dovetail.monitoring.columns import Rows, numbers_of, typed
from dovetail.monitoring.embedding import Embed, embedded, url_of
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.view_images import ImageView
from dovetail.monitoring.view_texts import TextView, is_text
from dovetail.monitoring.view_vectors import VectorView, as_vectors

__all__ = [
    "View",
    "check_views",
    "expand",
    "fit_views",
    "gather",
    "kind_of",
    "refuse_embedding",
    "sources",
]

Kind = Literal["vector", "text", "image"]
_IMAGE, _BATCH = 2, 4
LONGEST = 1 << 20
"""Most numbers along one side of a value."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """How a column becomes numbers.

    Attributes:
        column: The column.
        kind: "vector", "text" or "image".
        shape: Of a value, where all have one: components of a vector, pixels of an image.
        embedded: Whether values pass a model first, and are vectors then.
        url: Of that model, where it is served; "" where it is a function of the user's.
        vectors: How vectors are looked at.
        texts: How texts are.
        images: How images are.
    """

    column: str
    kind: Kind
    shape: list[int] = []
    embedded: bool = False
    url: str = ""
    vectors: VectorView | None = None
    texts: TextView | None = None
    images: ImageView | None = None

    @property
    def outputs(self) -> list[str]:
        """Names of the numeric columns that it makes."""
        parts = (self.vectors, self.texts, self.images)
        return [f"{self.column}: {name}" for p in parts if p is not None for name in p.outputs()]

    @property
    def width(self) -> int:
        """How many numbers a value has when it comes in as so many columns."""
        return int(np.prod(self.shape)) if self.shape else 1

    def __call__(self, values: Any, embed: Embed | None = None) -> dict[str, Floats]:
        """The numeric columns of some values.

        Args:
            values: The column.
            embed: The model, where the view has one.
        """
        if self.embedded:
            values = embedded(embed or self.url, values, self.column)
        found: dict[str, Floats] = {}
        if self.vectors is not None:
            found = self.vectors(as_vectors(values, self.vectors.size))
        elif self.texts is not None:
            found = self.texts(_texts(values))
        elif self.images is not None:
            found = self.images(_shaped(values, self.shape))
        return {f"{self.column}: {name}": numbers for name, numbers in found.items()}


def kind_of(values: Any) -> Kind | None:
    """What a column holds; None where its values are numbers or levels."""
    if isinstance(values, Coded):
        return "text" if is_text(_texts(values)) else None
    if isinstance(values, np.ndarray) and values.dtype != object:
        if values.ndim == 1:
            return None
        return "vector" if values.ndim == _IMAGE else "image"
    items = list(take(values, None))
    first = next((v for v in items if v is not None), None)
    if isinstance(first, list | tuple | np.ndarray):
        depth = _depth(first)
        return "vector" if depth == 1 else "image"
    if isinstance(first, str) and all(v is None or isinstance(v, str) for v in items):
        return "text" if is_text(items) else None
    return None


def fit_views(
    features: Mapping[str, Any], shaping: Rows, embed: Mapping[str, Embed] | None = None
) -> list[View]:
    """The views of the columns that need one.

    Args:
        features: The columns.
        shaping: Which rows to learn from, shape (rows,).
        embed: For some columns a function that makes vectors of values, or the URL of a served
            model that does.
    """
    made = []
    at = np.flatnonzero(shaping)
    for name, values in features.items():
        kind, model = kind_of(values), (embed or {}).get(name)
        if model is not None:
            some = embedded(model, take(values, at), name)
            view = View(column=name, kind=kind or "text", embedded=True, url=url_of(model))
            made.append(msgspec.structs.replace(view, vectors=VectorView.fit(some)))
        elif kind == "text":
            fitted = TextView.fit(_texts(take(values, at)))
            made.append(View(column=name, kind=kind, texts=fitted))
        elif kind == "image":
            images = ImageView.fit(take(values, at))
            made.append(View(column=name, kind=kind, shape=_shape(values), images=images))
        elif kind == "vector":
            vectors = VectorView.fit(as_vectors(take(values, at), len(_first(values))))
            made.append(View(column=name, kind=kind, shape=[vectors.size], vectors=vectors))
    return made


def check_views(views: Sequence[View], names: Sequence[str]) -> None:
    """Refuse views of a file whose parts do not fit together, or that make other columns.

    Raises:
        ReferenceInvalidError: They do not.
    """
    for view in views:
        parts = [p for p in (view.vectors, view.texts, view.images) if p is not None]
        fits = len(parts) == 1 and all(p.is_sound() for p in parts)
        small = all(0 < side <= LONGEST for side in view.shape) and len(view.shape) <= _BATCH
        if not fits or not small or not set(view.outputs) <= set(names):
            raise ReferenceInvalidError(
                "this is no valid monitoring profile",
                why=f"its view of '{view.column[:60]}' does not fit",
                fix="make one with `dovetail monitoring profile make`",
            )


def refuse_embedding(views: Sequence[View]) -> None:
    """Refuse to call models that somebody else's profile names.

    Raises:
        ReferenceInvalidError: A view has one.
    """
    for view in views:
        if view.embedded:
            raise ReferenceInvalidError(
                f"'{view.column}' is embedded by a model that the profile names",
                why="a server calls no address that comes with a file",
                fix="log the vectors themselves, as a column of the reference and of each request",
            )


def expand(
    views: Sequence[View],
    columns: Mapping[str, Any],
    embed: Mapping[str, Embed] | None = None,
) -> Mapping[str, Any]:
    """The columns with those that have a view replaced by its numbers."""
    if not views:
        return columns
    by_name = {view.column: view for view in views}
    made: dict[str, Any] = {}
    for name, values in columns.items():
        if name in by_name:
            made |= by_name[name](values, (embed or {}).get(name))
        else:
            made[name] = values
    return made


def sources(views: Sequence[View], names: Sequence[str]) -> list[str]:
    """The columns as they come in, of those that are watched."""
    made = {output: view.column for view in views for output in view.outputs}
    return list(dict.fromkeys(made.get(name, name) for name in names))


def gather(
    views: Sequence[View], names: Sequence[str], columns: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Put values together that came in as a column a component.

    A tensor `emb` of shape [rows, 8] comes as `emb_0` to `emb_7`, or as `f0`, `f1` and so on where
    it is one of a request's numbered columns.

    Args:
        views: The views.
        names: The columns as they come in, in order.
        columns: What came.
    """
    widths = {view.column: view.width for view in views if view.shape}
    if not widths or any(name in columns for name in widths):
        return columns
    total = sum(widths.get(name, 1) for name in names)
    if list(columns) == [f"f{j}" for j in range(total)]:
        flat, made, at = list(columns.values()), dict[str, Any](), 0
        for name in names:
            width = widths.get(name, 1)
            made[name] = _stacked(flat[at : at + width]) if name in widths else flat[at]
            at += width
        return made
    made = dict(columns)
    for name, width in widths.items():
        parts = [f"{name}_{j}" for j in range(width)]
        if all(part in made for part in parts):
            made[name] = _stacked([made.pop(part) for part in parts])
    return made


def _stacked(parts: list[Any]) -> npt.NDArray[np.float32]:
    return np.stack([numbers_of(typed(part)) for part in parts], axis=1).astype(np.float32)


def _texts(values: Any) -> list[str | None]:
    return [
        v if isinstance(v, str) else None if v is None or v != v else str(v)
        for v in take(values, None)
    ]


def _depth(value: Any) -> int:
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.ndim
    return (
        1 + _depth(value[0]) if isinstance(value, list | tuple | np.ndarray) and len(value) else 0
    )


def _first(values: Any) -> Any:
    return next((v for v in values if v is not None), ())


def _shape(values: Any) -> list[int]:
    """The shape that all images have; empty where they differ."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return list(values.shape[1:])
    shapes = {np.shape(v) for v in values if v is not None}
    return list(shapes.pop()) if len(shapes) == 1 else []


def _shaped(values: Any, shape: list[int]) -> Any:
    """Images that came as a row of pixels, in the shape that they have on the reference."""
    flat = isinstance(values, np.ndarray) and values.dtype != object and values.ndim == _IMAGE
    if flat and shape and values.shape[1] == int(np.prod(shape)):
        return values.reshape(-1, *shape)
    return values
