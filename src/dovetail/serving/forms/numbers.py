"""An array as plain data, for forms that are written to disk."""

from typing import Any

import msgspec
import numpy as np

from dovetail.serving.tensors import Array

__all__ = ["Numbers"]


class Numbers(msgspec.Struct, frozen=True):
    """An array of numbers.

    Args:
        dtype: numpy's name of the element type, with the byte order.
        shape: sizes by axis.
        data: the elements.

    Example:
        >>> Numbers.of([[1.0, 2.0]]).array()
        array([[1., 2.]])
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, values: Any, dtype: Any = np.float64) -> "Numbers":
        """Take a copy of an array."""
        array = np.ascontiguousarray(values, dtype)
        return cls(array.dtype.str, array.shape, array.tobytes())

    def array(self) -> Array:
        """Return the array; it cannot be written to."""
        return np.frombuffer(self.data, np.dtype(self.dtype)).reshape(self.shape)
