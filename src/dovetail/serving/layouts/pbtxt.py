"""Protobuf's text format, as far as Triton's `config.pbtxt` uses it.

Read without a schema, so a field that a newer Triton has is kept and can be reported instead of
making the file unreadable. Every field is a list, because only a schema knows which may repeat.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Message", "PbtxtError", "parse", "texts"]

_LARGEST = 1 << 20
_DEEPEST = 32
_TOKEN = re.compile(
    r"""\s+ | \#[^\n]*
    | (?P<text> "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' )
    | (?P<number> -?(?:0[xX][0-9a-fA-F]+ | (?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[fF]? | inf|nan)
        (?![\w.]) )
    | (?P<name> [A-Za-z_][\w./]* )
    | (?P<mark> [][{}<>:,;] )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_CLOSERS = {"{": "}", "<": ">"}
_WORDS = {"true": True, "True": True, "t": True, "false": False, "False": False, "f": False}


class PbtxtError(ValueError):
    """The text is not protobuf's text format."""


class Message(dict[str, list["Value"]]):
    """Fields by name; each a list of its values."""

    def one(self, name: str) -> "Value | None":
        """Return the last value of a field; None where it is not set."""
        values = self.get(name)
        return values[-1] if values else None

    def text(self, name: str) -> str:
        """Return a field that holds text; empty where it is not set."""
        value = self.one(name)
        return "" if value is None else str(value)

    def number(self, name: str, default: int = 0) -> int:
        """Return a field that holds a whole number.

        Raises:
            PbtxtError: it holds something else.
        """
        value = self.one(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise PbtxtError(f"{name} is not a whole number")
        return value

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return a repeated field of whole numbers."""
        values = self.get(name, [])
        if any(isinstance(value, bool) or not isinstance(value, int) for value in values):
            raise PbtxtError(f"{name} is not a list of whole numbers")
        return tuple(value for value in values if isinstance(value, int))

    def message(self, name: str) -> "Message | None":
        """Return a field that holds fields; None where it is not set."""
        value = self.one(name)
        if value is not None and not isinstance(value, Message):
            raise PbtxtError(f"{name} is not a message")
        return value

    def messages(self, name: str) -> "list[Message]":
        """Return a repeated field whose values hold fields."""
        values = self.get(name, [])
        found = [value for value in values if isinstance(value, Message)]
        if len(found) != len(values):
            raise PbtxtError(f"{name} is not a list of messages")
        return found


Value = str | int | float | bool | Message


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def parse(text: str) -> Message:
    """Read a text.

    Args:
        text: the whole file.

    Raises:
        PbtxtError: it is not text format, is over 1 MiB, or nests over 32 deep.

    Example:
        >>> parse('name: "lr" input [ { name: "x" dims: [ 3 ] } ]')["input"]
        [{'name': ['x'], 'dims': [3]}]
    """
    if len(text) > _LARGEST:
        raise PbtxtError("it is over 1 MiB")
    return _Reader(text).message("", 0)


def texts(messages: "list[Message]", value: str = "value") -> dict[str, str]:
    """Return a `map<string, ...>` field as text by key; a message gives its `string_value`."""
    found = {}
    for entry in messages:
        held = entry.one(value)
        text = held.text("string_value") if isinstance(held, Message) else str(held or "")
        found[entry.text("key")] = text
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next: _Token | None = next(self._tokens, None)
        self._line = 1

    def message(self, closer: str, depth: int) -> Message:
        if depth > _DEEPEST:
            raise PbtxtError(f"it nests over {_DEEPEST} deep")
        found = Message()
        while True:
            token = self._take()
            if token is None or (token.kind == "mark" and token.text == closer):
                if token is None and closer:
                    raise PbtxtError(f"it ends where {closer!r} is missing")
                return found
            if token.kind != "name":
                raise self._unexpected(token)
            found.setdefault(token.text, []).extend(self._values(depth))
            if self._at(",") or self._at(";"):
                self._take()

    def _values(self, depth: int) -> "Iterator[Value]":
        if self._at(":"):
            self._take()
        if not self._at("["):
            yield self._value(depth)
            return
        self._take()
        while not self._at("]"):
            yield self._value(depth)
            if self._at(","):
                self._take()
        self._take()

    def _value(self, depth: int) -> "Value":
        token = self._take()
        if token is None:
            raise PbtxtError("it ends where a value is missing")
        if token.kind == "mark" and token.text in _CLOSERS:
            return self.message(_CLOSERS[token.text], depth + 1)
        if token.kind == "text":
            parts = [_unescaped(token.text)]
            while self._next is not None and self._next.kind == "text":
                parts.append(_unescaped(self._next.text))
                self._take()
            return "".join(parts)
        if token.kind == "number":
            return _number(token.text)
        if token.kind == "name":
            return _WORDS.get(token.text, token.text)
        raise self._unexpected(token)

    def _at(self, mark: str) -> bool:
        return self._next is not None and self._next.kind == "mark" and self._next.text == mark

    def _take(self) -> _Token | None:
        token, self._next = self._next, next(self._tokens, None)
        return token

    def _unexpected(self, token: _Token) -> PbtxtError:
        return PbtxtError(f"line {token.line}: {token.text[:20]!r} is not expected there")


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise PbtxtError(f"line {line}: {text[at : at + 20]!r} is not text format")
        if found.lastgroup is not None:
            yield _Token(found.lastgroup, found[0], line)
        line += found[0].count("\n")
        at = found.end()


def _number(text: str) -> int | float:
    body = text.lower()
    if body.lstrip("-").startswith("0x"):
        return int(body, 16)
    try:
        digits = body.lstrip("-")
        is_octal = digits.isdecimal() and len(digits) > 1 and digits[0] == "0"
        return int(body, 8 if is_octal else 10)
    except ValueError:
        return float(body.removesuffix("f") if body.lstrip("-") not in ("inf",) else body)


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        if found[2]:
            return chr(int(found[2], 8))
        return _LETTERS.get(found[3], found[3])

    return _ESCAPE.sub(one, text[1:-1])
