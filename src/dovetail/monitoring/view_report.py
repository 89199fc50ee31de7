"""Vectors, texts and images of two tables, as numeric columns that a comparison can take.

A view learns from the same rows as the encoder of all columns together; the tests compare the other
rows of the reference with those now, so that both sides are new to the view.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from dovetail.monitoring.classical.rows import split_rows, take
from dovetail.monitoring.columns import SHAPING
from dovetail.monitoring.embedding import Embed
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.together import ROWS
from dovetail.monitoring.views import View, fit_views, kind_of

__all__ = ["Far", "Looked", "far_from", "looked"]

_FAR = 3
_EXCERPT = 120


class Far(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is far from the reference.

    Attributes:
        column: Of vectors, texts or images.
        row: Its number now, from 0.
        distance: From the nearest centre of the reference, in standard deviations; of images, how
            far its strangest number is from the mean.
        excerpt: How a text begins.
    """

    column: str
    row: int
    distance: float
    excerpt: str = ""


@dataclass(frozen=True)
class Looked:
    """A column to compare, as it is or as a view made it.

    Attributes:
        name: Its name.
        before: Of all rows of the reference.
        tested: Of those that the view has not learnt from.
        now: Of all rows now.
    """

    name: str
    before: Any
    tested: Any
    now: Any


def looked(
    name: str, before: Any, now: Any, embed: Mapping[str, Embed]
) -> tuple[list[Looked], list[Far]] | None:
    """A column as several; None where its values are numbers or levels.

    Args:
        name: The column.
        before: Its values on the reference.
        now: Its values now.
        embed: Functions or URLs of models that make vectors of values, by column.
    """
    if name not in embed and kind_of(before) is None:
        return None
    learning = np.zeros(len(before), dtype=np.bool_)
    learning[split_rows(len(before), 0, ROWS)[0][:SHAPING]] = True
    (view,) = fit_views({name: before}, learning, embed)
    model = embed.get(name)
    then, here = (view(take(values, None), model) for values in (before, now))
    columns = [Looked(n, then[n], then[n][~learning], here[n]) for n in view.outputs]
    return columns, list(far_from(view, columns, now))


def far_from(view: View, columns: list[Looked], now: Any) -> Iterator[Far]:
    """The rows now that are farthest from the reference."""
    distance = _distances(view, columns)
    order = np.argsort(-np.nan_to_num(distance, nan=-1.0), kind="stable")[:_FAR]
    for row in order.tolist():
        if np.isfinite(distance[row]):
            (value,) = take(now, np.array([row]))
            excerpt = value[:_EXCERPT] if isinstance(value, str) else ""
            yield Far(
                column=view.column,
                row=row,
                distance=round(float(distance[row]), 3),
                excerpt=excerpt,
            )


def _distances(view: View, columns: list[Looked]) -> Floats:
    for one in columns:
        if one.name == f"{view.column}: distance":
            return np.asarray(one.now, dtype=np.float64)
    far = []
    for one in columns:
        known = one.before[np.isfinite(one.before)]
        spread = float(known.std()) if len(known) else 0.0
        far.append(np.abs(one.now - known.mean()) / spread if spread > 0 else 0.0 * one.now)
    return np.asarray(np.max(far, axis=0), dtype=np.float64)
