"""Which part of a file a request asks for (RFC 9110, sections 13 and 14), and whether it has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate

from dovetail.base.artifacts import Stat

__all__ = ["Asked", "asked"]

_UNITS = "bytes"


@dataclass(frozen=True)
class Asked:
    """What to answer to a request for a file.

    Attributes:
        status: 200, 206 for a part, 304 for a file that the client has, 416 for a part that it
            does not have.
        start: the first byte to send.
        end: the byte after the last.
        headers: what says so.
    """

    status: int
    start: int
    end: int
    headers: Mapping[str, str]


def asked(headers: Mapping[str, str], found: Stat) -> Asked:
    """Return what to answer to a request for a file.

    Args:
        headers: of the request, with names in lower case.
        found: the file.

    Example:
        >>> file = Stat("f", size=10, is_dir=False, modified=0.0, etag="v1")
        >>> answer = asked({"range": "bytes=-3"}, file)
        >>> answer.status, answer.headers["Content-Range"]
        (206, 'bytes 7-9/10')
    """
    etag, modified = f'"{found.etag}"', formatdate(found.modified, usegmt=True)
    common = {"Accept-Ranges": _UNITS, "Last-Modified": modified}
    if found.etag:
        common["ETag"] = etag
    if found.etag and _matches(headers.get("if-none-match", ""), etag):
        return Asked(304, 0, 0, common)
    condition = headers.get("if-range", "").strip()
    if condition and condition not in (etag, modified):
        return Asked(200, 0, found.size, common)
    part = _part(headers.get("range", ""), found.size)
    if part is None:
        return Asked(200, 0, found.size, common)
    start, end = part
    if start >= end:
        return Asked(416, 0, 0, {**common, "Content-Range": f"{_UNITS} */{found.size}"})
    where = f"{_UNITS} {start}-{end - 1}/{found.size}"
    return Asked(206, start, end, {**common, "Content-Range": where})


def _matches(header: str, etag: str) -> bool:
    given = [one.strip().removeprefix("W/") for one in header.split(",")]
    return "*" in given or etag in given


def _part(header: str, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last; None for what may be ignored."""
    unit, _, spec = header.partition("=")
    first, dash, last = (part.strip() for part in spec.partition("-"))
    if unit.strip().lower() != _UNITS or not dash or "," in spec:
        return None
    if not all(part == "" or (part.isascii() and part.isdigit()) for part in (first, last)):
        return None
    if len(first) > 18 or len(last) > 18 or not (first or last):
        return None
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), int(last) + 1 if last else size
    if last and end <= start:
        return None
    return start, min(end, size)
