"""Expressions as polars expressions, for the offline side."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dovetail.features.errors import RowsError
from dovetail.features.expressions.rows import ASCII_LOWER, DAY_US, HOUR_US, like_pattern
from dovetail.features.expressions.tree import Node
from dovetail.features.moments import column_us

if TYPE_CHECKING:
    import polars as pl


def compiled(node: Node, schema: "pl.Schema") -> "pl.Expr":
    """Return the polars expression of a tree with kinds.

    Args:
        node: The tree.
        schema: Types of the columns that it reads.

    Raises:
        RowsError: A column holds another kind than the expression needs.
    """
    import polars as pl

    if node.op == "column":
        return _column(str(node.value), node.kind, schema)
    if node.op == "literal":
        return pl.lit(node.value, dtype=_types().get(node.kind))
    if node.op in _FLIPPED and node.args[0].op == "literal":
        # polars 2.1 gives one row for a literal compared with a text that is null throughout.
        node = Node(_FLIPPED[node.op], node.args[::-1], kind=node.kind)
    args = [compiled(a, schema) for a in node.args]
    if node.op in _SPECIAL:
        return _SPECIAL[node.op](node, args)
    result: pl.Expr = _SCALAR[node.op](*args)
    return result


def result_type(kind: str) -> Any:
    """Return the polars type of a kind; None where it follows the column."""
    return _types().get(kind)


def _types() -> dict[str, Any]:
    import polars as pl

    return {"number": pl.Float64, "text": pl.String, "boolean": pl.Boolean, "time": pl.Int64}


def _column(name: str, kind: str, schema: "pl.Schema") -> "pl.Expr":
    import polars as pl

    held, column = schema[name], pl.col(name)
    if kind == "any":
        return column.fill_nan(None) if held.is_float() else column
    if held == pl.Null:
        return pl.lit(None, dtype=_types()[kind])
    if kind == "time":
        return column_us(schema, name)
    fits = {
        "number": held.is_numeric() or held == pl.Boolean,
        "text": held in (pl.String, pl.Categorical, pl.Enum),
        "boolean": held == pl.Boolean,
    }[kind]
    if not fits:
        raise RowsError(f"Column {name!r} holds {held} where an expression needs {kind}")
    value = column.cast(_types()[kind])
    return _finite(value) if held.is_float() else value


def _finite(value: "pl.Expr") -> "pl.Expr":
    import polars as pl

    return pl.when(value.is_finite()).then(value)


def _when(condition: "pl.Expr", value: "pl.Expr") -> "pl.Expr":
    import polars as pl

    return pl.when(condition).then(value)


def _divided(a: "pl.Expr", b: "pl.Expr | float") -> "pl.Expr":
    """Divide as IEEE 754 does; polars multiplies by 1 / b where b is one number."""
    return a / (a * 0.0 + b)


def _modulo(a: "pl.Expr", b: "pl.Expr") -> "pl.Expr":
    whole = _finite(_divided(a, b)).floor()
    return _finite(a - whole * b)


def _stamp(value: "pl.Expr") -> Any:
    import polars as pl

    return value.cast(pl.Datetime("us")).dt


def _number(value: "pl.Expr") -> "pl.Expr":
    import polars as pl

    return value.cast(pl.Float64)


def _swapped(value: "pl.Expr", *, to_lower: bool) -> "pl.Expr":
    upper, lower = [chr(c) for c in ASCII_LOWER], [chr(c) for c in ASCII_LOWER.values()]
    return value.str.replace_many(*((upper, lower) if to_lower else (lower, upper)))


_FLIPPED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_SCALAR: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: _finite(a + b),
    "sub": lambda a, b: _finite(a - b),
    "mul": lambda a, b: _finite(a * b),
    "div": lambda a, b: _finite(_divided(a, b)),
    "mod": _modulo,
    "neg": lambda a: -a,
    "abs": lambda a: a.abs(),
    "ln": lambda a: _when(a > 0, a.log()),
    "exp": lambda a: _finite(a.exp()),
    "sqrt": lambda a: _when(a >= 0, a.sqrt()),
    "floor": lambda a: a.floor(),
    "ceil": lambda a: a.ceil(),
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "not": lambda a: ~a,
    "is_null": lambda a: a.is_null(),
    "lower": lambda a: _swapped(a, to_lower=True),
    "upper": lambda a: _swapped(a, to_lower=False),
    "length": lambda a: _number(a.str.len_chars()),
    "concat": lambda a, b: a + b,
    "contains": lambda a, b: a.str.contains(b, literal=True),
    "starts_with": lambda a, b: a.str.starts_with(b),
    "ends_with": lambda a, b: a.str.ends_with(b),
    "hour": lambda a: _number(a // HOUR_US % 24),
    "minute": lambda a: _number(a // 60_000_000 % 60),
    "weekday": lambda a: _number((a // DAY_US + 3) % 7 + 1),
    "day": lambda a: _number(_stamp(a).day()),
    "month": lambda a: _number(_stamp(a).month()),
    "year": lambda a: _number(_stamp(a).year()),
    "epoch": lambda a: _divided(_number(a), 1e6),
    "seconds_between": lambda a, b: _divided(_number(b - a), 1e6),
}


def _coalesce(node: Node, args: "list[pl.Expr]") -> "pl.Expr":
    import polars as pl

    found = args[-1]
    for arg in reversed(args[:-1]):
        found = pl.when(arg.is_not_null()).then(arg).otherwise(found)
    return found


def _nullif(node: Node, args: "list[pl.Expr]") -> "pl.Expr":
    import polars as pl

    same = (args[0] == args[1]).fill_null(False)
    return pl.when(~same).then(args[0])


def _case(node: Node, args: "list[pl.Expr]") -> "pl.Expr":
    import polars as pl

    chain: Any = pl
    for condition, value in zip(args[:-1:2], args[1::2], strict=True):
        chain = chain.when(condition).then(value)
    result: pl.Expr = chain.otherwise(args[-1])
    return result


def _in(node: Node, args: "list[pl.Expr]") -> "pl.Expr":
    assert isinstance(node.value, tuple)
    return args[0].is_in(list(node.value))


def _like(node: Node, args: "list[pl.Expr]") -> "pl.Expr":
    return args[0].str.contains(rf"\A(?:{like_pattern(str(node.value))})\z")


def _substring(node: Node, args: "list[pl.Expr]") -> "pl.Expr":
    assert isinstance(node.value, tuple)
    return args[0].str.slice(int(node.value[0]) - 1, int(node.value[1]))


def _round(node: Node, args: "list[pl.Expr]") -> "pl.Expr":
    import polars as pl

    size = 10.0 ** int(node.value)  # type: ignore[arg-type]
    rounded = _divided(_finite(args[0].abs() * size + 0.5).floor(), size)
    return pl.when(args[0] < 0).then(-rounded).otherwise(rounded)


def _shift(node: Node, args: "list[pl.Expr]") -> "pl.Expr":
    moved: pl.Expr = args[0] + int(node.value)  # type: ignore[arg-type]
    return moved


_SPECIAL: "dict[str, Callable[[Node, list[pl.Expr]], pl.Expr]]" = {
    "coalesce": _coalesce, "nullif": _nullif, "case": _case, "in": _in, "like": _like,
    "substring": _substring, "shift": _shift, "round": _round,
}  # fmt: skip
