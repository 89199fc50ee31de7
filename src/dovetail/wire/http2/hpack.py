"""Headers of HTTP/2 (RFC 7541): read with the table that the other side fills, written without.

A client that asks the same again sends the same few bytes, which mean the same as long as the table
does not change; so what they meant is remembered.
"""

from collections import deque

from dovetail.wire.http2.frames import Http2Error
from dovetail.wire.http2.huffman import decode as huffman

__all__ = ["HeaderDecoder", "Headers", "encode_headers"]

Headers = tuple[tuple[bytes, bytes], ...]

_TEXT = """:authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|
:status 200|:status 204|:status 206|:status 304|:status 400|:status 404|:status 500|accept-charset|
accept-encoding gzip, deflate|accept-language|accept-ranges|accept|access-control-allow-origin|age|
allow|authorization|cache-control|content-disposition|content-encoding|content-language|
content-length|content-location|content-range|content-type|cookie|date|etag|expect|expires|from|
host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|link|
location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|
server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate"""
_STATIC = [
    (name, value)
    for name, _, value in (
        part.encode().partition(b" ") for part in _TEXT.replace("\n", "").split("|")
    )
]
_TABLE_BYTES = 4096  # the default, which nothing here changes
_ENTRY = 32
_REMEMBERED, _SHORT = 64, 512  # blocks, and their bytes; forgotten when the table changes
_MOST_SHIFT = 28


class HeaderDecoder:
    """Reads the header blocks of one connection, in their order.

    Args:
        most: bytes that the headers of one block may have, unpacked.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._table: deque[tuple[bytes, bytes]] = deque()
        self._size, self._limit = 0, _TABLE_BYTES
        self._known: dict[bytes, Headers] = {}

    def decode(self, block: bytes) -> Headers:
        """Return the headers of a block; names as they were sent, which is in lower case.

        Raises:
            Http2Error: it is malformed, or the headers are too large.
        """
        known = self._known.get(block)
        if known is not None:
            return known
        try:
            found, is_constant = self._read(block)
        except (IndexError, ValueError) as error:
            if isinstance(error, Http2Error):
                raise
            raise Http2Error(
                Http2Error.COMPRESSION, f"the headers are malformed: {error}"
            ) from error
        if is_constant and len(block) < _SHORT and len(self._known) < _REMEMBERED:
            self._known[block] = found
        return found

    def _read(self, block: bytes) -> tuple[Headers, bool]:
        found: list[tuple[bytes, bytes]] = []
        at, end, size, is_constant = 0, len(block), 0, True
        while at < end:
            first = block[at]
            if first & 0x80:
                index, at = _number(block, at, 7)
                pair = self._entry(index)
            elif first & 0xE0 == 0x20:
                limit, at = _number(block, at, 5)
                if found or limit > _TABLE_BYTES:
                    raise ValueError("the table may not change so")
                self._limit, is_constant = limit, False
                self._shrink(0)
                continue
            else:
                adds = bool(first & 0x40)
                index, at = _number(block, at, 6 if adds else 4)
                if index:
                    name = self._entry(index)[0]
                else:
                    name, at = _text(block, at)
                value, at = _text(block, at)
                pair = (name, value)
                if adds:
                    is_constant = False
                    self._add(pair)
            size += len(pair[0]) + len(pair[1]) + _ENTRY
            if size > self._most:
                raise Http2Error(Http2Error.CALM, "the headers are too large")
            found.append(pair)
        return tuple(found), is_constant

    def _entry(self, index: int) -> tuple[bytes, bytes]:
        if not index:
            raise ValueError("there is no entry 0")
        return (
            _STATIC[index - 1] if index <= len(_STATIC) else self._table[index - len(_STATIC) - 1]
        )

    def _add(self, pair: tuple[bytes, bytes]) -> None:
        self._known.clear()
        size = len(pair[0]) + len(pair[1]) + _ENTRY
        self._shrink(size)
        if size <= self._limit:
            self._table.appendleft(pair)
            self._size += size

    def _shrink(self, more: int) -> None:
        self._known.clear()
        while self._table and self._size + more > self._limit:
            name, value = self._table.pop()
            self._size -= len(name) + len(value) + _ENTRY


def _number(block: bytes, at: int, bits: int) -> tuple[int, int]:
    most = (1 << bits) - 1
    value, at = block[at] & most, at + 1
    if value < most:
        return value, at
    shift = 0
    while True:
        byte, at = block[at], at + 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > _MOST_SHIFT:
            raise ValueError("a number is too large")


def _text(block: bytes, at: int) -> tuple[bytes, int]:
    is_coded = block[at] & 0x80
    size, at = _number(block, at, 7)
    if at + size > len(block):
        raise ValueError("a text is cut off")
    text = block[at : at + size]
    return (huffman(text) if is_coded else text), at + size


def encode_headers(headers: Headers) -> bytes:
    """Write headers so that no table is needed to read them, but for `:status`.

    Args:
        headers: names in lower case; `:status 200` takes one byte.
    """
    parts = []
    for pair in headers:
        if pair == (b":status", b"200"):
            parts.append(b"\x88")
            continue
        name, value = pair
        parts += (b"\0", _length(len(name)), name, _length(len(value)), value)
    return b"".join(parts)


def _length(size: int) -> bytes:
    if size < 0x7F:
        return bytes((size,))
    found, size = bytearray((0x7F,)), size - 0x7F
    while size >= 0x80:
        found.append(size & 0x7F | 0x80)
        size >>= 7
    found.append(size)
    return bytes(found)
