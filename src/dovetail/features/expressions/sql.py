"""Expressions as SQL of a database.

Numbers become doubles, times whole microseconds since 1970, so that one tree means the same
whatever a database thinks of integer division, time zones, rounding or collations. What is not
finite is null by NULLIF. PostgreSQL raises an error where a double overflows; the others do not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dovetail.features.errors import DefinitionError
from dovetail.features.expressions.tree import Node

Column = Callable[[str], str]
UPPER, LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Dialect:
    """What differs between databases.

    Attributes:
        name: sqlglot's name of the dialect.
        double: Type of doubles.
        bigint: Type of whole numbers of 64 bits.
        huge: Type of whole numbers of at least 100 bits.
        text: Type of text.
        quote: Quotes a name.
        epoch: Turns a time into microseconds.
        stamp: Turns microseconds into a time, to take its calendar parts.
        is_backslash_special: Whether text literals know backslash escapes.
        templates: Operations that are written otherwise than in `TEMPLATES`.
    """

    name: str
    double: str
    bigint: str
    huge: str
    text: str
    quote: str
    epoch: str
    stamp: str
    is_backslash_special: bool = False
    templates: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, column: str) -> str:
        """Quote a name."""
        if self.quote in column or (self.is_backslash_special and "\\" in column):
            raise DefinitionError(f"The column {column!r} has a name that SQL cannot quote")
        return f"{self.quote}{column}{self.quote}"

    def literal(self, value: str | float | bool | None) -> str:
        """Write a literal."""
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, str):
            escaped = value.replace("\\", "\\\\") if self.is_backslash_special else value
            quote = "\\'" if self.is_backslash_special else "''"
            return "'" + escaped.replace("'", quote) + "'"
        return f"CAST({value!r} AS {self.double})"

    def finite(self, value: str) -> str:
        """Write a double that is null where it is not finite."""
        if self.name == "duckdb":  # whose NULLIF writes its first argument twice
            return f"(CASE WHEN ISFINITE({value}) THEN {value} END)"
        for odd in ("inf", "-inf", "nan"):
            value = f"NULLIF({value}, CAST('{odd}' AS {self.double}))"
        return value

    def template(self, op: str) -> str:
        """Return how an operation is written."""
        return self.templates.get(op) or TEMPLATES[op]


_HOUR = 3_600_000_000


def _part(value: str, whole: int, part: int) -> str:
    """Write how many parts of the whole have passed, also before 1970."""
    positive = f"MOD(MOD({value}, {whole}) + {whole}, {whole})"
    return f"CAST(FLOOR({positive} / {part}.0) AS {{double}})"


TEMPLATES = {
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "div": "({0} / NULLIF({1}, 0))",
    "mod": "({0} - FLOOR({0} / NULLIF({1}, 0)) * {1})",
    "neg": "(- {0})",
    "abs": "ABS({0})",
    "ln": "LN(CASE WHEN {0} > 0 THEN {0} END)",
    "exp": "EXP(CASE WHEN {0} < 709.782712893384 THEN {0} END)",
    "sqrt": "SQRT(CASE WHEN {0} >= 0 THEN {0} END)",
    "floor": "FLOOR({0})",
    "ceil": "CEIL({0})",
    "eq": "({0} = {1})",
    "ne": "({0} <> {1})",
    "lt": "({0} < {1})",
    "le": "({0} <= {1})",
    "gt": "({0} > {1})",
    "ge": "({0} >= {1})",
    "and": "({0} AND {1})",
    "or": "({0} OR {1})",
    "not": "(NOT {0})",
    "is_null": "({0} IS NULL)",
    "lower": f"TRANSLATE({{0}}, '{UPPER}', '{LOWER}')",
    "upper": f"TRANSLATE({{0}}, '{LOWER}', '{UPPER}')",
    "length": "CAST(LENGTH({0}) AS {double})",
    "concat": "({0} || {1})",
    "contains": "(STRPOS({0}, {1}) > 0)",
    "starts_with": "STARTS_WITH({0}, {1})",
    "ends_with": "(RIGHT({0}, LENGTH({1})) = {1})",
    "hour": _part("{0}", 24 * _HOUR, _HOUR),
    "minute": _part("{0}", _HOUR, _HOUR // 60),
    "weekday": f"({_part(f'({{0}} + {72 * _HOUR})', 168 * _HOUR, 24 * _HOUR)} + 1)",
    "day": "CAST(EXTRACT(DAY FROM {stamp}) AS {double})",
    "month": "CAST(EXTRACT(MONTH FROM {stamp}) AS {double})",
    "year": "CAST(EXTRACT(YEAR FROM {stamp}) AS {double})",
    "epoch": "(CAST({0} AS {double}) / 1000000)",
    "seconds_between": "(CAST({1} - {0} AS {double}) / 1000000)",
}
_OVERFLOWING = ("add", "sub", "mul", "div", "mod", "exp", "round")

DIALECTS: dict[str, Dialect] = {}


def dialect_of(name: str) -> Dialect:
    """Return a dialect by name, or raise DefinitionError."""
    if (found := DIALECTS.get(name)) is None:
        raise DefinitionError(
            f"There is no dialect {name!r}", fix=f"There are {', '.join(DIALECTS)}"
        )
    return found


def written(node: Node, dialect: Dialect, column: Column | None = None) -> str:
    """Write a tree with kinds as SQL of a dialect."""
    if node.op == "column":
        return _column(node, dialect, (column or dialect.name_of)(str(node.value)))
    if node.op == "literal":
        return dialect.literal(node.value)  # type: ignore[arg-type]
    args = [written(a, dialect, column) for a in node.args]
    if node.op in _SPECIAL:
        text = _SPECIAL[node.op](node, args, dialect)
    else:
        stamp = dialect.stamp.format(args[0])
        text = dialect.template(node.op).format(*args, double=dialect.double, stamp=stamp)
    if node.op in _OVERFLOWING and dialect.name != "postgres":
        return dialect.finite(text)
    return text


def _column(node: Node, dialect: Dialect, name: str) -> str:
    if node.kind == "number":
        return dialect.finite(f"CAST({name} AS {dialect.double})")
    if node.kind == "time":
        return dialect.epoch.format(name)
    if node.kind == "text" and dialect.name == "postgres":
        return f'(CAST({name} AS TEXT) COLLATE "C")'
    return name


def _coalesce(node: Node, args: list[str], dialect: Dialect) -> str:
    return f"COALESCE({', '.join(args)})"


def _nullif(node: Node, args: list[str], dialect: Dialect) -> str:
    return f"NULLIF({args[0]}, {args[1]})"


def _case(node: Node, args: list[str], dialect: Dialect) -> str:
    pairs = zip(args[:-1:2], args[1::2], strict=True)
    whens = " ".join(f"WHEN {condition} THEN {value}" for condition, value in pairs)
    return f"(CASE {whens} ELSE {args[-1]} END)"


def _in(node: Node, args: list[str], dialect: Dialect) -> str:
    assert isinstance(node.value, tuple)
    return f"({args[0]} IN ({', '.join(dialect.literal(v) for v in node.value)}))"


def _like(node: Node, args: list[str], dialect: Dialect) -> str:
    return f"({args[0]} LIKE {dialect.literal(str(node.value))})"


def _substring(node: Node, args: list[str], dialect: Dialect) -> str:
    assert isinstance(node.value, tuple)
    start, count = (int(v) for v in node.value)
    return f"SUBSTRING({args[0]}, {start}, {count})"


def _shift(node: Node, args: list[str], dialect: Dialect) -> str:
    return f"({args[0]} + {int(node.value)})"  # type: ignore[arg-type]


def _round(node: Node, args: list[str], dialect: Dialect) -> str:
    size = dialect.literal(10.0 ** int(node.value))  # type: ignore[arg-type]
    half = f"CAST(0.5 AS {dialect.double})"
    return f"(SIGN({args[0]}) * FLOOR(ABS({args[0]}) * {size} + {half}) / {size})"


_SPECIAL: dict[str, Callable[[Node, list[str], Dialect], str]] = {
    "coalesce": _coalesce, "nullif": _nullif, "case": _case, "in": _in, "like": _like,
    "substring": _substring, "shift": _shift, "round": _round,
}  # fmt: skip

for _dialect in (
    Dialect(
        "duckdb", "DOUBLE", "BIGINT", "HUGEINT", "VARCHAR", '"',
        "epoch_us({0})", "make_timestamp({0})",
    ),
    Dialect(
        "postgres", "DOUBLE PRECISION", "BIGINT", "NUMERIC", "TEXT", '"',
        "CAST(EXTRACT(EPOCH FROM {0}) * 1000000 AS BIGINT)",
        "(TO_TIMESTAMP({0} / 1000000.0) AT TIME ZONE 'UTC')",
    ),
    Dialect(
        "snowflake", "DOUBLE", "NUMBER(38, 0)", "NUMBER(38, 0)", "VARCHAR", '"',
        "DATE_PART(EPOCH_MICROSECOND, {0})", "TO_TIMESTAMP_NTZ({0}, 6)",
        is_backslash_special=True,
        templates={
            "contains": "CONTAINS({0}, {1})", "starts_with": "STARTSWITH({0}, {1})",
        },
    ),
    Dialect(
        "bigquery", "FLOAT64", "INT64", "BIGNUMERIC", "STRING", "`",
        "UNIX_MICROS(CAST({0} AS TIMESTAMP))", "TIMESTAMP_MICROS({0})",
        is_backslash_special=True,
    ),
    Dialect(
        "spark", "DOUBLE", "BIGINT", "DECIMAL(38, 0)", "STRING", "`",
        "UNIX_MICROS(CAST({0} AS TIMESTAMP))", "TIMESTAMP_MICROS({0})",
        is_backslash_special=True,
        templates={
            "contains": "CONTAINS({0}, {1})", "starts_with": "STARTSWITH({0}, {1})",
        },
    ),
):  # fmt: skip
    DIALECTS[_dialect.name] = _dialect
