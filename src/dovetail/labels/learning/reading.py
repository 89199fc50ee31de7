"""What features of a value may be asked from: the server's own files, and models that embed.

Values that were turned into features once are remembered, for a labeller looks at the same open
items after each training.
"""

import base64
import binascii
import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import numpy as np

from dovetail.labels.learning.rows import Singles

__all__ = ["Embed", "Memory", "Reader"]

T = TypeVar("T")
Embed = Callable[[Sequence[Any]], Singles]
"""float32[n, size] from texts, or from the bytes of images; NaN for None."""
_MOST_BYTES = 20_000_000
_REMEMBERED = 64 << 20  # bytes of features


class Memory:
    """Features by what they were made of, as many as fit; the oldest go first."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most, self._size = most, 0
        self._found: dict[bytes, Singles] = {}
        self._guard = threading.Lock()

    def through(self, kind: str, values: Sequence[Any], make: Embed) -> Singles:
        """Features of values, made only for those that are not known.

        Args:
            kind: What makes them.
            values: Texts or bytes; None and others are made each time.
            make: Makes them.
        """
        keys = [self._key(kind, value) for value in values]
        with self._guard:
            known = [self._found.get(key) if key is not None else None for key in keys]
        missing = [place for place, one in enumerate(known) if one is None]
        if missing:
            made = make([values[place] for place in missing])
            for place, one in zip(missing, made, strict=True):
                known[place] = one
                self._keep(keys[place], one)
        if not known:
            return make([])
        return np.stack([one for one in known if one is not None])

    def _key(self, kind: str, value: Any) -> bytes | None:
        if not isinstance(value, str | bytes):
            return None
        body = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        return hashlib.blake2b(body, digest_size=16, key=kind.encode()[:64]).digest()

    def _keep(self, key: bytes | None, features: Singles) -> None:
        if key is None or np.isnan(features).any():  # what could not be had may be there later
            return
        with self._guard:
            if key in self._found:
                return
            self._found[key] = features.copy()
            self._size += features.nbytes
            while self._size > self._most:
                oldest = next(iter(self._found))
                self._size -= self._found.pop(oldest).nbytes


@dataclass(frozen=True)
class Reader:
    """What features may be asked from.

    Attributes:
        image: The bytes of an image by its address, None where they cannot be had.
        texts: Embeds texts; None where no model does.
        images: Embeds images; None where no model does.
        memory: What was made before.
    """

    image: Callable[[str], bytes | None] = lambda address: None
    texts: Embed | None = None
    images: Embed | None = None
    memory: Memory = field(default_factory=Memory)

    def body(self, value: Any) -> bytes | None:
        """The bytes of an image by what the task says: a `data:` URL, or an address."""
        if not isinstance(value, str):
            return None
        if not value.startswith("data:"):
            return self.image(value)
        head, _, body = value[:_MOST_BYTES].partition(",")
        try:
            plain = unquote_to_bytes(body)
            return base64.b64decode(plain, validate=False) if head.endswith(";base64") else plain
        except (binascii.Error, ValueError):
            return None
