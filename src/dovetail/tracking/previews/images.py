"""Pictures, known by their first bytes and not by their name."""

from dovetail.tracking.previews.source import Source

__all__ = ["LARGEST", "SANDBOX", "media_type"]

LARGEST = 20 << 20
HEAD = 512
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
"""The policy of a picture that is opened by itself: an SVG is a document and could hold script."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def media_type(source: Source) -> str | None:
    """Return the type of a picture that a browser may show, or None if it is none."""
    head = source.head(HEAD)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if source.suffix == "svg" and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "image/svg+xml"
    return None
