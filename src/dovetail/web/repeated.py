"""Heads of requests that a client sends again and again, parsed once.

A client that keeps a connection sends the same bytes before each body, but for the length of that
body. Where the bytes are the same the parser would say the same, so it is not asked.

Nothing is guessed here. A head is remembered only after the parser has read it as the only message
of a piece of data, and counted as many bytes of body behind it as there were behind its empty line:
so both agree on where it ends. It counts as the same only byte for byte, with one or more decimal
digits in the place of the length. Heads with a transfer coding, with two lengths, or of a
connection that is to be closed are never remembered.
"""

from dataclasses import dataclass

__all__ = ["MOST_HEAD", "KnownHead", "learned"]

Headers = list[tuple[bytes, bytes]]

MOST_HEAD = 4096  # bytes; it is kept with the connection
_END, _LENGTH = b"\r\n\r\n", b"content-length"
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head that was parsed.

    Attributes:
        before: its bytes up to the digits of the length.
        after: its bytes after them, with the empty line.
        headers: what it says; names in lower case.
        place: where the length is among them.
        digits: the length that it was parsed with.
    """

    before: bytes
    after: bytes
    headers: Headers
    place: int
    digits: bytes

    def find(self, data: bytes) -> tuple[int, bytes] | None:
        """Return where the body begins in data that has this head, and the digits of its length.

        Args:
            data: that begins with a request.
        """
        if not data.startswith(self.before):
            return None
        start = len(self.before)
        end = data.find(b"\r", start, start + _MOST_DIGITS + 1)
        digits = data[start:end]
        if end < 0 or not digits.isdigit() or not data.startswith(self.after, end):
            return None
        return end + len(self.after), digits

    def headers_with(self, digits: bytes) -> Headers:
        """Return the headers with another length."""
        if digits == self.digits:
            return self.headers
        headers = self.headers.copy()
        headers[self.place] = (_LENGTH, digits)
        return headers


def learned(data: bytes, headers: Headers, body_bytes: int) -> KnownHead | None:
    """Return a head that the parser has just read; None where it is not to be remembered.

    Args:
        data: that began with it, and in which no other message began.
        headers: what the parser read; names in lower case.
        body_bytes: how many bytes of its body the parser found in the data.
    """
    size = data.find(_END) + len(_END)
    if size < len(_END) or size > MOST_HEAD or len(data) - size != body_bytes:
        return None
    names = [name for name, _ in headers]
    if names.count(_LENGTH) != 1 or b"transfer-encoding" in names:
        return None
    place = names.index(_LENGTH)
    digits = headers[place][1]
    head = data[:size]
    lower = head.lower()
    at = lower.find(b"\r\n" + _LENGTH + b": " + digits + b"\r\n")
    if at < 0 or lower.count(_LENGTH) != 1 or not digits.isdigit() or len(digits) > _MOST_DIGITS:
        return None
    start = at + len(_LENGTH) + 4
    return KnownHead(head[:start], head[start + len(digits) :], headers.copy(), place, digits)
