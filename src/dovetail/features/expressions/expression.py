"""One expression, read once and compiled for whoever evaluates it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from dovetail.features.expressions import columns, rows, sql
from dovetail.features.expressions.reading import read
from dovetail.features.expressions.tree import Kind, Node, Typer

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Expression:
    """A row-level expression.

    Attributes:
        text: The SQL that it was written as.
        tree: What it says, with kinds.

    Examples:
        >>> late = expression("dep_delay > 15 and carrier in ('UA', 'AA')")
        >>> late.columns, late.kind
        (('dep_delay', 'carrier'), 'boolean')
        >>> late.of({"dep_delay": 20, "carrier": "UA"}), late.of({"carrier": "UA"})
        (True, None)
    """

    text: str
    tree: Node

    @property
    def kind(self) -> Kind:
        """Kind of the result."""
        return self.tree.kind

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads, in order."""
        return tuple(dict.fromkeys(str(n.value) for n in self.tree.walk() if n.op == "column"))

    @cached_property
    def of(self) -> Callable[[Mapping[str, Any]], Any]:
        """The function of one row of JSON values; null is None."""
        return rows.function(self.tree)

    def over(self, schema: "pl.Schema") -> "pl.Expr":
        """Return the polars expression over columns of these types.

        Raises:
            RowsError: A column is of another kind than the expression needs.
        """
        return columns.compiled(self.tree, schema)

    def sql(self, dialect: str, column: Callable[[str], str] | None = None) -> str:
        """Return the expression in the SQL of a database.

        Args:
            dialect: `duckdb`, `postgres`, `snowflake`, `bigquery` or `spark`.
            column: Turns the name of a column into SQL; a quoted name by default.
        """
        return sql.written(self.tree, sql.dialect_of(dialect), column)

    def inlined(self, derived: "Mapping[str, Expression]") -> "Expression":
        """Return the expression with other ones in place of the columns that they define."""
        if not any(c in derived for c in self.columns):
            return self
        return Expression(self.text, Typer(self.text).typed(_inlined(self.tree, derived)))


def _inlined(node: Node, derived: Mapping[str, Expression]) -> Node:
    if node.op == "column":
        other = derived.get(str(node.value))
        return node if other is None else other.tree
    return Node(node.op, tuple(_inlined(a, derived) for a in node.args), node.value, node.kind)


@lru_cache(maxsize=4096)
def expression(text: str, kind: Kind = "any") -> Expression:
    """Read an expression.

    Args:
        text: The SQL.
        kind: What it must give; `boolean` for a condition.

    Raises:
        DefinitionError: It cannot be read, or gives something else.
    """
    return Expression(text, _computed(Typer(text).typed(read(text), kind)))


def _computed(node: Node) -> Node:
    """Put literals in place of what is made of literals only."""
    args = tuple(_computed(a) for a in node.args)
    node = Node(node.op, args, node.value, node.kind)
    if args and all(a.op == "literal" for a in args):
        return Node("literal", (), rows.function(node)({}), node.kind)
    return node
