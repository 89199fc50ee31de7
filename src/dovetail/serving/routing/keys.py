"""What a request says of itself: its id, a parameter, or a header, as text."""

from collections.abc import Callable

from dovetail.serving.questions import Question

__all__ = ["Key", "key_of", "reader"]

Key = Callable[[Question], str | None]


def reader(source: str) -> Key:
    """Return a function that reads a key.

    Args:
        source: `id`, `parameter:NAME` or `header:NAME`.
    """
    kind, _, name = source.partition(":")
    if kind == "parameter":
        return lambda question: _parameter(question, name)
    if kind == "header":
        wire = name.lower().encode()
        return lambda question: _header(question, wire)
    return lambda question: question.id


def key_of(question: Question, read: Key) -> str:
    """Return a request's key; its id where it has none."""
    key = read(question)
    return key if key is not None else question.id or ""


def _parameter(question: Question, name: str) -> str | None:
    value = (question.parameters or {}).get(name)
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _header(question: Question, name: bytes) -> str | None:
    value = question.headers.get(name)
    return value.decode("utf-8", "replace") if value is not None else None
