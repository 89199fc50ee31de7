"""Expressions as Python functions of one row, for the online side.

Each operation is a closure over the closures of its arguments. Null is None, and the rules
are those of the frames: what is not finite is null, and so is a division by zero.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from dovetail.features.errors import RowsError
from dovetail.features.expressions.tree import Node
from dovetail.features.moments import moment, moment_us

Row = Mapping[str, Any]
Function = Callable[[Row], Any]
ASCII_LOWER = {ord("A") + i: ord("a") + i for i in range(26)}
ASCII_UPPER = {ord("a") + i: ord("A") + i for i in range(26)}
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000


def function(node: Node) -> Function:
    """Return the function of a tree with kinds.

    The function takes a row of JSON values (times as RFC 3339 text) and raises RowsError
    where a value is of another kind than the expression needs.
    """
    if node.op == "column":
        return _column(str(node.value), node.kind)
    if node.op == "literal":
        value = node.value
        return lambda row: value
    args = [function(a) for a in node.args]
    if node.op in _SPECIAL:
        return _SPECIAL[node.op](node, args)
    work = _SCALAR[node.op]
    if len(args) == 1:
        return _lifted_one(work, args[0])
    return _lifted_two(work, *args)


def _lifted_one(work: Callable[[Any], Any], arg: Function) -> Function:
    def call(row: Row) -> Any:
        value = arg(row)
        return None if value is None else work(value)

    return call


def _lifted_two(work: Callable[[Any, Any], Any], left: Function, right: Function) -> Function:
    def call(row: Row) -> Any:
        a = left(row)
        if a is None:
            return None
        b = right(row)
        return None if b is None else work(a, b)

    return call


def _column(name: str, kind: str) -> Function:
    read = _READERS[kind]

    def call(row: Row) -> Any:
        value = row.get(name)
        return None if value is None else read(value, name)

    return call


def _number(value: object, name: str) -> float | None:
    if isinstance(value, int | float):
        try:
            return _finite(float(value))
        except OverflowError:
            return None
    raise _misfit(name, value, "a number")


def _text(value: object, name: str) -> str:
    if isinstance(value, str):
        return value
    raise _misfit(name, value, "text")


def _boolean(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return value
    raise _misfit(name, value, "true or false")


def _time(value: object, name: str) -> int:
    return moment_us(value, what=name)


def _whatever(value: object, name: str) -> object:
    return None if value != value else value


_READERS: dict[str, Callable[[object, str], Any]] = {
    "number": _number, "text": _text, "boolean": _boolean, "time": _time, "any": _whatever,
}  # fmt: skip


def _misfit(name: str, value: object, needed: str) -> RowsError:
    return RowsError(f"Column {name!r} holds {value!r} where an expression needs {needed}")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _divide(a: float, b: float) -> float | None:
    return _finite(a / b) if b else None


def _modulo(a: float, b: float) -> float | None:
    if not b:
        return None
    whole = _finite(a / b)
    return None if whole is None else _finite(a - math.floor(whole) * b)


def _exp(value: float) -> float | None:
    try:
        return math.exp(value)
    except OverflowError:
        return None


def half_up(value: float, digits: int) -> float | None:
    """Round half away from zero, by the steps that every engine takes."""
    size = 10.0**digits
    scaled = abs(value) * size + 0.5
    if not math.isfinite(scaled):
        return None
    rounded = math.floor(scaled) / size
    return -rounded if value < 0 else rounded


_SCALAR: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: _finite(a + b),
    "sub": lambda a, b: _finite(a - b),
    "mul": lambda a, b: _finite(a * b),
    "div": _divide,
    "mod": _modulo,
    "neg": lambda a: -a,
    "abs": abs,
    "ln": lambda a: math.log(a) if a > 0 else None,
    "exp": _exp,
    "sqrt": lambda a: math.sqrt(a) if a >= 0 else None,
    "floor": lambda a: float(math.floor(a)),
    "ceil": lambda a: float(math.ceil(a)),
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "not": lambda a: not a,
    "lower": lambda a: a.translate(ASCII_LOWER),
    "upper": lambda a: a.translate(ASCII_UPPER),
    "length": lambda a: float(len(a)),
    "concat": lambda a, b: a + b,
    "contains": lambda a, b: b in a,
    "starts_with": lambda a, b: a.startswith(b),
    "ends_with": lambda a, b: a.endswith(b),
    "hour": lambda a: float(a // HOUR_US % 24),
    "minute": lambda a: float(a // 60_000_000 % 60),
    "weekday": lambda a: float((a // DAY_US + 3) % 7 + 1),
    "day": lambda a: float(moment(a).day),
    "month": lambda a: float(moment(a).month),
    "year": lambda a: float(moment(a).year),
    "epoch": lambda a: a / 1e6,
    "seconds_between": lambda a, b: (b - a) / 1e6,
}


def _and(node: Node, args: list[Function]) -> Function:
    left, right = args

    def call(row: Row) -> bool | None:
        a = left(row)
        if a is False:
            return False
        b = right(row)
        if b is False:
            return False
        return None if a is None or b is None else True

    return call


def _or(node: Node, args: list[Function]) -> Function:
    left, right = args

    def call(row: Row) -> bool | None:
        a = left(row)
        if a is True:
            return True
        b = right(row)
        if b is True:
            return True
        return None if a is None or b is None else False

    return call


def _is_null(node: Node, args: list[Function]) -> Function:
    (arg,) = args
    return lambda row: arg(row) is None


def _coalesce(node: Node, args: list[Function]) -> Function:
    def call(row: Row) -> Any:
        for arg in args:
            if (value := arg(row)) is not None:
                return value
        return None

    return call


def _nullif(node: Node, args: list[Function]) -> Function:
    left, right = args

    def call(row: Row) -> Any:
        value = left(row)
        return None if value is None or value == right(row) else value

    return call


def _case(node: Node, args: list[Function]) -> Function:
    pairs, otherwise = list(zip(args[:-1:2], args[1::2], strict=True)), args[-1]

    def call(row: Row) -> Any:
        for condition, value in pairs:
            if condition(row) is True:
                return value(row)
        return otherwise(row)

    return call


def _in(node: Node, args: list[Function]) -> Function:
    assert isinstance(node.value, tuple)
    options = frozenset(node.value)
    return _lifted_one(lambda value: value in options, args[0])


def like_pattern(pattern: str) -> str:
    """Return the regular expression of a LIKE pattern, without anchors."""
    return "".join({"%": "(?s:.*)", "_": "(?s:.)"}.get(c) or re.escape(c) for c in pattern)


def _like(node: Node, args: list[Function]) -> Function:
    match = re.compile(like_pattern(str(node.value))).fullmatch
    return _lifted_one(lambda value: match(value) is not None, args[0])


def _substring(node: Node, args: list[Function]) -> Function:
    assert isinstance(node.value, tuple)
    first, count = int(node.value[0]) - 1, int(node.value[1])
    return _lifted_one(lambda value: value[first : first + count], args[0])


def _shift(node: Node, args: list[Function]) -> Function:
    size = int(node.value)  # type: ignore[arg-type]
    return _lifted_one(lambda value: value + size, args[0])


def _round(node: Node, args: list[Function]) -> Function:
    digits = int(node.value)  # type: ignore[arg-type]
    return _lifted_one(lambda value: half_up(value, digits), args[0])


_SPECIAL: dict[str, Callable[[Node, list[Function]], Function]] = {
    "and": _and, "or": _or, "is_null": _is_null, "coalesce": _coalesce, "nullif": _nullif,
    "case": _case, "shift": _shift, "in": _in, "like": _like, "substring": _substring,
    "round": _round,
}  # fmt: skip
