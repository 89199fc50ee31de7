"""Universal Binary JSON, as XGBoost writes it: read with bounds, before native code reads it.

The format is that of ubjson.org, draft 12, big endian, with arrays of one type. A length that
does not fit the file is refused, so a damaged file asks for no memory that it does not have.
"""

import struct
from typing import Any

import numpy as np

__all__ = ["UbjsonError", "read_ubjson"]

_DEEPEST = 64
_NUMBERS = {
    "i": ">i1",
    "U": ">u1",
    "I": ">i2",
    "l": ">i4",
    "L": ">i8",
    "d": ">f4",
    "D": ">f8",
}
_WHOLE = frozenset("iUIlL")
_CONSTANTS = {"Z": None, "T": True, "F": False}


class UbjsonError(ValueError):
    """The bytes are not Universal Binary JSON."""


def read_ubjson(data: bytes) -> Any:
    """Return a document; arrays of numbers of one type come as numpy arrays.

    Args:
        data: the whole file.

    Raises:
        UbjsonError: it is damaged.

    Example:
        >>> read_ubjson(b"{i\\x01aU\\x05}")
        {'a': 5}
    """
    reader = _Reader(data)
    try:
        return reader.value(reader.marker(), _DEEPEST)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise UbjsonError(f"it ends or breaks at byte {reader.at}") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def marker(self) -> str:
        self.at += 1
        return chr(self._data[self.at - 1])

    def value(self, marker: str, depth: int) -> Any:
        if depth < 0:
            raise UbjsonError(f"it nests deeper than {_DEEPEST}")
        if marker in _NUMBERS:
            return self._numbers(marker, 1)[0].item()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == "S":
            return self._text()
        if marker == "C":
            return self._bytes(1).decode()
        if marker == "{":
            return self._object(depth)
        if marker == "[":
            return self._array(depth)
        raise UbjsonError(f"there is no type {marker!r}, at byte {self.at - 1}")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (marker := self.marker()) != "}":
            if marker not in _WHOLE:
                raise UbjsonError(f"a name has no length, at byte {self.at - 1}")
            name = self._bytes(self.value(marker, depth)).decode()
            found[name] = self.value(self.marker(), depth - 1)
        return found

    def _array(self, depth: int) -> Any:
        first = self.marker()
        if first == "$":
            kind = self.marker()
            if self.marker() != "#" or kind not in _NUMBERS:
                raise UbjsonError(f"an array of {kind!r} has no length, at byte {self.at - 1}")
            return self._numbers(kind, self._length())
        found = []
        if first == "#":
            for _ in range(self._length()):
                found.append(self.value(self.marker(), depth - 1))
            return found
        while first != "]":
            found.append(self.value(first, depth - 1))
            first = self.marker()
        return found

    def _length(self) -> int:
        marker = self.marker()
        if marker not in _WHOLE:
            raise UbjsonError(f"a length is no whole number, at byte {self.at - 1}")
        return int(self.value(marker, 0))

    def _text(self) -> str:
        return self._bytes(self._length()).decode()

    def _numbers(self, kind: str, count: int) -> Any:
        dtype = np.dtype(_NUMBERS[kind])
        data = self._bytes(count * dtype.itemsize)
        return np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))

    def _bytes(self, count: int) -> bytes:
        end = self.at + count
        if count < 0 or end > len(self._data):
            raise UbjsonError(f"{count} bytes are due at byte {self.at}, the file has fewer")
        found = self._data[self.at : end]
        self.at = end
        return found
