"""Reading the text of an expression with sqlglot; only what is listed here is let through."""

from collections.abc import Callable, Sequence
from typing import Any

from dovetail.base.extras import require
from dovetail.features.errors import DefinitionError
from dovetail.features.expressions.tree import Node

LONGEST = 4_000
_BINARY = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Mod": "mod",
    "EQ": "eq", "NEQ": "ne", "LT": "lt", "LTE": "le", "GT": "gt", "GTE": "ge",
    "And": "and", "Or": "or", "DPipe": "concat", "Nullif": "nullif",
    "Contains": "contains", "StartsWith": "starts_with", "EndsWith": "ends_with",
}  # fmt: skip
_UNARY = {
    "Neg": "neg", "Not": "not", "Abs": "abs", "Ln": "ln", "Exp": "exp", "Sqrt": "sqrt",
    "Floor": "floor", "Ceil": "ceil", "Lower": "lower", "Upper": "upper", "Length": "length",
    "Hour": "hour", "Minute": "minute", "Day": "day", "DayOfMonth": "day", "Month": "month",
    "Year": "year", "DayOfWeek": "weekday", "DayOfWeekIso": "weekday",
}  # fmt: skip
_NAMED = {"log1p": 1, "epoch": 1, "weekday": 1, "seconds_between": 2, "ends_with": 2}
_PARTS = {
    "HOUR": "hour", "MINUTE": "minute", "DAY": "day", "MONTH": "month", "YEAR": "year",
    "ISODOW": "weekday", "EPOCH": "epoch",
}  # fmt: skip
FUNCTIONS = (
    "abs, ceil, coalesce, contains, day, ends_with, epoch, exp, floor, greatest, hour, if, least, "
    "length, ln, log1p, lower, minute, mod, month, nullif, round, seconds_between, sqrt, "
    "starts_with, substring, upper, weekday, year"
)
_UNITS_US = {
    "MICROSECOND": 1, "MILLISECOND": 1_000, "SECOND": 1_000_000, "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000, "DAY": 86_400_000_000, "WEEK": 604_800_000_000,
}  # fmt: skip


def read(text: str) -> Node:
    """Parse an expression.

    Args:
        text: SQL, for example `"dep_delay > 15 and carrier in ('UA', 'AA')"`.

    Returns:
        Its tree, without kinds.

    Raises:
        DefinitionError: It is no SQL, or uses what is not allowed.
    """
    sqlglot = require("sqlglot", extra="features", feature="reading expressions")
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise DefinitionError(
            f"{str(text)[:80]!r} is not an expression", fix="Write SQL: dep_delay > 15"
        )
    try:
        found = sqlglot.parse_one(text)
    except sqlglot.errors.SqlglotError as error:
        said = error.errors[0] if getattr(error, "errors", None) else {}
        raise DefinitionError(
            f"The expression {text!r} cannot be read",
            why=said.get("description") or str(error).splitlines()[0],
        ) from error
    except RecursionError as error:
        raise DefinitionError(f"The expression {text[:80]!r}... is nested too deeply") from error
    return _Reader(text).node(found)


class _Reader:
    """Turns sqlglot's tree into ours."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._special: dict[str, Callable[[Any], Node]] = {
            "Paren": lambda e: self.node(e.this),
            "Column": self._column,
            "Literal": self._literal,
            "Boolean": lambda e: Node("literal", (), bool(e.this)),
            "Null": lambda _: Node("literal", (), None),
            "Is": self._is,
            "In": self._in,
            "Between": self._between,
            "Case": self._case,
            "If": lambda e: Node("case", self._branch(e)),
            "Coalesce": lambda e: Node("coalesce", self._nodes([e.this, *e.expressions])),
            "Like": self._like,
            "Greatest": lambda e: self._extreme(e, "ge", "lt"),
            "Least": lambda e: self._extreme(e, "le", "gt"),
            "Round": self._round,
            "Substring": self._substring,
            "Extract": self._extract,
            "Anonymous": self._anonymous,
        }

    def node(self, e: Any) -> Node:
        """Turn one expression of sqlglot's into a node."""
        name = type(e).__name__
        if name in self._special:
            return self._special[name](e)
        if name in ("Add", "Sub") and type(e.expression).__name__ == "Interval":
            return self._shift(e)
        if name in _BINARY:
            return Node(_BINARY[name], self._nodes([e.this, e.expression]))
        if name in _UNARY:
            return Node(_UNARY[name], (self.node(e.this),))
        raise self._refused(e.sql())

    def _nodes(self, found: Sequence[Any]) -> tuple[Node, ...]:
        if any(e is None for e in found):
            raise self._refused("a function with too few arguments")
        return tuple(self.node(e) for e in found)

    def _refused(self, what: str) -> DefinitionError:
        return DefinitionError(
            f"The expression {self._text!r} uses {what[:80]}, which is not allowed",
            fix=f"There are + - * / %, comparisons, and, or, not, in, between, like, is null, "
            f"case, || and the functions {FUNCTIONS}",
        )

    def _column(self, e: Any) -> Node:
        if len(e.parts) != 1 or e.is_star:
            raise self._refused(e.sql())
        return Node("column", (), str(e.name))

    def _literal(self, e: Any) -> Node:
        if e.is_string:
            return Node("literal", (), str(e.this))
        value = float(e.this)
        if value in (float("inf"), float("-inf")):
            raise self._refused(e.sql())
        return Node("literal", (), value)

    def _is(self, e: Any) -> Node:
        of, what = self.node(e.this), self.node(e.expression)
        if what.op != "literal" or isinstance(what.value, str | float):
            raise self._refused(e.sql())
        if what.value is None:
            return Node("is_null", (of,))
        same = of if what.value else Node("not", (of,))
        return Node("coalesce", (same, Node("literal", (), False)))

    def _in(self, e: Any) -> Node:
        options = [self.node(x) for x in e.expressions]
        values = tuple(o.value for o in options)
        kinds = {type(v) for v in values}
        if (
            not values
            or any(o.op != "literal" for o in options)
            or len(kinds) > 1
            or None in values
        ):
            raise self._refused(f"{e.sql()} (list literals of one kind, no null)")
        return Node("in", (self.node(e.this),), values)  # type: ignore[arg-type]

    def _between(self, e: Any) -> Node:
        of, low, high = self._nodes([e.this, e.args["low"], e.args["high"]])
        return Node("and", (Node("ge", (of, low)), Node("le", (of, high))))

    def _case(self, e: Any) -> Node:
        parts: list[Node] = []
        for branch in e.args["ifs"]:
            condition, value = self._nodes([branch.this, branch.args["true"]])
            if e.this is not None:
                condition = Node("eq", (self.node(e.this), condition))
            parts += [condition, value]
        default = e.args.get("default")
        return Node("case", (*parts, self.node(default) if default else Node("literal")))

    def _branch(self, e: Any) -> tuple[Node, ...]:
        otherwise = e.args.get("false")
        pair = self._nodes([e.this, e.args["true"]])
        return (*pair, self.node(otherwise) if otherwise else Node("literal"))

    def _extreme(self, e: Any, stands: str, falls: str) -> Node:
        """Read greatest and least, which are null where one of the values is."""
        first, *others = self._nodes([e.this, *e.expressions])
        for other in others:
            pair = (Node(stands, (first, other)), first, Node(falls, (first, other)), other)
            first = Node("case", (*pair, Node("literal")))
        return first

    def _shift(self, e: Any) -> Node:
        """Read a time plus or minus an interval."""
        unit = str(e.expression.args.get("unit") or "").upper().removesuffix("S")
        amount = self.node(e.expression.this).value
        try:
            size = round(float(amount) * _UNITS_US[unit])  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError, OverflowError):
            raise self._refused(e.expression.sql()) from None
        sign = 1 if type(e).__name__ == "Add" else -1
        return Node("shift", (self.node(e.this),), float(sign * size))

    def _like(self, e: Any) -> Node:
        pattern = self._constant(e.expression, str)
        if "\\" in pattern:
            raise self._refused("a backslash in a pattern")
        return Node("like", (self.node(e.this),), pattern)

    def _round(self, e: Any) -> Node:
        digits = e.args.get("decimals")
        count = self._constant(digits, float) if digits is not None else 0.0
        if count != int(count) or not 0 <= count <= 12:
            raise self._refused(f"round to {count:g} digits")
        return Node("round", (self.node(e.this),), count)

    def _substring(self, e: Any) -> Node:
        start = self._constant(e.args.get("start"), float)
        length = e.args.get("length")
        count = self._constant(length, float) if length is not None else 1_000_000.0
        if start < 1 or count < 0 or start != int(start) or count != int(count):
            raise self._refused(f"{e.sql()} (the first character is 1)")
        return Node("substring", (self.node(e.this),), (start, count))

    def _extract(self, e: Any) -> Node:
        part = str(e.this.name).upper()
        if part not in _PARTS:
            raise self._refused(f"extract({part})")
        return Node(_PARTS[part], (self.node(e.expression),))

    def _anonymous(self, e: Any) -> Node:
        name = str(e.this).lower()
        if _NAMED.get(name) != len(e.expressions):
            raise self._refused(e.sql())
        args = self._nodes(e.expressions)
        if name == "log1p":
            return Node("ln", (Node("add", (Node("literal", (), 1.0), *args)),))
        return Node(name, args)

    def _constant(self, e: Any, kind: type[Any]) -> Any:
        node = self.node(e) if e is not None else Node("literal")
        if node.op != "literal" or not isinstance(node.value, kind):
            raise self._refused(
                f"{e.sql() if e is not None else 'nothing'} where a literal is needed"
            )
        return node.value
