"""Text files: UTF-8, or a message that says where it is not."""

from dovetail.base.errors import InvalidInputError

__all__ = ["decoded"]


def decoded(content: bytes, name: str) -> str:
    """Read UTF-8, with or without a mark before it.

    Raises:
        InvalidInputError: it is none; the line is said.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInputError(
            f"{name}, line {line}: the file is not UTF-8",
            why=f"byte {error.start} is {content[error.start]:#04x}",
            fix=f"convert it, for example: iconv -f latin1 -t utf-8 {name} > utf8-{name}",
        ) from error
