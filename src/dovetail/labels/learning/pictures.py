"""Images as numbers: how bright where, which edges where, which colours.

Good for digits, marks and simple scenes; for photographs give a model that embeds. An image is
bytes within the task (`data:` URL) or what a reader of the server's own files returns; nothing is
fetched from an address that a task names.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from dovetail.base import extras
from dovetail.labels.learning.reading import Reader
from dovetail.labels.learning.rows import Singles
from dovetail.labels.votes import Floats

__all__ = ["SIZE", "picture_rows"]

_SIDE = 16
_CELLS = 4
_WAYS = 8
SIZE = _SIDE * _SIDE + _CELLS * _CELLS * (_WAYS + 3)
"""Columns: pixels, edges by cell and direction, and colours by cell."""
_MOST_PIXELS = 50_000_000


def picture_rows(values: Sequence[Any], reader: Reader) -> Singles:
    """float32[n, SIZE]: features of images; NaN where there is no image to be read.

    Args:
        values: What the tasks say: `data:` URLs, or addresses for the reader.
        reader: Gives the bytes.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    image = extras.require("PIL.Image", extra="labels-images", feature="learning from images")

    def make(some: Sequence[Any]) -> Singles:
        found = np.full((len(some), SIZE), np.nan, np.float32)
        for row, value in enumerate(some):
            body = reader.body(value)
            pixels = _pixels(image, body) if body else None
            if pixels is not None:
                found[row] = _features(pixels)
        return found

    return reader.memory.through("pictures", values, make)


def _pixels(image: Any, body: bytes) -> Floats | None:
    """float[16, 16, 3] from 0 to 1; None for what is no image, or one to be afraid of."""
    try:
        with image.open(io.BytesIO(body), formats=("PNG", "JPEG", "GIF", "BMP", "WEBP")) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                return None
            opened.draft("RGB", (_SIDE * 4, _SIDE * 4))  # JPEG: decodes only as large as needed
            small = opened.convert("RGB").resize((_SIDE, _SIDE), image.Resampling.BOX)
    except Exception:  # decoders meet hostile bytes with errors of any kind
        return None
    return np.asarray(small, float) / 255


def _features(pixels: Floats) -> Floats:
    grey = pixels.mean(2)
    down, across = np.gradient(grey)
    length = np.hypot(down, across)
    way = ((np.arctan2(down, across) + np.pi) / (2 * np.pi) * _WAYS).astype(int) % _WAYS
    cell = _SIDE // _CELLS
    place = np.arange(_SIDE) // cell
    at = (place[:, None] * _CELLS + place[None]) * _WAYS + way
    edges = np.bincount(at.ravel(), length.ravel(), _CELLS * _CELLS * _WAYS).astype(float)
    edges = edges / (np.linalg.norm(edges) + 1e-3)
    colours = pixels.reshape(_CELLS, cell, _CELLS, cell, 3).mean((1, 3))
    tints = colours - colours.mean(2, keepdims=True)
    return np.concatenate([grey.ravel(), 4 * edges, 2 * tints.ravel()])
