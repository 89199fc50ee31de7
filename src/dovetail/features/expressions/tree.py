"""The tree of an expression, and what kind of value each part of it has.

There are four kinds: number (a double; what is not finite is null), text, boolean and time
(whole microseconds since 1970, UTC). Columns have no declared kind; how a column is used
tells it. A column that is only compared, chosen or tested for null may stay of any kind.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dovetail.features.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["number", "text", "boolean", "time", "any"]


@dataclass(frozen=True)
class Node:
    """One operation of an expression.

    Attributes:
        op: Name of the operation; `column` and `literal` are the leaves.
        args: What it is applied to.
        value: Name of a column, value of a literal, or fixed parameters: the values of
            `in`, the pattern of `like`, start and length of `substring`, digits of `round`.
        kind: Kind of the result.
    """

    op: str
    args: "tuple[Node, ...]" = ()
    value: str | float | bool | tuple[str | float | bool, ...] | None = None
    kind: Kind = "any"

    def walk(self) -> "Iterator[Node]":
        """Walk the tree, the node itself first."""
        yield self
        for arg in self.args:
            yield from arg.walk()


# Operation: the kinds it takes (one for all arguments, or one each) and the kind it gives.
SIGNATURES: dict[str, tuple[tuple[Kind, ...], Kind]] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "mod"), (("number", "number"), "number")),
    **dict.fromkeys(
        ("neg", "abs", "ln", "exp", "sqrt", "round", "floor", "ceil"), (("number",), "number")
    ),
    **dict.fromkeys(("and", "or"), (("boolean", "boolean"), "boolean")),
    "not": (("boolean",), "boolean"),
    **dict.fromkeys(("lower", "upper", "substring"), (("text",), "text")),
    "length": (("text",), "number"),
    "concat": (("text", "text"), "text"),
    **dict.fromkeys(("contains", "starts_with", "ends_with"), (("text", "text"), "boolean")),
    "like": (("text",), "boolean"),
    **dict.fromkeys(
        ("hour", "minute", "weekday", "day", "month", "year", "epoch"), (("time",), "number")
    ),
    "shift": (("time",), "time"),
    "seconds_between": (("time", "time"), "number"),
}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


class Typer:
    """Gives every node of a tree its kind; columns learn theirs from how they are used.

    Args:
        text: The expression, for messages.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._columns: dict[str, Kind] = {}
        self._is_settled = False

    def typed(self, node: Node, wanted: Kind = "any") -> Node:
        """Return the tree with kinds.

        Raises:
            DefinitionError: Two parts do not fit together.
        """
        for self._is_settled in (False, True):
            known = -1
            while known != len(self._columns):
                known = len(self._columns)
                node = self._typed(node, wanted)
        return node

    def _typed(self, node: Node, wanted: Kind) -> Node:
        if node.op == "column":
            return Node("column", (), node.value, self._column(str(node.value), wanted))
        if node.op == "literal":
            return self._agree(node, _literal_kind(node.value), wanted)
        if node.op in SIGNATURES:
            takes, gives = SIGNATURES[node.op]
            args = tuple(self._typed(a, k) for a, k in zip(node.args, takes, strict=True))
            return self._agree(Node(node.op, args, node.value), gives, wanted)
        if node.op in COMPARISONS:
            # Columns that nothing but an order tells of are numbers.
            least: Kind = "number" if self._is_settled and node.op[0] in "lg" else "any"
            args = self._alike(node.args, "any", least)
            return self._agree(Node(node.op, args), "boolean", wanted)
        if node.op == "is_null":
            args = (self._typed(node.args[0], "any"),)
            return self._agree(Node("is_null", args), "boolean", wanted)
        if node.op == "in":
            assert isinstance(node.value, tuple)
            kind = _literal_kind(node.value[0])
            args = (self._typed(node.args[0], kind),)
            return self._agree(Node("in", args, node.value), "boolean", wanted)
        if node.op == "case":
            return self._case(node, wanted)
        args = self._alike(node.args, wanted)
        return self._agree(Node(node.op, args), args[0].kind, wanted)

    def _case(self, node: Node, wanted: Kind) -> Node:
        """Type a CASE: pairs of condition and value, and the value of ELSE last."""
        conditions = [self._typed(a, "boolean") for a in node.args[:-1:2]]
        values = self._alike((*node.args[1::2], node.args[-1]), wanted)
        pairs = [x for pair in zip(conditions, values[:-1], strict=True) for x in pair]
        kind: Kind = next((v.kind for v in values if v.kind != "any"), "any")
        return self._agree(Node("case", (*pairs, values[-1])), kind, wanted)

    def _alike(
        self, nodes: tuple[Node, ...], wanted: Kind, otherwise: Kind = "any"
    ) -> tuple[Node, ...]:
        """Type nodes that must be of one kind."""
        first = [self._typed(n, wanted) for n in nodes]
        kind = next((n.kind for n in first if n.kind != "any"), otherwise)
        return tuple(self._typed(n, kind) for n in first)

    def _column(self, name: str, wanted: Kind) -> Kind:
        held = self._columns.get(name, "any")
        if held == "any" and wanted != "any":
            self._columns[name] = held = wanted
        elif wanted not in ("any", held):
            raise DefinitionError(
                f"The expression {self._text!r} uses {name!r} as {held} and as {wanted}"
            )
        return held

    def _agree(self, node: Node, kind: Kind, wanted: Kind) -> Node:
        if kind != "any" and wanted not in ("any", kind):
            raise DefinitionError(
                f"The expression {self._text!r} has a {kind} where a {wanted} is needed",
                why=f"{node.op if node.op != 'literal' else repr(node.value)} is a {kind}",
            )
        return Node(node.op, node.args, node.value, wanted if kind == "any" else kind)


def _literal_kind(value: object) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "any" if value is None else "number"
