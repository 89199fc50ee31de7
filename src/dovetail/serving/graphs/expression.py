"""The conditions of a graph's steps: a small language over a request and an answer.

    parameters.tier == "gold" and inputs.age[0] >= 18
    not (headers["x-country"] in ["SE", "NO"]) or max(outputs.score) > 0.9

Fields are `parameters.NAME`, `headers.NAME`, `inputs.NAME` and `outputs.NAME`, or `["NAME"]` where
a name is no word. A tensor of one element is that element; `[i]` and `[i][j]` take one of several;
`min`, `max`, `mean`, `sum` and `size` make one of all. What is not there is null, and null is
neither less nor greater than anything. Nothing here runs code: a text becomes a tree of these few
operations, or an error that says where it stops making sense.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.serving.tensors import Array

__all__ = ["Condition", "Facts", "parse_condition"]

_LONGEST = 2000
_DEEPEST = 40
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|\.|,))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_ROOTS = ("parameters", "headers", "inputs", "outputs")
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a condition is about.

    Args:
        inputs: the tensors of the graph's request.
        outputs: those of the answer of the step before.
        parameters: of the request.
        headers: of the request; names in lower case.
    """

    inputs: Mapping[str, Array] = field(default_factory=dict)
    outputs: Mapping[str, Array] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[bytes, bytes] = field(default_factory=dict)


Value = Callable[[Facts], Any]
Condition = Callable[[Facts], bool]


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


def parse_condition(text: str) -> Condition:
    """Return what decides a condition.

    Args:
        text: in the language of this module.

    Raises:
        InvalidInputError: it is not in that language; says where.

    Example:
        >>> is_adult = parse_condition("parameters.age >= 18")
        >>> is_adult(Facts(parameters={"age": 21}))
        True
    """
    if len(text) > _LONGEST:
        raise InvalidInputError(f"a condition is over {_LONGEST} characters")
    parser = _Parser(text, _tokens(text))
    value = parser.either()
    parser.end()
    return lambda facts: _truth(value(facts))


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    stripped = text.rstrip()
    while place < len(stripped):
        match = _TOKEN.match(stripped, place)
        if match is None:
            raise _wrong(text, place, "a field, a value or an operator is due")
        kind = str(match.lastgroup)
        found.append(_Token(kind, match[kind], match.start(kind)))
        place = match.end()
    return found


class _Parser:
    """Reads tokens from the loosest operator to the tightest.

    Args:
        text: the whole condition, for messages.
        tokens: of it.
    """

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text, self._tokens, self._at, self._depth = text, tokens, 0, 0

    def either(self) -> Value:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidInputError("a condition is nested too deeply")
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else lambda f: any(_truth(part(f)) for part in parts)

    def _both(self) -> Value:
        parts = [self._negated()]
        while self._takes("and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else lambda f: all(_truth(part(f)) for part in parts)

    def _negated(self) -> Value:
        turns = 0
        while self._takes("not"):
            turns += 1
        value = self._compared()
        return value if turns % 2 == 0 else lambda facts: not _truth(value(facts))

    def _compared(self) -> Value:
        left = self._value()
        token = self._peek()
        if token is not None and token.text in _COMPARE:
            self._at += 1
            compare, right = _COMPARE[token.text], self._value()
            return lambda facts: _compare(compare, left(facts), right(facts))
        if self._takes("in"):
            among = self._list()
            return lambda facts: any(
                _compare(operator.eq, left(facts), one(facts)) for one in among
            )
        return left

    def _list(self) -> Sequence[Value]:
        self._expect("[")
        values = [self._value()]
        while self._takes(","):
            values.append(self._value())
        self._expect("]")
        return values

    def _value(self) -> Value:
        token = self._next("a field or a value")
        if token.kind == "number":
            number = float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
            return lambda facts: number
        if token.kind == "text":
            text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
            return lambda facts: text
        if token.text == "(":
            inner = self.either()
            self._expect(")")
            return inner
        if token.text in _WORDS:
            constant = _WORDS[token.text]
            return lambda facts: constant
        if token.text in _GATHER:
            self._expect("(")
            gather, of = _GATHER[token.text], self._field(self._next("a field"))
            self._expect(")")
            return lambda facts: gather(of(facts))
        field = self._field(token)
        return lambda facts: _single(field(facts))

    def _field(self, token: _Token) -> Value:
        if token.text not in _ROOTS:
            raise _wrong(self._text, token.place, f"a field begins with {', '.join(_ROOTS)}")
        root, name = token.text, self._name()
        value = _reader(root, name)
        while self._takes("["):
            index = self._next("a whole number")
            if not re.fullmatch(r"-?\d+", index.text):
                raise _wrong(self._text, index.place, "a whole number is due")
            self._expect("]")
            value = _element(value, int(index.text))
        return value

    def _name(self) -> str:
        if self._takes("."):
            return self._next("a name").text
        self._expect("[")
        token = self._next("a name in quotes")
        if token.kind != "text":
            raise _wrong(self._text, token.place, "a name in quotes is due")
        self._expect("]")
        return re.sub(r"\\(.)", r"\1", token.text[1:-1])

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _takes(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.text != text or token.kind == "text":
            return False
        self._at += 1
        return True

    def _next(self, due: str) -> _Token:
        token = self._peek()
        if token is None:
            raise _wrong(self._text, len(self._text), f"{due} is due")
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        if not self._takes(text):
            token = self._peek()
            place = token.place if token is not None else len(self._text)
            raise _wrong(self._text, place, f"{text!r} is due")

    def end(self) -> None:
        token = self._peek()
        if token is not None:
            raise _wrong(self._text, token.place, "and, or, or the end is due")


def _reader(root: str, name: str) -> Value:
    if root == "headers":
        wire = name.lower().encode()
        return lambda facts: _text(facts.headers.get(wire))
    if root == "parameters":
        return lambda facts: facts.parameters.get(name)
    if root == "inputs":
        return lambda facts: facts.inputs.get(name)
    return lambda facts: facts.outputs.get(name)


def _element(value: Value, index: int) -> Value:
    def take(facts: Facts) -> Any:
        whole = value(facts)
        if not isinstance(whole, np.ndarray) or not whole.ndim:
            return None
        return whole[index] if -len(whole) <= index < len(whole) else None

    return take


def _single(value: Any) -> Any:
    """Return a plain value: the element of a tensor that has one."""
    if isinstance(value, np.ndarray):
        if value.size != 1:
            raise InvalidInputError(
                f"a condition needs one value, the tensor has {value.size}",
                fix="take one with [i], or all with min, max, mean, sum or size",
            )
        value = value.reshape(-1)[0]
    if isinstance(value, np.generic):
        value = value.item()
    return _text(value)


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _gathered(fn: Callable[[Array], Any]) -> Callable[[Any], Any]:
    def gather(value: Any) -> Any:
        if value is None:
            return None
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or not array.size:
            return None
        return fn(array).item()

    return gather


_GATHER: dict[str, Callable[[Any], Any]] = {
    "min": _gathered(np.min),
    "max": _gathered(np.max),
    "mean": _gathered(np.mean),
    "sum": _gathered(np.sum),
    "size": lambda value: 0 if value is None else int(np.asarray(value).size),
}


def _compare(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    if compare in (operator.eq, operator.ne):
        return bool(compare(left, right))
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if not numbers and not (isinstance(left, str) and isinstance(right, str)):
        return False
    return bool(compare(left, right))


def _truth(value: Any) -> bool:
    return bool(_single(value)) if isinstance(value, np.ndarray) else bool(value)


def _wrong(text: str, place: int, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"the condition {text!r} makes no sense at character {place + 1}",
        why=why,
        fix='an example: parameters.tier == "gold" and inputs.age[0] >= 18',
    )
