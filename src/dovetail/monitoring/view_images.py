"""Images as a few numbers a row: light, contrast, sharpness, colour and size.

They see a camera that was moved, a lens that is dirty, another light, another resolution; what is
in the pictures takes a model (`embedding.py`).
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.numeric import Floats

__all__ = ["ImageView"]

_NAMES = ("brightness", "contrast", "sharpness", "height", "width")
_COLOURS = ("red", "green", "blue", "saturation")
_CHANNELS = (1, 3, 4)
_FLAT, _DEEP, _BATCH = 2, 3, 4


class ImageView(msgspec.Struct, frozen=True, kw_only=True):
    """What images looked like on the reference.

    Attributes:
        colour: Whether they have channels of colour.
    """

    colour: bool

    @classmethod
    def fit(cls, images: Sequence[Any]) -> "ImageView":
        """Look whether there is colour: at the first image that is there."""
        pixels = next((p for p in map(_pixels, images) if p is not None), None)
        return cls(colour=pixels is not None and pixels.shape[2] >= _DEEP)

    def is_sound(self) -> bool:
        """Whether the parts fit together."""
        return True

    def outputs(self) -> list[str]:
        """Names of the numbers."""
        return [*_NAMES, *(_COLOURS if self.colour else ())]

    def __call__(self, images: Sequence[Any]) -> dict[str, Floats]:
        """The numbers of each row, NaN where there is no image."""
        table = np.full((len(images), len(self.outputs())), np.nan)
        for row, image in zip(table, images, strict=True):
            pixels = _pixels(image)
            if pixels is not None:
                found = _measures(pixels, colour=self.colour)
                row[: len(found)] = found
        return dict(zip(self.outputs(), np.ascontiguousarray(table.T), strict=True))


def _pixels(image: Any) -> npt.NDArray[np.float32] | None:
    """An image as [height, width, channels]; None where it is none."""
    if image is None:
        return None
    try:
        pixels = np.asarray(image, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    if pixels.ndim == _FLAT:
        pixels = pixels[:, :, None]
    if pixels.ndim != _DEEP or not pixels.size:
        return None
    # Networks take channels first; files have them last.
    if pixels.shape[0] in _CHANNELS and pixels.shape[2] not in _CHANNELS:
        pixels = pixels.transpose(1, 2, 0)
    return pixels


def _measures(pixels: npt.NDArray[np.float32], *, colour: bool) -> list[float]:
    channels = pixels[:, :, :_DEEP]
    grey = channels.mean(axis=2, dtype=np.float64)
    steps = [np.abs(np.diff(grey, axis=axis)) for axis in (0, 1)]
    sharpness = sum(float(s.mean()) if s.size else 0.0 for s in steps)
    found = [float(grey.mean()), float(grey.std()), sharpness, *map(float, grey.shape)]
    if colour and channels.shape[2] == _DEEP:
        found += channels.mean(axis=(0, 1), dtype=np.float64).tolist()
        found.append(float((channels.max(axis=2) - channels.min(axis=2)).mean()))
    return found
