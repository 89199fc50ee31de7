"""Files in a form, as browsers and `curl -F` send them (RFC 7578)."""

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from urllib.parse import unquote

from dovetail.base.errors import InvalidInputError

__all__ = ["Part", "is_form", "parts_of"]

_MOST = 10_000  # parts of one form


@dataclass(frozen=True)
class Part:
    """One field of a form.

    Attributes:
        name: of the field.
        filename: as the sender's disk has it; "" for a plain field.
        content: its bytes.
    """

    name: str
    filename: str
    content: bytes


def is_form(content_type: str) -> bool:
    """Whether a body of this type is a form with files."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """Cut a form into its fields.

    Args:
        content_type: with the boundary between the fields.
        body: all of it.

    Raises:
        InvalidInputError: it is no form, or is cut short.

    Example:
        >>> body = b'--x\\r\\nContent-Disposition: form-data; name="file"; filename="a.txt"\\r\\n'
        >>> parts_of("multipart/form-data; boundary=x", body + b"\\r\\nhello\\r\\n--x--\\r\\n")
        [Part(name='file', filename='a.txt', content=b'hello')]
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary or len(boundary) > 200:
        raise _broken("its type names no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _broken("it ends before its last boundary")
    if len(pieces) > _MOST:
        raise _broken(f"it has more than {_MOST:,} fields")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, divided, content = piece.partition(b"\r\n\r\n")
    if not divided:
        raise _broken("a field has no content")
    fields = HeaderParser().parsestr(head.lstrip(b"\r\n").decode("utf-8", "replace"))
    said = fields.get("Content-Disposition", "")
    if not said.lower().startswith("form-data"):
        raise _broken("a field does not say that it is form-data")
    name = fields.get_param("name", "", "content-disposition")
    filename = fields.get_param("filename", "", "content-disposition")
    if isinstance(filename, tuple):  # filename*=utf-8''%e2%82%ac.png
        filename = unquote(filename[2], filename[0] or "utf-8")
    return Part(str(name), str(filename), content)


def _broken(why: str) -> InvalidInputError:
    return InvalidInputError(
        "the form cannot be read", why=why, fix="send it as multipart/form-data with the files"
    )
