"""What a form of a page sends, and where the browser goes after it."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from dovetail.base.errors import TooLargeError

__all__ = ["fields", "local"]

LIMIT = 1 << 20


async def fields(request: Request) -> dict[str, list[str]]:
    """Return the fields of a form.

    Raises:
        TooLargeError: it is over 1 MiB.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT:
            raise TooLargeError("the form is over 1 MiB", fix="send less text, or fewer runs")
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


def local(address: str, default: str) -> str:
    """Return an address if it is a page of tracking, else the default."""
    parts = urlsplit(address)
    inside = not parts.scheme and not parts.netloc and parts.path.startswith("/tracking")
    return address if inside and "\\" not in address and "\n" not in address else default
